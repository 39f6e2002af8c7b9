/* SPDX-License-Identifier: MIT */
/* The world's making and its loop; see world.h. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim/frame.h"
#include "sim/six.h"

#define INSTANT_EVENTS_MAX 200000u      /* O11: at one point of time */
#define OUTPUT_CALLS_MAX   20000u       /* O11: batches of one stack at one point of time */

void world_fail(struct world *world, const char *oracle, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(world->reason, sizeof(world->reason), format, arguments);
	va_end(arguments);
	world->failed = oracle;
	longjmp(world->out, 1);
}

bool world_breaks(struct world *world, const char *oracle)
{
	if (!world->broken || strcmp(world->broken, oracle) || world->broken_after-- > 0)
		return false;
	world->broken = NULL;
	return true;
}

/* ---------------------------------------------------------------- clocks */

/* A clock that runs fast or slow is ahead or behind by so much after `passed`. */
static uint64_t clock_at(const struct world *world, const struct host *host, uint64_t time)
{
	uint64_t passed = time > world->start ? time - world->start : 0;
	int64_t ahead = (int64_t)(passed / 1000000) * host->clock_skew_ppm +
			(int64_t)(passed % 1000000) * host->clock_skew_ppm / 1000000;

	return time + host->clock_offset + (uint64_t)ahead;
}

uint64_t host_now(const struct world *world, const struct host *host)
{
	uint64_t grain = US(world->spec.clock_grain_us), time = clock_at(world, host, world->now);

	return grain ? time - time % grain : time;
}

/* When a host's clock will have come to `time`, and it runs. */
static uint64_t world_time(const struct world *world, const struct host *host, uint64_t time)
{
	uint64_t grain = US(world->spec.clock_grain_us);

	if (time == UINT64_MAX)
		return time;
	if (grain)
		time = (time + grain - 1) / grain * grain;
	time = time > host->clock_offset ? time - host->clock_offset : 0;
	if (host->clock_skew_ppm && time > world->start) {
		uint64_t passed = time - world->start, rate = (uint64_t)(1000000 + host->clock_skew_ppm);

		/* Rounded up: not before the clock is there. */
		time = world->start + passed / rate * 1000000 + passed % rate * 1000000 / rate + 2;
	}
	return time > host->stalled_until ? time : host->stalled_until;
}

/* ---------------------------------------------------------------- making */

static void config_of(struct world *world, struct host *host, unsigned number)
{
	const struct spec *spec = &world->spec;
	struct eleven_config *c = &host->config;
	uint64_t options = spec->mixed_options ? random_below(&world->random, 8) :
			   spec->timestamps | spec->window_scaling << 1 | spec->sack << 2;

	eleven_config_init(c, (enum eleven_profile)spec->profile);
	c->seed = spec->seed * 0x9e3779b97f4a7c15ull + number;
	c->seed += c->seed == 0;        /* of world 0: a stack without chance is refused */
	c->timestamps = options & 1;
	c->window_scaling = options >> 1 & 1;
	c->sack = options >> 2 & 1;
	c->ecn = spec->ecn == 0 ? c->ecn : spec->ecn == 1 ? 1 : (spec->seed + number) % 6;
	if (spec->fast_open)
		c->fast_open = 3;
	c->msl = MS(spec->msl_ms);
	c->connections_max = spec->connections_max;
	c->syn_received_max = spec->syn_received_max;
	c->time_wait_max = spec->time_wait_max;
	c->buffer_bytes = spec->memory_kb < 64 ? 64 << 20 : spec->memory_kb << 10;
	c->buffer_unit_shift = 6 + random_below(&world->random, 6);
	c->reassembly_max = spec->reassembly_max;
	c->replies_max = spec->replies_max;
	if (spec->ports >= 2)
		c->port_last = c->port_first + spec->ports - 1;
	c->trace_records_max = 1024;
	c->loopback_bytes = random_below(&world->random, 2) ? 1 << 20 : 8192;
	if (spec->buffers >= 10) {
		c->send_buffer = (1ull << spec->buffers) + random_below(&world->random, 1ull << spec->buffers);
		c->receive_buffer = (1ull << spec->buffers) + random_below(&world->random, 1ull << spec->buffers);
	}
}

static void host_listen(struct world *world, struct host *host)
{
	for (unsigned i = 0; i < LISTENERS; i++) {
		struct eleven_endpoint local = { .port = (uint16_t)(PORT_FIRST + i) };
		int result = eleven_open(host->stack, &host->listener[i], host_now(world, host));

		if (result == 0)
			result = eleven_bind(host->stack, host->listener[i], &local, 0, host_now(world, host));
		if (result == 0)
			result = eleven_listen(host->stack, host->listener[i], world->spec.backlog,
					       host_now(world, host));
		if (result == 0 && world->spec.fast_open)
			result = eleven_option_set(host->stack, host->listener[i], ELEVEN_OPTION_FAST_OPEN, 8,
						   host_now(world, host));
		if (result == 0)
			result = eleven_option_set(host->stack, host->listener[i], ELEVEN_OPTION_USER,
						   ACTORS_MAX + 1 + i, host_now(world, host));
		if (result)
			abort();
	}
}

