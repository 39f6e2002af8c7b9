/* SPDX-License-Identifier: MIT */
/* Congestion marks; see mark.h.  Of IPv6 the field is the lowest two bits of the traffic class. */
#include "link/mark.h"

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

bool packet_mark(uint8_t *packet, uint32_t length, uint32_t network_offset)
{
	uint8_t *ip = packet + network_offset;
	uint32_t header;

	if (length < network_offset + IPV4_HEADER_MIN)
		return false;
	if (ip[0] >> 4 == 6) {
		if ((ip[1] >> 4 & 3) == IPV4_ECN_NOT_ECT)
			return false;
		ip[1] |= IPV4_ECN_CE << 4;
		return true;
	}
	header = (ip[0] & 15u) * 4u;
	if (ip[0] >> 4 != 4 || header < IPV4_HEADER_MIN || network_offset + header > length ||
	    (ip[1] & 3) == IPV4_ECN_NOT_ECT)
		return false;
	ip[1] |= IPV4_ECN_CE;
	store_be16(ip + 10, 0);
	store_be16(ip + 10, checksum_finish(checksum_add(0, ip, header)));
	return true;
}
