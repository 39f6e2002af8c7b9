/* SPDX-License-Identifier: MIT */
/*
 * Goodput through the kernel, in network namespaces made for it: kernel to kernel over veth, and kernel to eleven and
 * back over tun.  All of it happens in a child process, so that the namespaces end with it.
 *
 * The kernel's sockets use cubic, whatever the machine's default is.  eleven's side is one thread that takes what the
 * tun device has, gives text away or makes it out of nothing (lent buffers), and sleeps in poll() when there is
 * nothing to do.  The bytes are counted by the kernel's end, from the first to the last.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "eleven.h"
#include "link/link.h"
#include "link/tun.h"

enum { PORT_DISCARD = 5001, PORT_GENERATE = 5002, BATCH = 64, CHUNK = 1 << 17 };

/* What a helper process reports through a pipe. */
struct report {
	double bits_per_s;
	char problem[160];
};

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool command(const char *text)
{
	return system(text) == 0;
}

static _Noreturn void report_end(int pipe_fd, double bits_per_s, const char *problem)
{
	struct report report = { .bits_per_s = bits_per_s };

	if (problem)
		snprintf(report.problem, sizeof(report.problem), "%s: %s", problem, strerror(errno));
	if (write(pipe_fd, &report, sizeof(report)) != sizeof(report))
		_exit(1);
	_exit(0);
}

static void use_cubic(int fd)
{
	/* Where there is no cubic the kernel's own choice has to do. */
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

static int connect_to(const char *address, int port)
{
	struct sockaddr_in remote = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &remote.sin_addr);
	use_cubic(fd);
	/* The other side may not be up yet. */
	for (int i = 0; i < 100; i++) {
		if (connect(fd, (struct sockaddr *)&remote, sizeof(remote)) == 0)
			return fd;
		usleep(20000);
		close(fd);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		use_cubic(fd);
	}
	close(fd);
	return -1;
}

/* Sends for `seconds` and then waits for the other side's end: bits per second, or -1. */
static double send_for(int fd, double seconds)
{
	static char text[CHUNK];
	uint64_t start = wall_ns(), end = start + (uint64_t)(seconds * 1e9), bytes = 0;

	while (wall_ns() < end) {
		ssize_t n = send(fd, text, sizeof(text), MSG_NOSIGNAL);

		if (n < 0)
			return -1;
		bytes += (uint64_t)n;
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, text, sizeof(text)) != 0)
		return -1;
	return (double)bytes * 8e9 / (double)(wall_ns() - start);
}

/* Receives for `seconds`: bits per second, or -1. */
static double receive_for(int fd, double seconds)
{
	static char text[CHUNK];
	uint64_t start = wall_ns(), end = start + (uint64_t)(seconds * 1e9), bytes = 0;

	while (wall_ns() < end) {
		ssize_t n = read(fd, text, sizeof(text));

		if (n <= 0)
			return -1;
		bytes += (uint64_t)n;
	}
	return (double)bytes * 8e9 / (double)(wall_ns() - start);
}

/* ------------------------------------------------------------- veth */

/* In a namespace of its own: takes one connection and throws away what comes. */
static _Noreturn void veth_sink(int ready_fd, int go_fd)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(PORT_DISCARD) };
	static char text[CHUNK];
	int fd = socket(AF_INET, SOCK_STREAM, 0), connection;
	char byte = 0;

	if (unshare(CLONE_NEWNET) < 0 || write(ready_fd, &byte, 1) != 1 || read(go_fd, &byte, 1) != 1)
		_exit(1);
	if (!command("ip link set lo up; ip addr add 10.8.0.2/24 dev veth1 && ip link set veth1 up"))
		_exit(1);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0 || listen(fd, 1) < 0)
		_exit(1);
	connection = accept(fd, NULL, NULL);
	while (connection >= 0 && read(connection, text, sizeof(text)) > 0)
		;
	_exit(0);
}

