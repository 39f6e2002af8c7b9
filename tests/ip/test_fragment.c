/* SPDX-License-Identifier: MIT */
/* Reassembly: whole or not at all, within bounds, whatever the order and whoever sends. */
#include "ip/host.h"

#define WHOLE 65515u            /* most payload of a datagram */

static uint8_t text[WHOLE];

static void text_fill(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + (i >> 8));
}

struct piece {
	uint32_t offset, bytes;
	bool more;
};

/* A fragment of `text`, of protocol 17 unless another is given. */
static enum ip_input fragment_of(struct host *host, uint32_t source, uint16_t id, uint8_t protocol, struct piece piece)
{
	static uint8_t packet[70000];
	struct ipv4 fields = { .ttl = 64, .id = id, .fragment_offset = piece.offset, .more_fragments = piece.more };

	return host_input(host, packet, packet_make(packet, source, OURS, protocol, text + piece.offset, piece.bytes,
						    &fields));
}

static enum ip_input fragment(struct host *host, uint16_t id, uint32_t offset, uint32_t bytes, bool more)
{
	return fragment_of(host, PEER, id, IPV4_PROTOCOL_TCP, (struct piece){ offset, bytes, more });
}

static void assert_whole(const struct host *host, uint32_t bytes)
{
	assert_int_equal(host->datagram.payload_bytes, bytes);
	assert_memory_equal(host->datagram.payload, text, bytes);
}

static void setup(struct host *host)
{
	text_fill();
	host_make_tun(host);
}

/* 1122-§3.2.1.4-R1 */
static void test_1122_3_2_1_4_R1_two_fragments_in_both_orders(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	assert_int_equal(fragment(&host, 1, 0, 24, true), IP_CONSUMED);
	assert_int_equal(fragment(&host, 1, 24, 10, false), IP_SEGMENT);
	assert_whole(&host, 34);
	assert_rule(&host, FRAGMENT_JOINED);
	assert_int_equal(fragment(&host, 2, 24, 10, false), IP_CONSUMED);
	assert_int_equal(fragment(&host, 2, 0, 24, true), IP_SEGMENT);
	assert_whole(&host, 34);
	assert_int_equal(address_v4_value(&host.datagram.source), PEER);
	assert_false(host.datagram.checksum_ok);
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	host_free(&host);
}

/* 1122-§3.3.2-R1 */
static void test_1122_3_3_2_R1_sizes_up_to_the_largest(void **state)
{
	static const uint32_t sizes[] = { 556, 1480, 8980, WHOLE };
	struct host host;

	(void)state;
	setup(&host);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t step = sizes[i] > 2000 ? 1480 : 200, at = 0;

		for (; at + step < sizes[i]; at += step)
			assert_int_equal(fragment(&host, (uint16_t)i, at, step, true), IP_CONSUMED);
		assert_int_equal(fragment(&host, (uint16_t)i, at, sizes[i] - at, false), IP_SEGMENT);
		assert_whole(&host, sizes[i]);
	}
	host_free(&host);
}

/* The header that an ICMP error would quote is that of the whole: a good one. */
static void test_header_of_the_whole_is_good(void **state)
{
	struct ipv4 fields = { .ttl = 33, .id = 9, .more_fragments = true, .options = (const uint8_t *)"\1\1\1",
			       .options_bytes = 4, .dscp = 4 };
	struct ipv4 whole;
	uint8_t packet[128];
	struct host host;

	(void)state;
	setup(&host);
	assert_int_equal(fragment(&host, 9, 24, 10, false), IP_CONSUMED);
	assert_int_equal(host_input(&host, packet, packet_make(packet, PEER, OURS, 6, text, 24, &fields)), IP_SEGMENT);
	assert_int_equal(host.datagram.header_bytes, 24);
	assert_int_equal(host.datagram.ttl, 33);
	assert_int_equal(host.datagram.tos, 4 << 2);
	assert_int_equal(ipv4_parse(&whole, host.datagram.header, 24 + 34), IPV4_OK);
	assert_false(ipv4_is_fragment(&whole));
	assert_memory_equal(whole.payload, text, 34);
	host_free(&host);
}

