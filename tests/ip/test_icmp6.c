/* SPDX-License-Identifier: MIT */
/* ICMPv6, RFC 4443: echoes, errors sent and to whom, errors received and what is believed of them. */
#include "ip/host6.h"

static uint8_t data[1400];

static void make(struct host *host)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3 + 1);
	host6_make(host, false, false);
	host6_forget(host);
}

/* 4443-§4.2-R1, 4443-§2.2-R1: the same data, from the address that was asked. */
static void test_4443_4_2_R1_echo(void **state)
{
	static const size_t sizes[] = { 0, 1, 55, 56, 57, 500, 1232 };
	static const char *const ours[] = { OURS6, "fd00::11", "fd00:1::1" };
	struct address second = a6(ours[1]), third = a6(ours[2]);
	struct host host;

	(void)state;
	make(&host);
	assert_int_equal(ip_address_add(host.ip, 0, &second, 64, host.now), 0);
	assert_int_equal(ip_address_add(host.ip, 0, &third, 64, host.now), 0);
	for (unsigned a = 0; a < 3; a++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint8_t echo[1400] = { ICMP6_ECHO, 0, 0, 0, 0x12, 0x34, 0, 5 };
			struct icmp6 message;
			struct ipv6 packet;

			memcpy(echo + 8, data, sizes[i]);
			icmp6_in(&host, PEER6, ours[a], 7, echo, 8 + sizes[i]);
			assert_rule(&host, ICMP6_ECHO_ANSWERED);
			assert_true(out6(&host, &packet, &message));
			assert_address(packet.source, ours[a]);
			assert_address(packet.destination, PEER6);
			assert_int_equal(packet.hop_limit, 64);
			assert_int_equal(message.type, ICMP6_ECHO_REPLY);
			assert_int_equal(message.rest, 0x12340005);
			assert_int_equal(message.length, 8 + sizes[i]);
			assert_memory_equal(message.bytes + 8, data, sizes[i]);
		}
	host_free(&host);
}

/* 4443-§2.3-R1: each bit of the message, and of the addresses, is in the sum. */
static void test_4443_2_3_R1_checksum(void **state)
{
	uint8_t echo[16] = { ICMP6_ECHO }, packet[64];
	struct address from = a6(PEER6), to = a6(OURS6);
	struct host host;
	size_t n;

	(void)state;
	make(&host);
	store_be16(echo + 2, checksum_finish(checksum_add(checksum_pseudo_v6(&from, &to, IPV6_ICMP, 16), echo, 16)));
	n = packet6_make(packet, &(struct packet6){ PEER6, OURS6, IPV6_ICMP, 0, 0, echo, 16 });
	for (size_t bit = 40 * 8; bit < n * 8; bit++) {
		packet[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		host_input(&host, packet, n);
		assert_rule(&host, ICMP6_CHECKSUM_BAD);
		packet[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	packet[23] ^= 4;                /* another source */
	host_input(&host, packet, n);
	assert_rule(&host, ICMP6_CHECKSUM_BAD);
	packet[23] ^= 4;
	host_input(&host, packet, n);
	assert_rule(&host, ICMP6_ECHO_ANSWERED);
	host_free(&host);
}

/* V80: every length of message. */
static void test_V80_truncated(void **state)
{
	uint8_t message[64];
	struct host host;

	(void)state;
	make(&host);
	for (unsigned type = 0; type < 256; type++)
		for (size_t n = 0; n < 64; n += n < 10 ? 1 : 9) {
			memset(message, 0, sizeof(message));
			message[0] = (uint8_t)type;
			if (n >= 4)
				icmp6_in(&host, PEER6, OURS6, 255, message, n);
			else
				packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_ICMP, 0, 0, message, n });
			assert_int_equal(host_taken(&host, RULE_ICMP6_SHORT), n < 8);
		}
	host_free(&host);
}

/* An error about a packet from `local`, as it quotes it: a TCP header behind `fixed` bytes of headers. */
static size_t error_make(uint8_t *out, uint8_t type, uint8_t code, uint32_t rest, const char *local, const char *remote,
			 uint8_t next_header)
{
	static const uint8_t tcp[20] = { 0x12, 0x34, 0, 80, 0, 0, 0, 9 };
	uint8_t quoted[128];
	size_t n = packet6_make(quoted, &(struct packet6){ local, remote, next_header, 0, 0, tcp, 20 });

	out[0] = type;
	out[1] = code;
	store_be32(out + 4, rest);
	memcpy(out + 8, quoted, n);
	return 8 + n;
}

static enum ip_input error_in(struct host *host, uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t message[256];
	size_t n = error_make(message, type, code, rest, OURS6, AFAR6, IPV6_TCP);

	return icmp6_in(host, "2001:db8::9", OURS6, 60, message, n);
}

/* 4443-§3.1-R1, 4443-§2.4-R1: Linux's errnos; an unknown error is passed on, unknown information is not. */
static void test_4443_2_4_R1_meaning_of_errors(void **state)
{
	static const struct {
		uint8_t type, code;
		int error;
		bool hard;
	} rows[] = {
		{ 1, 0, ENETUNREACH, false }, { 1, 1, EACCES, true }, { 1, 2, EHOSTUNREACH, false },
		{ 1, 3, EHOSTUNREACH, false }, { 1, 4, ECONNREFUSED, true }, { 1, 5, EACCES, false },
		{ 1, 6, EACCES, false }, { 3, 0, EHOSTUNREACH, false }, { 3, 1, EHOSTUNREACH, false },
		{ 4, 0, EPROTO, false }, { 4, 1, EPROTO, true }, { 4, 2, EPROTO, false },
		{ 5, 0, EPROTO, false }, { 100, 7, EPROTO, false }, { 127, 0, EPROTO, false },
	};
	struct host host;

	(void)state;
	make(&host);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(error_in(&host, rows[i].type, rows[i].code, 0), IP_ERROR);
		assert_int_equal(host.error.error, rows[i].error);
		assert_int_equal(host.error.hard, rows[i].hard);
		assert_int_equal(host.error.mtu, 0);
		assert_int_equal(host.error.local_port, 0x1234);
		assert_int_equal(host.error.remote_port, 80);
		assert_int_equal(host.error.seq.value, 9);
	}
	assert_int_equal(error_in(&host, 1, 7, 0), IP_CONSUMED);
	assert_rule(&host, ICMP_CODE_UNKNOWN);
	assert_int_equal(error_in(&host, 200, 0, 0), IP_CONSUMED);
	assert_rule(&host, ICMP6_TYPE_IGNORED);
	assert_int_equal(error_in(&host, ICMP6_ECHO_REPLY, 0, 0), IP_CONSUMED);
	assert_rule(&host, ICMP6_TYPE_IGNORED);
	host_free(&host);
}

