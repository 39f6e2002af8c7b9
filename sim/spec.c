/* SPDX-License-Identifier: MIT */
/* Worlds from seeds; see spec.def for what each number is. */
#include "sim/spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static const struct spec_row rows[] = {
#define SPEC(name, tame, least, most, sentence) { #name, sentence, tame, least, most, offsetof(struct spec, name) },
#include "sim/spec.def"
#undef SPEC
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct spec_row *spec_row(unsigned index)
{
	return index < ROWS ? &rows[index] : NULL;
}

uint32_t *spec_value(struct spec *spec, const struct spec_row *row)
{
	return (uint32_t *)(void *)((uint8_t *)spec + row->offset);
}

void spec_tame(struct spec *spec, uint64_t seed)
{
	memset(spec, 0, sizeof(*spec));
	spec->seed = seed;
	for (size_t i = 0; i < ROWS; i++)
		*spec_value(spec, &rows[i]) = rows[i].tame;
}

static uint32_t chance(struct random *r, unsigned percent, uint64_t most)
{
	uint64_t value = random_below(r, most + 1);

	/* Drawn in any case, so that one choice does not shift all the others. */
	return random_below(r, 100) < percent ? (uint32_t)value : 0;
}

/* From `least` to `most`, each power of two as likely as the next. */
static uint32_t spread(struct random *r, uint32_t least, uint32_t most)
{
	unsigned low = 32u - (unsigned)__builtin_clz(least | 1), high = 32u - (unsigned)__builtin_clz(most | 1);
	unsigned bits = low + (unsigned)random_below(r, high - low + 1);
	uint64_t value = random_below(r, 1ull << bits);

	return value < least ? least : value > most ? most : (uint32_t)value;
}

static void wire_choose(struct spec *s, struct random *r, unsigned trouble)
{
	static const uint32_t mtus[] = { 1500, 1500, 1500, 576, 1280, 9000, 65535 };

	s->delay_us = spread(r, 1, 200000);
	s->jitter_us = chance(r, 40, s->delay_us);
	s->loss_ppm = chance(r, trouble, random_below(r, 2) ? 20000 : 200000);
	s->burst = 1 + chance(r, trouble / 4, 10);
	s->duplicate_ppm = chance(r, trouble / 2, 100000);
	s->reorder_ppm = chance(r, trouble / 2, 200000);
	s->reorder_us = spread(r, 10, 300000);
	s->corrupt_ppm = chance(r, trouble / 3, 50000);
	s->truncate_ppm = chance(r, trouble / 4, 20000);
	s->rate_kbit = random_below(r, 100) < 30 ? spread(r, 1000, 1000000) : 0;
	s->queue_packets = spread(r, 8, 1000);
	s->partitions = chance(r, trouble / 3, 5);
	s->partition_ms = spread(r, 100, 30000);
	s->repeat_ppm = chance(r, 30, 100000);
	s->split_ppm = chance(r, trouble / 4, 300000);
	s->strip = chance(r, trouble / 4, 7);
	s->attacks = chance(r, trouble / 3, 500);
	s->mtu = mtus[random_below(r, 7)];
	s->path_mtu = random_below(r, 100) < 10 && s->mtu > 700 ? 600 + (uint32_t)random_below(r, s->mtu < 9000 ?
		s->mtu - 600 : 8400) : 0;
	s->ethernet = random_below(r, 100) < 25;
	s->big = random_below(r, 100) < 50 ? 0 : 1 + (uint32_t)random_below(r, 3);
	s->six = random_below(r, 100) < 30 && !s->ethernet && !s->path_mtu && s->mtu >= 1260 && s->mtu <= 65000;
}

static void stack_choose(struct spec *s, struct random *r)
{
	s->profile = random_below(r, 3) ? 0 : (uint32_t)random_below(r, 3);
	s->timestamps = random_below(r, 5) > 0;
	s->window_scaling = random_below(r, 5) > 0;
	s->sack = random_below(r, 5) > 0;
	s->mixed_options = random_below(r, 4) == 0;
	s->msl_ms = spread(r, 500, 30000);
	s->buffers = random_below(r, 2) ? 0 : 10 + (uint32_t)random_below(r, 11);
	s->connections_max = random_below(r, 8) ? 128 : 4 + (uint32_t)random_below(r, 30);
	s->syn_received_max = random_below(r, 8) ? 64 : 1 + (uint32_t)random_below(r, 8);
	s->time_wait_max = random_below(r, 8) ? 64 : 1 + (uint32_t)random_below(r, 8);
	s->backlog = random_below(r, 6) ? 64 : (uint32_t)random_below(r, 4);
	s->clock_grain_us = random_below(r, 4) ? 0 : spread(r, 1, 10000);
	s->clock_jumps = chance(r, 10, 5);
	s->stalls = chance(r, 15, 10);
	s->wrap = random_below(r, 3) == 0;
	s->ports = random_below(r, 8) ? 0 : 2 + (uint32_t)random_below(r, 20);
	s->memory_kb = random_below(r, 8) ? 0 : spread(r, 64, 4096);
	s->reassembly_max = random_below(r, 8) ? 64 : 1 + (uint32_t)random_below(r, 4);
	s->replies_max = random_below(r, 8) ? 64 : 4 + (uint32_t)random_below(r, 8);
}

