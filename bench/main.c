/* SPDX-License-Identifier: MIT */
/*
 * eleven-bench: the figures of eleven, each beside lwIP's on the same work in the same run.
 *
 * A figure is measured in rounds that alternate between the peers, so that both meet the same weather; the median and
 * the best are printed.  The clock is the CPU time of this process, which others on the machine disturb least; over
 * the kernel (kernel.c) it is the wall's.  Times swing all the same: what gates a change is the count of instructions,
 * which --work makes repeatable (fixed work, no calibration, for valgrind --tool=callgrind).
 */
#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

enum { ROUNDS_MAX = 99, PEERS_MAX = 2, MIB = 1 << 20 };

enum work { BULK, ROUND_TRIPS, OPEN_CLOSE, MEMORY_IDLE, MEMORY_TIME_WAIT };

struct figure {
	const char *name;
	const char *title;
	const char *unit;
	enum work work;
	struct setup setup;
	unsigned idle;                  /* connections that are there meanwhile */
	bool only_eleven;               /* the others cannot do it */
	bool less_is_better;
};

static const struct figure figures[] = {
	{ "goodput-1460", "goodput, segments of 1460 B, 64 KiB window", "Gbit/s", BULK, { 1460, 65535, 0, 0, 64 },
	  0, 0, 0 },
	{ "goodput-16000", "goodput, segments of 16000 B, 64 KiB window", "Gbit/s", BULK, { 16000, 65535, 0, 0, 64 },
	  0, 0, 0 },
	{ "goodput-1460-1m", "goodput, segments of 1460 B, 1 MiB window", "Gbit/s", BULK, { 1460, MIB, 0, 0, 64 },
	  0, 1, 0 },
	{ "goodput-64k-lent", "goodput, segments of 60 KiB, checksums offloaded, lent buffers", "Gbit/s", BULK,
	  { 1460, MIB, 1, 1, 64 }, 0, 1, 0 },
	{ "open-close", "connections opened and closed", "1/s", OPEN_CLOSE, { 1460, 65535, 0, 0, 4096 }, 0, 0, 0 },
	{ "open-close-1000", "the same beside 1000 idle connections", "1/s", OPEN_CLOSE, { 1460, 65535, 0, 0, 4096 },
	  1000, 0, 0 },
	{ "round-trips", "round trips of 1 byte", "1/s", ROUND_TRIPS, { 1460, 65535, 0, 0, 64 }, 0, 0, 0 },
	{ "memory-idle", "memory of an idle connection, one end", "bytes", MEMORY_IDLE, { 1460, 65535, 0, 0, 8192 },
	  0, 0, 1 },
	{ "memory-time-wait", "memory of a connection in TIME-WAIT", "bytes", MEMORY_TIME_WAIT,
	  { 1460, 65535, 0, 0, 8192 }, 0, 0, 1 },
};

static struct {
	bool json, list, no_kernel, exactly;
	const char *only, *peer;
	unsigned rounds;
	double seconds;                 /* of a round */
	uint64_t work;                  /* fixed; 0: calibrated */
} options = { .rounds = 5, .seconds = 0.2 };

static const struct peer *peers[PEERS_MAX] = {
	&peer_eleven,
#ifdef WITH_LWIP
	&peer_lwip,
#endif
};

