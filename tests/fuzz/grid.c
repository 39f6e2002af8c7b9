/* SPDX-License-Identifier: MIT */
/*
 * One segment into each state, by flags, place of its SEQ and kind of its ACK: what is answered, and what becomes of
 * the connection.  Against the kernel, through a tun device in the namespace of the process, or against our stack in
 * this process; a line for each cell, which tests/system/linux_grid.py compares.
 *
 *	linux-grid kernel | linux | modern | strict
 *
 * Numbers in answers are relative to the two initial ones.  Timestamps, SACK and window scaling are not agreed on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "eleven.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define US        0x0a090001u   /* the stack under test */
#define THEM      0x0a090002u   /* the prober */
#define PORT      7000
#define OUR_ISS   1000000u
#define WAIT_MS   2             /* for an answer of the kernel, which comes at once or not at all */
#define TEXT      10u

enum { BELOW, JUST_BELOW, AT, INSIDE, EDGE, ABOVE, SEQS };
enum { OLD, DUPLICATE, VALID, FUTURE, ACKS };

static const char *const seq_names[] = { "below", "just-below", "at", "inside", "edge", "above" };
static const char *const ack_names[] = { "old", "una-1", "valid", "future" };
static const char *const flag_names[] = { "-", "A", "S", "SA", "F", "FA", "R", "RA", "T", "AT", "FAT" };
static const uint8_t states[] = {
	ELEVEN_LISTEN, ELEVEN_SYN_SENT, ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED, ELEVEN_FIN_WAIT_1, ELEVEN_FIN_WAIT_2,
	ELEVEN_CLOSE_WAIT, ELEVEN_CLOSING, ELEVEN_LAST_ACK, ELEVEN_TIME_WAIT,
};
static const uint8_t kernel_states[] = {        /* of tcpi_state, in Linux's order */
	0, ELEVEN_ESTABLISHED, ELEVEN_SYN_SENT, ELEVEN_SYN_RECEIVED, ELEVEN_FIN_WAIT_1, ELEVEN_FIN_WAIT_2,
	ELEVEN_TIME_WAIT, ELEVEN_CLOSED, ELEVEN_CLOSE_WAIT, ELEVEN_LAST_ACK, ELEVEN_LISTEN, ELEVEN_CLOSING,
};

static bool kernel;
static int tun, listener_fd;
static struct eleven *stack;
static eleven_handle listener;
static uint64_t now = 1000000000000ull;

static struct {                                 /* the connection of this cell, as the prober knows it */
	uint16_t port, local_port;
	uint32_t iss, snd_max, rcv_nxt, window; /* of the stack: its ISS, behind what it sent, what it expects */
	bool iss_known;
	int fd;
	eleven_handle h;
	char answers[300];
} cell;

