/* SPDX-License-Identifier: MIT */
/* Two servers that are sent the same segments: this stack and lwIP; for fuzz_lwip.c. */
#ifndef ELEVEN_FUZZ_LWIP_ENDS_H
#define ELEVEN_FUZZ_LWIP_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

#define TEXT_MAX 200u           /* of a segment, of a call */
#define WINDOW   65535u         /* of each of them */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* One of the two, as seen after a step. */
struct end {
	enum eleven_state state;
	uint32_t iss;
	uint32_t received, acknowledged;        /* RCV.NXT less PEER_ISS, SND.UNA less ISS: of open ones */
	uint64_t text;
	uint32_t held;                          /* behind a gap; ours alone */
	bool eof, reset;
};

/* The next step's segment: numbers relative to the initial ones. */
struct step {
	uint8_t flags;
	uint32_t seq, ack, text_bytes;
};

extern struct end ours, theirs;

void ends_create(void);
/* Both listen, and know of nobody. */
void ends_clear(void);
void ends_step(const struct step *step);
/* May the program make a call at both? */
bool ends_open(void);
void ends_send(uint32_t bytes);
void ends_shutdown(void);
void ends_abort(void);

#endif
