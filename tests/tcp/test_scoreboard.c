/* SPDX-License-Identifier: MIT */
/* The scoreboard beside a plain model of it: a list of segments, each with what became of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "tcp/scoreboard.h"

#define SEGMENT 10
#define MODEL_MAX 4096

struct piece {                          /* a segment of the model */
	uint32_t seq, end;              /* from 0; the scoreboard's begin at `base` */
	uint64_t sent_ns;
	uint32_t order;
	bool sacked, lost, again, ever;
};

struct bench {
	struct pool pool;
	void *memory;
	struct scoreboard sb;
	struct piece piece[MODEL_MAX];
	unsigned first, count;          /* pieces not acknowledged: [first, count) */
	uint32_t base, nxt, order;
	uint64_t now;
	bool reneges;                   /* then all segments are full: where those of joined records end is not known */
	struct random random;
};

static struct seq of(const struct bench *b, uint32_t at)
{
	return seq_of(b->base + at);
}

static void bench_begin(struct bench *b, uint64_t seed, uint32_t base, uint32_t records)
{
	memset(b, 0, sizeof(*b));
	b->memory = calloc(records, sizeof(struct sent));
	pool_init(&b->pool, b->memory, sizeof(struct sent), records, offsetof(struct sent, next));
	scoreboard_init(&b->sb);
	b->base = base;
	b->now = 1000;
	random_seed(&b->random, seed);
}

static void bench_end(struct bench *b)
{
	scoreboard_clear(&b->sb, &b->pool);
	assert_int_equal(b->pool.used, 0);
	free(b->memory);
}

static uint32_t una(const struct bench *b)
{
	return b->first < b->count ? b->piece[b->first].seq : b->nxt;
}

/* Both lists whole, all sums right, every byte as the model has it. */
static void bench_compare(struct bench *b)
{
	uint32_t at = una(b), sacked = 0, lost = 0, again = 0, records = 0, timed = 0, listed = 0;
	uint32_t before = SCOREBOARD_NONE;
	unsigned i = b->first;
	struct sent *last = NULL;

	for (uint32_t index = b->sb.head; index != SCOREBOARD_NONE; records++) {
		struct sent *r = pool_at(&b->pool, index);

		assert_int_equal(r->previous, before);
		assert_int_equal(r->seq.value, b->base + at);
		for (; i < b->count && b->piece[i].end <= r->end.value - b->base; i++) {
			assert_int_equal(b->piece[i].sacked, r->sacked);
			if (!r->sacked) {
				assert_int_equal(b->piece[i].lost, r->lost);
				assert_int_equal(b->piece[i].again, r->again);
				assert_int_equal(b->piece[i].ever, r->ever);
				assert_true(b->piece[i].sent_ns == r->sent_ns);
			}
		}
		sacked += r->sacked ? r->end.value - r->seq.value : 0;
		lost += r->lost ? r->end.value - r->seq.value : 0;
		again += r->again ? r->end.value - r->seq.value : 0;
		timed += r->timed;
		assert_int_equal(r->timed, !r->sacked && (!r->lost || r->again));
		if (last)
			assert_false(last->sacked && r->sacked);
		last = r;
		at = r->end.value - b->base;
		before = index;
		index = r->next;
	}
	assert_int_equal(b->sb.tail, before);
	assert_int_equal(i, b->count);
	assert_int_equal(at, b->nxt);
	assert_int_equal(records, b->sb.records);
	assert_int_equal(records, b->pool.used);
	assert_int_equal(sacked, b->sb.sacked_bytes);
	assert_int_equal(lost, b->sb.lost_bytes);
	assert_int_equal(again, b->sb.again_bytes);
	before = SCOREBOARD_NONE;
	for (uint32_t index = b->sb.oldest; index != SCOREBOARD_NONE; listed++) {
		struct sent *r = pool_at(&b->pool, index);

		assert_true(r->timed);
		assert_int_equal(r->earlier, before);
		if (before != SCOREBOARD_NONE)
			assert_true(((struct sent *)pool_at(&b->pool, before))->order <= r->order);
		before = index;
		index = r->later;
	}
	assert_int_equal(b->sb.newest, before);
	assert_int_equal(listed, timed);
}

