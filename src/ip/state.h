/* SPDX-License-Identifier: MIT */
/*
 * The state of the network floor, shared by the files of this folder and by nobody else.
 *
 *   input.c      packets in: Ethernet, the checks of IPv4, who gets the payload
 *   fragment.c   reassembly
 *   icmp.c       ICMP in, and what is said by ICMP
 *   reply.c      ICMP messages out until their neighbour is known
 *   neighbour.c  the cache of link addresses
 *   arp.c        ARP in, and what is said by ARP
 *   interface.c  interfaces and their addresses
 *   route.c      the way to an address
 *   gateway.c    which of several gateways
 *   identify.c   identifications of what may be fragmented
 *   output.c     headers, and packets of our own out
 *   ip.c         memory and time
 *
 * and those of IPv6, which state6.h names.
 *
 * Limits: fragments_max datagrams in fragment_bytes bytes of blocks; neighbours_max neighbours, at
 * most half of them unresolved, and as many peers in the next-hop cache and with a counter of identifications, placed
 * by keyed hash; replies_max ICMP messages in as many blocks; and what is named below.
 */
#ifndef ELEVEN_IP_STATE_H
#define ELEVEN_IP_STATE_H

#include "base/pool.h"
#include "base/siphash.h"
#include "base/table.h"
#include "base/time.h"
#include "ip/block.h"
#include "ip/ip.h"
#include "ip/list.h"
#include "ip/state6.h"
#include "trace/trace.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"

#define IP_TTL_DEFAULT        64u       /* of ICMP messages; the assigned number of RFC 1700 */
#define IP_ICMP_ERROR_BYTES   576u      /* most that an ICMP error has, IP header included: RFC 1812 §4.3.2.3 */
#define IP_ICMP_BURST_MAX     50u       /* errors at once after silence, within icmp_rate; Linux's icmp_msgs_burst */
#define IP_ATOMIC_BYTES       576u      /* what every host takes (RFC 791 §3.1): sent with DF, which needs no ID */
#define IP_ROUTES_MAX         32u       /* those of the interfaces too */
#define IP_NEXT_HOP_KEEP_NS   SEC(600)  /* after that the first is tried again; ten minutes, as Linux keeps a route */
#define IP_GATEWAY_AGAIN_NS   SEC(60)   /* a dead gateway is asked for again, while others are used */
#define IP_ARP_REPLIES_MAX    32u       /* ARP replies waiting to be sent; who gets none asks again */
#define IP_ARP_ANNOUNCES      2u        /* RFC 5227 §1.1 ANNOUNCE_NUM */
#define IP_ARP_ANNOUNCE_NS    SEC(2)    /* ANNOUNCE_INTERVAL */
#define IP_ARP_DEFEND_NS      SEC(10)   /* DEFEND_INTERVAL */
#define IP_ARP_PROBE_WAIT_NS  SEC(1)    /* PROBE_WAIT, and PROBE_MAX - PROBE_MIN: chosen by chance up to it */
#define IP_ARP_PROBE_MIN_NS   SEC(1)    /* PROBE_MIN */
#define IP_ARP_WAIT_NS        SEC(2)    /* ANNOUNCE_WAIT */
#define IP_ARP_AGAIN_NS       SEC(60)   /* RATE_LIMIT_INTERVAL: an address that another has is probed for again */

/* ---- interfaces */

struct interface {
	struct eleven_interface given;
	uint32_t address, mask;         /* IPv4, host order */
	struct mac mac;
	bool tentative;                 /* its IPv4 address is being probed for, or another's: not used */
	uint8_t probes_left;
	uint8_t announces_left;         /* gratuitous ARP requests to send */
	bool announce_ready;            /* a probe or one of those is due and waits for ip_output() */
	uint64_t announce_at;           /* when the next is due; tentative without probes left: when it is ours */
	uint64_t defend_from;           /* a conflict before this is not answered */
	struct interface6 six;
};

struct route {
	uint32_t network, mask;
	uint32_t gateway;               /* 0: all of it is on the link */
	uint8_t prefix_bits;
	uint8_t interface;
};

struct next_hop {                       /* of the next-hop cache, RFC 1122 §3.3.1.3 */
	uint32_t remote;
	uint32_t gateway;               /* 0: empty */
	uint64_t until;
};

/* ---- neighbours: neighbour.c */

enum neighbour_state {
	NEIGHBOUR_INCOMPLETE,           /* asked for by broadcast, once a second; no MAC */
	NEIGHBOUR_REACHABLE,            /* MAC known; past reachable_until it is stale: used, not trusted */
	NEIGHBOUR_DELAY,                /* IPv6: was stale and is used; probed in 5 s if nothing confirms it */
	NEIGHBOUR_PROBE,                /* was stale and is used: MAC in use, asked for by unicast, once a second */
	NEIGHBOUR_FAILED,               /* never answered; nothing is asked until `next` */
};