static void test_791_3_2_key_is_source_destination_protocol_and_id(void **state)
{
	struct host host;
	struct eleven_interface interface = tun_interface();
	uint8_t packet[64];
	struct ipv4 fields = { .ttl = 64, .id = 1, .fragment_offset = 24 };

	(void)state;
	setup(&host);
	interface.address = public_v4(0x0a000105);
	assert_int_equal(ip_interface_add(host.ip, &interface), 1);
	assert_int_equal(fragment(&host, 1, 0, 24, true), IP_CONSUMED);
	assert_int_equal(fragment(&host, 2, 24, 8, false), IP_CONSUMED);
	assert_int_equal(fragment_of(&host, AFAR, 1, 6, (struct piece){ 24, 8, false }), IP_CONSUMED);
	assert_int_equal(fragment_of(&host, PEER, 1, 47, (struct piece){ 24, 8, false }), IP_CONSUMED);
	assert_int_equal(host_input(&host, packet, packet_make(packet, PEER, 0x0a000105, 6, text, 8, &fields)),
			 IP_CONSUMED);
	assert_int_equal(fragment(&host, 1, 24, 8, false), IP_SEGMENT);
	host_free(&host);
}

/* What one pair of fragments on four units does, by the definition: RULE_NONE: still waiting. */
static enum rule pair_expected(struct piece a, struct piece b)
{
	uint32_t a_end = a.offset + a.bytes, b_end = b.offset + b.bytes;

	if (!a.more && (b.more ? b_end >= a_end : b_end != a_end))
		return RULE_FRAGMENT_END_MOVED;
	if (a.more && !b.more && a_end >= b_end)
		return RULE_FRAGMENT_END_MOVED;
	if (a.offset == b.offset && a.bytes == b.bytes)
		return RULE_FRAGMENT_DUPLICATE;
	if (a.offset < b_end && b.offset < a_end)
		return RULE_FRAGMENT_OVERLAP;
	if ((a.offset == 0 && a_end == b.offset && !b.more) || (b.offset == 0 && b_end == a.offset && !a.more))
		return RULE_FRAGMENT_JOINED;
	return RULE_NONE;
}

/*
 * Teardrop, bonk, nestea and all their relatives: every pair of fragments within four units of 8 bytes.
 * 791-§3.2-R1
 */
static void test_V83_V87_791_3_2_R1_5722_every_pair_of_fragments(void **state)
{
	struct host host;
	uint16_t id = 0;
	unsigned seen[RULES] = { 0 };

	(void)state;
	setup(&host);
	for (unsigned code = 0; code < 2048; code++) {
		struct piece a = { (code & 3) * 8, ((code >> 2 & 3) + 1) * 8, code >> 4 & 1 };
		struct piece b = { (code >> 5 & 3) * 8, ((code >> 7 & 3) + 1) * 8, code >> 9 & 1 };
		enum rule expected;

		b.bytes -= code >> 10 && !b.more ? 3 : 0;
		if ((a.offset == 0 && !a.more) || (b.offset == 0 && !b.more))
			continue;       /* those are whole */
		expected = pair_expected(a, b);
		memcpy(host.before, host.trace.counts, sizeof(host.before));
		fragment_of(&host, PEER, ++id, 253, a);
		fragment_of(&host, PEER, id, 253, b);
		for (unsigned rule = RULE_FRAGMENT_EMPTY; rule <= RULE_FRAGMENT_JOINED; rule++)
			if (rule != RULE_FRAGMENT_EVICTED)
				assert_int_equal(host_taken(&host, rule), rule == expected);
		seen[expected]++;
	}
	assert_true(seen[RULE_NONE] && seen[RULE_FRAGMENT_JOINED] && seen[RULE_FRAGMENT_OVERLAP]);
	assert_true(seen[RULE_FRAGMENT_END_MOVED] && seen[RULE_FRAGMENT_DUPLICATE]);
	host_free(&host);
}

