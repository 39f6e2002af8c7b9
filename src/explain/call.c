/* SPDX-License-Identifier: MIT */
/* System calls by number; see call.h. */
#include "explain/call.h"

#include <stddef.h>
#include <sys/syscall.h>

#define WITH_FD(name, kind) { SYS_##name, #name, kind, NULL }

static const struct call calls[] = {
	WITH_FD(read, CALL_READS), WITH_FD(readv, CALL_READS), WITH_FD(recvfrom, CALL_READS),
	WITH_FD(recvmsg, CALL_READS), WITH_FD(recvmmsg, CALL_READS),
	WITH_FD(write, CALL_WRITES), WITH_FD(writev, CALL_WRITES), WITH_FD(sendto, CALL_WRITES),
	WITH_FD(sendmsg, CALL_WRITES), WITH_FD(sendmmsg, CALL_WRITES), WITH_FD(sendfile, CALL_WRITES),
	WITH_FD(accept, CALL_ACCEPTS), WITH_FD(accept4, CALL_ACCEPTS), WITH_FD(connect, CALL_CONNECTS),
	WITH_FD(epoll_pwait, CALL_EPOLLS),
#ifdef SYS_epoll_wait
	WITH_FD(epoll_wait, CALL_EPOLLS),
#endif
#ifdef SYS_epoll_pwait2
	WITH_FD(epoll_pwait2, CALL_EPOLLS),
#endif
#ifdef SYS_poll
	{ SYS_poll, "poll", CALL_POLLS, "waits in poll()" },
#endif
	{ SYS_ppoll, "ppoll", CALL_POLLS, "waits in poll()" },
#ifdef SYS_select
	{ SYS_select, "select", CALL_SELECTS, "waits in select()" },
#endif
	{ SYS_pselect6, "pselect6", CALL_SELECTS, "waits in select()" },
	{ SYS_futex, "futex", CALL_OTHER, "waits on a futex" },
	{ SYS_nanosleep, "nanosleep", CALL_OTHER, "sleeps" },
	{ SYS_clock_nanosleep, "clock_nanosleep", CALL_OTHER, "sleeps" },
	{ SYS_wait4, "wait4", CALL_OTHER, "waits for a child" },
	{ SYS_waitid, "waitid", CALL_OTHER, "waits for a child" },
#ifdef SYS_pause
	{ SYS_pause, "pause", CALL_OTHER, "waits for a signal (pause)" },
#endif
	{ SYS_rt_sigsuspend, "rt_sigsuspend", CALL_OTHER, "waits for a signal" },
	{ SYS_rt_sigtimedwait, "rt_sigtimedwait", CALL_OTHER, "waits for a signal" },
	{ SYS_restart_syscall, "restart_syscall", CALL_OTHER, "waits, after it was stopped" },
#ifdef SYS_io_uring_enter
	{ SYS_io_uring_enter, "io_uring_enter", CALL_OTHER, "waits in a ring (io_uring)" },
#endif
	{ SYS_flock, "flock", CALL_OTHER, "waits for a lock on a file" },
	{ SYS_fcntl, "fcntl", CALL_OTHER, "waits for a lock on a file" },
	{ SYS_fsync, "fsync", CALL_OTHER, "waits for the disk" },
	{ SYS_semop, "semop", CALL_OTHER, "waits on a semaphore" },
	{ SYS_msgrcv, "msgrcv", CALL_OTHER, "waits for a message" },
};

const struct call *call_find(long number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].number == number)
			return &calls[i];
	}
	return NULL;
}
