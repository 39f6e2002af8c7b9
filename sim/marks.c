/* SPDX-License-Identifier: MIT */
/*
 * Congestion marks; see marks.h.
 *
 * Oracles: O25 (capable is new text alone, and only of who was granted it; CWR stands on such text, ECE answers a
 * mark that came), O26 (a mark on text that was taken is echoed until the sender says that it has heard).  Where
 * accurate ECN was asked for the flags may be counts: of O25 only what is capable is judged then.
 */
#include "sim/marks.h"

#define ECE 64
#define CWR 128
#define FIELD 3                         /* of the second byte of IP */
#define CE 3

#define PATH_CLEARS 1u                  /* spec.ecn_path: the field of every packet */
#define PATH_UNASKS 2u                  /* ECE and CWR of SYNs */
#define PATH_DROPS 4u                   /* SYNs that ask */
#define PATH_REFLECTS 8u                /* SYN-ACKs that grant look like the SYN */

static bool is_setup(const struct frame *f)
{
	return f->flags & ECE && !(f->flags & ACK) == !!(f->flags & CWR);
}

static bool may_count(const struct marks *own, const struct marks *other)
{
	return own->accurate || other->accurate;
}

void marks_syn_sent(struct world *world, unsigned host, const struct frame *f, struct marks *own,
		    const struct marks *other)
{
	if (f->ip[1] & FIELD)
		world_fail(world, "O25", "host %u: a SYN is capable of ECN", host);
	own->accurate |= f->ae && !(f->flags & ACK);
	if (f->ae && !may_count(own, other))
		world_fail(world, "O25", "host %u: AE on a SYN-ACK, which nobody asked for", host);
	if (may_count(own, other))
		return;
	if (is_setup(f))
		own->asked = true;
	else if (!(f->flags & ACK))
		own->plain = true;      /* two SYN-ACKs with cookies cannot know of each other */
	if (!is_setup(f) && f->flags & (ECE | CWR))
		world_fail(world, "O25", "host %u: SYN with flags %02x", host, f->flags);
	if (f->flags & ACK && is_setup(f) && !other->asked_here)
		world_fail(world, "O25", "host %u: grants what was not asked for", host);
}

static void capable_judge(struct world *world, unsigned host, const struct frame *f, const struct marks *own,
			  const struct marks *other, struct seq end)
{
	if (f->text_bytes == 0 || seq_lt(seq_of(f->seq), end))
		world_fail(world, "O25", "host %u: %s is capable of ECN", host,
			   f->text_bytes == 0 ? "a segment without text" : "text sent again");
	if (!may_count(own, other) && (!own->asked || own->plain || !other->asked_here))
		world_fail(world, "O25", "host %u: text is capable of ECN, which was not agreed on", host);
}

void marks_sent(struct world *world, unsigned host, const struct frame *f, const struct marks *own,
		const struct marks *other, struct seq end)
{
	unsigned codepoint = f->ip[1] & FIELD;
	bool echoes = f->flags & ECE;

	if (codepoint && world_breaks(world, "O25"))
		codepoint = CE;
	if (codepoint == CE)
		world_fail(world, "O25", "host %u: marks its own packet", host);
	if (codepoint)
		capable_judge(world, host, f, own, other, end);
	if (may_count(own, other))
		return;
	if (f->ae)
		world_fail(world, "O25", "host %u: AE, which nobody asked for", host);
	if (f->flags & CWR && !codepoint)
		world_fail(world, "O25", "host %u: CWR on something other than new text", host);
	if (echoes && (!other->marked || !own->asked || !other->asked_here))
		world_fail(world, "O25", "host %u: echoes a mark that never came", host);
	if (!other->owed || !(f->flags & ACK) || seq_le(seq_of(f->ack), other->owed_seq))
		return;
	if (world_breaks(world, "O26"))
		echoes = false;
	if (!echoes)
		world_fail(world, "O26", "host %u: acknowledges marked text, and does not echo the mark", host);
}

void marks_syn_delivered(struct marks *own, const struct frame *f)
{
	if (is_setup(f))
		own->asked_here = true;
	else
		own->plain_here = true;
}

void marks_text_delivered(struct marks *own, const struct marks *other, const struct frame *f, bool next)
{
	bool mark = (f->ip[1] & FIELD) == CE;
	bool covers = own->owed && seq_le(seq_of(f->seq), own->owed_seq) &&
		      seq_lt(own->owed_seq, seq_of(f->seq + f->text_bytes));

	own->fin |= f->flags & FIN;
	if (may_count(own, other)) {
		own->marked |= mark;
		own->owed = false;
		return;
	}
	/* Heard; or nobody knows any more which of two copies was taken. */
	if (f->flags & CWR || own->fin || (covers && !mark))
		own->owed = false;
	if (!mark || f->text_bytes == 0)
		return;
	own->marked = true;
	if (!next || own->owed || own->fin || !other->asked || !own->asked_here || own->plain_here)
		return;
	own->owed = true;
	own->owed_seq = seq_of(f->seq);
}

/* ---------------------------------------------------------------- on the way */

static void header_seal(uint8_t *ip)
{
	uint32_t sum = 0;

	frame_put16(ip + 10, 0);
	for (unsigned i = 0; i < (ip[0] & 15u) * 4; i += 2)
		sum += frame_u16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	frame_put16(ip + 10, (uint16_t)~(sum + (sum >> 16)));
}

/* False: it asks for ECN, and somebody does not like that. */
static bool syn_pass(const struct spec *spec, uint8_t *ip, uint32_t ip_bytes)
{
	uint8_t *flags = ip + 20 + 13;

	if (spec->ecn_path & PATH_DROPS && (*flags & (ECE | CWR)) == (ECE | CWR))
		return false;
	if (!(*flags & (ECE | CWR)))
		return true;
	if (spec->ecn_path & PATH_REFLECTS && *flags & ACK)
		*flags |= CWR;
	if (spec->ecn_path & PATH_UNASKS)
		*flags &= (uint8_t)~(ECE | CWR);
	frame_seal(ip, ip_bytes);
	return true;
}

bool marks_pass(struct world *world, uint8_t *ip, uint32_t ip_bytes, bool mark)
{
	if (ip[9] == 6 && ip_bytes >= 40 && ip[20 + 13] & SYN && world->spec.ecn_path &&
	    !syn_pass(&world->spec, ip, ip_bytes))
		return false;
	if (!(ip[1] & FIELD))
		return true;
	if (world->spec.ecn_path & PATH_CLEARS)
		ip[1] &= (uint8_t)~FIELD;
	else if (mark)
		ip[1] |= CE;
	header_seal(ip);
	return true;
}