static void test_5722_3_R1_refused_as_a_whole_also_what_is_to_come(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	fragment(&host, 1, 0, 32, true);
	fragment(&host, 1, 24, 16, true);
	assert_rule(&host, FRAGMENT_OVERLAP);
	assert_int_equal(fragment(&host, 1, 0, 32, true), IP_CONSUMED);
	assert_int_equal(fragment(&host, 1, 32, 8, false), IP_CONSUMED);
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_REFUSED), 2);
	host_wait(&host, SEC(60));
	assert_rule(&host, FRAGMENT_TIMEOUT);
	assert_false(host_output(&host));
	assert_int_equal(fragment(&host, 1, 0, 32, true), IP_CONSUMED);
	assert_int_equal(fragment(&host, 1, 32, 8, false), IP_SEGMENT);
	host_free(&host);
}

static void test_V84_identical_fragments_are_one(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(fragment(&host, 1, 24, 8, true), IP_CONSUMED);
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_DUPLICATE), 999);
	fragment(&host, 1, 0, 24, true);
	assert_int_equal(fragment(&host, 1, 32, 8, false), IP_SEGMENT);
	host_free(&host);
}

static void test_V81_ping_of_death(void **state)
{
	static uint8_t packet[2000];
	struct ipv4 fields = { .ttl = 64, .id = 1, .fragment_offset = 65528 };
	struct host host;

	(void)state;
	setup(&host);
	for (unsigned bytes = 1; bytes < 1480; bytes += 7) {
		host_input(&host, packet, packet_make(packet, PEER, OURS, IPV4_PROTOCOL_ICMP, text, bytes, &fields));
		assert_rule(&host, FRAGMENT_TOO_LONG);
	}
	/* 65535 with a header of 20, 65536 with the 24 of the first fragment. */
	fields = (struct ipv4){ .ttl = 64, .id = 2, .fragment_offset = 65472 };
	host_input(&host, packet, packet_make(packet, PEER, OURS, 6, text, 40, &fields));
	for (uint32_t at = 1480; at < 65472; at += 1480)
		fragment(&host, 2, at, 65472 - at < 1480 ? 65472 - at : 1480, true);
	fields = (struct ipv4){ .ttl = 64, .id = 2, .more_fragments = true, .options_bytes = 24 };
	fields.options = (const uint8_t *)"\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1";
	host_input(&host, packet, packet_make(packet, PEER, OURS, 6, text, 1480, &fields));
	assert_rule(&host, FRAGMENT_TOO_LONG);
	assert_no_rule(&host, FRAGMENT_JOINED);
	host_free(&host);
}

static void test_V88_empty_fragments_and_odd_lengths(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	fragment(&host, 1, 0, 0, true);
	fragment(&host, 1, 800, 0, true);
	fragment(&host, 1, 800, 0, false);
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_EMPTY), 3);
	for (unsigned n = 1; n < 64; n++) {
		fragment(&host, 1, 64, n, true);
		assert_int_equal(host_taken(&host, RULE_FRAGMENT_LENGTH_ODD), n % 8 != 0);
	}
	host_free(&host);
}

static void test_791_3_2_R1_1858_3128_tiny_fragments_of_tcp(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	fragment(&host, 1, 0, 8, true);
	fragment(&host, 1, 0, 16, true);
	fragment(&host, 1, 8, 80, false);
	fragment(&host, 1, 16, 80, false);
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_TINY), 4);
	fragment(&host, 1, 0, 24, true);
	assert_int_equal(fragment(&host, 1, 24, 80, false), IP_SEGMENT);
	fragment_of(&host, PEER, 2, IPV4_PROTOCOL_UDP, (struct piece){ 0, 8, true });
	assert_no_rule(&host, FRAGMENT_TINY);
	host_free(&host);
}

