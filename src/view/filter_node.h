/* SPDX-License-Identifier: MIT */
/* A parsed filter, between filter_parse.c and filter.c.  Inside of filter.h. */
#ifndef ELEVEN_VIEW_FILTER_NODE_H
#define ELEVEN_VIEW_FILTER_NODE_H

#include "view/filter.h"

#define FILTER_NODES_MAX 256            /* conditions and what joins them */
#define FILTER_DEPTH_MAX 32             /* parentheses and nots inside of each other */
#define FILTER_TEXT_MAX  64             /* a name in it */
#define FILTER_STATES_ALL ((1u << ELEVEN_STATES) - 1)

enum filter_kind {
	FILTER_AND, FILTER_OR, FILTER_NOT,
	FILTER_SOURCE, FILTER_DESTINATION,      /* address and prefix, port */
	FILTER_EITHER,                          /* two endpoints, either way round */
	FILTER_SPORT, FILTER_DPORT,
	FILTER_DEVICE, FILTER_MARK,
	FILTER_PID, FILTER_COMM, FILTER_UID, FILTER_FD, FILTER_NETNS, FILTER_HOST,
	FILTER_AGE, FILTER_UNREAD, FILTER_UNSENT,
	FILTER_STATE,
};

enum filter_operator { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

struct filter_end {
	struct eleven_address address;
	unsigned prefix_bits;                   /* of the 128 of an address; 0: any address */
	uint16_t port;                          /* 0: any */
};

struct filter_node {
	enum filter_kind kind;
	enum filter_operator operator;
	int left, right;                        /* nodes; NOT has left only */
	struct filter_end ends[2];
	uint64_t number;                        /* also nanoseconds of an age */
	char text[FILTER_TEXT_MAX];
};

struct filter {
	struct filter_node nodes[FILTER_NODES_MAX];
	int count;
	int root;                               /* -1: no expression */
	uint32_t states;                        /* 1 << enum eleven_state; what may pass */
	bool has_state;
};

#define FILTER_WORD_MAX 256             /* one word, and its NUL */

/* Each reads one whole word; false, or no states: it is none. */
bool filter_number_parse(uint64_t *number, const char *text);
bool filter_port_parse(uint64_t *port, const char *text);
bool filter_duration_parse(uint64_t *ns, const char *text);
bool filter_end_parse(struct filter_end *end, const char *text);
uint32_t filter_states_parse(const char *word);

#endif