struct neighbour {
	uint32_t pool_link;
	uint32_t hash;                  /* of interface and address, as in the table */
	struct address address;
	struct mac mac;                 /* REACHABLE and PROBE */
	uint8_t interface;
	uint8_t state;                  /* enum neighbour_state */
	uint8_t tries;                  /* requests since the state began */
	bool request_queued;            /* in neighbours.requests */
	bool silent;                    /* did not answer, and has not since: as a gateway it is dead */
	bool is_router;                 /* IPv6: as its advertisements say */
	uint32_t held;                  /* latest ICMP message that waits for it, index + 1: RFC 1122 §2.3.2.2 */
	uint64_t next;                  /* of those that wait: next request or the end; FAILED: when to ask again */
	uint64_t reachable_until;
	uint64_t changed;               /* when the MAC was last set */
	struct list_link use, waiting, request;
};

struct neighbours {
	struct pool pool;
	struct table table;
	struct list unresolved;         /* INCOMPLETE and FAILED, oldest first */
	struct list resolved;           /* REACHABLE and PROBE, least recently used first */
	struct list waiting;            /* INCOMPLETE, DELAY and PROBE by `next` */
	struct list requests;           /* an ARP request is to be sent */
	uint32_t unresolved_max;
	uint32_t epoch;                 /* changes when waiting for a neighbour may have an end */
	uint64_t retry_at;              /* one waited for was thrown out: who waits asks again then; 0: none */
};

/* ---- fragments: fragment.c */

#define IP_FRAGMENT_HEADER_MAX (IP6_UNFRAGMENTABLE_MAX + IPV6_FRAGMENT_BYTES)

struct fragment {                       /* one that comes in, of either family */
	struct address source, destination;
	uint32_t id;
	uint32_t offset;
	const uint8_t *payload;
	uint32_t payload_bytes;
	const uint8_t *header;          /* all in front of the payload: of IPv6 the Fragment header too */
	uint16_t header_bytes;
	uint16_t named_at;              /* IPv6: the Next Header field that tells of the Fragment header */
	uint8_t protocol;               /* IPv6: IPV6_FRAGMENT */
	uint8_t next_header;            /* IPv6: of the Fragment header */
	uint8_t interface, tos, ttl;
	bool more;
};

struct assembly {
	uint32_t pool_link;
	uint32_t hash;                  /* of the key, as in the table */
	struct address source, destination;
	uint32_t id;
	uint8_t protocol;               /* these four are the key, RFC 791 §3.2; IPv6: IPV6_FRAGMENT, RFC 8200 §4.5 */
	uint8_t interface;              /* of the fragment that came first */
	bool refused;                   /* broken: what is still to come is dropped; holds no blocks */
	uint8_t ecn_seen;               /* bits 1 << codepoint */
	uint8_t tos, ttl;               /* of the first fragment */
	uint8_t header_bytes;           /* of `header`; 0: the first fragment is not here */
	uint8_t named_at, next_header;  /* IPv6, as in the first fragment */
	uint16_t fragments;             /* held */
	uint32_t total;                 /* payload bytes of the whole; 0: the last fragment is not here */
	uint32_t held;                  /* payload bytes here; as no two overlap, held == total means all is here */
	uint32_t first, last;           /* blocks that begin the fragments of lowest and highest offset, index + 1 */
	uint64_t deadline;
	struct list_link age, use;
	uint8_t header[IP_FRAGMENT_HEADER_MAX]; /* of the first fragment, for ICMP errors */
};

struct fragments {
	struct pool pool;               /* struct assembly */
	struct table table;
	struct pool blocks;
	struct list age;                /* oldest first, so also by deadline */
	struct list use;                /* longest without a fragment first: thrown out first */
	uint8_t *whole;                 /* IP_FRAGMENT_HEADER_MAX bytes for the header, then the joined payload */
	uint32_t whole_bytes;           /* room for payload */
	uint32_t steps_most;            /* fragments looked at for the place of one, at most so far */
};

/* ---- ICMP and ARP messages of our own: reply.c, arp.c, output.c */

struct reply {                          /* an ICMP message to be sent */
	uint32_t pool_link;
	uint32_t chain;                 /* the message, without IP header */
	struct address local, remote;
	struct ip_route route;
	uint8_t tos;
	uint8_t hop_limit;              /* 0: the usual one */
	uint32_t id;                    /* of its fragments */
	uint32_t bytes, sent;           /* of the message; those sent, if it takes several packets */
	struct list_link queue;
};

