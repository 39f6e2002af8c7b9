/* SPDX-License-Identifier: MIT */
/*
 * IPv6 on Ethernet: chains of extension headers, fragments, neighbour and router messages, listener queries, ICMPv6
 * errors with quotes, into a stack that configures itself by routers.
 *
 * An input is messages.  Each begins with what it is, from whom and to whom; its bytes are the input's, but lengths and
 * checksums are made right where the input asks for it, so that they get past the first look.  Whatever came, what
 * goes out is sound, memory is within its bounds, and time leads to an end of what waits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "eleven.h"
#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "wire/checksum.h"
#include "wire/icmp6.h"
#include "wire/ipv6.h"

#define MESSAGES_MAX 24
#define ROOM 2048u
#define HEADERS (ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES)

static struct {
	struct eleven *stack;
	void *memory, *pristine;
	size_t bytes;
	uint64_t now;
} world;

static const char *const addresses[] = {
	"fd00::1", "fd00::2", "fe80::1", "fe80::2", "fe80::fe", "ff02::1", "ff02::1:ff00:1", "::", "2001:db8::5", "::1",
	"2001:db8:1::", "::ffff:10.0.0.1", "fd00::3", "ff02::2", "fd00::1", "fe80::fe",
};

#define ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

static struct address address_at(unsigned index)
{
	struct eleven_interface_address own;
	struct address address;
	unsigned cursor = 0;

	if (index % (ADDRESSES + 4) >= ADDRESSES) {     /* one of its own, whatever it has made of itself */
		for (unsigned i = index % (ADDRESSES + 4) - ADDRESSES + 1; i > 0; i--)
			if (!eleven_address_next(world.stack, 0, &cursor, &own))
				break;
		memcpy(address.bytes, own.address.bytes, 16);
		return address;
	}
	MUST(address_parse(&address, addresses[index % ADDRESSES]));
	return address;
}

static void world_create(void)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_ETHERNET, .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 1 },
					      .prefix6_bits = 64, .autoconfigure = true };
	struct address ours = address_at(0);
	struct eleven_config config;

	memcpy(interface.address6.bytes, ours.bytes, 16);
	eleven_config_init(&config, ELEVEN_MODERN);
	config.connections_max = config.syn_received_max = config.time_wait_max = 4;
	config.seed = 1;
	config.buffer_bytes = 1 << 16;
	config.sent_records_max = 64;
	config.reassembly_max = 4;
	config.gaps_max = 8;
	config.trace_records_max = 64;
	config.loopback_bytes = 1 << 15;
	config.neighbours_max = 8;
	config.fragments_max = 4;
	config.fragment_bytes = 1 << 15;
	config.replies_max = 32;
	world.bytes = (eleven_size(&config) + 63) & ~(size_t)63;
	world.memory = aligned_alloc(64, world.bytes);
	world.pristine = malloc(world.bytes);
	memset(world.memory, 0, world.bytes);
	world.now = SEC(1000);
	MUST(eleven_create(&world.stack, world.memory, world.bytes, &config, world.now) == 0);
	MUST(eleven_interface_add(world.stack, &interface) == 0);
	memcpy(world.pristine, world.memory, world.bytes);
}

/* What goes out is what another host can read. */
static void output_judge(void)
{
	struct eleven_out out;

	while (eleven_output(world.stack, &out, 1, world.now) > 0) {
		static uint8_t bytes[70000];
		struct ethernet frame;
		struct ipv6 packet;
		uint32_t n = 0;

		for (unsigned i = 0; i < out.slices; i++) {
			memcpy(bytes + n, out.slice[i].bytes, out.slice[i].length);
			n += out.slice[i].length;
		}
		MUST(n == out.length && n <= 1500 + ETHERNET_HEADER_BYTES);
		MUST(ethernet_parse(&frame, bytes, n) == ETHERNET_OK && frame.type == ETHERNET_TYPE_IPV6);
		MUST(ipv6_parse(&packet, frame.payload, frame.payload_bytes) == IPV6_OK);
		MUST(packet.payload_bytes + IPV6_HEADER_BYTES == frame.payload_bytes);
		MUST(!address_is_multicast(&packet.source) && !address_is_loopback(&packet.source));
		MUST(!address_is_loopback(&packet.destination) && !address_is_any(&packet.destination));
		MUST(address_is_multicast(&packet.destination) == mac_is_group(&frame.destination));
		if (packet.next_header == IPV6_ICMP) {
			uint32_t sum = checksum_pseudo_v6(&packet.source, &packet.destination, IPV6_ICMP,
							  packet.payload_bytes);

			MUST(checksum_finish(checksum_add(sum, packet.payload, packet.payload_bytes)) == 0);
		}
	}
}

