/* SPDX-License-Identifier: MIT */
/* Chains of extension headers: every order, every length, every option, and their bounds. */
#include "ip/host6.h"

#define SEGMENT_BYTES 20u

static uint8_t packet[65600];

/* A chain that is being written behind the fixed header. */
struct draft {
	size_t at;                      /* where the next header goes */
	size_t named_at;                /* the field that names it */
};

static struct draft begin(void)
{
	memset(packet, 0, sizeof(packet));
	packet6_make(packet, &(struct packet6){ PEER6, OURS6, IPV6_NO_NEXT, 0, 0, NULL, 0 });
	return (struct draft){ 40, 6 };
}

/* A header of `kind` with this content behind its first two bytes, padded to `bytes`. */
static void add(struct draft *w, uint8_t kind, size_t bytes, const void *content, size_t n)
{
	packet[w->named_at] = kind;
	memset(packet + w->at, 0, bytes);
	packet[w->at] = IPV6_NO_NEXT;
	if (kind != IPV6_FRAGMENT)
		packet[w->at + 1] = (uint8_t)(bytes / 8 - 1);
	memcpy(packet + w->at + 2, content, n);
	w->named_at = w->at;
	w->at += bytes;
}

static size_t finish(struct draft *w, uint8_t kind, size_t bytes)
{
	packet[w->named_at] = kind;
	memset(packet + w->at, 0x11, bytes);
	w->at += bytes;
	store_be16(packet + 4, (uint16_t)(w->at - 40));
	return w->at;
}

static void padded(struct draft *w, uint8_t kind)
{
	static const uint8_t pad[6] = { 1, 4, 0, 0, 0, 0 };

	add(w, kind, 8, pad, 6);
}

static enum ip_input put(struct host *host, size_t n)
{
	return host_input(host, packet, n);
}

/* The Parameter Problem that has just been sent. */
static void assert_problem(struct host *host, uint8_t code, uint32_t pointer)
{
	struct icmp6 message;
	struct ipv6 sent;

	assert_true(out6(host, &sent, &message));
	assert_int_equal(message.type, ICMP6_PARAMETER_PROBLEM);
	assert_int_equal(message.code, code);
	assert_int_equal(message.rest, pointer);
	assert_false(host_output(host));
}

/* 8200-§4-R1: every sequence of up to four headers; hop-by-hop options first or not at all. */
static void test_8200_4_R1_any_order(void **state)
{
	static const uint8_t kinds[] = { IPV6_HOP_BY_HOP, IPV6_DESTINATION, IPV6_ROUTING };
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	for (unsigned length = 0; length <= 4; length++) {
		unsigned count = 1;

		for (unsigned i = 0; i < length; i++)
			count *= 3;
		for (unsigned code = 0; code < count; code++) {
			struct draft w = begin();
			uint32_t wrong_at = 0;
			unsigned rest = code;
			size_t n;

			for (unsigned i = 0; i < length; i++, rest /= 3) {
				if (kinds[rest % 3] == IPV6_HOP_BY_HOP && i > 0 && !wrong_at)
					wrong_at = (uint32_t)w.named_at;
				if (kinds[rest % 3] == IPV6_ROUTING)
					add(&w, IPV6_ROUTING, 8, "\x09\x00", 2);        /* no segments left */
				else
					padded(&w, kinds[rest % 3]);
			}
			n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
			assert_int_equal(put(&host, n), wrong_at ? IP_CONSUMED : IP_SEGMENT);
			if (wrong_at) {
				assert_rule(&host, EXTENSION_ORDER);
				assert_problem(&host, ICMP6_PROBLEM_NEXT_HEADER, wrong_at);
			} else {
				assert_int_equal(host.datagram.payload_bytes, SEGMENT_BYTES);
				assert_int_equal(host.datagram.payload[0], 0x11);
			}
			host_wait(&host, SEC(1));
		}
	}
	host_free(&host);
}

