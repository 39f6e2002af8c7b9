/* SPDX-License-Identifier: MIT */
/*
 * The IPv6 part of the network floor's state, shared by the files of this folder and by nobody else.
 *
 *   input6.c     packets in: the fixed header, whose it is, who gets the payload
 *   extension.c  the chain of extension headers
 *   fragment6.c  the Fragment header; fragment.c joins
 *   icmp6.c      ICMPv6 in, and what is said by ICMPv6
 *   nd.c         neighbour solicitations and advertisements
 *   address6.c   addresses of interfaces: their life, and detection of duplicates
 *   router.c     what routers tell: advertisements, redirects; soliciting them
 *   route6.c     the way to an address
 *   select6.c    which of our addresses to speak from
 *   mld.c        groups of which we tell that we listen
 *   output6.c    headers, and packets of our own out
 */
#ifndef ELEVEN_IP_STATE6_H
#define ELEVEN_IP_STATE6_H

#include "ip/ip.h"
#include "wire/icmp6.h"
#include "wire/ipv6.h"

#define IP6_HOP_LIMIT        64u        /* until a router says another */
#define IP6_ADDRESSES_MAX    8u         /* of one interface, link-local too */
#define IP6_PREFIXES_MAX     8u         /* on one link */
#define IP6_ROUTERS_MAX      4u         /* of one link: RFC 4861 §6.3.4 asks for two at least */
#define IP6_ROUTES_MAX       8u         /* more specific ones of one link: RFC 4191 */
#define IP6_REDIRECTS_MAX    8u         /* destinations that have another first hop */
#define IP6_REACHABLE_NS     SEC(30)    /* RFC 4861 §10 REACHABLE_TIME */
#define IP6_RETRANS_NS       SEC(1)     /* RETRANS_TIMER */
#define IP6_DELAY_NS         SEC(5)     /* DELAY_FIRST_PROBE_TIME */
#define IP6_HEADERS_MAX      8u         /* extension headers of a packet; RFC 8504 §5.3 allows a limit */
#define IP6_UNFRAGMENTABLE_MAX 128u     /* bytes of headers in front of a Fragment header, the fixed one included */
#define IP6_ERROR_BYTES      IPV6_MTU_LEAST     /* most that an ICMPv6 error has: RFC 4443 §2.4 (c) */

enum address6_state {
	ADDRESS6_TENTATIVE,             /* being asked for on the link; not ours yet: RFC 4862 §5.4 */
	ADDRESS6_PREFERRED,
	ADDRESS6_DEPRECATED,            /* goes on for what uses it: RFC 4862 §5.5.4 */
	ADDRESS6_DUPLICATE,             /* somebody else has it: never used */
};

struct address6 {
	struct address address;
	uint8_t prefix_bits;
	uint8_t state;                  /* enum address6_state */
	bool configured;                /* by the user or the link: lives for ever; else by a router's prefix */
	uint8_t duplicates;             /* RFC 7217 DAD_Counter */
	bool solicit_ready;             /* TENTATIVE: a solicitation is due and waits for ip_output() */
	uint64_t dad_until;             /* TENTATIVE: ours if nobody has answered by then; 0: not asked yet */
	uint64_t preferred_until, valid_until;  /* TIME_NEVER: for ever */
};

struct prefix6 {                        /* on the link: RFC 4861 §5.1 */
	struct address prefix;
	uint8_t bits;
	bool configured;                /* of an address that the user gave: no router takes it away */
	uint64_t until;
};

struct router6 {
	struct address address;
	bool configured;
	int8_t preference;              /* RFC 4191 §2.1: 1, 0, -1 */
	uint64_t until;
};

struct route6 {                         /* by a router, to a prefix: RFC 4191 §2.3 */
	struct address prefix, router;
	uint8_t bits;
	int8_t preference;
	uint64_t until;
};

struct redirect6 {
	bool used;
	uint8_t interface;
	struct address destination, first_hop;
	uint64_t since;
};

