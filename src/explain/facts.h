/* SPDX-License-Identifier: MIT */
/*
 * All that the rules look at: two looks at every connection, a moment apart (what is there in both is no passing
 * thing), who uses which descriptor, and what the system's own numbers are.
 */
#ifndef ELEVEN_EXPLAIN_FACTS_H
#define ELEVEN_EXPLAIN_FACTS_H

#include "explain/finding.h"
#include "explain/use.h"
#include "lens/source.h"
#include "lens/unowned.h"
#include "view/filter.h"

#define SECOND_NS 1000000000ull

struct facts_options {
	struct lens_options lens;
	struct filter *filter;          /* which connections the question is about; NULL: all */
	pid_t pid;                      /* only of this program; 0: any */
	int fd;                         /* only this descriptor of it; -1: any */
	uint64_t apart_ns;              /* between the two looks; 0: one look is enough */
	bool no_dead;                   /* the question is not about descriptors whose connection is over */
	int (*read_more)(void *context, struct view *view);     /* rows of other sources; NULL: none */
	void (*wait)(void *context, uint64_t ns);       /* between the looks, or shorter; NULL: sleep */
	uint64_t netns;                 /* of the stories of all namespaces only those of this one; 0: all */
	void *context;
};

struct facts {
	const struct facts_options *options;
	struct view view;               /* the second look */
	struct view before;             /* the first; sorted by cookie in before_index */
	const struct conn_view **before_index;
	uint64_t apart_ns;
	struct listeners listeners;
	uint32_t *local_ports, *remote_ports;   /* connections of Linux's with each, 65536 */
	struct uses uses;
	struct lens_report report;      /* of the second look */
	size_t dead_passed_over;        /* descriptors that the first did not look at, being too many */
	bool root;
	uint64_t port_low, port_high;   /* net.ipv4.ip_local_port_range */
	uint64_t fin_timeout, syn_retries, synack_retries, keepalive_probes, syncookies, max_syn_backlog;
	uint64_t tw_reuse, max_tw_buckets;
};

/* 0 or -errno. */
int facts_read(struct facts *facts, const struct facts_options *options);
void facts_free(struct facts *facts);

/* The question is about it. */
bool facts_chosen(const struct facts *facts, const struct conn_view *conn);
/* The same connection at the first look, NULL: it was not there. */
const struct conn_view *facts_before(const struct facts *facts, const struct conn_view *conn);
/* It was there before, in this state. */
bool facts_steady(const struct facts *facts, const struct conn_view *conn);
/* At least this old, as far as is known; unknown ages are as old as the two looks are apart. */
bool facts_older(const struct facts *facts, const struct conn_view *conn, uint64_t ns);
/* In TIME_WAIT, and connect() may take its port again (tcp_tw_reuse: 1 always, 2 over loopback). */
bool facts_reusable(const struct facts *facts, const struct conn_view *conn);
const struct conn_view *facts_listener(const struct facts *facts, const struct conn_view *conn);
/* It came in: there is a listener that made it, or, where that is gone, it looks so. */
bool facts_serves(const struct facts *facts, const struct conn_view *conn);

/* What all holders of a connection do with it. */
struct handling {
	bool known;                     /* all of them could be looked at, and there are some */
	bool reads, writes, running, stopped;
	bool registered;
	struct use use;                 /* of the holder that does most; or of the first */
	const struct view_owner *owner; /* whose that is */
};
void facts_handling(struct facts *facts, const struct conn_view *conn, struct handling *handling);

/* What names the program in a key: its pid, or the user where it is not known. */
uint64_t facts_program(const struct conn_view *conn);
/* `server (29973)`, `uid 33, no permission`. Returns out. */
#define FACTS_WHO_MAX 128
const char *facts_who(char out[FACTS_WHO_MAX], const struct conn_view *conn);
/* `fd 5,7,9 and 12 more`; nothing known: empty. Returns out. */
const char *facts_fds(char out[FACTS_WHO_MAX], const struct finding *finding);
/* Says in finding->more what more could be seen. */
void facts_more(const struct facts *facts, struct finding *finding, const struct conn_view *conn);

/* Each family of rules. */
typedef void rules_fn(struct facts *facts, struct findings *findings);
rules_fn rules_leaks, rules_held, rules_closing, rules_opening, rules_data, rules_half_open, rules_ports;
/* All of them, sorted. */
void facts_judge(struct facts *facts, struct findings *findings);

#endif
