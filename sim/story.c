/* SPDX-License-Identifier: MIT */
/* The last events of a world as lines, segments in packetdrill's notation. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/frame.h"
#include "sim/world.h"
#include "wire/print.h"

static void event_print(const struct world *world, const struct story_event *event);

static struct story_event *event_next(struct world *world, enum story_kind kind, unsigned host)
{
	struct story_event *event;

	if (world->follow && world->story_count > 0)
		event_print(world, &world->story[(world->story_count - 1) % STORY_EVENTS]);
	event = &world->story[world->story_count++ % STORY_EVENTS];
	memset(event, 0, sizeof(*event));
	event->time = world->now;
	event->kind = kind;
	event->host = host;
	return event;
}

void story_packet(struct world *world, enum story_kind kind, unsigned from, unsigned to, const uint8_t *bytes,
		  uint32_t length)
{
	struct story_event *event = event_next(world, kind, from);

	event->to = to;
	event->length = length;
	memcpy(event->headers, bytes, length < sizeof(event->headers) ? length : sizeof(event->headers));
}

void story_call(struct world *world, const struct actor *actor, const char *what, int64_t value)
{
	struct story_event *event = event_next(world, STORY_CALL, actor->host);

	event->actor = actor->number + 1;
	event->what = what;
	event->value = value;
}

void story_note(struct world *world, enum story_kind kind, unsigned host, const char *what, int64_t value)
{
	struct story_event *event = event_next(world, kind, host);

	event->what = what;
	event->value = value;
}

/* Relative numbers: the ISS of whichever program's end this direction belongs to. */
static struct seq base_of(const struct world *world, uint32_t address, uint16_t port, uint32_t to, uint16_t to_port)
{
	for (unsigned i = world->actors; i-- > 0;) {
		const struct actor *a = &world->actor[i];

		if (world->host[a->host].address == address && a->local.port == port && a->remote.port == to_port &&
		    frame_u32(a->remote.address.bytes + 12) == to)
			return seq_of(a->iss);
		if (frame_u32(a->remote.address.bytes + 12) == address && a->remote.port == port &&
		    a->local.port == to_port && world->host[a->host].address == to && a->irs)
			return seq_of(a->irs);
	}
	return seq_of(0);
}

static void packet_print(const struct world *world, const struct story_event *event)
{
	static const char *const words[] = { "sends", "  gets", "  LOST" };
	char line[SEGMENT_PRINT_MAX];
	uint8_t whole[sizeof(event->headers)];
	struct segment segment;
	struct frame frame;
	const char *fault;
	unsigned link = world->spec.ethernet ? 14 : 0;
	uint32_t held = event->length < sizeof(whole) ? event->length : sizeof(whole);

	memcpy(whole, event->headers, sizeof(whole));
	printf("host %-2u %s ", event->host, words[event->kind]);
	if (held < link + 20 || (link && frame_u16(whole + 12) != 0x0800)) {
		printf("%s, %u bytes\n", held >= 22 && link && frame_u16(whole + 12) == 0x0806 ?
		       whole[21] == 1 ? "ARP request" : "ARP reply" : "a stump", event->length);
		return;
	}
	/* Only what is held can be read again: as if the packet ended there. */
	if (held < event->length)
		frame_put16(whole + link + 2, (uint16_t)(held - link));
	fault = frame_read(&frame, whole, held, world->spec.ethernet);
	if (!frame.tcp || segment_parse(&segment, whole + link + 20, held - link - 20) != TCP_OK) {
		printf("%s, %u bytes\n", frame.icmp ? "ICMP" : fault ? fault : "?", event->length);
		return;
	}
	segment.text_bytes += event->length - held;
	segment_print(line, sizeof(line), &segment,
		      base_of(world, frame.source, segment.source_port, frame.destination, segment.destination_port),
		      base_of(world, frame.destination, segment.destination_port, frame.source, segment.source_port));
	printf("%u.%u:%u > %u.%u:%u  %s\n", frame.source >> 8 & 255, frame.source & 255, segment.source_port,
	       frame.destination >> 8 & 255, frame.destination & 255, segment.destination_port, line);
}

static void event_print(const struct world *world, const struct story_event *event)
{
	printf("%13.6f  ", (double)(event->time - world->start) / 1e9);
	switch (event->kind) {
	case STORY_SENT:
	case STORY_ARRIVED:
	case STORY_LOST:
		packet_print(world, event);
		break;
	case STORY_CALL:
		printf("host %-2u program %u: %s = %" PRId64 "\n", event->host, event->actor - 1, event->what,
		       event->value);
		break;
	case STORY_TIMERS:
		printf("host %-2u timers\n", event->host);
		break;
	case STORY_WORLD:
		printf("the world: %s %u %" PRId64 "\n", event->what, event->host, event->value);
		break;
	}
}

void story_print(const struct world *world)
{
	uint64_t first = world->story_count > STORY_EVENTS ? world->story_count - STORY_EVENTS : 0;

	for (uint64_t i = first; i < world->story_count; i++)
		event_print(world, &world->story[i % STORY_EVENTS]);
}
