/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of whole packets in one ring of bytes: the copy that a virtual wire makes.
 * Each packet lies in one piece.  What packet_queue_take() gave stays until packet_queue_release().
 */
#ifndef ELEVEN_LINK_QUEUE_H
#define ELEVEN_LINK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

struct packet_queue {
	uint8_t *bytes;
	uint32_t size;                  /* of the ring */
	uint32_t head;                  /* oldest packet not released */
	uint32_t taken;                 /* oldest packet not taken */
	uint32_t tail;                  /* where the next one goes */
	uint32_t packets;               /* not taken */
	uint32_t used;                  /* bytes not released, the gap at the end counted */
};

/* `bytes` of ring, at least two of the longest packets. */
bool packet_queue_init(struct packet_queue *queue, uint32_t bytes);
void packet_queue_free(struct packet_queue *queue);

/* Room for a packet of `length`, to be filled and then committed; NULL: full. */
uint8_t *packet_queue_reserve(struct packet_queue *queue, uint32_t length);
void packet_queue_commit(struct packet_queue *queue, uint32_t length, uint8_t flags, uint16_t segment_bytes);

/* How many of the longest packets would fit for certain. */
unsigned packet_queue_room(const struct packet_queue *queue);

unsigned packet_queue_take(struct packet_queue *queue, struct eleven_packet *packets, unsigned count);
/* All that was taken. */
void packet_queue_release(struct packet_queue *queue);

#endif
