/* SPDX-License-Identifier: MIT */
/* ARP for IPv4 over Ethernet (RFC 826); addresses as struct address, v4-mapped. */
#ifndef ELEVEN_WIRE_ARP_H
#define ELEVEN_WIRE_ARP_H

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/ethernet.h"

#define ARP_BYTES 28

#define ARP_REQUEST 1
#define ARP_REPLY   2

struct arp {
	uint16_t operation;     /* ARP_REQUEST, ARP_REPLY, or another number */
	struct mac sender_mac;
	struct address sender;
	struct mac target_mac;  /* means nothing in a request */
	struct address target;
};

enum arp_fault {
	ARP_OK,
	ARP_TRUNCATED,          /* shorter than ARP_BYTES */
	ARP_BAD_HARDWARE,       /* hardware type or length is not Ethernet's */
	ARP_BAD_PROTOCOL,       /* protocol type or length is not IPv4's */
};

enum arp_fault arp_parse(struct arp *out, const uint8_t *bytes, size_t n);

/* Writes ARP_BYTES bytes; returns their number. */
unsigned arp_emit(uint8_t *out, const struct arp *packet);

#endif
