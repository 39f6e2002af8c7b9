/* SPDX-License-Identifier: MIT */
/*
 * Writing a recording; see record.h.  Each recorded_ function makes its call first and then, when
 * there is a recording, writes it down with its result.  There is one recording in a process, as
 * there is one host; a stack's number is its place among those made since it began.
 */
#define ELEVEN_HOST_RECORD_ITSELF
#include "host/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/check.h"
#include "base/time.h"
#include "host/recorded.h"
#include "host/trail.h"

/* Not longer than this stays unwritten, so that a crash leaves all but its last moment. */
#define FLUSH_NS MS(200)

static struct {
	FILE *file;                     /* NULL: no recording */
	int error;                      /* first one, a negative errno */
	unsigned stacks;
	const struct eleven *stack[RECORD_STACKS_MAX];
	struct trail trail[RECORD_STACKS_MAX];
	unsigned trails;                /* of stacks whose record is written */
	uint64_t records;               /* written */
	uint64_t time;                  /* of the last one that has one */
	uint64_t flushed;               /* when, in the stacks' time */
	struct eleven_slice room[2];    /* lent by the last send_buf */
} recording;

static void recording_fail(int error)
{
	recording.error = error;
	fclose(recording.file);
	recording.file = NULL;
	fprintf(stderr, "eleven: the recording ends here: %s\n", strerror(-error));
}

static int stack_number(const struct eleven *stack)
{
	for (unsigned i = 0; i < recording.stacks; i++)
		if (recording.stack[i] == stack)
			return (int)i;
	return -1;
}

/* A part of a body. */
struct part {
	const void *bytes;
	size_t length;
};

static void bytes_write(struct record_head head, const struct part *parts, unsigned count, size_t bytes)
{
	static const uint8_t padding[8];
	uLong check;

	head.bytes = (uint32_t)(bytes + 7) & ~7u;
	check = crc32(0, (const Bytef *)&head, sizeof(head));
	for (unsigned i = 0; i < count; i++)    /* crc32() of no address begins anew */
		if (parts[i].length > 0)
			check = crc32(check, parts[i].bytes, (uInt)parts[i].length);
	head.check = (uint32_t)crc32(check, padding, (uInt)(head.bytes - bytes));
	fwrite_unlocked(&head, sizeof(head), 1, recording.file);
	for (unsigned i = 0; i < count; i++)
		if (parts[i].length > 0)
			fwrite_unlocked(parts[i].bytes, 1, parts[i].length, recording.file);
	fwrite_unlocked(padding, 1, head.bytes - bytes, recording.file);
	recording.records++;
}

/* What the traces said up to here: a replay of a host that was killed is compared as far as the last of these. */
static void trails_write(void)
{
	for (unsigned i = 0; i < recording.trails; i++)
		bytes_write((struct record_head){ .kind = RECORD_TRAIL, .stack = (uint8_t)i, .time = recording.time,
						  .value = recording.trail[i].digest,
						  .result = (int64_t)recording.trail[i].after }, NULL, 0, 0);
}

static void record_write(const struct eleven *stack, struct record_head head, const struct part *parts, unsigned count)
{
	int number = stack_number(stack);
	size_t bytes = 0;

	if (number < 0)
		return;
	for (unsigned i = 0; i < count; i++)
		bytes += parts[i].length;
	if (bytes > RECORD_BODY_MAX) {
		recording_fail(-EFBIG);
		return;
	}
	head.stack = (uint8_t)number;
	if (head.time > recording.flushed + FLUSH_NS) {
		trails_write();         /* of the calls before this one, which may not be made yet */
		bytes_write(head, parts, count, bytes);
		recording.flushed = head.time;
		fflush_unlocked(recording.file);
	} else {
		bytes_write(head, parts, count, bytes);
	}
	recording.time = head.time ? head.time : recording.time;
	if (ferror_unlocked(recording.file))
		recording_fail(-errno);
}

/* After a call was made: what it did. */
static void trail_write(const struct eleven *stack)
{
	int number = recording.file ? stack_number(stack) : -1;

	if (number >= 0)
		trail_follow(&recording.trail[number], stack, NULL, NULL);
}

uint32_t record_layout(void)
{
	static const char names[] =
#define CONFIG(name, unit, least, most, modern, strict, linux_, source, sentence) #name " "
#include "eleven-config.def"
#undef CONFIG
		"";

	return (uint32_t)crc32(0, (const Bytef *)names, sizeof(names));
}

