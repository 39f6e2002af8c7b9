/* SPDX-License-Identifier: MIT */
/* Boxes on the way; see boxes.h. */
#include "sim/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "sim/frame.h"

#define NAT_FIRST 10000u        /* ports that the translator gives; no host has one of them */
#define NAT_PORTS 8000u

/* RFC 1624: of a field that changes. */
static void sum_change(uint8_t *sum, uint16_t was, uint16_t is)
{
	uint32_t value = (uint16_t)~frame_u16(sum) + (uint32_t)(uint16_t)~was + is;

	value = (value & 0xffff) + (value >> 16);
	value = (value & 0xffff) + (value >> 16);
	frame_put16(sum, (uint16_t)~value);
}

/* ---------------------------------------------------------------- SYNs */

void box_clamp(struct world *world, uint8_t *ip, uint32_t ip_bytes)
{
	uint8_t *tcp = ip + 20, *at = tcp + 20, *end;

	if (ip_bytes < 40 || ip[9] != 6 || !(tcp[13] & SYN) || (tcp[12] >> 4) * 4u + 20 > ip_bytes)
		return;
	end = tcp + (tcp[12] >> 4) * 4;
	while (at < end && *at) {
		unsigned length = *at == 1 ? 1 : at[1];

		if (*at == 2 && frame_u16(at + 2) > world->spec.clamp) {
			frame_put16(at + 2, (uint16_t)world->spec.clamp);
			world->boxes.clamped++;
		}
		at += length;
	}
	frame_seal(ip, ip_bytes);
}

/* ---------------------------------------------------------------- joined segments */

static unsigned link_bytes(const struct world *world)
{
	return world->spec.ethernet ? 14 : 0;
}

/* Text of a whole segment with right checksums, and nothing that must arrive by itself. */
static bool may_join(const struct world *world, const struct flight *flight, struct frame *frame)
{
	return !flight->segment_bytes && !flight->flags &&
	       !frame_read(frame, flight->bytes, flight->length, world->spec.ethernet) && frame->tcp &&
	       !frame_check(frame, false) && frame->text_bytes > 0 && !(frame->flags & (SYN | RST | URG | 0xc0)) &&
	       !(frame->ip[1] & 3);
}

static bool follows(const struct frame *first, const struct frame *second)
{
	return first->source == second->source && first->destination == second->destination &&
	       first->source_port == second->source_port && first->destination_port == second->destination_port &&
	       first->seq + first->text_bytes == second->seq && !(first->flags & FIN) &&
	       first->header_bytes == second->header_bytes && (int32_t)(second->ack - first->ack) >= 0;
}

void box_join(struct world *world, struct flight *flight)
{
	unsigned link = link_bytes(world);
	struct frame first, second;

	if (!may_join(world, flight, &second))
		return;
	for (size_t i = 0; i < world->flights.count; i++) {
		struct flight *before = &world->flights.at[i];
		uint32_t text_at, length;
		uint8_t *made;

		if (!before->bytes || before->from != flight->from || before->to != flight->to ||
		    !may_join(world, before, &first) || !follows(&first, &second))
			continue;
		length = before->length + second.text_bytes;
		if (length - link > world->spec.mtu || (world->path_mtu && length - link > world->path_mtu))
			return;
		text_at = before->length - first.text_bytes;
		made = malloc(length);
		if (!made)
			abort();
		memcpy(made, flight->bytes, text_at);           /* the later header, which says more */
		memcpy(made + text_at, first.text, first.text_bytes);
		memcpy(made + before->length, second.text, second.text_bytes);
		frame_put32(made + link + 20 + 4, first.seq);
		frame_seal(made + link, length - link);
		free(before->bytes);
		free(flight->bytes);
		before->bytes = NULL;
		flight->bytes = made;
		flight->length = length;
		world->boxes.joined++;
		return;
	}
}

/* ---------------------------------------------------------------- the translator */

static struct nat_entry *entry_of(struct host *host, uint16_t inner, uint32_t remote, uint16_t remote_port)
{
	for (unsigned i = 0; i < host->nat_count; i++)
		if (host->nat[i].inner == inner && host->nat[i].remote == remote &&
		    host->nat[i].remote_port == remote_port)
			return &host->nat[i];
	return NULL;
}

/* Listeners and those who open to each other are reached under their own ports. */
static bool is_forwarded(uint16_t port)
{
	return port < 5000 + ACTORS_MAX || (port >= PORT_FIRST && port < PORT_FIRST + LISTENERS);
}

