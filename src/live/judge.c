/* SPDX-License-Identifier: MIT */
/*
 * From facts to causes: the pair of states, the reason and direction of resets, the socket's error and flags, and the
 * system call, which is only known for moves that a system call makes.
 *
 * Which of these the kernel reports in what order:
 *
 *   close() with unread text      CLOSE, RST with its reason
 *   SO_LINGER 0, listener closed  CLOSE, RST (reason: state)
 *   SOCK_DESTROY                  RST, CLOSE with ECONNABORTED
 *   keepalive, user timeout       RST (before 6.10 without reason), CLOSE with ETIMEDOUT
 *   retransmission timeout        CLOSE with ETIMEDOUT, or the network's last word (EHOSTUNREACH)
 *   peer's RST                    tcp_receive_reset, CLOSE with its error
 *   data after close              sometimes tcp_receive_reset, CLOSE, RST with its reason
 *   to TIME_WAIT or orphanage     CLOSE, and nothing else
 */
#include <errno.h>

#include "live/conn.h"

enum eleven_state live_state(unsigned kernel_state)
{
	switch (kernel_state) {
	case KERNEL_ESTABLISHED: return ELEVEN_ESTABLISHED;
	case KERNEL_SYN_SENT: return ELEVEN_SYN_SENT;
	case KERNEL_SYN_RECV: case KERNEL_NEW_SYN_RECV: return ELEVEN_SYN_RECEIVED;
	case KERNEL_FIN_WAIT1: return ELEVEN_FIN_WAIT_1;
	case KERNEL_FIN_WAIT2: return ELEVEN_FIN_WAIT_2;
	case KERNEL_TIME_WAIT: return ELEVEN_TIME_WAIT;
	case KERNEL_CLOSE: return ELEVEN_CLOSED;
	case KERNEL_CLOSE_WAIT: return ELEVEN_CLOSE_WAIT;
	case KERNEL_LAST_ACK: return ELEVEN_LAST_ACK;
	case KERNEL_LISTEN: return ELEVEN_LISTEN;
	case KERNEL_CLOSING: return ELEVEN_CLOSING;
	default: return ELEVEN_STATES;
	}
}

#define LISTENER_NS 1000000000ull       /* closing one with a full queue takes no longer */
#define LISTENER_NEAR_NS 200000ull      /* where the time is all there is to tell by */

static bool figures_known(const struct live_record *record)
{
	return !(record->flags & LIVE_RECORD_REQUEST);
}

/* SOCK_DESTROY sends its reset before it closes, all others that the state calls for do so after. */
bool judge_killed(const struct live_conn *conn, const struct live_record *record)
{
	if (record->kind != LIVE_RECORD_STATE || (record->states & 15) != KERNEL_CLOSE)
		return false;
	return record->detail == ECONNABORTED ||
	       (!figures_known(record) && conn->state != ELEVEN_CLOSED && conn->reset_sent == RESET_STATE);
}

enum eleven_state judge_rest(const struct live_conn *conn, enum eleven_state before, const struct live_record *record)
{
	if (conn->reset_sent != RESET_NONE || conn->reset_received || record->detail != 0 || conn->error != 0)
		return ELEVEN_CLOSED;
	if (before == ELEVEN_CLOSING)
		return ELEVEN_TIME_WAIT;
	if (before != ELEVEN_FIN_WAIT_2)
		return ELEVEN_CLOSED;
	if (figures_known(record) && !(record->flags & LIVE_RECORD_DONE))
		return record->flags & LIVE_RECORD_DEAD ? ELEVEN_FIN_WAIT_2 : ELEVEN_CLOSED;
	return ELEVEN_TIME_WAIT;
}

/* The call that closed it cut it off: with a reset, if the connection was one. */
static enum live_cause judge_abort(const struct tracker *tracker, const struct live_conn *conn,
				   enum eleven_state before, const struct live_record *record)
{
	bool eof = before == ELEVEN_CLOSE_WAIT || before == ELEVEN_LAST_ACK || before == ELEVEN_CLOSING;

