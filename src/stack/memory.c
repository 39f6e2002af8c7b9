/* SPDX-License-Identifier: MIT */
/*
 * The one block of memory: what lies where.
 *
 *	struct eleven | trace ring | ip | tcp | loopback ring | headers of a batch
 *
 * Each part starts at a multiple of 64.  Parts are as large as the configuration says and touched
 * only as they are used, so that a caller who reserves the block with mmap pays for what runs.
 * The headers come last: they mean nothing between two calls, and a copy of the stack may omit them.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "stack/config.h"
#include "stack/stack.h"
#include "wire/ipv4.h"

#define ALIGNMENT 64u
#define BIG_SEGMENT_MAX (65535u - 20 - 60)      /* of text, with the longest headers, in one packet of either family */

struct layout {
	size_t trace, ip, tcp, loopback, headers, end;
};

static size_t part_after(size_t start, size_t bytes)
{
	return (start + bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static void layout_find(struct layout *layout, const struct eleven_config *config)
{
	layout->trace = part_after(0, sizeof(struct eleven));
	layout->ip = part_after(layout->trace, trace_bytes((uint32_t)config->trace_records_max));
	layout->tcp = part_after(layout->ip, ip_bytes(config));
	layout->loopback = part_after(layout->tcp, tcp_bytes(config));
	layout->headers = part_after(layout->loopback, loopback_memory(config->loopback_bytes));
	layout->end = part_after(layout->headers, OUTPUT_BATCH_MAX * OUTPUT_HEADER_MAX);
}

size_t eleven_size(const struct eleven_config *config)
{
	struct layout layout;

	if (!config_valid(config))
		return 0;
	layout_find(&layout, config);
	return layout.end;
}

int eleven_create(struct eleven **stack, void *memory, size_t bytes, const struct eleven_config *config, uint64_t now)
{
	struct eleven *made = memory;
	uint8_t *block = memory;
	struct siphash_key flow_seed = { config->seed ^ config->secret[0], config->secret[1] ^ 0x666c6f77 };
	struct layout layout;

	*stack = NULL;
	if (!memory || (uintptr_t)memory % ALIGNMENT || now == 0 || !config_valid(config))
		return -EINVAL;
	if (!config->secret[0] && !config->secret[1] && !config->seed)
		return -EINVAL;
	layout_find(&layout, config);
	if (bytes < layout.end)
		return -EINVAL;
	made->now = now;
	made->flow_key.k0 = siphash_words2(&flow_seed, 1, 0);
	made->flow_key.k1 = siphash_words2(&flow_seed, 2, 0);
	made->headers = (uint8_t (*)[OUTPUT_HEADER_MAX])(block + layout.headers);
	trace_init(&made->trace, block + layout.trace, (uint32_t)config->trace_records_max);
	loopback_init(&made->loopback, block + layout.loopback, config->loopback_bytes);
	made->dont_fragment = config->path_mtu_discovery;
	made->ip = ip_init(block + layout.ip, config, &made->trace, config->seed, now);
	made->tcp = tcp_init(block + layout.tcp, config, &made->trace, now);
	CHECK(made->ip && made->tcp);
	tcp_interface_set(made->tcp, TCP_LOOPBACK, loopback_packet_max(config->loopback_bytes), 0);
	*stack = made;
	return 0;
}

int eleven_interface_add(struct eleven *stack, const struct eleven_interface *interface)
{
	int number = ip_interface_add(stack->ip, interface);
	uint32_t most = interface->segment_bytes_max < BIG_SEGMENT_MAX ? interface->segment_bytes_max : BIG_SEGMENT_MAX;

	if (number < 0)
		return number;
	/* So the MSS offered, which is reckoned of the MTU, is one that IP puts together (MUST-67). */
	CHECK(ip_mms_receive(stack->ip, (uint8_t)number) + IPV4_HEADER_MIN >= interface->mtu);
	tcp_interface_set(stack->tcp, (uint8_t)number, interface->mtu, most);
	stack->interfaces++;
	return number;
}

int eleven_route_add(struct eleven *stack, const struct eleven_route *route)
{
	return ip_route_add(stack->ip, route);
}

static struct address address_given(const struct eleven_address *given)
{
	struct address address;

	memcpy(address.bytes, given->bytes, sizeof(address.bytes));
	return address;
}

int eleven_address_add(struct eleven *stack, unsigned interface, const struct eleven_address *address,
		       uint8_t prefix_bits, uint64_t now)
{
	struct address given = address_given(address);

	return ip_address_add(stack->ip, interface, &given, prefix_bits, stack_now(stack, now));
}

bool eleven_address_next(const struct eleven *stack, unsigned interface, unsigned *cursor,
			 struct eleven_interface_address *address)
{
	return ip_address_next(stack->ip, interface, cursor, address);
}
