/* SPDX-License-Identifier: MIT */
/*
 * Replaying a recording; see replay.h.  The file is hostile until shown otherwise: every length is
 * bounded, every record has its checksum, and what a call answered is compared before it is used.
 */
#define ELEVEN_HOST_RECORD_ITSELF
#include "host/replay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "host/trail.h"

/* Most text of one recorded call. */
#define TEXT_MAX RECORD_BODY_MAX

struct replay_stack {
	char name[33];
	struct eleven *stack;
	void *memory;
	size_t memory_bytes;
	struct trail trail;
	struct eleven_interface interface;
};

struct replay {
	FILE *file;
	struct record_file opening;
	uint64_t offset;                /* of the record in `head` */
	struct record_head head;
	uint8_t *body, *text;
	struct eleven_slice room[2];    /* lent by the record before, if that was send_buf */
	eleven_handle room_of;
	uint64_t records;
	bool ended;
	replay_trace_fn *trace;
	void *trace_context;
	unsigned stacks;
	struct replay_stack stack[RECORD_STACKS_MAX];
	char *problem;
	size_t problem_bytes;
};

static int problem_say(struct replay *r, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int problem_say(struct replay *r, int error, const char *format, ...)
{
	va_list arguments;
	int n = snprintf(r->problem, r->problem_bytes, "at byte %llu: ", (unsigned long long)r->offset);

	va_start(arguments, format);
	if (n >= 0 && (size_t)n < r->problem_bytes)
		vsnprintf(r->problem + n, r->problem_bytes - (size_t)n, format, arguments);
	va_end(arguments);
	return error;
}

/* ---------------------------------------------------------------- reading */

static uint32_t opening_sum(const struct record_file *opening)
{
	struct record_file copy = *opening;

	copy.check = 0;
	return (uint32_t)crc32(0, (const Bytef *)&copy, sizeof(copy));
}

static int opening_check(const struct record_file *opening, size_t got, char *problem, size_t problem_bytes)
{
	size_t magic = got < sizeof(opening->magic) ? got : sizeof(opening->magic);

	if (magic == 0 || memcmp(opening->magic, RECORD_MAGIC, magic) != 0)
		snprintf(problem, problem_bytes, "this is not a recording");
	else if (got < offsetof(struct record_file, stack_bytes))
		snprintf(problem, problem_bytes, "at byte %zu: the recording is cut off", got);
	else if (opening->order != RECORD_ORDER)
		snprintf(problem, problem_bytes, "the recording is of a machine with another order of bytes");
	else if (opening->version != RECORD_VERSION)
		snprintf(problem, problem_bytes, "the recording is of version %u, this program reads %u",
			 opening->version, RECORD_VERSION);
	else if (got < sizeof(*opening))
		snprintf(problem, problem_bytes, "at byte %zu: the recording is cut off", got);
	else if (opening->check != opening_sum(opening))
		snprintf(problem, problem_bytes, "at byte 0: the recording is damaged: a checksum is wrong");
	else if (opening->stack_bytes != sizeof(struct record_stack) || opening->layout != record_layout())
		snprintf(problem, problem_bytes, "the recording is of eleven %.31s, which has another configuration",
			 opening->program);
	else
		return 0;
	return -EPROTO;
}

int replay_open(struct replay **opened, const char *path, char *problem, size_t problem_bytes)
{
	struct replay *r = calloc(1, sizeof(*r));
	int error = 0;
	size_t got;

	snprintf(problem, problem_bytes, "out of memory");
	if (!r)
		return -ENOMEM;
	r->file = fopen(path, "rbe");
	r->body = malloc(RECORD_BODY_MAX);
	r->text = malloc(TEXT_MAX);
	if (!r->file) {
		error = -errno;
		snprintf(problem, problem_bytes, "%s", strerror(errno));
	} else if (!r->body || !r->text) {
		error = -ENOMEM;
	} else {
		got = fread(&r->opening, 1, sizeof(r->opening), r->file);
		error = opening_check(&r->opening, got, problem, problem_bytes);
	}
	if (error < 0) {
		replay_close(r);
		return error;
	}
	r->offset = sizeof(r->opening);
	*opened = r;
	return 0;
}

void replay_close(struct replay *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->stacks; i++)
		munmap(r->stack[i].memory, r->stack[i].memory_bytes);
	if (r->file)
		fclose(r->file);
	free(r->body);
	free(r->text);
	free(r);
}

