/* SPDX-License-Identifier: MIT */
/*
 * Linux as a source of rows: every TCP socket of this network namespace or of all, with owners, the time in its state,
 * and why a socket has no owner.
 */
#ifndef ELEVEN_LENS_SOURCE_H
#define ELEVEN_LENS_SOURCE_H

#include "lens/diag.h"
#include "view/view.h"

struct lens_options {
	uint32_t states;                /* 1 << enum kernel_state; 0: all but those bound and not connected */
	bool ipv4, ipv6;                /* both false: both */
	bool owners;                    /* look for programs */
	bool all_namespaces;            /* root: of every program, too */
	const char *namespace;          /* `ip netns` name, PID or path of the one to look into; NULL: ours */
	bool brief;                     /* without tcp_info and memory: ages are told of timers only */
	bool dead;                      /* with owners: rows for TCP descriptors whose socket is no more */
	pid_t dead_pid;                 /* of this program only; 0: any */
	const struct view *dead_among;  /* only those that this earlier view has, too; NULL: any */
	/* Owners are looked for if it takes one row at least that has an inode; NULL: always. */
	bool (*owners_for)(void *context, const struct conn_view *conn);
	void *owners_context;
	const char *proc;               /* "/proc" unless set */
};

/* What could not be had, for a line on standard error. */
struct lens_report {
	unsigned namespaces;            /* that were read */
	unsigned namespaces_refused;
	bool owners_refused;            /* some programs' descriptors could not be listed */
	size_t dead_passed_over;        /* descriptors that were too many to be looked at */
};

/* 0 or -errno. `report` may be NULL. The rows are sorted. */
int lens_read(const struct lens_options *options, struct view *view, struct lens_report *report);

/* net.ipv4.NAME of the namespace that this thread is in; `unknown` when it cannot be read. */
uint64_t lens_sysctl(const char *name, uint64_t unknown);

#endif
