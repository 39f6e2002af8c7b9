/* SPDX-License-Identifier: MIT */
/*
 * eleven-beside: how fast text goes over a poor wire, eleven beside the kernel's TCP, in real time.
 *
 * Theory of operation.  Two network namespaces have a tun device each; between them is one wire of ours (link/pipe.h:
 * rate, queue, delay, loss, bursts, reordering), the same for whoever sends.  Forwards it is the bottleneck, back it
 * only delays.  In the far namespace the kernel receives and throws away.  The sender is the kernel of the near
 * namespace, by CUBIC, or a stack of eleven's in this process, or both at once, for fairness.  What the far side's
 * program got in the time given is the goodput.  Each cell is a process of its own.
 */
#include <arpa/inet.h>
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "eleven.h"
#include "link/pipe.h"

enum { PORT = 5001, MTU = 1500, FLOWS = 2, FLOW_KERNEL = 0, FLOW_ELEVEN = 1, CELLS_AT_ONCE_MAX = 16, BATCH = 64 };

static const char *const flow_address[FLOWS] = { "10.9.0.2", "10.9.0.3" };

struct cell {
	const char *loss;
	struct pipe_settings wire;
	unsigned rtt_ms, mbit;
	bool by[FLOWS];
	double seconds;
	uint64_t seed;
};

/* Shared with the receiving process. */
struct received {
	_Atomic uint64_t bytes[FLOWS];
	_Atomic bool listening;
};

struct wire {
	int tun[2];                     /* of the near and of the far namespace */
	int space[2];
	struct pipe forth, back;
	struct eleven *stack;
	eleven_handle connection;
	bool connected;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "eleven-beside: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void run(const char *command)
{
	if (system(command) != 0) {
		errno = EINVAL;
		fail(command);
	}
}

/* A namespace of its own for this process, with a tun device. */
static void space_enter(struct wire *w, unsigned side, const char *address)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	char command[200];

	if (unshare(CLONE_NEWNET) < 0)
		fail("no network namespace may be made here (needs root)");
	w->space[side] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	w->tun[side] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (w->tun[side] < 0 || ioctl(w->tun[side], TUNSETIFF, &request) < 0)
		fail("/dev/net/tun");
	snprintf(command, sizeof(command), "ip link set lo up && ip addr add %s/24 dev tun0 && "
		 "ip link set tun0 mtu %d txqueuelen 10000 up", address, MTU);
	run(command);
	run("echo 4096 131072 67108864 > /proc/sys/net/ipv4/tcp_rmem; "
	    "echo 4096 65536 67108864 > /proc/sys/net/ipv4/tcp_wmem; "
	    "echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save");
}

/* ---- the kernel's two sides */

static _Noreturn void receiver(struct received *received)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd fds[1 + FLOWS] = { { .fd = listener, .events = POLLIN } };
	static char text[1 << 18];
	unsigned count = 0, flow[FLOWS];

	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, FLOWS) < 0)
		fail("the receiver cannot listen");
	received->listening = true;
	for (;;) {
		poll(fds, 1 + count, -1);
		for (unsigned i = 0; i < count; i++) {
			ssize_t n = fds[1 + i].revents ? read(fds[1 + i].fd, text, sizeof(text)) : 0;

			if (n > 0)
				received->bytes[flow[i]] += (uint64_t)n;
		}
		if (fds[0].revents && count < FLOWS) {
			struct sockaddr_in peer;
			socklen_t size = sizeof(peer);
			int fd = accept(listener, (struct sockaddr *)&peer, &size);

			flow[count] = peer.sin_addr.s_addr == inet_addr(flow_address[FLOW_ELEVEN]);
			fds[1 + count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		}
	}
}

static _Noreturn void kernel_sender(void)
{
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(PORT),
				   .sin_addr.s_addr = inet_addr("10.9.0.1") };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	static char text[1 << 17];

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
		fail("the kernel has no cubic");
	if (connect(fd, (struct sockaddr *)&far, sizeof(far)) < 0)
		fail("the kernel cannot connect");
	while (send(fd, text, sizeof(text), MSG_NOSIGNAL) > 0)
		;
	fail("the kernel's sender");
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* ---- eleven's side */

static struct eleven_endpoint endpoint(const char *text, uint16_t port)
{
	struct eleven_endpoint made = { .port = port };

	made.address.bytes[10] = made.address.bytes[11] = 0xff;
	inet_pton(AF_INET, text, made.address.bytes + 12);
	return made;
}