/*
 * The next record and its body.  Where the file ends too early: at its last byte, which is where to look for the rest.
 */
static int record_read(struct replay *r)
{
	struct record_head head;
	size_t got;
	uLong check;

	r->offset += r->head.kind ? sizeof(r->head) + r->head.bytes : 0;
	got = fread(&head, 1, sizeof(head), r->file);
	if (got == 0 && ferror(r->file))
		return problem_say(r, -EIO, "%s", strerror(errno));
	if (got == 0 && r->ended)
		return 0;
	if (got == 0)
		return problem_say(r, -EBADMSG, "the recording has no end: its host was killed, or it is cut off");
	if (r->ended)
		return problem_say(r, -EBADMSG, "the recording is damaged: something follows its end");
	if (got < sizeof(head)) {
		r->offset += got;
		return problem_say(r, -EBADMSG, "the recording is cut off");
	}
	if (head.bytes > RECORD_BODY_MAX || head.bytes % 8)
		return problem_say(r, -EBADMSG, "the recording is damaged: a record of %u bytes", head.bytes);
	got = fread(r->body, 1, head.bytes, r->file);
	if (got < head.bytes)           /* where its check would tell which is behind the end */
		return problem_say(r, -EBADMSG, "the recording is cut off in this record, or its length is damaged");
	r->head = head;
	head.check = 0;
	check = crc32(crc32(0, (const Bytef *)&head, sizeof(head)), r->body, head.bytes);
	if (check != r->head.check)
		return problem_say(r, -EBADMSG, "the recording is damaged: a checksum is wrong");
	return 1;
}

/* ---------------------------------------------------------------- calls */

static int differs(struct replay *r, const char *what, int64_t now)
{
	if (now == r->head.result)
		return 1;
	return problem_say(r, -EINVAL, "%s answers %lld, and answered %lld then", what, (long long)now,
			   (long long)r->head.result);
}