void nat_out(struct world *world, unsigned number, uint8_t *ip, uint32_t ip_bytes, bool partial)
{
	struct host *host = &world->host[number];
	struct nat_entry *entry;
	uint8_t *tcp = ip + 20;
	uint16_t inner;

	if (ip_bytes < 40 || ip[9] != 6 || is_forwarded(frame_u16(tcp)))
		return;
	inner = frame_u16(tcp);
	entry = entry_of(host, inner, frame_u32(ip + 16), frame_u16(tcp + 2));
	if (!entry) {
		if (host->nat_count == NAT_ENTRIES)             /* the oldest goes */
			memmove(host->nat, host->nat + 1, --host->nat_count * sizeof(host->nat[0]));
		entry = &host->nat[host->nat_count++];
		*entry = (struct nat_entry){ inner, (uint16_t)(NAT_FIRST + host->nat_next++ % NAT_PORTS),
					     frame_u16(tcp + 2), frame_u32(ip + 16) };
	}
	world->boxes.translated++;
	frame_put16(tcp, entry->outer);
	if (!partial)           /* else it is the sum of the pseudo-header, which has no ports */
		sum_change(tcp + 16, inner, entry->outer);
}

static void reset_send(struct world *world, const struct flight *flight, const uint8_t *ip, uint32_t ip_bytes)
{
	uint8_t packet[14 + 40] = { 0 }, *at = packet + link_bytes(world), *tcp = at + 20;
	uint32_t text = ip_bytes - 20 - (ip[32] >> 4) * 4u + !!(ip[33] & SYN) + !!(ip[33] & FIN);

	if (ip[33] & RST)
		return;
	memcpy(packet, flight->bytes + 6, link_bytes(world) ? 6 : 0);
	memcpy(packet + 6, flight->bytes, link_bytes(world) ? 6 : 0);
	if (link_bytes(world))
		frame_put16(packet + 12, 0x0800);
	at[0] = 0x45;
	at[8] = 64;
	at[9] = 6;
	memcpy(at + 12, ip + 16, 4);
	memcpy(at + 16, ip + 12, 4);
	memcpy(tcp, ip + 22, 2);
	memcpy(tcp + 2, ip + 20, 2);
	tcp[12] = 0x50;
	tcp[13] = ip[33] & ACK ? RST : RST | ACK;
	frame_put32(ip[33] & ACK ? tcp + 4 : tcp + 8, ip[33] & ACK ? frame_u32(ip + 28) : frame_u32(ip + 24) + text);
	frame_seal(at, 40);
	net_inject(world, flight->to, flight->from, packet, link_bytes(world) + 40, US(world->spec.delay_us));
}

static struct nat_entry *entry_outside(struct host *host, uint16_t outer, uint32_t remote)
{
	for (unsigned i = 0; i < host->nat_count; i++)
		if (host->nat[i].outer == outer && host->nat[i].remote == remote)
			return &host->nat[i];
	return NULL;
}

bool nat_in(struct world *world, const struct flight *flight)
{
	struct host *host = &world->host[flight->to];
	uint8_t *ip = flight->bytes + link_bytes(world), *port;
	uint32_t ip_bytes = flight->length - link_bytes(world);
	bool icmp, quiet = world->spec.seed & 1 && !world->healed;      /* half of them drop, half of them refuse */
	struct nat_entry *entry;

	if (flight->length < link_bytes(world) + 40 || (world->spec.ethernet && frame_u16(ip - 2) != 0x0800) ||
	    ip[0] != 0x45 || (ip[9] != 6 && ip[9] != 1))
		return true;
	icmp = ip[9] == 1;
	if (icmp && (ip_bytes < 56 || ip[37] != 6))
		return true;
	port = icmp ? ip + 48 : ip + 22;        /* an error quotes what went out */
	if (frame_u16(port) < NAT_FIRST || frame_u16(port) >= NAT_FIRST + NAT_PORTS)
		return true;
	entry = entry_outside(host, frame_u16(port), frame_u32(icmp ? ip + 44 : ip + 12));
	if (!entry) {
		world->boxes.refused++;
		if (!icmp && !quiet)
			reset_send(world, flight, ip, ip_bytes);
		return false;
	}
	if (icmp || !(flight->flags & ELEVEN_PACKET_CHECKSUM_OK))
		sum_change(icmp ? ip + 22 : ip + 36, frame_u16(port), entry->inner);
	frame_put16(port, entry->inner);
	return true;
}

void nat_forget(struct world *world, unsigned host)
{
	world->host[host].nat_count = 0;
	story_note(world, STORY_WORLD, host, "translator forgets host", 0);
}
