/* SPDX-License-Identifier: MIT */
/*
 * Timers (§3.8, §3.10.8): fixed slots of deadlines, one wheel entry per connection.
 *
 * Theory of operation.  A slot is a deadline; the connection's wheel entry stands at the nearest
 * one or earlier.  Moving a deadline later, or disarming it, does not touch the wheel: the
 * entry fires, finds nothing due, and is set to the nearest deadline.  So the ordinary life of
 * the retransmission timer, which every ACK pushes back, costs a store.
 *
 *  LOSS            with SACK, of RFC 8985; one slot, for the two exclude each other (§8), and with RETRANSMISSION still
 *                  one wheel entry.
 *     reordering   armed by an ACK after which something sent before what it delivers is missing, and may be but
 *                  late.  Expiry: it is lost.
 *     probe        (`loss_probe`) armed when new text goes out or an ACK leaves some in flight, while nothing is
 *                  sacked, lost or being probed: 2 SRTT, at most what is left of RETRANSMISSION.  Expiry: a segment
 *                  beyond cwnd, and RETRANSMISSION starts over.
 *                  Disarmed with the first SACK, by any other timeout, and when all is acknowledged.
 *  RETRANSMISSION  armed when text, SYN or FIN goes out and it is not running (RFC 6298 §5.1);
 *                  started over when new text is acknowledged or the oldest goes again, disarmed when all is
 *                  acknowledged (§5.2, §5.3).
 *                  Expiry: all not sacked counts as lost, the oldest segment goes again, RTO doubled
 *                  (§5.4-5.6); after R2, or the user timeout, the connection is given up (§3.8.3).
 *     as a wait    armed by an echoed congestion mark at a window of one segment (RFC 3168 §6.1.2), also with nothing
 *                  in flight.  Expiry, with nothing in flight: new text may go.
 *     as persist   armed when the window does not let waiting text go and nothing is in flight.
 *                  Expiry: a probe, interval doubled; never given up while answers come (MUST-37).
 *  DELAYED_ACK     armed when text arrives that need not be acknowledged at once (§3.8.6.3);
 *                  disarmed by any ACK.  Expiry: ACK.
 *  KEEPALIVE       armed when asked for, in synchronized states (§3.8.4).  Expiry: a probe if
 *                  nothing was heard for the idle time; given up after so many unanswered.
 *  STATE           TIME-WAIT: 2 MSL, started over by the peer's FIN (§3.10.7.4 Eighth).
 *                  FIN-WAIT-2 without a program: the connection is forgotten (tcp(7)).
 *  CORK            armed when a short segment is held back on the program's wish (tcp(7): 200 ms).
 *  PACING          armed when the pacer holds a segment back.  Expiry: another try (RFC 9937 §6.4).
 */
#include "tcp/timer.h"

#include <errno.h>

#include "tcp/connection.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/record.h"

#define RENEGING_LEAST_NS MS(10)

static uint64_t nearest(const struct tcb *tcb)
{
	uint64_t deadline = TIME_NEVER;

	for (unsigned i = 0; i < SLOTS; i++)
		if (tcb->deadline[i] < deadline)
			deadline = tcb->deadline[i];
	return deadline;
}

void timer_arm(struct tcp *tcp, struct tcb *tcb, enum slot slot, uint64_t deadline)
{
	tcb->deadline[slot] = deadline;
	if (tcb->kind != KIND_TCB)
		return;                 /* unfolded: its record keeps the timer */
	if (!wheel_armed(&tcb->timer) || deadline < tcb->timer.deadline_ns)
		wheel_insert(&tcp->wheel, &tcb->timer, deadline);
}

void timer_disarm_all(struct tcp *tcp, struct tcb *tcb)
{
	for (unsigned i = 0; i < SLOTS; i++)
		tcb->deadline[i] = TIME_NEVER;
	if (tcb->kind == KIND_TCB)
		wheel_remove(&tcp->wheel, &tcb->timer);
}

void timer_time_wait(struct tcp *tcp, struct tcb *tcb)
{
	timer_arm(tcp, tcb, SLOT_STATE, tcp->now + 2 * tcp->config.msl);
}