static void die(const char *what)
{
	fprintf(stderr, "linux-grid: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- packets */

static void packet_take(const uint8_t *bytes, size_t n)
{
	struct segment seg;
	struct ipv4 ip;
	size_t used = strlen(cell.answers);

	if (ipv4_parse(&ip, bytes, n) != IPV4_OK || ip.protocol != IPV4_PROTOCOL_TCP ||
	    segment_parse(&seg, ip.payload, ip.payload_bytes) != TCP_OK || seg.destination_port != cell.port)
		return;
	if (seg.syn) {
		cell.iss = seg.seq.value;
		cell.iss_known = true;
		cell.snd_max = cell.iss + 1;
		cell.local_port = seg.source_port;
	}
	if (!seg.rst) {
		cell.window = seg.window;
		if ((int32_t)(segment_end(&seg).value - cell.snd_max) > 0)
			cell.snd_max = segment_end(&seg).value;
	}
	snprintf(cell.answers + used, sizeof(cell.answers) - used, "%s%s%s%s%s ", used ? " + " : "",
		 seg.syn ? "S" : "", seg.fin ? "F" : "", seg.rst ? "R" : "", seg.has_ack ? "A" : "");
	used = strlen(cell.answers);
	if (seg.rst && seg.seq.value == 0)      /* not relative: the zero of a RST to a segment without ACK */
		snprintf(cell.answers + used, sizeof(cell.answers) - used, "zero");
	else
		snprintf(cell.answers + used, sizeof(cell.answers) - used, "%d", (int)(seg.seq.value - cell.iss));
	used = strlen(cell.answers);
	if (seg.has_ack)
		snprintf(cell.answers + used, sizeof(cell.answers) - used, " ack %d", (int)(seg.ack.value - OUR_ISS));
}

/* Everything that comes now. */
static void answers_take(void)
{
	uint8_t bytes[4096];
	struct eleven_signal signal;
	struct eleven_out out[8];
	unsigned n;

	if (kernel) {
		struct pollfd one = { .fd = tun, .events = POLLIN };
		ssize_t got;

		while (poll(&one, 1, WAIT_MS) > 0 && (got = read(tun, bytes, sizeof(bytes))) > 0)
			packet_take(bytes, (size_t)got);
		return;
	}
	while (eleven_signal(stack, &signal))
		;
	while ((n = eleven_output(stack, out, 8, now)) > 0)
		for (unsigned i = 0; i < n; i++) {
			uint32_t at = 0;

			for (unsigned s = 0; s < out[i].slices; at += out[i].slice[s++].length)
				memcpy(bytes + at, out[i].slice[s].bytes, out[i].slice[s].length);
			packet_take(bytes, at);
		}
}

static void say(const char *flags, uint32_t seq, uint32_t ack)
{
	static const uint8_t text[TEXT];
	struct ipv4 ip = { .source = address_v4(THEM), .destination = address_v4(US), .ttl = 64,
			   .protocol = IPV4_PROTOCOL_TCP };
	struct segment seg = { .source_port = cell.port, .destination_port = cell.local_port, .window = 60000,
			       .seq = seq_of(seq), .text = text };
	uint8_t bytes[200];
	struct eleven_packet packet = { .bytes = bytes };

	seg.syn = strchr(flags, 'S');
	seg.fin = strchr(flags, 'F');
	seg.rst = strchr(flags, 'R');
	seg.has_ack = strchr(flags, 'A');
	seg.ack = seq_of(seg.has_ack ? ack : 0);
	seg.text_bytes = strchr(flags, 'T') ? TEXT : 0;
	seg.options.has_mss = seg.syn;
	seg.options.mss = 1460;
	ip.payload_bytes = (uint32_t)segment_emit(bytes + IPV4_HEADER_MIN, sizeof(bytes) - IPV4_HEADER_MIN, &seg,
						  &ip.source, &ip.destination);
	packet.length = ipv4_emit(bytes, &ip) + ip.payload_bytes;
	cell.answers[0] = 0;
	if (!kernel)
		eleven_input(stack, &packet, 1, now);
	else if (write(tun, bytes, packet.length) != (ssize_t)packet.length)
		die("tun");
	answers_take();
}

/* ---- calls */

static bool call_accept(void)
{
	if (!kernel)
		return eleven_accept(stack, listener, &cell.h, now) == 0;
	cell.fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK);
	return cell.fd >= 0;
}

static void call_shutdown(void)
{
	cell.answers[0] = 0;
	if (kernel)
		shutdown(cell.fd, SHUT_WR);
	else
		eleven_shutdown(stack, cell.h, now);
	answers_take();
}

static void call_connect(void)
{
	struct sockaddr_in them = { .sin_family = AF_INET, .sin_port = htons(cell.port),
				    .sin_addr.s_addr = htonl(THEM) };
	struct eleven_endpoint remote = { .port = cell.port };
	struct address address = address_v4(THEM);

	if (kernel) {
		cell.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(cell.fd, (const struct sockaddr *)&them, sizeof(them));
	} else {
		memcpy(remote.address.bytes, address.bytes, sizeof(address.bytes));
		eleven_open(stack, &cell.h, now);
		eleven_connect(stack, cell.h, &remote, now);
	}
	answers_take();
}

static enum eleven_state held_state(void)
{
	struct eleven_status status;
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	if (!kernel)
		return eleven_status(stack, cell.h, &status) ? ELEVEN_CLOSED : (enum eleven_state)status.state;
	if (cell.fd < 0 || getsockopt(cell.fd, IPPROTO_TCP, TCP_INFO, &info, &bytes))
		return ELEVEN_CLOSED;
	return (enum eleven_state)kernel_states[info.tcpi_state];
}

/* Whatever is left goes, and says nothing into the next cell. */
static void cell_end(void)
{
	const struct linger reset = { 1, 0 };

	if (kernel && cell.fd >= 0) {
		setsockopt(cell.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(cell.fd);
	} else if (!kernel && cell.h) {
		eleven_abort(stack, cell.h, now);
	}
	if (cell.iss_known) {
		say("R", cell.rcv_nxt, 0);
		say("R", cell.rcv_nxt + 1, 0);
	}
	now += 1000000000u;
	if (!kernel)
		eleven_timers(stack, now);
	answers_take();
}

/* ---- cells */

/* The FIN's acknowledgment may be a delayed one: it is no answer to what comes later. */
static void fin_settle(void)
{
	for (unsigned i = 0; i < 30 && !strstr(cell.answers, "ack 2"); i++) {
		if (kernel)
			usleep(5000);
		now += 5000000;
		if (!kernel)
			eleven_timers(stack, now);
		answers_take();
	}
}

static bool state_reach(enum eleven_state state)
{
	static uint16_t port = 10000;

	memset(&cell, 0, sizeof(cell));
	cell.fd = -1;
	cell.port = port++;
	cell.local_port = PORT;
	cell.window = 60000;
	cell.rcv_nxt = OUR_ISS;
	if (state == ELEVEN_LISTEN)
		return true;
	if (state == ELEVEN_SYN_SENT) {
		call_connect();
		return cell.iss_known;
	}
	say("S", OUR_ISS, 0);
	cell.rcv_nxt = OUR_ISS + 1;
	if (!cell.iss_known || state == ELEVEN_SYN_RECEIVED)
		return cell.iss_known;
	say("A", cell.rcv_nxt, cell.snd_max);
	if (!call_accept())
		return false;
	if (state == ELEVEN_CLOSE_WAIT || state == ELEVEN_LAST_ACK) {
		say("FA", cell.rcv_nxt++, cell.snd_max);
		fin_settle();
	}
	if (state != ELEVEN_ESTABLISHED && state != ELEVEN_CLOSE_WAIT)
		call_shutdown();
	if (state == ELEVEN_FIN_WAIT_2 || state == ELEVEN_TIME_WAIT)
		say("A", cell.rcv_nxt, cell.snd_max);
	if (state == ELEVEN_CLOSING)
		say("FA", cell.rcv_nxt++, cell.snd_max - 1);
	if (state == ELEVEN_TIME_WAIT)
		say("FA", cell.rcv_nxt++, cell.snd_max);
	return state == ELEVEN_TIME_WAIT || held_state() == state;
}

static const char *state_after(enum eleven_state before)
{
	enum eleven_state state;

	if (before == ELEVEN_LISTEN || before == ELEVEN_SYN_RECEIVED)
		call_accept();
	state = held_state();
	if (state != ELEVEN_CLOSED && state != ELEVEN_TIME_WAIT)
		return eleven_state_name(state);
	if (before == ELEVEN_SYN_SENT)
		return "gone";
	/* What no program holds is there if an ACK from long ago is not answered with a RST. */
	say("A", cell.rcv_nxt - 100000, cell.iss_known ? cell.snd_max : 5000);
	if (strchr(cell.answers, 'R'))
		return "gone";
	return before == ELEVEN_LISTEN || before == ELEVEN_SYN_RECEIVED ? "SYN-RECEIVED" : "TIME-WAIT";
}

/* An acknowledgment may be a delayed one: none means none after its time, too. */
static void delayed_take(void)
{
	for (unsigned i = 0; i < 9 && !cell.answers[0]; i++) {
		if (kernel)
			usleep(10000);
		now += 10000000;
		if (!kernel)
			eleven_timers(stack, now);
		answers_take();
	}
}

static void cell_run(enum eleven_state state, const char *flags, unsigned seq_class, unsigned ack_class)
{
	uint32_t seq, ack;
	char answers[sizeof(cell.answers)];

	if (!state_reach(state)) {
		printf("%s\t%s\t%s\t%s\tnot reached\t-\n", eleven_state_name(state), flags, seq_names[seq_class],
		       strchr(flags, 'A') ? ack_names[ack_class] : "none");
		cell_end();
		return;
	}
	seq = cell.rcv_nxt + (const uint32_t[]){ -1000u, -1u, 0, 100, cell.window, cell.window + 1000 }[seq_class];
	ack = cell.iss_known ? cell.snd_max : 5000;
	if (ack_class == OLD)
		ack -= 1000000;
	else if (ack_class == DUPLICATE)
		ack -= 1;
	else if (ack_class == FUTURE)
		ack += 1;
	say(flags, seq, ack);
	if (!cell.answers[0] && strchr(flags, 'A') && strpbrk(flags, "FT"))
		delayed_take();
	strcpy(answers, cell.answers[0] ? cell.answers : "none");
	printf("%s\t%s\t%s\t%s\t%s\t%s\n", eleven_state_name(state), flags, seq_names[seq_class],
	       strchr(flags, 'A') ? ack_names[ack_class] : "none", answers, state_after(state));
	cell_end();
}

/* ---- beginning */

static void kernel_begin(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(US) };

	strcpy(request.ifr_name, "grid0");
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0)
		die("/dev/net/tun");
	if (system("ip addr add 10.9.0.1/24 dev grid0 && ip link set grid0 up") != 0)
		die("ip");
	listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(listener_fd, (const struct sockaddr *)&local, sizeof(local)) || listen(listener_fd, 4000))
		die("listen");
	answers_take();
}

