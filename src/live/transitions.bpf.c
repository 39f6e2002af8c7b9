/* SPDX-License-Identifier: MIT */
/*
 * The kernel's side of `eleven watch`: small programs on TCP's tracepoints that copy what there is to be known into a
 * ring, and decide nothing.  Only tracepoints are used, so nothing in the kernel is patched, and all of it goes when
 * the watcher's descriptors go.
 *
 * Whoever is asleep on the ring is woken two hundred times a second at most; it looks by itself now and then.
 *
 * Does not read the task for moves that packets and timers make: see record.h.
 */
#include "kernel_types.h"
#define LIVE_RECORD_TYPES
typedef __u8 live_u8;
typedef __u16 live_u16;
typedef __u32 live_u32;
typedef __u64 live_u64;
#include "record.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "task_call.h"

#define FAMILY_V4 2
#define FAMILY_V6 10
#define PROTOCOL_TCP 6
#define ERROR_ABORTED 103               /* ECONNABORTED: what SOCK_DESTROY leaves */
#define TASK_EXITING 0x4
#define TASK_KERNEL_THREAD 0x200000

enum {
	K_ESTABLISHED = 1, K_SYN_SENT, K_SYN_RECV, K_FIN_WAIT1, K_FIN_WAIT2, K_TIME_WAIT, K_CLOSE, K_CLOSE_WAIT,
	K_LAST_ACK, K_LISTEN, K_CLOSING, K_NEW_SYN_RECV
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ring SEC(".maps");

/* Programs whose name was told. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, char[16]);
} told SEC(".maps");

/* [0] records for which the ring had no room, [1] moves that only the second of two programs saw. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

/* What on_state has begun on this processor, and on_state_again has not looked at. */
#define MARKS_MAX 4
struct marks { __u64 sk[MARKS_MAX]; __u32 states[MARKS_MAX], count, unused; };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct marks);
} marks SEC(".maps");

/* Set before loading. */
const volatile __u32 only_netns = 0;    /* 0: all */
const volatile __u32 own_pid = 0;       /* the watcher's sockets are not news */
const volatile __u64 pidns_dev = 0, pidns_inode = 0;    /* in whose numbers programs are told; 0: the first */
const volatile __u16 only_port = 0;     /* at either end; 0: all */
const volatile __u64 wake_ns = 5000000;
const volatile bool stacks_wanted = false;

static __u64 woken;                     /* when; several processors may differ by a wake-up, which does no harm */

