/* SPDX-License-Identifier: MIT */
/*
 * eleven: a complete TCP in userspace.  The whole public interface.
 *
 * CONVENTIONS
 *
 * A stack is one block of memory that the caller gives.  Nothing here does I/O, reads a
 * clock, starts a thread, allocates or calls back: packets and the time go in, packets and
 * signals come out.  One stack is used by one thread at a time; stacks share nothing.
 *
 * Time, `now`, is nanoseconds from any origin and does not go backwards (an earlier `now`
 * counts as the latest one seen).  It must be greater than 0.
 *
 * Failures of the caller and of the world are a negative errno (-EINVAL …).  What a peer
 * does wrong is never an error: it is dropped under a named rule, counted, and traced.
 * A fault of the library itself calls eleven_panic().
 *
 * A connection is an `eleven_handle`, valid until eleven_close() or eleven_abort();
 * afterwards every function answers -EBADF.  0 is never a valid handle.
 *
 * Memory from `_buf` functions and packets from eleven_output() are lent until the next
 * call on the same stack (for _buf: until the matching _commit).
 *
 * A turn of the caller's loop:
 *
 *     n = packets read from the link;
 *     eleven_input(stack, packets, n, now);
 *     eleven_timers(stack, now);
 *     while (eleven_signal(stack, &signal)) …        accept, receive, send, close
 *     while ((n = eleven_output(stack, out, 64, now)) > 0) write them to the link;
 *     wait for the link, or until eleven_deadline(stack).
 *
 * Numbers named § are paragraphs of RFC 9293.
 */
#ifndef ELEVEN_H
#define ELEVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ELEVEN_API __attribute__((visibility("default")))

#define ELEVEN_VERSION "0.1.0"

/* ---------------------------------------------------------------- vocabulary */

struct eleven;                          /* one stack */
typedef uint64_t eleven_handle;         /* one connection: index and generation */

/* The eleven states of §3.3.2, in the RFC's order of a connection's life. */
enum eleven_state {
	ELEVEN_CLOSED,
	ELEVEN_LISTEN,
	ELEVEN_SYN_SENT,
	ELEVEN_SYN_RECEIVED,
	ELEVEN_ESTABLISHED,
	ELEVEN_FIN_WAIT_1,
	ELEVEN_FIN_WAIT_2,
	ELEVEN_CLOSE_WAIT,
	ELEVEN_CLOSING,
	ELEVEN_LAST_ACK,
	ELEVEN_TIME_WAIT,
	ELEVEN_STATES                   /* how many */
};

/* An IPv4 address is held as ::ffff:a.b.c.d. */
struct eleven_address {
	uint8_t bytes[16];
};

struct eleven_endpoint {
	struct eleven_address address;  /* ::ffff:0.0.0.0: any of IPv4; all zero: any at all */
	uint16_t port;                  /* host order; 0: any */
	uint16_t scope;                 /* of a link-local address of IPv6: its interface + 1; 0: the only one */
};

/* ---------------------------------------------------------------- configuration */

enum eleven_profile {
	ELEVEN_MODERN,                  /* every MUST, current practice elsewhere */
	ELEVEN_STRICT,                  /* every SHOULD as well */
	ELEVEN_LINUX,                   /* the Linux kernel's choices */
	ELEVEN_PROFILES
};

struct eleven_config {
	/*
	 * Chance, and the keys of what no stranger may foresee: initial sequence numbers, ports, timestamps, cookies,
	 * the hash tables.  `secret`: 128 bits from the system's generator (getrandom(2)), never those of another
	 * stack.  `seed` alone is for runs to be repeated: keys of 64 bits, from a generator that is not for secrets.
	 */
	uint64_t secret[2];
	uint64_t seed;
	uint32_t profile;               /* enum eleven_profile, for display */
#define CONFIG(name, unit, least, most, modern, strict, linux, source, sentence) uint64_t name;
#include "eleven-config.def"
#undef CONFIG
};

/* One row of the table, for programs that print or parse it. */
struct eleven_config_row {
	const char *name, *unit, *source, *sentence;
	uint64_t least, most, value[ELEVEN_PROFILES];
	size_t offset;                  /* of the uint64_t in struct eleven_config */
};

