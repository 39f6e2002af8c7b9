/* SPDX-License-Identifier: MIT */
/* Text about the wire for people; see link_show.h. */
#include "host/link_show.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/units.h"
#include "link/impair.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/print.h"
#include "wire/tcp.h"

struct text {
	char *to;
	size_t bytes, used;
};

static void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	if (text->used + 1 >= text->bytes)
		return;
	va_start(arguments, format);
	n = vsnprintf(text->to + text->used, text->bytes - text->used, format, arguments);
	va_end(arguments);
	text->used += n < 0 ? 0 : (size_t)n;
	if (text->used >= text->bytes)
		text->used = text->bytes - 1;
}

static void show_settings(struct text *text, const struct pipe *pipe)
{
	const struct pipe_settings *s = &pipe->settings;
	size_t before = text->used;
	char a[UNITS_TEXT_MAX];

	if (pipe->paused)
		text_add(text, " paused");
	if (s->delay_ns)
		text_add(text, " delay %s", units_time_print(a, s->delay_ns));
	if (s->jitter_ns)
		text_add(text, " jitter %s", units_time_print(a, s->jitter_ns));
	if (s->loss)
		text_add(text, " loss %s", units_share_print(a, s->loss));
	if (s->loss && s->loss_burst > 1)
		text_add(text, " burst %u", s->loss_burst);
	if (s->dup)
		text_add(text, " dup %s", units_share_print(a, s->dup));
	if (s->reorder)
		text_add(text, " reorder %s", units_share_print(a, s->reorder));
	if (s->corrupt)
		text_add(text, " corrupt %s", units_share_print(a, s->corrupt));
	if (s->rate_bits)
		text_add(text, " rate %s", units_rate_print(a, s->rate_bits));
	if (s->rate_bits && s->rate_queue_bytes)
		text_add(text, " queue %s", units_size_print(a, s->rate_queue_bytes));
	if (s->rate_bits && s->rate_mark_bytes)
		text_add(text, " mark-above %s", units_size_print(a, s->rate_mark_bytes));
	if (s->mark)
		text_add(text, " mark %s", units_share_print(a, s->mark));
	if (s->mtu)
		text_add(text, " mtu %u%s", s->mtu, s->mtu_silent ? " silent" : "");
	if (text->used == before)
		text_add(text, " clear");
}

static void show_counts(struct text *text, const struct pipe *pipe)
{
	const struct pipe_counts *c = &pipe->counts;
	const struct { const char *name; uint64_t count; } parts[] = {
		{ "lost", c->lost }, { "too long", c->mtu }, { "queue full", c->queue_full },
		{ "duplicated", c->duplicated }, { "reordered", c->reordered }, { "corrupted", c->corrupted },
		{ "marked", c->marked },
	};

	if (pipe_waiting(pipe) > 0)
		text_add(text, "; %u under way", pipe_waiting(pipe));
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].count > 0)
			text_add(text, "; %llu %s", (unsigned long long)parts[i].count, parts[i].name);
	text_add(text, "\n");
}

