/* SPDX-License-Identifier: MIT */
/*
 * How fast text goes through a path that loses, bursts and reorders, as a table: tests/golden/goodput.tsv.  It is the
 * same on every machine; a change of it is a change of behaviour and is reviewed as one (GOLDEN_UPDATE=1 writes it).
 * Beside each figure stands what formulas promise of an ideal sender, and no cell may be far below that; much above
 * is where the slow start is most of the transfer and meets few losses.
 */
#include <math.h>

#include "stack/path.h"

#define MSS        1448.0
#define BYTES_MOST (30u << 20)          /* of a cell … */
#define TIME_MOST  SEC(60)              /* … or this long */

struct model {
	const char *name;
	uint32_t loss_ppm, burst_mean, reorder_ppm;
};

static const struct model models[] = {
	{ "none", 0, 1, 0 },
	{ "0.1%", 1000, 1, 0 },
	{ "1%", 10000, 1, 0 },
	{ "3%", 30000, 1, 0 },
	{ "5%", 50000, 1, 0 },
	{ "1% in bursts of 8", 10000, 8, 0 },
	{ "5% reordered", 0, 1, 50000 },
};

static const uint64_t round_trips[] = { MS(10), MS(50), MS(200) };
static const uint64_t rates[] = { 1000000, 10000000, 100000000, 1000000000 };
static const uint64_t steps[] = { 1, US(1), MS(1), MS(10) };

struct cell {
	const struct model *model;
	uint64_t rtt, rate, step;
	uint64_t congestion;
};

static void path_of(struct path *p, const struct cell *cell, unsigned stacks)
{
	uint64_t bdp = cell->rate / 8 * (cell->rtt / 1000) / 1000000;

	path_defaults(p, stacks, 7);
	p->step_ns = cell->step;
	p->delay_ns = cell->rtt / 2;
	p->bits_per_second = cell->rate;
	p->queue_bytes = bdp > 64 * 1500 ? bdp : 64 * 1500;
	p->loss_ppm = cell->model->loss_ppm;
	p->burst_mean = cell->model->burst_mean;
	p->reorder_ppm = cell->model->reorder_ppm;
	p->reorder_ns = cell->rtt / 8;
	for (unsigned i = 0; i < stacks; i++)
		p->config[i].congestion = cell->congestion;
}

/* Bits of text a second, of a transfer from its first SYN on. */
static uint64_t goodput(const struct cell *cell)
{
	struct path p;
	struct path_flow f;
	uint64_t start, bits;

	path_of(&p, cell, 2);
	path_start(&p);
	start = p.now;
	path_flow_open(&p, &f, 0);
	do {
		path_flow_turn(&p, &f);
	} while (f.received < BYTES_MOST && path_step(&p, start + TIME_MOST));
	bits = f.received * 8;
	start = p.now - start;
	if (getenv("GOODPUT_PRINT")) {
		struct eleven_status s;

		eleven_status(p.stack[0], f.sender, &s);
		fprintf(stderr, "# sent %llu lost %llu overflowed %llu resent %llu; cwnd %llu srtt %llu us undos %u\n",
			(unsigned long long)p.sent, (unsigned long long)p.lost, (unsigned long long)p.overflowed,
			(unsigned long long)s.retransmitted_segments, (unsigned long long)s.cwnd,
			(unsigned long long)s.srtt / 1000, s.undos);
		for (unsigned i = 1; eleven_rule(i); i++)
			if (eleven_rule_count(p.stack[0], i))
				fprintf(stderr, "#   %s %llu\n", eleven_rule(i)->name,
					(unsigned long long)eleven_rule_count(p.stack[0], i));
	}
	path_end(&p);
	return bits * 1000000 / (start / 1000);
}

/*
 * What an ideal sender reaches: the windows that RFC 9438 §5.1 gives for CUBIC and for Reno under random loss, a
 * burst counting as one loss; the path's rate; and a slow start at the beginning that doubles each round trip up to
 * that window.
 */
