/* SPDX-License-Identifier: MIT */
/* The impairing link: which packets each direction, host and drop rule means, and that big segments are cut. */
#include "packets.h"

#include "link/impair.h"
#include "link/wire.h"

#define A 0x0a000001u
#define B 0x0a000002u
#define C 0x0a000003u

/* Three hosts on a wire, all wrapped. */
struct world {
	struct wire *wire;
	struct impair *impair;
	struct link *ports[3];
	uint64_t now;
};

static struct made made;

static int world_make(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct world *w = calloc(1, sizeof(*w));

	w->wire = wire_create(ELEVEN_LINK_IP);
	w->impair = impair_create(1);
	w->now = SEC(1);
	for (unsigned i = 0; i < 3; i++) {
		struct eleven_interface interface = interface_at(A + i);

		w->ports[i] = impair_wrap(w->impair, wire_port(w->wire, &interface), names[i], &interface, false);
	}
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 3; i++)
		link_destroy(w->ports[i]);
	impair_destroy(w->impair);
	wire_destroy(w->wire);
	free(w);
	return 0;
}

static void world_send(struct world *w, uint32_t from, uint32_t to, uint8_t flags, uint32_t text_bytes)
{
	segment_make(&made, from, to, flags, 1, text_bytes);
	made.out.segment_bytes = 1000;
	link_send(w->ports[from - A], &made.out, 1, w->now);
}

/* How many packets a host has by now. */
static unsigned world_count(struct world *w, uint32_t at)
{
	struct eleven_packet packets[LINK_BATCH_MAX];
	unsigned n = 0, got;

	for (unsigned i = 0; i < 3; i++)        /* what is due to go out goes out */
		if (A + i != at)
			link_receive(w->ports[i], packets, 0, w->now);
	while ((got = link_receive(w->ports[at - A], packets, LINK_BATCH_MAX, w->now)) > 0)
		n += got;
	return n;
}

static void delay_set(struct pipe_settings *settings, void *context)
{
	settings->delay_ns = *(uint64_t *)context;
}

static void world_delay(struct world *w, int port, enum impair_direction direction, uint64_t delay)
{
	impair_change(w->impair, (struct impair_selection){ port, direction }, delay_set, &delay);
}

static void test_untouched_wire_passes_big_segments_whole(void **state)
{
	struct world *w = *state;

	world_send(w, A, B, FLAG_ACK, 5500);
	assert_int_equal(world_count(w, B), 1);
	assert_int_equal(world_count(w, C), 0);
}

static void test_impaired_wire_cuts_big_segments(void **state)
{
	struct world *w = *state;

	world_delay(w, -1, IMPAIR_BOTH, MS(10));
	world_send(w, A, B, FLAG_ACK, 5500);
	assert_int_equal(world_count(w, B), 0);
	assert_true(link_deadline(w->ports[0]) == w->now + MS(10));
	w->now += MS(10);
	assert_int_equal(world_count(w, B), 6);
}

static void test_direction_a_is_from_the_first_host_b_all_others(void **state)
{
	struct world *w = *state;

	world_delay(w, -1, IMPAIR_A, MS(10));
	world_send(w, A, B, FLAG_ACK, 0);
	world_send(w, B, A, FLAG_ACK, 0);
	world_send(w, C, B, FLAG_ACK, 0);
	assert_int_equal(world_count(w, A), 1);
	assert_int_equal(world_count(w, B), 1);
	world_delay(w, -1, IMPAIR_A, 0);
	world_delay(w, -1, IMPAIR_B, MS(10));
	w->now += MS(10);
	assert_int_equal(world_count(w, B), 1);
	world_send(w, A, B, FLAG_ACK, 0);
	world_send(w, B, A, FLAG_ACK, 0);
	world_send(w, C, B, FLAG_ACK, 0);
	assert_int_equal(world_count(w, A), 0);
	assert_int_equal(world_count(w, B), 1);
}

static void test_one_hosts_cable_has_both_directions(void **state)
{
	struct world *w = *state;

	world_delay(w, impair_port(w->impair, "b"), IMPAIR_BOTH, MS(10));
	assert_int_equal(impair_port(w->impair, "x"), -1);
	world_send(w, A, B, FLAG_ACK, 0);
	world_send(w, B, A, FLAG_ACK, 0);
	world_send(w, A, C, FLAG_ACK, 0);
	assert_int_equal(world_count(w, A) + world_count(w, B), 0);
	assert_int_equal(world_count(w, C), 1);
	w->now += MS(10);
	assert_int_equal(world_count(w, A) + world_count(w, B), 2);
	world_delay(w, 1, IMPAIR_A, 0);
	world_send(w, A, B, FLAG_ACK, 0);
	world_send(w, B, A, FLAG_ACK, 0);
	assert_int_equal(world_count(w, A), 1);
	assert_int_equal(world_count(w, B), 0);
}

static const struct { uint8_t flags; uint32_t text; } kinds[] = {
	{ FLAG_SYN, 0 }, { FLAG_SYN | FLAG_ACK, 0 }, { FLAG_ACK, 0 }, { FLAG_ACK, 10 }, { FLAG_ACK | FLAG_FIN, 0 },
	{ FLAG_RST, 0 }, { FLAG_RST | FLAG_ACK, 0 }, { FLAG_ACK | FLAG_FIN | FLAG_PSH, 10 },
};

