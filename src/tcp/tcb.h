/* SPDX-License-Identifier: MIT */
/*
 * The transmission control block (§3.3.1), the two small records that stand for one, and
 * what all connections of a stack share.
 *
 * Theory of operation.  A connection is a `struct tcb` from a pool.  Two situations of which
 * there may be very many have small records instead: a passive open that waits for its third
 * ACK (`struct syn_received`) and a connection in TIME-WAIT that no program holds
 * (`struct time_wait`).  When a segment arrives for a record it is unfolded into a tcb on the
 * side, goes through the same steps as any other, and is folded again, so there is one TCP.
 *
 * Every one of them begins with a wheel entry and its kind; the table of connections holds
 * references: kind in the upper 4 bits, index + 1 below.
 *
 * Invariants: SND.UNA <= SND.NXT <= snd.max <= snd.end + 1; the send ring holds the text
 * [SND.UNA, snd.end) once the SYN is acknowledged; the receive ring holds the text before
 * RCV.NXT that was not received by the program, and behind it, at its place, what arrived out
 * of order; RCV.NXT + RCV.WND (rcv.edge) never moves left.
 */
#ifndef ELEVEN_TCP_TCB_H
#define ELEVEN_TCP_TCB_H

#include "base/buffers.h"
#include "base/check.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/ranges.h"
#include "base/ring.h"
#include "base/seq.h"
#include "base/siphash.h"
#include "base/table.h"
#include "base/time.h"
#include "base/wheel.h"
#include "tcp/accurate.h"
#include "tcp/controller.h"
#include "tcp/detector.h"
#include "tcp/ecn.h"
#include "tcp/episode.h"
#include "tcp/pacer.h"
#include "tcp/points.h"
#include "tcp/rtt.h"
#include "tcp/scoreboard.h"
#include "tcp/tcp.h"
#include "tcp/tuple.h"
#include "wire/tcp.h"

/* §3.3.2.  What may happen in each is in steps.c. */
enum tcp_state {
	TCP_CLOSED = ELEVEN_CLOSED,             /* no connection: before OPEN, or after its end */
	TCP_LISTEN = ELEVEN_LISTEN,             /* waits for a SYN from anyone; sends nothing */
	TCP_SYN_SENT = ELEVEN_SYN_SENT,         /* our SYN is out; nothing of the peer is known */
	TCP_SYN_RECEIVED = ELEVEN_SYN_RECEIVED, /* both SYNs are out, ours not acknowledged */
	TCP_ESTABLISHED = ELEVEN_ESTABLISHED,   /* text flows both ways */
	TCP_FIN_WAIT_1 = ELEVEN_FIN_WAIT_1,     /* we closed first; our FIN is not acknowledged; text may come */
	TCP_FIN_WAIT_2 = ELEVEN_FIN_WAIT_2,     /* our FIN is acknowledged; text may come */
	TCP_CLOSE_WAIT = ELEVEN_CLOSE_WAIT,     /* the peer closed; we may send; the program has not closed */
	TCP_CLOSING = ELEVEN_CLOSING,           /* both closed at once; our FIN is not acknowledged */
	TCP_LAST_ACK = ELEVEN_LAST_ACK,         /* the peer closed, then we; our FIN is not acknowledged */
	TCP_TIME_WAIT = ELEVEN_TIME_WAIT,       /* both FINs acknowledged; answers the peer's FIN for 2 MSL */
};

enum kind {
	KIND_TCB = 1,
	KIND_SYN_RECEIVED = 2,
	KIND_TIME_WAIT = 3,
	KIND_TIME_WAIT_NAMES = 4,       /* in the pool of TIME-WAIT: the addresses of a record of IPv6 */
};