static double ideal(const struct cell *cell)
{
	double p = cell->model->loss_ppm / 1e6 / cell->model->burst_mean, rtt = (double)cell->rtt / 1e9;
	double line = (double)cell->rate * MSS / 1538, window = line * rtt / 8 / MSS, bits, time = 0, sent = 0, w = 10;

	if (p > 0) {
		double cubic = 1.054 * pow(rtt / p, 0.75), reno = sqrt(1.5 / p);

		window = fmin(window, fmax(cubic, reno));
	}
	for (time = rtt; w < window && sent < BYTES_MOST / MSS; time += rtt, w *= 2)
		sent += w;
	bits = window * MSS * 8 / rtt;
	if (sent * MSS >= BYTES_MOST)
		return sent * MSS * 8 / time;
	time += (BYTES_MOST - sent * MSS) * 8 / bits;
	return fmin(time > (double)TIME_MOST / 1e9 ? bits : BYTES_MOST * 8.0 / time, line);
}

static void golden(const char *name, const char *printed)
{
	static char expected[1 << 16];
	const char *source = getenv("SOURCE");
	char path[512];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/golden/%s", source ? source : ".", name);
	file = fopen(path, getenv("GOLDEN_UPDATE") ? "w" : "r");
	if (file == NULL)
		fail_msg("%s cannot be opened; tests run with SOURCE in their environment", path);
	if (getenv("GOLDEN_UPDATE")) {
		fputs(printed, file);
	} else {
		n = fread(expected, 1, sizeof(expected) - 1, file);
		expected[n] = '\0';
		if (strcmp(expected, printed) != 0)
			print_error("not as %s has it:\n%s", path, printed);
		assert_string_equal(expected, printed);
	}
	fclose(file);
}

static void test_goodput_is_as_reviewed(void **state)
{
	char text[1 << 14];
	int n = snprintf(text, sizeof(text), "loss\trtt_ms\tpath_mbit\tgoodput_kbit\tideal_kbit\tpercent\n");
	const char *only = getenv("GOODPUT_ONLY");

	(void)state;
	for (unsigned m = 0; m < sizeof(models) / sizeof(models[0]); m++)
		for (unsigned t = 0; t < 3; t++)
			for (unsigned r = 0; r < 4; r++) {
				struct cell cell = { &models[m], round_trips[t], rates[r], 1, 0 };
				double most = ideal(&cell), got;

				if (only && m * 12 + t * 4 + r != (unsigned)atoi(only))
					continue;
				got = (double)goodput(&cell);
				assert_true(got > most * 0.6);
				n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\t%u\t%u\t%.0f\t%.0f\t%.0f\n",
					      models[m].name, (unsigned)(round_trips[t] / MS(1)),
					      (unsigned)(rates[r] / 1000000), got / 1000, most / 1000,
					      100 * got / most);
			}
	if (only)
		fputs(text, stderr);
	else
		golden("goodput.tsv", text);
}

/* The step of the clocks is an input: what holds at a nanosecond holds at ten milliseconds. */
static void test_goodput_at_every_step_of_the_clock(void **state)
{
	char text[1 << 14];
	int n = snprintf(text, sizeof(text), "loss\trtt_ms\t1_ns\t1_us\t1_ms\t10_ms\n");

	(void)state;
	if (getenv("GOODPUT_ONLY"))
		return;
	for (unsigned m = 0; m < sizeof(models) / sizeof(models[0]); m++)
		for (unsigned t = 0; t < 3; t++) {
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\t%u", models[m].name,
				      (unsigned)(round_trips[t] / MS(1)));
			for (unsigned s = 0; s < 4; s++) {
				struct cell cell = { &models[m], round_trips[t], 100000000, steps[s], 0 };

				n += snprintf(text + n, sizeof(text) - (size_t)n, "\t%llu",
					      (unsigned long long)goodput(&cell) / 1000);
			}
			n += snprintf(text + n, sizeof(text) - (size_t)n, "\n");
		}
	golden("goodput_clock.tsv", text);
}

/*
 * 8257-§3-R1: a router that marks from a sixth of the product of rate and delay on, at least ten packets, and ends that
 * count the marks.  DCTCP keeps the link busy with a short queue; the others give way by as much for a single mark.
 */
