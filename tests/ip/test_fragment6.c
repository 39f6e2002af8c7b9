/* SPDX-License-Identifier: MIT */
/* Fragments of IPv6: joined, refused, timed out, atomic; and those that we send. */
#include "ip/host6.h"

static uint8_t content[65536];

struct piece {
	uint32_t id, offset, bytes;
	bool more;
	uint8_t next_header;            /* 0: TCP */
	uint8_t destination_options;    /* 8-byte headers in front of the Fragment header */
};

static enum ip_input piece_in(struct host *host, const struct piece *p)
{
	static uint8_t payload[65600];
	struct ipv6_fragment fragment = { .offset = p->offset, .id = p->id, .more = p->more,
					  .next_header = p->next_header ? p->next_header : IPV6_TCP };
	size_t at = 0;
	uint8_t first = IPV6_FRAGMENT;

	for (unsigned i = 0; i < p->destination_options; i++, at += 8) {
		static const uint8_t header[8] = { IPV6_DESTINATION, 0, 1, 4 };

		first = IPV6_DESTINATION;
		memcpy(payload + at, header, 8);
		if (i + 1u == p->destination_options)
			payload[at] = IPV6_FRAGMENT;
	}
	ipv6_fragment_emit(payload + at, &fragment);
	memcpy(payload + at + 8, content + p->offset, p->bytes);
	return packet6_input(host, &(struct packet6){ PEER6, OURS6, first, 0, 0, payload, at + 8 + p->bytes });
}

static enum ip_input part(struct host *host, uint32_t id, uint32_t offset, uint32_t bytes, bool more)
{
	return piece_in(host, &(struct piece){ .id = id, .offset = offset, .bytes = bytes, .more = more });
}

static void make(struct host *host)
{
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + (i >> 8));
	host6_make(host, false, false);
	host6_forget(host);
}

static void assert_whole(const struct host *host, uint32_t bytes)
{
	assert_int_equal(host->datagram.payload_bytes, bytes);
	assert_memory_equal(host->datagram.payload, content, bytes);
	assert_int_equal(host->datagram.protocol, IPV6_TCP);
}

/* 8200-§4.5-R1 (what comes), 8200-§5-R1, 8504-§5.1-R1: in every order of four, 1500 bytes and more. */
static void test_8200_5_R1_joined_in_every_order(void **state)
{
	struct host host;

	(void)state;
	make(&host);
	for (unsigned code = 0; code < 256; code++) {
		bool here[4] = { false }, done = false;

		for (unsigned i = 0, rest = code; i < 4; i++, rest /= 4) {
			unsigned which = rest % 4;
			enum ip_input result;

			if (here[which])
				break;
			here[which] = true;
			result = part(&host, 1000 + code, which * 488, which == 3 ? 61 : 488, which != 3);
			done = here[0] && here[1] && here[2] && here[3];
			assert_int_equal(result, done ? IP_SEGMENT : IP_CONSUMED);
		}
		if (done)
			assert_whole(&host, 3 * 488 + 61);
	}
	host_free(&host);
}