/* Its memory, and a stack in it with its interface. */
static void *stack_make(struct world *world, unsigned number, struct eleven **stack, size_t *bytes)
{
	struct host *host = &world->host[number];
	struct eleven_interface interface = {
		.kind = world->spec.ethernet ? ELEVEN_LINK_ETHERNET : ELEVEN_LINK_IP,
		.prefix_bits = 16, .mtu = world->spec.mtu, .mac = { 2, 0, 0, 0, 0, (uint8_t)(number + 1) },
		.checksum_offload = world->spec.big > 0, .segment_bytes_max = world->spec.big > 1 ? 60000 : 0,
	};
	void *memory;

	if (world->spec.six) {
		interface.address6 = six_address(world, host->address);
		interface.prefix6_bits = 64;
		interface.prefix_bits = 0;
		interface.mtu += 20;
	} else {
		interface.address = six_address(world, host->address);
	}
	*bytes = eleven_size(&host->config);
	memory = *bytes == 0 ? MAP_FAILED : mmap(NULL, *bytes, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || eleven_create(stack, memory, *bytes, &host->config, host_now(world, host)) ||
	    eleven_interface_add(*stack, &interface) != 0)
		abort();
	return memory;
}

static void host_create(struct world *world, unsigned number)
{
	struct host *host = &world->host[number];

	host->address = 0x0a630001u + number * 0x101u;
	host->clock_offset = SEC(random_below(&world->random, 1000000));
	if (world->spec.clock_skew_ppm)
		host->clock_skew_ppm = (int32_t)random_below(&world->random, 2 * world->spec.clock_skew_ppm + 1) -
				       (int32_t)world->spec.clock_skew_ppm;
	config_of(world, host, number);
	host->memory = stack_make(world, number, &host->stack, &host->memory_bytes);
	eleven_trace_kinds(host->stack, 0);
	host_listen(world, host);
}

uint32_t actor_iss_foretold(struct world *world, const struct actor *actor)
{
	struct eleven_endpoint local = { .port = actor->local_port }, remote = { .port = actor->remote_port };
	uint64_t now = clock_at(world, &world->host[actor->host], actor->start);
	struct eleven_status status;
	struct eleven *stack;
	eleven_handle h;
	size_t bytes;
	void *memory = stack_make(world, actor->host, &stack, &bytes);

	remote.address = six_address(world, actor->remote_address);
	if (eleven_open(stack, &h, now) || eleven_bind(stack, h, &local, 0, now) ||
	    eleven_connect(stack, h, &remote, now) || eleven_status(stack, h, &status))
		abort();
	munmap(memory, bytes);
	return status.iss;
}

/*
 * Sets a host's clock, on which its initial sequence numbers run, such that the first connection it opens begins just
 * before number 0: another stack of the same secrets tells where it would begin.
 */
static void wrap_plan(struct world *world, unsigned number)
{
	struct host *host = &world->host[number];
	struct actor *actor = world->actor;
	uint32_t before = (uint32_t)random_below(&world->random, 20000), iss;

	while (actor < world->actor + world->actors && (actor->host != number || !actor->opens || actor->local_port))
		actor++;
	if (actor == world->actor + world->actors)
		return;
	actor->local_port = (uint16_t)(20000 + actor->number);
	iss = actor_iss_foretold(world, actor);
	host->clock_offset += (uint64_t)(uint32_t)(0u - before - iss) * 4000;
}

struct world *world_create(const struct spec *spec)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		abort();
	world->spec = *spec;
	world->start = world->now = SEC(1000);
	random_seed(&world->random, spec->seed ^ 0x5eed);
	world->hash_key = (struct siphash_key){ 11, 793 };
	world->hosts = spec->hosts;
	world->observer = observer_create();
	for (unsigned i = 0; i < world->hosts; i++)
		host_create(world, i);
	world->path_mtu = spec->path_mtu;
	world->heal_at = world->start + MS(spec->chaos_ms);
	actors_plan(world);
	for (unsigned i = 0; spec->wrap && i < world->hosts; i++)
		wrap_plan(world, i);
	change_plan(world);
	return world;
}

void world_destroy(struct world *world)
{
	net_clear(world);
	observer_destroy(world->observer);
	for (unsigned i = 0; i < world->hosts; i++)
		munmap(world->host[i].memory, world->host[i].memory_bytes);
	free(world);
}

/* ---------------------------------------------------------------- the loop */

static void output_take(struct world *world, unsigned host)
{
	struct eleven_out out[64];
	unsigned n, calls = 0;

	while ((n = eleven_output(world->host[host].stack, out, 64, host_now(world, &world->host[host]))) > 0) {
		for (unsigned i = 0; i < n; i++)
			net_send(world, host, &out[i]);
		if (++calls > OUTPUT_CALLS_MAX)
			world_fail(world, "O11", "host %u has no end of packets to send", host);
	}
}