/* 4443-§3.2-R1, 8201-§4-R1: a size below 1280 is not one. */
static void test_8201_4_R1_packet_too_big(void **state)
{
	static const uint32_t sizes[] = { 0, 68, 600, 1279, 1280, 1281, 1400, 1500, 9000, UINT32_MAX };
	struct host host;

	(void)state;
	make(&host);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool small = sizes[i] < 1280;

		assert_int_equal(error_in(&host, ICMP6_PACKET_TOO_BIG, 0, sizes[i]), small ? IP_CONSUMED : IP_ERROR);
		assert_int_equal(host_taken(&host, RULE_ICMP6_MTU_SMALL), small);
		if (!small) {
			assert_int_equal(host.error.error, EMSGSIZE);
			assert_int_equal(host.error.mtu, sizes[i]);
		}
	}
	host_free(&host);
}

/* 8201-§4-R2: about a packet that we have not sent, or that says too little. */
static void test_8201_4_R2_quotes(void **state)
{
	uint8_t message[256];
	struct host host;
	size_t n;

	(void)state;
	make(&host);
	n = error_make(message, ICMP6_PACKET_TOO_BIG, 0, 1400, OURS6, AFAR6, IPV6_TCP);
	for (size_t cut = 8; cut < n; cut++) {
		uint8_t copy[256];

		memcpy(copy, message, cut);
		assert_int_equal(icmp6_in(&host, AFAR6, OURS6, 60, copy, cut), cut >= 56 ? IP_ERROR : IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_ICMP_QUOTE_BAD), cut < 56);
	}
	n = error_make(message, 1, 0, 0, "fd00::77", AFAR6, IPV6_TCP);
	assert_int_equal(icmp6_in(&host, AFAR6, OURS6, 60, message, n), IP_CONSUMED);
	assert_rule(&host, ICMP_QUOTE_NOT_OURS);
	n = error_make(message, 1, 0, 0, OURS6, OURS6, IPV6_TCP);
	assert_int_equal(icmp6_in(&host, AFAR6, OURS6, 60, message, n), IP_CONSUMED);
	assert_rule(&host, ICMP_QUOTE_NOT_OURS);
	n = error_make(message, 1, 0, 0, OURS6, AFAR6, IPV6_UDP);
	assert_int_equal(icmp6_in(&host, AFAR6, OURS6, 60, message, n), IP_CONSUMED);
	assert_rule(&host, ICMP_QUOTE_NOT_TCP);
	/* To another address than the one it quotes as the source. */
	n = error_make(message, 1, 0, 0, OURS6, AFAR6, IPV6_TCP);
	assert_int_equal(icmp6_in(&host, AFAR6, "ff02::1", 60, message, n), IP_CONSUMED);
	assert_rule(&host, ICMP_QUOTE_NOT_OURS);
	host_free(&host);
}

/* 4443-§2.4-R2: as much of the packet as fits into 1280 bytes. */
static void test_4443_2_4_R2_quoted_length(void **state)
{
	static const size_t sizes[] = { 0, 100, 1191, 1192, 1193, 1400 };
	struct host host;

	(void)state;
	make(&host);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct icmp6 message;
		struct ipv6 packet;
		size_t whole = 48 + 40 + sizes[i];

		packet6_input(&host, &(struct packet6){ PEER6, OURS6, 253, 0, 0, data, sizes[i] });
		assert_true(out6(&host, &packet, &message));
		assert_int_equal(host_out_bytes(&host), whole < 1280 ? whole : 1280);
		assert_memory_equal(message.bytes + 48, data, message.length - 48);
	}
	host_free(&host);
}

