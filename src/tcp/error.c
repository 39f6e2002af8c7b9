/* SPDX-License-Identifier: MIT */
/*
 * ICMP errors about our segments (RFC 1122 §4.2.3.9, RFC 1191) with the checks of RFC 5927:
 * the quoted sequence number must be in flight, and in a synchronized connection nothing that
 * ICMP says ends it.
 */
#include <errno.h>

#include "base/time.h"
#include "tcp/auth.h"
#include "tcp/connection.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/record.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

#define PATH_MTU_LEAST_V6 1280u         /* RFC 8200 §5: every path carries that */
#define PATH_MTU_KEEP_NS  SEC(600)      /* RFC 1191 §6.3, RFC 8201 §5.3: then a larger one is tried again */

static void path_mtu_shrinks(struct tcp *tcp, struct tcb *tcb, uint32_t mtu)
{
	uint16_t before = tcb->snd.mss;

	mtu = max_u32(mtu, tuple_is_v6(&tcb->tuple) ? PATH_MTU_LEAST_V6 : (uint32_t)tcp->config.path_mtu_least);
	if (mtu >= options_interface_mtu(tcp, tcb) || (tcb->path_mtu && mtu >= tcb->path_mtu))
		return;                 /* it may only become smaller this way */
	tcb->path_mtu = (uint16_t)min_u32(mtu, 65535);
	tcb->path_mtu_until = tcp->now + PATH_MTU_KEEP_NS;
	options_mss_update(tcp, tcb);
	rule(tcp, tcb, ICMP_PATH_MTU);
	if (tcb->snd.mss < before && synchronized(tcb) && !syn_unacked(tcb)) {
		recovery_resend(tcp, tcb);      /* what was too large was lost: again, smaller (RFC 1191 §6.4) */
		tcb_ready(tcp, tcb);
	}
	/* Linux: the SYN was too large by its text, so it goes again without. */
	if (tcb->state == TCP_SYN_SENT && tcb->fast_open_text && tcb->retries == 0 &&
	    tcp->config.profile == ELEVEN_LINUX) {
		tcb->retries = 1;
		tcb->want.syn = true;
		tcb_ready(tcp, tcb);
	}
}

void path_mtu_age(struct tcp *tcp, struct tcb *tcb)
{
	if (!tcb->path_mtu || tcp->now < tcb->path_mtu_until)
		return;
	tcb->path_mtu = 0;
	options_mss_update(tcp, tcb);
	rule(tcp, tcb, PATH_MTU_AGED);
}

/* About our SYN-ACK: what LISTEN has begun ends, and the listener goes on. */
static void request_error(struct tcp *tcp, struct syn_received *record, const struct tcp_error *error)
{
	struct tcb tcb;

	syn_received_unfold(tcp, record, &tcb);
	if (tcb.auth && auth_ignores(tcp, &tcb, error)) {
		;                       /* counted there */
	} else if (!seq_eq(error->seq, tcb.snd.iss)) {
		rule(tcp, &tcb, ICMP_SEQ_IGNORED);
	} else if (error->mtu || !(error->hard || tcp->config.icmp_aborts_open)) {
		rule(tcp, &tcb, ICMP_SOFT_ERROR);
	} else {
		tcp->attempt_fails++;
		tcb_closed(tcp, &tcb, RULE_GIVEN_UP_ICMP, 0);
		syn_received_remove(tcp, record);
	}
}

/*
 * RFC 6069: a router has no way for the very segment that the timer has sent again: that was no congestion, so one
 * doubling of the RTO is taken back, and the timer starts over from when it was started.  How often it has expired
 * counts on (R2).
 */
static void backoff_undo(struct tcp *tcp, struct tcb *tcb, const struct tcp_error *error)
{
	struct rtt_bounds bounds = { tcp->config.rto_initial, tcp->config.rto_least, tcp->config.rto_most,
				     tcp->config.rto_margin_least };
	struct rtt base = tcb->rtt;
	uint64_t *deadline = &tcb->deadline[SLOT_RETRANSMISSION], started;

	if (!tcp->config.disruption_heeded || !error->no_route || !synchronized(tcb) || tcb->retries == 0 ||
	    tcb->persisting || *deadline == TIME_NEVER || !seq_eq(error->seq, tcb->snd.una))
		return;
	rtt_backoff_end(&base, &bounds);
	if (tcb->rtt.rto_ns <= base.rto_ns)
		return;
	rule(tcp, tcb, ICMP_BACKOFF_UNDONE);
	started = *deadline > tcb->rtt.rto_ns ? *deadline - tcb->rtt.rto_ns : 0;
	tcb->rtt.rto_ns = tcb->rtt.rto_ns / 2 > base.rto_ns ? tcb->rtt.rto_ns / 2 : base.rto_ns;
	started += tcb->rtt.rto_ns;
	timer_arm(tcp, tcb, SLOT_RETRANSMISSION, started > tcp->now ? started : tcp->now);
}

void tcp_error_arrives(struct tcp *tcp, const struct tcp_error *error, uint64_t now)
{
	uint32_t ref;
	struct tcb *tcb;
	bool next_allowed;

	clock_advance(tcp, now);
	ref = connection_find(tcp, &error->tuple);
	if (ref && reference_kind(ref) == KIND_SYN_RECEIVED)
		request_error(tcp, pool_at(&tcp->syn_received, reference_index(ref)), error);
	if (ref == 0 || reference_kind(ref) != KIND_TCB)
		return;
	tcb = tcb_at(tcp, reference_index(ref));
	next_allowed = tcp->config.icmp_next_sequence && tcb->state == TCP_SYN_SENT;
	if (!seq_le(tcb->snd.una, error->seq) ||
	    !(seq_lt(error->seq, tcb->snd.max) || (next_allowed && seq_eq(error->seq, tcb->snd.max)))) {
		rule(tcp, tcb, ICMP_SEQ_IGNORED);
		return;
	}
	if (tcb->auth && auth_ignores(tcp, tcb, error))
		return;
	if (error->mtu) {
		path_mtu_shrinks(tcp, tcb, error->mtu);
		return;
	}
	tcb->soft_error = (int16_t)error->error;
	if (!synchronized(tcb) && (error->hard || tcp->config.icmp_aborts_open)) {
		tcp->attempt_fails++;
		tcb_closed(tcp, tcb, RULE_GIVEN_UP_ICMP, error->error);
		return;
	}
	rule(tcp, tcb, ICMP_SOFT_ERROR);
	backoff_undo(tcp, tcb, error);
	tcb_signal(tcp, tcb, ELEVEN_SIGNAL_SOFT_ERROR);
}
