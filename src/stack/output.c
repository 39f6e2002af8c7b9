/* SPDX-License-Identifier: MIT */
/*
 * Packets out.  IP's own go first, one a call, since IP lends a single one at a time; then TCP is asked
 * whose turn it is until the batch is full.  Each segment's first slice is link, IP and TCP header in one
 * piece in this stack's header area; its text stays where it is, in the send ring.
 *
 * Where the next hop's address is not known yet, the connection waits (is parked) until ip/ has learnt
 * or given up any address.  Where it cannot be had, the segment is lost and TCP is told as if by an ICMP
 * error that may pass (RFC 1122 §4.2.3.9).  Segments to this stack itself go to the loopback ring; when that is
 * full they wait as well.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "stack/stack.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define CHECKSUM_OFFSET 16u     /* in the TCP header */
#define SEQ_OFFSET 4u

enum way {
	WAY_OPEN,
	WAY_LATER,              /* the connection was parked */
	WAY_NONE,               /* unreachable: `error` says how */
};

/* RFC 6437 §3: a label for each connection, the same as long as it lives, which tells nothing; 0 would be none. */
static uint32_t flow_label(const struct eleven *stack, const struct tuple *tuple)
{
	uint8_t bytes[36];
	uint32_t label;

	memcpy(bytes, tuple->local.bytes, 16);
	memcpy(bytes + 16, tuple->remote.bytes, 16);
	store_be16(bytes + 32, tuple->local_port);
	store_be16(bytes + 34, tuple->remote_port);
	label = (uint32_t)siphash(&stack->flow_key, bytes, sizeof(bytes)) & IPV6_FLOW_LABEL_MAX;
	return label ? label : 1;
}

static int header_write(struct eleven *stack, struct ip_route *route, const struct tuple *tuple,
			const struct tcp_out *segment, uint8_t *out, uint64_t now)
{
	int bytes;

	route->confirmed = segment->progress;
	if (tuple_is_v6(tuple))
		route->flow_label = flow_label(stack, tuple);
	bytes = ip_header(stack->ip, route, &tuple->local, &tuple->remote, segment->ttl, segment->tos, segment->df,
			  segment->header_bytes + segment->text_bytes, out, now);
	if (!segment->df && !tuple_is_v6(tuple) && segment->segment_bytes && !route->loopback)
		ip_identify_more(stack->ip, &tuple->local, &tuple->remote,
				 (segment->text_bytes - 1) / segment->segment_bytes);
	return bytes;
}

/* Is the way to the tuple's remote address known?  Asked before TCP makes the segment, which it does but once. */
static enum way way_find(struct eleven *stack, const struct tuple *tuple, struct ip_route *route, int *error,
			 uint64_t now)
{
	const struct eleven_interface *interface;
	uint8_t scratch[IP_HEADER_BYTES_MAX];
	int result;

	*error = ip_route(stack->ip, &tuple->remote, &tuple->local, route);
	if (*error)
		return WAY_NONE;
	if (route->loopback) {
		if (loopback_fits(&stack->loopback, loopback_packet_max(stack->loopback.capacity)))
			return WAY_OPEN;
		stack->loopback_parked = true;
		tcp_output_park(stack->tcp);
		return WAY_LATER;
	}
	if (!stack->dont_fragment && !tuple_is_v6(tuple) &&
	    !ip_may_identify(stack->ip, &tuple->local, &tuple->remote, now)) {
		tcp_output_park(stack->tcp);
		return WAY_LATER;
	}
	interface = ip_interface(stack->ip, route->interface);
	if (interface->kind != ELEVEN_LINK_ETHERNET)
		return WAY_OPEN;
	result = ip_header(stack->ip, route, &tuple->local, &tuple->remote, 64, 0, true, 20, scratch, now);
	if (result == -EAGAIN) {
		tcp_output_park(stack->tcp);
		return WAY_LATER;
	}
	*error = result < 0 ? result : 0;
	return result < 0 ? WAY_NONE : WAY_OPEN;
}

/* The segment cannot be sent: it is lost here, and TCP hears why. */
static void segment_lose(struct eleven *stack, const struct tuple *tuple, int error, uint64_t now)
{
	struct tcp_error about = { .tuple = *tuple, .error = -error };
	struct tcp_out segment;

	if (!tcp_output(stack->tcp, &segment, now))
		return;
	stack->drops_out++;
	about.seq = seq_of(load_be32(segment.header + SEQ_OFFSET));
	tcp_error_arrives(stack->tcp, &about, now);
}

/*
 * Puts TCP's checksum (MUST-2) into the header; `partial`: the sum of the pseudo-header alone, not inverted, from
 * which the link goes on.
 */