void bench_fail(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("eleven-bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Does `amount` of the work (bytes or operations); how long it took. */
static double work_do(const struct figure *figure, const struct peer *peer, uint64_t amount)
{
	double start = cpu_s();

	switch (figure->work) {
	case BULK:
		peer->bulk(amount, false);
		break;
	case ROUND_TRIPS:
		peer->round_trips((unsigned)amount);
		break;
	case OPEN_CLOSE:
		peer->open_close((unsigned)amount);
		break;
	case MEMORY_IDLE:
	case MEMORY_TIME_WAIT:
		break;
	}
	return cpu_s() - start;
}

/* How much work fills a round. */
static uint64_t work_calibrate(const struct figure *figure, const struct peer *peer)
{
	uint64_t amount = figure->work == BULK ? 4 << 20 : 64;

	if (options.work)
		return options.work;
	for (;;) {
		double took = work_do(figure, peer, amount);

		if (took > options.seconds / 4)
			return (uint64_t)((double)amount * options.seconds / took) + 1;
		amount *= 2;
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct result {
	double median, best;
	bool known;
};

static struct result summarise(double *values, unsigned count, bool less_is_better)
{
	qsort(values, count, sizeof(*values), by_size);
	return (struct result){ .median = values[count / 2], .best = values[less_is_better ? 0 : count - 1],
				.known = true };
}

/* Three or four digits that matter; thousands as k, millions as M. */
static void print_number(char *text, size_t bytes, double value)
{
	if (value >= 1e6)
		snprintf(text, bytes, "%.2f M", value / 1e6);
	else if (value >= 1e4)
		snprintf(text, bytes, "%.1f k", value / 1e3);
	else
		snprintf(text, bytes, value < 100 ? "%.2f" : "%.0f", value);
}

static void print_text(const struct figure *figure, const struct result *results)
{
	char median[32], best[32];

	printf("%-64s", figure->title);
	for (unsigned i = 0; i < PEERS_MAX && peers[i]; i++) {
		if (!results[i].known)
			continue;
		print_number(median, sizeof(median), results[i].median);
		print_number(best, sizeof(best), results[i].best);
		printf("  %s %s", peers[i]->name, median);
		if (figure->work <= OPEN_CLOSE)
			printf(" (best %s)", best);
		printf(" %s", figure->unit);
	}
	if (results[0].known && results[1].known)
		printf("  ratio %.2f", results[0].median / results[1].median);
	putchar('\n');
	fflush(stdout);
}

static void print_json(const struct figure *figure, const struct result *results)
{
	printf("{\"figure\": \"%s\", \"unit\": \"%s\"", figure->name, figure->unit);
	for (unsigned i = 0; i < PEERS_MAX && peers[i]; i++)
		if (results[i].known)
			printf(", \"%s\": {\"median\": %.6g, \"best\": %.6g}", peers[i]->name, results[i].median,
			       results[i].best);
	puts("}");
	fflush(stdout);
}

/* Segments must be as long as the title says, or the figure is of something else. */
static void segments_check(const struct figure *figure, const struct peer *peer)
{
	uint32_t seen = peer->segment_seen(), least = figure->setup.segment_bytes - 12;

	if (figure->setup.offload)
		least = 32768;
	if (seen < least)
		bench_fail("%s: %s sent segments of %u bytes only", figure->name, peer->name, (unsigned)seen);
}

static void measure(const struct figure *figure)
{
	double values[PEERS_MAX][ROUNDS_MAX];
	uint64_t amounts[PEERS_MAX] = { 0 };
	struct result results[PEERS_MAX] = { { 0 } };
	bool timed = figure->work <= OPEN_CLOSE;
	unsigned rounds = timed && !options.work ? options.rounds : 1;

	for (unsigned i = 0; i < PEERS_MAX && peers[i]; i++) {
		if ((figure->only_eleven && i > 0) || (options.peer && strcmp(options.peer, peers[i]->name) != 0))
			continue;
		results[i].known = true;
		peers[i]->begin(&figure->setup);
		if (figure->work == BULK && !figure->setup.lent && !options.work)
			peers[i]->bulk(3 * MIB, true);
		if (figure->idle)
			peers[i]->open_idle(figure->idle);
		if (timed)
			amounts[i] = work_calibrate(figure, peers[i]);
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < PEERS_MAX; i++) {
			if (!results[i].known)
				continue;
			if (figure->work == MEMORY_IDLE)
				values[i][round] = peers[i]->open_idle(8000);
			else if (figure->work == MEMORY_TIME_WAIT)
				values[i][round] = peers[i]->time_wait(8000);
			else
				values[i][round] = (double)amounts[i] / work_do(figure, peers[i], amounts[i]) *
						   (figure->work == BULK ? 8e-9 : 1);
		}
	}
	for (unsigned i = 0; i < PEERS_MAX; i++) {
		if (!results[i].known)
			continue;
		if (figure->work == BULK)
			segments_check(figure, peers[i]);
		peers[i]->end();
		results[i] = summarise(values[i], rounds, figure->less_is_better);
	}
	if (options.json)
		print_json(figure, results);
	else
		print_text(figure, results);
}

static void print_kernel_figure(const char *name, const char *title, const char *system, double *values, unsigned count)
{
	struct result result;

	if (count == 0)
		return;
	result = summarise(values, count, false);
	if (options.json)
		printf("{\"figure\": \"%s\", \"unit\": \"Gbit/s\", \"%s\": {\"median\": %.6g, \"best\": %.6g}}\n", name,
		       system, result.median, result.best);
	else
		printf("%-64s  %s %.2f (best %.2f) Gbit/s\n", title, system, result.median, result.best);
	fflush(stdout);
}

static void measure_kernel(void)
{
	double veth[ROUNDS_MAX], in[ROUNDS_MAX], out[ROUNDS_MAX];
	unsigned veths = 0, ins = 0, outs = 0;
	struct kernel_figures measured = { 0 };

	for (unsigned round = 0; round < options.rounds; round++) {
		measured = kernel_measure(options.seconds * 5);
		if (measured.veth > 0)
			veth[veths++] = measured.veth / 1e9;
		if (measured.tun_in > 0)
			in[ins++] = measured.tun_in / 1e9;
		if (measured.tun_out > 0)
			out[outs++] = measured.tun_out / 1e9;
		if (measured.reason[0])
			break;
	}
	print_kernel_figure("veth", "goodput, kernel to kernel over veth", "kernel", veth, veths);
	print_kernel_figure("tun-in", "goodput, kernel to eleven over tun, MTU 1500", "eleven", in, ins);
	print_kernel_figure("tun-out", "goodput, eleven to kernel over tun, MTU 1500", "eleven", out, outs);
	if (measured.reason[0])
		fprintf(stderr, "eleven-bench: not all was measured through the kernel: %s\n", measured.reason);
}

static error_t option_parse(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 'j': options.json = true; break;
	case 'l': options.list = true; break;
	case 'o': options.only = arg; break;
	case 'p': options.peer = arg; break;
	case 'x': options.exactly = true; break;
	case 'k': options.no_kernel = true; break;
	case 'r':
		options.rounds = (unsigned)strtoul(arg, &end, 10);
		if (*end || options.rounds < 1 || options.rounds > ROUNDS_MAX)
			argp_error(state, "--rounds: not a number from 1 to %d: %s", ROUNDS_MAX, arg);
		break;
	case 's':
		options.seconds = strtod(arg, &end);
		if (*end || !(options.seconds > 0 && options.seconds < 1000))
			argp_error(state, "--seconds: not a time: %s", arg);
		break;
	case 'w':
		options.work = strtoull(arg, &end, 10);
		if (*end || options.work == 0)
			argp_error(state, "--work: not a number: %s", arg);
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "no argument is expected: %s", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option argp_options[] = {
	{ "json", 'j', NULL, 0, "One JSON object a line", 0 },
	{ "list", 'l', NULL, 0, "Name the figures", 0 },
	{ "only", 'o', "NAME", 0, "Only figures whose name begins with NAME", 0 },
	{ "exactly", 'x', NULL, 0, "With --only: only the one whose name is NAME", 0 },
	{ "peer", 'p', "NAME", 0, "Only eleven, or only lwip", 0 },
	{ "no-kernel", 'k', NULL, 0, "Leave out what goes through the kernel", 0 },
	{ "rounds", 'r', "N", 0, "Rounds of each figure, default 5", 0 },
	{ "seconds", 's', "SEC", 0, "Length of a round, default 0.2", 0 },
	{ "work", 'w', "N", 0, "Exactly this many bytes or operations, once", 0 },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct argp argp = { .options = argp_options, .parser = option_parse,
					  .doc = "The figures of eleven, beside lwIP's on the same work." };

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	for (unsigned i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		if (options.only && strncmp(figures[i].name, options.only,
					    strlen(options.only) + (options.exactly ? 1 : 0)) != 0)
			continue;
		if (options.list)
			printf("%-20s %s\n", figures[i].name, figures[i].title);
		else
			measure(&figures[i]);
	}
	if (!options.no_kernel && !options.list && !options.work && (!options.only || !strcmp(options.only, "kernel")))
		measure_kernel();
	return 0;
}
