/* SPDX-License-Identifier: MIT */
/*
 * tests/transitions.tsv, row by row: a connection is put into the row's state, the event is given under its guard,
 * what is sent is checked, and the next state.
 *
 * A row of profile rfc runs under modern and strict, one of profile linux under linux, one of bsd alone under
 * modern.  A row in TIME-WAIT runs for a connection that a program holds and for the small record.  Rows that cannot
 * run are named with the reason, and a row that is in neither list fails.  Where eleven rightly ends in another state
 * than the row, the table below has that state and DEVIATIONS.md the reason.
 */
#include "rows_below.h"
#include "rows_calls.h"
#include "rows_segments.h"
#include "rows_steps.h"
#include "rows_timeouts.h"
#include "rows_loss.h"

#define ROWS_MAX 600

struct row {
	char *id, *state, *event, *next, *profile;
};

static char *table_text;
static struct row rows[ROWS_MAX];
static unsigned row_count;

/* What a run of rows does. `from`: how to get to the state, NULL: as in `places`, to_closed: the stimulus does it. */
static const struct doing {
	unsigned first, last;
	void (*stimulus)(struct script *, const struct place *);
	void (*from)(struct script *);
	const char *instead;            /* of the row's next state: see DEVIATIONS.md */
	const char *reason;             /* why it is not run */
} doings[] = {
	{ 1, 1, open_passive, to_closed, NULL, NULL },
	{ 2, 2, open_active, to_closed, NULL, NULL },
	{ 3, 3, open_unspecified, to_closed, NULL, NULL },
	{ 4, 4, open_to_groups, to_closed, NULL, NULL },
	{ 5, 5, NULL, NULL, NULL, "the core knows no processes: who may open what is its host's to say" },
	{ 6, 6, open_no_room, to_closed, NULL, NULL },
	{ 7, 7, open_active_on_listener, NULL, "LISTEN", NULL },
	{ 8, 8, open_active_on_listener, NULL, NULL, NULL },
	{ 9, 9, open_passive_again, NULL, NULL, NULL },
	{ 10, 10, open_again, NULL, NULL, NULL },
	{ 11, 11, open_again, to_syn_received_active, NULL, NULL },
	{ 12, 18, open_again, NULL, NULL, NULL },
	{ 19, 19, send_no_connection, NULL, NULL, NULL },
	{ 20, 20, send_no_connection, NULL, "LISTEN", NULL },
	{ 21, 21, send_no_connection, NULL, NULL, NULL },
	{ 22, 22, send_queued, NULL, NULL, NULL },
	{ 23, 23, send_queued, to_syn_received_active, NULL, NULL },
	{ 24, 24, send_no_space, NULL, NULL, NULL },
	{ 25, 25, send_no_space, to_syn_received_active, NULL, NULL },
	{ 26, 27, send_text, NULL, NULL, NULL },
	{ 28, 29, send_no_space, NULL, NULL, NULL },
	{ 30, 34, send_closing, NULL, NULL, NULL },
	{ 35, 36, receive_no_connection, NULL, NULL, NULL },
	{ 37, 37, receive_nothing_yet, NULL, NULL, NULL },
	{ 38, 38, receive_nothing_yet, to_syn_received_active, NULL, NULL },
	{ 39, 41, receive_text, NULL, NULL, NULL },
	{ 42, 44, receive_nothing_yet, NULL, NULL, NULL },
	{ 45, 45, receive_before_the_end, to_closed, NULL, NULL },
	{ 46, 49, receive_end, NULL, NULL, NULL },
	{ 50, 50, close_no_connection, NULL, NULL, NULL },
	{ 51, 51, close_listener, NULL, NULL, NULL },
	{ 52, 52, close_syn_sent, NULL, NULL, NULL },
	{ 53, 53, close_syn_received, to_syn_received_active, NULL, NULL },
	{ 54, 54, close_syn_received_with_text, to_syn_received_active, NULL, NULL },
	{ 55, 55, close_with_text_unsent, NULL, NULL, NULL },
	{ 56, 57, close_again, NULL, NULL, NULL },
	{ 58, 58, close_sends_fin, NULL, NULL, NULL },
	{ 59, 61, close_again, NULL, NULL, NULL },
	{ 62, 62, abort_no_connection, NULL, NULL, NULL },
	{ 63, 63, abort_listener, NULL, NULL, NULL },
	{ 64, 64, abort_silent, NULL, NULL, NULL },
	{ 65, 65, abort_resets, to_syn_received_active, NULL, NULL },
	{ 66, 69, abort_resets, NULL, NULL, NULL },
	{ 70, 72, abort_silent, NULL, NULL, NULL },
	{ 73, 73, status_closed, NULL, NULL, NULL },
	{ 74, 83, status_tells, NULL, NULL, NULL },
	{ 84, 84, closed_rst, NULL, NULL, NULL },
	{ 85, 85, closed_no_ack, NULL, NULL, NULL },
	{ 86, 86, closed_ack, NULL, NULL, NULL },
	{ 87, 87, closed_checksum, NULL, NULL, NULL },
	{ 88, 88, listen_rst, NULL, NULL, NULL },
	{ 89, 89, listen_ack, NULL, NULL, NULL },
	{ 90, 90, security_listen, NULL, "SYN-RECEIVED", NULL },
	{ 91, 91, listen_from_itself, NULL, NULL, NULL },
	{ 92, 92, listen_syn, NULL, NULL, NULL },
	{ 93, 93, listen_other, NULL, NULL, NULL },
	{ 94, 94, listen_syn_fin, NULL, NULL, NULL },
	{ 95, 95, listen_full, NULL, "ESTABLISHED elsewhere", NULL },
	{ 96, 96, listen_syn, NULL, "SYN-RECEIVED", NULL },
	{ 97, 97, listen_cookie_ack, NULL, NULL, NULL },
	{ 98, 98, early_text_taken, to_closed, NULL, NULL },
	{ 99, 99, syn_sent_bad_ack_rst, NULL, NULL, NULL },
	{ 100, 100, syn_sent_bad_ack, NULL, NULL, NULL },
	{ 101, 101, syn_sent_refused, NULL, NULL, NULL },
	{ 102, 102, syn_sent_rst_without_ack, NULL, NULL, NULL },
	{ 103, 103, security_syn_sent, NULL, "ESTABLISHED", NULL },
	{ 104, 104, syn_sent_syn_ack, NULL, NULL, NULL },
	{ 105, 105, syn_sent_syn_ack_fin, NULL, NULL, NULL },
	{ 106, 106, syn_sent_crossed, NULL, NULL, NULL },
	{ 107, 107, syn_sent_other, NULL, NULL, NULL },
	{ 108, 108, syn_sent_itself, to_closed, "ESTABLISHED", NULL },
	{ 109, 109, syn_sent_echo_bad, to_closed, NULL, NULL },
	{ 110, 117, seq_outside, NULL, NULL, NULL },
	{ 118, 125, rst_outside, NULL, NULL, NULL },
	{ 126, 133, paws, to_closed, NULL, NULL },
	{ 134, 134, syn_received_gap, NULL, "ESTABLISHED", NULL },
	{ 135, 137, gap, NULL, NULL, NULL },
	{ 138, 141, gap_after_fin, NULL, NULL, NULL },
	{ 142, 142, syn_received_again, NULL, NULL, NULL },
	{ 143, 143, syn_refused, to_closed, NULL, NULL },
	{ 144, 144, syn_received_rst, NULL, NULL, NULL },
	{ 145, 145, syn_received_rst_active, to_syn_received_active, NULL, NULL },
	{ 146, 146, rst_inside, NULL, NULL, NULL },
	{ 147, 150, rst_exact, NULL, NULL, NULL },
	{ 151, 152, rst_after_close, NULL, NULL, NULL },
	{ 153, 153, rst_after_close, NULL, "TIME-WAIT", NULL },
	{ 154, 160, rst_inside, NULL, NULL, NULL },
	{ 161, 167, rst_outside, NULL, NULL, NULL },
	{ 168, 170, rst_at_sack_edge, to_closed, NULL, NULL },
	{ 171, 171, rst_behind_fin, NULL, "CLOSE-WAIT", NULL },
	{ 172, 172, rst_behind_fin, NULL, "CLOSING", NULL },
	{ 173, 173, rst_behind_fin, NULL, "LAST-ACK", NULL },
	{ 174, 176, rst_before_nxt, NULL, NULL, NULL },
	{ 177, 177, security_anywhere, NULL, NULL, NULL },
	{ 178, 178, security_anywhere, NULL, "ESTABLISHED", NULL },
	{ 179, 179, security_anywhere, NULL, "FIN-WAIT-1", NULL },
	{ 180, 180, security_anywhere, NULL, "FIN-WAIT-2", NULL },
	{ 181, 181, security_anywhere, NULL, "CLOSE-WAIT", NULL },
	{ 182, 182, security_anywhere, NULL, "CLOSING", NULL },
	{ 183, 183, security_anywhere, NULL, "LAST-ACK", NULL },
	{ 184, 184, security_anywhere, NULL, "TIME-WAIT", NULL },
	{ 185, 185, syn_received_syn, NULL, NULL, NULL },
	{ 186, 186, syn_received_syn_active, to_syn_received_active, NULL, NULL },
	{ 187, 187, syn_received_crossed, to_syn_received_active, NULL, NULL },
	{ 188, 193, syn_anywhere, NULL, NULL, NULL },
	{ 194, 199, syn_resets, NULL, NULL, NULL },
	{ 200, 200, syn_later_timestamp, to_closed, NULL, NULL },
	{ 201, 201, syn_equal_timestamp, to_closed, NULL, NULL },
	{ 202, 202, syn_without_timestamp, to_closed, NULL, NULL },
	{ 203, 203, syn_with_first_timestamp, to_closed, NULL, NULL },
	{ 204, 204, syn_later_number, to_closed, NULL, NULL },
	{ 205, 205, syn_refused, to_closed, NULL, NULL },
	{ 206, 206, syn_later_timestamp, to_closed, NULL, NULL },
	{ 207, 207, syn_refused, to_closed, NULL, NULL },
	{ 208, 208, syn_later_number, to_closed, NULL, NULL },
	{ 209, 209, open_over_time_wait, NULL, "TIME-WAIT", NULL },
	{ 210, 217, no_ack, NULL, NULL, NULL },
	{ 218, 224, ack_out_of_range, NULL, NULL, NULL },
	{ 225, 225, syn_received_third_ack, NULL, NULL, NULL },
	{ 226, 226, syn_received_bad_ack, NULL, NULL, NULL },
	{ 227, 227, syn_received_queue_full, to_closed, NULL, NULL },
	{ 228, 228, syn_received_deferred, to_closed, "ESTABLISHED", NULL },
	{ 229, 230, ack_new, NULL, NULL, NULL },
	{ 231, 236, ack_duplicate, NULL, NULL, NULL },
	{ 237, 242, ack_future, NULL, NULL, NULL },
	{ 243, 243, ack_of_fin, NULL, NULL, NULL },
	{ 244, 244, ack_not_of_fin, to_closed, NULL, NULL },
	{ 245, 245, ack_again, NULL, NULL, NULL },
	{ 246, 246, ack_of_fin, NULL, NULL, NULL },
	{ 247, 247, ack_not_of_fin, to_closed, NULL, NULL },
	{ 248, 248, ack_of_fin, NULL, NULL, NULL },
	{ 249, 249, ack_not_of_fin, to_closed, NULL, NULL },
	{ 250, 250, fin_in_time_wait, NULL, NULL, NULL },
	{ 251, 253, urgent, NULL, NULL, NULL },
	{ 254, 257, urgent_ignored, NULL, NULL, NULL },
	{ 258, 260, text_in_order, NULL, NULL, NULL },
	{ 261, 263, text_fills_gap, NULL, NULL, NULL },
	{ 264, 267, text_after_fin, NULL, NULL, NULL },
	{ 268, 269, text_after_close, to_closed, NULL, NULL },
	{ 270, 270, text_over_fin, NULL, "CLOSE-WAIT", NULL },
	{ 271, 271, text_over_fin, NULL, "CLOSING", NULL },
	{ 272, 272, text_over_fin, NULL, "LAST-ACK", NULL },
	{ 273, 273, closed_fin, NULL, NULL, NULL },
	{ 274, 274, listen_other, NULL, NULL, NULL },
	{ 275, 275, syn_sent_other, NULL, NULL, NULL },
	{ 276, 276, syn_received_fin, NULL, NULL, NULL },
	{ 277, 277, syn_received_fin_without_ack, NULL, NULL, NULL },
	{ 278, 278, fin, NULL, NULL, NULL },
	{ 279, 279, fin_with_ack_of_ours, NULL, NULL, NULL },
	{ 280, 281, fin, NULL, NULL, NULL },
	{ 282, 282, fin_behind_gap, NULL, "TIME-WAIT", NULL },
	{ 283, 285, fin_again, NULL, NULL, NULL },
	{ 286, 286, fin_in_time_wait, NULL, NULL, NULL },
	{ 287, 287, user_timeout, NULL, NULL, NULL },
	{ 288, 288, user_timeout, to_syn_received_active, NULL, NULL },
	{ 289, 290, user_timeout, NULL, NULL, NULL },
	{ 291, 291, user_timeout_nothing_sent, NULL, "FIN-WAIT-2", NULL },
	{ 292, 294, user_timeout, NULL, NULL, NULL },
	{ 295, 295, syn_again, NULL, NULL, NULL },
	{ 296, 296, syn_given_up, NULL, NULL, NULL },
	{ 297, 297, syn_again, NULL, NULL, NULL },
	{ 298, 298, syn_ack_given_up, NULL, NULL, NULL },
	{ 299, 299, syn_given_up, to_syn_received_active, NULL, NULL },
	{ 300, 304, again, NULL, NULL, NULL },
	{ 305, 309, path_suspected, NULL, NULL, NULL },
	{ 310, 314, given_up, NULL, NULL, NULL },
	{ 315, 317, orphan_given_up, NULL, NULL, NULL },
	{ 318, 318, orphan_forgotten, NULL, NULL, NULL },
	{ 319, 319, two_msl, NULL, NULL, NULL },
	{ 320, 324, persist, to_closed, NULL, NULL },
	{ 325, 326, keepalive, NULL, NULL, NULL },
	{ 327, 327, keepalive_behind_fin, NULL, NULL, NULL },
	{ 328, 328, keepalive, NULL, NULL, NULL },
	{ 329, 330, keepalive_given_up, NULL, NULL, NULL },
	{ 331, 331, keepalive_behind_fin_given_up, NULL, NULL, NULL },
	{ 332, 332, keepalive_given_up, NULL, NULL, NULL },
	{ 333, 333, delayed_ack, NULL, NULL, NULL },
	{ 334, 334, delayed_ack_before_fin, to_closed, NULL, NULL },
	{ 335, 336, delayed_ack, NULL, NULL, NULL },
	{ 337, 341, tail_probed, to_closed, NULL, NULL },
	{ 342, 346, reordering_over, to_closed, NULL, NULL },
	{ 347, 348, icmp_soft, NULL, NULL, NULL },
	{ 349, 352, icmp_aborts, NULL, NULL, NULL },
	{ 353, 358, icmp_hard, NULL, NULL, NULL },
	{ 359, 364, icmp_soft, NULL, NULL, NULL },
	{ 365, 371, icmp_too_big, NULL, NULL, NULL },
	{ 372, 380, source_quench, NULL, NULL, NULL },
	{ 381, 381, icmp_ignored, NULL, NULL, NULL },
	{ 382, 383, shutdown_sends_fin, NULL, NULL, NULL },
	{ 384, 384, close_syn_received, to_syn_received_active, NULL, NULL },
	{ 385, 385, close_unread, to_closed, NULL, NULL },
	{ 386, 386, early_text_unread, to_closed, NULL, NULL },
	{ 387, 389, close_unread, to_closed, NULL, NULL },
	{ 390, 393, close_linger_reset, NULL, NULL, NULL },
	{ 394, 394, close_linger_reset, to_syn_received_active, NULL, NULL },
	{ 395, 396, close_linger_reset_unsent, to_closed, NULL, NULL },
	{ 397, 398, close_sends_fin, NULL, NULL, NULL },
	{ 399, 399, close_listener_with_children, NULL, NULL, NULL },
	{ 400, 400, close_syn_sent, NULL, NULL, NULL },
	{ 401, 401, close_syn_sent, NULL, NULL, NULL },
	{ 402, 402, shutdown_silent, NULL, "CLOSED", NULL },
	{ 403, 403, shutdown_sends_fin, to_syn_received_active, "FIN-WAIT-1", NULL },
	{ 404, 404, close_orphans, NULL, NULL, NULL },
	{ 405, 405, closed_ack, NULL, NULL, NULL },
	{ 406, 406, syn_of_rebooted_peer, NULL, NULL, NULL },
	{ 407, 412, syn_anywhere, NULL, NULL, NULL },
	{ 413, 413, orphan_rst, NULL, "FIN-WAIT-2", NULL },
	{ 414, 414, orphan_syn, NULL, "FIN-WAIT-2", NULL },
	{ 415, 415, text_after_close, to_closed, NULL, NULL },
	{ 416, 416, orphan_fin, NULL, NULL, NULL },
	{ 417, 417, orphan_not_waited_for, NULL, NULL, NULL },
	{ 418, 418, text_after_close, to_closed, NULL, NULL },
	{ 419, 419, rst_after_close, NULL, NULL, NULL },
	{ 420, 420, rst_after_close, NULL, NULL, NULL },
	{ 421, 421, paws, to_closed, NULL, NULL },
	{ 422, 422, time_wait_full, to_closed, NULL, NULL },
	{ 423, 423, syn_received_echo_bad, to_closed, NULL, NULL },
	{ 424, 424, syn_received_fin, NULL, NULL, NULL },
	{ 425, 425, no_flags, NULL, NULL, NULL },
	{ 426, 426, syn_received_rst, NULL, NULL, NULL },
	{ 427, 427, listen_full, NULL, "ESTABLISHED elsewhere", NULL },
};
#define DOINGS (sizeof(doings) / sizeof(doings[0]))

