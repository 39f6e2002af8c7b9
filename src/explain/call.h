/* SPDX-License-Identifier: MIT */
/* The system calls that a thread may be found in, as far as they tell something of a descriptor. */
#ifndef ELEVEN_EXPLAIN_CALL_H
#define ELEVEN_EXPLAIN_CALL_H

enum call_kind {
	CALL_READS,                     /* the first argument is the descriptor */
	CALL_WRITES,
	CALL_ACCEPTS,
	CALL_CONNECTS,
	CALL_EPOLLS,                    /* the first argument is the epoll descriptor */
	CALL_POLLS,
	CALL_SELECTS,
	CALL_OTHER,
};

struct call {
	long number;
	const char *name;
	enum call_kind kind;
	const char *sentence;           /* of those without a descriptor */
};

/* NULL: none of these. */
const struct call *call_find(long number);

#endif
