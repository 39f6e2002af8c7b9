/* SPDX-License-Identifier: MIT */
/* The impairing link and the set that they form; see impair.h. */
#include "link/impair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/cut.h"
#include "link/router.h"

#define IMPAIR_ALL (-2)                 /* port of a selection: every pipe there is */

struct rule {
	struct impair_match match;
	uint64_t left;
};

struct port {
	struct link link;
	struct link *inner;
	struct impair *impair;
	unsigned number;
	char name[IMPAIR_NAME_MAX];
	bool outside;
	uint64_t rule_drops;
	struct pipe out, in;
	struct pipe_packet *lent[LINK_BATCH_MAX];
	unsigned lent_count;
};

struct impair {
	uint64_t seed;
	unsigned count, inside;         /* ports; of them on virtual wires */
	struct port *ports[IMPAIR_PORTS_MAX];
	struct rule rules[IMPAIR_RULES_MAX];
	unsigned rule_count;
};

/* ---------------------------------------------------------------- which pipes */

/* Direction of a pipe for the wire as a whole; IMPAIR_BOTH: it is only its port's own. */
static enum impair_direction pipe_direction(const struct port *port, bool out)
{
	if (port->outside)
		return out ? IMPAIR_A : IMPAIR_B;
	if (!out)
		return IMPAIR_BOTH;
	for (unsigned i = 0; i < port->number; i++)
		if (port->impair->ports[i] && !port->impair->ports[i]->outside)
			return IMPAIR_B;
	return IMPAIR_A;
}

static bool is_selected(const struct port *port, bool out, struct impair_selection which)
{
	enum impair_direction direction = pipe_direction(port, out);

	if (which.port == IMPAIR_ALL)
		return true;
	if (which.port >= 0) {
		if ((unsigned)which.port != port->number)
			return false;
		direction = out ? IMPAIR_A : IMPAIR_B;
	}
	return direction != IMPAIR_BOTH && (which.direction == IMPAIR_BOTH || which.direction == direction);
}

/* Pipe `i` of all: the out and in pipe of port i / 2. */
static struct pipe *pipe_selected(const struct impair *impair, unsigned i, struct impair_selection which)
{
	struct port *port = impair->ports[i / 2];
	bool out = i % 2 == 0;

	if (!port || !is_selected(port, out, which))
		return NULL;
	return out ? &port->out : &port->in;
}

static void ports_wake(struct impair *impair)
{
	for (unsigned i = 0; i < impair->count; i++)
		if (impair->ports[i])
			link_wake(&impair->ports[i]->link);
}

/* ---------------------------------------------------------------- drop rules */

/* Does the TCP segment in an IPv4 or IPv6 packet have what the rule names? */
static bool flags_match(unsigned wanted, const uint8_t *packet, uint32_t length, uint32_t network_offset)
{
	struct eleven_out described;
	bool text = packet_describe(&described, packet, length, network_offset, 0);
	uint32_t transport;
	uint8_t flags;

	if (!wanted)
		return true;
	transport = network_offset + (packet[network_offset] >> 4 == 4 ? (packet[network_offset] & 15u) * 4u : 40);
	if (length < transport + 20 || packet[network_offset + (packet[network_offset] >> 4 == 4 ? 9 : 6)] != 6)
		return false;
	flags = packet[transport + 13];
	if (wanted == IMPAIR_ACK)       /* 0x17: ACK, RST, SYN, FIN */
		return (flags & 0x17) == 0x10 && !text;
	if (wanted & IMPAIR_SYN && (!(flags & 2) || !(flags & 16) != !(wanted & IMPAIR_ACK)))
		return false;
	if ((wanted & IMPAIR_FIN && !(flags & 1)) || (wanted & IMPAIR_RST && !(flags & 4)))
		return false;
	return !(wanted & IMPAIR_ACK && !(flags & 16)) && !(wanted & IMPAIR_TEXT && !text);
}

static bool address_matches(const struct eleven_address *wanted, const uint8_t *ip, uint32_t bytes, bool source)
{
	static const struct eleven_address any;

	if (memcmp(wanted, &any, sizeof(any)) == 0)
		return true;
	if (ip[0] >> 4 == 4)
		return memcmp(wanted->bytes + 12, ip + (source ? 12 : 16), 4) == 0;
	return ip[0] >> 4 == 6 && bytes >= 40 && memcmp(wanted->bytes, ip + (source ? 8 : 24), 16) == 0;
}