static void test_drop_rules_mean_the_segments_they_name(void **state)
{
	/* A bit per row of `kinds`. */
	static const struct { unsigned flags, dropped; } table[] = {
		{ 0, 0xff }, { IMPAIR_SYN, 0x01 }, { IMPAIR_SYN | IMPAIR_ACK, 0x02 }, { IMPAIR_ACK, 0x04 },
		{ IMPAIR_TEXT, 0x88 }, { IMPAIR_FIN, 0x90 }, { IMPAIR_RST, 0x60 }, { IMPAIR_RST | IMPAIR_ACK, 0x40 },
		{ IMPAIR_FIN | IMPAIR_TEXT, 0x80 }, { IMPAIR_FIN | IMPAIR_ACK, 0x90 },
	};
	struct world *w = *state;

	for (unsigned t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
		struct impair_match match = { .port = -1, .flags = table[t].flags };
		unsigned dropped = 0;

		assert_int_equal(impair_drop(w->impair, &match, 1000), 0);
		for (unsigned k = 0; k < 8; k++) {
			world_send(w, A, B, kinds[k].flags, kinds[k].text);
			dropped |= (unsigned)(world_count(w, B) == 0) << k;
		}
		assert_int_equal(dropped, table[t].dropped);
		impair_clear(w->impair, (struct impair_selection){ -1, IMPAIR_BOTH });
	}
}

static void test_drop_counts_down_and_minds_direction_and_addresses(void **state)
{
	struct world *w = *state;
	struct impair_match match = { .port = -1, .direction = IMPAIR_A, .to = address_of(B) };
	uint64_t left;

	assert_int_equal(impair_drop(w->impair, &match, 2), 0);
	world_send(w, B, A, FLAG_ACK, 0);
	world_send(w, A, C, FLAG_ACK, 0);
	world_send(w, C, B, FLAG_ACK, 0);
	assert_int_equal(world_count(w, A) + world_count(w, B) + world_count(w, C), 3);
	world_send(w, A, B, FLAG_ACK, 3500);
	assert_int_equal(world_count(w, B), 2);
	assert_false(impair_rule(w->impair, 0, &match, &left));
	world_send(w, A, B, FLAG_ACK, 0);
	assert_int_equal(world_count(w, B), 1);
	assert_true(w->ports[0]->counts.drops == 2);
}

static void test_rules_are_bounded(void **state)
{
	struct world *w = *state;
	struct impair_match match = { .port = -1 };

	for (unsigned i = 0; i < IMPAIR_RULES_MAX; i++)
		assert_int_equal(impair_drop(w->impair, &match, 1), 0);
	assert_true(impair_drop(w->impair, &match, 1) < 0);
}

static void test_step_lets_the_earliest_through_and_shows_it(void **state)
{
	struct impair_selection all = { -1, IMPAIR_BOTH };
	struct world *w = *state;
	uint8_t seen[64];
	uint32_t bytes = sizeof(seen);
	unsigned port = 9;

	impair_pause(w->impair, all);
	assert_false(impair_step(w->impair, all, NULL, NULL, NULL));
	world_send(w, B, A, FLAG_ACK, 0);
	w->now += MS(1);
	world_send(w, A, B, FLAG_ACK, 0);
	assert_int_equal(world_count(w, A) + world_count(w, B), 0);
	assert_true(impair_step(w->impair, all, seen, &bytes, &port));
	assert_int_equal(bytes, 52);
	assert_int_equal(port, 1);
	assert_int_equal(load_be32(seen + 12), B);
	assert_int_equal(world_count(w, A), 1);
	assert_int_equal(world_count(w, B), 0);
	impair_resume(w->impair, all);
	assert_int_equal(world_count(w, B), 1);
}

static void test_order_survives_the_end_of_impairment(void **state)
{
	struct world *w = *state;
	struct eleven_packet packets[LINK_BATCH_MAX];

	world_delay(w, -1, IMPAIR_BOTH, MS(10));
	world_send(w, A, B, FLAG_SYN, 0);
	impair_clear(w->impair, (struct impair_selection){ -1, IMPAIR_BOTH });
	world_send(w, A, B, FLAG_ACK, 0);
	assert_int_equal(world_count(w, B), 0); /* no delay of its own, but the SYN is before it */
	w->now += MS(10);
	link_receive(w->ports[0], packets, 0, w->now);
	assert_int_equal(link_receive(w->ports[1], packets, LINK_BATCH_MAX, w->now), 2);
	assert_int_equal(packets[0].bytes[33], FLAG_SYN);
	assert_int_equal(packets[1].bytes[33], FLAG_ACK);
	world_send(w, A, B, FLAG_ACK, 5500);
	assert_int_equal(world_count(w, B), 1); /* nothing under way: untouched again */
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_untouched_wire_passes_big_segments_whole),
		WORLD_TEST(test_impaired_wire_cuts_big_segments),
		WORLD_TEST(test_direction_a_is_from_the_first_host_b_all_others),
		WORLD_TEST(test_one_hosts_cable_has_both_directions),
		WORLD_TEST(test_drop_rules_mean_the_segments_they_name),
		WORLD_TEST(test_drop_counts_down_and_minds_direction_and_addresses),
		WORLD_TEST(test_rules_are_bounded),
		WORLD_TEST(test_step_lets_the_earliest_through_and_shows_it),
		WORLD_TEST(test_order_survives_the_end_of_impairment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
