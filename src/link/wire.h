/* SPDX-License-Identifier: MIT */
/*
 * A virtual wire inside one process: any number of ports, each with an address; a packet goes to
 * the port that has its destination, and is dropped when none has.  IP packets by destination
 * address, without neighbours to resolve; Ethernet frames by MAC address, groups to all others.
 *
 * Nothing is lost on it: link_room() is what the fullest port can still take.  Each packet is copied
 * once, from the sender's slices to the receiver's queue.  Checksums are not computed: the packet
 * is vouched for (ELEVEN_PACKET_CHECKSUM_OK), and big segments stay whole.
 */
#ifndef ELEVEN_LINK_WIRE_H
#define ELEVEN_LINK_WIRE_H

#include <stdint.h>

#include "eleven.h"
#include "link/link.h"

#define WIRE_PORTS_MAX 64u
#define WIRE_QUEUE_BYTES (1u << 20)     /* waiting at a port */

struct wire;

/* NULL: no memory. */
struct wire *wire_create(enum eleven_link_kind kind);
/* The ports may outlive it; they then lead nowhere. */
void wire_destroy(struct wire *wire);

/* A port for the stack with this interface's address (and MAC). NULL with errno: ENOSPC, EADDRINUSE, ENOMEM. */
struct link *wire_port(struct wire *wire, const struct eleven_interface *interface);

#endif
