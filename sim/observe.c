/* SPDX-License-Identifier: MIT */
/*
 * The wire as seen from outside: what each direction of each connection has said so far, kept from packets alone.
 *
 * Oracles: O5 (what is acknowledged and the right edge offered never go back), O7 (nothing is sent beyond the
 * right edge the other has offered, but for a probe of one byte), O14 (a SACK block reports text that was
 * delivered), O17 (every packet is canonical and its options are those agreed on), O24 (silence after an abort).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/seq.h"
#include "sim/frame.h"
#include "sim/marks.h"
#include "sim/world.h"

#define FLOWS 1024u             /* a power of two, much more than there are */
#define MAP_MAX (8u << 20)      /* text of a direction that the map of deliveries covers */

struct flow {                           /* one direction */
	bool used, aborted;
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	bool has_isn, has_ack, has_answered;
	bool has_sent;                  /* text or FIN */
	struct seq isn, ack, edge;
	struct seq end;                 /* behind all that was sent */
	struct seq answered;            /* what its SYN-ACK acknowledged */
	int wscale;
	bool timestamps, sack_permitted;
	struct marks marks;
	uint8_t *delivered;             /* one for each byte of text that reached the other end */
	uint32_t delivered_room;
};

struct observer {
	struct flow flow[FLOWS];
};

struct observer *observer_create(void)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (!observer)
		abort();
	return observer;
}

void observer_destroy(struct observer *observer)
{
	for (unsigned i = 0; i < FLOWS; i++)
		free(observer->flow[i].delivered);
	free(observer);
}

static struct flow *flow_of(struct observer *observer, uint32_t source, uint16_t source_port, uint32_t destination,
			    uint16_t destination_port)
{
	uint32_t at = (source * 31 + destination) * 2654435761u + source_port * 40503u + destination_port * 7919u;

	for (;; at++) {
		struct flow *flow = &observer->flow[at % FLOWS];

		if (!flow->used) {
			flow->used = true;
			flow->source = source;
			flow->destination = destination;
			flow->source_port = source_port;
			flow->destination_port = destination_port;
			flow->wscale = -1;
			return flow;
		}
		if (flow->source == source && flow->destination == destination && flow->source_port == source_port &&
		    flow->destination_port == destination_port)
			return flow;
	}
}

/* A SYN of its own number: another incarnation, whose past does not count; nor what the other said of the old one. */
static void flow_begin(struct flow *flow, struct flow *other, const struct frame *f, uint32_t strip)
{
	free(flow->delivered);
	flow->delivered = NULL;
	flow->delivered_room = 0;
	flow->aborted = false;
	flow->has_isn = true;
	flow->isn = seq_of(f->seq);
	flow->end = seq_of(f->seq + 1);
	flow->has_sent = false;
	flow->has_answered = f->flags & ACK;
	flow->answered = seq_of(f->ack);
	flow->has_ack = false;
	flow->wscale = strip & 2 ? -1 : f->wscale;
	flow->timestamps = f->timestamps && !(strip & 1);
	flow->sack_permitted = f->sack_permitted && !(strip & 4);
	flow->marks = (struct marks){ 0 };
	other->marks.owed = other->marks.marked = false;
	other->has_ack = false;
}

/* Are both directions of one and the same connection?  One SYN has answered the other. */
static bool flows_paired(const struct flow *flow, const struct flow *other)
{
	return flow->has_isn && other->has_isn &&
	       ((flow->has_answered && seq_eq(flow->answered, seq_add(other->isn, 1))) ||
		(other->has_answered && seq_eq(other->answered, seq_add(flow->isn, 1))));
}

static bool ack_of_this_life(const struct frame *f, const struct flow *other)
{
	return seq_within(seq_of(f->ack), seq_add(other->isn, 1), seq_distance(other->end, other->isn));
}

static bool syn_is_new(const struct flow *flow, const struct frame *f)
{
	if (!flow->has_isn || flow->isn.value != f->seq)
		return true;
	if (!(f->flags & ACK) || !flow->has_answered)
		return false;
	/* A clock so coarse that the number is the same again: but nobody goes back to its SYN after its text. */
	return flow->answered.value != f->ack || flow->has_sent || (flow->has_ack && seq_gt(flow->ack, flow->answered));
}