/* 4443-§2.4-R3: about what and to whom no error is sent. */
static void test_4443_2_4_R3_no_error_about(void **state)
{
	uint8_t hop[8] = { 253, 0, 0x80, 0 }, error[64] = { 1 }, redirect[48] = { ICMP6_REDIRECT };
	uint8_t option[16] = { IPV6_ICMP, 0, 0xc2, 0, 1, 2, 0, 0 };
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	/* An unknown protocol, for a group, and from nobody or a group. */
	packet6_input(&host, &(struct packet6){ PEER6, "ff02::1", 253, 0, 0, data, 40 });
	assert_rule(&host, ICMP6_ABOUT_NOBODY);
	packet6_input(&host, &(struct packet6){ "::", OURS6, 253, 0, 0, data, 40 });
	packet6_input(&host, &(struct packet6){ "ff02::1", OURS6, 253, 0, 0, data, 40 });
	assert_false(host_output(&host));
	/* The exception: an option that asks for it, for a group too. */
	packet6_input(&host, &(struct packet6){ PEER6, "ff02::1", IPV6_DESTINATION, 0, 0, hop, 8 });
	assert_true(out6(&host, &packet, &message));
	assert_int_equal(message.code, ICMP6_PROBLEM_OPTION);
	assert_address(packet.source, OURS6);
	/* Errors and redirects, here in a packet with an option to complain of. */
	for (int i = 0; i < 3; i++) {
		uint8_t whole[80];
		static const uint8_t types[] = { 1, 127, ICMP6_REDIRECT };

		memcpy(whole, option, 8);
		memset(whole + 8, 0, 48);
		whole[2] = 0x80;
		whole[3] = 4;
		whole[8] = types[i];
		packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_DESTINATION, 0, 0, whole, 56 });
		assert_rule(&host, ICMP_ABOUT_ERROR);
		assert_false(host_output(&host));
	}
	icmp6_in(&host, PEER6, OURS6, 64, error, sizeof(error));
	icmp6_in(&host, PEER6, OURS6, 64, redirect, sizeof(redirect));
	assert_false(host_output(&host));
	host_free(&host);
}

/* 4443-§2.4-R4: at most icmp_rate in a second, after a burst of 50. */
static void test_4443_2_4_R4_limit(void **state)
{
	struct host host;
	unsigned sent = 0;

	(void)state;
	host6_make(&host, false, false);
	host_free(&host);
	host_config(&host);
	host.config.icmp_rate = 100;
	host_start(&host);
	{
		struct eleven_interface interface = interface6(false);

		assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	}
	for (unsigned i = 0; i < 1000; i++) {
		packet6_input(&host, &(struct packet6){ PEER6, OURS6, 253, 0, 0, data, 40 });
		while (host_output(&host))
			sent++;
		host.now += MS(1);
	}
	assert_in_range(sent, 140, 151);
	host_free(&host);
}

/* 4443-§3.4-R1: of a header that is wrong the sender is told where. */
static void test_4443_3_4_R1_parameter_problem(void **state)
{
	uint8_t options[8] = { IPV6_TCP, 0, 0x1e, 9 };
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_DESTINATION, 0, 0, options, 8 });
	assert_true(out6(&host, &packet, &message));
	assert_int_equal(message.type, ICMP6_PARAMETER_PROBLEM);
	assert_int_equal(message.code, ICMP6_PROBLEM_HEADER);
	assert_int_equal(message.rest, 42);
	host_free(&host);
}

/* V81: a big echo to a group is answered once, to who asked, and never fills the link. */
static void test_V81_echo_to_a_group(void **state)
{
	uint8_t echo[1400] = { ICMP6_ECHO };
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	icmp6_in(&host, PEER6, "ff02::1", 64, echo, sizeof(echo));
	assert_true(out6(&host, &packet, &message));
	assert_address(packet.destination, PEER6);
	assert_address(packet.source, OURS6);
	assert_false(host_output(&host));
	icmp6_in(&host, "::", "ff02::1", 64, echo, sizeof(echo));
	assert_false(host_output(&host));
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4443_4_2_R1_echo),
		cmocka_unit_test(test_4443_2_3_R1_checksum),
		cmocka_unit_test(test_V80_truncated),
		cmocka_unit_test(test_4443_2_4_R1_meaning_of_errors),
		cmocka_unit_test(test_8201_4_R1_packet_too_big),
		cmocka_unit_test(test_8201_4_R2_quotes),
		cmocka_unit_test(test_4443_2_4_R2_quoted_length),
		cmocka_unit_test(test_4443_2_4_R3_no_error_about),
		cmocka_unit_test(test_4443_2_4_R4_limit),
		cmocka_unit_test(test_4443_3_4_R1_parameter_problem),
		cmocka_unit_test(test_V81_echo_to_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
