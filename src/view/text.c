/* SPDX-License-Identifier: MIT */
/* Small texts; see text.h. */
#include "view/text.h"

#include <arpa/inet.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/address.h"

size_t text_escape(char *out, size_t n, const char *in, size_t in_bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < in_bytes && in[i] != '\0'; i++) {
		unsigned char c = (unsigned char)in[i];
		bool plain = c >= 0x20 && c < 0x7f && c != '\\';
		size_t need = plain ? 1 : 4;

		if (used + need >= n)
			break;
		if (plain)
			out[used] = (char)c;
		else
			snprintf(out + used, n - used, "\\x%02x", c);
		used += need;
	}
	if (n > 0)
		out[used] = '\0';
	return used;
}

bool text_address_is_any(const struct eleven_address *address)
{
	struct address a;

	memcpy(a.bytes, address->bytes, sizeof(a.bytes));
	return address_is_any(&a);
}

const char *text_endpoint(char out[TEXT_ENDPOINT_MAX], const struct eleven_endpoint *endpoint)
{
	struct address a;
	size_t used;

	memcpy(a.bytes, endpoint->address.bytes, sizeof(a.bytes));
	if (address_is_any(&a))
		a = address_v4(0);
	if (!address_is_v4(&a))
		return text_endpoint_of(out, 6, endpoint);
	used = address_print(out, TEXT_ENDPOINT_MAX, &a);
	if (endpoint->port == 0)
		snprintf(out + used, TEXT_ENDPOINT_MAX - used, ":*");
	else
		snprintf(out + used, TEXT_ENDPOINT_MAX - used, ":%u", endpoint->port);
	return out;
}

const char *text_endpoint_of(char out[TEXT_ENDPOINT_MAX], int family, const struct eleven_endpoint *endpoint)
{
	char text[INET6_ADDRSTRLEN], port[8] = "*";

	if (family != 6)
		return text_endpoint(out, endpoint);
	if (endpoint->port != 0)
		snprintf(port, sizeof(port), "%u", endpoint->port);
	inet_ntop(AF_INET6, endpoint->address.bytes, text, sizeof(text));
	snprintf(out, TEXT_ENDPOINT_MAX, "[%s]:%s", text, port);
	return out;
}

bool text_endpoint_parse(struct eleven_endpoint *endpoint, const char *text)
{
	char address_text[TEXT_ENDPOINT_MAX];
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	struct address address;

	memset(endpoint, 0, sizeof(*endpoint));
	if (n == 0 && colon == NULL)
		return false;
	if (address_parse(&address, text)) {    /* one of IPv6 alone has colons, too */
		memcpy(endpoint->address.bytes, address.bytes, sizeof(address.bytes));
		return true;
	}
	if (text[0] == '[') {                   /* [address] or [address]:port */
		const char *end = strchr(text, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		text++;
		n = (size_t)(end - text);
		colon = end[1] == ':' ? end + 1 : NULL;
	}
	if (n > 0) {
		if (n >= sizeof(address_text))
			return false;
		memcpy(address_text, text, n);
		address_text[n] = '\0';
		if (!address_parse(&address, address_text))
			return false;
		memcpy(endpoint->address.bytes, address.bytes, sizeof(address.bytes));
	}
	if (colon != NULL) {
		char *end;
		unsigned long port = strtoul(colon + 1, &end, 10);

		if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port == 0 || port > 65535)
			return false;
		endpoint->port = (uint16_t)port;
	}
	return true;
}

