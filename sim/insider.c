/* SPDX-License-Identifier: MIT */
/*
 * Attackers who know more than names: one who has guessed into the window (RFC 5961), one who listens on the path
 * and says everything again, later, and one who ends connections with the exact number.  The first two must achieve
 * nothing; after the third the other end must still come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/frame.h"
#include "sim/world.h"

void insider_capture(struct world *world, const struct flight *flight)
{
	struct flight *place = &world->captured[random_below(&world->random, CAPTURED)];

	if (random_below(&world->random, 4))
		return;
	free(place->bytes);
	*place = *flight;
	place->bytes = malloc(flight->length ? flight->length : 1);
	if (!place->bytes)
		abort();
	memcpy(place->bytes, flight->bytes, flight->length);
}

static void replay(struct world *world)
{
	const struct flight *old = &world->captured[random_below(&world->random, CAPTURED)];

	if (!old->bytes || old->flags || old->segment_bytes)
		return;
	world->boxes.replayed++;
	net_inject(world, old->from, old->to, old->bytes, old->length,       /* his wire is no faster */
		   US(world->spec.delay_us) + random_below(&world->random, US(world->spec.delay_us) + 1));
}

/* A segment from the other end's names, at once. */
static void forge(struct world *world, const struct actor *actor, uint8_t flags, uint32_t seq, uint32_t ack,
		  uint32_t text_bytes)
{
	unsigned link = world->spec.ethernet ? 14 : 0;
	uint8_t packet[14 + 40 + 64] = { 0 }, *ip = packet + link, *tcp = ip + 20;

	if (link) {
		packet[0] = packet[6] = 2;
		packet[5] = (uint8_t)(actor->host + 1);
		packet[11] = 99;
		frame_put16(packet + 12, 0x0800);
	}
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = 6;
	frame_put32(ip + 12, frame_u32(actor->remote.address.bytes + 12));
	frame_put32(ip + 16, world->host[actor->host].address);
	frame_put16(tcp, actor->remote.port);
	frame_put16(tcp + 2, actor->local.port);
	frame_put32(tcp + 4, seq);
	frame_put32(tcp + 8, flags & ACK ? ack : 0);
	tcp[12] = 0x50;
	tcp[13] = flags;
	frame_put16(tcp + 14, 1000);
	memset(tcp + 20, 'x', text_bytes);
	frame_seal(ip, 40 + text_bytes);
	world->boxes.forged++;
	net_inject(world, actor->peer->host, actor->host, packet, link + 40 + text_bytes, 0);
}

/* Any of what RFC 5961 answers with a challenge or drops. */
static void guess(struct world *world, const struct actor *actor, const struct eleven_status *s)
{
	/* At the window's far end: nobody gets that far before it arrives. */
	uint32_t seq = s->rcv_nxt + s->rcv_wnd - 1 - (uint32_t)random_below(&world->random, 10);
	uint32_t future = s->snd_max + 1 + (uint32_t)random_below(&world->random, 1u << 30);
	uint32_t past = s->snd_una - (1u << 30) - (uint32_t)random_below(&world->random, 1u << 30);

	if (s->rcv_wnd < 100)
		return;
	switch (random_below(&world->random, 6)) {
	case 0:
		forge(world, actor, RST, seq, 0, 0);
		break;
	case 1:
		forge(world, actor, RST | ACK, seq, s->snd_nxt, 0);
		break;
	case 2:
		forge(world, actor, SYN, seq, 0, 0);
		break;
	case 3:
		forge(world, actor, SYN | ACK, seq, s->snd_nxt, 0);
		break;
	case 4:
		forge(world, actor, ACK | PSH, s->rcv_nxt, future, 20);
		break;
	default:
		forge(world, actor, ACK | FIN, s->rcv_nxt, past, 20);
		break;
	}
}

void insider_attack(struct world *world)
{
	unsigned kind = 1u << random_below(&world->random, 3);
	struct actor *actor = &world->actor[random_below(&world->random, world->actors)];
	struct eleven_status status;

	if (!(kind & world->spec.insider))
		return;
	if (kind == 2) {
		replay(world);
		return;
	}
	if (actor->state != ACTOR_OPEN || actor->peer->host == actor->host ||
	    eleven_status(world->host[actor->host].stack, actor->h, &status) || status.state < ELEVEN_ESTABLISHED)
		return;
	if (kind == 1) {
		guess(world, actor, &status);
	} else if (random_below(&world->random, 8) == 0) {
		world->severed = true;
		story_note(world, STORY_WORLD, actor->host, "someone resets a connection of host", 0);
		forge(world, actor, RST, status.rcv_nxt, 0, 0);
	}
}