static void boxes_choose(struct spec *s, struct random *r, unsigned trouble)
{
	uint32_t floor = s->six ? 1260 : 600, path = floor + (uint32_t)random_below(r, 8400);

	s->insider = chance(r, trouble / 3, 7);
	s->clamp = chance(r, trouble / 4, 1460);
	s->join_ppm = chance(r, trouble / 4, 500000);
	s->nat = chance(r, trouble / 4, 1);
	s->nat_forgets = s->nat ? chance(r, 50, 5) : 0;
	s->path_changes = chance(r, trouble / 4, 8);
	s->black_hole = chance(r, 30, 1);
	s->fast_open = chance(r, 20, 100);
	if (s->insider && !s->attacks)
		s->attacks = 1 + (uint32_t)random_below(r, 300);
	if (s->path_changes && !s->path_mtu && s->mtu > floor)
		s->path_mtu = path < s->mtu ? path : s->mtu;
	if (s->path_mtu < floor)
		s->path_mtu = s->path_changes = 0;
}

/* A clean wire with one narrow place and flows that are alike. */
static void fair_choose(struct spec *s, struct random *r)
{
	struct spec fair;
	uint64_t packets;

	spec_tame(&fair, s->seed);
	fair.fair = 1;
	fair.conversations = 2 + (uint32_t)random_below(r, 5);
	fair.start_ms = spread(r, 1, 2000);
	fair.chaos_ms = 200000;
	fair.delay_us = spread(r, 2000, 60000);
	fair.rate_kbit = spread(r, 2000, 20000);
	fair.bytes_max = fair.rate_kbit * 125 * 30 / fair.conversations;    /* for half a minute */
	packets = 2ull * fair.delay_us * fair.rate_kbit / 8 / 1500 / 1000000 + 1;
	/* Below some segments a flow it is timeouts that share, and they share badly, as do drops of big ones. */
	fair.queue_packets = 8 * fair.conversations + (uint32_t)(packets / 2 + random_below(r, 2 * packets));
	fair.buffers = 0;
	fair.big = s->big == 3 ? 0 : s->big;
	fair.ethernet = s->ethernet;
	fair.six = s->six && !s->ethernet;
	fair.profile = s->profile;
	fair.timestamps = s->timestamps;
	*s = fair;
}

void spec_of_seed(struct spec *s, uint64_t seed)
{
	struct random random, *r = &random;
	unsigned trouble;

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	random_seed(r, seed);
	trouble = (unsigned)random_below(r, 5) * 25;
	s->hosts = random_below(r, 3) ? 2 + (uint32_t)random_below(r, 3) : 2 + (uint32_t)random_below(r, 15);
	s->conversations = spread(r, 1, 48);
	s->bytes_max = spread(r, 1, 1000000);
	s->start_ms = spread(r, 1, 60000);
	s->chaos_ms = s->start_ms + spread(r, 1, 60000);
	wire_choose(s, r, trouble);
	stack_choose(s, r);
	s->loopback = chance(r, 15, 50);
	s->crossed = chance(r, 15, 50);
	s->lag_us = random_below(r, 2) ? spread(r, 1, 50000) : 0;
	s->slow = chance(r, 40, 50);
	s->responders = chance(r, 50, 100);
	s->deaf = chance(r, trouble / 4, 30);
	s->early = chance(r, trouble / 3, 50);
	s->aborts = chance(r, trouble / 4, 30);
	s->clock_skew_ppm = chance(r, 30, 1000);
	/* Drawn last, so that older seeds are otherwise the worlds they were. */
	s->ecn = random_below(r, 2) ? 1 + (uint32_t)random_below(r, 2) : 0;
	s->mark_ppm = chance(r, s->ecn ? 70 : 10, random_below(r, 2) ? 20000 : 400000);
	s->ecn_path = chance(r, trouble / 4, 15);
	boxes_choose(s, r, trouble);
	if (random_below(r, 50) == 0)
		fair_choose(s, r);
}

bool spec_set(struct spec *spec, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	char *end;
	unsigned long value;

	if (!equals)
		return false;
	value = strtoul(equals + 1, &end, 0);
	if (*end || end == equals + 1)
		return false;
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == (size_t)(equals - assignment) &&
		    !strncmp(rows[i].name, assignment, (size_t)(equals - assignment))) {
			*spec_value(spec, &rows[i]) = (uint32_t)value;
			return value >= rows[i].least && value <= rows[i].most;
		}
	return false;
}

void spec_print(const struct spec *spec)
{
	struct spec copy = *spec;

	printf("--tame --seed %" PRIu64, spec->seed);
	for (size_t i = 0; i < ROWS; i++)
		if (*spec_value(&copy, &rows[i]) != rows[i].tame)
			printf(" --set %s=%" PRIu32, rows[i].name, *spec_value(&copy, &rows[i]));
	printf("\n");
}