int record_begin(const char *path, uint64_t wall_offset)
{
	struct record_file file = {
		.magic = "", .version = RECORD_VERSION, .order = RECORD_ORDER,
		.stack_bytes = sizeof(struct record_stack), .wall_offset = wall_offset,
		.program = ELEVEN_VERSION, .layout = record_layout(),
	};

	if (recording.file)
		return -EBUSY;
	memset(&recording, 0, sizeof(recording));
	recording.file = fopen(path, "wbe");
	if (!recording.file)
		return -errno;
	setvbuf(recording.file, NULL, _IOFBF, 1 << 20);
	memcpy(file.magic, RECORD_MAGIC, sizeof(file.magic));
	file.check = (uint32_t)crc32(0, (const Bytef *)&file, sizeof(file));
	if (fwrite(&file, sizeof(file), 1, recording.file) != 1 || fflush(recording.file) != 0) {
		int error = -errno;

		fclose(recording.file);
		recording.file = NULL;
		return error;
	}
	return 0;
}

int record_end(void)
{
	if (recording.file) {
		trails_write();
		bytes_write((struct record_head){ .kind = RECORD_END, .time = recording.time,
						  .value = recording.records }, NULL, 0, 0);
		if (fclose(recording.file) != 0)
			recording.error = -errno;
	}
	recording.file = NULL;
	return recording.error;
}

uint64_t record_digest(uint64_t digest, const struct eleven_out *packets, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct eleven_out *p = &packets[i];
		uLong low = crc32(0, Z_NULL, 0);

		for (unsigned s = 0; s < p->slices; s++)
			low = crc32(low, p->slice[s].bytes, p->slice[s].length);
		digest = (digest ^ (low | (uint64_t)p->length << 32 | (uint64_t)p->flags << 56)) * 0x100000001b3ull;
		digest = (digest ^ (p->serial | (uint64_t)p->segment_bytes << 48)) * 0x100000001b3ull;
	}
	return digest;
}

/* ---------------------------------------------------------------- the host's calls */