struct replies {
	struct pool pool;
	struct pool blocks;
	struct list ready;              /* neighbour known: to be sent */
	uint64_t tokens_ns;             /* bucket of errors: one costs token_ns, tokens_max_ns are saved at most */
	uint64_t token_ns, tokens_max_ns;       /* 1 s / icmp_rate; a burst */
	uint64_t filled;                /* when tokens_ns was last brought up to date */
};

struct arp_reply {
	struct mac mac;
	struct address address;
	uint8_t interface;
};

struct identity {                       /* the counter of a peer's identifications */
	uint32_t local, remote;
	uint8_t protocol;
	bool taken;
	uint16_t next;
	uint64_t full_at;               /* when the allowance is whole again (RFC 6864 §5.2) */
};

struct ip {
	struct trace *trace;
	uint64_t now;                   /* the latest seen; never goes back */
	struct siphash_key key;
	struct interface interfaces[IP_INTERFACES_MAX];
	uint32_t interface_count;
	bool six;                       /* one of them speaks IPv6 */
	struct route routes[IP_ROUTES_MAX];
	uint32_t route_count, gateways; /* how many, and those with a gateway */
	struct next_hop *next_hops;     /* `peers` of them */
	uint64_t gateways_again;        /* when to ask for dead ones; TIME_NEVER: all live */
	struct neighbours neighbours;
	struct fragments fragments;
	struct replies replies;
	struct arp_reply arp_replies[IP_ARP_REPLIES_MAX];
	uint32_t arp_first, arp_count;  /* ring */
	uint8_t address_probes;         /* before an address is used */
	bool strong_host;               /* an address is ours only by its own interface: RFC 1122 §3.3.4.2 */
	struct identity *ids;           /* `peers` of them */
	uint32_t peers;
	uint64_t id_at;                 /* when who waits for an identification may have one; TIME_NEVER: nobody */
	struct redirect6 redirects[IP6_REDIRECTS_MAX];
	struct siphash_key stable_key;  /* of addresses that routers' prefixes give: RFC 7217 */
	uint64_t chances;               /* numbers drawn so far */
	uint8_t *out;                   /* the packet that ip_output() lends */
	uint32_t out_bytes;
};

/* ---- ip.c */

void ip_clock(struct ip *ip, uint64_t now);
/* Counts a rule, and records it with the two addresses: for what concerns somebody's connection. */
void ip_rule(struct ip *ip, enum rule rule, const struct address *local, const struct address *remote,
	     uint8_t interface);

/* A number below `bound`, from the seed. */
uint64_t ip_chance(struct ip *ip, uint64_t bound);

/* ---- interface.c */

/* The interface that has this address, or NULL. */
const struct interface *interface_of(const struct ip *ip, uint32_t address);
/* All ones or, in the old form, all zeros behind the prefix; a link of two or one has none (RFC 3021). */
static inline bool route_is_subnet_broadcast(const struct interface *interface, uint32_t address)
{
	uint32_t host = address & ~interface->mask;

	return ((address ^ interface->address) & interface->mask) == 0 && (host == 0 || host == ~interface->mask) &&
	       interface->given.prefix_bits <= 30;
}

/* A broadcast address, limited or of one of our subnets, in the old form (all zero) too: RFC 1122 §3.3.6. */
bool route_is_broadcast(const struct ip *ip, uint32_t address);
/* What no host may have: 0/8, 127/8, 224/3. */
bool address_is_no_host(uint32_t address);
static inline struct address address_given(const struct eleven_address *given)
{
	struct address address;

	memcpy(address.bytes, given->bytes, sizeof(address.bytes));
	return address;
}

/* ---- route.c */

/* There must be room. */
void route_enter(struct ip *ip, struct route route);
static inline bool route_has(const struct route *route, uint32_t remote)
{
	return ((remote ^ route->network) & route->mask) == 0;
}
/* Is `address` reached on this link without a gateway, or a gateway there? */
bool route_is_neighbour(const struct ip *ip, uint8_t interface, uint32_t address);
/* The best by prefix, then `local`'s, then as added; NULL: none. */
const struct route *route_best(const struct ip *ip, uint32_t remote, uint32_t local);

/* ---- gateway.c */

/* `best`, or another to the same subnet: the one that the remote has in the next-hop cache, or the first that lives. */
const struct route *gateway_choose(const struct ip *ip, const struct route *best, uint32_t remote, uint32_t local);
/* A neighbour has fallen silent, perhaps a gateway. */
void gateway_silent(struct ip *ip);
/* Asks for those that are dead, if it is time. */
void gateways_ask(struct ip *ip);

/* ---- neighbour.c */

