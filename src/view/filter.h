/* SPDX-License-Identifier: MIT */
/*
 * Which connections a person asks for, in the language of ss(8), for Linux's rows and ours alike:
 *
 *   state STATE | exclude STATE     STATE: established, syn-sent, time-wait, FIN_WAIT2 …, all, connected, synchronized,
 *                                   bucket, big, listening, closed; several of `state` add up
 *   EXPRESSION                      sport = :80, dport >= :1024, src 10/8, dst [::1]:443, src = alice, dev 2, …
 *                                   joined by and, or, not, !, &&, ||, ( )
 *   more than ss has                pid 123, comm nginx, uid 33 or uid www-data, netns 4026531840, age > 10s,
 *                                   unread > 0, unsent > 0, fd 7, host NAME
 *   shorthands                      :8000, 10.0.0.1, 10.0.0.1:8000-10.0.0.2, CLOSE_WAIT
 *
 * Parsing takes bounded memory and recursion whatever it is given; a mistake is one sentence that names the word.
 */
#ifndef ELEVEN_VIEW_FILTER_H
#define ELEVEN_VIEW_FILTER_H

#include "view/view.h"

#define FILTER_PROBLEM_MAX 256

struct filter;

/*
 * The words of a command line, which may each hold several ("( sport = :80 )" as one argument or as five). NULL, and
 * the problem in words: wrong. No words at all make a filter that takes everything.
 */
struct filter *filter_parse(int count, char *const *words, char problem[FILTER_PROBLEM_MAX]);
void filter_free(struct filter *filter);

bool filter_takes(const struct filter *filter, const struct conn_view *conn);
/* Only what endpoints and host tell, every other condition counted as met: for what has no row yet. */
bool filter_may_take(const struct filter *filter, const struct conn_view *conn);

/* States that can pass at all, as 1 << enum eleven_state. */
uint32_t filter_states(const struct filter *filter);
/* Asks for states by name or at all, so that listeners are wanted without -a or -l. */
bool filter_has_state(const struct filter *filter);
/* Nothing is asked for: everything passes. */
bool filter_is_empty(const struct filter *filter);
/* The one endpoint that it is made of: `:8000`, `10.0.0.1:8000`. False: it is anything else. */
bool filter_endpoint(const struct filter *filter, struct eleven_endpoint *endpoint);
/* Needs ages, which not every way of reading yields. */
bool filter_needs_ages(const struct filter *filter);
/* Needs owners, to be looked for beforehand. */
bool filter_needs_owners(const struct filter *filter);

#endif