static void eleven_begin(enum eleven_profile profile)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500 };
	struct eleven_endpoint local = { .port = PORT };
	struct address address = address_v4(US);
	struct eleven_config config;
	size_t bytes;
	void *memory;

	eleven_config_init(&config, profile);
	config.seed = 3;
	config.buffer_bytes = 16u << 20;
	memcpy(interface.address.bytes, address.bytes, sizeof(address.bytes));
	bytes = (eleven_size(&config) + 63) & ~(size_t)63;
	memory = aligned_alloc(64, bytes);
	memset(memory, 0, bytes);
	if (eleven_create(&stack, memory, bytes, &config, now))
		die("eleven_create");
	eleven_interface_add(stack, &interface);
	if (eleven_open(stack, &listener, now) || eleven_bind(stack, listener, &local, 0, now) ||
	    eleven_listen(stack, listener, 4000, now))
		die("eleven_listen");
}

int main(int argc, char **argv)
{
	static const char *const profiles[] = { "modern", "strict", "linux" };
	unsigned profile = 0;

	kernel = argc == 2 && strcmp(argv[1], "kernel") == 0;
	while (argc == 2 && !kernel && profile < 3 && strcmp(argv[1], profiles[profile]) != 0)
		profile++;
	if (argc != 2 || profile == 3)
		return fprintf(stderr, "usage: linux-grid kernel|linux|modern|strict\n"), 2;
	if (kernel)
		kernel_begin();
	else
		eleven_begin((enum eleven_profile)profile);
	for (unsigned s = 0; s < sizeof(states); s++)
		for (unsigned f = 0; f < sizeof(flag_names) / sizeof(flag_names[0]); f++)
			for (unsigned seq = 0; seq < SEQS; seq++)
				for (unsigned ack = 0; ack < (strchr(flag_names[f], 'A') ? ACKS : 1); ack++)
					cell_run((enum eleven_state)states[s], flag_names[f], seq, ack);
	return 0;
}