/* All values of a profile; secret and seed 0. */
ELEVEN_API void eleven_config_init(struct eleven_config *config, enum eleven_profile profile);
/* Row `index`, or NULL past the last. */
ELEVEN_API const struct eleven_config_row *eleven_config_row(unsigned index);
/* Sets one value by name. -ENOENT: no such name; -ERANGE: outside its bounds. */
ELEVEN_API int eleven_config_set(struct eleven_config *config, const char *name, uint64_t value);
/*
 * Other values for a stack that runs, all but those that size its memory, its keys and what its links were made with:
 * they hold for what is opened from now on, and for open connections where they are asked each time.  -EINVAL: out of
 * bounds, nothing is changed.
 */
ELEVEN_API int eleven_reconfigure(struct eleven *stack, const struct eleven_config *config);

/* ---------------------------------------------------------------- stack */

/* Bytes that a stack of this configuration needs; 0 when a value is out of bounds. */
ELEVEN_API size_t eleven_size(const struct eleven_config *config);
/*
 * Makes a stack in `memory`: at least eleven_size() bytes, aligned to 64, filled with zeros
 * (as mmap and calloc give it; pages not used are not touched).  -EINVAL: a value out of
 * bounds, memory too small or not aligned, or neither secret nor seed.
 */
ELEVEN_API int eleven_create(struct eleven **stack, void *memory, size_t bytes,
			     const struct eleven_config *config, uint64_t now);

enum eleven_link_kind {
	ELEVEN_LINK_IP,                 /* packets start at the IP header: tun, virtual wire */
	ELEVEN_LINK_ETHERNET,           /* frames; neighbours found by ARP: tap, AF_PACKET, AF_XDP */
};

struct eleven_interface {
	enum eleven_link_kind kind;
	struct eleven_address address;  /* ours; IPv4; all zero: none, if there is IPv6 */
	uint8_t prefix_bits;            /* of the subnet on the link, 0…32 */
	struct eleven_address gateway;  /* next hop for everything else; any: none, all is on the link */
	uint8_t mac[6];                 /* Ethernet only */
	uint32_t mtu;                   /* IP packet, 68…65535 */
	bool checksum_offload;          /* the link fills in transport checksums (ELEVEN_PACKET_CHECKSUM_PARTIAL) */
	uint32_t segment_bytes_max;     /* most text of one big segment that the link cuts itself (TSO); 0: none */
	struct eleven_address address6; /* ours; IPv6; all zero: none */
	uint8_t prefix6_bits;           /* of the prefix on the link, 1…128 */
	bool autoconfigure;             /* IPv6 as routers on the link tell (RFC 4862); without, they are not heeded */
	struct eleven_address gateway6; /* first default router; all zero: none */
};

/* Adds an interface; at most 8. Returns its number, -ENOSPC, -EINVAL, -EEXIST (address taken). */
ELEVEN_API int eleven_interface_add(struct eleven *stack, const struct eleven_interface *interface);

struct eleven_route {                   /* a way to a subnet, beside those that the interfaces give */
	struct eleven_address destination;
	uint8_t prefix_bits;            /* of the destination; 0: everything else, a further default gateway */
	struct eleven_address gateway;  /* on the link of an interface */
};

/*
 * Adds a route, of IPv4 or IPv6.  Of several to the same subnet the first whose gateway lives is taken (RFC 1122
 * §3.3.1.5, RFC 4861 §6.3.6): one that does not answer ARP or discovery is passed over, and a connection whose segments
 * stay unacknowledged tries the next.  At most 32 with those of the interfaces; of IPv6 on each link 4 by default
 * routers and 8 others.  -ENOSPC, -EEXIST, -ENETUNREACH (the gateway is on no interface's link), -EINVAL.
 */
ELEVEN_API int eleven_route_add(struct eleven *stack, const struct eleven_route *route);

/*
 * IPv6 is spoken on interfaces that have address6 or autoconfigure, or get an address here.  Each has a link-local
 * address too, which is made of the seed (or stable_secret) as RFC 7217 has it.  On Ethernet an address can be used
 * when nobody else has claimed it for a second (RFC 4862 §5.4); until then it is tentative.
 */
#define ELEVEN_ADDRESSES_MAX 8          /* of IPv6 on one interface, the link-local one included */

