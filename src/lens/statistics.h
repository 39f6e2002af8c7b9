/* SPDX-License-Identifier: MIT */
/* Linux's own counters of this network namespace, as `netstat -s` and `ss -s` tell them. */
#ifndef ELEVEN_LENS_STATISTICS_H
#define ELEVEN_LENS_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A counter of /proc/net/snmp or /proc/net/netstat by table and name ("Tcp", "RetransSegs"); `unknown` if not there. */
uint64_t statistics_counter(const char *table, const char *name, uint64_t unknown);

/* `netstat -s`: the part of TCP in words, and the counters of TcpExt that are not 0 by their names. */
void statistics_print(FILE *out, bool json);
/* `ss -s`. */
void statistics_summary(FILE *out);

#endif
