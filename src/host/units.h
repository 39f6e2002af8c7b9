/* SPDX-License-Identifier: MIT */
/*
 * How numbers, times, sizes and addresses are spelled on command lines and in output.
 *
 * time     10ns 50us 200ms 2s 4min 1h, with decimals (1.5s); a bare 0 is a time, other bare numbers are not
 * size     bytes; 64k 4m 1g in powers of 1024
 * rate     bits per second: 800bit 64kbit 10mbit 1gbit in powers of 1000
 * share    1% 0.01%, kept in parts per million
 * address  10.0.0.1 or fd00::1, with a prefix 10.0.0.1/24, fd00::1/64
 *
 * Parsers take the whole text or nothing and answer 0 or -EINVAL (-ERANGE: too large).  Printers
 * write the shortest spelling that says the same, and return `to`.
 */
#ifndef ELEVEN_HOST_UNITS_H
#define ELEVEN_HOST_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eleven.h"

#define UNITS_TEXT_MAX 48               /* room that every printer is content with */

int units_time(const char *text, uint64_t *ns);
int units_size(const char *text, uint64_t *bytes);
int units_rate(const char *text, uint64_t *bits);
int units_share(const char *text, uint32_t *millionths);
int units_count(const char *text, uint64_t *count);
int units_address(const char *text, struct eleven_address *address);
bool units_address_is_v4(const struct eleven_address *address);
/* The prefix is required. */
int units_subnet(const char *text, struct eleven_address *address, uint8_t *prefix_bits);
/* By the unit of a row of the configuration: ns, bytes, count, segments, bool (on, off, yes, no, 1, 0). */
int units_value(const char *unit, const char *text, uint64_t *value);
/* The profile of a name; -EINVAL. */
int units_profile(const char *text, enum eleven_profile *profile);
const char *units_profile_name(unsigned profile);

char *units_time_print(char to[UNITS_TEXT_MAX], uint64_t ns);
char *units_size_print(char to[UNITS_TEXT_MAX], uint64_t bytes);
char *units_rate_print(char to[UNITS_TEXT_MAX], uint64_t bits);
char *units_share_print(char to[UNITS_TEXT_MAX], uint32_t millionths);
char *units_address_print(char to[UNITS_TEXT_MAX], const struct eleven_address *address);
char *units_value_print(char to[UNITS_TEXT_MAX], const char *unit, uint64_t value);

#endif
