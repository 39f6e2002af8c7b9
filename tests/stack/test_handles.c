/* SPDX-License-Identifier: MIT */
/* What holds for every call and every option: a handle that is none changes nothing, and what is set can be read. */
#include <errno.h>

#include "stack/wire.h"

/* Every call that takes a connection; the number of one. */
static int64_t call(struct wire *w, unsigned which, eleven_handle h)
{
	struct eleven *stack = w->stack[0];
	struct eleven_endpoint at = endpoint(wire_address(1), 80);
	struct eleven_slice slices[2];
	struct eleven_status status;
	eleven_handle other;
	uint64_t value;
	char text[8] = "";

	switch (which) {
	case 0: return eleven_bind(stack, h, &at, 0, w->now);
	case 1: return eleven_listen(stack, h, 1, w->now);
	case 2: return eleven_connect(stack, h, &at, w->now);
	case 3: return eleven_accept(stack, h, &other, w->now);
	case 4: return eleven_send(stack, h, text, sizeof(text), 0, w->now);
	case 5: return eleven_send_buf(stack, h, 8, slices, w->now);
	case 6: return eleven_send_commit(stack, h, 8, 0, w->now);
	case 7: return eleven_receive(stack, h, text, sizeof(text), w->now);
	case 8: return eleven_receive_buf(stack, h, slices, w->now);
	case 9: return eleven_receive_commit(stack, h, 1, w->now);
	case 10: return eleven_shutdown(stack, h, w->now);
	case 11: return eleven_shutdown_receive(stack, h, w->now);
	case 12: return eleven_close(stack, h, w->now);
	case 13: return eleven_abort(stack, h, w->now);
	case 14: return eleven_status(stack, h, &status);
	case 15: return eleven_option_set(stack, h, ELEVEN_OPTION_NODELAY, 1, w->now);
	case 16: return eleven_option_get(stack, h, ELEVEN_OPTION_NODELAY, &value);
	default: return 1;
	}
}

#define CALLS 17u

/* All of a connection that anybody can see. */
static void seen(struct wire *w, eleven_handle h, struct eleven_status *status, struct eleven_stats *stats)
{
	memset(status, 0, sizeof(*status));
	memset(stats, 0, sizeof(*stats));
	assert_int_equal(eleven_status(w->stack[0], h, status), 0);
	eleven_stats(w->stack[0], stats);
}

static void test_no_call_takes_a_handle_that_is_none(void **state)
{
	struct eleven_status before, after;
	struct eleven_stats stats_before, stats_after;
	eleven_handle client, server, closed;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 31);
	wire_start(&w);
	wire_pair(&w, 8000, &client, &server);
	assert_int_equal(eleven_open(w.stack[0], &closed, w.now), 0);
	assert_int_equal(eleven_close(w.stack[0], closed, w.now), 0);
	seen(&w, client, &before, &stats_before);
	for (unsigned which = 0; which < CALLS; which++) {
		assert_int_equal(call(&w, which, 0), -EBADF);
		assert_int_equal(call(&w, which, closed), -EBADF);
		for (unsigned bit = 0; bit < 64; bit++)                 /* another place, or another life of this one */
			assert_int_equal(call(&w, which, client ^ (uint64_t)1 << bit), -EBADF);
		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(call(&w, which, random_next(&w.random) | 1ull << 63), -EBADF);
	}
	seen(&w, client, &after, &stats_after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_memory_equal(&stats_before, &stats_after, sizeof(stats_before));
	wire_end(&w);
}

/*
 * A value that is taken can be read, and setting what was read changes nothing; one that is not leaves all as it was.
 */
static void option_hold(struct wire *w, eleven_handle h, enum eleven_option option, uint64_t value)
{
	uint64_t was = 0, is = 0, again = 0;
	int got = eleven_option_get(w->stack[0], h, option, &was);
	int set = eleven_option_set(w->stack[0], h, option, value, w->now);

	assert_int_equal(got, 0);
	assert_true(set == 0 || set == -EINVAL);
	assert_int_equal(eleven_option_get(w->stack[0], h, option, &is), 0);
	if (set < 0)
		assert_true(is == was);
	else if (option != ELEVEN_OPTION_MSS &&         /* read of a connection it is what is in use, not the cap */
		 eleven_option_set(w->stack[0], h, option, is, w->now) == 0) {
		assert_int_equal(eleven_option_get(w->stack[0], h, option, &again), 0);
		assert_true(is == again);
	}
}

static void options_hold(struct wire *w, eleven_handle h)
{
	static const uint64_t values[] = {
		0, 1, 2, 10, 127, 128, 255, 256, 536, 1460, 32767, 32768, 65536, 1u << 30, (1u << 30) + 1,
		UINT32_MAX, SEC(1), SEC(100), 1ull << 50, (1ull << 50) + 1, UINT64_MAX,
	};
	uint64_t value;

	for (unsigned option = 0; option < ELEVEN_OPTIONS; option++)
		for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			option_hold(w, h, (enum eleven_option)option, values[i]);
	assert_int_equal(eleven_option_get(w->stack[0], h, ELEVEN_OPTIONS, &value), -ENOPROTOOPT);
	assert_int_equal(eleven_option_set(w->stack[0], h, ELEVEN_OPTIONS, 1, w->now), -ENOPROTOOPT);
}

static void test_what_is_set_can_be_read(void **state)
{
	eleven_handle fresh, listener, opening, client, server;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 32);
	wire_start(&w);
	wire_pair(&w, 8000, &client, &server);
	assert_int_equal(eleven_open(w.stack[0], &fresh, w.now), 0);
	listener = wire_listen(&w, 0, 9000);
	opening = wire_connect(&w, 0, wire_address(1), 9);
	options_hold(&w, fresh);
	options_hold(&w, listener);
	options_hold(&w, opening);
	options_hold(&w, client);
	assert_int_equal(eleven_shutdown(w.stack[0], client, w.now), 0);
	wire_run(&w, SEC(1));
	options_hold(&w, client);                                       /* FIN-WAIT-2 */
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_FIN_WAIT_2);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_call_takes_a_handle_that_is_none),
		cmocka_unit_test(test_what_is_set_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