static double veth_measure(double seconds, char *problem, size_t bytes)
{
	int ready[2], go[2], fd, status;
	double bits_per_s = -1;
	char text[128], byte;
	pid_t sink;

	if (pipe(ready) < 0 || pipe(go) < 0 || (sink = fork()) < 0) {
		snprintf(problem, bytes, "no process for the other side: %s", strerror(errno));
		return -1;
	}
	if (sink == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		veth_sink(ready[1], go[0]);
	}
	close(ready[1]);
	snprintf(text, sizeof(text), "ip link add veth0 type veth peer name veth1 netns %d 2>/dev/null", (int)sink);
	if (read(ready[0], &byte, 1) != 1 || !command(text) ||
	    !command("ip addr add 10.8.0.1/24 dev veth0 && ip link set veth0 up")) {
		snprintf(problem, bytes, "a pair of veth devices cannot be made here");
	} else if (write(go[1], &byte, 1) == 1) {
		fd = connect_to("10.8.0.2", PORT_DISCARD);
		if (fd >= 0)
			bits_per_s = send_for(fd, seconds);
		if (bits_per_s < 0)
			snprintf(problem, bytes, "veth: no connection");
		close(fd);
	}
	close(go[1]);
	waitpid(sink, &status, 0);
	return bits_per_s;
}

/* ------------------------------------------------------------- tun */

struct side {
	struct eleven *stack;
	struct link *link;
	eleven_handle listeners[2];     /* discard, generate */
	eleven_handle connections[16];
	bool generates[16];
	unsigned count;
};

static struct eleven_address address_v4(uint8_t last)
{
	return (struct eleven_address){ { [10] = 0xff, 0xff, 10, 9, 0, last } };
}

static const char *side_create(struct side *side, uint64_t now)
{
	static char problem[256];       /* as long as tun_create() wants it; shown as far as it goes */
	struct tun_settings settings = { .device = "tun0", .kernel_address = address_v4(1), .prefix_bits = 24,
					 .mtu = 1500 };
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .address = address_v4(2), .prefix_bits = 24,
					      .mtu = 1500, .checksum_offload = true, .segment_bytes_max = 61440 };
	struct eleven_config config;
	size_t bytes;
	void *memory;

	side->link = tun_create(&settings, problem, sizeof(problem));
	if (!side->link)
		return problem;
	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = now;
	bytes = eleven_size(&config);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || eleven_create(&side->stack, memory, bytes, &config, now) < 0 ||
	    eleven_interface_add(side->stack, &interface) < 0)
		return "no memory for a stack";
	eleven_trace_kinds(side->stack, 0);
	for (int i = 0; i < 2; i++) {
		struct eleven_endpoint local = { .port = (uint16_t)(PORT_DISCARD + i) };

		if (eleven_open(side->stack, &side->listeners[i], now) < 0 ||
		    eleven_bind(side->stack, side->listeners[i], &local, 0, now) < 0 ||
		    eleven_listen(side->stack, side->listeners[i], 8, now) < 0)
			return "eleven cannot listen";
	}
	return NULL;
}

/* What the programs on eleven would do: take all, or give as much as there is room for; close when the peer has. */
static void side_serve(struct side *side, uint64_t now)
{
	struct eleven_signal signal;
	struct eleven_slice slices[2];

	while (eleven_signal(side->stack, &signal))
		;
	for (int i = 0; i < 2; i++) {
		eleven_handle taken;

		while (side->count < 16 && eleven_accept(side->stack, side->listeners[i], &taken, now) == 0) {
			side->generates[side->count] = i == 1;
			side->connections[side->count++] = taken;
		}
	}
	for (unsigned i = 0; i < side->count; i++) {
		eleven_handle connection = side->connections[i];
		uint32_t bytes = 0;
		int n;

		if (side->generates[i]) {
			n = eleven_send_buf(side->stack, connection, 1 << 20, slices, now);
			for (int k = 0; k < n; k++)
				bytes += slices[k].length;
			if (n > 0 && bytes > 0)
				n = eleven_send_commit(side->stack, connection, bytes, 0, now);
			if (n == -EAGAIN || n >= 0)
				continue;
		} else {
			n = eleven_receive_buf(side->stack, connection, slices, now);
			for (int k = 0; k < n; k++)
				bytes += slices[k].length;
			if (bytes > 0)
				eleven_receive_commit(side->stack, connection, bytes, now);
			if (n > 0 || n == -EAGAIN)
				continue;
		}
		eleven_close(side->stack, connection, now);
		side->connections[i] = side->connections[--side->count];
		side->generates[i] = side->generates[side->count];
		i--;
	}
}