/* A further IPv6 address. -EINVAL, -EEXIST, -ENOSPC. */
ELEVEN_API int eleven_address_add(struct eleven *stack, unsigned interface, const struct eleven_address *address,
				  uint8_t prefix_bits, uint64_t now);

enum eleven_address_state {             /* RFC 4862 §2 */
	ELEVEN_ADDRESS_TENTATIVE,       /* asked for; not ours yet */
	ELEVEN_ADDRESS_PREFERRED,
	ELEVEN_ADDRESS_DEPRECATED,      /* works, and is not chosen for what is new */
	ELEVEN_ADDRESS_DUPLICATE,       /* another host has it: not ours */
};

struct eleven_interface_address {
	struct eleven_address address;
	uint8_t prefix_bits;
	uint8_t state;                  /* enum eleven_address_state */
};

/* The IPv6 addresses of an interface, one after the other: start with *cursor = 0; false at the end. */
ELEVEN_API bool eleven_address_next(const struct eleven *stack, unsigned interface, unsigned *cursor,
				    struct eleven_interface_address *address);

/* Flags of a packet. */
#define ELEVEN_PACKET_CHECKSUM_OK      1u  /* in: the link has verified the transport checksum, or vouches for it */
#define ELEVEN_PACKET_CHECKSUM_PARTIAL 2u  /* out: holds the pseudo-header sum only; fill in from checksum_start */

struct eleven_packet {                  /* one from a link, lent for the call */
	const uint8_t *bytes;
	uint32_t length;
	uint8_t interface;
	uint8_t flags;
	uint16_t segment_bytes;         /* text per original segment when the link has joined several (GRO); else 0 */
};

struct eleven_slice {
	const uint8_t *bytes;
	uint32_t length;
};

struct eleven_out {                     /* one for a link, lent until the next call */
	uint8_t interface;
	uint8_t flags;
	uint8_t slices;                 /* 1…4; the first is all of the headers, and no text */
	uint8_t network_offset;         /* where the IP header starts: 0, or 14 */
	uint16_t checksum_start;        /* where the transport header starts */
	uint16_t checksum_offset;       /* of the checksum field in the transport header */
	uint16_t segment_bytes;         /* cut the text into segments of this many bytes; 0: send as it is */
	uint32_t length;                /* of all slices */
	uint64_t serial;                /* counts packets out of this stack, as in the trace */
	struct eleven_slice slice[4];
};

/* Hands in packets. Wrong ones are dropped under a rule; nothing is returned, nothing is sent here. */
ELEVEN_API void eleven_input(struct eleven *stack, const struct eleven_packet *packets, unsigned count, uint64_t now);
/* Takes up to `count` packets to send; 0 when there is nothing (more) to send now. */
ELEVEN_API unsigned eleven_output(struct eleven *stack, struct eleven_out *out, unsigned count, uint64_t now);
/* Runs every timeout that is due, and packets looped back inside the stack. */
ELEVEN_API void eleven_timers(struct eleven *stack, uint64_t now);
/* When eleven_timers() should next be called at the latest; UINT64_MAX: never. May be in the past. */
ELEVEN_API uint64_t eleven_deadline(const struct eleven *stack);

/* ---------------------------------------------------------------- signals */

#define ELEVEN_SIGNAL_CONNECTED  0x01u  /* ESTABLISHED was reached by an active open */
#define ELEVEN_SIGNAL_ACCEPT     0x02u  /* a listener has a connection to accept */
#define ELEVEN_SIGNAL_RECEIVE    0x04u  /* there is (more) text to receive */
#define ELEVEN_SIGNAL_SEND       0x08u  /* there is room to send again after a short or refused send */
#define ELEVEN_SIGNAL_CLOSING    0x10u  /* the peer's FIN was reached: it will send no more */
#define ELEVEN_SIGNAL_ERROR      0x20u  /* reset, refused, timed out: eleven_status() has the errno */
#define ELEVEN_SIGNAL_ACKED      0x40u  /* all text sent, and the FIN if sent, is acknowledged */
#define ELEVEN_SIGNAL_SOFT_ERROR 0x80u  /* the network reported an error that does not end the connection */
#define ELEVEN_SIGNAL_URGENT    0x100u  /* urgent text is announced, or more of it (MUST-32) */

