/* SPDX-License-Identifier: MIT */
/* ARP packets; see arp.h. */
#include "wire/arp.h"

#define HARDWARE_ETHERNET 1     /* IANA ARP parameters */

enum arp_fault arp_parse(struct arp *out, const uint8_t *bytes, size_t n)
{
	if (n < ARP_BYTES)
		return ARP_TRUNCATED;
	if (load_be16(bytes) != HARDWARE_ETHERNET || bytes[4] != sizeof(struct mac))
		return ARP_BAD_HARDWARE;
	if (load_be16(bytes + 2) != ETHERNET_TYPE_IPV4 || bytes[5] != 4)
		return ARP_BAD_PROTOCOL;
	out->operation = load_be16(bytes + 6);
	memcpy(out->sender_mac.bytes, bytes + 8, 6);
	out->sender = address_v4(load_be32(bytes + 14));
	memcpy(out->target_mac.bytes, bytes + 18, 6);
	out->target = address_v4(load_be32(bytes + 24));
	return ARP_OK;
}

unsigned arp_emit(uint8_t *out, const struct arp *packet)
{
	store_be16(out, HARDWARE_ETHERNET);
	store_be16(out + 2, ETHERNET_TYPE_IPV4);
	out[4] = sizeof(struct mac);
	out[5] = 4;
	store_be16(out + 6, packet->operation);
	memcpy(out + 8, packet->sender_mac.bytes, 6);
	store_be32(out + 14, address_v4_value(&packet->sender));
	memcpy(out + 18, packet->target_mac.bytes, 6);
	store_be32(out + 24, address_v4_value(&packet->target));
	return ARP_BYTES;
}