void timer_state_entered(struct tcp *tcp, struct tcb *tcb)
{
	switch ((enum tcp_state)tcb->state) {
	case TCP_ESTABLISHED:
		timer_keepalive_start(tcp, tcb);
		break;
	case TCP_FIN_WAIT_2:
		if (!tcb->held && !tcb->queued)
			timer_orphaned(tcp, tcb);
		break;
	case TCP_TIME_WAIT:
		for (unsigned i = 0; i < SLOTS; i++)
			timer_disarm(tcb, i);
		timer_time_wait(tcp, tcb);
		break;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
	case TCP_FIN_WAIT_1:
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		break;
	}
}

/* RTO from now, but not past the moment at which the user timeout ends it. */
static uint64_t retransmission_deadline(const struct tcp *tcp, const struct tcb *tcb)
{
	uint64_t deadline = tcp->now + tcb->rtt.rto_ns;

	if (tcb->user_timeout && tcb->unacked_since) {
		uint64_t end = tcb->unacked_since + tcb->user_timeout;

		if (end > tcp->now && end < deadline)
			deadline = end;
	}
	return deadline;
}

void timer_sent(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->persisting || tcb->deadline[SLOT_RETRANSMISSION] == TIME_NEVER) {
		if (tcb->unacked_since == 0)
			tcb->unacked_since = tcp->now;
		if (tcb->persisting)
			rtt_backoff_end(&tcb->rtt, &(struct rtt_bounds){ tcp->config.rto_initial,
						tcp->config.rto_least, tcp->config.rto_most,
						tcp->config.rto_margin_least });
		tcb->persisting = false;
		timer_arm(tcp, tcb, SLOT_RETRANSMISSION, retransmission_deadline(tcp, tcb));
	}
}

/* RFC 6298 §5.1: no segment is sent again by this timer sooner than an RTO after its last transmission. */
void timer_sent_again(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->deadline[SLOT_RETRANSMISSION] != TIME_NEVER && !tcb->persisting)
		timer_arm(tcp, tcb, SLOT_RETRANSMISSION, retransmission_deadline(tcp, tcb));
}

/* Linux: the peer acknowledges up to what it said it holds, and no further. */
void timer_reneged(struct tcp *tcp, struct tcb *tcb)
{
	uint64_t half = tcb->rtt.srtt_ns / 2 > RENEGING_LEAST_NS ? tcb->rtt.srtt_ns / 2 : RENEGING_LEAST_NS;

	if (tcp->now + half < tcb->deadline[SLOT_RETRANSMISSION])
		timer_arm(tcp, tcb, SLOT_RETRANSMISSION, tcp->now + half);
}

void timer_acked(struct tcp *tcp, struct tcb *tcb)
{
	tcb->retries = 0;
	tcb->persisting = false;
	if (seq_eq(tcb->snd.una, tcb->snd.max)) {
		tcb->unacked_since = 0;
		timer_disarm(tcb, SLOT_RETRANSMISSION);
		return;
	}
	tcb->unacked_since = tcp->now;
	timer_arm(tcp, tcb, SLOT_RETRANSMISSION, retransmission_deadline(tcp, tcb));
}

/* RFC 8985 §7.2. */
void timer_loss_probe(struct tcp *tcp, struct tcb *tcb, uint32_t flight_bytes)
{
	uint64_t rto = tcb->deadline[SLOT_RETRANSMISSION];

	if (!tcp->config.tail_loss_probe || tcb->episode.phase != EPISODE_OPEN || !scoreboard_plain(&tcb->sb) ||
	    !tlp_allowed(&tcb->detector) || tcb->persisting || syn_unacked(tcb) || !recovery_sacks(tcb))
		return;
	rto = rto == TIME_NEVER ? tcb->rtt.rto_ns : rto > tcp->now ? rto - tcp->now : 0;
	tcb->loss_probe = true;
	timer_arm(tcp, tcb, SLOT_LOSS, tcp->now + tlp_timeout(tcb->rtt.srtt_ns, flight_bytes <= tcb->snd.mss,
							      DETECTOR_ACK_DELAY_NS,
							      tcp->config.loss_timer_margin ?
							      tcp->config.loss_timer_margin : tcp->clock_step, rto));
}

void timer_loss(struct tcp *tcp, struct tcb *tcb, uint64_t wait_ns)
{
	timer_disarm(tcb, SLOT_LOSS);
	if (wait_ns > 0) {
		tcb->loss_probe = false;
		timer_arm(tcp, tcb, SLOT_LOSS, tcp->now + wait_ns + tcp->config.loss_timer_margin);
	} else if (flight(tcb) > 0) {
		timer_loss_probe(tcp, tcb, flight(tcb));
	}
}

