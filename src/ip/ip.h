/* SPDX-License-Identifier: MIT */
/*
 * The network floor: packets of links in, TCP payloads out of them, and headers for those
 * that go out.  IPv4 (RFC 791, RFC 1122 §3), ICMP (RFC 792), ARP (RFC 826), fragments;
 * IPv6 (RFC 8200), ICMPv6 (RFC 4443), neighbour discovery (RFC 4861), its addresses (RFC 4862).
 *
 * It knows no connection and no port but those quoted in ICMP errors, and forwards nothing:
 * this is a host.  Path MTU is TCP's; here the MTU that an error names is only delivered.
 * UDP and other protocols are answered with ICMP unreachable.
 *
 * All state is one block of memory, sized by ip_bytes(); every table in it has a maximum from
 * the configuration or named here.
 */
#ifndef ELEVEN_IP_IP_H
#define ELEVEN_IP_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eleven.h"
#include "base/seq.h"
#include "wire/address.h"

struct ip;
struct trace;

#define IP_INTERFACES_MAX  8u     /* as eleven_interface_add() promises */
#define IP_LOOPBACK        255u   /* "interface" of packets from this stack to itself; no link header, no martians */
#define IP_LOOPBACK_MTU    65535u
#define IP_HEADER_BYTES_MAX 54u   /* most that ip_header() writes: Ethernet 14, IPv6 40 */
#define IP_ANY_INTERFACE   (-1)

size_t ip_bytes(const struct eleven_config *config);
/* `memory`: ip_bytes(), zero-filled, aligned to 64. */
struct ip *ip_init(void *memory, const struct eleven_config *config, struct trace *trace, uint64_t seed, uint64_t now);

/* A further address of IPv6; as eleven_address_add(). */
int ip_address_add(struct ip *ip, unsigned interface, const struct address *address, uint8_t prefix_bits, uint64_t now);
/* One after the other from *cursor 0 on; false: no more. */
bool ip_address_next(const struct ip *ip, unsigned interface, unsigned *cursor, struct eleven_interface_address *out);
/* Of IPv6 packets on the interface, which routers may make smaller than that of the link. */
uint32_t ip_mtu6(const struct ip *ip, uint8_t interface);

/*
 * Adds an interface: its number, -ENOSPC, -EEXIST (address taken), -EINVAL (not a unicast IPv4
 * address of its subnet, prefix, MTU, MAC or gateway out of bounds).
 */
int ip_interface_add(struct ip *ip, const struct eleven_interface *interface);
/* As eleven_route_add(). */
int ip_route_add(struct ip *ip, const struct eleven_route *route);
/* NULL: no such interface (IP_LOOPBACK too). */
const struct eleven_interface *ip_interface(const struct ip *ip, uint8_t number);

/* ---- in */

enum ip_input {
	IP_CONSUMED,                    /* dropped under a rule, kept, or answered by ICMP or ARP */
	IP_SEGMENT,                     /* a TCP payload: the datagram is filled in */
	IP_ERROR,                       /* an ICMP error about a TCP segment of ours: the error is filled in */
};

struct ip_datagram {                    /* lent until the next call that changes the ip */
	struct address source, destination;
	const uint8_t *header;          /* its IP header, options and all, for ip_unreachable() */
	const uint8_t *payload;         /* TCP header and text */
	uint32_t payload_bytes;         /* by the IP header: no padding of the link */
	uint16_t header_bytes;          /* with options and extension headers */
	uint8_t protocol;
	uint8_t interface;              /* that it came in by, IP_LOOPBACK too */
	uint8_t tos;                    /* DSCP and ECN bits; of fragments: as RFC 3168 §5.3 joins them */
	uint8_t ttl;
	bool link_group;                /* in a frame for many */
	bool fragmented;                /* IPv6: it had a Fragment header */
	bool checksum_ok;               /* transport checksum vouched for by the link */
	uint16_t segment_bytes;         /* text per original segment if the link joined several, else 0 */
};

struct ip_error {
	struct address local, remote;   /* of the quoted segment, which was ours: from local to remote */
	struct address reporter;        /* who sent the error */
	uint16_t local_port, remote_port;
	struct seq seq;                 /* SEG.SEQ of the quoted segment: to check against SND.UNA, SND.NXT */
	int error;                      /* errno > 0, as Linux has it: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE … */
	bool hard;                      /* RFC 1122 §4.2.3.9: protocol or port unreachable */
	uint32_t mtu;                   /* EMSGSIZE: next-hop MTU, 68 or more, by RFC 1191 §7 if not told; else 0 */
	uint8_t type, code;             /* of the ICMP message */
};