static void send_some(struct bench *b)
{
	unsigned n = 1 + (unsigned)random_below(&b->random, 5);
	bool joined = random_below(&b->random, 2);
	uint32_t from = b->nxt;
	unsigned i = b->count;

	b->now += random_below(&b->random, 3);
	if (b->count + n > MODEL_MAX)
		return;
	for (; n > 0; n--) {
		struct piece *p = &b->piece[b->count++];

		*p = (struct piece){ .seq = b->nxt, .end = b->nxt + SEGMENT, .sent_ns = b->now };
		if (n == 1 && !b->reneges && random_below(&b->random, 4) == 0)
			p->end -= 1 + (uint32_t)random_below(&b->random, SEGMENT - 1);
		b->nxt = p->end;
		if (!joined)
			scoreboard_sent(&b->sb, &b->pool, of(b, p->seq), of(b, p->end), SEGMENT, b->now, 0, 100000);
	}
	if (joined)
		scoreboard_sent(&b->sb, &b->pool, of(b, from), of(b, b->nxt), SEGMENT, b->now, 0, 100000);
	for (; i < b->count; i++)
		b->piece[i].order = b->sb.order;
}

static void ack_some(struct bench *b)
{
	unsigned n = (unsigned)random_below(&b->random, 4);
	struct delivery d = { .highest = of(b, una(b)) };
	uint32_t acked = 0;

	for (; n > 0 && b->first < b->count; n--, b->first++)
		acked += b->piece[b->first].sacked ? 0 : b->piece[b->first].end - b->piece[b->first].seq;
	scoreboard_acked(&b->sb, &b->pool, of(b, una(b)), &d);
	assert_int_equal(d.acked_bytes, acked);
}

static void sack_some(struct bench *b)
{
	uint32_t sent = b->nxt - una(b);
	uint32_t left = una(b) + (uint32_t)random_below(&b->random, sent + 20), right;
	struct delivery d = { .highest = of(b, una(b)) };
	bool in, taken;
	uint32_t sacked = 0;

	right = left + (uint32_t)random_below(&b->random, 60) - 5;
	if (random_below(&b->random, 50) == 0)
		right = left + (uint32_t)random_next(&b->random);
	in = sent > 0 && left > una(b) && left < right && right <= b->nxt && right - left < 1u << 31;
	taken = scoreboard_sack(&b->sb, &b->pool, of(b, una(b)), of(b, left), of(b, right), &d);
	assert_int_equal(taken, in);
	if (!in)
		return;
	for (unsigned i = b->first; i < b->count; i++) {
		struct piece *p = &b->piece[i];

		if (p->sacked || p->seq < left || p->end > right)
			continue;
		sacked += p->end - p->seq;
		p->sacked = true;
		p->lost = p->again = false;
	}
	assert_int_equal(d.sacked_bytes, sacked);
}

static void detect_some(struct bench *b)
{
	uint32_t order = b->sb.order - (uint32_t)random_below(&b->random, 4), lost = 0, got;
	uint64_t timeout = random_below(&b->random, 4), wait, nearest = UINT64_MAX;
	bool again;

	b->now += random_below(&b->random, 3);
	got = scoreboard_detect(&b->sb, &b->pool, order, of(b, una(b)), timeout, b->now, &wait, 0, &again);
	for (unsigned i = b->first; i < b->count; i++) {
		struct piece *p = &b->piece[i];

		if (p->sacked || (p->lost && !p->again) || (int32_t)(p->order - order) >= 0)
			continue;
		if (p->sent_ns + timeout > b->now) {
			if (p->sent_ns + timeout - b->now < nearest)
				nearest = p->sent_ns + timeout - b->now;
			continue;
		}
		lost += p->end - p->seq;
		p->lost = true;
		p->again = false;
	}
	assert_int_equal(got, lost);
	assert_true(wait == (nearest == UINT64_MAX ? 0 : nearest));
}

static void again_some(struct bench *b)
{
	struct seq seq, end;
	uint32_t left, most = SEGMENT * (1 + (uint32_t)random_below(&b->random, 3));
	bool tail = random_below(&b->random, 8) == 0;
	unsigned i = b->first;

	if (tail ? !scoreboard_last(&b->sb, &b->pool, &seq, &end) : !scoreboard_lost(&b->sb, &b->pool, &seq, &end)) {
		for (; i < b->count; i++)
			assert_true(b->piece[i].sacked || (!tail && (!b->piece[i].lost || b->piece[i].again)));
		return;
	}
	if (!tail) {                    /* the first of them, indeed */
		while (b->piece[i].sacked || !b->piece[i].lost || b->piece[i].again)
			i++;
		assert_int_equal(seq.value - b->base, b->piece[i].seq);
	}
	if (end.value - seq.value > most)
		end = seq_add(seq, most);
	b->now += random_below(&b->random, 2);
	assert_true(scoreboard_sent_again(&b->sb, &b->pool, seq, end, b->now, 0));
	left = seq.value - b->base;
	for (i = b->first; i < b->count; i++) {
		struct piece *p = &b->piece[i];

		if (p->seq < left || p->end > end.value - b->base)
			continue;
		p->again = p->ever = true;
		p->sent_ns = b->now;
		p->order = b->sb.order;
	}
}

