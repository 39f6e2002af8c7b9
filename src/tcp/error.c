/* SPDX-License-Identifier: MIT */
/*
 * ICMP errors about our segments (RFC 1122 §4.2.3.9, RFC 1191) with the checks of RFC 5927:
 * the quoted sequence number must be in flight, and in a synchronized connection nothing that
 * ICMP says ends it.
 */
#include <errno.h>

#include "tcp/connection.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/record.h"
#include "tcp/recovery.h"

#define HEADERS_V4 40

static void path_mtu_shrinks(struct tcp *tcp, struct tcb *tcb, uint32_t mtu)
{
	uint16_t before = tcb->snd.mss;

	mtu = max_u32(mtu, (uint32_t)tcp->config.path_mtu_least);
	if (mtu >= tcp->interface[tcb->interface].mtu || (tcb->path_mtu && mtu >= tcb->path_mtu))
		return;                 /* it may only become smaller this way */
	tcb->path_mtu = (uint16_t)min_u32(mtu, 65535);
	options_mss_update(tcp, tcb);
	rule(tcp, tcb, ICMP_PATH_MTU);
	if (tcb->snd.mss < before && synchronized(tcb) && !syn_unacked(tcb)) {
		recovery_resend(tcp, tcb);      /* what was too large was lost: again, smaller (RFC 1191 §6.4) */
		tcb_ready(tcp, tcb);
	}
}

/* About our SYN-ACK: what LISTEN has begun ends, and the listener goes on. */
static void request_error(struct tcp *tcp, struct syn_received *record, const struct tcp_error *error)
{
	struct tcb tcb;

	syn_received_unfold(tcp, record, &tcb);
	if (!seq_eq(error->seq, tcb.snd.iss)) {
		rule(tcp, &tcb, ICMP_SEQ_IGNORED);
	} else if (error->mtu || !(error->hard || tcp->config.icmp_aborts_open)) {
		rule(tcp, &tcb, ICMP_SOFT_ERROR);
	} else {
		tcp->attempt_fails++;
		tcb_closed(tcp, &tcb, RULE_GIVEN_UP_ICMP, 0);
		syn_received_remove(tcp, record);
	}
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
	tcb_signal(tcp, tcb, ELEVEN_SIGNAL_SOFT_ERROR);
}