enum ip_input ip_input(struct ip *ip, const struct eleven_packet *packet, struct ip_datagram *datagram,
		       struct ip_error *error, uint64_t now);

/* ---- out */

struct ip_route {
	struct address local;           /* source to use */
	uint8_t interface;              /* or IP_LOOPBACK */
	bool loopback;                  /* stays inside the stack */
	struct address next_hop;        /* the host on the link to send to: `remote` or a gateway */
	uint32_t mtu;                   /* of the first hop, IP header included */
	uint32_t flow_label;            /* IPv6: for the caller to set (RFC 6437) */
	bool confirmed;                 /* for the caller to set: what went there was acknowledged (RFC 4861 §7.3.1) */
};

/*
 * The way to `remote`, from `local` unless that is NULL or any.  0; -ENETUNREACH (no interface);
 * -EADDRNOTAVAIL (local is not ours); -EINVAL (remote any, broadcast, multicast or reserved, or local on
 * loopback and remote not).
 */
int ip_route(const struct ip *ip, const struct address *remote, const struct address *local, struct ip_route *route);
/* The same over interface `by`, if not IP_ANY_INTERFACE: what a link-local address of IPv6 needs. */
int ip_route_by(const struct ip *ip, const struct address *remote, const struct address *local, int by,
		struct ip_route *route);
/*
 * TCP's advice (RFC 1122 §3.3.1.4): nothing comes back from `remote`.  Its gateway is asked by ARP whether it is
 * there, and if there is another, that one is taken for this remote from now on (§3.3.1.5).
 */
void ip_path_suspect(struct ip *ip, const struct address *remote, const struct address *local, uint64_t now);
/* MMS_R (RFC 1122 §3.3.2): most bytes behind the IP header in a datagram that comes in whole, in fragments or not. */
uint32_t ip_mms_receive(const struct ip *ip, uint8_t interface);
/* MMS_S (RFC 1122 §3.3.3): most bytes behind the IP header that go this way without fragmentation by us. */
uint32_t ip_mms_send(const struct ip_route *route);
/* Ours, all of 127.0.0.0/8 and ::1 included. */
bool ip_is_local(const struct ip *ip, const struct address *address);

/*
 * Writes the link and IP headers in front of a transport header, at most IP_HEADER_BYTES_MAX
 * bytes: returns their length.  -EAGAIN: the neighbour is not resolved yet; a request is queued, and
 * ip_neighbour_epoch() changes when any neighbour is resolved or fails.  -EHOSTUNREACH: it has failed
 * (tried again from 1 s after on).  TTL ≥ 1, or 0 for what routers told (IPv6); payload_bytes ≤ 65515.  Without `df`
 * ask ip_may_identify() first; IPv6 knows no DF: it is always as if set.
 */
int ip_header(struct ip *ip, const struct ip_route *route, const struct address *local, const struct address *remote,
	      uint8_t ttl, uint8_t tos, bool df, uint32_t payload_bytes, uint8_t *out, uint64_t now);
uint32_t ip_neighbour_epoch(const struct ip *ip);
/*
 * May a segment without DF go to `remote` now (RFC 6864 §5.2)?  If not, so many went lately that an identification
 * would repeat; ip_neighbour_epoch() changes when to ask again.
 */
bool ip_may_identify(struct ip *ip, const struct address *local, const struct address *remote, uint64_t now);
/* The link cuts the packet just written into `count` more, numbered on. */
void ip_identify_more(struct ip *ip, const struct address *local, const struct address *remote, uint32_t count);

/*
 * The next packet of IP's own (ARP, ICMP), false: none.  One slice, lent until the next call
 * that changes the ip.  `serial` is left 0.  Never by IP_LOOPBACK.
 */
bool ip_output(struct ip *ip, struct eleven_out *out, uint64_t now);
/* Answers a datagram with ICMP destination unreachable, if RFC 1122 §3.2.2 and the rate allow. */
void ip_unreachable(struct ip *ip, const struct ip_datagram *datagram, uint8_t code);

/* Runs what is due: reassembly timeouts, ARP repetition. */
void ip_timers(struct ip *ip, uint64_t now);
/* When ip_timers() is next needed, after which ip_output() may have something; TIME_NEVER: not. */
uint64_t ip_deadline(const struct ip *ip);

#endif
