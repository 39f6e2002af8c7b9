/* SPDX-License-Identifier: MIT */
/* One direction of an impaired wire, in virtual time: shares, order, times and bounds. */
#include "packets.h"

#include "link/mark.h"
#include "link/pipe.h"

#define PACKETS 200000u

struct outcome {
	uint32_t delivered, late, most_late;    /* late: overtaken by a packet put in after it */
	uint32_t twice, damaged, runs;          /* runs of losses */
	uint64_t first, last, least_delay, most_delay;
};

/* Puts in a numbered packet every `gap`, takes out what is due, and looks at what happened to each. */
static struct outcome pipe_run(const struct pipe_settings *settings, uint64_t seed, uint64_t gap, uint32_t length)
{
	static uint8_t seen[PACKETS];
	struct outcome o = { .least_delay = UINT64_MAX };
	struct pipe_packet *packet;
	struct pipe pipe;
	uint32_t highest = 0;
	bool losing = false;

	memset(seen, 0, sizeof(seen));
	pipe_init(&pipe, seed, 0);
	pipe.settings = *settings;
	for (uint32_t i = 0; i < PACKETS || pipe_waiting(&pipe) > 0; i++) {
		uint64_t now = SEC(1) + i * gap;

		if (i < PACKETS && (packet = pipe_packet_create(&pipe, length))) {
			memset(packet->bytes, 0, length);
			store_be32(packet->bytes + 8, i);
			store_be32(packet->bytes + 12, ~i);
			pipe_put(&pipe, packet, now);
		}
		while ((packet = pipe_take(&pipe, now))) {
			uint32_t number = load_be32(packet->bytes + 8);
			uint64_t delay = packet->at - (SEC(1) + number * gap);

			assert_true(packet->at <= now);
			o.first = o.first ? o.first : packet->at;
			o.last = packet->at;
			o.delivered++;
			if (load_be32(packet->bytes + 12) != ~number) {
				o.damaged++;
			} else {
				assert_true(number < PACKETS);
				o.twice += seen[number]++ > 0;
				if (number < highest) {
					o.late++;
					o.most_late = highest - number > o.most_late ? highest - number : o.most_late;
				}
				highest = number > highest ? number : highest;
				o.least_delay = delay < o.least_delay ? delay : o.least_delay;
				o.most_delay = delay > o.most_delay ? delay : o.most_delay;
			}
			pipe_packet_free(&pipe, packet);
		}
	}
	for (uint32_t i = 0; i < PACKETS; i++) {
		o.runs += !seen[i] && !losing;
		losing = !seen[i];
	}
	assert_true(pipe.bytes == 0);
	pipe_free(&pipe);
	return o;
}

/* Within four standard deviations of a share of PACKETS. */
static void share_check(uint32_t count, uint32_t millionths)
{
	double expected = PACKETS * (millionths / 1e6), spread = 4 * __builtin_sqrt(expected) + 2;

	assert_true(count > expected - spread && count < expected + spread);
}

static void test_nothing_set_nothing_changed(void **state)
{
	struct outcome o = pipe_run(&(struct pipe_settings){ 0 }, 1, US(10), 100);

	(void)state;
	assert_int_equal(o.delivered, PACKETS);
	assert_int_equal(o.late + o.twice + o.damaged, 0);
	assert_int_equal(o.most_delay, 0);
}

static void test_loss_dup_and_reorder_happen_as_often_as_asked(void **state)
{
	static const uint32_t shares[] = { 1000, 10000, 50000, 300000 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct outcome o = pipe_run(&(struct pipe_settings){ .loss = shares[i] }, 2 + i, US(10), 100);

		share_check(PACKETS - o.delivered, shares[i]);
		assert_int_equal(o.late, 0);
		o = pipe_run(&(struct pipe_settings){ .dup = shares[i] }, 12 + i, US(10), 100);
		share_check(o.twice, shares[i]);
		assert_int_equal(o.delivered, PACKETS + o.twice);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct outcome o = pipe_run(&(struct pipe_settings){ .reorder = shares[i] }, 22 + i, US(10), 100);

		assert_int_equal(o.delivered, PACKETS);
		share_check(o.late, shares[i]);
		/* Three pass a packet; those held back meanwhile pass it too. */
		assert_true(o.most_late >= REORDER_DISTANCE && o.most_late <= REORDER_DISTANCE + PIPE_HELD_MAX);
	}
}

static void test_everything_lost_at_a_hundred_percent(void **state)
{
	(void)state;
	assert_int_equal(pipe_run(&(struct pipe_settings){ .loss = MILLIONTH }, 1, US(10), 100).delivered, 0);
}

