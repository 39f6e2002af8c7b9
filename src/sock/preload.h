/* SPDX-License-Identifier: MIT */
/*
 * The preload library: the few calls of libc whose meaning differs for a socket on eleven.
 *
 * It keeps no table of sockets.  Whether a descriptor is one of ours its own name tells (getsockname(2)
 * in the kernel, 0.3 us), whoever made it and however it came here.  What it keeps is one connection to
 * the host, found again after fork, exec and programs that close all they did not open.
 *
 * Nothing is printed, no allocator is called, and no lock is held while a signal handler can run.
 * Threads may be cancelled where libc says, and nowhere else.
 */
#ifndef ELEVEN_SOCK_PRELOAD_H
#define ELEVEN_SOCK_PRELOAD_H

#include <dlfcn.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "sock/protocol.h"

#define INTERPOSE __attribute__((visibility("default")))

/* The next `name` after ours: libc's. */
#define REAL(name) ((__typeof__(&name))real_find((void **)&real_##name, #name))
#define REAL_DEFINE(name) static void *real_##name
static inline void *real_find(void **place, const char *name)
{
	if (!*place)
		*place = dlsym(RTLD_NEXT, name);
	return *place;
}

/* Set by `eleven run`; without it every call goes straight to libc. */
bool preload_is_active(void);
/* One of ours? errno is kept. */
bool is_eleven(int fd);
/* One of ours that has no peer: neither connected nor listening. */
bool is_unconnected(int fd);
/* The library's own connection to the host. */
bool is_control(int fd);

/*
 * Asks the host about socket `fd` (-1: about none).  What it answered, or -ENETDOWN when it is not there.
 * A descriptor that came with the answer is put into *descriptor (else -1), close-on-exec as asked.
 */
int control_ask(unsigned type, int fd, const struct sock_request *request, struct sock_reply *reply, int *descriptor,
		bool close_on_exec);
/* close() of a socket that lingers: 0. */
int control_linger_close(int fd);

/* The errno that ended the connection, taken; 0: none.  EPIPE is left for the next to write. */
int error_take(int fd, bool reading);

/* Descriptors that this process got from us, for writes that must not raise SIGPIPE yet.  A hint: may be stale. */
void known_set(int fd, bool known);
bool known_get(int fd);

/* Descriptors whose connect goes on: closing one needs a word to the host. A hint, too. */
void pending_set(int fd, bool pending);
bool pending_get(int fd);

/* Some socket of this process was told to linger. */
extern bool preload_lingers;

/* -errno to -1 and errno. */
int preload_return(int result);

#endif
