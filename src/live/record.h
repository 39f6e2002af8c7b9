/* SPDX-License-Identifier: MIT */
/*
 * What the BPF program hands to the watcher through its ring: one fixed head, then the addresses.  An IPv4 record is
 * 64 bytes, an IPv6 one 88.  This file is compiled for BPF as well: plain integers only, and no header of libc.
 *
 * The task fields are those of whoever is on the CPU.  They mean something for moves that only a system call makes;
 * for all others they are left 0, because in a softirq they would name a bystander.
 */
#ifndef ELEVEN_LIVE_RECORD_H
#define ELEVEN_LIVE_RECORD_H

#ifndef LIVE_RECORD_TYPES
#include <stdint.h>
#define LIVE_RECORD_TYPES
typedef uint8_t live_u8;
typedef uint16_t live_u16;
typedef uint32_t live_u32;
typedef uint64_t live_u64;
#endif

enum live_record_kind {
	LIVE_RECORD_STATE = 1,          /* inet_sock_set_state */
	LIVE_RECORD_SEND_RESET,         /* tcp_send_reset */
	LIVE_RECORD_RECEIVE_RESET,      /* tcp_receive_reset */
	LIVE_RECORD_ERROR,              /* inet_sk_error_report */
	LIVE_RECORD_RETRANSMIT,         /* tcp_retransmit_skb */
	LIVE_RECORD_RETRANSMIT_SYNACK,  /* tcp_retransmit_synack */
	LIVE_RECORD_ACCEPT,             /* accept() returned a descriptor; only with stacks */
	LIVE_RECORD_PROCESS,            /* struct live_process: first sight of a program, or it has a new name */
	LIVE_RECORD_STACK,              /* struct live_stack: of the record before with this cookie and thread */
};

/* What the task was doing in the kernel. */
enum live_call {
	LIVE_CALL_NONE,                 /* not a system call's doing, or not known */
	LIVE_CALL_CLOSE,
	LIVE_CALL_SHUTDOWN,
	LIVE_CALL_CONNECT,
	LIVE_CALL_LISTEN,
	LIVE_CALL_SEND,                 /* also the netlink request of `ss -K`, and connecting by MSG_FASTOPEN */
	LIVE_CALL_DUP,                  /* dup2 and dup3 close what they replace */
	LIVE_CALL_EXEC,                 /* close-on-exec */
	LIVE_CALL_EXIT,                 /* the end of the program, by itself or by a signal */
	LIVE_CALL_ACCEPT,
	LIVE_CALL_IO_URING,
	LIVE_CALL_OTHER,
	LIVE_CALLS
};

enum live_record_flag {
	LIVE_RECORD_V6 = 1,
	LIVE_RECORD_DEAD = 2,           /* SOCK_DEAD: no descriptor refers to it any more */
	LIVE_RECORD_DONE = 4,           /* SOCK_DONE: the peer's FIN has come */
	LIVE_RECORD_LINGER0 = 8,        /* SO_LINGER on, 0 seconds */
	LIVE_RECORD_USER_TIMEOUT = 16,  /* TCP_USER_TIMEOUT is set */
	LIVE_RECORD_KERNEL_THREAD = 32,
	LIVE_RECORD_HAS_STACK = 64,
	LIVE_RECORD_REQUEST = 128,      /* the socket is a request or TIME_WAIT one: no figures */
};

struct live_record {
	live_u64 time;                  /* CLOCK_MONOTONIC, ns */
	live_u64 cookie;                /* 0: no socket */
	live_u32 netns;                 /* inode number */
	live_u32 inode;                 /* 0: no descriptor (yet, or any more) */
	live_u32 pid, tid;              /* of the call; 0: none */
	live_u16 local_port, remote_port;
	live_u8 kind;
	live_u8 states;                 /* old << 4 | new, as the kernel numbers them; no socket: the packet's flags */
	live_u8 detail;                 /* STATE: sk_err; ERROR: errno; SEND_RESET: reason, 255: not told;
					 * RECEIVE_RESET: 1 after silence, to what this end has sent */
	live_u8 flags;
	live_u32 unread;                /* as Recv-Q: the peer's FIN counts */
	live_u32 unacked;               /* as Send-Q */
	live_u32 rtt_us;                /* smoothed; of a connection just accepted: how long it was in SYN_RECV */
	live_u16 fd;                    /* the call's argument; 65535: none or too great */
	live_u8 call;                   /* enum live_call */
	live_u8 signal;                 /* EXIT: which killed the program; 0: none */
	live_u8 address[32];            /* local, remote: 4 bytes each, or 16 */
};

#define LIVE_RECORD_HEAD_BYTES 56
#define LIVE_RECORD_V4_BYTES (LIVE_RECORD_HEAD_BYTES + 8)
#define LIVE_RECORD_V6_BYTES (LIVE_RECORD_HEAD_BYTES + 32)
#define LIVE_FD_NONE 65535

/* Its first fields are where live_record has them, so that `kind` is found before more is known. */
struct live_process {
	live_u64 time;
	live_u64 cookie;                /* 0 */
	live_u32 netns, uid;
	live_u32 pid, tid;
	live_u16 unused[2];
	live_u8 kind, pad[3];
	char comm[16];
};

#define LIVE_STACK_BYTES 8192
#define LIVE_STACK_REGISTERS 17

/* x86-64: in DWARF's numbering, rax … r15 as far as user code has them, 16 is the instruction pointer. */
struct live_stack {
	live_u64 time;
	live_u64 cookie;
	live_u32 netns, bytes;          /* how much of the copy is good */
	live_u32 pid, tid;
	live_u16 unused[2];
	live_u8 kind, pad[3];
	live_u64 registers[LIVE_STACK_REGISTERS];
	live_u8 copy[LIVE_STACK_BYTES]; /* from the stack pointer upwards */
};

#endif