	if (before == ELEVEN_LISTEN)
		return record->call == LIVE_CALL_EXIT ? LIVE_CAUSE_EXIT :
		       record->call == LIVE_CALL_SHUTDOWN ? LIVE_CAUSE_SHUTDOWN :
		       record->call == LIVE_CALL_NONE ? LIVE_CAUSE_CLOSE_OR_EXIT : LIVE_CAUSE_CLOSE;
	if (conn->reset_sent == RESET_CLOSE_UNREAD)
		return LIVE_CAUSE_CLOSE_UNREAD;
	if (tracker->listener_closed_time != 0 && tracker->listener_closed_tid == (pid_t)record->tid &&
	    tracker->listener_closed_port == record->local_port && conn->inode == 0 &&
	    record->time - tracker->listener_closed_time < (figures_known(record) ? LISTENER_NS : LISTENER_NEAR_NS))
		return LIVE_CAUSE_LISTENER_CLOSED;
	if (before == ELEVEN_SYN_SENT)
		return LIVE_CAUSE_CONNECT_CLOSED;
	if (record->call == LIVE_CALL_CONNECT)
		return LIVE_CAUSE_DISCONNECT;
	if (!figures_known(record))
		return conn->reset_sent == RESET_STATE ? LIVE_CAUSE_LINGER_0 :
		       conn->reset_sent == RESET_NONE ? LIVE_CAUSE_CLOSE_OR_EXIT : LIVE_CAUSE_CLOSE_ABORT;
	/* Before 6.10 the reset does not say: unread text is looked at first, as the kernel does. */
	if (conn->reset_sent != RESET_STATE && record->unread > (eof ? 1u : 0u))
		return LIVE_CAUSE_CLOSE_UNREAD;
	if (record->flags & LIVE_RECORD_LINGER0)
		return LIVE_CAUSE_LINGER_0;
	if (conn->reset_sent != RESET_NONE)
		return LIVE_CAUSE_RESET_SENT;
	return record->call == LIVE_CALL_EXIT ? LIVE_CAUSE_EXIT : LIVE_CAUSE_CLOSE;
}

/* The socket's error says it; LIVE_CAUSES: it does not. */
static enum live_cause judge_error(const struct live_conn *conn, enum eleven_state before,
				   const struct live_record *record)
{
	int error = record->detail ? record->detail : conn->error;

	switch (error) {
	case ECONNABORTED:
		return LIVE_CAUSE_KILLED;
	case ETIMEDOUT:
		if (conn->reset_sent == RESET_KEEPALIVE || conn->reset_sent == RESET_UNKNOWN)
			return record->flags & LIVE_RECORD_USER_TIMEOUT ? LIVE_CAUSE_USER_TIMEOUT :
									  LIVE_CAUSE_KEEPALIVE;
		if (record->flags & LIVE_RECORD_USER_TIMEOUT)
			return LIVE_CAUSE_USER_TIMEOUT;
		return before == ELEVEN_SYN_SENT ? LIVE_CAUSE_CONNECT_TIMEOUT : LIVE_CAUSE_RETRANSMISSION;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case EACCES:
	case EPROTO:
		return LIVE_CAUSE_UNREACHABLE;
	case ECONNREFUSED:
		return LIVE_CAUSE_REFUSED;
	default:
		return LIVE_CAUSES;
	}
}