/* Timers: fixed slots of deadlines; timer.c says when each is armed and what it does. */
enum slot {
	SLOT_LOSS,              /* first, for it puts RETRANSMISSION off when both are due: what may be but late
				   counts as lost; or, with `loss_probe`, a probe of the tail is due */
	SLOT_RETRANSMISSION,    /* text, SYN or FIN unacknowledged; or, with `persisting`, a probe is due */
	SLOT_DELAYED_ACK,
	SLOT_KEEPALIVE,
	SLOT_STATE,             /* FIN-WAIT-2 of an orphan; TIME-WAIT */
	SLOT_CORK,              /* a short segment held back goes at last */
	SLOT_PACING,            /* what the pacer holds back may go */
	SLOTS
};

#define NONE UINT32_MAX         /* no index */
#define CLOCK_STEP_MOST_NS MS(10)       /* a clock coarser than this is none; and what is assumed at the start */

struct tcb {
	_Alignas(16) struct wheel_entry timer;       /* the nearest deadline of all slots, or one before it */
	uint8_t kind;                   /* enum kind: KIND_TCB, or of the record this is unfolded from */
	uint8_t state;                  /* enum tcp_state; assigned in state.c alone */
	uint8_t previous_state;
	uint8_t interface;
	uint32_t generation;            /* of the pool item; part of the handle */
	struct tuple tuple;
	uint32_t hash;                  /* of tuple, while it is in the table */

	struct {
		struct seq una;         /* SND.UNA: oldest unacknowledged */
		struct seq nxt;         /* SND.NXT: next to send; goes back to una when a timeout sends all again */
		struct seq max;         /* the largest SND.NXT so far: what an ACK may acknowledge */
		struct seq end;         /* behind the last byte of text the program has given */
		struct seq wl1, wl2;    /* SND.WL1, SND.WL2: segment of the last window update */
		struct seq up;          /* SND.UP: behind the urgent byte */
		struct seq iss;
		struct seq small;       /* behind the last segment sent that was not full */
		struct seq push;        /* behind the last byte that ends a SEND */
		struct points records;  /* where a segment ends, because the program says so */
		struct seq burst_start, burst_end;      /* what goes as one, with PSH at its end (burst.h) */
		uint32_t wnd;           /* SND.WND, scaled */
		uint32_t wnd_max;       /* the largest SND.WND seen: MAX.SND.WND */
		uint16_t mss;           /* text in a full segment, options taken off */
		uint16_t mss_peer;      /* the peer's MSS option, or its default */
		uint8_t wscale;         /* Snd.Wind.Shift */
	} snd;

	struct {
		struct seq nxt;         /* RCV.NXT */
		struct seq edge;        /* RCV.NXT + RCV.WND as last offered */
		struct seq acked;       /* the last ACK sent */
		struct seq up;          /* RCV.UP */
		struct seq irs;
		struct seq fin;         /* where the peer's FIN is, once seen (fin_seen) */
		struct seq dup_left, dup_right; /* text that came twice, not reported yet (RFC 2883); equal: none */
		struct seq grow;        /* when RCV.NXT passes this, the window may grow */
		uint32_t limit;         /* of the window offered now; grows up to the receive buffer */
		uint16_t mss;           /* our MSS option */
		uint16_t mss_seen;      /* largest segment that came: what counts as full for ACKs */
		uint8_t wscale;         /* Rcv.Wind.Shift */
	} rcv;

	struct {
		uint32_t recent;        /* TS.Recent */
		uint32_t offset;        /* added to our clock, so that it tells nothing */
		uint64_t recent_at;     /* when TS.Recent was taken: it is good for 24 days */
	} ts;

	struct ring send_ring, receive_ring;
	uint32_t reassembly;            /* index of its ranges in the pool, NONE without a gap */
	uint32_t cold;                  /* index of its struct cold, NONE without */
	uint64_t deadline[SLOTS];       /* TIME_NEVER: not armed */
	struct rtt rtt;
	struct controller cc;
	struct episode episode;
	struct detector detector;
	struct scoreboard sb;
	struct pacer pacer;
	struct ecn ecn;
	uint64_t delivered;             /* bytes, by cumulative ACK and SACK */

