/* SPDX-License-Identifier: MIT */
/*
 * Multicast listener discovery (RFC 3810) for the groups that neighbour discovery needs: the solicited-node group of
 * each address.  Switches that snoop pass a group on only to where it was reported.  All sources are wanted always,
 * so every record excludes none; all nodes' group is never reported (§6).  A report goes out twice when something
 * has changed (Robustness Variable), and within the time that a query allows.
 *
 * Queries of version 1 are answered with version 2, which every querier of today reads.
 */
#include <string.h>

#include "ip/state.h"

#define QUERY_BYTES      24u            /* version 1; version 2 has 28 and more */
#define QUERY_2_BYTES    28u
#define RECORD_BYTES     20u
#define REPORTS          2u             /* RFC 3810 §9.1 Robustness Variable */
#define REPORT_AGAIN_NS  SEC(1)         /* §9.11 Unsolicited Report Interval */
#define MODE_IS_EXCLUDE    2
#define CHANGE_TO_EXCLUDE  4
#define DELAY_MOST_NS    SEC(10)

static const struct address all_reporters = { { 0xff, 0x02, [15] = 0x16 } };

void mld_changed(struct ip *ip, uint8_t number)
{
	struct interface *interface = &ip->interfaces[number];

	if (interface->given.kind != ELEVEN_LINK_ETHERNET)
		return;
	interface->six.reports_left = REPORTS;
	interface->six.report_at = ip->now;
}

/* §5.1.3: a delay of 16 bits with an exponent; of version 1 it is milliseconds as they are. */
static uint64_t response_ns(const struct icmp6 *message)
{
	uint32_t code = message->rest >> 16;

	if (message->length >= QUERY_2_BYTES && code >= 32768)
		code = ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
	return MS((uint64_t)code) > DELAY_MOST_NS ? DELAY_MOST_NS : MS((uint64_t)code);
}

/* Which of our groups it asks for: §5.1.15. */
static bool asks_us(const struct interface6 *six, const struct icmp6 *message)
{
	struct address group, all = address_all_nodes();

	memcpy(group.bytes, message->bytes + 8, 16);
	return address_is_any(&group) || (group6_is_ours(six, &group) && !address_eq(&group, &all));
}

void mld_query_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	struct interface *interface = &ip->interfaces[datagram->interface % IP_INTERFACES_MAX];
	uint64_t at;

	if (datagram->interface == IP_LOOPBACK || message->length < QUERY_BYTES || datagram->ttl != 1 ||
	    !address_is_link_local(&datagram->source) || interface->given.kind != ELEVEN_LINK_ETHERNET ||
	    !asks_us(&interface->six, message)) {
		trace_count(ip->trace, RULE_MLD_QUERY_IGNORED);
		return;
	}
	at = ip->now + ip_chance(ip, response_ns(message) + 1);
	if (interface->six.report_at > at)
		interface->six.report_at = at;
	if (interface->six.reports_left == 0)
		interface->six.reports_left = 1;
}

uint32_t mld_write_report(struct ip *ip, uint8_t number)
{
	static const struct address any;
	struct interface6 *six = &ip->interfaces[number].six;
	bool assigned = address6_is_assigned(&six->addresses[0]);
	const struct address *source = assigned ? &six->addresses[0].address : &any;
	uint8_t *payload = link6_begin(ip, number, NULL, source, &all_reporters, 1, true);
	uint32_t bytes = ICMP6_HEADER_BYTES;
	uint16_t records = 0;

	six->report_ready = false;
	six->reports_left--;
	six->report_at = six->reports_left ? ip->now + ip_chance(ip, REPORT_AGAIN_NS) : TIME_NEVER;
	memset(payload, 0, ICMP6_HEADER_BYTES);
	payload[0] = ICMP6_MLD_REPORT_2;
	for (unsigned i = 0; i < six->address_count; i++) {
		struct address group = address_solicited_node(&six->addresses[i].address);
		uint8_t *record = payload + bytes;

		if (six->addresses[i].state == ADDRESS6_DUPLICATE)
			continue;
		memset(record, 0, 4);
		record[0] = six->reports_left ? CHANGE_TO_EXCLUDE : MODE_IS_EXCLUDE;
		memcpy(record + 4, group.bytes, 16);
		bytes += RECORD_BYTES;
		records++;
	}
	store_be16(payload + 6, records);
	trace_count(ip->trace, RULE_MLD_REPORTED);
	return link6_finish(ip, number, payload, bytes);
}

void mld_timers(struct ip *ip)
{
	for (uint32_t i = 0; i < ip->interface_count; i++) {
		struct interface6 *six = &ip->interfaces[i].six;

		if (six->on && six->reports_left > 0 && six->report_at <= ip->now)
			six->report_ready = true;
	}
}

uint64_t mld_deadline(const struct ip *ip)
{
	uint64_t deadline = TIME_NEVER;

	for (uint32_t i = 0; i < ip->interface_count; i++) {
		const struct interface6 *six = &ip->interfaces[i].six;

		if (six->on && six->reports_left > 0 && !six->report_ready && six->report_at < deadline)
			deadline = six->report_at;
	}
	return deadline;
}
