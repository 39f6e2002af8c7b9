/* SPDX-License-Identifier: MIT */
/* The ladder of made-up traces. */
#include "golden.h"
#include "scene.h"

#include "view/ladder.h"

static struct scene scene;

enum { BOTH = 2 };

static struct ladder *ladder_open(FILE *out, const struct ladder_options *options, int ends)
{
	static const char *const names[2] = { "client", "server" };
	struct ladder *ladder = ladder_create(out, options);

	for (int side = CLIENT; side <= SERVER; side++) {
		struct eleven_endpoint end;

		text_endpoint_parse(&end, side == CLIENT ? "10.0.0.1" : "10.0.0.2");
		if (ends == BOTH || ends == side)
			ladder_host(ladder, names[side], &end.address);
	}
	return ladder;
}

/* One host's records after the other's, as the control socket may bring them. */
static void scene_feed(struct ladder *ladder, int ends)
{
	for (int side = SERVER; side >= CLIENT; side--) {
		for (size_t i = 0; i < scene.count; i++) {
			bool is_client = strcmp(scene.events[i].host, "client") == 0;

			if (is_client == (side == CLIENT) && (ends == BOTH || ends == side))
				ladder_add(ladder, &scene.events[i]);
		}
	}
}

static void ladder_golden(const struct ladder_options *options, int ends, const char *golden)
{
	struct printed printed;
	struct ladder *ladder = ladder_open(printed_open(&printed), options, ends);

	scene_finish(&scene);
	scene_feed(ladder, ends);
	ladder_draw(ladder, true, SCENE_START + 60000000000ull);
	ladder_destroy(ladder);
	for (size_t i = 0, column = 0; i < printed.n; i++) {
		column = printed.text[i] == '\n' ? 0 : column + ((printed.text[i] & 0xc0) != 0x80);
		assert_true(column <= LADDER_COLUMNS);
	}
	printed_check(&printed, golden);
	memset(&scene, 0, sizeof(scene));
}

static const struct ladder_options plain = { 0 };

static void test_whole_life_at_once(void **state)
{
	(void)state;
	scene_whole_life(&scene, .05);
	ladder_golden(&plain, BOTH, "ladder-life.golden");
}

static void test_whole_life_slowly_with_causes(void **state)
{
	(void)state;
	scene_whole_life(&scene, 800);
	ladder_golden(&(struct ladder_options){ .causes = true }, BOTH, "ladder-life-slow.golden");
}

static void test_both_open_and_close_at_once(void **state)
{
	(void)state;
	scene_simultaneous(&scene, 200);
	ladder_golden(&plain, BOTH, "ladder-crossed.golden");
}

static void test_refused_in_ascii(void **state)
{
	(void)state;
	scene_refused(&scene, 500);
	ladder_golden(&(struct ladder_options){ .ascii = true }, BOTH, "ladder-refused-ascii.golden");
}

static void test_bulk_text_is_one_line(void **state)
{
	(void)state;
	scene_bulk(&scene, 100);
	ladder_golden(&plain, BOTH, "ladder-bulk.golden");
}

static void test_one_end_only(void **state)
{
	(void)state;
	scene_whole_life(&scene, 10);
	ladder_golden(&plain, SERVER, "ladder-one-end.golden");
}

static void test_still_on_its_way(void **state)
{
	(void)state;
	scene_call(&scene, CLIENT, 0, ELEVEN_CALL_OPEN_ACTIVE, 0);
	scene_state(&scene, CLIENT, 0, ELEVEN_CLOSED, ELEVEN_SYN_SENT, RULE_OPEN_ACTIVE);
	scene_segment(&scene, CLIENT, 58000, -1, S, 0, 0, 0, false);
	ladder_golden(&plain, BOTH, "ladder-on-its-way.golden");
}