static void test_V86_too_many_fragments(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	for (unsigned i = 0; i < 256; i++)
		fragment(&host, 1, 24 + i * 16, 8, true);
	assert_no_rule(&host, FRAGMENT_TOO_MANY);
	fragment(&host, 1, 24 + 256 * 16, 8, true);
	assert_rule(&host, FRAGMENT_TOO_MANY);
	host_free(&host);
}

/* First fragment here: the sender is told, RFC 1122 §3.3.2; else it is not.  1122-§3.3.2-R2. */
static void test_1122_3_3_2_R2_timeout(void **state)
{
	struct ipv4 packet, quoted;
	struct icmp message;
	struct host host;

	(void)state;
	setup(&host);
	fragment(&host, 1, 0, 48, true);
	host_wait(&host, SEC(10));
	fragment(&host, 1, 96, 48, true);
	assert_int_equal(ip_deadline(host.ip), host.now + SEC(50));
	host_wait(&host, SEC(50) - 1);
	assert_no_rule(&host, FRAGMENT_TIMEOUT);
	assert_false(host_output(&host));
	host_wait(&host, 1);
	assert_rule(&host, FRAGMENT_TIMEOUT);
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	assert_true(host_output(&host));
	message = host_out_icmp(&host, &packet);
	assert_int_equal(message.type, ICMP_TIME_EXCEEDED);
	assert_int_equal(message.code, ICMP_TIME_EXCEEDED_REASSEMBLY);
	assert_int_equal(address_v4_value(&packet.destination), PEER);
	assert_int_equal(ipv4_parse(&quoted, message.payload, message.payload_bytes), IPV4_OK);
	assert_true(quoted.more_fragments);
	assert_memory_equal(quoted.payload, text, 48);

	fragment(&host, 2, 48, 48, true);
	host_wait(&host, SEC(60));
	assert_rule(&host, FRAGMENT_TIMEOUT);
	assert_false(host_output(&host));
	host_free(&host);
}

/* About fragments of an ICMP error too, nothing is sent. */
static void test_1122_3_2_2_R3_no_timeout_error_about_an_icmp_error(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	text[0] = ICMP_UNREACHABLE;
	fragment_of(&host, PEER, 1, IPV4_PROTOCOL_ICMP, (struct piece){ 0, 48, true });
	host_wait(&host, SEC(60));
	assert_rule(&host, ICMP_ABOUT_ERROR);
	assert_false(host_output(&host));
	host_free(&host);
}

static void test_V85_flood_throws_out_the_one_longest_without_a_fragment(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	fragment(&host, 0, 0, 24, true);
	for (uint16_t id = 1; id < 10000; id++) {
		fragment_of(&host, AFAR, id, 6, (struct piece){ 24, 8, true });
		if (id % 50 == 0)       /* still coming in, so it stays */
			fragment(&host, 0, 24u + id / 50 * 8u, 8, true);
	}
	assert_int_equal(host_taken(&host, RULE_FRAGMENT_EVICTED), 10000 - 64);
	assert_int_equal(fragment(&host, 0, 24 + 200 * 8, 8, false), IP_CONSUMED);
	assert_int_equal(fragment(&host, 0, 24, 8, true), IP_SEGMENT);
	assert_whole(&host, 24 + 201 * 8);
	host_free(&host);
}