/* V95: every length byte of every header, and every place where the packet may end. */
static void test_V95_lengths_of_headers(void **state)
{
	static const uint8_t kinds[] = { IPV6_HOP_BY_HOP, IPV6_DESTINATION, IPV6_ROUTING };
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	for (unsigned k = 0; k < 3; k++)
		for (unsigned length = 0; length < 256; length++) {
			struct draft w = begin();
			size_t n;
			bool fits = 8 * (length + 1) <= 8 + SEGMENT_BYTES;

			padded(&w, kinds[k]);
			if (kinds[k] == IPV6_ROUTING)
				memset(packet + 42, 0, 6);
			n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
			memset(packet + 48, 0, SEGMENT_BYTES);  /* which is padding, should it be options */
			packet[41] = (uint8_t)length;
			if (length == 0)
				assert_int_equal(put(&host, n), IP_SEGMENT);
			else
				put(&host, n);
			assert_int_equal(host_taken(&host, RULE_EXTENSION_SHORT), !fits);
			host6_drain(&host);
			host_wait(&host, SEC(1));
		}
	host_free(&host);
}

/* V95: a chain may be long, and lead nowhere: eight headers at most (8504-§5.3-R1), and each is read once. */
static void test_V95_length_of_the_chain(void **state)
{
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	for (unsigned headers = 0; headers < 200; headers++) {
		struct draft w = begin();
		size_t n;

		for (unsigned i = 0; i < headers; i++)
			padded(&w, IPV6_DESTINATION);
		n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
		assert_int_equal(put(&host, n), headers <= 8 ? IP_SEGMENT : IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_EXTENSION_TOO_MUCH), headers > 8);
		assert_false(host_output(&host));
	}
	host_free(&host);
}

/* V95: whatever the bytes are, the walk ends within the packet. */
static void test_V95_random_chains(void **state)
{
	static const uint8_t kinds[] = { 0, 43, 44, 60, 6, 58, 59, 17, 255 };
	struct random random;
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	random_seed(&random, 95);
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = 40 + random_below(&random, 120);

		begin();
		for (size_t i = 40; i < n; i++)
			packet[i] = (uint8_t)random_below(&random, random_below(&random, 3) ? 4 : 256);
		for (size_t i = 40; i < n; i += 8)
			packet[i] = kinds[random_below(&random, sizeof(kinds))];
		packet[6] = kinds[random_below(&random, sizeof(kinds))];
		store_be16(packet + 4, (uint16_t)(n - 40));
		put(&host, n);
		host6_drain(&host);
		host.now += MS(10);
	}
	host_free(&host);
}

/* 8200-§4.2-R1, 8200-§4.2-R2: what an unknown option wants, for us alone and for a group. */
static void test_8200_4_2_R1_actions_of_options(void **state)
{
	struct host host;

	(void)state;
	for (int group = 0; group < 2; group++)
		for (unsigned type = 0; type < 256; type++) {
			uint8_t option[6] = { (uint8_t)type, 2, 0, 0, 1, 0 };
			bool known = type == 0 || type == 1 || type == 5;
			struct draft w = begin();
			struct address all = a6("ff02::1");
			size_t n;
			bool passes;

			host6_make(&host, false, false);
			if (group)
				memcpy(packet + 24, all.bytes, 16);
			if (type == 0)
				memset(option, 0, sizeof(option));
			add(&w, IPV6_DESTINATION, 8, option, 6);
			n = finish(&w, IPV6_NO_NEXT, 0);
			put(&host, n);
			passes = known || type >> 6 == 0;
			assert_int_equal(host_taken(&host, RULE_IP6_NO_NEXT), passes);
			assert_int_equal(host_taken(&host, RULE_EXTENSION_OPTION_UNKNOWN), !passes);
			if (type >> 6 == 2 || (type >> 6 == 3 && !group))
				assert_problem(&host, ICMP6_PROBLEM_OPTION, 42);
			assert_false(host_output(&host));
			host_free(&host);
		}
}

