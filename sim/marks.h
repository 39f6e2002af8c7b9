/* SPDX-License-Identifier: MIT */
/* Congestion marks as seen from outside (RFC 3168): what the wire does to them, and the oracles O25 and O26. */
#ifndef ELEVEN_SIM_MARKS_H
#define ELEVEN_SIM_MARKS_H

#include "base/seq.h"
#include "sim/frame.h"
#include "sim/world.h"

struct marks {                          /* of one direction, since its SYN */
	bool asked, plain;              /* a SYN or SYN-ACK of it was ECN-setup; a SYN was not */
	bool asked_here, plain_here;    /* as it arrived at the other end */
	bool accurate;                  /* a SYN of it asked for accurate ECN (RFC 9768) */
	bool marked;                    /* text with CE has arrived */
	bool fin;                       /* a FIN has arrived: the last ACK may come from a small record */
	bool owed;                      /* … and whoever acknowledges `owed_seq` owes ECE for it */
	struct seq owed_seq;
};

/* A SYN or SYN-ACK leaves. */
void marks_syn_sent(struct world *world, unsigned host, const struct frame *f, struct marks *own,
		    const struct marks *other);
/* Another segment leaves; `end`: behind all that was sent before it. */
void marks_sent(struct world *world, unsigned host, const struct frame *f, const struct marks *own,
		const struct marks *other, struct seq end);
/* A SYN or SYN-ACK arrives. */
void marks_syn_delivered(struct marks *own, const struct frame *f);
/* Text or a FIN arrives; `next`: it is just what the other end, which does ECN, waits for. */
void marks_text_delivered(struct marks *own, const struct marks *other, const struct frame *f, bool next);

/* What routers and worse do to a packet on the way; false: they drop it. */
bool marks_pass(struct world *world, uint8_t *ip, uint32_t ip_bytes, bool mark);

#endif