struct eleven_signal {
	eleven_handle connection;
	uint64_t user;                  /* ELEVEN_OPTION_USER */
	uint32_t signals;               /* all that came up since the last one for this connection */
};

/* Takes the next; false when there is none. */
ELEVEN_API bool eleven_signal(struct eleven *stack, struct eleven_signal *signal);

/* ---------------------------------------------------------------- user calls, §3.9.1 */

/* A connection in CLOSED, with default options. -ENOBUFS: connections_max reached. */
ELEVEN_API int eleven_open(struct eleven *stack, eleven_handle *connection, uint64_t now);

#define ELEVEN_BIND_REUSE_ADDRESS 1u    /* SO_REUSEADDR of socket(7) */
#define ELEVEN_BIND_REUSE_PORT    2u    /* SO_REUSEPORT */
#define ELEVEN_BIND_V6ONLY        4u    /* IPV6_V6ONLY: any address, if that is given, is any of IPv6 */

/*
 * Chooses the local endpoint; port 0 picks one.  -EADDRINUSE, -EADDRNOTAVAIL (not an address
 * of this stack), -EINVAL (bound already, or not in CLOSED).
 */
ELEVEN_API int eleven_bind(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *local,
			   unsigned flags, uint64_t now);
/*
 * Passive OPEN: CLOSED -> LISTEN; again on a listener changes the backlog.  At most `backlog` + 1
 * connections wait to be accepted.  A port is chosen when there is none.  -EADDRINUSE, -EINVAL.
 */
ELEVEN_API int eleven_listen(struct eleven *stack, eleven_handle connection, unsigned backlog, uint64_t now);
/*
 * Active OPEN: CLOSED -> SYN-SENT; ELEVEN_SIGNAL_CONNECTED or _ERROR follows.  -EISCONN, -EALREADY,
 * -EADDRINUSE, -EADDRNOTAVAIL (no free port), -ENETUNREACH, -EINVAL (broadcast, multicast, port 0),
 * -EOPNOTSUPP (LISTEN).
 */
ELEVEN_API int eleven_connect(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *remote,
			      uint64_t now);
/* Takes the oldest connection that waits on a listener. -EAGAIN: none; -EINVAL: not in LISTEN. */
ELEVEN_API int eleven_accept(struct eleven *stack, eleven_handle listener, eleven_handle *connection, uint64_t now);

/*
 * SEND: copies up to `bytes`; returns how many were taken (short when the send buffer fills),
 * -EAGAIN (none: ELEVEN_SIGNAL_SEND follows), -ENOTCONN, -EPIPE (closed for sending), or the
 * error that ended the connection, once.
 */
#define ELEVEN_SEND_MORE 1u             /* MSG_MORE: no PSH, and hold back a last short segment */
#define ELEVEN_SEND_URGENT 2u           /* MSG_OOB: the last byte is urgent */
#define ELEVEN_SEND_RECORD 4u           /* MSG_EOR: text sent later shares no segment with this; for rare use */
ELEVEN_API int64_t eleven_send(struct eleven *stack, eleven_handle connection, const void *text, size_t bytes,
			       unsigned flags, uint64_t now);
/* SEND without the copy: lends up to two slices of free ring (wanting `bytes`), then commits what was filled. */
ELEVEN_API int eleven_send_buf(struct eleven *stack, eleven_handle connection, size_t bytes,
			       struct eleven_slice room[2], uint64_t now);
ELEVEN_API int eleven_send_commit(struct eleven *stack, eleven_handle connection, size_t bytes,
				  unsigned flags, uint64_t now);
/*
 * RECEIVE: copies and consumes up to `bytes`; 0: the peer has closed and all was received;
 * -EAGAIN: nothing yet; -ENOTCONN; the error that ended the connection, once.
 */
ELEVEN_API int64_t eleven_receive(struct eleven *stack, eleven_handle connection, void *text, size_t bytes,
				  uint64_t now);
/* RECEIVE without the copy: up to two slices of what is there (0 slices at the end of text), then consumes. */
ELEVEN_API int eleven_receive_buf(struct eleven *stack, eleven_handle connection, struct eleven_slice text[2],
				  uint64_t now);
ELEVEN_API int eleven_receive_commit(struct eleven *stack, eleven_handle connection, size_t bytes, uint64_t now);