static void test_goodput_where_the_queue_marks(void **state)
{
	static const char *const names[ELEVEN_CONGESTIONS] = { "cubic", "reno", "dctcp" };
	char text[1 << 12];
	int n = snprintf(text, sizeof(text), "rtt_ms\tpath_mbit\tcongestion\tgoodput_kbit\tqueue_us\toverflowed\n");

	(void)state;
	if (getenv("GOODPUT_ONLY"))
		return;
	for (unsigned t = 0; t < 2; t++)
		for (unsigned r = 2; r < 4; r++)
			for (unsigned congestion = 0; congestion < ELEVEN_CONGESTIONS; congestion++) {
				struct cell cell = { &models[0], t ? MS(10) : MS(1), rates[r], 1, congestion };
				uint64_t start, bdp = cell.rate / 8 * cell.rtt / 1000000000, bits, queue_us;
				struct path p;
				struct path_flow f;

				path_of(&p, &cell, 2);
				p.config[0].ecn = p.config[1].ecn = 3;
				p.mark_bytes = bdp / 6 > 10 * 1500 ? bdp / 6 : 10 * 1500;
				path_start(&p);
				start = p.now;
				path_flow_open(&p, &f, 0);
				do {
					path_flow_turn(&p, &f);
				} while (path_step(&p, start + SEC(2)));
				bits = f.received * 8 / 2;
				queue_us = p.queued_bytes / p.sent * 8000000 / cell.rate;
				n += snprintf(text + n, sizeof(text) - (size_t)n, "%u\t%u\t%s\t%llu\t%llu\t%llu\n",
					      (unsigned)(cell.rtt / MS(1)), (unsigned)(cell.rate / 1000000),
					      names[congestion], (unsigned long long)bits / 1000,
					      (unsigned long long)queue_us, (unsigned long long)p.overflowed);
				assert_true(p.marked > 0);
				if (congestion == ELEVEN_CONGESTION_DCTCP) {
					assert_true(bits > cell.rate * 80 / 100);
					assert_true(queue_us < 2 * p.mark_bytes * 8000000 / cell.rate);
				}
				path_end(&p);
			}
	golden("goodput_marked.tsv", text);
}

/* Two flows through one bottleneck, the second ten seconds later: Jain's index of what each got of the next minute. */
static void test_two_flows_are_fair(void **state)
{
	(void)state;
	for (unsigned congestion = 0; congestion < ELEVEN_CONGESTIONS; congestion++)
		for (unsigned t = 0; t < 2; t++) {
			struct cell cell = { &models[0], round_trips[t], 20000000, 1, congestion };
			struct path p;
			struct path_flow f[2];
			uint64_t start, before, a, b;

			path_of(&p, &cell, 4);
			path_start(&p);
			path_flow_open(&p, &f[0], 0);
			start = p.now;
			do {
				path_flow_turn(&p, &f[0]);
			} while (path_step(&p, start + SEC(10)));
			path_flow_open(&p, &f[1], 2);
			before = f[0].received;
			start = p.now;
			do {
				path_flow_turn(&p, &f[0]);
				path_flow_turn(&p, &f[1]);
			} while (path_step(&p, start + SEC(60)));
			a = f[0].received - before;
			b = f[1].received;
			if (getenv("GOODPUT_PRINT"))
				fprintf(stderr, "# %u ms: %llu and %llu kbit/s\n", (unsigned)(cell.rtt / MS(1)),
					(unsigned long long)a * 8 / 60000, (unsigned long long)b * 8 / 60000);
			assert_true((double)(a + b) * (double)(a + b) >=
				    0.9 * 2 * ((double)a * (double)a + (double)b * (double)b));
			assert_true((a + b) * 8 / 60 > cell.rate * 85 / 100);
			path_end(&p);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goodput_is_as_reviewed),
		cmocka_unit_test(test_goodput_at_every_step_of_the_clock),
		cmocka_unit_test(test_goodput_where_the_queue_marks),
		cmocka_unit_test(test_two_flows_are_fair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