size_t neighbours_bytes(const struct eleven_config *config);
void neighbours_init(struct ip *ip, uint8_t *memory, const struct eleven_config *config);
/* 0 and the MAC, -EAGAIN, -EHOSTUNREACH; asks if need be.  The entry is left in *entry unless NULL. */
int neighbour_resolve(struct ip *ip, uint8_t interface, const struct address *address, struct mac *mac,
		      struct neighbour **entry);
struct neighbour *neighbour_find(const struct ip *ip, uint8_t interface, const struct address *address);
/* Somebody doubts that it is there: its next use asks. */
void neighbour_doubt(struct ip *ip, struct neighbour *neighbour);
/* The neighbour says it has this MAC; `asked`: in a reply to us. */
void neighbour_heard(struct ip *ip, struct neighbour *neighbour, const struct mac *mac, bool asked);
/* Enters one that asked for us, while there is room: it will be talked to at once. */
void neighbour_learn(struct ip *ip, uint8_t interface, const struct address *address, const struct mac *mac);
/* The MAC is this; `confirmed`: and it can be reached now, else it is used and not trusted. */
void neighbour_set(struct ip *ip, struct neighbour *neighbour, const struct mac *mac, bool confirmed);
/* IPv6: what was sent there has come to something (RFC 4861 §7.3.1). */
void neighbour_confirm(struct ip *ip, uint8_t interface, const struct address *address);
void neighbours_timers(struct ip *ip);
uint64_t neighbours_deadline(const struct ip *ip);

/* ---- arp.c */

void arp_input(struct ip *ip, uint8_t interface, const uint8_t *bytes, size_t n);
/* Writes the next ARP frame into ip->out: its length, 0 for none, and the interface it goes out by. */
uint32_t arp_output(struct ip *ip, uint8_t *interface);
void arp_timers(struct ip *ip);
/* A new interface with an IPv4 address: probes for it, if so configured, then announces it. */
void arp_start(struct ip *ip, struct interface *interface);
uint64_t arp_deadline(const struct ip *ip);

/* ---- fragment.c */

size_t fragments_bytes(const struct eleven_config *config);
void fragments_init(struct ip *ip, uint8_t *memory, const struct eleven_config *config);
/* Takes a fragment; true when it completed a datagram, which then is filled in. */
bool fragment_input(struct ip *ip, const struct fragment *fragment, struct ip_datagram *datagram);
void fragments_timers(struct ip *ip);
uint64_t fragments_deadline(const struct ip *ip);

/* ---- icmp.c */

enum ip_input icmp_input(struct ip *ip, const struct ip_datagram *datagram, struct ip_error *error);
/* Sends an ICMP error about a datagram whose header and `payload_bytes` of payload are given, if it may be. */
void icmp_send_error(struct ip *ip, const struct ip_datagram *datagram, uint8_t type, uint8_t code, uint32_t rest);

/* ---- reply.c */

size_t replies_bytes(const struct eleven_config *config);
void replies_init(struct ip *ip, uint8_t *memory, const struct eleven_config *config);
/* Most bytes of a message that can wait to be sent. */
uint32_t replies_message_max(const struct eleven_config *config);
/* A message of `head` (the ICMP header, its checksum zero) and `tail`; false when it cannot be sent. */
bool reply_send(struct ip *ip, const struct address *local, const struct address *remote, uint8_t tos,
		uint8_t head[ICMP_HEADER_BYTES], const uint8_t *tail, uint32_t tail_bytes);
/* The same over a way that is known: IPv6 only. `hop_limit` 0: the usual one. */
bool reply_send_by(struct ip *ip, const struct ip_route *route, const struct address *remote, uint8_t tos,
		   uint8_t hop_limit, uint8_t head[ICMP_HEADER_BYTES], const uint8_t *tail, uint32_t tail_bytes);
/* Takes an error from the bucket of icmp_rate; false: it is empty. */
bool reply_error_allowed(struct ip *ip);
/* The message's neighbour is known: it may go; or has failed: it is thrown away. */
void reply_release(struct ip *ip, uint32_t held);
void reply_drop(struct ip *ip, uint32_t held);

/* ---- output.c */

struct ip_header_fields {
	uint8_t protocol, ttl, tos;
	bool dont_fragment, more_fragments;
	uint16_t id;
	uint32_t fragment_offset, payload_bytes;
};

/* As ip_header(). */
int ip_header_write(struct ip *ip, const struct ip_route *route, const struct address *local,
		    const struct address *remote, const struct ip_header_fields *fields, uint8_t *out);

/* ---- identify.c */

/* An identification not given to this peer and protocol within two minutes; false: there is none now. */
bool identify(struct ip *ip, const struct address *local, const struct address *remote, uint8_t protocol,
	      uint16_t *id);
void identify_timers(struct ip *ip);

#endif