/* Headers in front of the Fragment header are part of each, and the chain goes on behind what is joined. */
static void test_headers_before_and_behind(void **state)
{
	struct host host;

	(void)state;
	make(&host);
	for (uint8_t before = 0; before <= 7; before++) {
		struct piece first = { 7, 0, 1000, true, 0, before }, last = { 7, 1000, 24, false, 0, before };

		assert_int_equal(piece_in(&host, &first), IP_CONSUMED);
		assert_int_equal(piece_in(&host, &last), IP_SEGMENT);
		assert_whole(&host, 1024);
		assert_int_equal(host.datagram.header_bytes, 40 + 8 * before);
	}
	memcpy(content, "\x06\x00\x01\x04\x00\x00\x00\x00", 8);       /* destination options, then TCP */
	assert_int_equal(piece_in(&host, &(struct piece){ 8, 0, 800, true, IPV6_DESTINATION, 0 }), IP_CONSUMED);
	assert_int_equal(piece_in(&host, &(struct piece){ 8, 800, 8, false, IPV6_DESTINATION, 0 }), IP_SEGMENT);
	assert_int_equal(host.datagram.payload_bytes, 800);
	assert_int_equal(host.datagram.protocol, IPV6_TCP);
	assert_memory_equal(host.datagram.payload, content + 8, 800);
	/* Fragments of fragments there are not. */
	memcpy(content, "\x06\x00\x00\x00\x00\x00\x00\x01", 8);
	piece_in(&host, &(struct piece){ 9, 0, 800, true, IPV6_FRAGMENT, 0 });
	assert_int_equal(piece_in(&host, &(struct piece){ 9, 800, 8, false, IPV6_FRAGMENT, 0 }), IP_CONSUMED);
	assert_true(host_taken(&host, RULE_EXTENSION_ORDER) + host_taken(&host, RULE_FRAGMENT_HEADERS_CUT) > 0);
	host_free(&host);
}

/* 8200-§4.5-R5, 5722-§3-R1, V87, V83: two fragments, every pair of offset and length on few units. */
static void test_5722_3_R1_V87_overlaps_are_refused(void **state)
{
	struct host host;
	uint32_t id = 0;

	(void)state;
	make(&host);
	for (uint32_t a = 0; a < 6; a++)
		for (uint32_t n = 1; n < 5; n++)
			for (uint32_t b = 0; b < 6; b++)
				for (uint32_t m = 1; m < 5; m++) {
					bool overlap = a < b + m && b < a + n, same = a == b && n == m;

					id++;
					part(&host, id, 64 * a, 64 * n, true);
					part(&host, id, 64 * b, 64 * m, true);
					assert_int_equal(host_taken(&host, RULE_FRAGMENT_OVERLAP), overlap && !same);
					assert_int_equal(host_taken(&host, RULE_FRAGMENT_DUPLICATE), same);
					if (overlap && !same) {         /* also what of it is still to come */
						part(&host, id, 640, 64, false);
						assert_rule(&host, FRAGMENT_REFUSED);
					}
					assert_false(host_output(&host));       /* in silence */
				}
	host_free(&host);
}

/* Overlap by one byte cannot be said but at the end. */
static void test_8200_4_5_R5_end_moved(void **state)
{
	struct host host;

	(void)state;
	make(&host);
	part(&host, 1, 64, 33, false);
	part(&host, 1, 64, 40, false);
	assert_rule(&host, FRAGMENT_END_MOVED);
	part(&host, 2, 64, 33, false);
	part(&host, 2, 96, 8, true);
	assert_rule(&host, FRAGMENT_END_MOVED);
	assert_int_equal(part(&host, 1, 0, 64, true), IP_CONSUMED);
	assert_int_equal(part(&host, 2, 0, 64, true), IP_CONSUMED);
	host_free(&host);
}

/* 8200-§4.5-R2 */
static void test_8200_4_5_R2_sixty_seconds(void **state)
{
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	part(&host, 1, 0, 1000, true);
	part(&host, 2, 1000, 1000, true);       /* whose first never comes: silence */
	host_wait(&host, SEC(60) - 1);
	assert_no_rule(&host, FRAGMENT_TIMEOUT);
	assert_int_equal(ip_deadline(host.ip), host.now + 1);
	host_wait(&host, 1);
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_TIMEOUT), 2);
	assert_true(out6(&host, &packet, &message));
	assert_int_equal(message.type, ICMP6_TIME_EXCEEDED);
	assert_int_equal(message.code, ICMP6_TIME_EXCEEDED_REASSEMBLY);
	assert_address(packet.destination, PEER6);
	/* The fragment as it came. */
	assert_int_equal(message.length, 8 + 40 + 8 + 1000);
	assert_int_equal(message.bytes[8 + 6], IPV6_FRAGMENT);
	assert_memory_equal(message.bytes + 8 + 48, content, 1000);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 8200-§4.5-R3 */