static void checksum_fill(const struct tuple *tuple, struct tcp_out *segment, bool partial)
{
	uint32_t sum = checksum_pseudo(&tuple->local, &tuple->remote, IPV4_PROTOCOL_TCP,
				       segment->header_bytes + segment->text_bytes);

	if (partial) {
		store_be16(segment->header + CHECKSUM_OFFSET, (uint16_t)sum);
		return;
	}
	sum = checksum_add(sum, segment->header, segment->header_bytes);
	for (unsigned i = 0; i < segment->slices; i++)
		sum = checksum_add(sum, segment->slice[i].bytes, segment->slice[i].length);
	store_be16(segment->header + CHECKSUM_OFFSET, checksum_finish(sum));
}

/* A segment for this stack itself: one copy, no checksum. */
static bool segment_loop(struct eleven *stack, struct ip_route *route, const struct tuple *tuple, uint64_t now)
{
	struct tcp_out segment;
	uint8_t header[IP_HEADER_BYTES_MAX], *at;
	int header_bytes;

	if (!tcp_output(stack->tcp, &segment, now))
		return false;
	header_bytes = header_write(stack, route, tuple, &segment, header, now);
	CHECK(header_bytes >= 0);
	at = loopback_put(&stack->loopback, (uint32_t)header_bytes + segment.header_bytes + segment.text_bytes);
	CHECK(at);
	memcpy(at, header, (size_t)header_bytes);
	at += header_bytes;
	memcpy(at, segment.header, segment.header_bytes);
	at += segment.header_bytes;
	for (unsigned i = 0; i < segment.slices; i++) {
		memcpy(at, segment.slice[i].bytes, segment.slice[i].length);
		at += segment.slice[i].length;
	}
	return true;
}

/* A segment for a link: headers composed in `header`, text lent. */
static bool segment_compose(struct eleven *stack, struct ip_route *route, const struct tuple *tuple,
			    uint8_t *header, struct eleven_out *out, uint64_t now)
{
	const struct eleven_interface *interface = ip_interface(stack->ip, route->interface);
	bool partial;
	struct tcp_out segment;
	int header_bytes;

	if (!tcp_output(stack->tcp, &segment, now))
		return false;
	header_bytes = header_write(stack, route, tuple, &segment, header, now);
	CHECK(header_bytes >= 0);
	if (segment.path_suspect)       /* this one still goes the old way: the new one may have to be asked for */
		ip_path_suspect(stack->ip, &tuple->remote, &tuple->local, now);
	partial = interface->checksum_offload || segment.segment_bytes > 0;
	checksum_fill(tuple, &segment, partial);
	memcpy(header + header_bytes, segment.header, segment.header_bytes);
	memset(out, 0, sizeof(*out));
	out->interface = route->interface;
	out->flags = partial ? ELEVEN_PACKET_CHECKSUM_PARTIAL : 0;
	out->slices = (uint8_t)(1 + segment.slices);
	out->network_offset = interface->kind == ELEVEN_LINK_ETHERNET ? 14 : 0;
	out->checksum_start = (uint16_t)header_bytes;
	out->checksum_offset = CHECKSUM_OFFSET;
	out->segment_bytes = segment.segment_bytes;
	out->length = (uint32_t)header_bytes + segment.header_bytes + segment.text_bytes;
	out->serial = stack->trace.packets_out;
	out->slice[0] = (struct eleven_slice){ header, (uint32_t)header_bytes + segment.header_bytes };
	for (unsigned i = 0; i < segment.slices; i++)
		out->slice[1 + i] = segment.slice[i];
	return true;
}

/* Those who waited for a neighbour try again: some neighbour's fate is known. */
static void parked_wake(struct eleven *stack)
{
	uint32_t epoch = ip_neighbour_epoch(stack->ip);

	if (epoch == stack->neighbour_epoch)
		return;
	stack->neighbour_epoch = epoch;
	tcp_output_unpark(stack->tcp);
}

unsigned eleven_output(struct eleven *stack, struct eleven_out *out, unsigned count, uint64_t now)
{
	unsigned made = 0;
	uint8_t number;

	now = stack_now(stack, now);
	if (count == 0)
		return 0;
	if (count > OUTPUT_BATCH_MAX)
		count = OUTPUT_BATCH_MAX;
	if (ip_output(stack->ip, out, now)) {
		out->serial = ++stack->trace.packets_out;
		return 1;
	}
	parked_wake(stack);
	while (made < count) {
		const struct tuple *next;
		struct ip_route route;
		struct tuple tuple;
		int error;

		if (!tcp_output_next(stack->tcp, &next, &number, now))
			break;
		tuple = *next;
		switch (way_find(stack, &tuple, &route, &error, now)) {
		case WAY_LATER:
			break;
		case WAY_NONE:
			segment_lose(stack, &tuple, error, now);
			break;
		case WAY_OPEN:
			if (route.loopback)
				segment_loop(stack, &route, &tuple, now);
			else
				made += segment_compose(stack, &route, &tuple, stack->headers[made], &out[made], now);
			break;
		}
	}
	/* A way may have begun with a question for the link: nobody would call again for it before its answer. */
	if (made == 0 && ip_output(stack->ip, out, now)) {
		out->serial = ++stack->trace.packets_out;
		made = 1;
	}
	return made;
}
