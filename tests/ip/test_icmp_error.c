/* SPDX-License-Identifier: MIT */
/* ICMP errors that arrive: whom they are about, what they say, and which are not believed. */
#include <errno.h>

#include "ip/host.h"

#define LOCAL_PORT  40000
#define REMOTE_PORT 8000
#define SEQ         0x89abcdefu

static const uint8_t data[400];

/* The first bytes of a segment of ours of 576 bytes in all, as a router quotes it. */
static size_t quote_make(uint8_t *out, uint32_t source, uint32_t destination, uint8_t protocol)
{
	uint8_t segment[556] = { LOCAL_PORT >> 8, LOCAL_PORT & 255, REMOTE_PORT >> 8, REMOTE_PORT & 255 };

	store_be32(segment + 4, SEQ);
	return packet_make(out, source, destination, protocol, segment, sizeof(segment), NULL);
}

static enum ip_input error_input(struct host *host, uint8_t type, uint8_t code, uint32_t rest, size_t quoted)
{
	uint8_t quote[600];

	quote_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP);
	return message_input(host, ROUTER, OURS, type, code, rest, quote, quoted);
}

/* 6633-§3-R2, 5927-§6.2-R1, 6918-§3-R1, 1122-§3.2.2-R1, MUST-55 */
static void test_6633_3_R2_MUST_55_V78_6918_3_R1_ignored_types(void **state)
{
	uint8_t quote[600];
	struct host host;

	(void)state;
	host_make_tun(&host);
	quote_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP);
	for (unsigned type = 0; type < 256; type++) {
		if (type == 3 || type == 8 || type == 11 || type == 12)
			continue;
		assert_int_equal(message_input(&host, ROUTER, OURS, (uint8_t)type, 0, 0, quote, 28), IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_ICMP_ECHO_REPLY_IGNORED), type == 0);
		assert_int_equal(host_taken(&host, RULE_ICMP_SOURCE_QUENCH_IGNORED), type == 4);
		assert_int_equal(host_taken(&host, RULE_ICMP_REDIRECT_IGNORED), type == 5);
		assert_int_equal(host_taken(&host, RULE_ICMP_TYPE_UNKNOWN), type != 0 && type != 4 && type != 5);
	}
	assert_false(host_output(&host));
	host_free(&host);
}

/* 1122-§3.2.2-R2 */
static void test_MUST_54_1122_3_2_2_R2_error_names_the_connection(void **state)
{
	struct host host;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(error_input(&host, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PORT, 0, 28), IP_ERROR);
	assert_int_equal(address_v4_value(&host.error.local), OURS);
	assert_int_equal(address_v4_value(&host.error.remote), AFAR);
	assert_int_equal(address_v4_value(&host.error.reporter), ROUTER);
	assert_int_equal(host.error.local_port, LOCAL_PORT);
	assert_int_equal(host.error.remote_port, REMOTE_PORT);
	assert_int_equal(host.error.seq.value, SEQ);
	assert_int_equal(host.error.error, ECONNREFUSED);
	assert_true(host.error.hard);
	assert_int_equal(host.error.mtu, 0);
	host_free(&host);
}

/* 1122-§3.2.2.1-R2 */
static void test_MUST_56_SHLD_26_1122_3_2_2_1_R2_every_code(void **state)
{
	static const int errors[] = { ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, EMSGSIZE, EOPNOTSUPP,
				      ENETUNREACH, EHOSTDOWN, ENONET, ENETUNREACH, EHOSTUNREACH, ENETUNREACH,
				      EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH };
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned code = 0; code < 256; code++) {
		assert_int_equal(error_input(&host, ICMP_UNREACHABLE, (uint8_t)code, 0, 28),
				 code < 16 ? IP_ERROR : IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_ICMP_CODE_UNKNOWN), code >= 16);
		if (code >= 16)
			continue;
		assert_int_equal(host.error.error, errors[code]);
		assert_int_equal(host.error.hard, code == 2 || code == 3);
		assert_int_equal(host.error.mtu != 0, code == 4);
	}
	host_free(&host);
}