int recorded_create(struct eleven **stack, void *memory, size_t bytes, const struct eleven_config *config,
		    const struct eleven_interface *interface, const char *name, uint64_t now)
{
	int error = eleven_create(stack, memory, bytes, config, now);
	struct record_stack body;

	if (error == 0)
		error = eleven_interface_add(*stack, interface);
	if (error < 0 || !recording.file || recording.stacks == RECORD_STACKS_MAX)
		return error < 0 ? error : 0;
	memset(&body, 0, sizeof(body));
	strncpy(body.name, name, sizeof(body.name) - 1);
	memcpy(body.secret, config->secret, sizeof(body.secret));
	body.seed = config->seed;
	body.profile = config->profile;
#define CONFIG(name, unit, least, most, modern, strict, linux_, source, sentence) \
	body.config[RECORD_CONFIG_##name] = config->name;
#include "eleven-config.def"
#undef CONFIG
	body.interface = *interface;
	recording.stack[recording.stacks++] = *stack;
	record_write(*stack, (struct record_head){ .kind = RECORD_STACK, .time = now },
		     &(struct part){ &body, sizeof(body) }, 1);
	recording.trails = recording.stacks;
	trail_write(*stack);
	return 0;
}

int recorded_route_add(struct eleven *stack, const struct eleven_route *route, uint64_t now)
{
	int error = eleven_route_add(stack, route);

	if (error == 0)
		record_write(stack, (struct record_head){ .kind = RECORD_ROUTE, .time = now },
			     &(struct part){ route, sizeof(*route) }, 1);
	return error;
}

void recorded_input(struct eleven *stack, const struct eleven_packet *packets, unsigned count, uint64_t now)
{
	static const uint8_t padding[8];
	struct record_packet heads[RECORD_PACKETS_MAX];
	struct part parts[3 * RECORD_PACKETS_MAX];

	CHECK(count <= RECORD_PACKETS_MAX);
	if (recording.file) {
		for (unsigned i = 0; i < count; i++) {
			const struct eleven_packet *p = &packets[i];

			heads[i] = (struct record_packet){ p->length, p->segment_bytes, p->interface, p->flags };
			parts[3 * i] = (struct part){ &heads[i], sizeof(heads[i]) };
			parts[3 * i + 1] = (struct part){ p->bytes, p->length };
			parts[3 * i + 2] = (struct part){ padding, -p->length & 7u };
		}
		record_write(stack, (struct record_head){ .kind = RECORD_INPUT, .count = count, .time = now }, parts,
			     3 * count);
	}
	eleven_input(stack, packets, count, now);
	trail_write(stack);
}

unsigned recorded_output(struct eleven *stack, struct eleven_out *out, unsigned count, uint64_t now)
{
	unsigned n = eleven_output(stack, out, count, now);

	if (recording.file)
		record_write(stack, (struct record_head){ .kind = RECORD_OUTPUT, .count = count, .time = now,
							  .result = n, .value = record_digest(0, out, n) }, NULL, 0);
	trail_write(stack);
	return n;
}

void recorded_timers(struct eleven *stack, uint64_t now)
{
	eleven_timers(stack, now);
	if (recording.file)
		record_write(stack, (struct record_head){ .kind = RECORD_TIMERS, .time = now }, NULL, 0);
	trail_write(stack);
}

bool recorded_signal(struct eleven *stack, struct eleven_signal *signal)
{
	bool some = eleven_signal(stack, signal);

	if (recording.file && some)
		record_write(stack, (struct record_head){ .kind = RECORD_SIGNAL, .connection = signal->connection,
							  .value = signal->signals }, NULL, 0);
	return some;
}

void recorded_trace_kinds(struct eleven *stack, unsigned kinds)
{
	eleven_trace_kinds(stack, kinds);
	if (recording.file)
		record_write(stack, (struct record_head){ .kind = RECORD_CALL, .call = RECORD_TRACE_KINDS,
							  .count = kinds }, NULL, 0);
	trail_write(stack);
}

/* ---------------------------------------------------------------- user calls */

static int64_t call_write(const struct eleven *stack, enum record_call call, eleven_handle connection, uint64_t value,
			  uint32_t count, uint64_t now, int64_t result)
{
	if (recording.file)
		record_write(stack, (struct record_head){ .kind = RECORD_CALL, .call = (uint8_t)call, .count = count,
							  .time = now, .connection = connection, .value = value,
							  .result = result }, NULL, 0);
	trail_write(stack);
	return result;
}

static int endpoint_write(const struct eleven *stack, enum record_call call, eleven_handle connection,
			  const struct eleven_endpoint *endpoint, uint32_t count, uint64_t now, int result)
{
	if (recording.file)
		record_write(stack, (struct record_head){ .kind = RECORD_CALL, .call = (uint8_t)call, .count = count,
							  .time = now, .connection = connection, .result = result },
			     &(struct part){ endpoint, sizeof(*endpoint) }, 1);
	trail_write(stack);
	return result;
}

int recorded_open(struct eleven *stack, eleven_handle *connection, uint64_t now)
{
	int result = eleven_open(stack, connection, now);

	return (int)call_write(stack, RECORD_OPEN, result == 0 ? *connection : 0, 0, 0, now, result);
}

int recorded_bind(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *local, unsigned flags,
		  uint64_t now)
{
	return endpoint_write(stack, RECORD_BIND, connection, local, flags, now,
			      eleven_bind(stack, connection, local, flags, now));
}

int recorded_listen(struct eleven *stack, eleven_handle connection, unsigned backlog, uint64_t now)
{
	return (int)call_write(stack, RECORD_LISTEN, connection, 0, backlog, now,
			       eleven_listen(stack, connection, backlog, now));
}

int recorded_connect(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *remote,
		     uint64_t now)
{
	return endpoint_write(stack, RECORD_CONNECT, connection, remote, 0, now,
			      eleven_connect(stack, connection, remote, now));
}

int recorded_accept(struct eleven *stack, eleven_handle listener, eleven_handle *connection, uint64_t now)
{
	int result = eleven_accept(stack, listener, connection, now);

	return (int)call_write(stack, RECORD_ACCEPT, result == 0 ? *connection : 0, listener, 0, now, result);
}

int64_t recorded_send(struct eleven *stack, eleven_handle connection, const void *text, size_t bytes, unsigned flags,
		      uint64_t now)
{
	int64_t result = eleven_send(stack, connection, text, bytes, flags, now);

	if (recording.file)     /* what was not taken need not be kept */
		record_write(stack, (struct record_head){ .kind = RECORD_CALL, .call = RECORD_SEND, .count = flags,
							  .time = now, .connection = connection, .value = bytes,
							  .result = result },
			     &(struct part){ text, result > 0 ? (size_t)result : 0 }, 1);
	trail_write(stack);
	return result;
}

int recorded_send_buf(struct eleven *stack, eleven_handle connection, size_t bytes, struct eleven_slice room[2],
		      uint64_t now)
{
	int result = eleven_send_buf(stack, connection, bytes, room, now);

	memset(recording.room, 0, sizeof(recording.room));
	for (int i = 0; i < result && i < 2; i++)
		recording.room[i] = room[i];
	return (int)call_write(stack, RECORD_SEND_BUF, connection, bytes, 0, now, result);
}

int recorded_send_commit(struct eleven *stack, eleven_handle connection, size_t bytes, unsigned flags, uint64_t now)
{
	size_t first = bytes < recording.room[0].length ? bytes : recording.room[0].length;
	size_t second = bytes - first < recording.room[1].length ? bytes - first : recording.room[1].length;
	struct part parts[2] = { { recording.room[0].bytes, first }, { recording.room[1].bytes, second } };
	int result;

	if (recording.file)     /* before the call: the lent memory is the stack's again after it */
		record_write(stack, (struct record_head){ .kind = RECORD_CALL, .call = RECORD_SEND_COMMIT,
							  .count = flags, .time = now,
							  .connection = connection, .value = bytes },
			     parts, 2);
	memset(recording.room, 0, sizeof(recording.room));
	result = eleven_send_commit(stack, connection, bytes, flags, now);
	trail_write(stack);
	return result;
}

int64_t recorded_receive(struct eleven *stack, eleven_handle connection, void *text, size_t bytes, uint64_t now)
{
	return call_write(stack, RECORD_RECEIVE, connection, bytes, 0, now,
			  eleven_receive(stack, connection, text, bytes, now));
}

int recorded_receive_buf(struct eleven *stack, eleven_handle connection, struct eleven_slice text[2], uint64_t now)
{
	return (int)call_write(stack, RECORD_RECEIVE_BUF, connection, 0, 0, now,
			       eleven_receive_buf(stack, connection, text, now));
}

int recorded_receive_commit(struct eleven *stack, eleven_handle connection, size_t bytes, uint64_t now)
{
	return (int)call_write(stack, RECORD_RECEIVE_COMMIT, connection, bytes, 0, now,
			       eleven_receive_commit(stack, connection, bytes, now));
}

int recorded_shutdown(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return (int)call_write(stack, RECORD_SHUTDOWN, connection, 0, 0, now, eleven_shutdown(stack, connection, now));
}

int recorded_shutdown_receive(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return (int)call_write(stack, RECORD_SHUTDOWN_RECEIVE, connection, 0, 0, now,
			       eleven_shutdown_receive(stack, connection, now));
}

int recorded_close(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return (int)call_write(stack, RECORD_CLOSE, connection, 0, 0, now, eleven_close(stack, connection, now));
}

int recorded_abort(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return (int)call_write(stack, RECORD_ABORT, connection, 0, 0, now, eleven_abort(stack, connection, now));
}

int recorded_option_set(struct eleven *stack, eleven_handle connection, enum eleven_option option, uint64_t value,
			uint64_t now)
{
	return (int)call_write(stack, RECORD_OPTION_SET, connection, value, option, now,
			       eleven_option_set(stack, connection, option, value, now));
}

static int body_write(const struct eleven *stack, enum record_call call, eleven_handle connection, const void *body,
		      size_t bytes, uint64_t now, int result)
{
	if (recording.file)
		record_write(stack, (struct record_head){ .kind = RECORD_CALL, .call = (uint8_t)call, .time = now,
							  .connection = connection, .result = result },
			     &(struct part){ body, bytes }, 1);
	trail_write(stack);
	return result;
}

int recorded_key_add(struct eleven *stack, eleven_handle connection, const struct eleven_key *key, uint64_t now)
{
	return body_write(stack, RECORD_KEY_ADD, connection, key, sizeof(*key), now,
			  eleven_key_add(stack, connection, key, now));
}

int recorded_key_remove(struct eleven *stack, eleven_handle connection, const struct eleven_key *key, uint64_t now)
{
	return body_write(stack, RECORD_KEY_REMOVE, connection, key, sizeof(*key), now,
			  eleven_key_remove(stack, connection, key, now));
}

int recorded_auth_set(struct eleven *stack, eleven_handle connection, const struct eleven_auth *auth, uint64_t now)
{
	return body_write(stack, RECORD_AUTH_SET, connection, auth, sizeof(*auth), now,
			  eleven_auth_set(stack, connection, auth, now));
}
