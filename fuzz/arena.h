/* SPDX-License-Identifier: MIT */
/*
 * A small stack that can be brought back to where it was: its one block of memory is copied once and copied back
 * before each input, to the same address, since it is full of pointers into itself.
 *
 * arena_scene() makes the stack that the packet targets start from: a listener and a connection in each state that
 * a peer's packet can meet.  Interface 0 is an IP link, 10.0.0.1/24; interface 1 Ethernet, 10.0.1.1/24.
 */
#ifndef ELEVEN_FUZZ_ARENA_H
#define ELEVEN_FUZZ_ARENA_H

#include "fuzz/choice.h"
#include "stack/stack.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define ARENA_START    1000000000000ull /* ns: the time at which scenes begin */
#define ARENA_US       0x0a000001u
#define ARENA_THEM     0x0a000002u
#define ARENA_PORT     80               /* of the listener */
#define ARENA_PEERS    10               /* ports 1000, 1001 … of the peer */
#define ARENA_PACKET   2048u            /* most bytes of one packet out */

struct arena {
	struct eleven *stack;
	struct eleven_config config;
	uint64_t now, saved_now;
	uint8_t *memory, *saved;
	size_t bytes;
	uint8_t last[ARENA_PACKET];     /* the last packet out by interface 0 */
	uint32_t last_bytes, saved_last_bytes;
	uint8_t saved_last[ARENA_PACKET];
};

/* A stack without interfaces, as small as it can be. */
void arena_create(struct arena *arena, uint64_t seed);
void arena_save(struct arena *arena);
void arena_restore(struct arena *arena);
void arena_scene(struct arena *arena);

/* A whole packet of the peer: IPv4, TCP, both checksums right. Returns its length; 0: n is too small. */
uint32_t arena_packet(uint8_t *out, size_t n, const struct segment *seg, uint32_t source, uint32_t destination);
void arena_input(struct arena *arena, const uint8_t *bytes, uint32_t n, uint8_t interface, uint8_t flags);
/* Takes signals and packets, judges the packets, and keeps the last one. */
void arena_settle(struct arena *arena);
/* The connection with this port of the peer; false: there is none. */
bool arena_find(const struct arena *arena, uint16_t remote_port, struct eleven_status *status);
/* Everything that can be seen is looked at, and the invariants of each TCB hold. */
void arena_look(struct arena *arena);
/* So many timeouts, one after the other. */
void arena_timeouts(struct arena *arena, unsigned count);

#endif
