/* SPDX-License-Identifier: MIT */
/* The state diagram; see diagram.h. */
#include "view/diagram.h"

#include <string.h>

#include "view/leave.h"
#include "view/text.h"

#define COUNT_COLUMNS 4

/* Each run of # is the number of connections in the state named before it, in the order of picture_states. */
static const char *const picture[] = {
	"┌──────────────────┐                  ┌──────────────────┐                  ┌──────────────────┐",
	"│ LISTEN      #### │◀─ passive OPEN ──┤ CLOSED      #### ├── active OPEN ──▶│ SYN-SENT    #### │",
	"└────┬─────────────┘                  └──────────────────┘     snd SYN      └───┬──────────┬───┘",
	"     │ rcv SYN                                                                  │          │",
	"     │ snd SYN,ACK  ╭──── rcv SYN / snd SYN,ACK: both opened at once ───────────╯          │",
	"     ▼              ▼                                                          rcv SYN,ACK │",
	"┌──────────────────┐                  ┌──────────────────┐                     snd ACK     │",
	"│ SYN-RECEIVED#### ├─ rcv ACK of SYN ▶│ ESTABLISHED #### │◀────────────────────────────────╯",
	"└────┬─────────────┘                  └───┬──────────┬───┘",
	"     │ CLOSE                              │          │",
	"     │ snd FIN      ╭── CLOSE / snd FIN ──╯          ╰─── rcv FIN / snd ACK ────╮",
	"     ▼              ▼                                                           ▼",
	"┌──────────────────┐                  ┌──────────────────┐                  ┌──────────────────┐",
	"│ FIN-WAIT-1  #### ├──── rcv FIN ────▶│ CLOSING     #### │                  │ CLOSE-WAIT  #### │",
	"└────┬─────────┬───┘     snd ACK      └────────┬─────────┘                  └────────┬─────────┘",
	"     │ rcv ACK │                               │ rcv ACK of FIN                      │ CLOSE",
	"     │ of FIN  ╰─ rcv FIN + ACK of FIN ───╮    │                                     │ snd FIN",
	"     ▼            snd ACK                 ▼    ▼                                     ▼",
	"┌──────────────────┐                  ┌──────────────────┐                  ┌──────────────────┐",
	"│ FIN-WAIT-2  #### ├──── rcv FIN ────▶│ TIME-WAIT   #### │                  │ LAST-ACK    #### │",
	"└──────────────────┘     snd ACK      └────────┬─────────┘                  └────────┬─────────┘",
	"                                               │ 2 MSL are over       rcv ACK of FIN │",
	"                                               ▼                                     ▼",
	"                                             CLOSED                                CLOSED",
	"  Not drawn: CLOSE in LISTEN and SYN-SENT, and a reset in any state, lead to CLOSED.",
};

static const enum eleven_state picture_states[ELEVEN_STATES] = {
	ELEVEN_LISTEN, ELEVEN_CLOSED, ELEVEN_SYN_SENT, ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED, ELEVEN_FIN_WAIT_1,
	ELEVEN_CLOSING, ELEVEN_CLOSE_WAIT, ELEVEN_FIN_WAIT_2, ELEVEN_TIME_WAIT, ELEVEN_LAST_ACK,
};

/* Four columns: nothing for none, `12k` from ten thousand on. */
static void count_print(FILE *out, const struct diagram_options *options, size_t count)
{
	char text[32];

	if (count == 0)
		text[0] = '\0';
	else if (count < 10000)
		snprintf(text, sizeof(text), "%zu", count);
	else if (count < 1000000)
		snprintf(text, sizeof(text), "%zuk", count / 1000);
	else
		snprintf(text, sizeof(text), "%zuM", count / 1000000);
	fprintf(out, options->bold && count > 0 ? "\033[1m%*s\033[0m" : "%*s", COUNT_COLUMNS, text);
}

void diagram_print(FILE *out, const struct diagram_options *options, const struct view *view)
{
	size_t counts[ELEVEN_STATES] = { 0 };
	unsigned next = 0;

	for (size_t i = 0; i < view->count; i++)
		counts[view->conns[i].state]++;
	for (size_t i = 0; i < sizeof(picture) / sizeof(picture[0]); i++) {
		const char *line = picture[i], *mark;
		char part[512];

		while ((mark = strchr(line, '#')) != NULL) {
			snprintf(part, sizeof(part), "%.*s", (int)(mark - line), line);
			text_put(out, part, options->ascii);
			count_print(out, options, counts[picture_states[next++]]);
			line = mark + COUNT_COLUMNS;
		}
		text_put(out, line, options->ascii);
		fputc('\n', out);
	}
}

static void age_print(FILE *out, const struct conn_view *conn)
{
	static const char *const bounds[] = { "", "", "at least ", "at most " };
	char time[TEXT_TIME_MAX];

	if (conn->age_bound != VIEW_UNKNOWN && conn->age_ns != VIEW_ABSENT)
		fprintf(out, " for %s%s", bounds[conn->age_bound], text_duration(time, conn->age_ns));
}

void diagram_conn(FILE *out, const struct diagram_options *options, const struct view *view,
		  const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX], paragraph[TEXT_PARAGRAPH_MAX];
	char owner[LEAVE_OWNER_MAX], leave[LEAVE_MAX];
	const char *nobody = conn_view_sub(conn, ELEVEN_SUB_ACCEPT_QUEUE | ELEVEN_SUB_REQUEST) ? "not accepted yet" :
											"held by no program";

	fprintf(out, "%s%s%s - %s  %s\n", conn->host, conn->host[0] ? " " : "", text_endpoint(local, &conn->local),
		text_endpoint(remote, &conn->remote),
		leave_owner(owner, conn, conn->owners_known ? nobody : "holder not known"));
	fprintf(out, options->bold ? "    \033[1m%s\033[0m" : "    %s", text_state_rfc(conn->state));
	age_print(out, conn);
	if (conn->previous != ELEVEN_STATES && conn->previous != conn->state)
		fprintf(out, ", from %s", text_state_rfc(conn->previous));
	if (conn->rule != NULL) {
		fprintf(out, ": %s (", conn->rule->sentence);
		text_put(out, text_paragraph(paragraph, conn->rule), options->ascii);
		fputc(')', out);
	}
	fprintf(out, "\n    waits for: %s\n", leave_sentence(leave, conn, view_other_end(view, conn)));
}