static __always_inline __u64 wake_flag(__u64 now)
{
	if (now - woken < wake_ns)
		return BPF_RB_NO_WAKEUP;
	woken = now;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void count_up(__u32 which)
{
	__u64 *count = bpf_map_lookup_elem(&lost, &which);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline void count_lost(void)
{
	count_up(0);
}

static __always_inline void record_send(struct live_record *r)
{
	long error;

	if (only_port && r->local_port != only_port && r->remote_port != only_port)
		return;
	if (r->flags & LIVE_RECORD_V6)
		error = bpf_ringbuf_output(&ring, r, LIVE_RECORD_V6_BYTES, wake_flag(r->time));
	else
		error = bpf_ringbuf_output(&ring, r, LIVE_RECORD_V4_BYTES, wake_flag(r->time));
	if (error)
		count_lost();
}

/* ---------------------------------------------------------------- the task */

struct pidns_numbers { __u32 pid, tgid; };      /* struct bpf_pidns_info of linux/bpf.h */

/* Names the program to the watcher, once for each name it has. */
static __always_inline void process_tell(struct task_struct *task, struct live_record *r)
{
	struct task_struct *leader = task->group_leader;
	struct live_process process = { .kind = LIVE_RECORD_PROCESS, .time = r->time, .netns = r->netns,
					.pid = r->pid, .tid = r->tid };
	char *known;

	if (r->pid == 0)
		return;
	known = bpf_map_lookup_elem(&told, &process.pid);
	BPF_CORE_READ_STR_INTO(&process.comm, leader, comm);
	if (known && *(__u64 *)known == *(__u64 *)process.comm &&
	    *(__u64 *)(known + 8) == *(__u64 *)(process.comm + 8))
		return;
	process.uid = BPF_CORE_READ(leader, cred, uid.val);
	bpf_map_update_elem(&told, &process.pid, process.comm, BPF_ANY);
	if (bpf_ringbuf_output(&ring, &process, sizeof(process), BPF_RB_NO_WAKEUP))
		count_lost();
}

/* In the watcher's PID namespace; of one that is not in it nothing is known. */
static __always_inline void numbers_read(struct task_struct *task, struct live_record *r)
{
	struct pidns_numbers numbers = {};

	if (pidns_inode == 0) {
		r->pid = (__u32)task->tgid;
		r->tid = (__u32)task->pid;
	} else if (bpf_get_ns_current_pid_tgid(pidns_dev, pidns_inode, (void *)&numbers, sizeof(numbers)) == 0) {
		r->pid = numbers.tgid;
		r->tid = numbers.pid;
	}
}

static __always_inline void task_read(struct live_record *r)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_call call = { .number = -1 };
	__u32 flags = task->flags;

	numbers_read(task, r);
	if (flags & TASK_KERNEL_THREAD) {
		r->flags |= LIVE_RECORD_KERNEL_THREAD;
	} else if (flags & TASK_EXITING) {
		r->call = LIVE_CALL_EXIT;
		r->signal = BPF_CORE_READ(task, signal, group_exit_code) & 0x7f;
	} else {
		task_call_read(&call, (struct pt_regs *)bpf_task_pt_regs(task));
		r->call = call_of_number(call.number);
		if ((r->call == LIVE_CALL_CLOSE || r->call == LIVE_CALL_SHUTDOWN || r->call == LIVE_CALL_CONNECT ||
		     r->call == LIVE_CALL_LISTEN) && call.number != 436 && call.first < LIVE_FD_NONE)
			r->fd = (__u16)call.first;
	}
	process_tell(task, r);
}

/* Only a system call makes these moves; see the top of causes.c. */
static __always_inline bool call_made_it(const struct live_record *r, __u8 old, __u8 new)
{
	if (new == K_SYN_SENT || new == K_LISTEN || new == K_FIN_WAIT1 || new == K_LAST_ACK || old == K_LISTEN)
		return new != K_SYN_RECV;
	if (new != K_CLOSE)
		return false;
	if (r->detail == ERROR_ABORTED)
		return true;
	return r->detail == 0 && !(r->flags & LIVE_RECORD_DEAD) &&
	       (old == K_ESTABLISHED || old == K_CLOSE_WAIT || old == K_SYN_SENT || old == K_SYN_RECV ||
		((old == K_FIN_WAIT1 || old == K_FIN_WAIT2) && !(r->flags & LIVE_RECORD_DONE)));
}

/* ---------------------------------------------------------------- the socket */

/*
 * Where the verifier knows what a pointer is, fields are loaded directly; that is several times cheaper than
 * bpf_probe_read_kernel(), which is for pointers it does not know (the _probed functions).
 */
static __always_inline void v6_copy(__u8 *to, const struct in6_addr *from)
{
	__u32 *words = (__u32 *)to;

	words[0] = from->in6_u.u6_addr32[0];
	words[1] = from->in6_u.u6_addr32[1];
	words[2] = from->in6_u.u6_addr32[2];
	words[3] = from->in6_u.u6_addr32[3];
}

static __always_inline void addresses_read(struct live_record *r, const struct sock_common *sk)
{
	r->local_port = sk->skc_num;
	r->remote_port = __builtin_bswap16(sk->skc_dport);
	r->netns = sk->skc_net.net->ns.inum;
	if (sk->skc_family == FAMILY_V6) {
		r->flags |= LIVE_RECORD_V6;
		v6_copy(r->address, &sk->skc_v6_rcv_saddr);
		v6_copy(r->address + 16, &sk->skc_v6_daddr);
	} else {
		*(__u32 *)r->address = sk->skc_rcv_saddr;
		*(__u32 *)(r->address + 4) = sk->skc_daddr;
	}
}

static __always_inline void addresses_read_probed(struct live_record *r, const struct sock_common *sk)
{
	r->local_port = BPF_CORE_READ(sk, skc_num);
	r->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, skc_dport));
	r->netns = BPF_CORE_READ(sk, skc_net.net, ns.inum);
	if (BPF_CORE_READ(sk, skc_family) == FAMILY_V6) {
		r->flags |= LIVE_RECORD_V6;
		bpf_core_read(r->address, 16, &sk->skc_v6_rcv_saddr);
		bpf_core_read(r->address + 16, 16, &sk->skc_v6_daddr);
	} else {
		bpf_core_read(r->address, 4, &sk->skc_rcv_saddr);
		bpf_core_read(r->address + 4, 4, &sk->skc_daddr);
	}
}

