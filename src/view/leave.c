/* SPDX-License-Identifier: MIT */
/* What a state waits for; see leave.h.  One case per state, in the words of Figure 5 and its sub-states. */
#include "view/leave.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "view/text.h"

struct sentence {
	char *out;
	size_t used;
};

static void add(struct sentence *sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct sentence *sentence, const char *format, ...)
{
	size_t room = LEAVE_MAX - sentence->used;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(sentence->out + sentence->used, room, format, arguments);
	va_end(arguments);
	if (n > 0)
		sentence->used += (size_t)n < room ? (size_t)n : room - 1;
}

const char *leave_owner(char out[LEAVE_OWNER_MAX], const struct conn_view *conn, const char *unknown)
{
	if (conn->owner_count > 1)
		snprintf(out, LEAVE_OWNER_MAX, "%d/%s and %zu more", (int)conn->owners[0].pid, conn->owners[0].comm,
			 conn->owner_count - 1);
	else if (conn->owner_count == 1)
		snprintf(out, LEAVE_OWNER_MAX, "%d/%s", (int)conn->owners[0].pid, conn->owners[0].comm);
	else
		snprintf(out, LEAVE_OWNER_MAX, "%s", unknown);
	return out;
}

/* `; FIN again in 0.8 s (the 3rd time)`. */
static void add_again(struct sentence *sentence, const struct conn_view *conn, const char *what)
{
	char time[TEXT_TIME_MAX];

	if (conn->timer.kind != ELEVEN_TIMER_RETRANSMISSION && conn->timer.kind != ELEVEN_TIMER_SYN)
		return;
	add(sentence, "; %s again in %s", what, text_duration(time, conn->timer.expires_ns));
	if (conn->timer.count > 0)
		add(sentence, ", sent again %llu time%s so far", (unsigned long long)conn->timer.count,
		    conn->timer.count == 1 ? "" : "s");
}

static void leave_listen(struct sentence *sentence, const struct conn_view *conn, const char *owner)
{
	add(sentence, "close() by %s; each SYN that arrives opens a connection beside it", owner);
	if (conn->recvq != VIEW_ABSENT && conn->recvq > 0)
		add(sentence, "; %llu wait%s for accept()", (unsigned long long)conn->recvq,
		    conn->recvq == 1 ? "s" : "");
}

static void leave_syn_received(struct sentence *sentence, const struct conn_view *conn, const struct conn_view *other)
{
	if (conn_view_sub(conn, ELEVEN_SUB_PASSIVE))
		add(sentence, "the third ACK");
	else
		add(sentence, "the ACK of our SYN");
	if (other != NULL && other->state == ELEVEN_ESTABLISHED)
		add(sentence, ", on its way or lost: the other end is ESTABLISHED already");
	add_again(sentence, conn, "SYN-ACK");
}

static void leave_established(struct sentence *sentence, const struct conn_view *conn, const char *owner)
{
	if (conn_view_sub(conn, ELEVEN_SUB_ACCEPT_QUEUE))
		add(sentence, "the peer's FIN, or close() once the listener's program has accepted it: nobody has yet");
	else
		add(sentence, "close() by %s, or the peer's FIN", owner);
	if (conn_view_sub(conn, ELEVEN_SUB_ZERO_WINDOW))
		add(sentence, "; the peer's window is 0: its program does not read");
	else
		add_again(sentence, conn, "text");
}

static void leave_fin_wait_1(struct sentence *sentence, const struct conn_view *conn)
{
	if (conn_view_sub(conn, ELEVEN_SUB_FIN_QUEUED) && !conn_view_sub(conn, ELEVEN_SUB_FIN_SENT))
		add(sentence, "the ACK of our FIN, which waits behind %llu bytes of text",
		    (unsigned long long)(conn->sendq != VIEW_ABSENT && conn->sendq > 0 ? conn->sendq - 1 : 0));
	else
		add(sentence, "the ACK of our FIN, or the peer's FIN");
	if (conn_view_sub(conn, ELEVEN_SUB_ZERO_WINDOW))
		add(sentence, "; the peer's window is 0: its program does not read");
	else
		add_again(sentence, conn, "FIN");
}

static void leave_fin_wait_2(struct sentence *sentence, const struct conn_view *conn, const struct conn_view *other)
{
	char endpoint[TEXT_ENDPOINT_MAX], owner[LEAVE_OWNER_MAX], time[TEXT_TIME_MAX];

	if (other != NULL && other->owner_count > 0)
		add(sentence, "the peer's FIN: %s at %s has not closed", leave_owner(owner, other, ""),
		    text_endpoint(endpoint, &conn->remote));
	else
		add(sentence, "the peer's FIN: the program at %s has not closed",
		    text_endpoint(endpoint, &conn->remote));
	if (conn_view_sub(conn, ELEVEN_SUB_ORPHAN) && conn->timer.kind == ELEVEN_TIMER_FIN_WAIT_2)
		add(sentence, "; no program holds this end: forgotten in %s",
		    text_duration(time, conn->timer.expires_ns));
}

static void leave_close_wait(struct sentence *sentence, const struct conn_view *conn, const char *owner)
{
	add(sentence, "close() by %s", owner);
	if (conn->recvq != VIEW_ABSENT && conn->recvq > 0)
		add(sentence, "; %llu bytes and the end of the text not read yet", (unsigned long long)conn->recvq);
	else if (conn_view_sub(conn, ELEVEN_SUB_EOF_READ))
		add(sentence, "; it has read to the end");
	else
		add(sentence, "; all text is read");
}

static void leave_time_wait(struct sentence *sentence, const struct conn_view *conn)
{
	char time[TEXT_TIME_MAX];

	if (conn->timer.kind == ELEVEN_TIMER_TIME_WAIT)
		add(sentence, "2 MSL, %s left", text_duration(time, conn->timer.expires_ns));
	else
		add(sentence, "2 MSL");
}

const char *leave_sentence(char out[LEAVE_MAX], const struct conn_view *conn, const struct conn_view *other)
{
	struct sentence sentence = { .out = out };
	char owner[LEAVE_OWNER_MAX];

	out[0] = '\0';
	leave_owner(owner, conn, "the program");
	switch (conn->state) {
	case ELEVEN_CLOSED:
		add(&sentence, "connect() or listen() by %s", owner);
		break;
	case ELEVEN_LISTEN:
		leave_listen(&sentence, conn, owner);
		break;
	case ELEVEN_SYN_SENT:
		add(&sentence, "the peer's SYN-ACK");
		add_again(&sentence, conn, "SYN");
		break;
	case ELEVEN_SYN_RECEIVED:
		leave_syn_received(&sentence, conn, other);
		break;
	case ELEVEN_ESTABLISHED:
		leave_established(&sentence, conn, owner);
		break;
	case ELEVEN_FIN_WAIT_1:
		leave_fin_wait_1(&sentence, conn);
		break;
	case ELEVEN_FIN_WAIT_2:
		leave_fin_wait_2(&sentence, conn, other);
		break;
	case ELEVEN_CLOSE_WAIT:
		leave_close_wait(&sentence, conn, owner);
		break;
	case ELEVEN_CLOSING:
	case ELEVEN_LAST_ACK:
		add(&sentence, "the ACK of our FIN");
		add_again(&sentence, conn, "FIN");
		break;
	case ELEVEN_TIME_WAIT:
		leave_time_wait(&sentence, conn);
		break;
	case ELEVEN_STATES:
		break;
	}
	return out;
}