static void lose_some(struct bench *b)
{
	bool renege = b->reneges && random_below(&b->random, 2), unlose = random_below(&b->random, 2);

	if (unlose)
		scoreboard_unlose(&b->sb, &b->pool);
	else
		scoreboard_lose(&b->sb, &b->pool, renege);
	for (unsigned i = b->first; i < b->count; i++) {
		struct piece *p = &b->piece[i];

		if (unlose) {
			p->lost = false;
		} else if (!p->sacked || renege) {
			if (p->sacked) {        /* joined records have one time: the model takes it over */
				p->ever = true;
				p->sent_ns = 0;
			}
			p->sacked = p->again = false;
			p->lost = true;
		}
	}
	if (!unlose && renege)
		for (uint32_t index = b->sb.head; index != SCOREBOARD_NONE;) {
			struct sent *r = pool_at(&b->pool, index);

			for (unsigned i = b->first; i < b->count; i++)
				if (b->piece[i].seq >= r->seq.value - b->base &&
				    b->piece[i].end <= r->end.value - b->base) {
					b->piece[i].sent_ns = r->sent_ns;
					b->piece[i].order = r->order;
				}
			index = r->next;
		}
}

/* 2018-§5-R1, 9937-§6.2-R1: whatever happens in whatever order, the records say what the model says. */
static void test_2018_5_R1_records_equal_a_model(void **state)
{
	static const uint32_t bases[] = { 0, 0xffffff00u, 0x7fffff80u };
	(void)state;

	for (uint64_t seed = 1; seed <= 600; seed++) {
		struct bench *b = malloc(sizeof(*b));

		bench_begin(b, seed, bases[seed % 3], MODEL_MAX);
		b->reneges = seed % 2;
		for (unsigned turn = 0; turn < 200; turn++) {
			switch (random_below(&b->random, 12)) {
			case 0: case 1: case 2: case 3: send_some(b); break;
			case 4: case 5: ack_some(b); break;
			case 6: case 7: sack_some(b); break;
			case 8: detect_some(b); break;
			case 9: case 10: again_some(b); break;
			default:
				if (random_below(&b->random, 4) == 0)
					lose_some(b);
			}
			bench_compare(b);
		}
		bench_end(b);
		free(b);
	}
}

/* One record for text sent together, however much it is; none when all is acknowledged. */
static void test_text_sent_together_is_one_record(void **state)
{
	struct bench b;
	struct delivery d = { .highest = seq_of(0) };
	(void)state;

	bench_begin(&b, 1, 0, 64);
	for (uint32_t i = 0; i < 40; i++)
		scoreboard_sent(&b.sb, &b.pool, seq_of(i * SEGMENT), seq_of((i + 1) * SEGMENT), SEGMENT, 5, 0, 64);
	assert_int_equal(b.sb.records, 1);
	assert_true(scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(100), seq_of(110), &d));
	assert_int_equal(b.sb.records, 3);
	assert_int_equal(scoreboard_pipe(&b.sb, 400), 390);
	assert_false(scoreboard_plain(&b.sb));
	scoreboard_acked(&b.sb, &b.pool, seq_of(400), &d);
	assert_int_equal(b.pool.used, 0);
	assert_true(scoreboard_plain(&b.sb));
	bench_end(&b);
}

/* CVE-2019-11477: blocks of a byte each, everywhere, cut nothing. */
static void test_V_sack_cuts_no_finer_than_segments(void **state)
{
	struct bench b;
	struct delivery d = { .highest = seq_of(0) };
	(void)state;

	bench_begin(&b, 1, 0, 64);
	scoreboard_sent(&b.sb, &b.pool, seq_of(0), seq_of(400), SEGMENT, 5, 0, 64);
	for (uint32_t at = 1; at < 399; at++)
		scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(at), seq_of(at + 1), &d);
	assert_int_equal(b.sb.records, 1);
	assert_int_equal(b.sb.sacked_bytes, 0);
	scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(15), seq_of(35), &d);
	assert_int_equal(b.sb.sacked_bytes, 10);
	bench_end(&b);
}

