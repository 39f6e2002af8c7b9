/* SPDX-License-Identifier: MIT */
/*
 * Every descriptor of every program that is a socket, in one walk inside of the kernel (BPF iterator task_file):
 * one holders_record for each.  Reads only.
 */
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
enum { BPF_ANY = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inode { unsigned long i_ino; };
struct file { struct inode *f_inode; };
typedef struct { __u32 val; } kuid_t;
struct cred { kuid_t euid; };
struct sock_common { unsigned short skc_family; volatile unsigned char skc_state; };
struct sock { struct sock_common __sk_common; __u16 sk_protocol; };
struct socket { struct sock *sk; };
struct tcp_sock { __u32 segs_in, segs_out; };
struct ns_common { unsigned int inum; };
struct pid_namespace { struct ns_common ns; };
struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct upid numbers[1]; };
struct task_struct {
	int tgid;
	struct pid *thread_pid;
	struct task_struct *group_leader;
	char comm[16];
	const struct cred *cred;
};
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id, seq_num; };
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#pragma clang attribute pop

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define HOLDERS_RECORD_U64 __u64
#define HOLDERS_RECORD_U32 __u32
#include "holders_record.h"

#define LEVELS_MAX   32                 /* of PID namespaces within each other (MAX_PID_NS_LEVEL) */
#define FAMILY_V4    2
#define FAMILY_V6    10
#define PROTOCOL_TCP 6
#define STATE_CLOSE  7

/* What a row for a connection that is over is made for: only these descriptors are looked at further. */
static __always_inline __u32 is_over(struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	unsigned short family;

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) != STATE_CLOSE ||
	    BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	return (family == FAMILY_V4 || family == FAMILY_V6) &&
	       (BPF_CORE_READ(tp, segs_in) != 0 || BPF_CORE_READ(tp, segs_out) != 0);
}

const volatile __u32 pidns_inode = 0;   /* in whose numbers programs are told; 0: the first */

/* The walk shows programs of the reader's PID namespace only, and each has a number there. */
static __always_inline __u32 number_of(struct task_struct *leader)
{
	struct pid *pid;
	__u32 level;

	if (pidns_inode == 0)
		return (__u32)leader->tgid;
	pid = BPF_CORE_READ(leader, thread_pid);
	level = BPF_CORE_READ(pid, level);
	for (int i = 0; i < LEVELS_MAX && level - i <= level; i++) {
		const char *at = (const char *)pid + bpf_core_field_offset(struct pid, numbers) +
				 (level - i) * bpf_core_type_size(struct upid);
		const struct upid *number = (const struct upid *)at;

		if (BPF_CORE_READ(number, ns, ns.inum) == pidns_inode)
			return (__u32)BPF_CORE_READ(number, nr);
	}
	return 0;
}

SEC("iter/task_file")
int holders_walk(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task, *leader;
	struct holders_record record = { 0 };
	struct file *file = ctx->file;
	struct socket *socket = NULL;

	if (task && file)
		socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	leader = task->group_leader;
	record.inode = file->f_inode->i_ino;
	record.pid = number_of(leader);
	record.fd = ctx->fd;
	record.uid = task->cred->euid.val;
	record.over = is_over(socket->sk);
	bpf_probe_read_kernel_str(record.comm, sizeof(record.comm), leader->comm);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

char holders_license[] SEC("license") = "Dual MIT/GPL";
