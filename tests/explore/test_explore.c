/* SPDX-License-Identifier: MIT */
/* The explorer: that it visits what it says, that the diagram it meets is the RFC's, that it finds faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "explore/explore.h"

static uint64_t edges[ELEVEN_STATES][ELEVEN_STATES];

struct bounds {
	unsigned k, r, l, d;
};

static uint64_t run(const char *name, struct bounds bounds, uint64_t pairs[ELEVEN_STATES][ELEVEN_STATES])
{
	struct world *world = calloc(1, sizeof(*world));
	struct search *search = calloc(1, sizeof(*search));
	uint64_t states;

	world_create(world, scenario_find(name));
	world->k = bounds.k;
	world->r = bounds.r;
	world->l = bounds.l;
	world->d = bounds.d;
	search->most = 2000000;
	if (!search_run(world, search)) {
		report_path(world->scenario, world, search);
		fail_msg("%s: %s", name, world->fault);
	}
	assert_true(search->complete);
	for (unsigned a = 0; a < ELEVEN_STATES; a++)
		for (unsigned b = 0; b < ELEVEN_STATES; b++) {
			edges[a][b] += world->edges[a][b];
			if (pairs)
				pairs[a][b] = world->pairs[a][b];
		}
	states = search->states;
	world_destroy(world);
	free(world);
	free(search);
	return states;
}

static void test_every_order_of_open_and_close_is_good(void **state)
{
	uint64_t pairs[ELEVEN_STATES][ELEVEN_STATES];

	(void)state;
	assert_true(run("open-close", (struct bounds){ 3, 1, 1, 1 }, pairs) > 10000);
	assert_true(pairs[ELEVEN_SYN_SENT][ELEVEN_SYN_RECEIVED]);
	assert_true(pairs[ELEVEN_ESTABLISHED][ELEVEN_SYN_RECEIVED]);
	assert_true(pairs[ELEVEN_FIN_WAIT_2][ELEVEN_CLOSE_WAIT]);
	assert_true(pairs[ELEVEN_TIME_WAIT][ELEVEN_LAST_ACK]);
	assert_true(pairs[ELEVEN_CLOSING][ELEVEN_CLOSING]);
	assert_true(pairs[ELEVEN_TIME_WAIT][ELEVEN_TIME_WAIT]);
	assert_false(pairs[ELEVEN_LAST_ACK][ELEVEN_LAST_ACK]);
	assert_false(pairs[ELEVEN_CLOSE_WAIT][ELEVEN_CLOSE_WAIT]);
}

static void test_every_order_of_a_simultaneous_open_is_good(void **state)
{
	uint64_t pairs[ELEVEN_STATES][ELEVEN_STATES];

	(void)state;
	run("simultaneous-open", (struct bounds){ 3, 1, 0, 0 }, pairs);
	assert_true(pairs[ELEVEN_SYN_RECEIVED][ELEVEN_SYN_RECEIVED]);
	assert_true(pairs[ELEVEN_ESTABLISHED][ELEVEN_SYN_RECEIVED]);
}

static void test_every_order_with_text_lost_is_good(void **state)
{
	(void)state;
	run("everything-again", (struct bounds){ 3, 1, 2, 0 }, NULL);
	run("window-zero", (struct bounds){ 2, 1, 1, 0 }, NULL);
	run("duplicates", (struct bounds){ 3, 1, 0, 1 }, NULL);
	run("reset-races", (struct bounds){ 3, 1, 0, 0 }, NULL);
}

/* Figure 5 of RFC 9293 with its notes.  Not drawn there: that every state but LISTEN can be reset or given up. */
static const struct { uint8_t from, to; } figure_5[] = {
	{ ELEVEN_CLOSED, ELEVEN_LISTEN }, { ELEVEN_CLOSED, ELEVEN_SYN_SENT }, { ELEVEN_LISTEN, ELEVEN_SYN_RECEIVED },
	{ ELEVEN_LISTEN, ELEVEN_CLOSED }, { ELEVEN_SYN_SENT, ELEVEN_SYN_RECEIVED },
	{ ELEVEN_SYN_SENT, ELEVEN_ESTABLISHED }, { ELEVEN_SYN_SENT, ELEVEN_CLOSED },
	{ ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED }, { ELEVEN_SYN_RECEIVED, ELEVEN_LISTEN },
	{ ELEVEN_SYN_RECEIVED, ELEVEN_FIN_WAIT_1 },
	{ ELEVEN_ESTABLISHED, ELEVEN_FIN_WAIT_1 }, { ELEVEN_ESTABLISHED, ELEVEN_CLOSE_WAIT },
	{ ELEVEN_FIN_WAIT_1, ELEVEN_FIN_WAIT_2 }, { ELEVEN_FIN_WAIT_1, ELEVEN_CLOSING },
	{ ELEVEN_FIN_WAIT_2, ELEVEN_TIME_WAIT }, { ELEVEN_CLOSE_WAIT, ELEVEN_LAST_ACK },
	{ ELEVEN_CLOSING, ELEVEN_TIME_WAIT }, { ELEVEN_LAST_ACK, ELEVEN_CLOSED }, { ELEVEN_TIME_WAIT, ELEVEN_CLOSED },
};