void timer_probed(struct tcp *tcp, struct tcb *tcb)
{
	timer_arm(tcp, tcb, SLOT_RETRANSMISSION, retransmission_deadline(tcp, tcb));
	tcb_ready(tcp, tcb);
}

void timer_persist(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->deadline[SLOT_RETRANSMISSION] != TIME_NEVER)
		return;
	tcb->persisting = true;
	if (tcb->unacked_since == 0)
		tcb->unacked_since = tcp->now;
	timer_arm(tcp, tcb, SLOT_RETRANSMISSION, tcp->now + tcb->rtt.rto_ns);
}

void timer_keepalive_start(struct tcp *tcp, struct tcb *tcb)
{
	tcb->keepalives = 0;
	if (!tcb->keepalive)
		timer_disarm(tcb, SLOT_KEEPALIVE);
	else if (synchronized(tcb) && tcb->state != TCP_TIME_WAIT)
		timer_arm(tcp, tcb, SLOT_KEEPALIVE, tcp->now + tcb->keepalive_idle);
}

void timer_orphaned(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->state == TCP_FIN_WAIT_2 && tcb->fin_wait_2)
		timer_arm(tcp, tcb, SLOT_STATE, tcp->now + tcb->fin_wait_2);
}

/* ---- expiry */

static void give_up(struct tcp *tcp, struct tcb *tcb, enum rule rule)
{
	bool soft = tcb->soft_error && !synchronized(tcb);

	if (!synchronized(tcb))
		tcp->attempt_fails++;
	tcb_closed(tcp, tcb, rule, soft ? tcb->soft_error : ETIMEDOUT);
}

static bool user_timeout_over(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcb->user_timeout && tcb->unacked_since && tcp->now >= tcb->unacked_since + tcb->user_timeout;
}

/* Linux sends the first SYNs again at even intervals. */
static unsigned syn_linear_timeouts(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcb->state == TCP_SYN_SENT ? (unsigned)tcp->config.syn_linear_timeouts : 0;
}

static void timeout_syn(struct tcp *tcp, struct tcb *tcb)
{
	/* MUST-23 is about what the stack does by itself: a count that the program chose holds (TCP_SYNCNT). */
	bool waited = tcp->now - tcb->opened >= tcp->config.syn_timeout ||
		      tcb->syn_retries != tcp->config.syn_retries_max;

	if (user_timeout_over(tcp, tcb)) {
		give_up(tcp, tcb, RULE_GIVEN_UP_USER_TIMEOUT);
		return;
	}
	if (tcb->passive ? tcb->retries >= tcp->config.syn_ack_retries_max
			 : tcb->retries >= tcb->syn_retries + syn_linear_timeouts(tcp, tcb) && waited) {
		give_up(tcp, tcb, RULE_GIVEN_UP_SYN);
		return;
	}
	tcb->retries += tcb->retries < UINT8_MAX;
	tcb->timing = false;            /* Karn */
	ecn_retry(tcp, tcb, false);
	tcb->want.syn = true;
	rule(tcp, tcb, TIMEOUT_SYN);
}

static void timeout_text(struct tcp *tcp, struct tcb *tcb)
{
	bool orphan = !tcb->held && !tcb->queued;
	unsigned most = (unsigned)(orphan ? tcp->config.retries_orphan_max : tcp->config.retries_max);

	if (user_timeout_over(tcp, tcb)) {
		give_up(tcp, tcb, RULE_GIVEN_UP_USER_TIMEOUT);
		return;
	}
	if (tcb->retries >= most && (orphan || !tcb->user_timeout)) {
		give_up(tcp, tcb, most == tcp->config.retries_max ? RULE_GIVEN_UP_RETRIES : RULE_GIVEN_UP_ORPHAN);
		return;
	}
	if (orphan && (tcb->persisting || tcb->snd.wnd == 0) && tcb->rtt.rto_ns >= tcp->config.rto_most) {
		/* Deviation: MUST-37 would let a peer hold what no program wants any more for ever (CVE-2008-4609). */
		output_reset(tcp, tcb);
		give_up(tcp, tcb, RULE_GIVEN_UP_ORPHAN);
		return;
	}
	if (tcb->persisting || tcb->snd.wnd == 0) {
		rule(tcp, tcb, TIMEOUT_PERSIST);
		tcb->want.probe = true;
	} else {
		recovery_timeout(tcp, tcb);
	}
	tcb->retries += tcb->retries < UINT8_MAX;
	tcb->timing = false;
}