enum live_cause judge_close(const struct tracker *tracker, const struct live_conn *conn, enum eleven_state before,
			    const struct live_record *record)
{
	enum live_cause cause;

	if (conn->reset_sent == RESET_ABORT_ON_DATA || conn->reset_sent == RESET_TIME_WAIT ||
	    (conn->reset_sent == RESET_UNKNOWN && conn->reset_received))
		return LIVE_CAUSE_DATA_AFTER_CLOSE;
	if (conn->reset_received)
		return before == ELEVEN_SYN_SENT ? LIVE_CAUSE_REFUSED :
		       conn->peer_lost_state ? LIVE_CAUSE_PEER_LOST_STATE : LIVE_CAUSE_PEER_RESET;
	if (judge_killed(conn, record))
		return LIVE_CAUSE_KILLED;
	cause = judge_error(conn, before, record);
	if (cause != LIVE_CAUSES)
		return cause;
	if (conn->reset_sent == RESET_LINGER)
		return LIVE_CAUSE_LINGER_2;
	if (conn->reset_sent == RESET_MEMORY)
		return LIVE_CAUSE_ORPHAN_MEMORY;
	if (record->pid != 0 || record->call != LIVE_CALL_NONE || before == ELEVEN_LISTEN)
		return judge_abort(tracker, conn, before, record);
	switch (before) {
	case ELEVEN_LAST_ACK:
	case ELEVEN_CLOSING:
		return LIVE_CAUSE_FIN_ACKED;
	case ELEVEN_FIN_WAIT_2:
		return judge_rest(conn, before, record) == ELEVEN_TIME_WAIT ? LIVE_CAUSE_PEER_FIN :
		       judge_rest(conn, before, record) == ELEVEN_FIN_WAIT_2 ? LIVE_CAUSE_ORPHANED :
									     LIVE_CAUSE_UNKNOWN;
	default:
		return conn->reset_sent != RESET_NONE ? LIVE_CAUSE_RESET_SENT : LIVE_CAUSE_UNKNOWN;
	}
}

/* close(), exit or shutdown: all three send a FIN. */
static enum live_cause judge_fin(const struct live_record *record)
{
	switch ((enum live_call)record->call) {
	case LIVE_CALL_SHUTDOWN: return LIVE_CAUSE_SHUTDOWN;
	case LIVE_CALL_EXIT: return LIVE_CAUSE_EXIT;
	case LIVE_CALL_CLOSE: case LIVE_CALL_DUP: case LIVE_CALL_EXEC: return LIVE_CAUSE_CLOSE;
	case LIVE_CALL_NONE: return LIVE_CAUSE_CLOSE_ANY;
	case LIVE_CALL_IO_URING: return LIVE_CAUSE_CLOSE_ANY;
	case LIVE_CALL_CONNECT: case LIVE_CALL_LISTEN: case LIVE_CALL_SEND: case LIVE_CALL_ACCEPT:
	case LIVE_CALL_OTHER: case LIVE_CALLS:
		break;
	}
	return LIVE_CAUSE_CLOSE_OR_EXIT;        /* descriptors that were in flight, a kernel thread … */
}

enum live_cause judge_move(enum eleven_state before, enum eleven_state after, const struct live_record *record)
{
	switch (after) {
	case ELEVEN_LISTEN: return LIVE_CAUSE_LISTEN;
	case ELEVEN_SYN_SENT: return LIVE_CAUSE_CONNECT;
	case ELEVEN_SYN_RECEIVED: return before == ELEVEN_SYN_SENT ? LIVE_CAUSE_SYN_CROSSED : LIVE_CAUSE_SYN;
	case ELEVEN_ESTABLISHED: return before == ELEVEN_SYN_SENT ? LIVE_CAUSE_SYN_ACK : LIVE_CAUSE_THIRD_ACK;
	case ELEVEN_CLOSE_WAIT: return LIVE_CAUSE_PEER_FIN;
	case ELEVEN_FIN_WAIT_1:
	case ELEVEN_LAST_ACK: return judge_fin(record);
	case ELEVEN_FIN_WAIT_2: return LIVE_CAUSE_FIN_ACKED;
	case ELEVEN_CLOSING: return LIVE_CAUSE_FIN_CROSSED;
	case ELEVEN_TIME_WAIT: return before == ELEVEN_CLOSING ? LIVE_CAUSE_FIN_ACKED : LIVE_CAUSE_PEER_FIN;
	case ELEVEN_CLOSED:
	case ELEVEN_STATES:
		break;
	}
	return LIVE_CAUSE_UNKNOWN;
}
