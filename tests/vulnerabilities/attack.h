/* SPDX-License-Identifier: MIT */
/*
 * For the classes of tests/vulnerabilities.tsv: a test has the ids it shows in its name (scripts/vulnerabilities.py).
 * Stacks here are small, for most tests begin anew thousands of times.
 */
#ifndef TEST_ATTACK_H
#define TEST_ATTACK_H

#include "tcp/rfc.h"

static inline void small_config(struct script *s, enum eleven_profile profile)
{
	script_config(s, profile);
	s->config.buffer_bytes = 256 << 10;
	s->config.send_buffer = s->config.receive_buffer = 64 << 10;
	s->config.trace_records_max = 16;
	s->config.connections_max = s->config.time_wait_max = s->config.syn_received_max = 32;
	s->config.reassembly_max = 4;
	s->config.sent_records_max = 256;
	s->config.replies_max = 64;
}

static inline int setup_small(void **state)
{
	struct script *s = malloc(sizeof(*s));

	small_config(s, ELEVEN_MODERN);
	script_begin(s);
	*state = s;
	return 0;
}

#define ATTACK(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

/* All of the memory that lasts: what an attack leaves must be as before. */
struct held {
	uint64_t tcbs, requests, time_waits, reassembly, sent, buffers;
};

static inline struct held held_now(const struct script *s)
{
	return (struct held){ s->tcp->tcbs.used, s->tcp->syn_received.used, s->tcp->time_wait.used,
			      s->tcp->reassembly.used, s->tcp->sent.used, buffers_used_bytes(&s->tcp->buffers) };
}

static inline void assert_held(const struct script *s, const struct held *before)
{
	struct held now = held_now(s);

	assert_memory_equal(&now, before, sizeof(now));
}

#endif