struct interface6 {
	bool on;                        /* speaks IPv6 */
	bool autoconfigure;             /* heeds routers: RFC 4862 */
	bool disabled;                  /* its link-local address is somebody else's: RFC 4862 §5.4.5 */
	uint8_t hop_limit;
	uint8_t address_count, prefix_count, router_count, route_count;
	uint8_t router_turn;            /* where round robin goes on while none is reachable */
	uint32_t mtu;
	uint64_t reachable_base_ns, reachable_ns, retrans_ns;
	uint64_t solicit_at, solicit_interval_ns;       /* routers: RFC 7559; solicit_at TIME_NEVER: not any more */
	bool solicit_ready;
	uint64_t report_at;             /* groups: when a report is due; TIME_NEVER: none */
	uint8_t reports_left;
	bool report_ready;
	struct address6 addresses[IP6_ADDRESSES_MAX];   /* the first is link-local */
	struct prefix6 prefixes[IP6_PREFIXES_MAX];
	struct router6 routers[IP6_ROUTERS_MAX];
	struct route6 routes[IP6_ROUTES_MAX];
};

struct ip;
struct interface;
struct neighbour;

/* A packet's headers as they are walked along. */
struct chain6 {
	const uint8_t *bytes;           /* of the packet */
	uint32_t end;                   /* its length */
	uint32_t at;                    /* where the next header begins */
	uint32_t named_at;              /* where its kind is told: a Next Header field */
	uint8_t kind;                   /* IPV6_… */
	uint8_t headers;                /* walked over */
	bool walked_fixed;              /* something was: hop-by-hop options may not follow */
	bool multicast;                 /* to a group: some options are then not answered */
	bool in_first_fragment;         /* cut short, that is no header at all: RFC 7112 */
	uint8_t problem;                /* code of the Parameter Problem to answer with, when `answer` */
	bool answer;
	uint32_t pointer;
};

/* ---- extension.c */

/*
 * Walks over hop-by-hop, destination and routing headers up to a Fragment header or what they carry.  RULE_NONE: it is
 * at one of these, and bytes of it are there; else why the packet is dropped, and in the chain what to answer.
 */
enum rule extension_walk(struct chain6 *chain);

/* ---- input6.c */

enum ip_input ipv6_input(struct ip *ip, const struct eleven_packet *packet, const uint8_t *bytes, uint32_t length,
			 bool link_group, struct ip_datagram *datagram, struct ip_error *error);
/* Is this a group we listen to on the interface? */
bool group6_is_ours(const struct interface6 *six, const struct address *group);

/* ---- fragment6.c */

/* Takes a fragment whose Fragment header is at `chain->at`; true when it completed a datagram, which is filled in. */
bool fragment6_input(struct ip *ip, const struct ipv6 *packet, struct chain6 *chain, uint8_t interface,
		     struct ip_datagram *datagram);

/* ---- icmp6.c */

enum ip_input icmp6_input(struct ip *ip, const struct ip_datagram *datagram, struct ip_error *error);
/* Sends an error about a datagram whose headers and payload lie at datagram->header, if it may be: RFC 4443 §2.4. */
void icmp6_send_error(struct ip *ip, const struct ip_datagram *datagram, uint8_t type, uint8_t code, uint32_t rest);

/* ---- nd.c */

/* RFC 4861 §7: a message that has passed the checks common to all of discovery. */
void nd_solicitation_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message);
void nd_advertisement_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message);
/* Writes the solicitation that the neighbour waits for into ip->out: its length. */
uint32_t nd_write_request(struct ip *ip, struct neighbour *neighbour, uint8_t *number);
/* Writes the solicitation that detects duplicates of a tentative address: RFC 4862 §5.4.2. */
uint32_t nd_write_probe(struct ip *ip, uint8_t number, struct address6 *address);

/* ---- address6.c */

/* Makes the interface speak IPv6: its link-local address. */
void interface6_start(struct ip *ip, uint8_t number, bool autoconfigure);
/* 0, -EEXIST, -ENOSPC. `until`s: TIME_NEVER for configured ones. */
int address6_add(struct ip *ip, uint8_t number, const struct address *address, uint8_t prefix_bits, bool configured,
		 uint8_t duplicates);