/* R1: the path may be dead (§3.8.3 MUST-20, MUST-22, SHLD-9). */
static void path_suspect(struct tcp *tcp, struct tcb *tcb)
{
	rule(tcp, tcb, PATH_SUSPECTED);
	if (tcb->soft_error == 0)
		tcb->soft_error = ETIMEDOUT;
	tcb_signal(tcp, tcb, ELEVEN_SIGNAL_SOFT_ERROR);
}

static void timeout_retransmission(struct tcp *tcp, struct tcb *tcb)
{
	struct rtt_bounds bounds = { tcp->config.rto_initial, tcp->config.rto_least, tcp->config.rto_most,
				     tcp->config.rto_margin_least };
	uint32_t generation = tcb->generation;

	trace_timeout(tcp, tcb, synchronized(tcb) ? tcb->persisting ? ELEVEN_TIMER_PERSIST : ELEVEN_TIMER_RETRANSMISSION
						  : ELEVEN_TIMER_SYN);
	if (ecn_wait_over(tcp, tcb)) {
		tcb_ready(tcp, tcb);
		return;
	}
	if (syn_unacked(tcb))
		timeout_syn(tcp, tcb);
	else
		timeout_text(tcp, tcb);
	if (tcb->kind != KIND_TCB || tcb->generation != generation || tcb->state == TCP_CLOSED)
		return;
	if (tcb->retries == tcp->config.retries_soft && !tcb->persisting)
		path_suspect(tcp, tcb);
	/* To IP again after as many more: the next gateway may be dead as well. */
	tcb->path_suspect |= tcb->retries % tcp->config.retries_soft == 0 && !tcb->persisting;
	if (synchronized(tcb) || tcb->retries > syn_linear_timeouts(tcp, tcb))
		rtt_backoff(&tcb->rtt, &bounds);
	timer_arm(tcp, tcb, SLOT_RETRANSMISSION, retransmission_deadline(tcp, tcb));
	tcb_ready(tcp, tcb);
}

static void timeout_keepalive(struct tcp *tcp, struct tcb *tcb)
{
	uint64_t due = tcb->last_heard + tcb->keepalive_idle;

	if (flight(tcb) || unsent(tcb) || (tcb->fin_queued && !tcb->fin_acked)) {       /* others watch over this */
		timer_arm(tcp, tcb, SLOT_KEEPALIVE, tcp->now + tcb->keepalive_idle);
		return;
	}
	if (due > tcp->now) {
		tcb->keepalives = 0;
		timer_arm(tcp, tcb, SLOT_KEEPALIVE, due);
		return;
	}
	trace_timeout(tcp, tcb, ELEVEN_TIMER_KEEPALIVE);
	if (tcb->user_timeout ? tcb->keepalives > 0 && tcp->now >= tcb->last_heard + tcb->user_timeout
			      : tcb->keepalives >= tcb->keepalive_probes) {
		output_reset(tcp, tcb);
		tcb_closed(tcp, tcb, RULE_GIVEN_UP_KEEPALIVE, ETIMEDOUT);
		return;
	}
	tcb->keepalives++;
	rule(tcp, tcb, TIMEOUT_KEEPALIVE);
	tcb->want.keepalive = true;
	tcb_ready(tcp, tcb);
	timer_arm(tcp, tcb, SLOT_KEEPALIVE, tcp->now + tcb->keepalive_interval);
}

static void timeout_state(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->state == TCP_TIME_WAIT) {
		trace_timeout(tcp, tcb, ELEVEN_TIMER_TIME_WAIT);
		tcb_closed(tcp, tcb, RULE_TIMEOUT_TIME_WAIT, 0);
	} else if (tcb->state == TCP_FIN_WAIT_2) {
		trace_timeout(tcp, tcb, ELEVEN_TIMER_FIN_WAIT_2);
		tcb_closed(tcp, tcb, RULE_GIVEN_UP_FIN_WAIT_2, 0);
	}
}