static void test_8200_4_5_R3_lengths(void **state)
{
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	for (uint32_t odd = 1; odd < 8; odd++) {
		part(&host, 1, 0, 64 + odd, true);
		assert_rule(&host, FRAGMENT_LENGTH_ODD);
		assert_true(out6(&host, &packet, &message));
		assert_int_equal(message.type, ICMP6_PARAMETER_PROBLEM);
		assert_int_equal(message.code, ICMP6_PROBLEM_HEADER);
		assert_int_equal(message.rest, 4);
	}
	part(&host, 2, 65528, 8, false);
	assert_rule(&host, FRAGMENT_TOO_LONG);
	assert_true(out6(&host, &packet, &message));
	assert_int_equal(message.code, ICMP6_PROBLEM_HEADER);
	assert_int_equal(message.rest, 42);
	part(&host, 3, 65528, 7, false);
	assert_no_rule(&host, FRAGMENT_TOO_LONG);
	host_free(&host);
}

/* 8200-§4.5-R4: every place where the first fragment may end before TCP's header does. */
static void test_8200_4_5_R4_headers_in_the_first(void **state)
{
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	for (uint32_t bytes = 8; bytes <= 32; bytes += 8) {
		part(&host, bytes, 0, bytes, true);
		assert_int_equal(host_taken(&host, RULE_FRAGMENT_HEADERS_CUT), bytes < 20);
		if (bytes >= 20)
			continue;
		assert_true(out6(&host, &packet, &message));
		assert_int_equal(message.type, ICMP6_PARAMETER_PROBLEM);
		assert_int_equal(message.code, ICMP6_PROBLEM_FIRST_FRAGMENT);
		assert_int_equal(message.rest, 0);
	}
	/* And an extension header that is cut. */
	memcpy(content, "\x06\x03\x01\x04\x00\x00\x00\x00", 8);
	piece_in(&host, &(struct piece){ 99, 0, 16, true, IPV6_DESTINATION, 0 });
	assert_rule(&host, FRAGMENT_HEADERS_CUT);
	host_free(&host);
}

/* 8200-§4.5-R6, 6946-§4-R1: alone, even while others of the same name wait. */
static void test_6946_4_R1_atomic_fragments(void **state)
{
	struct host host;

	(void)state;
	make(&host);
	part(&host, 5, 0, 1000, true);
	assert_int_equal(part(&host, 5, 0, 500, false), IP_SEGMENT);
	assert_rule(&host, FRAGMENT_ATOMIC);
	assert_whole(&host, 500);
	assert_int_equal(part(&host, 5, 1000, 24, false), IP_SEGMENT);
	assert_whole(&host, 1024);
	host_free(&host);
}

/* 8200-§4.5-R1: what we send: multiples of 8, one identification each message that says nothing of the next. */
static void test_8200_4_5_R1_our_own(void **state)
{
	static uint8_t echo[4008];
	uint32_t ids[8];
	struct host host;

	(void)state;
	make(&host);
	for (unsigned round = 0; round < 8; round++) {
		uint32_t here = 0;
		bool more = true;

		memset(echo, 0, 8);
		echo[0] = ICMP6_ECHO;
		memcpy(echo + 8, content, 4000);
		/* In fragments itself, for nothing longer comes in one. */
		{
			struct address from = a6(PEER6), to = a6(OURS6);
			uint32_t sum = checksum_pseudo_v6(&from, &to, IPV6_ICMP, 4008);

			store_be16(echo + 2, checksum_finish(checksum_add(sum, echo, 4008)));
			for (uint32_t at = 0; at < 4008; at += 1000) {
				uint8_t payload[1008];
				struct ipv6_fragment fragment = { at, round, IPV6_ICMP, at + 1000 < 4008 };
				uint32_t bytes = fragment.more ? 1000 : 4008 - at;

				ipv6_fragment_emit(payload, &fragment);
				memcpy(payload + 8, echo + at, bytes);
				packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_FRAGMENT, 0, 0, payload,
									8 + bytes });
			}
		}
		assert_rule(&host, ICMP6_ECHO_ANSWERED);
		while (more) {
			struct ipv6_fragment fragment;
			struct icmp6 message;
			struct ipv6 packet;

			assert_true(out6(&host, &packet, &message));
			assert_in_range(host_out_bytes(&host), 48, 1500);
			assert_int_equal(packet.next_header, IPV6_FRAGMENT);
			fragment = ipv6_fragment_parse(packet.payload);
			assert_int_equal(fragment.offset, here);
			assert_int_equal(fragment.next_header, IPV6_ICMP);
			more = fragment.more;
			assert_true(!more || (packet.payload_bytes - 8) % 8 == 0);
			if (here > 0)
				assert_memory_equal(packet.payload + 8, echo + here, packet.payload_bytes - 8);
			ids[round] = fragment.id;
			here += packet.payload_bytes - 8;
		}
		assert_int_equal(here, 4008);
		assert_false(host_output(&host));
		for (unsigned i = 0; i < round; i++) {
			assert_int_not_equal(ids[i], ids[round]);
			assert_int_not_equal(ids[i] + 1, ids[round]);
		}
	}
	host_free(&host);
}

