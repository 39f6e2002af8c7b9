/* SPDX-License-Identifier: MIT */
/* A recorded run is made again bit for bit; a recording that is damaged or cut off is said to be so, and where. */
#include "world.h"

#include <sys/stat.h>

#include "base/random.h"
#include "host/recorded.h"
#include "host/replay.h"

#define BYTES 300000u

struct exchange {
	struct world *w;
	eleven_handle listener, server, client;
	uint32_t sent, received;
	bool done;
};

static char path[128], problem[256];

/* Half of the text goes by send, half by lent memory; the other end takes it either way, too. */
static void exchange_send(struct exchange *e)
{
	struct eleven *stack = e->w->stacks[0]->stack;
	struct eleven_slice room[2];
	uint8_t text[5000];
	int64_t n = 1;

	while (e->sent < BYTES && n > 0) {
		memset(text, (int)(e->sent >> 8), sizeof(text));
		n = eleven_send(stack, e->client, text, sizeof(text), 0, host_now(e->w->host));
		e->sent += n > 0 ? (uint32_t)n : 0;
		if (n > 0 && eleven_send_buf(stack, e->client, 3000, room, host_now(e->w->host)) > 0) {
			size_t bytes = room[0].length < 3000 ? room[0].length : 3000;

			memset((uint8_t *)(uintptr_t)room[0].bytes, 'x', bytes);
			eleven_send_commit(stack, e->client, bytes, 0, host_now(e->w->host));
			e->sent += (uint32_t)bytes;
		}
	}
	if (e->sent >= BYTES)
		eleven_shutdown(stack, e->client, host_now(e->w->host));
}

static void exchange_receive(struct exchange *e)
{
	struct eleven *stack = e->w->stacks[1]->stack;
	struct eleven_slice text[2];
	uint8_t bytes[4000];
	int64_t n;

	while ((n = eleven_receive(stack, e->server, bytes, sizeof(bytes), host_now(e->w->host))) > 0) {
		e->received += (uint32_t)n;
		if (eleven_receive_buf(stack, e->server, text, host_now(e->w->host)) > 0) {
			eleven_receive_commit(stack, e->server, text[0].length, host_now(e->w->host));
			e->received += text[0].length;
		}
	}
	if (n == 0 && !e->done) {
		e->done = true;
		eleven_close(stack, e->server, host_now(e->w->host));
	}
}

static void signal_came(void *context, struct host_stack *stack, const struct eleven_signal *signal)
{
	struct exchange *e = context;

	if (stack == e->w->stacks[1] && signal->signals & ELEVEN_SIGNAL_ACCEPT)
		eleven_accept(stack->stack, e->listener, &e->server, host_now(e->w->host));
	if (stack == e->w->stacks[1] && e->server && !e->done)
		exchange_receive(e);
	if (stack == e->w->stacks[0] && signal->signals & (ELEVEN_SIGNAL_CONNECTED | ELEVEN_SIGNAL_SEND))
		exchange_send(e);
}

static void settings_poor(struct pipe_settings *settings, void *context)
{
	(void)context;
	settings->delay_ns = MS(1);
	settings->loss = 20000;
	settings->reorder = 20000;
	settings->corrupt = 5000;
}

/* What a stack has to tell at its end: counters, and every record its trace still has. */
struct told {
	struct eleven_stats stats;
	struct eleven_trace trace[4096];
	unsigned count;
};

static void told_take(struct told *told, const struct eleven *stack)
{
	uint64_t after = 0, lost = 0;

	memset(told, 0, sizeof(*told));
	eleven_stats(stack, &told->stats);
	told->count = eleven_trace(stack, &after, told->trace, 4096, &lost);
}

static struct told then[2], now[2];

static int run_record(void **state)
{
	void *made;
	struct exchange e = { 0 };
	struct eleven_endpoint at = { .port = 8000 };
	uint64_t end;
	struct world *w;

	(void)state;
	snprintf(path, sizeof(path), "%s/eleven-record-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
		 (int)getpid());
	assert_int_equal(record_begin(path, 5), 0);
	assert_int_equal(record_begin(path, 5), -EBUSY);
	world_make(&made);
	w = made;
	e.w = w;
	at.address = w->stacks[1]->interface.address;
	end = host_now(w->host) + SEC(20);
	impair_change(w->impair, (struct impair_selection){ -1, IMPAIR_BOTH }, settings_poor, NULL);
	host_on_signal(w->host, signal_came, &e);
	assert_int_equal(eleven_open(w->stacks[1]->stack, &e.listener, host_now(w->host)), 0);
	assert_int_equal(eleven_bind(w->stacks[1]->stack, e.listener, &at, 0, host_now(w->host)), 0);
	assert_int_equal(eleven_listen(w->stacks[1]->stack, e.listener, 5, host_now(w->host)), 0);
	assert_int_equal(eleven_open(w->stacks[0]->stack, &e.client, host_now(w->host)), 0);
	assert_int_equal(eleven_option_set(w->stacks[0]->stack, e.client, ELEVEN_OPTION_NODELAY, 1,
					   host_now(w->host)), 0);
	assert_int_equal(eleven_connect(w->stacks[0]->stack, e.client, &at, host_now(w->host)), 0);
	host_kick(w->stacks[0]);
	while (!e.done && host_now(w->host) < end)
		loop_turn(w->loop, end);
	world_run(w, MS(50));
	assert_true(e.done && e.received == e.sent && e.sent >= BYTES);
	for (unsigned i = 0; i < 2; i++)
		told_take(&then[i], w->stacks[i]->stack);
	assert_int_equal(record_end(), 0);
	return world_free(&made);
}