static bool map_covers(const struct flow *flow, uint32_t left, uint32_t right)
{
	uint32_t from = left - flow->isn.value - 1, to = right - flow->isn.value - 1;

	if (from > MAP_MAX || to > MAP_MAX)
		return to - from < 1u << 31 && flow->delivered_room > MAP_MAX;
	if (from >= to || to > flow->delivered_room)
		return false;
	return !memchr(flow->delivered + from, 0, to - from);
}

/* A mark is owed an echo if its text is the next in order, in the window, and acknowledges what can be. */
static void marks_delivered(struct world *world, struct flow *flow, const struct frame *f)
{
	struct flow *other = flow_of(world->observer, f->destination, f->destination_port, f->source, f->source_port);
	bool paired = flows_paired(flow, other);

	if (f->flags & SYN && flow->has_isn && flow->isn.value == f->seq)
		marks_syn_delivered(&flow->marks, f);
	if (f->flags & (SYN | RST) || f->text_bytes + (f->flags & FIN) == 0)
		return;
	marks_text_delivered(&flow->marks, &other->marks, f, paired && other->has_ack && other->ack.value == f->seq &&
			     !map_covers(flow, f->seq, f->seq + 1) &&
			     seq_le(seq_of(f->seq + f->text_bytes), other->edge) && f->flags & ACK &&
			     ack_of_this_life(f, other));
}

void observe_delivered(struct world *world, const uint8_t *bytes, uint32_t length, bool checksum_ok)
{
	struct frame f;
	struct flow *flow;
	uint32_t from;

	if (frame_read(&f, bytes, length, world->spec.ethernet) || !f.tcp || frame_check(&f, checksum_ok))
		return;
	flow = flow_of(world->observer, f.source, f.source_port, f.destination, f.destination_port);
	marks_delivered(world, flow, &f);
	if (f.text_bytes == 0)
		return;
	from = f.seq + (f.flags & SYN ? 1 : 0) - flow->isn.value - 1;
	if (!flow->has_isn || from > MAP_MAX)
		return;
	if (from + f.text_bytes > flow->delivered_room) {
		uint32_t room = 2 * (from + f.text_bytes);

		flow->delivered = realloc(flow->delivered, room);
		if (!flow->delivered)
			abort();
		memset(flow->delivered + flow->delivered_room, 0, room - flow->delivered_room);
		flow->delivered_room = room;
	}
	memset(flow->delivered + from, 1, f.text_bytes);
}

/* O17: options stand where they were agreed on, and nowhere else (RFC 7323 §3.2, RFC 2018 §2). */
static void options_judge(struct world *world, unsigned host, const struct frame *f, const struct flow *flow,
			  const struct flow *other)
{
	bool timestamps = flow->timestamps && other->timestamps, sack = flow->sack_permitted && other->sack_permitted;

	if (f->flags & SYN && !(f->flags & ACK))
		return;
	if (f->flags & SYN) {
		if ((f->timestamps && !other->timestamps) || (f->sack_permitted && !other->sack_permitted) ||
		    (f->wscale >= 0 && other->wscale < 0))
			world_fail(world, "O17", "host %u: SYN-ACK with an option that the SYN did not have", host);
		return;
	}
	if (f->timestamps != timestamps)
		world_fail(world, "O17", "host %u: timestamps are%s agreed on, and a segment has them%s", host,
			   timestamps ? "" : " not", f->timestamps ? "" : " not");
	if (f->sacks && !sack)
		world_fail(world, "O17", "host %u: SACK blocks that were not agreed on", host);
}

/* O5 */
static void ack_judge(struct world *world, unsigned host, const struct frame *f, struct flow *flow,
		      const struct flow *other)
{
	unsigned scale = f->flags & SYN || flow->wscale < 0 || other->wscale < 0 ? 0 : (unsigned)flow->wscale;
	struct seq ack = seq_of(f->ack), edge = seq_add(ack, (uint32_t)f->window << scale);

	if (flow->has_ack && world_breaks(world, "O5"))
		edge = seq_sub(edge, 1u << 30);
	if (flow->has_ack && seq_lt(ack, flow->ack))
		world_fail(world, "O5", "host %u: acknowledges %u after %u", host, ack.value - other->isn.value,
			   flow->ack.value - other->isn.value);
	/* A SYN-ACK sent again after an ACK cannot say it as the ACK did: at most 65535, or in other units. */
	if (flow->has_ack && f->flags & SYN)
		edge = seq_max(edge, flow->edge);
	if (flow->has_ack && seq_lt(edge, flow->edge))
		world_fail(world, "O5", "host %u: its window ends at %u after it ended at %u", host,
			   edge.value - other->isn.value, flow->edge.value - other->isn.value);
	flow->has_ack = true;
	flow->ack = ack;
	flow->edge = edge;
	for (unsigned i = 0; i < f->sacks; i++) {
		uint32_t right = f->sack[i][1] + (world_breaks(world, "O14") ? 1u << 20 : 0);

		if (!map_covers(other, f->sack[i][0], right))
			world_fail(world, "O14", "host %u: reports %u:%u as held, which never came", host,
				   f->sack[i][0] - other->isn.value, right - other->isn.value);
	}
}

