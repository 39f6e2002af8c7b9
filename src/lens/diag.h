/* SPDX-License-Identifier: MIT */
/*
 * Linux's sock_diag over netlink: dumps of TCP sockets, single ones, their end (multicast), and SOCK_DESTROY.
 *
 * A socket of this kind belongs to the network namespace it was opened in, see netns.h.  What comes is read with
 * bounds: a reply that is cut short or lies about its lengths is -EBADMSG or a row with less in it, never a crash.
 */
#ifndef ELEVEN_LENS_DIAG_H
#define ELEVEN_LENS_DIAG_H

#include <linux/netlink.h>

#include "lens/kernel.h"
#include "view/view.h"

struct diag {
	struct mnl_socket *socket;      /* NULL: not open */
	uint64_t netns;                 /* inode of its namespace */
	uint32_t sequence;
	char *buffer;
	bool brief;                     /* ask for what /proc/net/tcp has only: no tcp_info, no memory */
};

/* `destroyed`: also hear of every TCP socket that ends in this namespace (diag_next()). 0 or -errno. */
int diag_open(struct diag *diag, bool destroyed);
void diag_close(struct diag *diag);
/* For poll(). */
int diag_fd(const struct diag *diag);

/*
 * Reads one message into an initialised row, whose `kernel` it allocates (view_free() lets go of it, or
 * conn_view_free() of a single one). False: not a TCP socket that can be understood.
 */
bool diag_read(struct conn_view *conn, const struct nlmsghdr *message, uint64_t netns);

/* Adds every socket of AF_INET or AF_INET6 in one of `states` (1 << enum kernel_state) to the view. 0 or -errno. */
int diag_dump(struct diag *diag, int family, uint32_t states, struct view *view);
/* The socket of this family, addresses and cookie, as it is now; -ENOENT: gone. */
int diag_get(struct diag *diag, const struct conn_view *which, struct conn_view *now);
/* Resets it (SOCK_DESTROY, needs CAP_NET_ADMIN). -EOPNOTSUPP: this kernel cannot. */
int diag_destroy(struct diag *diag, const struct conn_view *which);
/*
 * One batch of what was multicast, into the view; waits up to timeout_ms (-1: for ever). The number of rows, or -errno
 * (-ENOBUFS: some are lost, and it may be called again).
 */
int diag_next(struct diag *diag, struct view *view, int timeout_ms);

#endif