/* CLOSE of the sending side alone (half-close): a FIN follows the text sent so far. -ENOTCONN. */
ELEVEN_API int eleven_shutdown(struct eleven *stack, eleven_handle connection, uint64_t now);
/* No more receiving: text that arrives is acknowledged and thrown away (shutdown(SHUT_RD)). */
ELEVEN_API int eleven_shutdown_receive(struct eleven *stack, eleven_handle connection, uint64_t now);
/*
 * CLOSE and give up the handle: the connection goes on by itself as an orphan.  With text not
 * received, or when more arrives, it is reset (SHLD-3); per linger option too.
 */
ELEVEN_API int eleven_close(struct eleven *stack, eleven_handle connection, uint64_t now);
/* ABORT: RST, and the handle is gone. */
ELEVEN_API int eleven_abort(struct eleven *stack, eleven_handle connection, uint64_t now);

enum eleven_congestion {
	ELEVEN_CONGESTION_CUBIC,        /* RFC 9438 */
	ELEVEN_CONGESTION_RENO,         /* RFC 5681 */
	ELEVEN_CONGESTION_DCTCP,        /* RFC 8257: asks for accurate ECN by itself */
	ELEVEN_CONGESTIONS
};

enum eleven_option {                    /* value and unit */
	ELEVEN_OPTION_NODELAY,          /* bool: no Nagle (TCP_NODELAY) */
	ELEVEN_OPTION_CORK,             /* bool: only full segments, for 200 ms at most (TCP_CORK) */
	ELEVEN_OPTION_QUICK_ACK,        /* bool: acknowledge at once (TCP_QUICKACK) */
	ELEVEN_OPTION_MSS,              /* bytes: cap of the MSS both ways (TCP_MAXSEG); before the open */
	ELEVEN_OPTION_KEEPALIVE,        /* bool (SO_KEEPALIVE) */
	ELEVEN_OPTION_KEEPALIVE_IDLE,   /* ns (TCP_KEEPIDLE) */
	ELEVEN_OPTION_KEEPALIVE_INTERVAL, /* ns (TCP_KEEPINTVL) */
	ELEVEN_OPTION_KEEPALIVE_PROBES, /* count (TCP_KEEPCNT) */
	ELEVEN_OPTION_USER_TIMEOUT,     /* ns, in place of R2; 0: default; UINT64_MAX: never (TCP_USER_TIMEOUT) */
	ELEVEN_OPTION_LINGER_RESET,     /* bool: close resets (SO_LINGER with 0 s) */
	ELEVEN_OPTION_SEND_BUFFER,      /* bytes (SO_SNDBUF, as stored) */
	ELEVEN_OPTION_RECEIVE_BUFFER,   /* bytes (SO_RCVBUF, as stored) */
	ELEVEN_OPTION_DEFER_ACCEPT,     /* ns: a listener hands over only connections with text (TCP_DEFER_ACCEPT) */
	ELEVEN_OPTION_SYN_RETRIES,      /* count (TCP_SYNCNT) */
	ELEVEN_OPTION_FIN_WAIT_2,       /* ns (TCP_LINGER2) */
	ELEVEN_OPTION_WINDOW_CLAMP,     /* bytes (TCP_WINDOW_CLAMP) */
	ELEVEN_OPTION_TTL,              /* 1…255 (IP_TTL) */
	ELEVEN_OPTION_TOS,              /* 0…255 (IP_TOS); the two ECN bits are ours */
	ELEVEN_OPTION_USER,             /* any: comes back in signals and status */
	ELEVEN_OPTION_CONGESTION,       /* enum eleven_congestion (TCP_CONGESTION) */
	ELEVEN_OPTION_UNREAD,           /* bytes the caller has received and its program has not: a close resets */
	ELEVEN_OPTION_SOFT_ERRORS,      /* bool, default 1: ELEVEN_SIGNAL_SOFT_ERROR is given */
	ELEVEN_OPTION_FAST_OPEN,        /* count: a listener takes text of SYNs with its cookie, at most so many at one
					   time that wait for their third ACK (RFC 7413, TCP_FASTOPEN); 0: none */
	ELEVEN_OPTION_FAST_OPEN_CONNECT, /* bool, before the open: with a cookie of that peer the SYN waits for the
					   first SEND and takes its text along (TCP_FASTOPEN_CONNECT).  Such text may
					   come twice to the peer's program (RFC 7413 §6.1) */
	ELEVEN_OPTIONS
};

