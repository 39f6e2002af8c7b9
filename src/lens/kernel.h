/* SPDX-License-Identifier: MIT */
/* What Linux says of one TCP socket, in Linux's own words and units: the raw side of a row of view.h. */
#ifndef ELEVEN_LENS_KERNEL_H
#define ELEVEN_LENS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

/* States of include/net/tcp_states.h, as sock_diag numbers them. */
enum kernel_state {
	KERNEL_ESTABLISHED = 1, KERNEL_SYN_SENT, KERNEL_SYN_RECV, KERNEL_FIN_WAIT1, KERNEL_FIN_WAIT2, KERNEL_TIME_WAIT,
	KERNEL_CLOSE, KERNEL_CLOSE_WAIT, KERNEL_LAST_ACK, KERNEL_LISTEN, KERNEL_CLOSING, KERNEL_NEW_SYN_RECV,
	KERNEL_BOUND_INACTIVE,          /* a bit of a request only: bound and neither connected nor listening */
	KERNEL_STATES
};
#define KERNEL_STATES_ALL ((1u << KERNEL_STATES) - 2)

/* idiag_timer. */
enum kernel_timer {
	KERNEL_TIMER_OFF,
	KERNEL_TIMER_ON,                /* retransmission, loss probe or reordering; of requests: the SYN-ACK again */
	KERNEL_TIMER_KEEPALIVE,         /* or the end of an orphan in FIN_WAIT2 */
	KERNEL_TIMER_TIME_WAIT,
	KERNEL_TIMER_PROBE,             /* the peer's window is 0 */
};

/* struct tcp_info as far as this project knows it: the headers of Debian 12, and what kernels added since. */
struct kernel_tcp_info {
	struct tcp_info base;
	uint32_t rcv_wnd;               /* 6.2 */
	uint32_t rehash;
	uint16_t total_rto;             /* 6.7: timeouts, recoveries by timeout, and the milliseconds they took */
	uint16_t total_rto_recoveries;
	uint32_t total_rto_time;
};

#define KERNEL_SHUT_READ  1u            /* no more comes: the peer's FIN, or shutdown(SHUT_RD) */
#define KERNEL_SHUT_WRITE 2u            /* shutdown(SHUT_WR) or close() */

struct kernel_sock {
	uint8_t state;                  /* enum kernel_state, as reported: requests say SYN_RECV */
	uint8_t timer;                  /* enum kernel_timer */
	uint8_t retrans;                /* of that timer: retransmissions, or probes */
	uint8_t shutdown;               /* KERNEL_SHUT_… */
	bool shutdown_known;
	bool request;                   /* SYN_RECV, and no socket yet */
	bool small;                     /* TIME_WAIT or orphaned FIN_WAIT2: what is left of a socket, without figures */
	bool skmem_known, v6only_known, bbr_known;
	uint8_t tos, tclass, v6only;
	uint32_t expires_ms;            /* of the timer */
	uint32_t rqueue, wqueue;        /* LISTEN: waiting for accept(), and most that may */
	uint32_t ifindex, mark;         /* 0: none, or not told */
	uint32_t skmem[SK_MEMINFO_VARS];
	uint64_t cgroup;                /* 0: not told */
	char congestion[16];            /* escaped; empty: not told */
	struct tcp_bbr_info bbr;
	size_t info_bytes;              /* of `info` that this kernel gave; 0: none */
	struct kernel_tcp_info info;    /* the last: not there at all where info_bytes is 0 */
};

/* True if this kernel told the field. */
#define KERNEL_INFO_HAS(sock, field) \
	((sock)->info_bytes >= offsetof(struct kernel_tcp_info, field) + sizeof((sock)->info.field))

#endif
