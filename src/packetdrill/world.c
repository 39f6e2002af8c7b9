/* SPDX-License-Identifier: MIT */
/* The stack, its clock, and calls that wait; see world.h. */
#include "packetdrill/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/bytes.h"
#include "base/time.h"
#include "packetdrill/file.h"
#include "packetdrill/sndbuf.h"
#include "packetdrill/states.h"

#define BEGIN_NS SEC(1000000)           /* any time but 0 */
#define OUT_BATCH 16
#define IDLE_NS MS(50)                  /* real: so long nobody else called, so all sleep */
#define IDLE_LOOK_NS MS(10)
#define HANDOVER_WAIT_NS SEC(2)         /* real: a thread that never asks the time holds nobody longer */

static _Thread_local bool handed;       /* a call of this thread was completed by another, and it has not come back */

static struct timespec real_in(uint64_t ns)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)((uint64_t)at.tv_nsec + ns) / 1000000000;
	at.tv_nsec = (long)(((uint64_t)at.tv_nsec + ns) % 1000000000);
	return at;
}

static void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

struct world *world_create(const char *flags)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		abort();
	pthread_mutex_init(&world->lock, NULL);
	condition_init(&world->handed_over);
	world->now_ns = BEGIN_NS;
	world->last_out = &world->first_out;
	settings_init(&world->settings, flags);
	return world;
}

void world_destroy(struct world *world)
{
	struct packet *packet;

	while ((packet = world->first_out) != NULL) {
		world->first_out = packet->next;
		free(packet);
	}
	for (int i = 0; i < DESCRIPTORS_MAX; i++)
		file_forget(world, i);
	if (world->stack)
		munmap(world->stack, world->stack_bytes);
	states_end();
	pthread_cond_destroy(&world->handed_over);
	pthread_mutex_destroy(&world->lock);
	free(world);
}

static struct eleven_address address_of(uint32_t value)
{
	struct eleven_address address = { .bytes = { [10] = 0xff, [11] = 0xff } };

	store_be32(address.bytes + 12, value);
	return address;
}

void world_own_v6(struct world *world, const struct eleven_address *address)
{
	/* If it is refused it is there, or too many are. */
	eleven_address_add(world->stack, 0, address, 64, world->now_ns);
}

void world_own(struct world *world, uint32_t address)
{
	struct eleven_interface interface = {
		.kind = ELEVEN_LINK_IP,
		.address = address_of(address),
		.prefix_bits = 0,
		.mtu = world->settings.mtu,
	};

	if (world->interfaces < 8 && eleven_interface_add(world->stack, &interface) >= 0)
		world->interfaces++;
}

/* What was set anew since: sysctls, of a stack that runs. */
static void settings_renew(struct world *world)
{
	struct settings *settings = &world->settings;

	if (memcmp(&settings->config, &world->configured, sizeof(world->configured)) != 0 &&
	    eleven_reconfigure(world->stack, &settings->config) == 0)
		world->configured = settings->config;
	if (settings->fast_open_key_given &&
	    !(world->fast_open_key_set &&
	      memcmp(settings->fast_open_key, world->fast_open_key, sizeof(world->fast_open_key)) == 0)) {
		world->fast_open_key_set = true;
		eleven_fast_open_key(world->stack, settings->fast_open_key);
		memcpy(world->fast_open_key, settings->fast_open_key, sizeof(world->fast_open_key));
	}
}

void world_fast_open_key(struct world *world, const uint8_t key[16])
{
	/* Twice: the stack keeps the one before. */
	for (int i = 0; i < 2; i++)
		eleven_fast_open_key(world->stack, key ? key : world->fast_open_key);
}