/* Shapes of messages: the type, and the bytes in front of what the input fills in. */
static uint32_t message_make(struct choice *c, uint8_t *out, uint32_t room)
{
	static const uint8_t types[] = { 1, 2, 3, 4, 128, 130, 133, 134, 135, 136, 137, 143, 255, 134, 135, 136 };
	uint32_t n = 8 + choice_below(c, room - 8);

	choice_fill(c, out, n);
	out[0] = types[out[0] % sizeof(types)];
	if (choice_percent(c, 90))
		out[1] = out[0] == ICMP6_UNREACHABLE ? out[1] % 8 : 0;
	if (out[0] < ICMP6_ECHO && n >= 8 + IPV6_HEADER_BYTES && choice_percent(c, 70)) {
		struct address ours = address_at(choice_below(c, 4)), far = address_at(8);

		out[8] = 0x60;
		out[14] = IPV6_TCP;
		memcpy(out + 16, ours.bytes, 16);
		memcpy(out + 32, far.bytes, 16);
	}
	if (out[0] >= ICMP6_NEIGHBOUR_SOLICITATION && out[0] <= ICMP6_REDIRECT && n >= 24 && choice_percent(c, 80)) {
		struct address target = address_at((unsigned)choice_number(c, 1));

		memcpy(out + 8, target.bytes, 16);
	}
	return n;
}

static void packet_run(struct choice *c)
{
	static uint8_t room[ROOM];
	uint32_t what = (uint32_t)choice_number(c, 1), n, at = HEADERS;
	struct address from = address_at((unsigned)choice_number(c, 1)), to = address_at((unsigned)choice_number(c, 1));
	uint8_t message[600], first, *bytes, *ip;
	struct eleven_packet packet = { .interface = 0 };
	struct ipv6 header = { .source = from, .destination = to };

	header.hop_limit = what & 1 ? 255 : (uint8_t)choice_number(c, 1);
	n = message_make(c, message, sizeof(message));
	if (what & 2) {
		uint32_t sum = checksum_pseudo_v6(&from, &to, IPV6_ICMP, n);

		store_be16(message + 2, 0);
		store_be16(message + 2, checksum_finish(checksum_add(sum, message, n)));
	}
	first = IPV6_ICMP;
	memset(room, 0, HEADERS);
	for (unsigned i = 0; what & 4 && i < 12 && choice_percent(c, 70); i++) {        /* a chain in front of it */
		static const uint8_t kinds[] = { IPV6_HOP_BY_HOP, IPV6_ROUTING, IPV6_FRAGMENT, IPV6_DESTINATION };
		uint8_t kind = kinds[choice_below(c, 4)];
		uint32_t bytes_more = 8 * (1 + choice_below(c, 3));

		choice_fill(c, room + at, bytes_more);
		if (i == 0)
			first = kind;
		else
			room[at - 8 * (1 + room[at - 1] % 3)] = kind;   /* perhaps of the header before it */
		room[at] = IPV6_ICMP;
		if (choice_percent(c, 80))
			room[at + 1] = (uint8_t)(bytes_more / 8 - 1);
		at += bytes_more;
	}
	header.next_header = first;
	header.payload_bytes = at - HEADERS + n;
	if (what & 8)
		header.payload_bytes = (uint32_t)choice_number(c, 2);
	memcpy(room + at, message, n);
	n += at;
	memcpy(room, (const uint8_t[]){ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd }, 14);
	if (address_is_multicast(&to))
		memcpy(room, (const uint8_t[]){ 0x33, 0x33 }, 2);
	ip = room + ETHERNET_HEADER_BYTES;
	ipv6_emit(ip, &header);
	bytes = malloc(n);              /* exactly so many, for AddressSanitizer */
	MUST(bytes);
	memcpy(bytes, room, n);
	packet.bytes = bytes;
	packet.length = n;
	eleven_input(world.stack, &packet, 1, world.now);
	free(bytes);
	output_judge();
	if (what & 16) {
		world.now += MS(choice_number(c, 2));
		eleven_timers(world.stack, world.now);
		output_judge();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);

	if (!world.stack)
		world_create();
	memcpy(world.memory, world.pristine, world.bytes);
	world.now = SEC(1000);
	output_judge();
	if (n > 0 && bytes[0] & 0x80) {         /* past the detection of duplicates */
		world.now += SEC(2);
		eleven_timers(world.stack, world.now);
		output_judge();
	}
	for (unsigned i = 0; i < MESSAGES_MAX && !choice_over(&c); i++)
		packet_run(&c);
	for (unsigned i = 0; i < 200; i++) {    /* time goes on, and nothing is due for ever */
		uint64_t deadline = eleven_deadline(world.stack);

		if (deadline == UINT64_MAX)
			break;
		if (deadline > world.now)
			world.now = deadline;
		eleven_timers(world.stack, world.now);
		output_judge();
		MUST(eleven_deadline(world.stack) > world.now);
	}
	return 0;
}