static void stack_create(struct wire *w, uint64_t now)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = MTU };
	struct eleven_endpoint local = endpoint(flow_address[FLOW_ELEVEN], 0), far = endpoint("10.9.0.1", PORT);
	struct eleven_config config;
	void *memory;

	interface.address = local.address;
	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = now;
	config.send_buffer = 64u << 20;
	config.buffer_bytes = 128u << 20;
	config.connections_max = config.syn_received_max = config.time_wait_max = 8;
	memory = mmap(NULL, eleven_size(&config), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		      -1, 0);
	if (memory == MAP_FAILED || eleven_create(&w->stack, memory, eleven_size(&config), &config, now) < 0 ||
	    eleven_interface_add(w->stack, &interface) < 0 || eleven_open(w->stack, &w->connection, now) < 0 ||
	    eleven_bind(w->stack, w->connection, &local, 0, now) < 0 ||
	    eleven_connect(w->stack, w->connection, &far, now) < 0)
		fail("eleven's stack");
	eleven_trace_kinds(w->stack, 0);
}

static void stack_turn(struct wire *w, uint64_t now)
{
	struct eleven_slice slices[2];
	struct eleven_signal signal;
	struct eleven_out out[BATCH];
	unsigned n;
	int k;

	if (!w->stack)
		return;
	eleven_timers(w->stack, now);
	while (eleven_signal(w->stack, &signal))
		;
	while ((k = eleven_send_buf(w->stack, w->connection, 1 << 20, slices, now)) > 0) {
		uint32_t bytes = 0;

		for (int i = 0; i < k; i++)
			bytes += slices[i].length;
		if (bytes == 0 || eleven_send_commit(w->stack, w->connection, bytes, 0, now) < 0)
			break;
	}
	while ((n = eleven_output(w->stack, out, BATCH, now)) > 0)
		for (unsigned i = 0; i < n; i++) {
			struct pipe_packet *packet = pipe_packet_create(&w->forth, out[i].length);
			uint32_t at = 0;

			if (!packet)
				continue;
			for (unsigned j = 0; j < out[i].slices; at += out[i].slice[j++].length)
				memcpy(packet->bytes + at, out[i].slice[j].bytes, out[i].slice[j].length);
			pipe_put(&w->forth, packet, now);
		}
}

/* ---- the wire */

/* Everything the kernel of one side sent. */
static bool tun_drain(int fd, struct pipe *pipe, uint64_t now)
{
	static uint8_t bytes[65536];
	bool any = false;
	ssize_t n;

	for (unsigned i = 0; i < 4 * BATCH && (n = read(fd, bytes, sizeof(bytes))) > 0; i++) {
		struct pipe_packet *packet;

		any = true;
		if (bytes[0] >> 4 != 4 || !(packet = pipe_packet_create(pipe, (uint32_t)n)))
			continue;
		memcpy(packet->bytes, bytes, (size_t)n);
		pipe_put(pipe, packet, now);
	}
	return any;
}

static void deliver(struct wire *w, uint64_t now)
{
	struct pipe_packet *packet;

	while ((packet = pipe_take(&w->forth, now)) != NULL) {
		if (write(w->tun[1], packet->bytes, packet->length) < 0 && errno != EAGAIN)
			fail("the far tun device");
		pipe_packet_free(&w->forth, packet);
	}
	while ((packet = pipe_take(&w->back, now)) != NULL) {
		if (w->stack && packet->bytes[19] == 3) {
			struct eleven_packet in = { .bytes = packet->bytes, .length = packet->length };

			eleven_input(w->stack, &in, 1, now);
		} else if (write(w->tun[0], packet->bytes, packet->length) < 0 && errno != EAGAIN) {
			fail("the near tun device");
		}
		pipe_packet_free(&w->back, packet);
	}
}

static void wire_turn(struct wire *w, uint64_t until)
{
	uint64_t now = wall_ns(), next = until;
	struct pollfd fds[2] = { { .fd = w->tun[0], .events = POLLIN }, { .fd = w->tun[1], .events = POLLIN } };
	bool busy = tun_drain(w->tun[0], &w->forth, now);
	struct timespec wait;

	busy |= tun_drain(w->tun[1], &w->back, now);
	deliver(w, now);
	stack_turn(w, now);
	if (busy)
		return;
	next = pipe_deadline(&w->forth) < next ? pipe_deadline(&w->forth) : next;
	next = pipe_deadline(&w->back) < next ? pipe_deadline(&w->back) : next;
	if (w->stack && eleven_deadline(w->stack) < next)
		next = eleven_deadline(w->stack);
	now = wall_ns();
	if (next <= now)
		return;
	wait = (struct timespec){ .tv_sec = (time_t)((next - now) / 1000000000u),
				  .tv_nsec = (long)((next - now) % 1000000000u) };
	ppoll(fds, 2, &wait, NULL);
}