static void show_rule(struct text *text, const struct impair *impair, const struct impair_match *match, uint64_t left)
{
	static const struct { char letter; unsigned flag; } letters[] = {
		{ 'S', IMPAIR_SYN }, { 'F', IMPAIR_FIN }, { 'R', IMPAIR_RST }, { 'P', IMPAIR_TEXT },
		{ 'A', IMPAIR_ACK },
	};
	static const struct eleven_address any;
	char a[UNITS_TEXT_MAX];

	text_add(text, "drop %llu", (unsigned long long)left);
	if (match->port >= 0)
		text_add(text, " host=%s", impair_port_name(impair, (unsigned)match->port));
	if (match->direction != IMPAIR_BOTH)
		text_add(text, " dir=%c", match->direction == IMPAIR_A ? 'a' : 'b');
	if (match->flags)
		text_add(text, " flags=");
	for (unsigned i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (match->flags & letters[i].flag)
			text_add(text, "%c", letters[i].letter);
	if (memcmp(&match->from, &any, sizeof(any)) != 0)
		text_add(text, " from=%s", units_address_print(a, &match->from));
	if (memcmp(&match->to, &any, sizeof(any)) != 0)
		text_add(text, " to=%s", units_address_print(a, &match->to));
	text_add(text, "\n");
}

void link_show(const struct impair *impair, char *to, size_t bytes)
{
	struct text text = { to, bytes, 0 };
	struct impair_match match;
	uint64_t left;

	to[0] = 0;
	for (unsigned i = 0; i < 2 * impair_ports(impair); i++) {
		enum impair_direction direction;
		const struct pipe *pipe = impair_pipe(impair, i / 2, i % 2 == 0, &direction);

		/* The way in of a port of the wire is only its own: shown when it is used. */
		if (!pipe || (direction == IMPAIR_BOTH && !pipe_active(pipe) && pipe->counts.in == 0))
			continue;
		text_add(&text, "%s host %s", i % 2 == 0 ? "from" : "to", impair_port_name(impair, i / 2));
		if (direction != IMPAIR_BOTH)
			text_add(&text, " (dir=%c)", direction == IMPAIR_A ? 'a' : 'b');
		text_add(&text, ":");
		show_settings(&text, pipe);
		show_counts(&text, pipe);
	}
	for (unsigned i = 0; impair_rule(impair, i, &match, &left); i++)
		show_rule(&text, impair, &match, left);
}

static void show_packet6(struct text *text, const uint8_t *packet, uint32_t length)
{
	char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], line[SEGMENT_PRINT_MAX];
	struct segment segment;
	struct ipv6 ip;

	if (ipv6_parse_quoted(&ip, packet, length) != IPV6_OK) {
		text_add(text, "%u bytes, no IPv6 header\n", length);
		return;
	}
	address_print(source, sizeof(source), &ip.source);
	address_print(destination, sizeof(destination), &ip.destination);
	if (ip.next_header != IPV6_TCP || segment_parse(&segment, ip.payload, length - IPV6_HEADER_BYTES) != TCP_OK) {
		text_add(text, "%s > %s next header %u, %u bytes\n", source, destination, ip.next_header,
			 IPV6_HEADER_BYTES + ip.payload_bytes);
		return;
	}
	segment.text_bytes = ip.payload_bytes - segment.header_bytes;
	segment_print(line, sizeof(line), &segment, seq_of(0), seq_of(0));
	text_add(text, "[%s]:%u > [%s]:%u %s\n", source, segment.source_port, destination, segment.destination_port,
		 line);
}

void link_show_packet(char *to, size_t bytes, const uint8_t *packet, uint32_t length, enum eleven_link_kind kind)
{
	struct text text = { to, bytes, 0 };
	char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], line[SEGMENT_PRINT_MAX];
	uint32_t network = kind == ELEVEN_LINK_ETHERNET ? 14 : 0;
	struct segment segment;
	struct ipv4 ip;

	to[0] = 0;
	if (length > network && packet[network] >> 4 == 6) {
		show_packet6(&text, packet + network, length - network);
		return;
	}
	if (length < network || ipv4_parse_quoted(&ip, packet + network, length - network) != IPV4_OK) {
		text_add(&text, "%u bytes, neither IPv4 nor IPv6\n", length);
		return;
	}
	address_print(source, sizeof(source), &ip.source);
	address_print(destination, sizeof(destination), &ip.destination);
	if (ip.protocol != IPV4_PROTOCOL_TCP || ip.fragment_offset != 0 ||
	    segment_parse(&segment, ip.payload, ip.payload_bytes) != TCP_OK) {
		text_add(&text, "%s > %s protocol %u, %u bytes\n", source, destination, ip.protocol, ip.total_bytes);
		return;
	}
	/* The line counts the text that is there; the quoted beginning of a packet may hold less. */
	segment.text_bytes = ip.total_bytes - (ip.options_bytes + IPV4_HEADER_MIN) - segment.header_bytes;
	segment_print(line, sizeof(line), &segment, seq_of(0), seq_of(0));
	text_add(&text, "%s:%u > %s:%u %s\n", source, segment.source_port, destination, segment.destination_port, line);
}
