/* SPDX-License-Identifier: MIT */
/*
 * Network namespaces: which there are, and doing something inside of one.
 *
 * Entering one that is not ours needs CAP_SYS_ADMIN there.  Namespaces that neither a process lives in nor `ip netns`
 * has named (kept by a descriptor only) are not found.
 */
#ifndef ELEVEN_LENS_NAMESPACE_H
#define ELEVEN_LENS_NAMESPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct namespace {
	uint64_t inode;                 /* its number */
	int fd;                         /* opens it; -1: it could not be opened */
};

struct namespaces {
	struct namespace *list;
	size_t count, room;
	unsigned refused;               /* of processes whose namespace may not be looked at */
	int home;                       /* ours, to return to */
};

/* Ours first. 0 or -errno. */
int namespaces_open(struct namespaces *namespaces, const char *proc, bool all);
/* Only this one: a name of `ip netns`, a PID, or a path. -errno when there is none such. */
int namespaces_open_one(struct namespaces *namespaces, const char *proc, const char *name);
void namespaces_close(struct namespaces *namespaces);
/* The calling thread is in it from now on. 0 or -errno. */
int namespace_enter(const struct namespaces *namespaces, const struct namespace *namespace);
/* Back home. */
void namespace_leave(const struct namespaces *namespaces);
/* The number of the namespace that this path names, or 0. */
uint64_t namespace_inode(const char *path);
/* The number of the namespace that namespaces_open_one() would open, or 0. */
uint64_t namespace_named(const char *proc, const char *name);
/* Is our PID namespace the first one, whose numbers the kernel itself tells? */
bool namespace_pid_is_first(void);

#endif