/* -EINVAL: value out of bounds or wrong state; -ENOPROTOOPT: no such option. */
ELEVEN_API int eleven_option_set(struct eleven *stack, eleven_handle connection, enum eleven_option option,
				 uint64_t value, uint64_t now);
ELEVEN_API int eleven_option_get(const struct eleven *stack, eleven_handle connection, enum eleven_option option,
				 uint64_t *value);

/*
 * The key of 16 bytes from which Fast Open cookies are made (RFC 7413 §4.1.2); the one before still holds.  At the
 * start it is made from the seed.  Servers behind one name share a key, as Linux's TCP_FASTOPEN_KEY: same key, same
 * cookies.
 */
ELEVEN_API void eleven_fast_open_key(struct eleven *stack, const uint8_t key[16]);

#include "eleven-keys.h"                /* keys that segments are signed with */

/* ---------------------------------------------------------------- seeing */

enum eleven_timer {
	ELEVEN_TIMER_NONE,
	ELEVEN_TIMER_RETRANSMISSION,    /* text or FIN unacknowledged */
	ELEVEN_TIMER_SYN,               /* SYN or SYN-ACK unanswered */
	ELEVEN_TIMER_PERSIST,           /* peer's window is 0 */
	ELEVEN_TIMER_DELAYED_ACK,
	ELEVEN_TIMER_KEEPALIVE,
	ELEVEN_TIMER_FIN_WAIT_2,        /* orphan in FIN-WAIT-2 */
	ELEVEN_TIMER_TIME_WAIT,         /* 2 MSL */
	ELEVEN_TIMER_LOSS_PROBE,        /* nothing heard for two round trips: the tail will be probed */
	ELEVEN_TIMER_REORDERING,        /* what may be but late will count as lost */
	ELEVEN_TIMER_PACING,            /* the next segment may go */
	ELEVEN_TIMERS
};

/* Sub-states that the state's name does not tell. */
#define ELEVEN_SUB_ORPHAN        0x0001u  /* no program holds it any more */
#define ELEVEN_SUB_ACCEPT_QUEUE  0x0002u  /* not accepted yet */
#define ELEVEN_SUB_FIN_QUEUED    0x0004u  /* our FIN waits behind text */
#define ELEVEN_SUB_FIN_SENT      0x0008u
#define ELEVEN_SUB_FIN_ACKED     0x0010u
#define ELEVEN_SUB_FIN_RECEIVED  0x0020u  /* the peer's FIN is processed */
#define ELEVEN_SUB_UNREAD        0x0040u  /* text received and not read */
#define ELEVEN_SUB_EOF_READ      0x0080u  /* the program has seen the end */
#define ELEVEN_SUB_PASSIVE       0x0100u  /* opened by a listener */
#define ELEVEN_SUB_REQUEST       0x0200u  /* SYN-RECEIVED as a small record */
#define ELEVEN_SUB_ZERO_WINDOW   0x0400u  /* the peer's window is 0 */
#define ELEVEN_SUB_RECOVERY      0x0800u  /* repairing a loss */
#define ELEVEN_SUB_BOUND         0x1000u  /* CLOSED with a local port */
#define ELEVEN_SUB_TIMESTAMPS    0x2000u
#define ELEVEN_SUB_SACK          0x4000u
#define ELEVEN_SUB_WINDOW_SCALE  0x8000u
#define ELEVEN_SUB_READ_SHUT     0x10000u /* shutdown(SHUT_RD) */
#define ELEVEN_SUB_SYN_TEXT      0x20000u /* our SYN had text, and the SYN-ACK acknowledged it (RFC 7413) */
#define ELEVEN_SUB_SYN_WAITS     0x40000u /* SYN-SENT in name: the SYN waits for the first text (RFC 7413) */
#define ELEVEN_SUB_ECN           0x80000u /* both ends do ECN (RFC 3168) */
#define ELEVEN_SUB_SIGNED        0x1000000u /* segments are signed: TCP-MD5 or TCP-AO */
#define ELEVEN_SUB_ECN_SEEN      0x100000u /* text came that routers may mark, or did */

