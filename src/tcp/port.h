/* SPDX-License-Identifier: MIT */
/* Local ports: who has which, who may bind it again, which one an active open gets (RFC 6056). */
#ifndef ELEVEN_TCP_PORT_H
#define ELEVEN_TCP_PORT_H

#include "tcp/tcb.h"

/* The listener that a segment to tuple->local is for; NULL when there is none. */
struct tcb *port_listener(const struct tcp *tcp, const struct tuple *tuple);
/* Binds to an address and port; port 0 chooses. -EADDRINUSE, -ENOBUFS. */
int port_bind(struct tcp *tcp, struct tcb *tcb, const struct address *local, uint16_t port);
void port_unbind(struct tcp *tcp, struct tcb *tcb);
/* May this bound TCB listen? Not beside another listener, unless both share the port. */
bool port_may_listen(const struct tcp *tcp, const struct tcb *tcb);
/* For an active open whose other three names stand in tcb->tuple. -EADDRNOTAVAIL, -ENOBUFS. */
int port_choose(struct tcp *tcp, struct tcb *tcb);

#endif
