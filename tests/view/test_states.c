/* SPDX-License-Identifier: MIT */
/* The state diagram, and what each state waits for. */
#include "golden.h"
#include "rows.h"

#include "view/diagram.h"
#include "view/leave.h"

static void diagram(const struct diagram_options *options, const char *golden)
{
	struct printed printed;
	struct view view = { 0 };
	FILE *out = printed_open(&printed);

	rows_fill(&view);
	diagram_print(out, options, &view);
	for (size_t i = 0; i < view.count; i++)
		diagram_conn(out, options, &view, &view.conns[i]);
	view_free(&view);
	printed_check(&printed, golden);
}

static void test_diagram(void **state)
{
	(void)state;
	diagram(&(struct diagram_options){ .ascii = false }, "states.golden");
}

static void test_diagram_in_ascii(void **state)
{
	(void)state;
	diagram(&(struct diagram_options){ .ascii = true }, "states-ascii.golden");
}

static void test_no_line_of_the_diagram_is_wider_than_100(void **state)
{
	struct diagram_options options = { .ascii = true };
	struct view view = { 0 };
	char *text;
	size_t n, column = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	diagram_print(out, &options, &view);
	fclose(out);
	for (size_t i = 0; i < n; i++) {
		assert_true((unsigned char)text[i] < 0x80);
		column = text[i] == '\n' ? 0 : column + 1;
		assert_true(column <= 100);
	}
	free(text);
}

static void test_counts_stay_in_their_box(void **state)
{
	struct diagram_options options = { .ascii = false };
	struct view view = { 0 };
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	for (int i = 0; i < 12345; i++)
		row_add(&view, "a", "10.0.0.1:1", "10.0.0.2:2", ELEVEN_TIME_WAIT);
	diagram_print(out, &options, &view);
	fclose(out);
	assert_non_null(strstr(text, "│ TIME-WAIT    12k │"));
	free(text);
	view_free(&view);
}

/* Nobody is blamed twice, and nothing is said of an owner that is not known. */
static void test_every_state_has_a_sentence(void **state)
{
	(void)state;
	for (unsigned s = 0; s < ELEVEN_STATES; s++) {
		struct view view = { 0 };
		struct conn_view *conn = row_add(&view, "a", "10.0.0.1:1", "10.0.0.2:2", (enum eleven_state)s);
		char leave[LEAVE_MAX];

		conn->sub = UINT32_MAX;
		conn->recvq = conn->sendq = VIEW_ABSENT;
		leave_sentence(leave, conn, NULL);
		assert_true(strlen(leave) > 4);
		assert_null(strstr(leave, "18446744073709551615"));
		view_free(&view);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diagram),
		cmocka_unit_test(test_diagram_in_ascii),
		cmocka_unit_test(test_no_line_of_the_diagram_is_wider_than_100),
		cmocka_unit_test(test_counts_stay_in_their_box),
		cmocka_unit_test(test_every_state_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
