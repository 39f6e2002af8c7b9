/* SPDX-License-Identifier: MIT */
/* `eleven trace`: segments as they come and go, or a capture in which changes of state are comments. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "verbs.h"
#include "view/capture.h"
#include "view/eleven_source.h"
#include "view/event.h"
#include "view/json.h"

enum { KEY_HOST = 256, KEY_JSON };

struct arguments {
	struct view_filter filter;
	const char *file, *host;
	bool json;
};

static const struct argp_option options[] = {
	{ "write", 'w', "FILE", 0, "write a capture (pcapng) instead; - is standard output", 0 },
	{ "host", KEY_HOST, "NAME", 0, "this virtual host only", 0 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line and segment", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'w': a->file = argument; return 0;
	case KEY_HOST: a->host = argument; return 0;
	case KEY_JSON: a->json = true; return 0;
	case ARGP_KEY_ARG:
		if (!view_filter_parse(&a->filter, argument) || a->filter.state != ELEVEN_STATES)
			verb_usage("'%s' is no filter: :PORT, ADDRESS, ADDRESS:PORT, or two of them joined by -",
				   argument);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[FILTER...]",
	"Print each segment in packetdrill's notation as it comes and goes. With -w write a capture for Wireshark in "
	"which each packet that changed a state of a connection says so in its comment.\v"
	"A FILTER is :PORT, ADDRESS, ADDRESS:PORT, or two of these joined by -. A capture has every packet. "
	"It ends, complete, on SIGINT and SIGTERM.", NULL, NULL, NULL,
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- lines */

static void segment_print_line(void *context, const struct view_event *event)
{
	const struct arguments *a = context;
	char line[EVENT_LINE_MAX];

	if (!view_filter_endpoints(&a->filter, event->host, &event->trace.local, &event->trace.remote))
		return;
	if (a->json)
		json_line(stdout, json_event(event));
	else
		puts(event_segment_line(line, event));
}

static int trace_print(struct client *client, struct arguments *a)
{
	struct eleven_source_sink sink = { .event = segment_print_line, .context = a };
	int got = eleven_source_trace(client, a->host, 1u << ELEVEN_TRACE_IN | 1u << ELEVEN_TRACE_OUT, false);

	while (got >= 0 && !stop && !ferror(stdout)) {
		got = eleven_source_next(client, &sink, 500);
		fflush(stdout);
	}
	if (sink.lost > 0)
		fprintf(stderr, "%s: %llu records lost: they came too fast\n", program_invocation_name,
			(unsigned long long)sink.lost);
	return got;
}

/* ---------------------------------------------------------------- capture */

static int file_write(void *context, const void *bytes, size_t n)
{
	FILE *file = context;

	return fwrite(bytes, 1, n, file) == n ? 0 : -errno;
}

static void to_capture_event(void *context, const struct view_event *event)
{
	capture_event(context, event);
}

static void to_capture_packet(void *context, const struct control_packet *packet, const uint8_t *bytes)
{
	capture_packet(context, packet, bytes, clock_now());
}

/* Asks for both streams on the one connection. */
static int capture_start(struct client *client, const char *host)
{
	struct control_filter filter;
	int error = client_filter(&filter, host);

	if (error == 0)
		error = eleven_source_trace(client, host, 1u << ELEVEN_TRACE_TRANSITION | 1u << ELEVEN_TRACE_OUT,
					    false);
	return error < 0 ? error : client_request(client, CONTROL_CAPTURE, &filter, sizeof(filter));
}

static int capture_run(struct client *client, const struct arguments *a, struct capture *capture, FILE *file)
{
	struct eleven_source_sink sink = {
		.event = to_capture_event, .packet = to_capture_packet, .context = capture,
	};
	int written = 0, got = capture_start(client, a->host);

	while (got >= 0 && written == 0 && !stop) {
		got = eleven_source_next(client, &sink, 50);
		written = capture_write(capture, clock_now(), false);
		if (got == 0 && fflush(file) != 0)
			written = -errno;
	}
	while (got > 0 && written == 0)         /* stopped: what is on its way to us */
		got = eleven_source_next(client, &sink, 100);
	if (written == 0)
		written = capture_write(capture, clock_now(), true);
	if (fflush(file) != 0 && written == 0)
		written = -errno;
	if (written < 0)
		verb_fail("%s: %s", a->file, strerror(-written));
	fprintf(stderr, "%s: %llu packets written", program_invocation_name,
		(unsigned long long)capture_count(capture));
	if (sink.lost > 0)
		fprintf(stderr, ", %llu records or packets lost: they came too fast", (unsigned long long)sink.lost);
	fputc('\n', stderr);
	return got;
}

/* The hosts the file has an interface for. */
static int capture_hosts(struct client *client, const char *host, struct control_host **hosts)
{
	int count = eleven_source_hosts(client, hosts), kept = 0;

	for (int i = 0; i < count; i++) {
		if (host == NULL || strcmp((*hosts)[i].name, host) == 0)
			(*hosts)[kept++] = (*hosts)[i];
	}
	if (count >= 0 && kept == 0 && host != NULL)
		verb_fail("there is no host '%s'", host);
	return count < 0 ? count : kept;
}

static int trace_write(struct client *client, struct arguments *a)
{
	bool standard = strcmp(a->file, "-") == 0;
	struct control_host *hosts;
	struct capture *capture;
	FILE *file;
	int got = capture_hosts(client, a->host, &hosts);

	if (got < 0)
		return got;
	if (standard && isatty(STDOUT_FILENO))
		verb_fail("standard output is a terminal; pipe the capture into 'wireshark -k -i -' or the like");
	file = standard ? stdout : fopen(a->file, "wbe");
	if (file == NULL)
		verb_fail("%s: %s", a->file, strerror(errno));
	capture = capture_create(hosts, (unsigned)got, file_write, file);
	if (capture == NULL || fflush(file) != 0)
		verb_fail("%s: %s", a->file, strerror(errno));
	got = capture_run(client, a, capture, file);
	capture_destroy(capture);
	free(hosts);
	if (!standard && fclose(file) != 0)
		verb_fail("%s: %s", a->file, strerror(errno));
	return got;
}

int verb_trace(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct client client;
	int got;

	view_filter_init(&a.filter);
	verb_parse(&argp, 0, argc, argv, &a);
	client_open_or_die(&client);
	catch_signals();
	got = a.file != NULL ? trace_write(&client, &a) : trace_print(&client, &a);
	if (got < 0)
		client_complain(&client, got);
	client_close(&client);
	return got < 0 || ferror(stdout) ? 1 : 0;
}
