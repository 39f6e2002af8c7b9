/* SPDX-License-Identifier: MIT */
/*
 * The few of the kernel's structs that transitions.bpf.c reads, each with only the fields it reads: where they lie is
 * put right when the program is loaded (CO-RE), from the running kernel's own description of itself.
 *
 * A name with ___ and more behind it is an older or newer shape of the same struct.  For BPF only.
 */
#ifndef ELEVEN_LIVE_KERNEL_TYPES_H
#define ELEVEN_LIVE_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

/* From the kernel's stable interface. */
enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_ANY = 0,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr { union { __u8 u6_addr8[16]; __be32 u6_addr32[4]; } in6_u; };
struct ns_common { unsigned int inum; };
struct net { struct ns_common ns; };
typedef struct { struct net *net; } possible_net_t;

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	struct { __s64 counter; } skc_cookie;
};

struct socket;
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	int sk_err;
	unsigned long sk_lingertime;
	__u16 sk_protocol;
};
struct sock_common___flags { unsigned long skc_flags; };

enum sock_flags { SOCK_DEAD, SOCK_DONE, SOCK_URGINLINE, SOCK_KEEPOPEN, SOCK_LINGER };

struct inet_sock { __be16 inet_sport; };
struct inet_connection_sock { struct inet_sock icsk_inet; __u8 icsk_probes_out; __u32 icsk_user_timeout; };
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt, copied_seq, write_seq, snd_una, srtt_us, rcv_tstamp;
};

struct request_sock { struct sock_common __req_common; };

struct inode { unsigned long i_ino; };
struct file { void *private_data; struct inode *f_inode; };
struct socket { short type; struct sock *sk; struct file *file; };

struct net_device { possible_net_t nd_net; };
struct sk_buff {
	struct net_device *dev;
	unsigned char *head;
	__u16 transport_header, network_header;
};
struct sk_buff___headers { struct { __u16 transport_header, network_header; } headers; };

struct kuid { __u32 val; };
typedef struct { __u32 val; } kuid_t;
struct cred { kuid_t uid; };
struct signal_struct { int group_exit_code; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct task_struct {
	unsigned int flags;
	int pid, tgid;
	int exit_code;
	struct task_struct *group_leader;
	char comm[16];
	const struct cred *cred;
	struct signal_struct *signal;
	struct files_struct *files;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip;
	unsigned short cs;
	unsigned long flags, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs { __u64 regs[31], sp, pc, pstate, orig_x0; __s32 syscallno; };
#else
struct pt_regs { long none; };
#endif

#pragma clang attribute pop

#endif