/* Through its file, whose type is known, not through the struct that the socket is part of. */
static __always_inline __u32 inode_read(struct socket *socket)
{
	struct file *file = socket ? socket->file : 0;

	return file ? (__u32)file->f_inode->i_ino : 0;
}

static __always_inline __u32 inode_read_probed(struct socket *socket)
{
	return socket ? (__u32)BPF_CORE_READ(socket, file, f_inode, i_ino) : 0;
}

static __always_inline void figures_read(struct live_record *r, struct sock *sk)
{
	unsigned long flags = ((const struct sock_common___flags *)sk)->skc_flags;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DEAD)))
		r->flags |= LIVE_RECORD_DEAD;
	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		r->flags |= LIVE_RECORD_DONE;
	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_LINGER)) && sk->sk_lingertime == 0)
		r->flags |= LIVE_RECORD_LINGER0;
	r->inode = inode_read(sk->sk_socket);
	if (!tp)
		return;
	if (tp->inet_conn.icsk_user_timeout != 0)
		r->flags |= LIVE_RECORD_USER_TIMEOUT;
	r->unread = tp->rcv_nxt - tp->copied_seq;
	r->unacked = tp->write_seq - tp->snd_una;
	r->rtt_us = tp->srtt_us >> 3;
	if (r->local_port == 0)         /* given back already, or not chosen yet */
		r->local_port = __builtin_bswap16(tp->inet_conn.icsk_inet.inet_sport);
}

/* False: not wanted. */
static __always_inline bool socket_read(struct live_record *r, struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;
	__u8 state = sk->__sk_common.skc_state;

	if (family != FAMILY_V4 && family != FAMILY_V6)
		return false;
	r->time = bpf_ktime_get_ns();
	r->fd = LIVE_FD_NONE;
	addresses_read(r, &sk->__sk_common);
	if (only_netns && r->netns != only_netns)
		return false;
	r->cookie = bpf_get_socket_cookie(sk);
	r->states = (__u8)(state << 4 | state);
	if (state == K_TIME_WAIT || state == K_NEW_SYN_RECV)
		r->flags |= LIVE_RECORD_REQUEST;
	else
		figures_read(r, sk);
	return true;
}

/* ---------------------------------------------------------------- stacks */

static __always_inline void stack_send(const struct live_record *r, struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct live_stack *s = bpf_ringbuf_reserve(&ring, sizeof(*s), 0);
	unsigned long sp;

	if (!s) {
		count_lost();
		return;
	}
	s->time = r->time;
	s->cookie = r->cookie;
	s->netns = r->netns;
	s->pid = r->pid;
	s->tid = r->tid;
	s->kind = LIVE_RECORD_STACK;
	s->bytes = 0;
	s->registers[0] = BPF_CORE_READ(regs, ax);
	s->registers[1] = BPF_CORE_READ(regs, dx);
	s->registers[2] = BPF_CORE_READ(regs, cx);
	s->registers[3] = BPF_CORE_READ(regs, bx);
	s->registers[4] = BPF_CORE_READ(regs, si);
	s->registers[5] = BPF_CORE_READ(regs, di);
	s->registers[6] = BPF_CORE_READ(regs, bp);
	s->registers[7] = sp = BPF_CORE_READ(regs, sp);
	s->registers[8] = BPF_CORE_READ(regs, r8);
	s->registers[9] = BPF_CORE_READ(regs, r9);
	s->registers[10] = BPF_CORE_READ(regs, r10);
	s->registers[11] = BPF_CORE_READ(regs, r11);
	s->registers[12] = BPF_CORE_READ(regs, r12);
	s->registers[13] = BPF_CORE_READ(regs, r13);
	s->registers[14] = BPF_CORE_READ(regs, r14);
	s->registers[15] = BPF_CORE_READ(regs, r15);
	s->registers[16] = BPF_CORE_READ(regs, ip);
	/* The stack may end before 8 KB are over: by half pages. */
	for (int i = 0; i < LIVE_STACK_BYTES / 1024; i++) {
		if (bpf_probe_read_user(s->copy + i * 1024, 1024, (const void *)(sp + i * 1024)))
			break;
		s->bytes = (__u32)(i + 1) * 1024;
	}
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
#endif
}

