/* SPDX-License-Identifier: MIT */
/*
 * Who waits on a descriptor, and what the threads of a program do meanwhile: /proc/PID/task/TID/syscall, the lists of
 * descriptors that threads in poll() and select() gave (read from their memory), and epoll's registrations (fdinfo).
 *
 * Nothing is stopped and nothing is changed.  Programs of other users, and those that may not be traced, tell nothing:
 * then `known` is false.
 */
#ifndef ELEVEN_EXPLAIN_USE_H
#define ELEVEN_EXPLAIN_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "view/view.h"

#define USE_THREADS_MAX 512             /* of one program that are looked at */
#define USE_DOING_MAX   64

struct use_thread {
	pid_t tid;
	char comm[VIEW_COMM_MAX];       /* escaped */
	char state;                     /* R, S, D, T, Z … */
	bool known;                     /* its system call could be read */
	bool running;                   /* it is in none */
	long number;                    /* of the system call */
	uint64_t arguments[6];
};

struct use_registration {
	int epoll_fd;
	int fd;
	uint64_t inode;
	uint32_t events;
};

struct use_program {
	pid_t pid;
	struct use_thread *threads;
	size_t thread_count;
	struct use_registration *registrations;
	size_t registration_count;
	bool known;                     /* some thread's system call could be read */
	bool registrations_known;       /* its descriptors could be listed */
	bool io_uring;                  /* it may wait in a ring, where nobody can see it */
	size_t descriptors;             /* open ones; 0: not known */
	uint64_t descriptors_max;       /* its limit; VIEW_ABSENT: not known */
};

struct uses {
	struct use_program **list;
	size_t count;
};

/* What is known of one descriptor. */
struct use {
	bool known;                     /* enough to say that nobody waits */
	const struct use_program *program;
	const struct use_thread *thread;        /* that is in a call on it, or waits for it; NULL: none */
	const struct use_registration *registration;
	bool reads, writes;             /* somebody waits for input, or is about to send */
	bool running;                   /* some thread is at work and may come to it */
	bool stopped;                   /* the whole program is (SIGSTOP) */
};

/* The program, looked at once. Lent until uses_free(). */
const struct use_program *uses_program(struct uses *uses, pid_t pid);
void uses_free(struct uses *uses);
void use_find(struct uses *uses, const struct view_owner *owner, uint64_t inode, struct use *use);
/* `waits on a futex`, `epoll_wait(4)`, `runs`. Returns out. */
const char *use_doing(char out[USE_DOING_MAX], const struct use_thread *thread);
/* `EPOLLIN|EPOLLET`. Returns out. */
const char *use_events(char out[USE_DOING_MAX], uint32_t events);

#endif
