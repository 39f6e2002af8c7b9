/* SPDX-License-Identifier: MIT */
/* The event loop: deadlines in order and never early, events of removed descriptors not delivered. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "host/loop.h"

#define DEADLINES 500u

static uint64_t last_at;
static unsigned fired;

static void deadline_check(void *context, uint64_t now)
{
	struct loop_deadline *deadline = context;

	assert_true(deadline->at <= now);
	assert_true(deadline->at >= last_at);
	assert_true(deadline->place == 0);
	last_at = deadline->at;
	fired++;
}

static void test_deadlines_fire_once_in_order_and_not_early(void **state)
{
	static struct loop_deadline deadlines[DEADLINES];
	struct loop *loop = loop_create();
	uint64_t start = loop_now(loop);
	struct random random;
	unsigned set = 0;

	(void)state;
	random_seed(&random, 8);
	fired = 0;
	last_at = 0;
	for (unsigned i = 0; i < DEADLINES; i++)
		deadlines[i] = (struct loop_deadline){ .fn = deadline_check, .context = &deadlines[i] };
	for (unsigned i = 0; i < 20 * DEADLINES; i++) {
		struct loop_deadline *deadline = &deadlines[random_below(&random, DEADLINES)];

		set -= deadline->place != 0;
		if (random_below(&random, 3) == 0) {
			loop_deadline_clear(loop, deadline);
			assert_true(deadline->place == 0);
			continue;
		}
		assert_int_equal(loop_deadline_set(loop, deadline, start + random_below(&random, MS(50))), 0);
		set++;
	}
	while (loop_now(loop) < start + MS(50))
		assert_int_equal(loop_turn(loop, start + MS(50)), 0);
	loop_turn(loop, 0);
	assert_int_equal(fired, set);
	loop_destroy(loop);
}

static void deadline_again(void *context, uint64_t now)
{
	struct loop *loop = *(struct loop **)context;
	static struct loop_deadline *self;

	self = (struct loop_deadline *)((void **)context + 1);
	fired++;
	loop_deadline_set(loop, self, now);
}

static void test_a_deadline_that_sets_itself_does_not_hold_up_the_loop(void **state)
{
	struct { struct loop *loop; struct loop_deadline deadline; } own = { .loop = loop_create() };

	(void)state;
	own.deadline.fn = deadline_again;
	own.deadline.context = &own;
	fired = 0;
	loop_deadline_set(own.loop, &own.deadline, 1);
	for (unsigned i = 1; i <= 3; i++) {
		loop_turn(own.loop, UINT64_MAX);
		assert_int_equal(fired, i);
	}
	loop_destroy(own.loop);
}

struct pair_test {
	struct loop *loop;
	int pairs[2][2];
	unsigned calls;
};

/* Takes the other one off, and puts a new descriptor in its place: its number is used again. */
static void other_remove(void *context, int fd, uint32_t events)
{
	struct pair_test *t = context;
	int other = fd == t->pairs[0][0] ? t->pairs[1][0] : t->pairs[0][0];

	assert_true(events & EPOLLIN);
	t->calls++;
	loop_remove(t->loop, other);
	loop_remove(t->loop, other);
	assert_int_equal(loop_add(t->loop, other, EPOLLIN, other_remove, t), 0);
}

static void test_events_of_a_removed_descriptor_are_not_delivered(void **state)
{
	struct pair_test t = { .loop = loop_create() };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t.pairs[i]), 0);
		assert_int_equal(loop_add(t.loop, t.pairs[i][0], EPOLLIN, other_remove, &t), 0);
		assert_int_equal(loop_add(t.loop, t.pairs[i][0], EPOLLIN, other_remove, &t), -EEXIST);
		assert_int_equal(write(t.pairs[i][1], "x", 1), 1);
	}
	loop_turn(t.loop, 0);
	assert_int_equal(t.calls, 1);
	assert_int_equal(loop_add(t.loop, -1, EPOLLIN, other_remove, &t), -EBADF);
	assert_int_equal(loop_modify(t.loop, 900, EPOLLIN), -ENOENT);
	for (unsigned i = 0; i < 2; i++) {
		close(t.pairs[i][0]);
		close(t.pairs[i][1]);
	}
	loop_destroy(t.loop);
}

static uint64_t hook_stop(void *context, uint64_t now)
{
	(void)now;
	fired++;
	loop_stop(context);
	return UINT64_MAX;
}

static void test_a_hook_that_stops_the_loop_lets_it_not_sleep(void **state)
{
	struct loop *loop = loop_create();

	(void)state;
	fired = 0;
	assert_int_equal(loop_hook_add(loop, hook_stop, loop), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(fired, 1);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines_fire_once_in_order_and_not_early),
		cmocka_unit_test(test_a_deadline_that_sets_itself_does_not_hold_up_the_loop),
		cmocka_unit_test(test_events_of_a_removed_descriptor_are_not_delivered),
		cmocka_unit_test(test_a_hook_that_stops_the_loop_lets_it_not_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
