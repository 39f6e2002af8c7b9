/* SPDX-License-Identifier: MIT */
/* Lines of watch and trace, and their JSON. */
#include "golden.h"
#include "scene.h"

#include "view/json.h"

static struct scene scene;

static void test_lines_of_watch(void **state)
{
	struct printed printed;
	FILE *out = printed_open(&printed);
	uint64_t last = 0;

	(void)state;
	scene_whole_life(&scene, 800);
	scene_finish(&scene);
	for (size_t i = 0; i < scene.count; i++) {
		char line[EVENT_LINE_MAX];

		fprintf(out, "%s\n", event_line(line, &scene.events[i], &last));
	}
	printed_check(&printed, "watch.golden");
}

static void test_lines_of_trace(void **state)
{
	struct printed printed;
	FILE *out = printed_open(&printed);

	(void)state;
	for (size_t i = 0; i < scene.count; i++) {
		char line[EVENT_LINE_MAX];

		if (scene.events[i].trace.kind == ELEVEN_TRACE_IN || scene.events[i].trace.kind == ELEVEN_TRACE_OUT)
			fprintf(out, "%s\n", event_segment_line(line, &scene.events[i]));
	}
	printed_check(&printed, "trace.golden");
}

static void test_json_of_records(void **state)
{
	struct printed printed;
	FILE *out = printed_open(&printed);

	(void)state;
	for (size_t i = 0; i < scene.count; i++)
		json_line(out, json_event(&scene.events[i]));
	fflush(out);
	for (char *line = strtok(strdup(printed.text), "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_t *row = json_loads(line, 0, NULL);

		assert_non_null(row);
		assert_true(json_is_string(json_object_get(row, "event")));
		json_decref(row);
	}
	printed_check(&printed, "events.golden");
}

/* The codepoint of the packet is told before the segment, as in packetdrill's scripts. */
static void test_congestion_marks(void **state)
{
	struct eleven_trace trace = { .kind = ELEVEN_TRACE_IN, .irs = 99, .iss = 199,
				      .segment = { .seq = 100, .ack = 200, .text_bytes = 10, .window = 5,
						   .flags = 16 | 64 | 128 } };
	struct view_event event = { .trace = trace, .host = "h" };
	char line[SEGMENT_PRINT_MAX];
	json_t *row;

	(void)state;
	assert_string_equal(event_segment(line, &event.trace), ".EW 1:11(10) ack 1 win 5");
	event.trace.segment.ecn = 3;
	assert_string_equal(event_segment(line, &event.trace), "[ce] .EW 1:11(10) ack 1 win 5");
	event.trace.segment.ecn = 2;
	assert_string_equal(event_segment_short(line, &event.trace), "[ect0] .EW 1:11(10) ack 1 win 5");
	row = json_event(&event);
	assert_string_equal(json_string_value(json_object_get(json_object_get(row, "fields"), "ecn")), "ect0");
	json_decref(row);
}

/* Values no stack would write. */
static void test_nonsense_is_printed_all_the_same(void **state)
{
	unsigned seed = 5;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct view_event event = { .host = "h" };
		unsigned char *bytes = (unsigned char *)&event.trace;
		char line[EVENT_LINE_MAX];
		uint64_t last = (uint64_t)round;
		json_t *row;

		for (size_t i = 0; i < sizeof(event.trace); i++)
			bytes[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
		event.trace.kind %= 8;
		event.trace.time %= 1ull << 61;
		assert_true(strlen(event_line(line, &event, &last)) < EVENT_LINE_MAX);
		assert_true(strlen(event_segment_line(line, &event)) < EVENT_LINE_MAX);
		row = json_event(&event);
		assert_non_null(row);
		json_decref(row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_watch),
		cmocka_unit_test(test_lines_of_trace),
		cmocka_unit_test(test_json_of_records),
		cmocka_unit_test(test_congestion_marks),
		cmocka_unit_test(test_nonsense_is_printed_all_the_same),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