/* STATUS, §3.9.1.6: all that can be told of one connection. Bytes, nanoseconds, counts. */
struct eleven_status {
	eleven_handle connection;       /* also of those no longer held: names it, but calls answer -EBADF */
	uint64_t user;
	struct eleven_endpoint local, remote;
	uint8_t state;                  /* enum eleven_state */
	uint8_t previous_state;
	uint8_t timer;                  /* enum eleven_timer: the one that comes next */
	uint8_t interface;
	uint32_t sub;                   /* ELEVEN_SUB_… */
	int32_t error;                  /* errno that ended it, or 0 */
	int32_t soft_error;             /* last error the network reported, or 0 */
	uint8_t tos, tos_received;      /* of segments sent, and of the last that came (DSCP and ECN bits) */
	uint16_t rule;                  /* that brought it into this state */
	uint16_t last_rule;             /* last one taken, other than for ordinary text and ACKs */
	uint64_t since;                 /* when it came into this state */
	uint64_t opened;                /* when the connection began */
	uint64_t timer_deadline;        /* of `timer`; 0: none */
	uint32_t timer_count;           /* retransmissions or probes so far */
	uint32_t receive_queue;         /* text the program has not received; LISTEN: connections to accept */
	uint32_t send_queue;            /* text not acknowledged yet, sent or not; LISTEN: backlog */
	uint32_t unsent;                /* of that, not sent */
	uint32_t out_of_order;          /* text held behind a gap */
	uint32_t urgent;                /* bytes from the next to receive to the end of urgent text; 0: none */
	uint32_t iss, irs, snd_una, snd_nxt, snd_max, rcv_nxt;
	uint32_t snd_wnd, rcv_wnd;      /* scaled, bytes */
	uint32_t send_buffer, receive_buffer;
	uint16_t mss_send, mss_receive; /* without options; with their room taken off: mss_send */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t dup_acks;
	uint8_t syn_backlog_full;       /* LISTEN: the accept queue is full */
	uint64_t cwnd, ssthresh, flight; /* bytes */
	uint64_t user_timeout;          /* ns; 0: none */
	uint64_t rto, srtt, rttvar, min_rtt; /* ns; 0: not measured */
	uint64_t last_received, last_sent;   /* when the last segment with text came, went; 0: never */
	uint64_t last_ack_received;
	uint64_t segments_in, segments_out, bytes_in, bytes_out; /* text delivered in order; text sent first time */
	uint64_t retransmitted_segments, retransmitted_bytes;
	uint64_t drops;                 /* listener: connections refused for a full queue */
	/* Loss recovery. `flight` is what is on its way: without what is sacked or lost, with what was sent again. */
	uint32_t sacked;                /* bytes the peer holds behind a gap */
	uint32_t lost;                  /* bytes that count as lost, sent again or not */
	uint32_t resent;                /* of those and others, sent again and on their way */
	uint8_t phase;                  /* 0: nothing is being repaired; 1: a loss; 2: after a timeout;
					   3: nothing, but a mark has cut the window for what is on its way */
	uint8_t congestion;             /* enum eleven_congestion */
	uint16_t undos;                 /* repairs that were of no loss: the windows were set back, modulo 2^16 */
	uint16_t reordering;            /* the farthest that a segment came late, in segments; 0: none did */
	uint16_t reorderings;           /* ACKs that told of one */
	uint16_t dsacks;                /* segments that the peer reported as duplicates, modulo 2^16 */
	uint16_t ecn_reductions;        /* congestion marks that were answered, modulo 2^16 */
	uint64_t delivered;             /* bytes the peer has, in order or not */
	uint64_t pacing_rate;           /* bytes a second; 0: not paced */
};

/* -EBADF. */
ELEVEN_API int eleven_status(const struct eleven *stack, eleven_handle connection, struct eleven_status *status);
/* Every connection of the stack, small records and orphans too: start with *cursor = 0; false at the end. */
ELEVEN_API bool eleven_status_next(const struct eleven *stack, uint64_t *cursor, struct eleven_status *status);

/* The spelling of the RFC (`FIN-WAIT-2`). */
ELEVEN_API const char *eleven_state_name(enum eleven_state state);