static __always_inline bool stack_wanted(const struct live_record *r)
{
	return stacks_wanted && r->call != LIVE_CALL_NONE && r->call != LIVE_CALL_EXIT &&
	       !(r->flags & LIVE_RECORD_KERNEL_THREAD);
}

/* ---------------------------------------------------------------- tracepoints */

static __always_inline int state_tell(struct sock *sk, int old, int new)
{
	struct live_record r = { .kind = LIVE_RECORD_STATE };

	if (sk->sk_protocol != PROTOCOL_TCP || !socket_read(&r, sk))
		return 0;
	r.states = (__u8)(old << 4 | new);
	r.detail = (__u8)sk->sk_err;
	if (call_made_it(&r, (__u8)old, (__u8)new)) {
		task_read(&r);
		if (own_pid && r.pid == own_pid)
			return 0;
		if (stack_wanted(&r))
			r.flags |= LIVE_RECORD_HAS_STACK;
	}
	record_send(&r);
	if (r.flags & LIVE_RECORD_HAS_STACK)
		stack_send(&r, bpf_get_current_task_btf());
	return 0;
}

/*
 * The kernel does not run a program that is running on this processor already: what a packet does while a softirq
 * interrupts on_state would be missed.  So there are two programs: at most one of them can be running then, and the
 * other one tells.  The first leaves a mark of each move, from which the second sees that it is told.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new)
{
	__u32 zero = 0, at;
	struct marks *mine = bpf_map_lookup_elem(&marks, &zero);

	if (mine) {
		at = mine->count;
		if (at >= MARKS_MAX)
			at = 0;
		mine->sk[at] = (__u64)sk;
		mine->states[at] = (__u32)(old << 4 | new);
		mine->count = at + 1;
	}
	return state_tell(sk, old, new);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state_again, struct sock *sk, int old, int new)
{
	struct marks *mine;
	__u32 zero = 0;

	mine = bpf_map_lookup_elem(&marks, &zero);
	for (int i = MARKS_MAX - 1; mine && i >= 0; i--) {
		if (mine->sk[i] != (__u64)sk || mine->states[i] != (__u32)(old << 4 | new))
			continue;
		mine->sk[i] = 0;
		mine->count = (__u32)i;
		return 0;
	}
	count_up(1);
	return state_tell(sk, old, new);
}

/* From a packet that no socket is for; addresses as this host sees them. False: not TCP over IP. */
static __always_inline bool packet_read(struct live_record *r, const struct sk_buff *skb)
{
	unsigned char *head = BPF_CORE_READ(skb, head);
	__u16 network, transport;
	__be16 ports[2];
	__u8 version;

	if (bpf_core_field_exists(skb->transport_header)) {
		network = BPF_CORE_READ(skb, network_header);
		transport = BPF_CORE_READ(skb, transport_header);
	} else {
		network = BPF_CORE_READ((const struct sk_buff___headers *)skb, headers.network_header);
		transport = BPF_CORE_READ((const struct sk_buff___headers *)skb, headers.transport_header);
	}
	if (bpf_probe_read_kernel(&version, 1, head + network) ||
	    bpf_probe_read_kernel(ports, sizeof(ports), head + transport))
		return false;
	if (bpf_probe_read_kernel(&r->states, 1, head + transport + 13))        /* SYN, ACK … */
		return false;
	r->remote_port = __builtin_bswap16(ports[0]);
	r->local_port = __builtin_bswap16(ports[1]);
	if (version >> 4 == 6) {
		r->flags |= LIVE_RECORD_V6;
		bpf_probe_read_kernel(r->address + 16, 16, head + network + 8);
		bpf_probe_read_kernel(r->address, 16, head + network + 24);
	} else {
		bpf_probe_read_kernel(r->address + 4, 4, head + network + 12);
		bpf_probe_read_kernel(r->address, 4, head + network + 16);
	}
	return true;
}

