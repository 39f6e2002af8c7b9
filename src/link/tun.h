/* SPDX-License-Identifier: MIT */
/*
 * A link to the Linux kernel: a tun device (IP packets) or a tap device (Ethernet frames), with the
 * virtio header in front of each packet, so that checksums are left to whoever needs them and
 * segments of up to 64 KiB travel whole in both directions (Documentation/networking/tuntap.rst).
 *
 * Addresses, MTU and state of the kernel's side are set by ioctl.  Needs CAP_NET_ADMIN in the
 * network namespace.
 */
#ifndef ELEVEN_LINK_TUN_H
#define ELEVEN_LINK_TUN_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"
#include "link/link.h"

#define TUN_NAME_MAX 16                 /* IFNAMSIZ */

struct tun_settings {
	const char *device;             /* a name, or a pattern such as "tun%d" */
	bool tap;
	struct eleven_address kernel_address;   /* of the kernel's side; all zero: none is set */
	struct eleven_address kernel_address6;  /* likewise of IPv6 */
	uint8_t prefix6_bits;
	uint8_t prefix_bits;
	uint32_t mtu;
};

/*
 * Makes, or takes up, the device and brings it up.  NULL with errno, and `problem` (at least 256
 * bytes) says in one line what was tried, what went wrong and what helps.
 */
struct link *tun_create(const struct tun_settings *settings, char *problem, size_t problem_bytes);

#endif