static void test_V85_bytes_held_are_bounded(void **state)
{
	struct host host;

	(void)state;
	text_fill();
	host_config(&host);
	host.config.fragment_bytes = 2600;      /* ten blocks */
	host_start(&host);
	assert_int_equal(ip_interface_add(host.ip, &(struct eleven_interface){ .kind = ELEVEN_LINK_IP, .mtu = 1500,
			 .address = public_v4(OURS), .prefix_bits = 24 }), 0);
	fragment(&host, 1, 0, 1480, true);
	fragment(&host, 2, 0, 800, true);
	assert_no_rule(&host, FRAGMENT_EVICTED);
	fragment(&host, 3, 0, 24, true);
	assert_rule(&host, FRAGMENT_EVICTED);
	assert_int_equal(fragment(&host, 3, 24, 8, false), IP_SEGMENT);
	assert_int_equal(fragment(&host, 2, 800, 800, false), IP_SEGMENT);
	assert_whole(&host, 1600);
	/* One that alone is too large is refused, and harms no other for long. */
	fragment(&host, 4, 0, 1480, true);
	fragment(&host, 4, 1480, 1480, true);
	assert_rule(&host, FRAGMENT_NO_ROOM);
	fragment(&host, 5, 0, 1480, true);
	assert_int_equal(fragment(&host, 5, 1480, 900, false), IP_SEGMENT);
	assert_whole(&host, 2380);
	host_free(&host);
}

/* 3168-§5.3-R1 */
static void test_3168_5_3_R1_congestion_marks_survive(void **state)
{
	struct host host;
	uint8_t packet[128];

	(void)state;
	setup(&host);
	for (unsigned code = 0; code < 16; code++) {
		uint8_t a = code & 3, b = (uint8_t)(code >> 2);
		struct ipv4 first = { .ttl = 1, .id = (uint16_t)code, .more_fragments = true, .ecn = a };
		struct ipv4 second = { .ttl = 1, .id = (uint16_t)code, .fragment_offset = 24, .ecn = b };
		bool ce = a == IPV4_ECN_CE || b == IPV4_ECN_CE, mixed = ce && (a == 0 || b == 0);

		host_input(&host, packet, packet_make(packet, PEER, OURS, 6, text, 24, &first));
		assert_int_equal(host_input(&host, packet, packet_make(packet, PEER, OURS, 6, text, 8, &second)),
				 mixed ? IP_CONSUMED : IP_SEGMENT);
		assert_int_equal(host_taken(&host, RULE_FRAGMENT_ECN_MIXED), mixed);
		if (!mixed)
			assert_int_equal(host.datagram.tos & 3, ce ? IPV4_ECN_CE : a);
	}
	host_free(&host);
}

struct trial {
	struct piece pieces[400];
	uint32_t count, bytes;
	bool lost;
};

/* A datagram cut at random, in random order, some of it twice, some of it perhaps not at all. */
static void trial_make(struct trial *trial, struct random *chance)
{
	uint32_t most = random_below(chance, 2) ? 200 : 4000, distinct;

	*trial = (struct trial){ .bytes = 21 + (uint32_t)random_below(chance, 20000) };
	for (uint32_t at = 0; at < trial->bytes; trial->count++) {
		uint32_t n = trial->count > 200 ? trial->bytes : 8 * (3 + (uint32_t)random_below(chance, most / 8));

		if (at + n > trial->bytes)
			n = trial->bytes - at;
		trial->pieces[trial->count] = (struct piece){ at, n, at + n < trial->bytes };
		at += n;
	}
	distinct = trial->count;
	while (trial->count < 400 && random_below(chance, 3) == 0)
		trial->pieces[trial->count++] = trial->pieces[random_below(chance, distinct)];
	if (random_below(chance, 4) == 0) {
		uint32_t offset = trial->pieces[random_below(chance, distinct)].offset, kept = 0;

		for (uint32_t i = 0; i < trial->count; i++)
			if (trial->pieces[i].offset != offset)
				trial->pieces[kept++] = trial->pieces[i];
		trial->count = kept;
		trial->lost = true;
	}
	for (uint32_t i = trial->count; i > 1; i--) {
		uint32_t j = (uint32_t)random_below(chance, i);
		struct piece swapped = trial->pieces[j];

		trial->pieces[j] = trial->pieces[i - 1];
		trial->pieces[i - 1] = swapped;
	}
}