const char *text_duration(char out[TEXT_TIME_MAX], uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	if (ns < 1000000)
		snprintf(out, TEXT_TIME_MAX, "%u us", (unsigned)(ns / 1000));
	else if (s < 1)
		snprintf(out, TEXT_TIME_MAX, "%u ms", (unsigned)(ns / 1000000));
	else if (s < 10)
		snprintf(out, TEXT_TIME_MAX, "%u.%u s", (unsigned)s, (unsigned)(ns / 100000000 % 10));
	else if (s < 120)
		snprintf(out, TEXT_TIME_MAX, "%u s", (unsigned)s);
	else if (s < 7200)
		snprintf(out, TEXT_TIME_MAX, "%u min %u s", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		snprintf(out, TEXT_TIME_MAX, "%llu h %u min", (unsigned long long)(s / 3600), (unsigned)(s / 60 % 60));
	return out;
}

static const struct {
	const char *netstat, *rfc;
} state_names[ELEVEN_STATES] = {
	[ELEVEN_CLOSED] = { "CLOSE", "CLOSED" },
	[ELEVEN_LISTEN] = { "LISTEN", "LISTEN" },
	[ELEVEN_SYN_SENT] = { "SYN_SENT", "SYN-SENT" },
	[ELEVEN_SYN_RECEIVED] = { "SYN_RECV", "SYN-RECEIVED" },
	[ELEVEN_ESTABLISHED] = { "ESTABLISHED", "ESTABLISHED" },
	[ELEVEN_FIN_WAIT_1] = { "FIN_WAIT1", "FIN-WAIT-1" },
	[ELEVEN_FIN_WAIT_2] = { "FIN_WAIT2", "FIN-WAIT-2" },
	[ELEVEN_CLOSE_WAIT] = { "CLOSE_WAIT", "CLOSE-WAIT" },
	[ELEVEN_CLOSING] = { "CLOSING", "CLOSING" },
	[ELEVEN_LAST_ACK] = { "LAST_ACK", "LAST-ACK" },
	[ELEVEN_TIME_WAIT] = { "TIME_WAIT", "TIME-WAIT" },
};

const char *text_state_netstat(enum eleven_state state)
{
	return (unsigned)state < ELEVEN_STATES ? state_names[state].netstat : "UNKNOWN";
}

const char *text_state_rfc(enum eleven_state state)
{
	return (unsigned)state < ELEVEN_STATES ? state_names[state].rfc : "UNKNOWN";
}

bool text_state_parse(enum eleven_state *state, const char *text)
{
	for (unsigned i = 0; i < ELEVEN_STATES; i++) {
		if (strcasecmp(text, state_names[i].netstat) == 0 || strcasecmp(text, state_names[i].rfc) == 0) {
			*state = (enum eleven_state)i;
			return true;
		}
	}
	return false;
}

const char *text_paragraph(char out[TEXT_PARAGRAPH_MAX], const struct eleven_rule *rule)
{
	bool bare = rule->paragraph[0] >= '0' && rule->paragraph[0] <= '9';

	snprintf(out, TEXT_PARAGRAPH_MAX, "%s%s", bare ? "§" : "", rule->paragraph);
	return out;
}

/* ---------------------------------------------------------------- UTF-8 and its fallback */

static const struct {
	const char *utf8, *ascii;
} fallbacks[] = {
	{ "─", "-" }, { "│", "|" }, { "┌", "+" }, { "┐", "+" }, { "└", "+" }, { "┘", "+" },
	{ "├", "+" }, { "┤", "+" }, { "┬", "+" }, { "┴", "+" }, { "┼", "+" }, { "╭", "+" },
	{ "╮", "+" }, { "╯", "+" }, { "╰", "+" }, { "▶", ">" }, { "◀", "<" }, { "▼", "v" },
	{ "▲", "^" }, { "✗", "X" }, { "╎", ":" }, { "╌", "-" }, { "·", "." }, { "…", "~" },
	{ "↳", "`" }, { "═", "=" }, { "┊", ":" }, { "→", ">" }, { "§", "sec. " },
};

static size_t utf8_bytes(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

void text_put(FILE *out, const char *text, bool ascii)
{
	if (!ascii) {
		fputs(text, out);
		return;
	}
	while (*text != '\0') {
		size_t n = strnlen(text, utf8_bytes((unsigned char)*text));
		const char *found = "?";

		if (n == 1 && (unsigned char)*text < 0x80) {
			fputc(*text++, out);
			continue;
		}
		for (size_t i = 0; i < sizeof(fallbacks) / sizeof(fallbacks[0]); i++) {
			if (strlen(fallbacks[i].utf8) == n && memcmp(fallbacks[i].utf8, text, n) == 0)
				found = fallbacks[i].ascii;
		}
		fputs(found, out);
		text += n;
	}
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	for (; *text != '\0'; text++)
		columns += ((unsigned char)*text & 0xc0) != 0x80;
	return columns;
}

bool text_utf8_wanted(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool wanted;

	if (locale == (locale_t)0)
		return false;
	wanted = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return wanted;
}