/* The walk for one ACK is bounded, whatever was sacked before and wherever its blocks lie. */
static void test_V_steps_of_an_ack_are_bounded(void **state)
{
	enum { SEGMENTS = 20000 };
	struct bench b;
	struct random random;
	struct delivery d = { .highest = seq_of(0) };
	(void)state;

	bench_begin(&b, 1, 0xfffff000u, SEGMENTS * 2);
	random_seed(&random, 5);
	for (uint32_t i = 0; i < SEGMENTS; i++)
		scoreboard_sent(&b.sb, &b.pool, of(&b, i * SEGMENT), of(&b, (i + 1) * SEGMENT), SEGMENT, i, 0,
				SEGMENTS);
	assert_int_equal(b.sb.records, SEGMENTS);
	for (uint32_t i = 1; i < SEGMENTS; i += 2) {    /* in order: each costs next to nothing */
		d.steps = 0;
		scoreboard_sack(&b.sb, &b.pool, of(&b, 0), of(&b, i * SEGMENT), of(&b, (i + 1) * SEGMENT), &d);
		assert_true(d.steps <= 4);
	}
	assert_int_equal(b.sb.sacked_segments, SEGMENTS / 2);
	for (unsigned ack = 0; ack < 200; ack++) {
		struct delivery one = { .highest = of(&b, 0) };

		for (unsigned block = 0; block < 4; block++) {
			uint32_t left = 1 + (uint32_t)random_below(&random, (SEGMENTS - 1) * SEGMENT);
			uint32_t right = left + 1 + (uint32_t)random_below(&random, SEGMENTS * SEGMENT - left);

			scoreboard_sack(&b.sb, &b.pool, of(&b, 0), of(&b, left), of(&b, right), &one);
		}
		assert_true(one.steps <= SCOREBOARD_STEPS_MAX + 8);
	}
	bench_end(&b);
}

/* No record left: new text joins the last; with none at all the connection is blind until all is acknowledged. */
static void test_pool_exhausted(void **state)
{
	struct bench b, other;
	struct delivery d = { .highest = seq_of(0) };
	struct seq seq, end;
	uint64_t wait;
	bool again;
	(void)state;

	bench_begin(&b, 1, 0, 3);
	for (uint32_t i = 0; i < 6; i++)
		scoreboard_sent(&b.sb, &b.pool, seq_of(i * SEGMENT), seq_of((i + 1) * SEGMENT), SEGMENT, 10 + i, 0, 64);
	assert_int_equal(b.sb.records, 3);
	assert_int_equal(scoreboard_pipe(&b.sb, 60), 60);
	/* A block within the joined record needs a split that is not to be had: said in vain. */
	assert_true(scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(40), seq_of(50), &d));
	assert_int_equal(b.sb.sacked_bytes, 0);
	assert_true(scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(10), seq_of(20), &d));
	assert_int_equal(b.sb.sacked_bytes, 10);
	scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(20), seq_of(60), &d);
	assert_true(d.mixed);
	assert_int_equal(scoreboard_detect(&b.sb, &b.pool, d.order, d.end, 0, 100, &wait, 0, &again), 10);
	assert_true(scoreboard_lost(&b.sb, &b.pool, &seq, &end));
	assert_int_equal(seq.value, 0);
	bench_end(&b);

	/* The limit of one connection. */
	bench_begin(&other, 1, 0, 64);
	for (uint32_t i = 0; i < 6; i++)
		scoreboard_sent(&other.sb, &other.pool, seq_of(i * SEGMENT), seq_of((i + 1) * SEGMENT), SEGMENT, 10 + i,
				0, 2);
	assert_int_equal(other.sb.records, 2);
	bench_end(&other);

	bench_begin(&b, 1, 0, 1);
	pool_take(&b.pool);
	scoreboard_sent(&b.sb, &b.pool, seq_of(0), seq_of(10), SEGMENT, 1, 0, 64);
	assert_true(b.sb.blind);
	assert_int_equal(b.sb.records, 0);
	assert_false(scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(5), seq_of(10), &d));
	free(b.memory);
}

/* 2018-§8: the peer takes back what it said. */
static void test_2018_5_R3_reneging_is_seen(void **state)
{
	struct bench b;
	struct delivery d = { .highest = seq_of(0) };
	struct seq seq, end;
	(void)state;

	bench_begin(&b, 1, 0, 64);
	scoreboard_sent(&b.sb, &b.pool, seq_of(0), seq_of(400), SEGMENT, 5, 0, 64);
	scoreboard_sack(&b.sb, &b.pool, seq_of(0), seq_of(10), seq_of(400), &d);
	assert_false(scoreboard_reneged(&b.sb, &b.pool));
	scoreboard_acked(&b.sb, &b.pool, seq_of(10), &d);
	assert_true(scoreboard_reneged(&b.sb, &b.pool));
	scoreboard_lose(&b.sb, &b.pool, true);
	assert_true(scoreboard_lost(&b.sb, &b.pool, &seq, &end));
	assert_int_equal(seq.value, 10);
	assert_int_equal(end.value, 400);
	assert_int_equal(scoreboard_pipe(&b.sb, 390), 0);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_2018_5_R1_records_equal_a_model),
		cmocka_unit_test(test_text_sent_together_is_one_record),
		cmocka_unit_test(test_V_sack_cuts_no_finer_than_segments),
		cmocka_unit_test(test_V_steps_of_an_ack_are_bounded),
		cmocka_unit_test(test_pool_exhausted),
		cmocka_unit_test(test_2018_5_R3_reneging_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