struct eleven_rule {
	const char *name, *paragraph, *sentence;
};
/* A rule by its number, NULL past the last. Number 0 is "none". */
ELEVEN_API const struct eleven_rule *eleven_rule(unsigned rule);
/* How often it was taken in this stack. */
ELEVEN_API uint64_t eleven_rule_count(const struct eleven *stack, unsigned rule);

enum eleven_trace_kind {
	ELEVEN_TRACE_TRANSITION,        /* state_before -> state_after, by `rule` */
	ELEVEN_TRACE_IN,                /* a segment arrived */
	ELEVEN_TRACE_OUT,               /* a segment was sent */
	ELEVEN_TRACE_CALL,              /* a user call: `call`, `value` its bytes or result */
	ELEVEN_TRACE_TIMEOUT,           /* `timer` expired */
	ELEVEN_TRACE_RULE,              /* another decision, `rule`: drop, challenge ACK, retransmission … */
	ELEVEN_TRACE_KINDS
};

enum eleven_call {
	ELEVEN_CALL_OPEN_PASSIVE, ELEVEN_CALL_OPEN_ACTIVE, ELEVEN_CALL_ACCEPT, ELEVEN_CALL_SEND, ELEVEN_CALL_RECEIVE,
	ELEVEN_CALL_SHUTDOWN, ELEVEN_CALL_CLOSE, ELEVEN_CALL_ABORT, ELEVEN_CALLS
};

struct eleven_trace_segment {
	uint32_t seq, ack, text_bytes;
	uint32_t tsval, tsecr;
	uint16_t window, urgent, mss;
	uint8_t flags;                  /* FIN 1 SYN 2 RST 4 PSH 8 ACK 16 URG 32 ECE 64 CWR 128 */
	uint8_t has;                    /* 1 MSS, 2 window scale, 4 SACK permitted, 8 timestamps, 16 retransmission,
					   32 Fast Open, 64 the flag AE, 128 accurate ECN */
	uint8_t fast_open_bytes;        /* of its cookie */
	uint8_t fast_open[16];
	uint8_t wscale, sack_count;
	uint8_t ecn;                    /* of its packet: 0 not capable, 1 ECT(1), 2 ECT(0), 3 CE */
	uint8_t accecn_count;           /* counters of its AccECN option; 128 more if EE1B is the first */
	uint8_t auth;                   /* its signature: 1 TCP-MD5, 2 TCP-AO */
	uint32_t accecn[3];
	struct { uint32_t left, right; } sack[4];
};

struct eleven_trace {
	uint64_t serial;                /* of the record: 1, 2, 3 … */
	uint64_t time;
	eleven_handle connection;       /* 0: none */
	struct eleven_endpoint local, remote;
	uint8_t kind, call, timer;
	uint8_t state_before, state_after;  /* equal unless a transition */
	uint8_t interface;
	uint16_t rule;
	uint64_t packet;                /* number of the packet in (for what it caused) or out (for OUT); 0: none */
	int64_t value;
	uint32_t iss, irs;              /* for relative sequence numbers */
	struct eleven_trace_segment segment; /* IN and OUT */
};

/* Which kinds are recorded: bits 1 << kind. Transitions always are. Default: transitions and rules. */
ELEVEN_API void eleven_trace_kinds(struct eleven *stack, unsigned kinds);
/*
 * Copies records with serial > *after, oldest first, and moves *after on.  Returns how many;
 * *lost counts those overwritten before they were read.
 */
ELEVEN_API unsigned eleven_trace(const struct eleven *stack, uint64_t *after, struct eleven_trace *records,
				 unsigned count, uint64_t *lost);

/* Of the whole stack. */
struct eleven_stats {
	uint64_t packets_in, packets_out, segments_in, segments_out, drops;
	uint64_t active_opens, passive_opens, attempt_fails, resets_received, resets_sent;
	uint64_t retransmitted_segments, bytes_in, bytes_out;
	uint32_t connections, syn_received, time_wait, states[ELEVEN_STATES];
	uint64_t buffer_bytes_used, buffer_bytes;
	uint64_t steps;                 /* records and ranges walked over so far: what bounds of cost are asserted by */
};
ELEVEN_API void eleven_stats(const struct eleven *stack, struct eleven_stats *stats);

/* Called when the library finds itself wrong; must not return. The library's own (weak) traps. */
#ifndef __cplusplus
_Noreturn
#endif
void eleven_panic(const char *condition, const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