	uint8_t retries;                /* retransmissions, or probes, since the last ACK */
	uint8_t keepalives;             /* unanswered */
	uint8_t quick_acks;             /* ACKs still sent at once */
	uint8_t limited_transmit;       /* segments sent beyond cwnd on the first duplicate ACKs; without SACK */
	uint8_t congestion;             /* enum controller_kind, of the next ESTABLISHED */
	uint8_t auth_send_id, auth_next_id;     /* TCP-AO of a request: the keys that its SYN asked for (auth.h) */
	uint32_t used_bytes;            /* the most in flight at one time until used_end was acknowledged */
	struct seq used_end;
	struct seq cwnd_bound_to;       /* SND.NXT when cwnd, or the pacer, held text back last, if cwnd_bound */

	struct {                        /* raised by steps and timeouts, answered by output.c */
		bool ack_now : 1;       /* an ACK must go */
		bool syn : 1;           /* SYN or SYN-ACK */
		bool retransmit : 1;    /* the segment at SND.UNA, whatever the windows say */
		bool probe : 1;         /* persist */
		bool keepalive : 1;
		bool override : 1;      /* a short segment, held back long enough … */
		bool late : 1;          /* … by time, not because the program wants it now */
		bool tail_probe : 1;    /* TLP: a segment beyond cwnd, new or the last again */
	} want;

	bool passive : 1;               /* opened by a listener */
	bool held : 1;                  /* a program has the handle */
	bool queued : 1;                /* waits in a listener's accept queue */
	bool in_table : 1;
	bool bound : 1;                 /* in the table of bound ports */
	bool port_given : 1;            /* the program chose the port */
	bool address_given : 1;
	bool reuse_address : 1;
	bool reuse_port : 1;
	bool v6only : 1;                /* bound to ::, and that is not IPv4 */
	bool progress : 1;              /* the peer has acknowledged text since our last segment */
	bool fin_queued : 1;            /* the program has closed for sending */
	bool fin_sent : 1;
	bool fin_acked : 1;
	bool fin_seen : 1;              /* a FIN arrived, perhaps behind a gap */
	bool fin_received : 1;          /* and was processed */
	bool eof_read : 1;              /* the program has seen it */
	bool read_shut : 1;
	bool unread_elsewhere : 1;      /* the caller holds text that the program has not read */
	bool timestamps : 1;            /* negotiated */
	bool sack : 1;                  /* negotiated */
	bool window_scale : 1;          /* negotiated */
	bool persisting : 1;            /* SLOT_RETRANSMISSION is the persist timer */
	bool path_suspect : 1;          /* the next segment tells IP so */
	bool probe_refused : 1;         /* the last probe's byte was not taken, as an ACK since then says */
	bool timing : 1;                /* a segment is being timed for the RTT: SYN, or without SACK */
	bool loss_probe : 1;            /* SLOT_LOSS is the probe's */
	bool cwnd_bound : 1;
	bool interactive : 1;           /* text goes both ways: no quick ACKs */
	bool send_starved : 1;          /* a SEND was short: signal when there is room */
	bool urgent_out : 1;            /* snd.up means something */
	bool urgent_in : 1;             /* rcv.up means something */
	bool ready : 1;                 /* in the list of those that may have output */
	bool signalled : 1;             /* in the list of those with signals */
	bool nodelay : 1;
	bool cork : 1;
	bool more : 1;                  /* the last SEND said more follows */
	bool quick_ack : 1;
	bool keepalive : 1;
	bool linger_reset : 1;
	bool send_buffer_given : 1;
	bool receive_buffer_given : 1;
	bool soft_errors_off : 1;       /* the program does not want to hear of them (SHLD-20) */
	bool error_told : 1;            /* to the program, once */
	bool fast_open : 1;             /* RFC 7413: the program wants its first text in the SYN */
	bool fast_open_waits : 1;       /* our SYN waits for that text */
	bool fast_open_asked : 1;       /* our SYN had the option: a cookie in the answer is meant for us */
	bool fast_open_text : 1;        /* our SYN had text */
	bool fast_open_offer : 1;       /* our SYN-ACK brings a cookie … */
	bool fast_open_experiment : 1;  /* … in the option of RFC 6994, as it was asked for; of ours, the SYN's */
	bool fast_open_child : 1;       /* made by a SYN with a cookie: text may flow before the third ACK */
	bool fast_open_counts : 1;      /* in SYN-RECEIVED at its listener's limit */
	bool syn_text_taken : 1;        /* the text of our SYN was acknowledged by the SYN-ACK */