/* 1122-§3.2.2.4-R1, 1122-§3.2.2.5-R1 */
static void test_1122_3_2_2_4_R1_and_3_2_2_5_R1_time_exceeded_and_parameter_problem(void **state)
{
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned code = 0; code < 4; code++) {
		assert_int_equal(error_input(&host, ICMP_TIME_EXCEEDED, (uint8_t)code, 0, 28),
				 code < 2 ? IP_ERROR : IP_CONSUMED);
		if (code < 2)
			assert_int_equal(host.error.error, EHOSTUNREACH);
		assert_int_equal(error_input(&host, ICMP_PARAMETER_PROBLEM, (uint8_t)code, 20u << 24, 28),
				 code < 3 ? IP_ERROR : IP_CONSUMED);
		if (code < 3)
			assert_int_equal(host.error.error, EPROTO);
		assert_false(host.error.hard);
	}
	host_free(&host);
}

static enum ip_input too_big(struct host *host, uint16_t mtu, uint16_t quoted_total)
{
	uint8_t quote[600];

	quote_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP);
	store_be16(quote + 2, quoted_total);
	return message_input(host, ROUTER, OURS, ICMP_UNREACHABLE, ICMP_UNREACHABLE_FRAGMENTATION, mtu, quote, 28);
}

/* The floor of 68; that TCP never enlarges is TCP's.  1191-§3-R2. */
static void test_1191_3_R1_R2_V77_mtu_told(void **state)
{
	struct host host;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(too_big(&host, 1300, 1500), IP_ERROR);
	assert_int_equal(host.error.error, EMSGSIZE);
	assert_int_equal(host.error.mtu, 1300);
	assert_false(host.error.hard);
	assert_int_equal(too_big(&host, 40, 1500), IP_ERROR);
	assert_int_equal(host.error.mtu, 68);
	for (unsigned mtu = 1500; mtu < 65536; mtu += 997) {
		assert_int_equal(too_big(&host, (uint16_t)mtu, 1500), IP_CONSUMED);
		assert_rule(&host, ICMP_MTU_NO_LESS);
	}
	assert_int_equal(too_big(&host, 0, 68), IP_CONSUMED);
	assert_rule(&host, ICMP_MTU_NO_LESS);
	host_free(&host);
}

/* 1191-§3-R3 */
static void test_1191_3_R3_mtu_not_told_next_plateau(void **state)
{
	static const uint16_t sizes[][2] = { { 1500, 1492 }, { 1492, 1006 }, { 1006, 508 }, { 508, 296 }, { 296, 68 },
					     { 9000, 8166 }, { 65535, 32000 }, { 2002, 1492 }, { 69, 68 } };
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(too_big(&host, 0, sizes[i][0]), IP_ERROR);
		assert_int_equal(host.error.mtu, sizes[i][1]);
	}
	host_free(&host);
}

/* Every truncation of the quote, and of one with options. */
static void test_V80_792_R1_quote_cut_anywhere(void **state)
{
	static const uint8_t options[40] = { 1 };
	struct ipv4 fields = { .ttl = 1, .options = options, .options_bytes = 40 };
	uint8_t quote[600];
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (size_t n = 0; n < 60; n++) {
		assert_int_equal(error_input(&host, ICMP_UNREACHABLE, 1, 0, n), n < 28 ? IP_CONSUMED : IP_ERROR);
		assert_int_equal(host_taken(&host, RULE_ICMP_QUOTE_BAD), n < 28);
	}
	packet_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP, data, 100, &fields);
	for (size_t n = 0; n < 100; n++)
		assert_int_equal(message_input(&host, ROUTER, OURS, 3, 1, 0, quote, n),
				 n < 68 ? IP_CONSUMED : IP_ERROR);
	host_free(&host);
}

