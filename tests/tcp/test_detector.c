/* SPDX-License-Identifier: MIT */
/* RACK-TLP's rules, with plain numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "tcp/detector.h"

static struct detector fresh(void)
{
	struct detector d;

	detector_init(&d, seq_of(1000));
	return d;
}

/* What was transmitted last of all that was delivered stays in mind, however ACKs come. */
static void test_last_transmitted_is_kept(void **state)
{
	struct random random;
	(void)state;

	random_seed(&random, 1);
	for (unsigned round = 0; round < 2000; round++) {
		struct detector d = fresh();
		uint32_t base = (uint32_t)random_next(&random), highest = 0;

		d.order = base;
		for (unsigned i = 0; i < 20; i++) {
			uint32_t order = 1 + (uint32_t)random_below(&random, 100);
			struct detector_delivered what = { .sent_ns = MS(order), .order = base + order,
							   .end = seq_of(order) };

			rack_delivered(&d, &what, MS(10), MS(200));
			highest = order > highest ? order : highest;
			assert_true(d.order == base + highest && d.sent_ns == MS(highest));
			assert_true(d.rtt_ns == MS(200 - highest));
		}
	}
}

/* 8985-§6.2-R2: an ACK just after a retransmission is of the first transmission. */
static void test_8985_6_2_R2_ambiguous_deliveries(void **state)
{
	struct detector d = fresh();
	struct detector_delivered what = { .sent_ns = MS(100), .order = 5, .end = seq_of(2000), .ever = true };
	(void)state;

	assert_false(rack_delivered(&d, &what, MS(20), MS(110)));
	assert_true(rack_delivered(&d, &what, MS(20), MS(120)));
	what.order = 6;
	what.echo_older = true;
	assert_false(rack_delivered(&d, &what, MS(20), MS(150)));
	assert_true(d.order == 5);
	what.ever = false;
	what.echo_older = false;
	assert_true(rack_delivered(&d, &what, MS(20), MS(101)));        /* sent once: whatever the time */
}

/* 8985-§3.3.2-R1, 8985-§3.3.2-R2, 8985-§3.3.2-R3: min_RTT/4 to SRTT, 0 without reordering. */
static void test_8985_3_3_2_R1_R2_R3_window(void **state)
{
	struct detector d = fresh();
	(void)state;

	assert_true(rack_window(&d, true, MS(40), MS(50), 1) == 0);
	assert_true(rack_window(&d, true, MS(40), MS(50), 1) == 0);
	assert_true(rack_window(&d, false, MS(40), MS(50), 0) == MS(10));
	rack_highest(&d, seq_of(5000), 0);
	assert_false(rack_reordering(&d));
	rack_highest(&d, seq_of(4000), 1);
	assert_true(rack_reordering(&d));
	assert_true(seq_eq(d.fack, seq_of(5000)));
	assert_true(rack_window(&d, true, MS(40), MS(50), 0) == MS(10));
	for (unsigned i = 0; i < 100; i++) {
		uint64_t window = rack_window(&d, true, MS(40), MS(50), 0);

		assert_true(window >= MS(10) && window <= MS(50));
		rack_round(&d, seq_of(6000 + 10 * i), seq_of(6005 + 10 * i), true);
	}
	assert_true(rack_window(&d, true, MS(40), MS(50), 0) == MS(50));
	/* A clock's step is added wherever a time decides. */
	assert_true(rack_window(&d, true, MS(40), MS(50), MS(10)) == MS(60));
}

/* 8985-§3.3.2-R2: once a round trip at most, and after 16 recoveries without one it is as at first. */
static void test_8985_3_3_2_R2_window_adapts(void **state)
{
	struct detector d = fresh();
	(void)state;

	d.reorderings = 1;
	rack_round(&d, seq_of(1000), seq_of(3000), true);
	rack_round(&d, seq_of(2000), seq_of(4000), true);
	assert_int_equal(d.steps, 2);
	rack_round(&d, seq_of(3000), seq_of(4000), true);
	assert_int_equal(d.steps, 3);
	for (unsigned i = 0; i < DETECTOR_PERSIST - 1; i++)
		rack_recovered(&d);
	assert_int_equal(d.steps, 3);
	rack_recovered(&d);
	assert_int_equal(d.steps, 1);
}

/* 8985-§7.2-R1. */
static void test_8985_7_2_R1_probe_timeout(void **state)
{
	(void)state;
	assert_true(tlp_timeout(0, false, MS(200), 0, SEC(3)) == SEC(1));
	assert_true(tlp_timeout(MS(50), false, MS(200), 0, SEC(3)) == MS(100));
	assert_true(tlp_timeout(MS(50), true, MS(200), 0, SEC(3)) == MS(300));
	assert_true(tlp_timeout(MS(50), true, MS(200), 0, MS(250)) == MS(250));
	assert_true(tlp_timeout(1, false, MS(200), MS(10), SEC(3)) == MS(10) + 2);
}

/* 8985-§7.3-R1: one at a time, and not a second without an RTT in between. */
static void test_8985_7_3_R1_one_probe(void **state)
{
	struct detector d = fresh();
	struct detector_delivered what = { .sent_ns = MS(100), .order = 1, .end = seq_of(2000) };
	(void)state;

	assert_true(tlp_allowed(&d));
	tlp_sent(&d, seq_of(2000), false);
	assert_false(tlp_allowed(&d));
	assert_int_equal(tlp_acked(&d, seq_of(1999), false, false), TLP_NOTHING);
	assert_int_equal(tlp_acked(&d, seq_of(2000), false, false), TLP_DONE);
	assert_false(tlp_allowed(&d));
	rack_delivered(&d, &what, MS(1), MS(120));
	assert_true(tlp_allowed(&d));
}

/* 8985-§7.4.2-R1: only what is proved redundant was no loss. */
static void test_8985_7_4_2_R1_probe_repaired_a_loss(void **state)
{
	struct detector d = fresh();
	(void)state;

	tlp_sent(&d, seq_of(2000), true);
	assert_int_equal(tlp_acked(&d, seq_of(2000), false, false), TLP_NOTHING);
	assert_int_equal(tlp_acked(&d, seq_of(2000), true, false), TLP_DONE);
	tlp_sent(&d, seq_of(2000), true);
	assert_int_equal(tlp_acked(&d, seq_of(2000), false, true), TLP_DONE);
	tlp_sent(&d, seq_of(2000), true);
	assert_int_equal(tlp_acked(&d, seq_of(2001), false, false), TLP_LOSS);
	assert_int_equal(tlp_acked(&d, seq_of(2001), false, false), TLP_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_transmitted_is_kept),
		cmocka_unit_test(test_8985_6_2_R2_ambiguous_deliveries),
		cmocka_unit_test(test_8985_3_3_2_R1_R2_R3_window),
		cmocka_unit_test(test_8985_3_3_2_R2_window_adapts),
		cmocka_unit_test(test_8985_7_2_R1_probe_timeout),
		cmocka_unit_test(test_8985_7_3_R1_one_probe),
		cmocka_unit_test(test_8985_7_4_2_R1_probe_repaired_a_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