/* Runs the stack until the helper process has reported. */
static void side_run(struct side *side, int report_fd, struct report *report)
{
	struct eleven_packet in[BATCH];
	struct eleven_out out[BATCH];

	for (;;) {
		uint64_t now = wall_ns(), deadline;
		unsigned got = link_receive(side->link, in, BATCH, now), put = 0, n;
		struct pollfd fds[2] = { { .fd = link_descriptor(side->link), .events = POLLIN },
					 { .fd = report_fd, .events = POLLIN } };
		int timeout_ms = 1000;

		if (got)
			eleven_input(side->stack, in, got, now);
		eleven_timers(side->stack, now);
		side_serve(side, now);
		while ((n = eleven_output(side->stack, out, BATCH, now)) > 0) {
			link_send(side->link, out, n, now);
			put += n;
		}
		if (got || put)
			continue;
		deadline = eleven_deadline(side->stack);
		if (deadline <= now + 1000000000u)
			timeout_ms = deadline > now ? (int)((deadline - now) / 1000000u) + 1 : 0;
		poll(fds, 2, timeout_ms);
		if (fds[1].revents) {
			if (read(report_fd, report, sizeof(*report)) != sizeof(*report))
				snprintf(report->problem, sizeof(report->problem), "the kernel's side said nothing");
			return;
		}
	}
}

static double tun_measure(struct side *side, int port, double seconds, char *problem, size_t bytes)
{
	struct report report = { 0 };
	int reports[2], fd, status;
	double bits_per_s;
	pid_t child;

	if (pipe(reports) < 0 || (child = fork()) < 0) {
		snprintf(problem, bytes, "no process for the kernel's side: %s", strerror(errno));
		return -1;
	}
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = connect_to("10.9.0.2", port);
		if (fd < 0)
			report_end(reports[1], -1, "tun: connect");
		bits_per_s = port == PORT_DISCARD ? send_for(fd, seconds) : receive_for(fd, seconds);
		report_end(reports[1], bits_per_s, bits_per_s < 0 ? "tun: the transfer failed" : NULL);
	}
	close(reports[1]);
	side_run(side, reports[0], &report);
	close(reports[0]);
	waitpid(child, &status, 0);
	if (report.problem[0]) {
		snprintf(problem, bytes, "%s", report.problem);
		return -1;
	}
	return report.bits_per_s;
}

/* ------------------------------------------------------------- all of it */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return written;
}

static bool namespace_enter(void)
{
	char map[64];
	uid_t user = geteuid();
	gid_t group = getegid();

	if (user == 0)
		return unshare(CLONE_NEWNET) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)user);
	if (!write_file("/proc/self/uid_map", map) || !write_file("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)group);
	return write_file("/proc/self/gid_map", map);
}

static void measure_all(double seconds, struct kernel_figures *figures)
{
	struct side side = { 0 };
	const char *problem;

	figures->veth = figures->tun_in = figures->tun_out = -1;
	if (!namespace_enter()) {
		snprintf(figures->reason, sizeof(figures->reason), "no network namespace may be made here "
			 "(needs root, or user namespaces)");
		return;
	}
	command("ip link set lo up");
	figures->veth = veth_measure(seconds, figures->reason, sizeof(figures->reason));
	problem = side_create(&side, wall_ns());
	if (problem) {
		snprintf(figures->reason, sizeof(figures->reason), "%.159s", problem);
		return;
	}
	figures->tun_in = tun_measure(&side, PORT_DISCARD, seconds, figures->reason, sizeof(figures->reason));
	figures->tun_out = tun_measure(&side, PORT_GENERATE, seconds, figures->reason, sizeof(figures->reason));
}

struct kernel_figures kernel_measure(double seconds)
{
	struct kernel_figures figures = { -1, -1, -1, "the measuring process ended early" };
	int fds[2], status;
	pid_t child;

	if (pipe(fds) < 0)
		bench_fail("no pipe: %s", strerror(errno));
	fflush(stdout);
	child = fork();
	if (child == 0) {
		figures.reason[0] = 0;
		alarm(20 + (unsigned)(3 * seconds));    /* a connection that hangs must not hang the bench */
		measure_all(seconds, &figures);
		if (write(fds[1], &figures, sizeof(figures)) != sizeof(figures))
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	if (child < 0 || read(fds[0], &figures, sizeof(figures)) != sizeof(figures))
		snprintf(figures.reason, sizeof(figures.reason), "the measuring process ended early");
	close(fds[0]);
	waitpid(child, &status, 0);
	return figures;
}