	uint8_t ttl;                    /* 0: not chosen by the program */
	uint8_t tos;
	uint8_t tos_received;           /* of the last segment */
	uint8_t keepalive_probes;
	uint8_t syn_retries;
	uint16_t mss_cap;               /* TCP_MAXSEG; 0: none */
	uint16_t path_mtu;              /* learned; 0: the interface's */
	uint16_t rule;                  /* that brought it into this state */
	uint16_t last_rule;             /* last one worth telling */
	int16_t error, soft_error;      /* errno, 0 none */
	uint32_t send_buffer, receive_buffer, window_clamp;
	uint32_t auth;                  /* index + 1 of its struct auth, a request's of its listener's; 0: no keys */
	uint64_t keepalive_idle, keepalive_interval, user_timeout, fin_wait_2;
	uint64_t defer_accept;          /* listener: only connections with text */

	uint32_t next;                  /* in the pool's free list */
	uint32_t ready_next, signal_next;
	uint32_t listener;              /* child: index of its listener, while queued; NONE */
	uint32_t queue_next;            /* in the accept queue */
	uint32_t queue_head, queue_tail, queue_count;   /* listener: its accept queue */
	union {
		struct {                /* of a listener */
			uint32_t half_open;             /* its SYN-RECEIVED records */
			uint32_t backlog;
			uint32_t fast_open_limit;       /* RFC 7413 §4.2; 0: off */
			uint32_t fast_open_pending, fast_open_resets;
			uint64_t fast_open_reset_at;
		};
		struct {                /* of a connection with fast_open_counts */
			uint32_t fast_open_listener, fast_open_listener_generation;
		};
	};
	uint32_t signals;               /* pending, ELEVEN_SIGNAL_… */
	uint64_t user;

	uint64_t since, opened;
	uint64_t last_received, last_sent, last_ack_received, last_heard;
	uint64_t unacked_since;         /* when what is unacknowledged now was first sent, or last acknowledged */
	uint64_t challenge_at;          /* last challenge ACK */
	uint64_t path_mtu_until;        /* path_mtu is forgotten then */
	uint64_t bytes_in, bytes_out, retransmitted_bytes, drops;
	uint64_t segments_in, segments_out, retransmitted_segments;
};

/* A passive open that waits for its third ACK. */
struct syn_received {
	_Alignas(16) struct wheel_entry timer;
	uint8_t kind;
	uint8_t interface : 4;
	bool timestamps : 1, sack : 1, window_scale : 1, acked : 1;
	uint8_t retries;                /* of the SYN-ACK */
	uint8_t wscale;                 /* the peer's; rcv_wscale in the upper half */
	struct tuple tuple;
	uint32_t iss, irs;
	uint32_t ts_recent;
	uint32_t listener, listener_generation;
	union {
		uint32_t link;          /* of the pool, while it is free */
		uint32_t text;          /* index of the TCB that holds text and FIN of the SYN; NONE */
	};
	uint16_t mss, window;           /* the peer's */
	bool ecn : 1;                   /* granted: of RFC 3168 */
	bool accurate : 1;              /* … of RFC 9768 */
	bool ecn_mute : 1;              /* … but we are not to be capable */
	uint8_t syn_codepoint : 2;      /* of the SYN's packet */
	uint8_t tos;
	uint8_t generation;
	uint8_t auth_send_id, auth_next_id;     /* TCP-AO: the keys that the SYN asked for */
	uint16_t challenged;            /* last challenge ACK, in steps of 8 ms; 0: none */
	uint32_t since_us;              /* when the SYN came: its round trip is the first measurement */
};
_Static_assert(TCP_INTERFACES <= 16, "the number of an interface fits into a SYN-RECEIVED record");
_Static_assert(sizeof(struct syn_received) <= 96, "a SYN-RECEIVED record is at most 96 bytes");