static const struct doing *doing_of(const struct row *row)
{
	unsigned number = (unsigned)strtoul(row->id + 1, NULL, 10);

	for (unsigned i = 0; i < DOINGS; i++)
		if (number >= doings[i].first && number <= doings[i].last)
			return &doings[i];
	return NULL;
}

/* ---- the table */

static char *field_next(char **line)
{
	char *field = *line, *tab = strpbrk(*line, "\t\n");

	if (tab == NULL)
		return field;
	*line = tab + 1;
	*tab = 0;
	return field;
}

static void rows_read(void)
{
	FILE *file = fopen(TRANSITIONS, "r");
	char *at, *end;
	long bytes;

	if (file == NULL) {
		perror(TRANSITIONS);
		exit(1);
	}
	fseek(file, 0, SEEK_END);
	bytes = ftell(file);
	rewind(file);
	table_text = calloc(1, (size_t)bytes + 1);
	if (fread(table_text, 1, (size_t)bytes, file) != (size_t)bytes)
		exit(1);
	fclose(file);
	for (at = strchr(table_text, '\n') + 1; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		struct row *row = &rows[row_count++];

		row->state = field_next(&at);
		row->event = field_next(&at);
		field_next(&at);
		field_next(&at);
		row->next = field_next(&at);
		field_next(&at);
		row->profile = field_next(&at);
		field_next(&at);
		row->id = field_next(&at);
	}
}