/* O7 */
static void text_judge(struct world *world, unsigned host, const struct frame *f, const struct flow *other)
{
	struct seq seq = seq_of(f->seq), end = seq_add(seq, f->text_bytes), edge = other->edge;
	bool fin = f->flags & FIN;

	if (f->text_bytes + fin == 0 || !other->has_ack)
		return;
	if (world_breaks(world, "O7"))
		edge = seq_sub(seq, 5);
	if (seq_le(end, edge) || (f->text_bytes + fin == 1 && seq_le(seq, edge)))
		return;
	world_fail(world, "O7", "host %u: sends %u:%u%s beyond the window, which ends at %u", host, f->seq,
		   end.value, fin ? " and FIN" : "", edge.value);
}

void observe_sent(struct world *world, unsigned host, const struct eleven_out *out, const uint8_t *bytes)
{
	bool partial = out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL;
	struct flow *flow, *other;
	struct frame f;
	struct seq end;
	const char *fault = frame_read(&f, bytes, out->length, world->spec.ethernet);

	if (!fault)
		fault = frame_check(&f, partial);
	if (!fault && !f.arp && f.ip_bytes > world->spec.mtu && out->segment_bytes == 0)
		fault = "longer than the MTU";
	if (!fault && partial && world->spec.big == 0)
		fault = "checksum left to a link that does not do it";
	if (!fault && world_breaks(world, "O17"))
		fault = "the test says so";
	if (fault)
		world_fail(world, "O17", "host %u sends a packet that is not right: %s", host, fault);
	if (!f.tcp)
		return;
	if (f.source != world->host[host].address)
		world_fail(world, "O17", "host %u sends from an address that is not its own", host);
	if (f.flags & RST) {
		world->host[host].resets_out++;
		return;
	}
	flow = flow_of(world->observer, f.source, f.source_port, f.destination, f.destination_port);
	other = flow_of(world->observer, f.destination, f.destination_port, f.source, f.source_port);
	if (f.flags & SYN && syn_is_new(flow, &f))
		flow_begin(flow, other, &f, world->spec.strip);
	if (f.flags & SYN && f.flags & ACK && !flow->has_answered) {
		flow->has_answered = true;      /* a SYN that has crossed, sent again with an ACK */
		flow->answered = seq_of(f.ack);
	}
	if (!flow->has_isn && world->spec.nat_forgets)
		return;                 /* it goes on under another port */
	if (!flow->has_isn)
		world_fail(world, "O17", "host %u: a segment of a connection that never sent a SYN", host);
	if (flow->aborted || world_breaks(world, "O24"))
		world_fail(world, "O24", "host %u: sends from port %u to %u after the abort", host, f.source_port,
			   f.destination_port);
	end = flow->end;
	if (f.flags & SYN)
		marks_syn_sent(world, host, &f, &flow->marks, &other->marks);
	if (seq_gt(seq_of(f.seq + f.text_bytes + (f.flags & FIN)), flow->end))
		flow->end = seq_of(f.seq + f.text_bytes + (f.flags & FIN));
	/* What is said to, or of, another life of the connection is another matter. */
	if (!flows_paired(flow, other) || (f.flags & ACK && !ack_of_this_life(&f, other)))
		return;
	options_judge(world, host, &f, flow, other);
	if (!(f.flags & SYN))
		marks_sent(world, host, &f, &flow->marks, &other->marks, end);
	if (f.flags & ACK)
		ack_judge(world, host, &f, flow, other);
	text_judge(world, host, &f, other);
	flow->has_sent |= f.text_bytes > 0 || f.flags & FIN;
}

void observe_abort(struct world *world, const struct actor *actor)
{
	struct flow *flow = flow_of(world->observer, world->host[actor->host].address, actor->local.port,
				    frame_u32(actor->remote.address.bytes + 12), actor->remote.port);

	if (flow->has_isn && flow->isn.value == actor->iss)
		flow->aborted = true;
}