static bool rule_matches(const struct impair_match *match, const struct port *port, bool out, const uint8_t *packet,
			 uint32_t length)
{
	struct impair_selection which = { match->port, match->direction };
	uint32_t network = port->out.network_offset;

	return is_selected(port, out, which) && length >= network + 20 &&
	       address_matches(&match->from, packet + network, length - network, true) &&
	       address_matches(&match->to, packet + network, length - network, false) &&
	       flags_match(match->flags, packet, length, network);
}

/* Takes the packet off a rule that means it. */
static bool rules_drop(struct port *port, bool out, const uint8_t *packet, uint32_t length)
{
	struct impair *impair = port->impair;

	for (unsigned i = 0; i < impair->rule_count; i++) {
		struct rule *rule = &impair->rules[i];

		if (!rule_matches(&rule->match, port, out, packet, length))
			continue;
		if (--rule->left == 0) {
			impair->rule_count--;
			memmove(rule, rule + 1, (impair->rule_count - i) * sizeof(*rule));
		}
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- the link */

static uint64_t pipe_drops(const struct pipe *pipe)
{
	return pipe->counts.lost + pipe->counts.mtu + pipe->counts.queue_full;
}

static void drops_count(struct port *port)
{
	port->link.counts.drops = port->rule_drops + pipe_drops(&port->out) + pipe_drops(&port->in) +
				  port->inner->counts.drops;
}

/* Into the pipe the other way, or the rest of its own. */
static void port_add(struct port *port, bool out, const uint8_t *bytes, uint32_t length, bool fragment, uint64_t now)
{
	struct pipe *pipe = out ? &port->out : &port->in;
	struct pipe_packet *packet = pipe_packet_create(pipe, length);

	if (!packet)
		return;
	memcpy(packet->bytes, bytes, length);
	if (fragment)
		pipe_put_fragment(pipe, packet, now);
	else if (!pipe_put(pipe, packet, now))
		pipe_packet_free(pipe, packet);         /* an error that is too long itself has no error */
}

/* As a router does: fragments, or an error to the sender. */
static void port_too_long(struct port *port, bool out, struct pipe_packet *packet, uint64_t now)
{
	const struct pipe *pipe = out ? &port->out : &port->in;
	uint32_t offset = pipe->network_offset, mtu = pipe->settings.mtu, done = 0, length;
	uint8_t bytes[PACKET_BYTES_MAX];

	if (router_may_fragment(packet->bytes, packet->length, offset)) {
		if (packet->flags & ELEVEN_PACKET_CHECKSUM_OK)
			packet_checksum(packet->bytes, packet->length, offset);
		while ((length = router_fragment(bytes, packet->bytes, packet->length, offset, mtu, &done)) > 0)
			port_add(port, out, bytes, length, true, now);
		return;
	}
	length = router_error(bytes, packet->bytes, packet->length, offset, mtu);
	if (length == 0)
		return;
	port_add(port, !out, bytes, length, false, now);
	if (out)
		link_wake(&port->link);
}

/* One packet as it is on the wire, to be copied into the pipe, or to be dropped by a rule. */
static void port_put(struct port *port, bool out, const uint8_t *bytes, uint32_t length, uint8_t flags, uint64_t now)
{
	struct pipe *pipe = out ? &port->out : &port->in;
	struct pipe_packet *packet;

	if (port->impair->rule_count > 0 && rules_drop(port, out, bytes, length)) {
		port->rule_drops++;
		return;
	}
	packet = pipe_packet_create(pipe, length);
	if (!packet)
		return;
	memcpy(packet->bytes, bytes, length);
	packet->flags = flags;
	if (pipe_put(pipe, packet, now))
		return;
	if (!pipe->settings.mtu_silent)
		port_too_long(port, out, packet, now);
	pipe_packet_free(pipe, packet);
}

static void port_cut(struct port *port, bool out, const struct eleven_out *packet, uint64_t now)
{
	uint8_t bytes[PACKET_BYTES_MAX];
	struct cut cut;
	uint32_t length;

	cut_begin(&cut, packet);
	while ((length = cut_next(&cut, bytes)) > 0)
		port_put(port, out, bytes, length, 0, now);
}

static bool port_is_active(const struct port *port, bool out)
{
	return port->impair->rule_count > 0 || pipe_active(out ? &port->out : &port->in);
}

/* What is due goes out, through the link that is wrapped. */
static void port_flush(struct port *port, uint64_t now)
{
	struct pipe_packet *packet;

	while (link_room(port->inner) > 0 && (packet = pipe_take(&port->out, now))) {
		struct eleven_out out = {
			.flags = 0, .slices = 1, .length = packet->length,
			.network_offset = (uint8_t)port->out.network_offset,
			.slice = { { packet->bytes, packet->length } },
		};

		link_send(port->inner, &out, 1, now);
		pipe_packet_free(&port->out, packet);
	}
}

static void port_send(struct link *link, const struct eleven_out *packets, unsigned count, uint64_t now)
{
	struct port *port = (struct port *)link;

	link->counts.out += count;
	if (!port_is_active(port, true)) {
		link_send(port->inner, packets, count, now);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		port_cut(port, true, &packets[i], now);
	port_flush(port, now);
	drops_count(port);
}

/* From the wrapped link into the in pipe, joined packets cut. */
static void port_pull(struct port *port, uint64_t now)
{
	struct eleven_packet packets[LINK_BATCH_MAX];
	unsigned n = link_receive(port->inner, packets, LINK_BATCH_MAX, now);

	for (unsigned i = 0; i < n; i++) {
		const struct eleven_packet *packet = &packets[i];
		struct eleven_out out;

		if (packet->segment_bytes && packet_describe(&out, packet->bytes, packet->length,
							     port->in.network_offset, packet->segment_bytes))
			port_cut(port, false, &out, now);
		else
			port_put(port, false, packet->bytes, packet->length, packet->flags, now);
	}
	link_release(port->inner);
}

static void port_release(struct link *link)
{
	struct port *port = (struct port *)link;

	for (unsigned i = 0; i < port->lent_count; i++)
		pipe_packet_free(&port->in, port->lent[i]);
	port->lent_count = 0;
	link_release(port->inner);
}

static unsigned port_receive(struct link *link, struct eleven_packet *packets, unsigned count, uint64_t now)
{
	struct port *port = (struct port *)link;
	struct pipe_packet *packet;
	unsigned n = 0;

	port_flush(port, now);
	port_release(link);
	if (!port_is_active(port, false)) {
		n = link_receive(port->inner, packets, count, now);
		link->counts.in += n;
		return n;
	}
	port_pull(port, now);
	while (n < count && n < LINK_BATCH_MAX && (packet = pipe_take(&port->in, now))) {
		port->lent[n] = packet;
		packets[n++] = (struct eleven_packet){
			.bytes = packet->bytes, .length = packet->length, .flags = packet->flags,
		};
	}
	port->lent_count = n;
	link->counts.in += n;
	drops_count(port);
	return n;
}

static unsigned port_room(struct link *link)
{
	struct port *port = (struct port *)link;

	return port_is_active(port, true) ? LINK_BATCH_MAX : link_room(port->inner);
}

static uint64_t port_deadline(const struct link *link)
{
	const struct port *port = (const struct port *)link;
	uint64_t out = pipe_deadline(&port->out), in = pipe_deadline(&port->in), inner = link_deadline(port->inner);

	out = out < in ? out : in;
	return out < inner ? out : inner;
}

static int port_descriptor(const struct link *link)
{
	return link_descriptor(((const struct port *)link)->inner);
}

static void port_destroy(struct link *link)
{
	struct port *port = (struct port *)link;

	port_release(link);
	port->impair->ports[port->number] = NULL;
	link_destroy(port->inner);
	pipe_free(&port->out);
	pipe_free(&port->in);
	free(port);
}

static const struct link_ops port_ops = {
	.send = port_send,
	.receive = port_receive,
	.release = port_release,
	.room = port_room,
	.deadline = port_deadline,
	.descriptor = port_descriptor,
	.destroy = port_destroy,
};

static void inner_wake(void *context)
{
	link_wake(&((struct port *)context)->link);
}

/* ---------------------------------------------------------------- the set */

struct impair *impair_create(uint64_t seed)
{
	struct impair *impair = calloc(1, sizeof(*impair));

	if (impair)
		impair->seed = seed;
	return impair;
}

void impair_destroy(struct impair *impair)
{
	free(impair);
}

struct link *impair_wrap(struct impair *impair, struct link *link, const char *name,
			 const struct eleven_interface *interface, bool outside)
{
	struct port *port = impair->count < IMPAIR_PORTS_MAX ? calloc(1, sizeof(*port)) : NULL;
	uint32_t network = interface->kind == ELEVEN_LINK_ETHERNET ? 14 : 0;

	if (!port)
		return NULL;
	port->link.ops = &port_ops;
	memcpy(port->link.name, link->name, sizeof(link->name));
	port->inner = link;
	link->wake = inner_wake;
	link->wake_context = port;
	port->impair = impair;
	port->number = impair->count;
	port->outside = outside;
	strncpy(port->name, name, sizeof(port->name) - 1);
	pipe_init(&port->out, impair->seed + 2 * port->number + 1, network);
	pipe_init(&port->in, impair->seed + 2 * port->number + 2, network);
	impair->ports[impair->count++] = port;
	return &port->link;
}

int impair_port(const struct impair *impair, const char *name)
{
	for (unsigned i = 0; i < impair->count; i++)
		if (impair->ports[i] && strcmp(impair->ports[i]->name, name) == 0)
			return (int)i;
	return -1;
}

unsigned impair_ports(const struct impair *impair)
{
	return impair->count;
}

const char *impair_port_name(const struct impair *impair, unsigned port)
{
	return impair->ports[port] ? impair->ports[port]->name : "";
}

const struct pipe *impair_pipe(const struct impair *impair, unsigned port, bool out, enum impair_direction *direction)
{
	if (port >= impair->count || !impair->ports[port])
		return NULL;
	*direction = pipe_direction(impair->ports[port], out);
	return out ? &impair->ports[port]->out : &impair->ports[port]->in;
}

void impair_change(struct impair *impair, struct impair_selection which, impair_change_fn *fn, void *context)
{
	for (unsigned i = 0; i < 2 * impair->count; i++) {
		struct pipe *pipe = pipe_selected(impair, i, which);

		if (pipe)
			fn(&pipe->settings, context);
	}
	ports_wake(impair);
}

int impair_drop(struct impair *impair, const struct impair_match *match, uint64_t count)
{
	if (count == 0)
		return 0;
	if (impair->rule_count == IMPAIR_RULES_MAX)
		return -ENOSPC;
	impair->rules[impair->rule_count++] = (struct rule){ *match, count };
	return 0;
}

bool impair_rule(const struct impair *impair, unsigned index, struct impair_match *match, uint64_t *left)
{
	if (index >= impair->rule_count)
		return false;
	*match = impair->rules[index].match;
	*left = impair->rules[index].left;
	return true;
}

static void pause_set(struct impair *impair, struct impair_selection which, bool paused)
{
	for (unsigned i = 0; i < 2 * impair->count; i++) {
		struct pipe *pipe = pipe_selected(impair, i, which);

		if (pipe) {
			pipe->paused = paused;
			pipe->steps = 0;
		}
	}
	ports_wake(impair);
}

void impair_pause(struct impair *impair, struct impair_selection which)
{
	pause_set(impair, which, true);
}

void impair_resume(struct impair *impair, struct impair_selection which)
{
	pause_set(impair, which, false);
}

bool impair_is_paused(const struct impair *impair, struct impair_selection which)
{
	for (unsigned i = 0; i < 2 * impair->count; i++) {
		const struct pipe *pipe = pipe_selected(impair, i, which);

		if (pipe && pipe->paused)
			return true;
	}
	return false;
}

bool impair_step(struct impair *impair, struct impair_selection which, uint8_t *seen, uint32_t *bytes, unsigned *port)
{
	const struct pipe_packet *first = NULL;
	struct pipe *from = NULL;

	for (unsigned i = 0; i < 2 * impair->count; i++) {
		struct pipe *pipe = pipe_selected(impair, i, which);
		const struct pipe_packet *next = pipe && pipe->paused && !pipe->steps ? pipe_next(pipe) : NULL;

		if (next && (!first || next->at < first->at)) {
			first = next;
			from = pipe;
			if (port)
				*port = i / 2;
		}
	}
	if (!first)
		return false;
	if (seen) {
		*bytes = first->length < *bytes ? first->length : *bytes;
		memcpy(seen, first->bytes, *bytes);
	}
	from->steps++;
	ports_wake(impair);
	return true;
}

void impair_clear(struct impair *impair, struct impair_selection which)
{
	if (which.port < 0 && which.direction == IMPAIR_BOTH)
		which.port = IMPAIR_ALL;
	for (unsigned i = 0; i < 2 * impair->count; i++) {
		struct pipe *pipe = pipe_selected(impair, i, which);

		if (pipe)
			memset(&pipe->settings, 0, sizeof(pipe->settings));
	}
	for (unsigned i = 0; i < impair->rule_count;)
		if (which.port < 0 || impair->rules[i].match.port == which.port)
			memmove(&impair->rules[i], &impair->rules[i + 1],
				(--impair->rule_count - i) * sizeof(impair->rules[0]));
		else
			i++;
	impair_resume(impair, which);
}
