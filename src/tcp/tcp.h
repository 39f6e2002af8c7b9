/* SPDX-License-Identifier: MIT */
/*
 * TCP as floor 3 sees it: segments, calls and time in; segments and signals out (§3.10).
 *
 * Nothing here knows IP headers, routes or links.  Where a connection's packets go is a
 * number, its interface, and what that can carry is in tcp_interface_set().
 */
#ifndef ELEVEN_TCP_TCP_H
#define ELEVEN_TCP_TCP_H

#include "eleven.h"
#include "tcp/tuple.h"
#include "trace/trace.h"
#include "base/seq.h"

#define TCP_INTERFACES      9   /* the stack's eight and the loopback */
#define TCP_LOOPBACK        8   /* number of the loopback interface */
#define TCP_TTL_DEFAULT     64

struct tcp;

/* Bytes needed within the stack's block, and how to begin there.  `memory` zero, aligned to 64. */
size_t tcp_bytes(const struct eleven_config *config);
struct tcp *tcp_init(void *memory, const struct eleven_config *config, struct trace *trace, uint64_t now);

/* What an interface can carry: MTU of IP packets, most text of one big segment (0: none). */
void tcp_interface_set(struct tcp *tcp, uint8_t interface, uint32_t mtu, uint32_t segment_bytes_max);
/* Of IPv6 packets, once routers have told another. */
void tcp_interface_v6_set(struct tcp *tcp, uint8_t interface, uint32_t mtu);

/* ---- segments in */

struct arrival {                        /* a segment and what IP knew of it */
	struct address source, destination;
	const uint8_t *bytes;           /* TCP header and text */
	uint32_t length;
	uint8_t interface;
	uint8_t tos;
	bool checksum_ok;               /* no need to look */
	uint16_t segment_bytes;         /* text of each of the segments joined in it; 0: single */
};

/* SEGMENT ARRIVES, §3.10.7. */
void tcp_segment_arrives(struct tcp *tcp, const struct arrival *arrival, uint64_t now);

struct tcp_error {                      /* an ICMP error about a segment of ours */
	struct tuple tuple;
	struct seq seq;
	int error;                      /* errno */
	bool hard;                      /* RFC 1122 §4.2.3.9 */
	uint32_t mtu;                   /* not 0: fragmentation needed */
	bool no_route;                  /* net or host unreachable: the path is cut (RFC 6069 §3) */
};
void tcp_error_arrives(struct tcp *tcp, const struct tcp_error *error, uint64_t now);

/* ---- segments out */

struct tcp_out {
	const struct tuple *tuple;      /* lent until the next call */
	uint8_t interface;
	uint8_t ttl;                    /* 0: what the routers of the link tell (IPv6) */
	uint8_t tos;
	bool df;
	bool path_suspect;              /* advice for IP: nothing comes back, R1 retransmissions long (MUST-20) */
	bool progress;                  /* the peer has acknowledged text since the last one: RFC 4861 §7.3.1 */
	uint8_t header[60];             /* its checksum is zero: floor 3 fills it in */
	uint8_t header_bytes;
	uint8_t slices;                 /* of text */
	struct eleven_slice slice[2];
	uint32_t text_bytes;
	uint16_t segment_bytes;         /* cut into segments of this text; 0: single */
};

/* The connection or answer that goes next: whose turn it is.  False: nothing to send. */
bool tcp_output_next(struct tcp *tcp, const struct tuple **tuple, uint8_t *interface, uint64_t now);
/* Its segment; false: it had nothing to send after all (call _next again). */
bool tcp_output(struct tcp *tcp, struct tcp_out *out, uint64_t now);
/* Not now: its next hop is not known yet.  It waits for tcp_output_unpark(); of many answers the newer ones do. */
void tcp_output_park(struct tcp *tcp);
void tcp_output_unpark(struct tcp *tcp);

/* ---- time */

void tcp_timers(struct tcp *tcp, uint64_t now);
uint64_t tcp_deadline(const struct tcp *tcp);

/* ---- user calls; as in eleven.h.  Active opens need the local address and interface that routing chose. */

int tcp_open(struct tcp *tcp, eleven_handle *handle, uint64_t now);
int tcp_bind(struct tcp *tcp, eleven_handle handle, const struct address *local, uint16_t port, unsigned flags,
	     uint64_t now);
int tcp_listen(struct tcp *tcp, eleven_handle handle, unsigned backlog, uint64_t now);
int tcp_connect(struct tcp *tcp, eleven_handle handle, const struct address *local, uint8_t interface,
		const struct address *remote, uint16_t remote_port, uint64_t now);
/* The local address the connection is bound to, to choose its route by; any when none. */
int tcp_local(const struct tcp *tcp, eleven_handle handle, struct address *local);
int tcp_accept(struct tcp *tcp, eleven_handle listener, eleven_handle *handle, uint64_t now);
int64_t tcp_send(struct tcp *tcp, eleven_handle handle, const void *text, size_t bytes, unsigned flags, uint64_t now);
int tcp_send_buf(struct tcp *tcp, eleven_handle handle, size_t bytes, struct eleven_slice room[2], uint64_t now);
int tcp_send_commit(struct tcp *tcp, eleven_handle handle, size_t bytes, unsigned flags, uint64_t now);
int64_t tcp_receive(struct tcp *tcp, eleven_handle handle, void *text, size_t bytes, uint64_t now);
int tcp_receive_buf(struct tcp *tcp, eleven_handle handle, struct eleven_slice text[2], uint64_t now);
int tcp_receive_commit(struct tcp *tcp, eleven_handle handle, size_t bytes, uint64_t now);
int tcp_shutdown(struct tcp *tcp, eleven_handle handle, uint64_t now);
int tcp_shutdown_receive(struct tcp *tcp, eleven_handle handle, uint64_t now);
int tcp_close(struct tcp *tcp, eleven_handle handle, uint64_t now);
int tcp_abort(struct tcp *tcp, eleven_handle handle, uint64_t now);
int tcp_option_set(struct tcp *tcp, eleven_handle handle, enum eleven_option option, uint64_t value, uint64_t now);
int tcp_option_get(const struct tcp *tcp, eleven_handle handle, enum eleven_option option, uint64_t *value);

void tcp_fast_open_key(struct tcp *tcp, const uint8_t key[16]);
/* All values but those that size memory. */
void tcp_configure(struct tcp *tcp, const struct eleven_config *config);

int tcp_key_add(struct tcp *tcp, eleven_handle handle, const struct eleven_key *key, uint64_t now);
int tcp_key_remove(struct tcp *tcp, eleven_handle handle, const struct eleven_key *key, uint64_t now);
bool tcp_key_next(const struct tcp *tcp, eleven_handle handle, unsigned *cursor, struct eleven_key_use *use);
int tcp_auth_get(const struct tcp *tcp, eleven_handle handle, struct eleven_auth *auth);
int tcp_auth_set(struct tcp *tcp, eleven_handle handle, const struct eleven_auth *auth, uint64_t now);

bool tcp_signal(struct tcp *tcp, struct eleven_signal *signal);

/* ---- seeing */

int tcp_status(const struct tcp *tcp, eleven_handle handle, struct eleven_status *status);
bool tcp_status_next(const struct tcp *tcp, uint64_t *cursor, struct eleven_status *status);
void tcp_stats(const struct tcp *tcp, struct eleven_stats *stats);

#endif