static void config_read(struct eleven_config *config, const struct record_stack *body)
{
	memset(config, 0, sizeof(*config));
	memcpy(config->secret, body->secret, sizeof(config->secret));
	config->seed = body->seed;
	config->profile = (uint32_t)body->profile;
#define CONFIG(name, unit, least, most, modern, strict, linux_, source, sentence) \
	config->name = body->config[RECORD_CONFIG_##name];
#include "eleven-config.def"
#undef CONFIG
}

static int step_stack(struct replay *r)
{
	struct replay_stack *s = &r->stack[r->stacks];
	struct record_stack body;
	struct eleven_config config;
	uint8_t offload;
	int error;

	if (r->head.stack != r->stacks || r->stacks == RECORD_STACKS_MAX || r->head.bytes < sizeof(body))
		return problem_say(r, -EBADMSG, "the recording is damaged: stack %u", r->head.stack);
	memcpy(&body, r->body, sizeof(body));
	memcpy(s->name, body.name, sizeof(body.name));
	memcpy(&offload, &body.interface.checksum_offload, sizeof(offload));
	if (offload > 1)
		return problem_say(r, -EBADMSG, "the recording is damaged: an interface out of bounds");
	config_read(&config, &body);
	s->memory_bytes = eleven_size(&config);
	if (s->memory_bytes == 0)
		return problem_say(r, -EBADMSG, "the recording is damaged: a configuration out of bounds");
	s->memory = mmap(NULL, s->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	if (s->memory == MAP_FAILED)
		return problem_say(r, -ENOMEM, "no memory for a stack of %zu MiB", s->memory_bytes >> 20);
	r->stacks++;
	error = eleven_create(&s->stack, s->memory, s->memory_bytes, &config, r->head.time);
	if (error == 0)
		error = eleven_interface_add(s->stack, &body.interface);
	s->interface = body.interface;
	return error < 0 ? problem_say(r, -EBADMSG, "the recording is damaged: %s", strerror(-error)) : 1;
}

static int step_route(struct replay *r, struct eleven *stack)
{
	struct eleven_route route;

	if (r->head.bytes < sizeof(route))
		return problem_say(r, -EBADMSG, "the recording is damaged: a route");
	memcpy(&route, r->body, sizeof(route));
	if (eleven_route_add(stack, &route) < 0)
		return problem_say(r, -EBADMSG, "the recording is damaged: a route that leads nowhere");
	return 1;
}

static int step_input(struct replay *r, struct eleven *stack)
{
	struct eleven_packet packets[RECORD_PACKETS_MAX];
	size_t at = 0;

	if (r->head.count > RECORD_PACKETS_MAX)
		return problem_say(r, -EBADMSG, "the recording is damaged: %u packets", r->head.count);
	for (uint32_t i = 0; i < r->head.count; i++) {
		struct record_packet packet;

		if (r->head.bytes - at < sizeof(packet))
			return problem_say(r, -EBADMSG, "the recording is damaged: packet %u of %u", i, r->head.count);
		memcpy(&packet, r->body + at, sizeof(packet));
		at += sizeof(packet);
		if (packet.length > r->head.bytes - at)
			return problem_say(r, -EBADMSG, "the recording is damaged: packet %u of %u", i, r->head.count);
		packets[i] = (struct eleven_packet){
			.bytes = r->body + at, .length = packet.length, .interface = packet.interface,
			.flags = packet.flags, .segment_bytes = packet.segment_bytes,
		};
		at += (packet.length + 7) & ~7u;
	}
	eleven_input(stack, packets, r->head.count, r->head.time);
	return 1;
}

static int step_output(struct replay *r, struct eleven *stack)
{
	struct eleven_out packets[RECORD_PACKETS_MAX];
	uint32_t count = r->head.count < RECORD_PACKETS_MAX ? r->head.count : RECORD_PACKETS_MAX;
	unsigned n = eleven_output(stack, packets, count, r->head.time);

	if (n == r->head.result && record_digest(0, packets, n) != r->head.value)
		return problem_say(r, -EINVAL, "other packets come out than then");
	return differs(r, "output", n);
}

static int step_signal(struct replay *r, struct eleven *stack)
{
	struct eleven_signal signal;

	if (!eleven_signal(stack, &signal))
		return problem_say(r, -EINVAL, "there is no signal, and was one then");
	if (signal.connection != r->head.connection || signal.signals != r->head.value)
		return problem_say(r, -EINVAL, "there is another signal than then");
	return 1;
}

/* Text that was filled into lent memory: the same memory is lent again. */
static int step_send_commit(struct replay *r, struct eleven *stack)
{
	size_t bytes = r->head.value, done = 0;

	if (r->room_of != r->head.connection)
		memset(r->room, 0, sizeof(r->room));
	if (bytes > r->head.bytes)
		return problem_say(r, -EBADMSG, "the recording is damaged: text of %zu bytes", bytes);
	for (unsigned i = 0; i < 2; i++) {
		size_t n = bytes - done < r->room[i].length ? bytes - done : r->room[i].length;

		if (n > 0)
			memcpy((uint8_t *)(uintptr_t)r->room[i].bytes, r->body + done, n);
		done += n;
	}
	memset(r->room, 0, sizeof(r->room));
	if (done < bytes)
		return problem_say(r, -EBADMSG, "the recording is damaged: more text than there was room for");
	eleven_send_commit(stack, r->head.connection, bytes, r->head.count, r->head.time);
	return 1;
}

static int step_text(struct replay *r, struct eleven *stack)
{
	size_t bytes = r->head.value < TEXT_MAX ? r->head.value : TEXT_MAX;
	struct eleven_slice slices[2];
	int64_t result;

	switch (r->head.call) {
	case RECORD_SEND:
		memset(r->text, 0, bytes);
		memcpy(r->text, r->body, r->head.bytes < bytes ? r->head.bytes : bytes);
		return differs(r, "send", eleven_send(stack, r->head.connection, r->text, bytes, r->head.count,
						      r->head.time));
	case RECORD_SEND_BUF:
		memset(r->room, 0, sizeof(r->room));
		result = eleven_send_buf(stack, r->head.connection, r->head.value, slices, r->head.time);
		for (int i = 0; i < result && i < 2; i++)
			r->room[i] = slices[i];
		r->room_of = r->head.connection;
		return differs(r, "send_buf", result);
	case RECORD_SEND_COMMIT:
		return step_send_commit(r, stack);
	case RECORD_RECEIVE:
		return differs(r, "receive", eleven_receive(stack, r->head.connection, r->text, bytes, r->head.time));
	case RECORD_RECEIVE_BUF:
		return differs(r, "receive_buf", eleven_receive_buf(stack, r->head.connection, slices, r->head.time));
	default:
		return differs(r, "receive_commit", eleven_receive_commit(stack, r->head.connection, r->head.value,
									  r->head.time));
	}
}

/* Keys, and what is done with them. */
static int step_auth(struct replay *r, struct eleven *stack)
{
	struct eleven_auth auth;
	struct eleven_key key;

	if (r->head.bytes < (r->head.call == RECORD_AUTH_SET ? sizeof(auth) : sizeof(key)))
		return problem_say(r, -EBADMSG, "the recording is damaged: a call %u without its key", r->head.call);
	if (r->head.call == RECORD_AUTH_SET) {
		if (r->body[offsetof(struct eleven_auth, has_current)] > 1 ||
		    r->body[offsetof(struct eleven_auth, has_next)] > 1 ||
		    r->body[offsetof(struct eleven_auth, required)] > 1 ||
		    r->body[offsetof(struct eleven_auth, icmp_heeded)] > 1)
			return problem_say(r, -EBADMSG, "the recording is damaged: a truth of neither 0 nor 1");
		memcpy(&auth, r->body, sizeof(auth));
		return differs(r, "auth_set", eleven_auth_set(stack, r->head.connection, &auth, r->head.time));
	}
	if (r->body[offsetof(struct eleven_key, exclude_options)] > 1)
		return problem_say(r, -EBADMSG, "the recording is damaged: a truth of neither 0 nor 1");
	memcpy(&key, r->body, sizeof(key));
	if (r->head.call == RECORD_KEY_ADD)
		return differs(r, "key_add", eleven_key_add(stack, r->head.connection, &key, r->head.time));
	return differs(r, "key_remove", eleven_key_remove(stack, r->head.connection, &key, r->head.time));
}

/* open and accept give a connection: the same one as then. */
static int step_new(struct replay *r, struct eleven *stack)
{
	eleven_handle connection = 0;
	int result;

	if (r->head.call == RECORD_OPEN)
		result = eleven_open(stack, &connection, r->head.time);
	else
		result = eleven_accept(stack, r->head.value, &connection, r->head.time);
	if (result == 0 && connection != r->head.connection)
		return problem_say(r, -EINVAL, "another connection than then");
	return differs(r, r->head.call == RECORD_OPEN ? "open" : "accept", result);
}

static int step_call(struct replay *r, struct eleven *stack)
{
	eleven_handle connection = r->head.connection;
	uint64_t now = r->head.time;
	struct eleven_endpoint endpoint;

	memset(&endpoint, 0, sizeof(endpoint));
	if (r->head.bytes >= sizeof(endpoint))
		memcpy(&endpoint, r->body, sizeof(endpoint));
	switch (r->head.call) {
	case RECORD_OPEN:
	case RECORD_ACCEPT:
		return step_new(r, stack);
	case RECORD_BIND:
		return differs(r, "bind", eleven_bind(stack, connection, &endpoint, r->head.count, now));
	case RECORD_LISTEN:
		return differs(r, "listen", eleven_listen(stack, connection, r->head.count, now));
	case RECORD_CONNECT:
		return differs(r, "connect", eleven_connect(stack, connection, &endpoint, now));
	case RECORD_SHUTDOWN:
		return differs(r, "shutdown", eleven_shutdown(stack, connection, now));
	case RECORD_SHUTDOWN_RECEIVE:
		return differs(r, "shutdown_receive", eleven_shutdown_receive(stack, connection, now));
	case RECORD_CLOSE:
		return differs(r, "close", eleven_close(stack, connection, now));
	case RECORD_ABORT:
		return differs(r, "abort", eleven_abort(stack, connection, now));
	case RECORD_OPTION_SET:
		return differs(r, "option_set", eleven_option_set(stack, connection, (enum eleven_option)r->head.count,
								  r->head.value, now));
	case RECORD_KEY_ADD:
	case RECORD_KEY_REMOVE:
	case RECORD_AUTH_SET:
		return step_auth(r, stack);
	case RECORD_TRACE_KINDS:
		eleven_trace_kinds(stack, r->head.count);
		return 1;
	case RECORD_SEND:
	case RECORD_SEND_BUF:
	case RECORD_SEND_COMMIT:
	case RECORD_RECEIVE:
	case RECORD_RECEIVE_BUF:
	case RECORD_RECEIVE_COMMIT:
		return step_text(r, stack);
	default:
		return problem_say(r, -EBADMSG, "the recording is damaged: call %u", r->head.call);
	}
}

/* What the trace said up to here then, and says now. */
static int step_trail(struct replay *r)
{
	const struct trail *trail = &r->stack[r->head.stack].trail;

	if (trail->digest == r->head.value && (int64_t)trail->after == r->head.result)
		return 1;
	return problem_say(r, -EINVAL, "the trace of host %s tells another story than then",
			   r->stack[r->head.stack].name);
}

static int step_end(struct replay *r)
{
	if (r->head.value != r->records)
		return problem_say(r, -EBADMSG, "the recording is damaged: %llu records, and %llu were written",
				   (unsigned long long)r->records, (unsigned long long)r->head.value);
	r->ended = true;
	return 1;
}

static int step_kind(struct replay *r, struct eleven *stack)
{
	switch (r->head.kind) {
	case RECORD_ROUTE:
		return step_route(r, stack);
	case RECORD_INPUT:
		return step_input(r, stack);
	case RECORD_OUTPUT:
		return step_output(r, stack);
	case RECORD_TIMERS:
		eleven_timers(stack, r->head.time);
		return 1;
	case RECORD_SIGNAL:
		return step_signal(r, stack);
	case RECORD_CALL:
		return step_call(r, stack);
	case RECORD_TRAIL:
		return step_trail(r);
	default:
		return problem_say(r, -EBADMSG, "the recording is damaged: a record of kind %u", r->head.kind);
	}
}

struct taking {                         /* for the one who reads along */
	struct replay *replay;
	unsigned stack;
};

static void trace_take(void *context, const struct eleven_trace *record)
{
	const struct taking *taking = context;

	taking->replay->trace(taking->replay->trace_context, taking->stack, record);
}

int replay_step(struct replay *r, char *problem, size_t problem_bytes)
{
	struct taking taking = { r, 0 };
	struct eleven *stack;
	int more;

	r->problem = problem;
	r->problem_bytes = problem_bytes;
	more = record_read(r);
	if (more <= 0)
		return more;
	if (r->head.kind == RECORD_END)
		return step_end(r);
	if (r->head.kind == RECORD_STACK) {
		more = step_stack(r);
	} else {
		stack = replay_stack(r, r->head.stack, NULL);
		if (!stack)
			return problem_say(r, -EBADMSG, "the recording is damaged: stack %u", r->head.stack);
		more = step_kind(r, stack);
	}
	/* Memory that is lent is the stack's again after any other call (eleven.h); a trail is none. */
	if (r->head.kind != RECORD_TRAIL && (r->head.kind != RECORD_CALL || r->head.call != RECORD_SEND_BUF)) {
		memset(r->room, 0, sizeof(r->room));
		r->room_of = 0;
	}
	r->records++;
	taking.stack = r->head.stack;
	if (taking.stack < r->stacks)
		trail_follow(&r->stack[taking.stack].trail, r->stack[taking.stack].stack,
			     r->trace ? trace_take : NULL, &taking);
	return more;
}

void replay_on_trace(struct replay *r, replay_trace_fn *fn, void *context)
{
	r->trace = fn;
	r->trace_context = context;
}

uint64_t replay_hash(const struct replay *r)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < r->stacks; i++)
		hash = trail_join(hash, &r->stack[i].trail);
	return hash;
}

const struct record_head *replay_head(const struct replay *r)
{
	return &r->head;
}

uint64_t replay_offset(const struct replay *r)
{
	return r->offset;
}

struct eleven *replay_stack(const struct replay *r, unsigned number, const char **name)
{
	if (number >= r->stacks)
		return NULL;
	if (name)
		*name = r->stack[number].name;
	return r->stack[number].stack;
}

const struct eleven_interface *replay_interface(const struct replay *r, unsigned number)
{
	return number < r->stacks ? &r->stack[number].interface : NULL;
}

uint64_t replay_wall_offset(const struct replay *r)
{
	return r->opening.wall_offset;
}