static void test_bursts_have_the_length_and_the_share_asked_for(void **state)
{
	struct outcome o = pipe_run(&(struct pipe_settings){ .loss = 20000, .loss_burst = 5 }, 3, US(10), 100);
	double lost = PACKETS - o.delivered, mean = lost / o.runs;

	(void)state;
	assert_true(lost > PACKETS * 0.017 && lost < PACKETS * 0.023);
	assert_true(mean > 4.5 && mean < 5.5);
}

static void test_delay_and_jitter_keep_order_and_bounds(void **state)
{
	struct outcome o = pipe_run(&(struct pipe_settings){ .delay_ns = MS(20), .jitter_ns = MS(5) }, 4, US(100), 100);

	(void)state;
	assert_int_equal(o.delivered, PACKETS);
	assert_int_equal(o.late, 0);
	assert_true(o.least_delay >= MS(15) && o.most_delay <= MS(25));
	assert_true(o.most_delay - o.least_delay > MS(5));
	o = pipe_run(&(struct pipe_settings){ .delay_ns = SEC(2) }, 4, MS(1), 100);
	assert_true(o.least_delay == SEC(2) && o.most_delay == SEC(2));
}

static void test_rate_is_kept_and_its_queue_is_bounded(void **state)
{
	/* 1000 bytes every 100 us are 80 Mbit/s; the wire takes 10. */
	struct pipe_settings settings = { .rate_bits = 10000000, .rate_queue_bytes = 50000 };
	struct outcome o = pipe_run(&settings, 5, US(100), 1000);
	double seconds = (double)(o.last - o.first) / 1e9, rate = (o.delivered - 1) * 8000.0 / seconds;

	(void)state;
	assert_true(rate > 9.99e6 && rate < 10.01e6);
	assert_true(o.most_delay <= MS(41) && o.most_delay > MS(38));
	assert_int_equal(o.late, 0);
}

/* Counts the marked ones of packets with this codepoint, put in every `gap`; what is marked has its header right. */
static uint32_t marked_of(const struct pipe_settings *settings, uint8_t codepoint, uint64_t gap)
{
	struct pipe_packet *packet;
	uint32_t marked = 0;
	struct pipe pipe;
	struct made made;

	pipe_init(&pipe, 1, 0);
	pipe.settings = *settings;
	for (uint32_t i = 0; i < 20000 || pipe_waiting(&pipe) > 0; i++) {
		uint64_t now = SEC(1) + i * gap;

		if (i < 20000 && (packet = pipe_packet_create(&pipe, 552))) {
			segment_make(&made, 0x0a000001, 0x0a000002, FLAG_ACK, i, 500);
			made.header[1] = (uint8_t)(0xb8 | codepoint);
			store_be16(made.header + 10, 0);
			store_be16(made.header + 10, checksum_finish(checksum_add(0, made.header, 20)));
			memcpy(packet->bytes, made.header, 52);
			memcpy(packet->bytes + 52, made.text, 500);
			pipe_put(&pipe, packet, now);
		}
		while ((packet = pipe_take(&pipe, now))) {
			struct ipv4 ip;

			assert_int_equal(ipv4_parse(&ip, packet->bytes, packet->length), IPV4_OK);
			assert_int_equal(ip.dscp, 0xb8 >> 2);
			assert_true(ip.ecn == codepoint || ip.ecn == IPV4_ECN_CE);
			marked += ip.ecn == IPV4_ECN_CE;
			pipe_packet_free(&pipe, packet);
		}
	}
	if (codepoint != IPV4_ECN_CE)
		assert_int_equal(pipe.counts.marked, marked);
	pipe_free(&pipe);
	return marked;
}

static void test_marks_by_chance_and_by_queue(void **state)
{
	struct pipe_settings chance = { .mark = 100000 }, queue = { .rate_bits = 10000000, .rate_mark_bytes = 10000 };
	uint32_t marked = marked_of(&chance, IPV4_ECN_ECT0, US(100));

	(void)state;
	assert_true(marked > 1700 && marked < 2300);
	assert_int_equal(marked_of(&chance, IPV4_ECN_NOT_ECT, US(100)), 0);
	marked = marked_of(&chance, IPV4_ECN_ECT1, US(100));
	assert_true(marked > 1700 && marked < 2300);
	assert_int_equal(marked_of(&chance, IPV4_ECN_CE, US(100)), 20000);
	/* 552 bytes every 450 us are less than 10 Mbit/s, every 430 us more: the queue grows past 10000 bytes. */
	assert_int_equal(marked_of(&queue, IPV4_ECN_ECT0, US(450)), 0);
	assert_true(marked_of(&queue, IPV4_ECN_ECT0, US(430)) > 15000);
	assert_int_equal(marked_of(&queue, IPV4_ECN_NOT_ECT, US(430)), 0);
}