static __always_inline int reset_sent(struct sock *sk, struct sk_buff *skb, int reason)
{
	struct live_record r = { .kind = LIVE_RECORD_SEND_RESET };
	bool listens = sk && skb && sk->__sk_common.skc_state == K_LISTEN;

	if (sk && !listens) {
		if (!socket_read(&r, sk))
			return 0;
	} else {
		/* A listener gets what belongs to no connection of its: the packet tells whose it was. */
		if (!skb || !packet_read(&r, skb))
			return 0;
		r.time = bpf_ktime_get_ns();
		r.fd = LIVE_FD_NONE;
		r.flags |= LIVE_RECORD_REQUEST;
		if (listens)
			r.netns = sk->__sk_common.skc_net.net->ns.inum;
		else
			r.netns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
		if (only_netns && r.netns != only_netns)
			return 0;
	}
	r.detail = (__u8)reason;
	record_send(&r);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_send_reset, struct sock *sk, struct sk_buff *skb, int reason)
{
	return reset_sent(sk, skb, reason);
}

/* Before Linux 6.10 no reason is told. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_send_reset_old, struct sock *sk, struct sk_buff *skb)
{
	return reset_sent(sk, skb, 255);
}

static __always_inline int socket_event(struct sock *sk, __u8 kind, int detail)
{
	struct live_record r = { .kind = kind };

	if (!sk || !socket_read(&r, sk))
		return 0;
	r.detail = (__u8)detail;
	record_send(&r);
	return 0;
}

/*
 * A quarter of a second where HZ is 1000, two and a half where it is 100.  A peer that closes in answer to text does so
 * sooner after its last word, for nothing is acknowledged later than that.
 */
#define SILENCE_JIFFIES 250u

/* The reset answers text or a probe, and nothing else had come for a while: who sent it may not know the connection. */
static __always_inline int after_silence(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!tp)
		return 0;
	if (tp->inet_conn.icsk_probes_out > 0)
		return 1;
	return tp->write_seq != tp->snd_una && (__u32)bpf_jiffies64() - tp->rcv_tstamp >= SILENCE_JIFFIES;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_receive_reset, struct sock *sk)
{
	return socket_event(sk, LIVE_RECORD_RECEIVE_RESET, sk ? after_silence(sk) : 0);
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_error, struct sock *sk)
{
	if (sk->sk_protocol != PROTOCOL_TCP)
		return 0;
	return socket_event(sk, LIVE_RECORD_ERROR, sk->sk_err);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *sk)
{
	return socket_event(sk, LIVE_RECORD_RETRANSMIT, 0);
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_retransmit_synack, struct sock *sk, struct request_sock *req)
{
	struct live_record r = { .kind = LIVE_RECORD_RETRANSMIT_SYNACK };

	r.time = bpf_ktime_get_ns();
	r.fd = LIVE_FD_NONE;
	r.flags = LIVE_RECORD_REQUEST;
	r.states = K_SYN_RECV << 4 | K_SYN_RECV;
	addresses_read(&r, &req->__req_common);
	if (only_netns && r.netns != only_netns)
		return 0;
	r.cookie = bpf_get_socket_cookie((struct sock *)req);
	record_send(&r);
	return 0;
}

/* accept() makes no transition, so its return is looked at, and only when stacks are wanted: it costs every call. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_accept, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct live_record r = { .kind = LIVE_RECORD_ACCEPT, .call = LIVE_CALL_ACCEPT };
	struct task_call call = { .number = -1 };
	struct file **table, *file = NULL;
	struct socket *socket;
	struct sock *sk;

	task_call_read(&call, regs);
	if (result < 0 || result >= LIVE_FD_NONE || call_of_number(call.number) != LIVE_CALL_ACCEPT)
		return 0;
	table = BPF_CORE_READ(task, files, fdt, fd);
	if ((__u32)result >= BPF_CORE_READ(task, files, fdt, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), table + result) || !file)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP)
		return 0;
	r.time = bpf_ktime_get_ns();
	addresses_read_probed(&r, (const struct sock_common *)sk);
	if (only_netns && r.netns != only_netns)
		return 0;
	r.cookie = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	r.states = BPF_CORE_READ(sk, __sk_common.skc_state);
	r.states |= (__u8)(r.states << 4);
	r.inode = inode_read_probed(socket);
	numbers_read(task, &r);
	r.fd = (__u16)result;
	r.flags |= LIVE_RECORD_HAS_STACK;
	process_tell(task, &r);
	record_send(&r);
	if (stacks_wanted)
		stack_send(&r, task);
	return 0;
}

char licence[] SEC("license") = "GPL";