/* The state whose name the text begins with. */
static int state_named(const char *text)
{
	for (int i = 0; i < ELEVEN_STATES; i++) {
		size_t n = strlen(state_names[i]);

		if (strncmp(text, state_names[i], n) == 0 && (text[n] == 0 || text[n] == ' '))
			return i;
	}
	return -1;
}

/* ---- a run */

static void next_state_is(struct script *s, const char *next)
{
	struct eleven_status status;
	int want = state_named(next);

	assert_int_not_equal(want, -1);
	if (strstr(next, "elsewhere"))
		s->their_port = THEIR_PORT;
	if (want == ELEVEN_LISTEN) {
		assert_int_equal(tcp_status(s->tcp, s->listener, &status), 0);
		assert_int_equal(status.state, ELEVEN_LISTEN);
		want = ELEVEN_CLOSED;   /* and there is no connection */
	}
	state_is(s, (enum eleven_state)want);
}

static void row_run_under(const struct row *row, enum eleven_profile profile, bool fold)
{
	const struct doing *d = doing_of(row);
	const struct place *p = &places[state_named(row->state)];
	struct script s;

	script_config(&s, profile);
	script_begin(&s);
	folded = fold;
	(d->from ? d->from : p->to)(&s);
	if (fold && d->from == NULL)
		assert_int_equal(tcp_close(s.tcp, s.h, s.now), 0);
	d->stimulus(&s, p);
	next_state_is(&s, d->instead ? d->instead : row->next);
	script_end(&s);
}