/* 8200-§4.2-R2, 8504-§5.3-R1: padding of every length that aligns anything, and options that do not fit. */
static void test_8200_4_2_R2_padding(void **state)
{
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	for (unsigned pad = 0; pad <= 20; pad++) {
		uint8_t options[22] = { 0 };
		struct draft w = begin();
		size_t n;

		memset(options, 0x1e, sizeof(options));         /* an unknown option that may be passed over */
		for (unsigned i = 0; i < pad; i++)
			options[i] = 0;
		options[pad] = 0x1e;
		options[pad + 1] = (uint8_t)(20 - pad);
		add(&w, IPV6_HOP_BY_HOP, 24, options, 22);
		n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
		assert_int_equal(put(&host, n), pad <= 7 ? IP_SEGMENT : IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_EXTENSION_TOO_MUCH), pad > 7);
		options[pad + 1]++;
		w = begin();
		add(&w, IPV6_HOP_BY_HOP, 24, options, 22);
		n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
		put(&host, n);
		if (pad <= 7) {
			assert_rule(&host, EXTENSION_OPTION_BAD);
			assert_problem(&host, ICMP6_PROBLEM_HEADER, 42 + pad);
		}
		host6_forget(&host);
	}
	host_free(&host);
}

/* 8504-§5.3-R1 */
static void test_8504_5_3_R1_many_options(void **state)
{
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	for (unsigned count = 1; count < 20; count++) {
		uint8_t options[64];
		struct draft w = begin();
		size_t n = 0, header;

		for (unsigned i = 0; i < count; i++) {
			options[n++] = 0x1e;
			options[n++] = 0;
		}
		for (header = 8; header < n + 2; header += 8)
			;
		while (n < header - 2)
			options[n++] = 0;
		add(&w, IPV6_DESTINATION, header, options, n);
		n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
		assert_int_equal(put(&host, n), count <= 8 ? IP_SEGMENT : IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_EXTENSION_TOO_MUCH), count > 8);
		assert_false(host_output(&host));
	}
	host_free(&host);
}

/* 8200-§4.4-R1, V96: every type of routing header; what has segments left is for routers. */
static void test_8200_4_4_R1_V96_routing_headers(void **state)
{
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	for (unsigned type = 0; type < 256; type++)
		for (unsigned left = 0; left < 4; left++) {
			uint8_t routing[22] = { (uint8_t)type, (uint8_t)left };
			struct draft w = begin();
			size_t n;

			add(&w, IPV6_ROUTING, 24, routing, 22);
			n = finish(&w, IPV6_TCP, SEGMENT_BYTES);
			assert_int_equal(put(&host, n), left == 0 ? IP_SEGMENT : IP_CONSUMED);
			assert_int_equal(host_taken(&host, RULE_EXTENSION_ROUTING), left != 0);
			if (left)
				assert_problem(&host, ICMP6_PROBLEM_HEADER, 42);
			host_wait(&host, MS(100));
		}
	host_free(&host);
}

/* 8200-§8.1-R1, 8200-§8.4-R1: sums are over the fixed header's addresses; nothing goes back along a route. */
static void test_8200_8_4_R1_routing_header_is_not_reversed(void **state)
{
	uint8_t echo[16] = { ICMP6_ECHO };
	struct address from = a6(PEER6), to = a6(OURS6);
	struct draft w = begin();
	struct icmp6 message;
	struct ipv6 sent;
	struct host host;
	size_t n;

	(void)state;
	host6_make(&host, false, false);
	add(&w, IPV6_ROUTING, 24, "\x00\x00", 2);
	n = finish(&w, IPV6_ICMP, sizeof(echo));
	store_be16(echo + 2, checksum_finish(checksum_add(checksum_pseudo_v6(&from, &to, IPV6_ICMP, 16), echo, 16)));
	memcpy(packet + n - 16, echo, 16);
	put(&host, n);
	assert_rule(&host, ICMP6_ECHO_ANSWERED);
	assert_true(out6(&host, &sent, &message));
	assert_int_equal(sent.next_header, IPV6_ICMP);
	assert_int_equal(message.type, ICMP6_ECHO_REPLY);
	assert_int_equal(message.length, 16);
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_8200_4_R1_any_order),
		cmocka_unit_test(test_V95_lengths_of_headers),
		cmocka_unit_test(test_V95_length_of_the_chain),
		cmocka_unit_test(test_V95_random_chains),
		cmocka_unit_test(test_8200_4_2_R1_actions_of_options),
		cmocka_unit_test(test_8200_4_2_R2_padding),
		cmocka_unit_test(test_8504_5_3_R1_many_options),
		cmocka_unit_test(test_8200_4_4_R1_V96_routing_headers),
		cmocka_unit_test(test_8200_8_4_R1_routing_header_is_not_reversed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
