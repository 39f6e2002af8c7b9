/* SPDX-License-Identifier: MIT */
/*
 * eleven as a peer: two stacks in this thread, joined by a wire that copies each packet once.
 *
 * One turn of the wire takes a batch out of one stack and puts it into the other, both ways, and then virtual time
 * moves on by 10 µs; when nothing moved it jumps to the next deadline of either stack.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "eleven.h"

enum { PORT = 7, BATCH = 64, PACKET_MAX = 66 * 1024 };

struct end {
	struct eleven *stack;
	void *memory;
	size_t bytes;
	struct eleven_address address;
	eleven_handle listener, connection;
};

static struct end ends[2];              /* 0 opens, 1 listens */
static eleven_handle *idle;
static unsigned idle_count;
static uint8_t *packets;                /* BATCH of PACKET_MAX: what is on the wire */
static uint64_t now = 1000000000;
static uint32_t segment_seen;
static struct setup setup;

static struct eleven_address address_v4(uint8_t last)
{
	return (struct eleven_address){ { [10] = 0xff, 0xff, 10, 0, 0, last } };
}

/* One batch from a stack to the other; how many packets. */
static unsigned wire_carry(struct end *from, struct end *to)
{
	struct eleven_out out[BATCH];
	struct eleven_packet in[BATCH];
	unsigned count = eleven_output(from->stack, out, BATCH, now);

	for (unsigned i = 0; i < count; i++) {
		uint8_t *packet = packets + (size_t)i * PACKET_MAX;
		uint32_t length = 0;

		for (unsigned k = 0; k < out[i].slices; k++) {
			memcpy(packet + length, out[i].slice[k].bytes, out[i].slice[k].length);
			length += out[i].slice[k].length;
		}
		if (length - out[i].slice[0].length > segment_seen)
			segment_seen = length - out[i].slice[0].length;
		in[i] = (struct eleven_packet){ .bytes = packet, .length = length,
						.flags = setup.offload ? ELEVEN_PACKET_CHECKSUM_OK : 0,
						.segment_bytes = out[i].segment_bytes };
	}
	if (count)
		eleven_input(to->stack, in, count, now);
	return count;
}

/* Signals are taken, and not needed: the work polls. */
static void signals_take(struct end *end)
{
	struct eleven_signal signal;

	while (eleven_signal(end->stack, &signal))
		;
}

/* One turn; false when nothing moved. */
static bool wire_turn(void)
{
	unsigned moved = wire_carry(&ends[0], &ends[1]) + wire_carry(&ends[1], &ends[0]);

	signals_take(&ends[0]);
	signals_take(&ends[1]);
	now += 10000;
	return moved > 0;
}

/* To the next deadline; false when there is none. */
static bool time_pass(void)
{
	uint64_t a = eleven_deadline(ends[0].stack), b = eleven_deadline(ends[1].stack), next = a < b ? a : b;

	if (next == UINT64_MAX)
		return false;
	if (next > now)
		now = next;
	eleven_timers(ends[0].stack, now);
	eleven_timers(ends[1].stack, now);
	return true;
}

static void end_create(struct end *end, uint8_t number)
{
	struct eleven_config config;
	struct eleven_interface interface = {
		.kind = ELEVEN_LINK_IP,
		.address = end->address = address_v4(number),
		.prefix_bits = 24,
		.mtu = setup.segment_bytes + 40,
		.checksum_offload = setup.offload,
		.segment_bytes_max = setup.offload ? 61440 : 0,
	};
	int error;

	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = 0x1100 + number;
	config.connections_max = config.time_wait_max = setup.connections;
	config.syn_received_max = setup.connections;
	config.receive_buffer = setup.window_bytes;
	config.send_buffer = setup.window_bytes;
	config.msl = 1000000000;
	end->bytes = eleven_size(&config);
	end->memory = mmap(NULL, end->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   -1, 0);
	if (end->bytes == 0 || end->memory == MAP_FAILED)
		bench_fail("eleven: no memory for a stack of %zu bytes", end->bytes);
	error = eleven_create(&end->stack, end->memory, end->bytes, &config, now);
	if (error || eleven_interface_add(end->stack, &interface) < 0)
		bench_fail("eleven: cannot make a stack: %s", strerror(-error));
	eleven_trace_kinds(end->stack, 0);
}