/* The same pair of ends twice: two ladders. */
static void test_two_lives_of_one_pair(void **state)
{
	size_t first;

	(void)state;
	scene_refused(&scene, 1);
	first = scene.count;
	scene_refused(&scene, 1);
	for (size_t i = first; i < scene.count; i++) {
		struct eleven_trace *trace = &scene.events[i].trace;

		trace->time += 1000000000;
		if (trace->kind != ELEVEN_TRACE_IN && trace->kind != ELEVEN_TRACE_OUT)
			continue;
		if (trace->segment.flags & A)
			trace->segment.ack += 777;
		else
			trace->segment.seq += 777;
	}
	ladder_golden(&plain, BOTH, "ladder-two-lives.golden");
}

/* What is drawn bit by bit has every row that is drawn at once, in whatever pieces it comes. */
static void test_drawn_in_pieces(void **state)
{
	static const char *const words[] = {
		"connect()", "SYN-SENT", "SYN-RECEIVED", "accept()", "send(6)", "shutdown()", "FIN-WAIT-1",
		"FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT", "2 MSL over", "RTO is over", "(again)", "✗",
	};
	unsigned seed = 11;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct ladder *ladder;
		char *text;
		size_t n;
		FILE *out = open_memstream(&text, &n);

		scene_whole_life(&scene, 300);
		scene_finish(&scene);
		ladder = ladder_open(out, &plain, BOTH);
		for (size_t i = 0; i < scene.count; i++) {
			ladder_add(ladder, &scene.events[i]);
			seed = seed * 1103515245 + 12345;
			if (seed >> 16 & 1)
				ladder_draw(ladder, false, 0);
		}
		ladder_draw(ladder, true, SCENE_START + 60000000000ull);
		ladder_destroy(ladder);
		fclose(out);
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			assert_non_null(strstr(text, words[i]));
		assert_null(strstr(text, "still on its way"));
		free(text);
		memset(&scene, 0, sizeof(scene));
	}
}

/* Any records at all: nothing breaks, and no line is too wide. */
static void test_random_records(void **state)
{
	unsigned seed = 4711;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct ladder_options options = { .full = round & 1, .causes = round & 2, .ascii = round & 4 };
		struct ladder *ladder;
		char *text;
		size_t n, column = 0;
		FILE *out = open_memstream(&text, &n);

		for (int i = 0; i < 60; i++) {
			unsigned char bytes[sizeof(struct eleven_trace_segment)];
			struct eleven_trace *trace;

			for (size_t b = 0; b < sizeof(bytes); b++)
				bytes[b] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
			trace = scene_add(&scene, bytes[0] & 1, bytes[1] * 3.7, bytes[2] % 7);
			memcpy(&trace->segment, bytes, sizeof(bytes));
			trace->call = bytes[3] % 10;
			trace->timer = bytes[4] % 10;
			trace->rule = bytes[5];
			trace->value = (int)bytes[6] - 128;
			trace->state_before = bytes[7] % 13;
			trace->state_after = bytes[8] % 13;
		}
		scene_finish(&scene);
		ladder = ladder_open(out, &options, round % 3);
		scene_feed(ladder, round % 3);
		ladder_draw(ladder, round & 8, 0);
		scene_feed(ladder, round % 3);
		ladder_draw(ladder, true, SCENE_START + 60000000000ull);
		ladder_destroy(ladder);
		fclose(out);
		for (size_t i = 0; i < n; i++) {
			column = text[i] == '\n' ? 0 : column + ((text[i] & 0xc0) != 0x80);
			assert_true(column <= LADDER_COLUMNS + (options.ascii ? 60u : 0u));
		}
		free(text);
		memset(&scene, 0, sizeof(scene));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life_at_once),
		cmocka_unit_test(test_whole_life_slowly_with_causes),
		cmocka_unit_test(test_both_open_and_close_at_once),
		cmocka_unit_test(test_refused_in_ascii),
		cmocka_unit_test(test_bulk_text_is_one_line),
		cmocka_unit_test(test_one_end_only),
		cmocka_unit_test(test_still_on_its_way),
		cmocka_unit_test(test_two_lives_of_one_pair),
		cmocka_unit_test(test_drawn_in_pieces),
		cmocka_unit_test(test_random_records),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