static void test_V80_quoted_header_lies(void **state)
{
	uint8_t quote[600];
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned first = 0; first < 256; first++) {
		quote_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP);
		quote[0] = (uint8_t)first;
		message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 48);
		assert_int_equal(host_taken(&host, RULE_ICMP_QUOTE_BAD), !(first >= 0x45 && first <= 0x4a));
	}
	for (unsigned total = 0; total < 80; total++) {
		quote_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP);
		store_be16(quote + 2, (uint16_t)total);
		message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28);
		assert_int_equal(host_taken(&host, RULE_ICMP_QUOTE_BAD), total < 40);
	}
	quote_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP);
	store_be16(quote + 6, 1);       /* not the first fragment: no ports */
	assert_int_equal(message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28), IP_CONSUMED);
	assert_rule(&host, ICMP_QUOTE_BAD);
	host_free(&host);
}

static void test_5927_quote_of_somebody_elses_packet(void **state)
{
	struct eleven_interface interface = tun_interface();
	uint8_t quote[600];
	struct host host;

	(void)state;
	host_make_tun(&host);
	interface.address = public_v4(0x0a000105);
	assert_int_equal(ip_interface_add(host.ip, &interface), 1);
	quote_make(quote, PEER, AFAR, IPV4_PROTOCOL_TCP);
	assert_int_equal(message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28), IP_CONSUMED);
	quote_make(quote, 0x0a000105, AFAR, IPV4_PROTOCOL_TCP);
	assert_int_equal(message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28), IP_CONSUMED);
	quote_make(quote, OURS, 0x0a000105, IPV4_PROTOCOL_TCP);
	assert_int_equal(message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28), IP_CONSUMED);
	quote_make(quote, OURS, 0x7f000001, IPV4_PROTOCOL_TCP);
	assert_int_equal(message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28), IP_CONSUMED);
	assert_int_equal(host_taken(&host, RULE_ICMP_QUOTE_NOT_OURS), 4);
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		quote_make(quote, OURS, AFAR, (uint8_t)protocol);
		message_input(&host, ROUTER, OURS, 3, 1, 0, quote, 28);
		assert_int_equal(host_taken(&host, RULE_ICMP_QUOTE_NOT_TCP), protocol != 6);
	}
	host_free(&host);
}

/* RFC 4884: a length of 128 bytes ends the quote, whatever extension follows.  4884-§--R1. */
static void test_4884_R1_extension_is_no_quote(void **state)
{
	static const uint8_t options[40] = { 1 };
	struct ipv4 fields = { .ttl = 1, .options = options, .options_bytes = 40 };
	uint8_t quote[600];
	struct host host;

	(void)state;
	host_make_tun(&host);
	packet_make(quote, OURS, AFAR, IPV4_PROTOCOL_TCP, data, 400, &fields);
	assert_int_equal(message_input(&host, ROUTER, OURS, 11, 0, 32u << 16, quote, 200), IP_ERROR);
	assert_int_equal(message_input(&host, ROUTER, OURS, 11, 0, 1u << 16, quote, 200), IP_ERROR);
	assert_int_equal(message_input(&host, ROUTER, OURS, 11, 0, 255u << 16, quote, 200), IP_ERROR);
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_6633_3_R2_MUST_55_V78_6918_3_R1_ignored_types),
		cmocka_unit_test(test_MUST_54_1122_3_2_2_R2_error_names_the_connection),
		cmocka_unit_test(test_MUST_56_SHLD_26_1122_3_2_2_1_R2_every_code),
		cmocka_unit_test(test_1122_3_2_2_4_R1_and_3_2_2_5_R1_time_exceeded_and_parameter_problem),
		cmocka_unit_test(test_1191_3_R1_R2_V77_mtu_told),
		cmocka_unit_test(test_1191_3_R3_mtu_not_told_next_plateau),
		cmocka_unit_test(test_V80_792_R1_quote_cut_anywhere),
		cmocka_unit_test(test_V80_quoted_header_lies),
		cmocka_unit_test(test_5927_quote_of_somebody_elses_packet),
		cmocka_unit_test(test_4884_R1_extension_is_no_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