/* One cell; kilobits a second of each flow. */
static void cell_run(const struct cell *cell, double kbit[FLOWS])
{
	struct received *received = mmap(NULL, sizeof(*received), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
					 -1, 0);
	struct wire w = { 0 };
	uint64_t start, end;
	pid_t far, near = 0;

	space_enter(&w, 0, flow_address[FLOW_KERNEL]);
	space_enter(&w, 1, "10.9.0.1");
	pipe_init(&w.forth, cell->seed, 0);
	pipe_init(&w.back, cell->seed + 1, 0);
	w.forth.settings = cell->wire;
	w.forth.settings.delay_ns = w.back.settings.delay_ns = MS(cell->rtt_ms) / 2;
	if ((far = child()) == 0)
		receiver(received);
	while (!received->listening)
		usleep(1000);
	if (cell->by[FLOW_KERNEL] && (near = child()) == 0) {
		if (setns(w.space[0], CLONE_NEWNET) < 0)
			fail("setns");
		kernel_sender();
	}
	start = wall_ns();
	if (cell->by[FLOW_ELEVEN])
		stack_create(&w, start);
	end = start + (uint64_t)(cell->seconds * 1e9);
	while (wall_ns() < end)
		wire_turn(&w, end);
	for (unsigned i = 0; i < FLOWS; i++)
		kbit[i] = (double)received->bytes[i] * 8e-3 / cell->seconds;
	kill(far, SIGKILL);
	if (near)
		kill(near, SIGKILL);
	while (wait(NULL) > 0)
		;
}

/* ---- the table */

static const struct {
	const char *name;
	uint32_t loss, burst, reorder;
} losses[] = {
	{ "none", 0, 1, 0 }, { "0.1%", 1000, 1, 0 }, { "1%", 10000, 1, 0 }, { "3%", 30000, 1, 0 },
	{ "5%", 50000, 1, 0 }, { "1% in bursts of 8", 10000, 8, 0 }, { "5% reordered", 0, 1, 50000 },
};

static struct cell cells[1024];
static double results[1024][FLOWS];
static unsigned cell_count;

static void cell_add(unsigned loss, unsigned rtt_ms, unsigned mbit, bool kernel, bool eleven, double seconds,
		     uint64_t seed)
{
	struct cell *c = &cells[cell_count++];
	uint64_t bdp = (uint64_t)mbit * 125 * rtt_ms;

	*c = (struct cell){ .loss = losses[loss].name, .rtt_ms = rtt_ms, .mbit = mbit, .by = { kernel, eleven },
			    .seconds = seconds, .seed = seed };
	c->wire.rate_bits = (uint64_t)mbit * 1000000;
	c->wire.rate_queue_bytes = (uint32_t)(bdp > 64 * MTU ? bdp : 64 * MTU);
	c->wire.loss = losses[loss].loss;
	c->wire.loss_burst = losses[loss].burst;
	c->wire.reorder = losses[loss].reorder;
}

static void cells_run(unsigned at_once)
{
	int fds[CELLS_AT_ONCE_MAX];

	for (unsigned first = 0; first < cell_count; first += at_once) {
		unsigned count = cell_count - first < at_once ? cell_count - first : at_once;

		for (unsigned i = 0; i < count; i++) {
			int ends[2];

			if (pipe(ends) < 0)
				fail("pipe");
			fds[i] = ends[0];
			if (child() == 0) {
				alarm(30 + (unsigned)cells[first + i].seconds);
				cell_run(&cells[first + i], results[first + i]);
				_exit(write(ends[1], results[first + i], sizeof(results[0])) !=
				      sizeof(results[0]));
			}
			close(ends[1]);
		}
		for (unsigned i = 0; i < count; i++) {
			if (read(fds[i], results[first + i], sizeof(results[0])) != sizeof(results[0])) {
				errno = EIO;
				fail("a cell ended without a result");
			}
			close(fds[i]);
			wait(NULL);
		}
	}
}