static eleven_handle accepted_wait(void)
{
	eleven_handle connection;

	for (unsigned i = 0; i < 1000; i++) {
		if (eleven_accept(ends[1].stack, ends[1].listener, &connection, now) == 0) {
			eleven_option_set(ends[1].stack, connection, ELEVEN_OPTION_NODELAY, 1, now);
			return connection;
		}
		if (!wire_turn() && !time_pass())
			break;
	}
	bench_fail("eleven: no connection");
}

static eleven_handle connection_open(eleven_handle *accepted)
{
	struct eleven_endpoint remote = { .address = ends[1].address, .port = PORT };
	eleven_handle connection;
	int error = eleven_open(ends[0].stack, &connection, now);

	if (!error)
		error = eleven_connect(ends[0].stack, connection, &remote, now);
	if (error)
		bench_fail("eleven: connect: %s", strerror(-error));
	eleven_option_set(ends[0].stack, connection, ELEVEN_OPTION_NODELAY, 1, now);
	*accepted = accepted_wait();
	return connection;
}

static void until_quiet(void)
{
	while (wire_turn())
		;
}

/* The active end closes first, the other when it has seen the FIN. */
static void connection_close(eleven_handle connection, eleven_handle accepted)
{
	eleven_close(ends[0].stack, connection, now);
	wire_turn();
	eleven_close(ends[1].stack, accepted, now);
	until_quiet();
}

static void time_wait_end(void)
{
	struct eleven_stats stats;

	now += 2100000000;
	do {
		eleven_timers(ends[0].stack, now);
		eleven_timers(ends[1].stack, now);
		until_quiet();
		eleven_stats(ends[0].stack, &stats);
	} while (stats.time_wait > 0 && time_pass());
}

static void pair_begin(const struct setup *wanted)
{
	struct eleven_endpoint any = { .port = PORT };
	int error;

	setup = *wanted;
	if (!packets)
		packets = malloc((size_t)BATCH * PACKET_MAX);
	end_create(&ends[0], 1);
	end_create(&ends[1], 2);
	error = eleven_open(ends[1].stack, &ends[1].listener, now);
	if (!error)
		error = eleven_bind(ends[1].stack, ends[1].listener, &any, 0, now);
	if (!error)
		error = eleven_listen(ends[1].stack, ends[1].listener, 128, now);
	if (error)
		bench_fail("eleven: listen: %s", strerror(-error));
	segment_seen = 0;
	ends[0].connection = connection_open(&ends[1].connection);
	idle = calloc(setup.connections, sizeof(*idle));
	idle_count = 0;
}

static void pair_end(void)
{
	munmap(ends[0].memory, ends[0].bytes);
	munmap(ends[1].memory, ends[1].bytes);
	free(idle);
}

/* Fills the sender; how many bytes it took. */
static uint64_t bulk_send(uint64_t from, uint64_t most, bool check)
{
	static uint8_t text[65536];
	struct eleven_slice room[2];
	uint64_t chunk = most < sizeof(text) ? most : sizeof(text);
	int64_t taken;

	if (setup.lent) {
		int slices = eleven_send_buf(ends[0].stack, ends[0].connection, chunk, room, now);

		taken = 0;
		for (int i = 0; i < slices; i++)
			taken += room[i].length;
		if (taken)
			eleven_send_commit(ends[0].stack, ends[0].connection, (size_t)taken, 0, now);
		return (uint64_t)taken;
	}
	for (unsigned i = 0; check && i < chunk; i++)
		text[i] = text_byte(from + i);
	taken = eleven_send(ends[0].stack, ends[0].connection, text, chunk, 0, now);
	return taken > 0 ? (uint64_t)taken : 0;
}

/* Empties the receiver; how many bytes there were. */
static uint64_t bulk_receive(uint64_t from, bool check)
{
	static uint8_t text[65536];
	struct eleven_slice there[2];
	uint64_t total = 0;
	int64_t n;

	if (setup.lent) {
		int slices = eleven_receive_buf(ends[1].stack, ends[1].connection, there, now);

		for (int i = 0; i < slices; i++)
			total += there[i].length;
		if (total)
			eleven_receive_commit(ends[1].stack, ends[1].connection, total, now);
		return total;
	}
	while ((n = eleven_receive(ends[1].stack, ends[1].connection, text, sizeof(text), now)) > 0) {
		for (int64_t i = 0; check && i < n; i++)
			if (text[i] != text_byte(from + total + (uint64_t)i))
				bench_fail("eleven: byte %llu is wrong",
					   (unsigned long long)(from + total + (uint64_t)i));
		total += (uint64_t)n;
	}
	return total;
}