static int run_forget(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_a_recorded_run_is_made_again_bit_for_bit(void **state)
{
	struct replay *replay;
	const char *name;
	int result;

	(void)state;
	assert_int_equal(replay_open(&replay, path, problem, sizeof(problem)), 0);
	while ((result = replay_step(replay, problem, sizeof(problem))) > 0)
		continue;
	if (result < 0)
		fail_msg("%s", problem);
	for (unsigned i = 0; i < 2; i++) {
		told_take(&now[i], replay_stack(replay, i, &name));
		assert_string_equal(name, i ? "b" : "a");
		assert_memory_equal(&then[i], &now[i], sizeof(now[i]));
	}
	assert_true(then[0].count > 100 && then[0].stats.retransmitted_segments > 0);
	assert_null(replay_stack(replay, 2, NULL));
	assert_true(replay_wall_offset(replay) == 5);
	replay_close(replay);
}

/* Replays a copy of the first `length` bytes in which byte `at` has another value. */
static int copy_replay(const uint8_t *bytes, size_t length, size_t at)
{
	char copy[160];
	struct replay *replay;
	FILE *file;
	int result;

	snprintf(copy, sizeof(copy), "%s.copy", path);
	file = fopen(copy, "wb");
	fwrite(bytes, 1, length, file);
	if (at < length) {
		fseek(file, (long)at, SEEK_SET);
		fputc(bytes[at] ^ 0x10, file);
	}
	fclose(file);
	result = replay_open(&replay, copy, problem, sizeof(problem));
	if (result == 0) {
		while ((result = replay_step(replay, problem, sizeof(problem))) > 0)
			continue;
		replay_close(replay);
	}
	unlink(copy);
	return result;
}

static void test_damage_is_found_and_named(void **state)
{
	struct random random;
	struct stat status;
	uint8_t *bytes;
	FILE *file;

	(void)state;
	assert_int_equal(stat(path, &status), 0);
	bytes = malloc((size_t)status.st_size);
	file = fopen(path, "rb");
	assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
	fclose(file);
	random_seed(&random, 2);
	for (unsigned i = 0; i < 60; i++) {
		size_t at = sizeof(struct record_file) + random_below(&random, (uint64_t)status.st_size -
								      sizeof(struct record_file));

		assert_int_equal(copy_replay(bytes, (size_t)status.st_size, at), -EBADMSG);
		assert_non_null(strstr(problem, "at byte "));
		if (strtoull(problem + 8, NULL, 10) > at)
			fail_msg("damaged at %zu: %s", at, problem);
		assert_true(copy_replay(bytes, at, SIZE_MAX) <= 0);
	}
	assert_int_equal(copy_replay(bytes, (size_t)status.st_size - 1, SIZE_MAX), -EBADMSG);
	assert_non_null(strstr(problem, "cut off"));
	assert_int_equal(copy_replay(bytes, (size_t)status.st_size, 0), -EPROTO);
	assert_int_equal(copy_replay(bytes, 5, SIZE_MAX), -EPROTO);
	assert_int_equal(copy_replay(bytes, (size_t)status.st_size, 16), -EPROTO);
	assert_non_null(strstr(problem, "version"));
	free(bytes);
}

static void test_a_file_that_cannot_be_written_is_refused(void **state)
{
	(void)state;
	assert_int_equal(record_begin("/nowhere/at/all", 0), -ENOENT);
	assert_int_equal(record_begin("/dev/full", 0), -ENOSPC);
	assert_int_equal(record_end(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_recorded_run_is_made_again_bit_for_bit),
		cmocka_unit_test(test_damage_is_found_and_named),
		cmocka_unit_test(test_a_file_that_cannot_be_written_is_refused),
	};

	return cmocka_run_group_tests(tests, run_record, run_forget);
}
