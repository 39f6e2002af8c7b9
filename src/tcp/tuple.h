/* SPDX-License-Identifier: MIT */
/* The four names of a connection (§3.3.1): two addresses and two ports. */
#ifndef ELEVEN_TCP_TUPLE_H
#define ELEVEN_TCP_TUPLE_H

#include "wire/address.h"

struct tuple {
	struct address local, remote;
	uint16_t local_port, remote_port;
};

static inline bool tuple_eq(const struct tuple *a, const struct tuple *b)
{
	return a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       address_eq(&a->remote, &b->remote) && address_eq(&a->local, &b->local);
}

static inline bool tuple_is_v6(const struct tuple *tuple)
{
	return !address_is_v4(&tuple->remote);
}

#endif
