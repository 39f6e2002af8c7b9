/* SPDX-License-Identifier: MIT */
/*
 * What the bench measures, and what a stack has to do to be measured.
 *
 * A peer is a pair of stacks (or the two ends of one) in this process, joined by a wire that copies each packet once.
 * Its functions do work and return; main.c does the timing, so that every peer is timed in the same way.  Time inside
 * the stacks is virtual: nothing ever waits.
 */
#ifndef ELEVEN_BENCH_H
#define ELEVEN_BENCH_H

#include <stdbool.h>
#include <stdint.h>

struct setup {
	uint32_t segment_bytes;         /* text of a full segment */
	uint32_t window_bytes;          /* receive buffer; lwIP's is fixed at 64 KiB */
	bool offload;                   /* no checksums, and segments of 64 KiB: what a tun device offers */
	bool lent;                      /* _buf and _commit instead of copying send and receive */
	unsigned connections;           /* that must fit at one time */
};

struct peer {
	const char *name;
	/* Makes the stacks and one connection between them. */
	void (*begin)(const struct setup *setup);
	void (*end)(void);
	/* Carries text from one end to the other; with check set, compares every byte. */
	void (*bulk)(uint64_t bytes, bool check);
	/* One byte there and one byte back. */
	void (*round_trips)(unsigned count);
	/* Opens and closes, the active end first; TIME-WAIT runs out in virtual time within the work. */
	void (*open_close)(unsigned count);
	/* Opens connections that stay; returns the bytes of memory one end of one costs. */
	double (*open_idle)(unsigned count);
	/* Opens and closes without letting TIME-WAIT run out; returns the bytes each costs. */
	double (*time_wait)(unsigned count);
	/* The most text in one segment seen on the wire since begin(). */
	uint32_t (*segment_seen)(void);
};

extern const struct peer peer_eleven;
#ifdef WITH_LWIP
extern const struct peer peer_lwip;
#endif

/* Text of the bulk work: byte number n of the stream. */
static inline uint8_t text_byte(uint64_t n)
{
	return (uint8_t)(n * 31 + (n >> 8) * 7 + (n >> 16));
}

/* Says what went wrong in one line and ends the program with status 1. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* kernel.c: bits per second through the kernel, for seconds; negative when it may not be measured here. */
struct kernel_figures {
	double veth;                    /* kernel to kernel over veth, offloads on */
	double tun_in, tun_out;         /* kernel to eleven over tun, and back */
	char reason[160];               /* why not */
};
struct kernel_figures kernel_measure(double seconds);

#endif