int world_begin(struct world *world)
{
	struct settings *settings = &world->settings;
	void *memory;

	settings_read(settings);
	if (world->stack) {
		settings_renew(world);
		return 0;
	}
	world->stack_bytes = eleven_size(&settings->config);
	if (world->stack_bytes == 0)
		return -EINVAL;
	memory = mmap(NULL, world->stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		      -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	if (eleven_create(&world->stack, memory, world->stack_bytes, &settings->config, world->now_ns) < 0) {
		munmap(memory, world->stack_bytes);
		world->stack = NULL;
		return -EINVAL;
	}
	world->configured = settings->config;
	settings_renew(world);
	world_own(world, settings->local);
	if (settings->local_v6_given)
		world_own_v6(world, &settings->local_v6);
	return 0;
}

/* ---- packets out */

static void packet_queue(struct world *world, const struct eleven_out *out)
{
	struct packet *packet = malloc(sizeof(*packet) + out->length);
	uint32_t at = 0;

	if (!packet)
		abort();
	for (unsigned i = 0; i < out->slices; i++) {
		memcpy(packet->bytes + at, out->slice[i].bytes, out->slice[i].length);
		at += out->slice[i].length;
	}
	packet->length = at;
	packet->time_ns = world_time(world);
	packet->next = NULL;
	*world->last_out = packet;
	world->last_out = &packet->next;
}

static bool packets_take(struct world *world)
{
	struct eleven_out out[OUT_BATCH];
	bool any = false;
	unsigned n;

	while ((n = eleven_output(world->stack, out, OUT_BATCH, world->now_ns)) > 0) {
		for (unsigned i = 0; i < n; i++)
			packet_queue(world, &out[i]);
		any = true;
	}
	return any;
}

/* ---- calls that wait */

static void call_complete(struct world *world, struct call **at)
{
	struct call *call = *at;

	*at = call->next;
	call->done = true;
	world->handovers++;
	pthread_cond_signal(&call->wake);
}

static bool calls_attempt(struct world *world)
{
	struct call **at = &world->calls;
	bool any = false;

	while (*at) {
		struct call *call = *at;

		if (call->attempt(world, call)) {
			call_complete(world, at);
			any = true;
		} else if (call->deadline_ns <= world->now_ns) {
			call->result = call->timeout_result;
			call_complete(world, at);
			any = true;
		} else {
			at = &call->next;
		}
	}
	return any;
}

void world_take(struct world *world)
{
	packets_take(world);
}

void world_run(struct world *world)
{
	bool again;

	if (world->stack) {
		eleven_timers(world->stack, world->now_ns);
		do {
			again = packets_take(world);
			files_signalled(world);
			errqueues_run(world);
			sndbufs_run(world);
			again |= calls_attempt(world);
			if (eleven_deadline(world->stack) <= world->now_ns) {
				eleven_timers(world->stack, world->now_ns);
				again = true;
			}
		} while (again);
		states_write(world);
	} else {
		calls_attempt(world);
	}
}

/* ---- the clock */

/* When the clock shows `time` or more. */
static uint64_t tick_of(const struct world *world, uint64_t time)
{
	uint64_t step = world->settings.clock_step_ns;

	return time == TIME_NEVER ? time : (time + step - 1) / step * step;
}

static uint64_t world_deadline(const struct world *world)
{
	uint64_t deadline = world->stack ? eleven_deadline(world->stack) : TIME_NEVER;

	for (const struct call *call = world->calls; call; call = call->next)
		if (call->deadline_ns < deadline)
			deadline = call->deadline_ns;
	return tick_of(world, deadline);
}

static void clock_move(struct world *world, uint64_t target_ns)
{
	if (target_ns <= world_time(world))
		return;
	if (world->stack)
		limits_run(world, target_ns - world_time(world));
	world->late_ns = target_ns % world->settings.clock_step_ns;
	world->now_ns = target_ns - world->late_ns;
}

bool world_step(struct world *world)
{
	uint64_t deadline = world_deadline(world);

	if (deadline == TIME_NEVER)
		return false;
	clock_move(world, deadline);
	world_run(world);
	return true;
}

void world_settle(struct world *world)
{
	struct timespec until = real_in(HANDOVER_WAIT_NS);

	while (world->handovers > 0)
		if (pthread_cond_timedwait(&world->handed_over, &world->lock, &until) == ETIMEDOUT)
			world->handovers = 0;
}

void world_advance(struct world *world, uint64_t target_ns)
{
	world_settle(world);
	while (world_deadline(world) <= target_ns) {
		world_step(world);
		world_settle(world);
	}
	clock_move(world, target_ns);
}

void world_enter(struct world *world)
{
	world->activity++;
	if (!handed)
		return;
	handed = false;
	if (world->handovers > 0)
		world->handovers--;
	pthread_cond_broadcast(&world->handed_over);
}

static void call_wait(struct world *world, struct call *call)
{
	uint64_t seen = world->activity, idle_ns = 0;

	while (!call->done) {
		struct timespec until = real_in(IDLE_LOOK_NS);

		if (pthread_cond_timedwait(&call->wake, &world->lock, &until) != ETIMEDOUT)
			continue;
		idle_ns = seen == world->activity && world->handovers == 0 ? idle_ns + IDLE_LOOK_NS : 0;
		seen = world->activity;
		if (idle_ns < IDLE_NS)
			continue;
		/* With no timer left it sleeps on: only a packet can help, and every look costs little. */
		world_step(world);
	}
	handed = true;
}

int64_t call_run(struct world *world, struct call *call, bool may_wait)
{
	if (call->attempt(world, call)) {
		world_run(world);
		return call->result;
	}
	if (!may_wait || call->deadline_ns <= world->now_ns) {
		world_run(world);
		return may_wait ? call->timeout_result : -EAGAIN;
	}
	condition_init(&call->wake);
	call->done = false;
	call->next = world->calls;
	world->calls = call;
	world_run(world);       /* what the attempt did so far; it may even be all that was missing */
	call_wait(world, call);
	pthread_cond_destroy(&call->wake);
	return call->result;
}
