/* SPDX-License-Identifier: MIT */
/*
 * Packets in, and time: each packet gets its number, IP looks at it, TCP gets the segment (§3.10.7)
 * or the error about one (RFC 1122 §4.2.3.9).  Nothing is sent from here, so that what goes out is decided
 * once for all packets of a batch.
 */
#include "stack/stack.h"

static void datagram_input(struct eleven *stack, const struct ip_datagram *datagram, uint64_t now)
{
	struct arrival arrival = {
		.source = datagram->source,
		.destination = datagram->destination,
		.bytes = datagram->payload,
		.length = datagram->payload_bytes,
		.interface = tcp_interface_number(datagram->interface),
		.tos = datagram->tos,
		.checksum_ok = datagram->checksum_ok,
		.segment_bytes = datagram->segment_bytes,
	};

	tcp_segment_arrives(stack->tcp, &arrival, now);
}

/* Of ICMP: net and host unreachable; of ICMPv6: no route, and address unreachable. */
static bool no_route(const struct ip_error *error)
{
	if (address_is_v4(&error->remote))
		return error->type == 3 && error->code <= 1;
	return error->type == 1 && (error->code == 0 || error->code == 3);
}

static void error_input(struct eleven *stack, const struct ip_error *error, uint64_t now)
{
	struct tcp_error about = {
		.tuple = { error->local, error->remote, error->local_port, error->remote_port },
		.seq = error->seq,
		.error = error->error,
		.hard = error->hard,
		.mtu = error->mtu,
		.no_route = no_route(error),
	};

	tcp_error_arrives(stack->tcp, &about, now);
}

/* A router may have told another MTU for IPv6. */
static void mtu_follow(struct eleven *stack, uint8_t interface)
{
	uint32_t mtu = interface < stack->interfaces ? ip_mtu6(stack->ip, interface) : 0;

	if (mtu)
		tcp_interface_v6_set(stack->tcp, interface, mtu);
}

static void packet_input(struct eleven *stack, const struct eleven_packet *packet, uint64_t now)
{
	struct ip_datagram datagram;
	struct ip_error error;

	stack->trace.packets_in++;
	stack->trace.in_input = true;
	switch (ip_input(stack->ip, packet, &datagram, &error, now)) {
	case IP_CONSUMED:
		mtu_follow(stack, packet->interface);
		break;
	case IP_SEGMENT:
		datagram_input(stack, &datagram, now);
		break;
	case IP_ERROR:
		error_input(stack, &error, now);
		break;
	}
	stack->trace.in_input = false;
}

void eleven_input(struct eleven *stack, const struct eleven_packet *packets, unsigned count, uint64_t now)
{
	now = stack_now(stack, now);
	for (unsigned i = 0; i < count; i++) {
		struct eleven_packet packet = packets[i];

		if (packet.interface == IP_LOOPBACK)    /* which no link may speak for: one that there is not */
			packet.interface = IP_INTERFACES_MAX;
		packet_input(stack, &packet, now);
	}
}

void loopback_input(struct eleven *stack, uint64_t now)
{
	for (uint32_t left = stack->loopback.packets; left > 0; left--) {
		struct eleven_packet packet = { .interface = IP_LOOPBACK, .flags = ELEVEN_PACKET_CHECKSUM_OK };

		packet.bytes = loopback_first(&stack->loopback, &packet.length);
		packet_input(stack, &packet, now);
		loopback_drop(&stack->loopback);
	}
	if (stack->loopback_parked) {
		stack->loopback_parked = false;
		tcp_output_unpark(stack->tcp);
	}
}

/* What arrived comes before what is due: an ACK in the ring may disarm the timeout that would doubt it. */
void eleven_timers(struct eleven *stack, uint64_t now)
{
	now = stack_now(stack, now);
	loopback_input(stack, now);
	ip_timers(stack->ip, now);
	tcp_timers(stack->tcp, now);
}

uint64_t eleven_deadline(const struct eleven *stack)
{
	uint64_t ip = ip_deadline(stack->ip), tcp = tcp_deadline(stack->tcp);

	if (stack->loopback.packets > 0)
		return stack->now;
	return ip < tcp ? ip : tcp;
}
