/* SPDX-License-Identifier: MIT */
/*
 * embed: a program that has TCP inside, without sockets, kernel or privileges.
 *
 * Two stacks, one for each host, are joined by a wire that is a memcpy.  The client sends a line, the server answers
 * it in upper case, both close; every change of state is printed with its reason.  Time is a number that this program
 * counts up itself: the minute of TIME-WAIT passes at once.
 *
 *     cc embed.c $(pkg-config --cflags --libs eleven)
 */
#include <ctype.h>
#include <eleven.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER, CLIENT, HOSTS };

static const char *const host_names[HOSTS] = { "server", "client" };
static struct eleven *stacks[HOSTS];
static uint64_t now = 1;

static struct eleven_address address_of(int host)
{
	return (struct eleven_address){ { [10] = 0xff, 0xff, 10, 0, 0, (uint8_t)(host + 1) } };
}

/* Every function that can fail returns a negative errno. */
static int must(int result, const char *call)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", call, strerror(-result));
		exit(1);
	}
	return result;
}

static void host_create(int host)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .address = address_of(host),
					      .prefix_bits = 24, .mtu = 1500 };
	struct eleven_config config;
	size_t bytes;
	void *memory;

	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = (uint64_t)host + 1;       /* a real program fills config.secret from getrandom() */
	config.connections_max = 16;
	config.buffer_bytes = 1 << 20;
	bytes = eleven_size(&config);
	memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!memory)
		must(-12, "aligned_alloc");
	memset(memory, 0, bytes);
	must(eleven_create(&stacks[host], memory, bytes, &config, now), "eleven_create");
	must(eleven_interface_add(stacks[host], &interface), "eleven_interface_add");
}

/* The wire: what one stack sends is what the other gets. */
static bool wire_carry(int from, int to)
{
	static uint8_t bytes[2048];
	struct eleven_out out;
	bool carried = false;

	while (eleven_output(stacks[from], &out, 1, now) > 0) {
		struct eleven_packet packet = { .bytes = bytes };

		for (int i = 0; i < out.slices; i++) {
			memcpy(bytes + packet.length, out.slice[i].bytes, out.slice[i].length);
			packet.length += out.slice[i].length;
		}
		eleven_input(stacks[to], &packet, 1, now);
		carried = true;
	}
	return carried;
}

static void print_transitions(int host)
{
	static uint64_t seen[HOSTS];
	struct eleven_trace record;
	uint64_t lost = 0;

	while (eleven_trace(stacks[host], &seen[host], &record, 1, &lost) > 0)
		if (record.kind == ELEVEN_TRACE_TRANSITION)
			printf("%10.3f s  %s: %s -> %s: %s\n", (double)now / 1e9, host_names[host],
			       eleven_state_name(record.state_before), eleven_state_name(record.state_after),
			       eleven_rule(record.rule)->sentence);
}

/* What the two programs do with their signals. */
static void serve(eleven_handle listener)
{
	struct eleven_signal signal;
	eleven_handle connection;
	char text[100];
	int64_t n;

	while (eleven_signal(stacks[SERVER], &signal)) {
		if (signal.connection == listener) {
			while (eleven_accept(stacks[SERVER], listener, &connection, now) == 0)
				;
			continue;
		}
		while ((n = eleven_receive(stacks[SERVER], signal.connection, text, sizeof(text), now)) > 0) {
			for (int64_t i = 0; i < n; i++)
				text[i] = (char)toupper((unsigned char)text[i]);
			eleven_send(stacks[SERVER], signal.connection, text, (size_t)n, 0, now);
		}
		if (n == 0)             /* the client has closed */
			eleven_close(stacks[SERVER], signal.connection, now);
	}
}

static void talk(void)
{
	struct eleven_signal signal;
	char text[100];
	int64_t n;

	while (eleven_signal(stacks[CLIENT], &signal)) {
		if (signal.signals & ELEVEN_SIGNAL_CONNECTED)
			eleven_send(stacks[CLIENT], signal.connection, "hello\n", 6, 0, now);
		n = eleven_receive(stacks[CLIENT], signal.connection, text, sizeof(text), now);
		if (n > 0) {
			printf("%10.3f s  client: received %.*s", (double)now / 1e9, (int)n, text);
			eleven_close(stacks[CLIENT], signal.connection, now);
		}
	}
}

int main(void)
{
	struct eleven_endpoint at = { .port = 8000 };
	eleven_handle listener, connection;

	host_create(SERVER);
	host_create(CLIENT);
	must(eleven_open(stacks[SERVER], &listener, now), "eleven_open");
	must(eleven_bind(stacks[SERVER], listener, &at, 0, now), "eleven_bind");
	must(eleven_listen(stacks[SERVER], listener, 4, now), "eleven_listen");
	at.address = address_of(SERVER);
	must(eleven_open(stacks[CLIENT], &connection, now), "eleven_open");
	must(eleven_connect(stacks[CLIENT], connection, &at, now), "eleven_connect");

	for (;;) {
		uint64_t next = UINT64_MAX;
		bool carried;

		do {
			now += 1000000;         /* a millisecond of wire */
			carried = wire_carry(CLIENT, SERVER);
			serve(listener);
			carried |= wire_carry(SERVER, CLIENT);
			talk();
			print_transitions(SERVER);
			print_transitions(CLIENT);
		} while (carried);

		/* Nothing moves until the next timeout: go there. */
		for (int host = 0; host < HOSTS; host++)
			if (eleven_deadline(stacks[host]) < next)
				next = eleven_deadline(stacks[host]);
		if (next == UINT64_MAX)
			return 0;
		if (next > now)
			now = next;
		for (int host = 0; host < HOSTS; host++)
			eleven_timers(stacks[host], now);
	}
}
