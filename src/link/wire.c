/* SPDX-License-Identifier: MIT */
/* The virtual wire; see wire.h. */
#include "link/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "link/cut.h"
#include "link/queue.h"

struct port {
	struct link link;
	struct wire *wire;              /* NULL: the wire is gone */
	struct eleven_address address, address6;        /* all zero: none */
	uint8_t mac[6];
	bool lent;                      /* packets were taken and not released */
	struct packet_queue queue;             /* of packets towards the port's stack */
};

struct wire {
	enum eleven_link_kind kind;
	unsigned count;
	struct port *ports[WIRE_PORTS_MAX];
};

static bool mac_is_taken(const uint8_t destination[6], const struct port *port)
{
	return destination[0] & 1 || memcmp(destination, port->mac, 6) == 0;
}

/* Groups, and addresses that stacks make themselves (fe80::/10), are for all: who is not meant drops them. */
static bool address6_is_taken(const uint8_t *destination, const struct port *port)
{
	return destination[0] == 0xff || (destination[0] == 0xfe && (destination[1] & 0xc0) == 0x80) ||
	       memcmp(destination, port->address6.bytes, 16) == 0;
}

/* Is the packet, whose first slice holds the headers, for this port? */
static bool port_wants(const struct port *port, const struct eleven_out *packet)
{
	const uint8_t *header = packet->slice[0].bytes;
	uint32_t bytes = packet->slice[0].length;

	if (port->wire->kind == ELEVEN_LINK_ETHERNET)
		return bytes >= 14 && mac_is_taken(header, port);
	if (bytes >= 20 && header[0] >> 4 == 4)
		return memcmp(header + 16, port->address.bytes + 12, 4) == 0;
	return bytes >= 40 && header[0] >> 4 == 6 && address6_is_taken(header + 24, port);
}

static bool port_put(struct port *port, const struct eleven_out *packet)
{
	uint8_t *room = packet_queue_reserve(&port->queue, packet->length);

	if (!room)
		return false;
	packet_gather(room, packet);
	packet_queue_commit(&port->queue, packet->length,
		     packet->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL ? ELEVEN_PACKET_CHECKSUM_OK : 0,
		     packet->segment_bytes);
	if (port->queue.packets == 1)
		link_wake(&port->link);
	return true;
}

static void port_send(struct link *link, const struct eleven_out *packets, unsigned count, uint64_t now)
{
	struct port *port = (struct port *)link;

	(void)now;
	for (unsigned i = 0; i < count; i++) {
		bool arrived = false;

		for (unsigned p = 0; port->wire && p < port->wire->count; p++) {
			struct port *to = port->wire->ports[p];

			if (to != port && port_wants(to, &packets[i]))
				arrived |= port_put(to, &packets[i]);
		}
		link->counts.out++;
		if (!arrived)
			link->counts.drops++;
	}
}

static void port_release(struct link *link)
{
	struct port *port = (struct port *)link;

	if (port->lent)
		packet_queue_release(&port->queue);
	port->lent = false;
}

static unsigned port_receive(struct link *link, struct eleven_packet *packets, unsigned count, uint64_t now)
{
	struct port *port = (struct port *)link;
	unsigned n;

	(void)now;
	port_release(link);
	n = packet_queue_take(&port->queue, packets, count);
	port->lent = n > 0;
	link->counts.in += n;
	return n;
}

static unsigned port_room(struct link *link)
{
	struct port *port = (struct port *)link;
	unsigned room = LINK_BATCH_MAX;

	for (unsigned p = 0; port->wire && p < port->wire->count; p++) {
		struct port *to = port->wire->ports[p];
		unsigned free = to == port ? room : packet_queue_room(&to->queue);

		room = free < room ? free : room;
	}
	return room;
}

static uint64_t port_deadline(const struct link *link)
{
	const struct port *port = (const struct port *)link;

	/* What is lent takes room from the senders until it is given back, in the next port_receive(). */
	return port->queue.packets > 0 || port->lent ? 0 : UINT64_MAX;
}

static void port_destroy(struct link *link)
{
	struct port *port = (struct port *)link;
	struct wire *wire = port->wire;

	for (unsigned p = 0; wire && p < wire->count; p++)
		if (wire->ports[p] == port)
			wire->ports[p--] = wire->ports[--wire->count];
	packet_queue_free(&port->queue);
	free(port);
}

static const struct link_ops port_ops = {
	.send = port_send,
	.receive = port_receive,
	.release = port_release,
	.room = port_room,
	.deadline = port_deadline,
	.destroy = port_destroy,
};

struct wire *wire_create(enum eleven_link_kind kind)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (wire)
		wire->kind = kind;
	return wire;
}

void wire_destroy(struct wire *wire)
{
	if (!wire)
		return;
	for (unsigned p = 0; p < wire->count; p++)
		wire->ports[p]->wire = NULL;
	free(wire);
}

static bool is_same(const struct eleven_address *a, const struct eleven_address *b)
{
	static const struct eleven_address none;

	return memcmp(a, b, sizeof(*a)) == 0 && memcmp(a, &none, sizeof(none)) != 0;
}

struct link *wire_port(struct wire *wire, const struct eleven_interface *interface)
{
	struct port *port;

	if (wire->count == WIRE_PORTS_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	for (unsigned p = 0; p < wire->count; p++) {
		if (is_same(&wire->ports[p]->address, &interface->address) ||
		    is_same(&wire->ports[p]->address6, &interface->address6)) {
			errno = EADDRINUSE;
			return NULL;
		}
	}
	port = calloc(1, sizeof(*port));
	if (!port || !packet_queue_init(&port->queue, WIRE_QUEUE_BYTES)) {
		free(port);
		errno = ENOMEM;
		return NULL;
	}
	port->link.ops = &port_ops;
	strcpy(port->link.name, "wire");
	port->wire = wire;
	port->address = interface->address;
	port->address6 = interface->address6;
	memcpy(port->mac, interface->mac, 6);
	wire->ports[wire->count++] = port;
	return &port->link;
}
