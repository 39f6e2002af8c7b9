/* SPDX-License-Identifier: MIT */
/*
 * The calls on a stack, seen by a recording (record.h) when there is one: whoever works on the
 * stacks of a host process includes this and then spells them as in eleven.h.
 */
#ifndef ELEVEN_HOST_RECORDED_H
#define ELEVEN_HOST_RECORDED_H

#include "eleven.h"

int recorded_create(struct eleven **stack, void *memory, size_t bytes, const struct eleven_config *config,
		    const struct eleven_interface *interface, const char *name, uint64_t now);
int recorded_route_add(struct eleven *stack, const struct eleven_route *route, uint64_t now);
void recorded_input(struct eleven *stack, const struct eleven_packet *packets, unsigned count, uint64_t now);
unsigned recorded_output(struct eleven *stack, struct eleven_out *out, unsigned count, uint64_t now);
void recorded_timers(struct eleven *stack, uint64_t now);
bool recorded_signal(struct eleven *stack, struct eleven_signal *signal);
int recorded_open(struct eleven *stack, eleven_handle *connection, uint64_t now);
int recorded_bind(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *local, unsigned flags,
		  uint64_t now);
int recorded_listen(struct eleven *stack, eleven_handle connection, unsigned backlog, uint64_t now);
int recorded_connect(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *remote,
		     uint64_t now);
int recorded_accept(struct eleven *stack, eleven_handle listener, eleven_handle *connection, uint64_t now);
int64_t recorded_send(struct eleven *stack, eleven_handle connection, const void *text, size_t bytes, unsigned flags,
		      uint64_t now);
int recorded_send_buf(struct eleven *stack, eleven_handle connection, size_t bytes, struct eleven_slice room[2],
		      uint64_t now);
int recorded_send_commit(struct eleven *stack, eleven_handle connection, size_t bytes, unsigned flags, uint64_t now);
int64_t recorded_receive(struct eleven *stack, eleven_handle connection, void *text, size_t bytes, uint64_t now);
int recorded_receive_buf(struct eleven *stack, eleven_handle connection, struct eleven_slice text[2], uint64_t now);
int recorded_receive_commit(struct eleven *stack, eleven_handle connection, size_t bytes, uint64_t now);
int recorded_shutdown(struct eleven *stack, eleven_handle connection, uint64_t now);
int recorded_shutdown_receive(struct eleven *stack, eleven_handle connection, uint64_t now);
int recorded_close(struct eleven *stack, eleven_handle connection, uint64_t now);
int recorded_abort(struct eleven *stack, eleven_handle connection, uint64_t now);
int recorded_option_set(struct eleven *stack, eleven_handle connection, enum eleven_option option, uint64_t value,
			uint64_t now);
int recorded_key_add(struct eleven *stack, eleven_handle connection, const struct eleven_key *key, uint64_t now);
int recorded_key_remove(struct eleven *stack, eleven_handle connection, const struct eleven_key *key, uint64_t now);
int recorded_auth_set(struct eleven *stack, eleven_handle connection, const struct eleven_auth *auth, uint64_t now);
void recorded_trace_kinds(struct eleven *stack, unsigned kinds);

#ifndef ELEVEN_HOST_RECORD_ITSELF
#define eleven_input recorded_input
#define eleven_output recorded_output
#define eleven_timers recorded_timers
#define eleven_signal(stack, signal) recorded_signal(stack, signal)     /* a struct has this name, too */
#define eleven_open recorded_open
#define eleven_bind recorded_bind
#define eleven_listen recorded_listen
#define eleven_connect recorded_connect
#define eleven_accept recorded_accept
#define eleven_send recorded_send
#define eleven_send_buf recorded_send_buf
#define eleven_send_commit recorded_send_commit
#define eleven_receive recorded_receive
#define eleven_receive_buf recorded_receive_buf
#define eleven_receive_commit recorded_receive_commit
#define eleven_shutdown recorded_shutdown
#define eleven_shutdown_receive recorded_shutdown_receive
#define eleven_close recorded_close
#define eleven_abort recorded_abort
#define eleven_option_set recorded_option_set
#define eleven_key_add recorded_key_add
#define eleven_key_remove recorded_key_remove
#define eleven_auth_set recorded_auth_set
#define eleven_trace_kinds(stack, kinds) recorded_trace_kinds(stack, kinds)
#endif

#endif
