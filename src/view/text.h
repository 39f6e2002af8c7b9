/* SPDX-License-Identifier: MIT */
/*
 * Small texts that every view shares: endpoints, times, the two spellings of states, and the escape that makes
 * strings from outside harmless on a terminal.
 */
#ifndef ELEVEN_VIEW_TEXT_H
#define ELEVEN_VIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "eleven.h"

#define TEXT_ENDPOINT_MAX 64    /* an address, `:`, a port or a service */
#define TEXT_TIME_MAX     32

/*
 * Copies `in`, at most in_bytes of it or up to its NUL: printable ASCII as it is, every other byte as \xNN.
 * Cut at a whole character when out is too small. Returns the length.
 */
size_t text_escape(char *out, size_t n, const char *in, size_t in_bytes);

bool text_address_is_any(const struct eleven_address *address);
/* `10.0.0.2:8000`; any is `0.0.0.0`, port 0 is `*`. Returns out. */
const char *text_endpoint(char out[TEXT_ENDPOINT_MAX], const struct eleven_endpoint *endpoint);
/* The same of a connection of this family: `[::1]:8000`, `[::]:*`, `[::ffff:10.0.0.2]:8000`. Returns out. */
const char *text_endpoint_of(char out[TEXT_ENDPOINT_MAX], int family, const struct eleven_endpoint *endpoint);
/* Reads `:PORT`, `ADDRESS`, `ADDRESS:PORT`; what is missing is any. */
bool text_endpoint_parse(struct eleven_endpoint *endpoint, const char *text);

/* `350 us`, `2.0 s`, `57 s`, `4 min 10 s`, `3 h 12 min`. Returns out. */
const char *text_duration(char out[TEXT_TIME_MAX], uint64_t ns);

/* The spelling of net-tools, FIN_WAIT2. */
const char *text_state_netstat(enum eleven_state state);
/* The spelling of the RFC, FIN-WAIT-2. */
const char *text_state_rfc(enum eleven_state state);
/* Either spelling, upper or lower case. */
bool text_state_parse(enum eleven_state *state, const char *text);

/* `§3.10.7.4 Eighth` for the RFC's own paragraphs, other sources as they are. Returns out. */
#define TEXT_PARAGRAPH_MAX 64
const char *text_paragraph(char out[TEXT_PARAGRAPH_MAX], const struct eleven_rule *rule);

/*
 * Prints UTF-8 text of ours; with `ascii`, arrows and lines as the nearest ASCII characters, one for one, so that
 * columns stay (only `§` becomes a word).
 */
void text_put(FILE *out, const char *text, bool ascii);
/* Columns that a text of ours takes: characters, not bytes. */
size_t text_columns(const char *text);
/* True where arrows may be printed: the locale that the environment asks for is a UTF-8 one. */
bool text_utf8_wanted(void);

#endif