static void pair_bulk(uint64_t bytes, bool check)
{
	uint64_t sent = 0, received = 0;
	unsigned stuck = 0;

	while (received < bytes) {
		uint64_t n, before = received;

		while (sent < bytes && (n = bulk_send(sent, bytes - sent, check)) > 0)
			sent += n;
		wire_carry(&ends[0], &ends[1]);
		received += bulk_receive(received, check);
		wire_carry(&ends[1], &ends[0]);
		signals_take(&ends[0]);
		signals_take(&ends[1]);
		now += 10000;
		if (received != before)
			stuck = 0;
		else if (++stuck > 1000 || (stuck > 2 && !time_pass()))
			bench_fail("eleven: bulk is stuck at byte %llu", (unsigned long long)received);
	}
}

static void pair_round_trips(unsigned count)
{
	uint8_t byte = 'x';

	for (unsigned i = 0; i < count; i++) {
		if (eleven_send(ends[0].stack, ends[0].connection, &byte, 1, 0, now) != 1)
			bench_fail("eleven: round trip %u: send failed", i);
		wire_carry(&ends[0], &ends[1]);
		if (eleven_receive(ends[1].stack, ends[1].connection, &byte, 1, now) != 1 ||
		    eleven_send(ends[1].stack, ends[1].connection, &byte, 1, 0, now) != 1)
			bench_fail("eleven: round trip %u: nothing to answer", i);
		wire_carry(&ends[1], &ends[0]);
		if (eleven_receive(ends[0].stack, ends[0].connection, &byte, 1, now) != 1)
			bench_fail("eleven: round trip %u: no answer", i);
		signals_take(&ends[0]);
		signals_take(&ends[1]);
		now += 10000;
	}
}

static void pair_open_close(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		eleven_handle accepted, connection = connection_open(&accepted);

		connection_close(connection, accepted);
		if (i % 64 == 63 || i + 1 == count)
			time_wait_end();
	}
}

/* Bytes of an end's memory that have been touched. */
static size_t resident_bytes(const struct end *end)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (end->bytes + page - 1) / page, count = 0;
	unsigned char *there = malloc(pages);

	if (!there || mincore(end->memory, end->bytes, there) < 0)
		bench_fail("eleven: cannot see which memory is in use");
	for (size_t i = 0; i < pages; i++)
		count += there[i] & 1;
	free(there);
	return count * page;
}

static double pair_open_idle(unsigned count)
{
	eleven_handle accepted;
	size_t before;

	/* What a stack touches once, its trace ring above all, is not what a connection costs. */
	pair_open_close(3000);
	before = resident_bytes(&ends[0]) + resident_bytes(&ends[1]);
	for (unsigned i = 0; i < count; i++)
		idle[idle_count++] = connection_open(&accepted);
	until_quiet();
	return (double)(resident_bytes(&ends[0]) + resident_bytes(&ends[1]) - before) / count / 2;
}

static double pair_time_wait(unsigned count)
{
	size_t before = 0;

	pair_open_close(3000);
	/* One connection after another uses the same TCB: what grows is the records of TIME-WAIT alone. */
	for (unsigned i = 0; i <= count; i++) {
		eleven_handle accepted, connection = connection_open(&accepted);

		connection_close(connection, accepted);
		if (i == 0)
			before = resident_bytes(&ends[0]);
	}
	return (double)(resident_bytes(&ends[0]) - before) / count;
}

static uint32_t pair_segment_seen(void)
{
	return segment_seen;
}

const struct peer peer_eleven = {
	.name = "eleven",
	.begin = pair_begin,
	.end = pair_end,
	.bulk = pair_bulk,
	.round_trips = pair_round_trips,
	.open_close = pair_open_close,
	.open_idle = pair_open_idle,
	.time_wait = pair_time_wait,
	.segment_seen = pair_segment_seen,
};