/* A row about a segment or a timeout in TIME-WAIT holds for both forms of it. */
static void row_run(const struct row *row, enum eleven_profile profile)
{
	bool both = strcmp(row->state, "TIME-WAIT") == 0 && strncmp(row->event, "SEG", 3) == 0;

	row_run_under(row, profile, false);
	if (both)
		row_run_under(row, profile, true);
}

static void row_test(void **state)
{
	const struct row *row = *state;

	if (strstr(row->profile, "rfc")) {
		row_run(row, ELEVEN_MODERN);
		row_run(row, ELEVEN_STRICT);
	}
	if (strstr(row->profile, "linux"))
		row_run(row, ELEVEN_LINUX);
	if (strcmp(row->profile, "bsd") == 0)
		row_run(row, ELEVEN_MODERN);
}

static void test_every_row_runs_or_has_a_reason(void **state)
{
	unsigned run = 0;

	(void)state;
	for (unsigned i = 0; i < row_count; i++) {
		const struct doing *d = doing_of(&rows[i]);

		if (d == NULL)
			fail_msg("%s is in neither list", rows[i].id);
		run += d->stimulus != NULL;
		if (d->stimulus == NULL)
			print_message("# %s %s, %s: not run: %s\n", rows[i].id, rows[i].state, rows[i].event,
				      d->reason);
	}
	print_message("# %u of %u rows run\n", run, row_count);
	assert_int_equal(row_count, 427);
}

int main(void)
{
	static struct CMUnitTest tests[ROWS_MAX];
	static char names[ROWS_MAX][100];
	size_t count = 0;

	rows_read();
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_every_row_runs_or_has_a_reason);
	for (unsigned i = 0; i < row_count; i++) {
		const struct doing *d = doing_of(&rows[i]);

		if (d == NULL || d->stimulus == NULL)
			continue;
		snprintf(names[i], sizeof(names[i]), "%s %s, %s", rows[i].id, rows[i].state, rows[i].event);
		tests[count++] = (struct CMUnitTest){ names[i], row_test, NULL, NULL, &rows[i] };
	}
	return _cmocka_run_group_tests("transitions", tests, count, NULL, NULL);
}
