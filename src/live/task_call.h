/* SPDX-License-Identifier: MIT */
/*
 * The system call that a task is in, by its registers; of transitions.bpf.c.  Knows the numbers of x86-64 and arm64;
 * elsewhere there is no call to be told.
 */
#ifndef ELEVEN_LIVE_TASK_CALL_H
#define ELEVEN_LIVE_TASK_CALL_H

static __always_inline __u8 call_of_number(long number)
{
	switch (number) {
#if defined(__TARGET_ARCH_x86)
	case 3: case 436: return LIVE_CALL_CLOSE;
	case 48: return LIVE_CALL_SHUTDOWN;
	case 42: return LIVE_CALL_CONNECT;
	case 50: return LIVE_CALL_LISTEN;
	case 1: case 20: case 44: case 46: case 307: return LIVE_CALL_SEND;
	case 33: case 292: return LIVE_CALL_DUP;
	case 59: case 322: return LIVE_CALL_EXEC;
	case 60: case 231: return LIVE_CALL_EXIT;
	case 43: case 288: return LIVE_CALL_ACCEPT;
#elif defined(__TARGET_ARCH_arm64)
	case 57: case 436: return LIVE_CALL_CLOSE;
	case 210: return LIVE_CALL_SHUTDOWN;
	case 203: return LIVE_CALL_CONNECT;
	case 201: return LIVE_CALL_LISTEN;
	case 64: case 66: case 206: case 211: case 269: return LIVE_CALL_SEND;
	case 24: return LIVE_CALL_DUP;
	case 221: case 281: return LIVE_CALL_EXEC;
	case 93: case 94: return LIVE_CALL_EXIT;
	case 202: case 242: return LIVE_CALL_ACCEPT;
#endif
	case 426: return LIVE_CALL_IO_URING;
	default: return LIVE_CALL_OTHER;
	}
}

struct task_call {
	long number;
	__u64 first;                    /* argument */
};

static __always_inline void task_call_read(struct task_call *call, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	if (regs->cs == 0x23) {  /* a 32-bit program: other numbers */
		call->number = -1;
		return;
	}
	call->number = (long)regs->orig_ax;
	call->first = regs->di;
#elif defined(__TARGET_ARCH_arm64)
	call->number = regs->syscallno;
	call->first = regs->orig_x0;
#else
	call->number = -1;
#endif
}

#endif