/* Exactly or not at all: in any order, with duplicates and losses. */
static void test_V88_property_random_fragmentations(void **state)
{
	struct random chance;
	struct host host;
	unsigned whole = 0;

	(void)state;
	setup(&host);
	random_seed(&chance, 7);
	for (unsigned round = 0; round < 3000; round++) {
		struct trial trial;
		unsigned segments = 0;

		trial_make(&trial, &chance);
		for (uint32_t i = 0; i < trial.count; i++)
			if (fragment_of(&host, PEER, (uint16_t)round, 6, trial.pieces[i]) == IP_SEGMENT) {
				assert_whole(&host, trial.bytes);
				segments++;
			}
		/* Duplicates of all its fragments after the whole may make it a second time, as in RFC 791. */
		assert_true(trial.lost || trial.pieces[0].bytes == trial.bytes ? true : segments >= 1);
		if (trial.lost)
			assert_int_equal(segments, 0);
		whole += segments > 0;
	}
	assert_true(whole > 2000);
	host_wait(&host, SEC(60));
	while (host_output(&host))
		;
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	host_free(&host);
}

/* Several at a time, overlaps among them: what comes out is still exactly what one of them was. */
static void test_V88_property_interleaved_with_overlaps(void **state)
{
	struct random chance;
	struct host host;
	unsigned whole = 0;

	(void)state;
	setup(&host);
	random_seed(&chance, 8);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t offset = 8 * (uint32_t)random_below(&chance, 12);
		uint32_t bytes = 8 * (1 + (uint32_t)random_below(&chance, 5));
		bool more = random_below(&chance, 3);
		uint16_t id = (uint16_t)random_below(&chance, 100);

		if (offset == 0 && (!more || bytes < 24))
			bytes = 24, more = true;
		if (offset > 0 && offset < 24)
			offset = 24;
		if (fragment_of(&host, PEER, id, 6, (struct piece){ offset, bytes, more }) == IP_SEGMENT) {
			assert_memory_equal(host.datagram.payload, text, host.datagram.payload_bytes);
			whole++;
		}
		host_wait(&host, random_below(&chance, SEC(1)));
		while (host_output(&host))
			;
	}
	assert_true(whole > 100);
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1122_3_2_1_4_R1_two_fragments_in_both_orders),
		cmocka_unit_test(test_1122_3_3_2_R1_sizes_up_to_the_largest),
		cmocka_unit_test(test_header_of_the_whole_is_good),
		cmocka_unit_test(test_791_3_2_key_is_source_destination_protocol_and_id),
		cmocka_unit_test(test_V83_V87_791_3_2_R1_5722_every_pair_of_fragments),
		cmocka_unit_test(test_5722_3_R1_refused_as_a_whole_also_what_is_to_come),
		cmocka_unit_test(test_V84_identical_fragments_are_one),
		cmocka_unit_test(test_V81_ping_of_death),
		cmocka_unit_test(test_V88_empty_fragments_and_odd_lengths),
		cmocka_unit_test(test_791_3_2_R1_1858_3128_tiny_fragments_of_tcp),
		cmocka_unit_test(test_V86_too_many_fragments),
		cmocka_unit_test(test_1122_3_3_2_R2_timeout),
		cmocka_unit_test(test_1122_3_2_2_R3_no_timeout_error_about_an_icmp_error),
		cmocka_unit_test(test_V85_flood_throws_out_the_one_longest_without_a_fragment),
		cmocka_unit_test(test_V85_bytes_held_are_bounded),
		cmocka_unit_test(test_3168_5_3_R1_congestion_marks_survive),
		cmocka_unit_test(test_V88_property_random_fragmentations),
		cmocka_unit_test(test_V88_property_interleaved_with_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