static void timeout_slot(struct tcp *tcp, struct tcb *tcb, enum slot slot)
{
	tcb->deadline[slot] = TIME_NEVER;
	switch (slot) {
	case SLOT_LOSS:
		trace_timeout(tcp, tcb, tcb->loss_probe ? ELEVEN_TIMER_LOSS_PROBE : ELEVEN_TIMER_REORDERING);
		recovery_loss_timeout(tcp, tcb);
		tcb_ready(tcp, tcb);
		break;
	case SLOT_RETRANSMISSION:
		timeout_retransmission(tcp, tcb);
		break;
	case SLOT_DELAYED_ACK:
		rule(tcp, tcb, TIMEOUT_DELAYED_ACK);
		tcb->interactive = false;       /* no text came back in time to carry it */
		tcb->want.ack_now = true;
		tcb_ready(tcp, tcb);
		break;
	case SLOT_KEEPALIVE:
		timeout_keepalive(tcp, tcb);
		break;
	case SLOT_STATE:
		timeout_state(tcp, tcb);
		break;
	case SLOT_CORK:
		if (tcb->send_starved)
			tcb_signal(tcp, tcb, ELEVEN_SIGNAL_SEND);       /* memory may be there by now */
		tcb->want.override = tcb->want.late = tcb->cork || tcb->more;
		tcb_ready(tcp, tcb);
		break;
	case SLOT_PACING:
		tcb_ready(tcp, tcb);
		break;
	case SLOTS:
		break;
	}
}

static void timeout_connection(struct tcp *tcp, struct tcb *tcb)
{
	uint32_t generation = tcb->generation;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (tcb->deadline[i] > tcp->now)
			continue;
		timeout_slot(tcp, tcb, i);
		if (tcb->kind != KIND_TCB || tcb->generation != generation)
			return;
	}
	if (nearest(tcb) != TIME_NEVER)
		wheel_insert(&tcp->wheel, &tcb->timer, nearest(tcb));
}

void tcp_timers(struct tcp *tcp, uint64_t now)
{
	struct wheel_entry *entry;

	clock_advance(tcp, now);
	while ((entry = wheel_expired(&tcp->wheel, tcp->now)) != NULL) {
		switch ((enum kind)((struct tcb *)(void *)entry)->kind) {
		case KIND_TCB:
			timeout_connection(tcp, (struct tcb *)(void *)entry);
			break;
		case KIND_SYN_RECEIVED:
			syn_received_timeout(tcp, (struct syn_received *)(void *)entry);
			break;
		case KIND_TIME_WAIT:
			time_wait_timeout(tcp, (struct time_wait *)(void *)entry);
			break;
		case KIND_TIME_WAIT_NAMES:
			CHECK(false);   /* they have no timer */
			break;
		}
	}
}

uint64_t tcp_deadline(const struct tcp *tcp)
{
	return wheel_next_deadline(&tcp->wheel);
}

enum eleven_timer timer_next(const struct tcb *tcb, uint64_t *deadline)
{
	static const uint8_t names[SLOTS] = {
		[SLOT_RETRANSMISSION] = ELEVEN_TIMER_RETRANSMISSION,
		[SLOT_DELAYED_ACK] = ELEVEN_TIMER_DELAYED_ACK,
		[SLOT_KEEPALIVE] = ELEVEN_TIMER_KEEPALIVE,
		[SLOT_STATE] = ELEVEN_TIMER_FIN_WAIT_2,
		[SLOT_CORK] = ELEVEN_TIMER_DELAYED_ACK,
		[SLOT_LOSS] = ELEVEN_TIMER_LOSS_PROBE,
		[SLOT_PACING] = ELEVEN_TIMER_PACING,
	};
	enum slot first = SLOTS;

	*deadline = TIME_NEVER;
	for (unsigned i = 0; i < SLOTS; i++)
		if (tcb->deadline[i] < *deadline) {
			*deadline = tcb->deadline[i];
			first = i;
		}
	if (first == SLOTS) {
		*deadline = 0;
		return ELEVEN_TIMER_NONE;
	}
	if (first == SLOT_RETRANSMISSION && tcb->persisting)
		return ELEVEN_TIMER_PERSIST;
	if (first == SLOT_RETRANSMISSION && !synchronized(tcb))
		return ELEVEN_TIMER_SYN;
	if (first == SLOT_LOSS && !tcb->loss_probe)
		return ELEVEN_TIMER_REORDERING;
	if (first == SLOT_STATE && tcb->state == TCP_TIME_WAIT)
		return ELEVEN_TIMER_TIME_WAIT;
	return names[first];
}