/* IPv6's traffic class, which has no checksum; and what is no packet is left alone. */
static void test_marks_of_IPv6_and_of_nothing(void **state)
{
	uint8_t ip6[54] = { [14] = 0x60 | 0xb, [15] = 0x80 | 2 << 4 | 5 }, before[54];

	(void)state;
	assert_true(packet_mark(ip6, 54, 14));
	assert_int_equal(ip6[14], 0x6b);
	assert_int_equal(ip6[15], 0x80 | 3 << 4 | 5);
	ip6[15] = 0x85;
	memcpy(before, ip6, 54);
	assert_false(packet_mark(ip6, 54, 14));
	assert_false(packet_mark(ip6, 20, 14));
	ip6[14] = before[14] = 0x4f;
	ip6[15] = before[15] = 2;
	assert_false(packet_mark(ip6, 40, 14));         /* a header longer than the packet */
	assert_memory_equal(ip6, before, 54);
}

static void test_corruption_turns_one_bit_of_some_packets(void **state)
{
	struct outcome o = pipe_run(&(struct pipe_settings){ .corrupt = 100000 }, 6, US(10), 16);

	(void)state;
	/* The numbers are half of the 16 bytes: half of the damage is seen there. */
	share_check(o.damaged, 50000);
	assert_int_equal(o.delivered, PACKETS);
}

static void test_the_same_seed_gives_the_same_run(void **state)
{
	struct pipe_settings settings = { .delay_ns = MS(3), .jitter_ns = MS(2), .loss = 10000, .dup = 10000,
					  .reorder = 30000, .corrupt = 1000, .rate_bits = 1000000000 };
	struct outcome a = pipe_run(&settings, 7, US(10), 200), b = pipe_run(&settings, 7, US(10), 200);
	struct outcome c = pipe_run(&settings, 8, US(10), 200);

	(void)state;
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
}

static void test_pause_holds_step_lets_one_through_resume_all(void **state)
{
	struct pipe_packet *packet;
	struct pipe pipe;

	(void)state;
	pipe_init(&pipe, 1, 0);
	pipe.paused = true;
	for (uint32_t i = 0; i < 5; i++) {
		packet = pipe_packet_create(&pipe, 20);
		store_be32(packet->bytes, i);
		pipe_put(&pipe, packet, SEC(1));
	}
	assert_null(pipe_take(&pipe, SEC(9)));
	assert_true(pipe_deadline(&pipe) == UINT64_MAX);
	pipe.steps = 1;
	packet = pipe_take(&pipe, SEC(9));
	assert_int_equal(load_be32(packet->bytes), 0);
	pipe_packet_free(&pipe, packet);
	assert_null(pipe_take(&pipe, SEC(9)));
	pipe.paused = false;
	for (uint32_t i = 1; i < 5; i++) {
		packet = pipe_take(&pipe, SEC(9));
		assert_int_equal(load_be32(packet->bytes), i);
		pipe_packet_free(&pipe, packet);
	}
	assert_false(pipe_active(&pipe));
	pipe_free(&pipe);
}

static void test_a_full_pipe_drops_and_counts(void **state)
{
	struct pipe pipe;
	uint32_t taken = 0;

	(void)state;
	pipe_init(&pipe, 1, 0);
	pipe.settings.delay_ns = SEC(1);
	for (uint32_t i = 0; i < PIPE_PACKETS_MAX + 100; i++) {
		struct pipe_packet *packet = pipe_packet_create(&pipe, 20);

		if (!packet)
			continue;
		pipe_put(&pipe, packet, SEC(1));
		taken++;
	}
	assert_int_equal(taken, PIPE_PACKETS_MAX);
	assert_true(pipe.counts.queue_full == 100);
	pipe_free(&pipe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_set_nothing_changed),
		cmocka_unit_test(test_loss_dup_and_reorder_happen_as_often_as_asked),
		cmocka_unit_test(test_everything_lost_at_a_hundred_percent),
		cmocka_unit_test(test_bursts_have_the_length_and_the_share_asked_for),
		cmocka_unit_test(test_delay_and_jitter_keep_order_and_bounds),
		cmocka_unit_test(test_rate_is_kept_and_its_queue_is_bounded),
		cmocka_unit_test(test_marks_by_chance_and_by_queue),
		cmocka_unit_test(test_marks_of_IPv6_and_of_nothing),
		cmocka_unit_test(test_corruption_turns_one_bit_of_some_packets),
		cmocka_unit_test(test_the_same_seed_gives_the_same_run),
		cmocka_unit_test(test_pause_holds_step_lets_one_through_resume_all),
		cmocka_unit_test(test_a_full_pipe_drops_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