/*
 * Not a move of its own: FIN-WAIT-1 -> TIME-WAIT (note 2) is two moves of one segment, in which Fifth sees the ACK of
 * our FIN and Eighth the peer's FIN.
 */
static void test_the_diagram_of_the_code_is_figure_5(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(figure_5) / sizeof(figure_5[0]); i++) {
		uint64_t *taken = &edges[figure_5[i].from][figure_5[i].to];

		if (*taken == 0)
			fail_msg("%s -> %s was never taken", state_spelling[figure_5[i].from],
				 state_spelling[figure_5[i].to]);
		*taken = 0;
	}
	for (unsigned a = 0; a < ELEVEN_STATES; a++)
		for (unsigned b = 0; b < ELEVEN_STATES; b++)
			if (edges[a][b] && b != ELEVEN_CLOSED)
				fail_msg("%s -> %s is not in the figure", state_spelling[a], state_spelling[b]);
}

/* ---- faults are found */

static void act(struct world *world, enum action_kind kind, unsigned side)
{
	struct action actions[64];
	unsigned n = world_actions(world, actions);

	for (unsigned i = 0; i < n; i++)
		if (actions[i].kind == kind && actions[i].side == side) {
			world_act(world, &actions[i]);
			return;
		}
	fail_msg("no action %u of %u", kind, side);
}

static void to_established(struct world *world, const char *scenario)
{
	world_create(world, scenario_find(scenario));
	act(world, ACTION_CALL, 1);
	act(world, ACTION_CALL, 0);
	act(world, ACTION_DELIVER, 1);
	act(world, ACTION_DELIVER, 0);
	act(world, ACTION_DELIVER, 1);
	assert_int_equal(world_state(world, 0), ELEVEN_ESTABLISHED);
	assert_int_equal(world_state(world, 1), ELEVEN_ESTABLISHED);
	world_judge(world);
	assert_null(world->fault);
}

static struct tcb *connection(struct world *world, unsigned side)
{
	return tcb_of(world->tcp[side], world->soft->side[side].h);
}

static void test_a_timer_forgotten_is_found(void **state)
{
	struct world world;

	(void)state;
	to_established(&world, "half-close");
	act(&world, ACTION_CALL, 0);
	connection(&world, 0)->deadline[SLOT_RETRANSMISSION] = TIME_NEVER;
	world_judge(&world);
	assert_non_null(world.fault);
	assert_memory_equal(world.fault, "O9", 2);
	world_destroy(&world);
}

static void test_text_made_up_is_found(void **state)
{
	struct world world;

	(void)state;
	to_established(&world, "half-close");
	act(&world, ACTION_CALL, 0);
	world.soft->flying[world.soft->count - 1].bytes[world.soft->flying[world.soft->count - 1].length - 1] ^= 1;
	act(&world, ACTION_DELIVER, 1);
	assert_non_null(world.fault);
	assert_memory_equal(world.fault, "O1", 2);
	world_destroy(&world);
}

static void test_a_connection_stuck_is_found(void **state)
{
	struct world world;

	(void)state;
	to_established(&world, "open-close");
	act(&world, ACTION_CALL, 0);
	act(&world, ACTION_CALL, 1);
	world_judge_end(&world, false);
	assert_non_null(world.fault);
	assert_memory_equal(world.fault, "O10", 3);
	world_destroy(&world);
}

static void test_worlds_that_differ_only_in_when_look_alike(void **state)
{
	struct world a, b;

	(void)state;
	to_established(&a, "half-close");
	world_create(&b, scenario_find("half-close"));
	b.soft->side[0].now += SEC(77);
	b.soft->side[1].now += SEC(5);
	act(&b, ACTION_CALL, 1);
	act(&b, ACTION_CALL, 0);
	act(&b, ACTION_DELIVER, 1);
	act(&b, ACTION_DELIVER, 0);
	act(&b, ACTION_DELIVER, 1);
	assert_true(fingerprint(&a) == fingerprint(&b));
	act(&a, ACTION_CALL, 0);
	assert_true(fingerprint(&a) != fingerprint(&b));
	act(&b, ACTION_CALL, 0);
	assert_true(fingerprint(&a) == fingerprint(&b));
	world_destroy(&a);
	world_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_order_of_open_and_close_is_good),
		cmocka_unit_test(test_every_order_of_a_simultaneous_open_is_good),
		cmocka_unit_test(test_every_order_with_text_lost_is_good),
		cmocka_unit_test(test_the_diagram_of_the_code_is_figure_5),
		cmocka_unit_test(test_a_timer_forgotten_is_found),
		cmocka_unit_test(test_text_made_up_is_found),
		cmocka_unit_test(test_a_connection_stuck_is_found),
		cmocka_unit_test(test_worlds_that_differ_only_in_when_look_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
