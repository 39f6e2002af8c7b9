/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of whole packets in one ring of bytes: the copy that a virtual wire makes.
 * Each packet lies in one piece.  What queue_take() gave stays until queue_release().
 */
#ifndef ELEVEN_LINK_QUEUE_H
#define ELEVEN_LINK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

struct queue {
	uint8_t *bytes;
	uint32_t size;                  /* of the ring */
	uint32_t head;                  /* oldest packet not released */
	uint32_t taken;                 /* oldest packet not taken */
	uint32_t tail;                  /* where the next one goes */
	uint32_t packets;               /* not taken */
	uint32_t used;                  /* bytes not released, the gap at the end counted */
};

/* `bytes` of ring, at least two of the longest packets. */
bool queue_init(struct queue *queue, uint32_t bytes);
void queue_free(struct queue *queue);

/* Room for a packet of `length`, to be filled and then committed; NULL: full. */
uint8_t *queue_reserve(struct queue *queue, uint32_t length);
void queue_commit(struct queue *queue, uint32_t length, uint8_t flags, uint16_t segment_bytes);

/* How many of the longest packets would fit for certain. */
unsigned queue_room(const struct queue *queue);

unsigned queue_take(struct queue *queue, struct eleven_packet *packets, unsigned count);
/* All that was taken. */
void queue_release(struct queue *queue);

#endif