/* One that is assigned (not tentative), of the interface; NULL: none. */
struct address6 *address6_on(struct interface6 *six, const struct address *address);
/* The same of any interface: its number, or -1. */
int address6_interface(const struct ip *ip, const struct address *address);
static inline bool address6_is_assigned(const struct address6 *a)
{
	return a->state == ADDRESS6_PREFERRED || a->state == ADDRESS6_DEPRECATED;
}
/* Somebody else has a tentative address: RFC 4862 §5.4.5. */
void address6_duplicate(struct ip *ip, uint8_t number, struct address6 *address);
/* A stable address for the prefix, of 64 bits: RFC 7217 §5. */
struct address address6_stable(const struct ip *ip, uint8_t number, const struct address *prefix, uint8_t duplicates);
void address6_timers(struct ip *ip);
uint64_t address6_deadline(const struct ip *ip);

/* ---- router.c */

void router_advertisement_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message);
void redirect_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message);
/* A neighbour tells that it is no router any more: RFC 4861 §7.2.5. */
void router_forget(struct ip *ip, uint8_t number, const struct address *address);
uint32_t router_write_solicitation(struct ip *ip, uint8_t number);
/* Begins to ask for routers. */
void router_solicit(struct ip *ip, uint8_t number);
void router_timers(struct ip *ip);
uint64_t router_deadline(const struct ip *ip);

/* ---- route6.c */

/* As ip_route_by(). */
int route6_find(const struct ip *ip, const struct address *remote, const struct address *local, int by,
		struct ip_route *route);
/* The first hop on the way to a unicast destination over the interface; false: there is none. */
bool route6_first_hop(const struct ip *ip, uint8_t number, const struct address *remote, struct address *first_hop);
bool route6_is_on_link(const struct interface6 *six, const struct address *remote);
/* A way by a router on the interface's link, for ever: 0, -EINVAL, -ENETUNREACH (not on it), -ENOSPC, -EEXIST. */
int route6_add(struct ip *ip, uint8_t number, const struct address *prefix, uint8_t bits, const struct address *router);
/* The same of the interface on whose link the router is. */
int route6_given(struct ip *ip, const struct address *prefix, uint8_t bits, const struct address *router);

/* ---- select6.c */

/* The source that RFC 6724 §5 chooses on the interface; NULL: there is none. */
const struct address *select6_source(const struct ip *ip, uint8_t number, const struct address *destination);

/* ---- mld.c */

/* An address, and so a group, has been added or removed. */
void mld_changed(struct ip *ip, uint8_t number);
void mld_query_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message);
uint32_t mld_write_report(struct ip *ip, uint8_t number);
void mld_timers(struct ip *ip);
uint64_t mld_deadline(const struct ip *ip);

/* ---- output6.c */

struct ip_header_fields;
struct reply;
int ip6_header_write(struct ip *ip, const struct ip_route *route, const struct address *local,
		     const struct address *remote, const struct ip_header_fields *fields, uint8_t *out);
/* The next packet of an ICMPv6 message into ip->out: its length, or 0 when its way is gone. */
uint32_t reply6_write(struct ip *ip, struct reply *reply);
/*
 * Frame and header of a message that goes to the link itself, to `to_mac` or, if NULL, to the group's.  Returns where
 * the payload goes in ip->out; link6_finish() puts in length and checksum and returns the length of all.
 */
uint8_t *link6_begin(struct ip *ip, uint8_t number, const struct mac *to_mac, const struct address *source,
		     const struct address *destination, uint8_t hop_limit, bool router_alert);
uint32_t link6_finish(struct ip *ip, uint8_t number, uint8_t *payload, uint32_t payload_bytes);
/* The next packet that discovery has to say: 0: none. */
uint32_t discovery_output(struct ip *ip, uint8_t *number);

#endif