/*
 * A connection in TIME-WAIT that no program holds.  The addresses of IPv6 do not fit: they lie in a second record, so
 * that IPv4, of which there may be millions, does not pay for them.
 */
struct time_wait {
	_Alignas(16) struct wheel_entry timer;
	uint8_t kind, interface;
	bool timestamps : 1, reuse_address : 1, reuse_port : 1, passive : 1;
	bool v6 : 1;
	bool after_closing : 1;         /* came from CLOSING, not from FIN-WAIT-2 */
	uint8_t generation;
	uint32_t link;
	union {
		struct {
			uint32_t local, remote;         /* IPv4; else the index of the names in the pool, and 0 */
			uint16_t local_port, remote_port;
			uint32_t rcv_nxt, snd_nxt;
			uint32_t ts_recent, ts_offset;
			uint32_t since_ms;
			uint16_t challenged;            /* last challenge ACK, in steps of 8 ms; 0: none */
			uint16_t window;
		};
		struct address names[2];                /* KIND_TIME_WAIT_NAMES: local, remote */
	};
};
_Static_assert(sizeof(struct time_wait) <= 64, "a TIME-WAIT record is at most 64 bytes");

/* An answer that belongs to no connection: RST, SYN-ACK, ACK of a record. */
struct reply {
	struct tuple tuple;
	struct segment segment;         /* without text */
	uint8_t interface, ttl, tos;
	uint8_t state;                  /* for the trace */
	uint8_t signature[18];          /* behind kind and length */
	eleven_handle handle;
	uint32_t iss, irs;
};

struct tcp_interface {
	uint32_t mtu;
	uint32_t mtu_v6;                /* of IPv6, if routers have made it smaller; 0: the same */
	uint32_t segment_bytes_max;
};

struct list {                           /* first in, first out, through an index in each tcb */
	uint32_t head, tail;
};

/* What a client knows of a server that does Fast Open, or does not. */
struct fast_open_peer {
	struct address remote;
	uint64_t used_at;               /* time + 1; 0: free */
	uint64_t lost_at;               /* when a SYN with the option was found lost last */
	uint16_t mss;
	uint8_t losses;
	bool experiment;                /* the cookie came in the option of RFC 6994 */
	uint8_t experiment_tried;       /* TRY_… of fastopen.c: whether the server answers that one only */
	uint8_t cookie_bytes;
	uint8_t cookie[TCP_FAST_OPEN_MAX];
};

struct tcp {                            /* what all connections of a stack share */
	struct eleven_config config;
	struct trace *trace;
	uint64_t now;                   /* of the call or packet in work */
	uint64_t clock_seen;            /* `now` of the packet before this one */
	uint64_t clock_step;            /* the clock's step: the least by which it was seen to move */
	struct tcp_interface interface[TCP_INTERFACES];
	struct pool tcbs, syn_received, time_wait, reassembly, sent, cold;
	uint32_t time_wait_names;       /* of time_wait's: how many are only names */
	struct table connections;       /* by 4-tuple: tcbs and records */
	struct table bound;             /* by local port: what was bound or connected by a program */
	struct buffers buffers;
	struct wheel wheel;
	struct list ready, parked, signals;
	struct reply *replies;          /* a ring */
	uint32_t replies_first, replies_count;
	uint32_t replies_parked;        /* so many before the first wait for tcp_output_unpark() */
	struct random random;
	struct fast_open_peer *fast_open_peers;
	struct siphash_key fast_open_key[2];    /* the newest, and the one before */
	bool fast_open_key_before;
	struct pool auths, auth_keys;   /* auth.h */
	struct siphash_key table_key, iss_key, port_key;
	uint16_t *port_counters;        /* RFC 6056 §3.3.4, one for each of so many destinations */
	uint32_t port_counters_mask;
	uint64_t challenge_window;      /* the second in which challenge ACKs are counted */
	uint32_t challenge_left;
	uint64_t steps;                 /* of lists walked, but for records of segments: those are in sent.steps */
	uint64_t cookies_until;         /* third ACKs may bring SYN cookies until then */
	uint64_t resets_received, resets_sent, active_opens, passive_opens, attempt_fails;
	uint64_t segments_in, segments_out, retransmitted_segments, bytes_in, bytes_out;
};