static struct {
	double seconds;
	unsigned at_once, repeat;
	const char *rtts, *rates, *losses;
	bool fair;
} given = { 8, 2, 1, "20,100", "20", "0,1,2,3,4,5,6", true };

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	switch (key) {
	case 's': given.seconds = atof(text); break;
	case 'j': given.at_once = (unsigned)atoi(text); break;
	case 'n': given.repeat = (unsigned)atoi(text); break;
	case 't': given.rtts = text; break;
	case 'r': given.rates = text; break;
	case 'l': given.losses = text; break;
	case 'f': given.fair = false; break;
	default: return ARGP_ERR_UNKNOWN;
	}
	if (given.seconds < 1 || given.at_once < 1 || given.at_once > CELLS_AT_ONCE_MAX || given.repeat < 1)
		argp_error(state, "seconds from 1, cells at once 1 to %d, repetitions from 1", CELLS_AT_ONCE_MAX);
	return 0;
}

static const struct argp_option options[] = {
	{ "seconds", 's', "N", 0, "how long each transfer lasts (8)", 0 },
	{ "at-once", 'j', "N", 0, "cells at a time (2)", 0 },
	{ "repeat", 'n', "N", 0, "transfers per cell, each with a seed of its own (1)", 0 },
	{ "rtt", 't', "MS,…", 0, "round trips (20,100)", 0 },
	{ "rate", 'r', "MBIT,…", 0, "rates (20)", 0 },
	{ "loss", 'l', "N,…", 0, "kinds of loss, 0 none to 6 reordering (all)", 0 },
	{ "no-fairness", 'f', NULL, 0, "not the two flows on one wire", 0 },
	{ 0 },
};

/* Calls `fn` for each number of a list. */
#define EACH(value, list) \
	for (const char *at_##value = (list); at_##value; at_##value = strchr(at_##value, ',') ? \
	     strchr(at_##value, ',') + 1 : NULL) \
		for (unsigned value = (unsigned)atoi(at_##value), once_##value = 1; once_##value; once_##value = 0)

static void print(unsigned fair_from)
{
	unsigned below = 0, rows = 0;

	printf("loss\trtt_ms\tpath_mbit\tkernel_kbit\televen_kbit\tpercent\n");
	for (unsigned i = 0; i < fair_from; i += 2 * given.repeat) {
		double kernel = 0, eleven = 0;

		for (unsigned k = 0; k < given.repeat; k++) {
			kernel += results[i + 2 * k][FLOW_KERNEL] / given.repeat;
			eleven += results[i + 2 * k + 1][FLOW_ELEVEN] / given.repeat;
		}
		printf("%s\t%u\t%u\t%.0f\t%.0f\t%.0f\n", cells[i].loss, cells[i].rtt_ms, cells[i].mbit, kernel, eleven,
		       kernel > 0 ? 100 * eleven / kernel : 0);
		below += eleven < 0.95 * kernel;
		rows++;
	}
	if (rows)
		printf("# eleven is more than 5 %% below the kernel in %u of %u cells\n", below, rows);
	for (unsigned i = fair_from; i < cell_count; i++) {
		double a = results[i][FLOW_KERNEL], b = results[i][FLOW_ELEVEN];

		printf("# one wire, %u ms, %u Mbit/s: kernel %.0f, eleven %.0f kbit/s; Jain's index %.3f\n",
		       cells[i].rtt_ms, cells[i].mbit, a, b, a + b > 0 ? (a + b) * (a + b) / (2 * (a * a + b * b)) : 0);
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, option_parse, NULL, "How fast text goes over a poor wire: eleven "
					  "beside the kernel, in real time.", NULL, NULL, NULL };
	unsigned fair_from;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	EACH(loss, given.losses)
		EACH(rtt, given.rtts)
			EACH(rate, given.rates)
				for (unsigned k = 0; k < given.repeat && loss < sizeof(losses) / sizeof(losses[0]) &&
				     cell_count + 2 < 1000; k++) {
					cell_add(loss, rtt, rate, true, false, given.seconds, 1 + k);
					cell_add(loss, rtt, rate, false, true, given.seconds, 1 + k);
				}
	fair_from = cell_count;
	if (given.fair)
		EACH(rtt, given.rtts)
			EACH(rate, given.rates)
				cell_add(0, rtt, rate, true, true, 3 * given.seconds, 1);
	cells_run(given.at_once);
	print(fair_from);
	return 0;
}
