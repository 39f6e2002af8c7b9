/* SPDX-License-Identifier: MIT */
/* Values in a filter: numbers, ports, times, endpoints, states; see filter.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "view/filter_node.h"
#include "view/text.h"
#include "wire/address.h"

bool filter_number_parse(uint64_t *number, const char *text)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

/* `80`, `:80`, `:http`. */
bool filter_port_parse(uint64_t *port, const char *text)
{
	struct servent *service;

	text += *text == ':';
	if (filter_number_parse(port, text))
		return *port <= 65535;
	service = *text != '\0' ? getservbyname(text, "tcp") : NULL;
	if (service == NULL)
		return false;
	*port = ntohs((uint16_t)service->s_port);
	return true;
}

bool filter_duration_parse(uint64_t *ns, const char *text)
{
	static const struct { const char *unit; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "", 1e9 }, { "s", 1e9 }, { "m", 60e9 }, { "min", 60e9 },
		{ "h", 3600e9 }, { "d", 86400e9 },
	};
	char *end;
	double value = strtod(text, &end);

	if (!(isdigit((unsigned char)text[0]) || text[0] == '.') || !(value >= 0 && value < 1e9))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ns = value * units[i].ns < 9e18 ? (uint64_t)(value * units[i].ns) : 9000000000000000000u;
			return true;
		}
	}
	return false;
}

/* An address without its prefix: both families, `10.0` for 10.0.0.0, a name. `bits` are how many of it were given. */
static bool address_read(struct filter_end *end, unsigned *bits, const char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	struct address a;
	uint8_t v6[16];
	unsigned parts = 0, value[4] = { 0 };
	const char *at = text;

	if (strchr(text, ':') != NULL) {
		*bits = 128;
		if (inet_pton(AF_INET6, text, v6) != 1)
			return false;
		memcpy(end->address.bytes, v6, sizeof(v6));
		return true;
	}
	while (parts < 4 && isdigit((unsigned char)*at)) {
		char *rest;
		unsigned long part = strtoul(at, &rest, 10);

		if (part > 255 || (*rest != '.' && *rest != '\0'))
			return false;
		value[parts++] = (unsigned)part;
		at = rest + (*rest == '.');
		if (*rest == '\0')
			break;
	}
	if (parts > 0 && *at == '\0') {
		a = address_v4(value[0] << 24 | value[1] << 16 | value[2] << 8 | value[3]);
		memcpy(end->address.bytes, a.bytes, sizeof(a.bytes));
		*bits = 96 + 8 * parts;
		return true;
	}
	if (!isalpha((unsigned char)text[0]) || getaddrinfo(text, NULL, &hints, &found) != 0)
		return false;
	*bits = 128;
	if (found->ai_family == AF_INET6) {
		memcpy(end->address.bytes, &((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr, 16);
	} else {
		a = address_v4(ntohl(((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr.s_addr));
		memcpy(end->address.bytes, a.bytes, sizeof(a.bytes));
	}
	freeaddrinfo(found);
	return true;
}

static bool prefix_read(struct filter_end *end, const char *text, bool v4)
{
	uint64_t bits;

	if (!filter_number_parse(&bits, text) || bits > (v4 ? 32 : 128))
		return false;
	end->prefix_bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

/* `ADDRESS[/PREFIX][:PORT]`, `[IPv6]:PORT`, `IPv6`, `*:PORT`, `:PORT`. */
bool filter_end_parse(struct filter_end *end, const char *text)
{
	char copy[FILTER_WORD_MAX], *address = copy, *port = NULL, *prefix;
	uint64_t number = 0;
	unsigned bits = 0;

	memset(end, 0, sizeof(*end));
	snprintf(copy, sizeof(copy), "%s", text);
	if (copy[0] == '[') {
		char *close = strchr(copy, ']');

		if (close == NULL)
			return false;
		address = copy + 1;
		*close = '\0';
		port = close[1] == ':' ? close + 2 : NULL;
		prefix = close[1] == '/' ? close + 2 : NULL;
		if (close[1] != '\0' && port == NULL && prefix == NULL)
			return false;
		if (prefix != NULL && strchr(prefix, ':') != NULL) {
			port = strchr(prefix, ':') + 1;
			port[-1] = '\0';
		}
	} else {
		char *colon = strrchr(copy, ':');

		if (colon != NULL && strchr(copy, ':') == colon) {
			*colon = '\0';
			port = colon + 1;
		}
		prefix = strchr(copy, '/');
		if (prefix != NULL)
			*prefix++ = '\0';
	}
	if (port != NULL && strcmp(port, "*") != 0 && (!filter_port_parse(&number, port) || *port == ':'))
		return false;
	end->port = (uint16_t)number;
	if (*address == '\0' || strcmp(address, "*") == 0)
		return prefix == NULL && (port != NULL || *address == '*');
	if (!address_read(end, &bits, address))
		return false;
	/* `10/8` leaves bytes out, `10.1` alone does not mean 10.1.0.0/16 elsewhere, and does here as in ss. */
	end->prefix_bits = bits;
	return prefix == NULL || prefix_read(end, prefix, strchr(address, ':') == NULL);
}

/* ---------------------------------------------------------------- states */

#define BIT(state)   (1u << ELEVEN_##state)
#define ALL_STATES   FILTER_STATES_ALL
#define CONNECTED    (ALL_STATES & ~(BIT(LISTEN) | BIT(CLOSED)))

uint32_t filter_states_parse(const char *word)
{
	static const struct { const char *name; uint32_t states; } names[] = {
		{ "all", ALL_STATES }, { "connected", CONNECTED },
		{ "synchronized", CONNECTED & ~BIT(SYN_SENT) },
		{ "bucket", BIT(SYN_RECEIVED) | BIT(TIME_WAIT) },
		{ "big", ALL_STATES & ~(BIT(SYN_RECEIVED) | BIT(TIME_WAIT)) },
		{ "listening", BIT(LISTEN) }, { "closed", BIT(CLOSED) }, { "unconnected", BIT(CLOSED) },
		{ "syn-recv", BIT(SYN_RECEIVED) },
	};
	char dashed[32];
	enum eleven_state state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(word, names[i].name) == 0)
			return names[i].states;
	}
	if (text_state_parse(&state, word))
		return 1u << state;
	/* ss writes fin-wait-1, netstat FIN_WAIT1: any mixture of the two. */
	snprintf(dashed, sizeof(dashed), "%s", word);
	for (char *at = dashed; *at != '\0'; at++)
		*at = *at == '_' ? '-' : *at;
	return text_state_parse(&state, dashed) ? 1u << state : 0;
}