struct reassembly {
	uint32_t link;
	struct ranges ranges;
};

/* What only some connections need, those with accurate ECN. */
struct cold {
	uint32_t link;
	struct accurate accurate;
};

static inline struct cold *cold_of(const struct tcp *tcp, const struct tcb *tcb)
{
	return pool_at(&tcp->cold, tcb->cold);
}

static inline struct tcb *tcb_at(const struct tcp *tcp, uint32_t index)
{
	return pool_at(&tcp->tcbs, index);
}

static inline uint32_t tcb_index(const struct tcp *tcp, const struct tcb *tcb)
{
	return pool_index(&tcp->tcbs, tcb);
}

static inline uint32_t reference(enum kind kind, uint32_t index)
{
	return (uint32_t)kind << 28 | (index + 1);
}

static inline enum kind reference_kind(uint32_t reference)
{
	return (enum kind)(reference >> 28);
}

static inline uint32_t reference_index(uint32_t reference)
{
	return (reference & 0x0fffffffu) - 1;
}

/* Time does not go back: an earlier `now` counts as the latest seen. */
static inline void clock_advance(struct tcp *tcp, uint64_t now)
{
	if (now > tcp->now)
		tcp->now = now;
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* RCV.WND as the peer knows it. */
static inline uint32_t rcv_wnd(const struct tcb *tcb)
{
	return seq_lt(tcb->rcv.nxt, tcb->rcv.edge) ? seq_distance(tcb->rcv.edge, tcb->rcv.nxt) : 0;
}

/* What the program receives next. */
static inline struct seq rcv_taken(const struct tcb *tcb)
{
	return seq_sub(tcb->rcv.nxt, ring_used(&tcb->receive_ring));
}

/* Sent and not acknowledged, SYN and FIN counted. */
static inline uint32_t flight(const struct tcb *tcb)
{
	return seq_distance(tcb->snd.nxt, tcb->snd.una);
}

/* Text given by the program and not sent. */
static inline uint32_t unsent(const struct tcb *tcb)
{
	return seq_lt(tcb->snd.nxt, tcb->snd.end) ? seq_distance(tcb->snd.end, tcb->snd.nxt) : 0;
}

/* SND.UNA < ack =< snd.max; right also at a distance of 2^31, where no comparison is. */
static inline bool ack_is_new(const struct tcb *tcb, struct seq ack)
{
	return seq_within(ack, seq_add(tcb->snd.una, 1), seq_distance(tcb->snd.max, tcb->snd.una));
}

/* Our SYN is out and not acknowledged: before ESTABLISHED, and after a CLOSE there that sent a FIN (§3.10.4). */
static inline bool syn_unacked(const struct tcb *tcb)
{
	return seq_eq(tcb->snd.una, tcb->snd.iss) &&
	       (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED || tcb->state == TCP_FIN_WAIT_1);
}

/* Has the three-way handshake come to where both ends know of each other?  §3.10.7.4's states. */
static inline bool synchronized(const struct tcb *tcb)
{
	return tcb->state >= TCP_ESTABLISHED;
}

#endif