/* V84, V85, V86: a flood of first fragments is bounded in memory and steps, and ends. */
static void test_V85_flood(void **state)
{
	struct host host;

	(void)state;
	make(&host);
	for (uint32_t id = 0; id < 20000; id++)
		part(&host, id, 0, 1000, true);
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_EVICTED), 20000 - 64);
	for (uint32_t at = 0; at < 60000; at += 8)      /* one datagram in tiny pieces */
		part(&host, 1u << 20, at, 8, true);
	assert_rule(&host, FRAGMENT_TOO_MANY);
	host_wait(&host, SEC(60));
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	host_free(&host);
}

/* Congestion marks of fragments: RFC 3168 §5.3. */
static void test_marks_are_joined(void **state)
{
	uint8_t packet[1200];
	struct host host;

	(void)state;
	make(&host);
	for (unsigned a = 0; a < 4; a++)
		for (unsigned b = 0; b < 4; b++) {
			uint8_t payload[1008];
			struct ipv6_fragment first = { 0, a * 4 + b, IPV6_TCP, true };
			struct ipv6_fragment last = { 1000, a * 4 + b, IPV6_TCP, false };
			bool mixed = (a == 3 && b == 0) || (a == 0 && b == 3);
			enum ip_input result;

			memset(payload, 0, sizeof(payload));
			ipv6_fragment_emit(payload, &first);
			host_input(&host, packet, packet6_make(packet, &(struct packet6){
				PEER6, OURS6, IPV6_FRAGMENT, 0, (uint8_t)a, payload, 1008 }));
			ipv6_fragment_emit(payload, &last);
			result = host_input(&host, packet, packet6_make(packet, &(struct packet6){
				PEER6, OURS6, IPV6_FRAGMENT, 0, (uint8_t)b, payload, 16 }));
			assert_int_equal(result, mixed ? IP_CONSUMED : IP_SEGMENT);
			if (!mixed)
				assert_int_equal(host.datagram.tos, a == 3 || b == 3 ? 3 : a);
		}
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_8200_5_R1_joined_in_every_order),
		cmocka_unit_test(test_headers_before_and_behind),
		cmocka_unit_test(test_5722_3_R1_V87_overlaps_are_refused),
		cmocka_unit_test(test_8200_4_5_R5_end_moved),
		cmocka_unit_test(test_8200_4_5_R2_sixty_seconds),
		cmocka_unit_test(test_8200_4_5_R3_lengths),
		cmocka_unit_test(test_8200_4_5_R4_headers_in_the_first),
		cmocka_unit_test(test_6946_4_R1_atomic_fragments),
		cmocka_unit_test(test_8200_4_5_R1_our_own),
		cmocka_unit_test(test_V85_flood),
		cmocka_unit_test(test_marks_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
