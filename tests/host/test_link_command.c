/* SPDX-License-Identifier: MIT */
/* `eleven link`: what is said is set and shown; a line that is wrong anywhere changes nothing, and says why. */
#include "world.h"

#include "host/link_command.h"

static char reply[16384];

static int say(struct world *w, const char *text)
{
	return link_command(w->impair, w->host, text, reply, sizeof(reply));
}

static void test_what_is_set_is_shown(void **state)
{
	struct world *w = *state;

	assert_int_equal(say(w, "delay 20ms jitter 5ms loss 1% burst 4 reorder 3% dup 0.5% corrupt 0.1% "
			      "rate 10mbit queue 64k mtu 1400"), 0);
	assert_string_equal(reply, "");
	assert_int_equal(say(w, "show"), 0);
	assert_string_equal(reply,
		"from host a (dir=a): delay 20ms jitter 5ms loss 1% burst 4 dup 0.50% reorder 3% corrupt 0.10% "
		"rate 10mbit queue 64k mtu 1400\n"
		"from host b (dir=b): delay 20ms jitter 5ms loss 1% burst 4 dup 0.50% reorder 3% corrupt 0.10% "
		"rate 10mbit queue 64k mtu 1400\n");
	assert_int_equal(say(w, "loss 0 reorder 0 dup 0% corrupt 0 rate 0 mtu 0 jitter 0 dir=a"), 0);
	assert_int_equal(say(w, "dir=b delay 1s"), 0);
	assert_int_equal(say(w, "show"), 0);
	assert_string_equal(reply,
		"from host a (dir=a): delay 20ms\n"
		"from host b (dir=b): delay 1s jitter 5ms loss 1% burst 4 dup 0.50% reorder 3% corrupt 0.10% "
		"rate 10mbit queue 64k mtu 1400\n");
	assert_int_equal(say(w, "clear"), 0);
	assert_int_equal(say(w, "mark 5% dir=a"), 0);
	assert_int_equal(say(w, "rate 10mbit mark-above 20k queue 64k dir=b"), 0);
	assert_int_equal(say(w, "show"), 0);
	assert_string_equal(reply,
		"from host a (dir=a): mark 5%\n"
		"from host b (dir=b): rate 10mbit queue 64k mark-above 20k\n");
	assert_int_equal(say(w, "mark 0 rate 0"), 0);
	assert_int_equal(say(w, "clear"), 0);
	assert_int_equal(say(w, "host=b delay 2s"), 0);
	assert_int_equal(say(w, "pause dir=a"), 0);
	assert_int_equal(say(w, "drop 2 dir=a flags=SA from=a to=10.0.0.9"), 0);
	assert_int_equal(say(w, "drop 1 host=b flags=."), 0);
	assert_int_equal(say(w, "show"), 0);
	assert_string_equal(reply,
		"from host a (dir=a): paused\n"
		"from host b (dir=b): delay 2s\n"
		"to host b: delay 2s\n"
		"drop 2 dir=a flags=SA from=10.0.0.1 to=10.0.0.9\n"
		"drop 1 host=b flags=A\n");
	assert_int_equal(say(w, "clear"), 0);
	assert_int_equal(say(w, "show"), 0);
	assert_string_equal(reply, "from host a (dir=a): clear\nfrom host b (dir=b): clear\n");
}

static void test_a_wrong_line_changes_nothing(void **state)
{
	static const struct { const char *text, *says; } table[] = {
		{ "", "what is the wire to do" }, { "frob", "'frob' is not known" },
		{ "delay", "delay: wants a value" },
		{ "delay 2", "not '2'" }, { "delay 2h", "not '2h'" }, { "loss 101%", "not '101%'" },
		{ "mtu 10", "not '10'" }, { "delay 1s frob", "'frob'" }, { "delay 1s dir=c", "dir= is a" },
		{ "delay 1s host=x", "no host named 'x'" }, { "delay 1s flags=S", "go with drop" },
		{ "delay 1s pause", "stands alone" }, { "pause delay 1s", "stands alone" },
		{ "pause resume", "stands alone" }, { "drop", "wants how many" }, { "drop 0", "wants how many" },
		{ "drop x", "wants how many" }, { "drop 1 flags=Q", "'Q' is none of" },
		{ "drop 1 from=nobody", "'nobody' is neither" }, { "delay 1s color=red", "is not known here" },
		{ "loss 1% burst", "burst:" }, { "rate 1mbit queue x", "queue:" }, { "step", "not paused" },
		{ "mark", "mark: wants a value" }, { "rate 1mbit mark-above 5x", "mark-above:" },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(say(w, table[i].text) < 0);
		if (!strstr(reply, table[i].says))
			fail_msg("%s: %s", table[i].text, reply);
		assert_null(strchr(reply, '\n'));
		assert_int_equal(say(w, "show"), 0);
		assert_string_equal(reply, "from host a (dir=a): clear\nfrom host b (dir=b): clear\n");
	}
}

static void test_very_long_lines_are_refused(void **state)
{
	struct world *w = *state;
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_true(say(w, text) < 0);
	for (unsigned i = 0; i < 500; i++)
		text[i] = i % 2 ? ' ' : 'x';
	text[500] = 0;
	assert_true(say(w, text) < 0);
}

static void test_step_shows_the_segment(void **state)
{
	struct world *w = *state;
	struct eleven_endpoint at = { .address = w->stacks[1]->interface.address, .port = 80 };
	eleven_handle client;

	assert_int_equal(say(w, "pause"), 0);
	assert_int_equal(say(w, "step"), -EAGAIN);
	assert_int_equal(eleven_open(w->stacks[0]->stack, &client, host_now(w->host)), 0);
	assert_int_equal(eleven_connect(w->stacks[0]->stack, client, &at, host_now(w->host)), 0);
	host_kick(w->stacks[0]);
	world_run(w, MS(20));
	assert_int_equal(say(w, "step"), 0);
	assert_non_null(strstr(reply, "10.0.0.1:"));
	assert_non_null(strstr(reply, " > 10.0.0.2:80 S "));
	world_run(w, MS(20));
	assert_int_equal(say(w, "step"), 0);
	assert_non_null(strstr(reply, "10.0.0.2:80 > 10.0.0.1:"));
	assert_non_null(strstr(reply, " R. "));
	world_run(w, MS(20));
	assert_int_equal(say(w, "step"), -EAGAIN);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_what_is_set_is_shown),
		WORLD_TEST(test_a_wrong_line_changes_nothing),
		WORLD_TEST(test_very_long_lines_are_refused),
		WORLD_TEST(test_step_shows_the_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