void host_settle(struct world *world, unsigned host)
{
	struct host *h = &world->host[host];

	while (actors_signal(world, host))
		;
	output_take(world, host);
	while (actors_signal(world, host))      /* an output that failed may tell its program so */
		;
	oracle_host(world, host);
	h->deadline = world_time(world, h, eleven_deadline(h->stack));
}

static uint64_t hosts_deadline(const struct world *world)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < world->hosts; i++)
		if (world->host[i].deadline < next)
			next = world->host[i].deadline;
	return next;
}

/* O20: what happens to a copy that is thrown away happens to nobody. */
static void disturb(struct world *world)
{
	struct host *host = &world->host[world->events / world->disturb_every % world->hosts];
	uint64_t now = host_now(world, host);
	struct eleven_out out[64];
	struct eleven_signal signal;
	void *saved = malloc(host->memory_bytes);

	if (!saved)
		abort();
	memcpy(saved, host->memory, host->memory_bytes);
	for (unsigned i = 0; i < 16; i++) {
		now += MS(1) << i;
		eleven_timers(host->stack, now);
		while (eleven_output(host->stack, out, 64, now) > 0)
			;
		while (eleven_signal(host->stack, &signal))
			;
	}
	if (!world_breaks(world, "O20"))
		memcpy(host->memory, saved, host->memory_bytes);
	free(saved);
}

static void timers_run(struct world *world)
{
	for (unsigned i = 0; i < world->hosts; i++) {
		struct host *host = &world->host[i];

		if (host->deadline > world->now)
			continue;
		story_note(world, STORY_TIMERS, i, "", 0);
		eleven_timers(host->stack, host_now(world, host));
		host_settle(world, i);
	}
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* One event; false: nothing before `until`. */
static bool world_step(struct world *world, uint64_t until)
{
	uint64_t arrival = net_deadline(world), program = actors_deadline(world), change = change_deadline(world);
	uint64_t next = earliest(earliest(arrival, program), earliest(change, hosts_deadline(world)));

	if (next >= until) {
		if (next != UINT64_MAX && until > world->now)
			world->now = until;
		return false;
	}
	if (next > world->now) {
		world->now = next;
		world->instant_events = 0;
	}
	world->events++;
	if (++world->instant_events > INSTANT_EVENTS_MAX || (world->events > 1 && world_breaks(world, "O11")))
		world_fail(world, "O11", "%u events at one point of time", INSTANT_EVENTS_MAX);
	if (world->disturb_every && world->events % world->disturb_every == 0)
		disturb(world);
	if (arrival <= world->now)
		net_arrive(world);
	else if (change <= world->now)
		change_happen(world);
	else if (program <= world->now)
		actors_wake(world);
	else
		timers_run(world);
	return true;
}

/* O10: from the healing on, some backoffs at their longest, and what plan.c gives each program time for. */
static uint64_t finish_bound(const struct world *world)
{
	return world->heal_at + SEC(1200);
}

static void listeners_close(struct world *world)
{
	for (unsigned i = 0; i < world->hosts; i++) {
		for (unsigned j = 0; j < LISTENERS; j++)
			eleven_close(world->host[i].stack, world->host[i].listener[j],
				     host_now(world, &world->host[i]));
		host_settle(world, i);
	}
}

_Noreturn static void unfinished_fail(struct world *world)
{
	const struct actor *actor = world->actor;

	while (actor < world->actor + world->actors - 1 &&
	       (!actor_unfinished(actor) || actor_forsaken(world, actor)))
		actor++;
	world_fail(world, "O10", "program %u of host %u, which talks to program %u, is %s: %llu of %llu sent, "
		   "%llu received", actor->number, actor->host, actor->peer->number, actor_unfinished(actor),
		   (unsigned long long)actor->sent, (unsigned long long)actor->to_send,
		   (unsigned long long)actor->received);
}

static void world_live(struct world *world)
{
	uint64_t quiet_by;

	for (unsigned i = 0; i < world->hosts; i++)
		host_settle(world, i);
	world->finish_by = finish_bound(world);
	while (world_step(world, world->heal_at + 1) || !world->healed)
		;
	while (!actors_finished(world))
		if (!world_step(world, world->finish_by) || world_breaks(world, "O10"))
			unfinished_fail(world);
	actors_release(world);
	listeners_close(world);
	/* Orphans without a peer give up after some ten minutes at the longest backoff; then 2 MSL. */
	quiet_by = world->now + SEC(3600) + 2 * MS(world->spec.msl_ms);
	while (world_step(world, quiet_by))
		;
	oracle_empty(world);
}

const char *world_run(struct world *world)
{
	world_running = world;
	if (setjmp(world->out) == 0)
		world_live(world);
	world_running = NULL;
	return world->failed;
}
