/* SPDX-License-Identifier: MIT */
/* Changes for people; see line.h. */
#include "live/line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "view/text.h"

/* Two hundred thousand lines a second are possible, and printf() would take most of the time of them. */
static char *put(char *at, const char *text)
{
	return stpcpy(at, text);
}

static char *put_number(char *at, uint64_t number)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	while (n > 0)
		*at++ = digits[--n];
	*at = '\0';
	return at;
}

/* With leading zeros. */
static char *put_digits(char *at, unsigned number, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; number /= 10)
		at[i] = (char)('0' + number % 10);
	at[digits] = '\0';
	return at + digits;
}

/* Spaces up to a column. */
static char *put_pad(char *at, const char *from, unsigned columns)
{
	while (at < from + columns)
		*at++ = ' ';
	*at = '\0';
	return at;
}

const char *live_state_text(enum eleven_state state)
{
	return state < ELEVEN_STATES ? text_state_netstat(state) : "?";
}

static bool address_v4_mapped(const struct eleven_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

static char *put_address(char *at, const struct eleven_address *address)
{
	char plain[INET6_ADDRSTRLEN];

	if (!address_v4_mapped(address)) {
		*at++ = '[';
		at = put(at, inet_ntop(AF_INET6, address->bytes, plain, sizeof(plain)));
		return put(at, "]");
	}
	for (unsigned i = 12; i < 16; i++) {
		at = put_number(at, address->bytes[i]);
		if (i < 15)
			*at++ = '.';
	}
	return at;
}

const char *live_ends_text(char out[LINE_ENDS_MAX], const struct live_change *change)
{
	static const char *const arrows[] = { [LIVE_EITHER] = "--", [LIVE_IN] = "<-", [LIVE_OUT] = "->" };
	char *at = put_number(put(put_address(out, &change->local.address), ":"), change->local.port);

	if (change->remote.port == 0)
		return out;
	at = put(at, arrows[change->direction]);
	if (memcmp(&change->local.address, &change->remote.address, sizeof(change->local.address)) != 0)
		at = put(put_address(at, &change->remote.address), ":");
	put_number(at, change->remote.port);
	return out;
}

/* Nearly every name is plain. */
static void comm_text(char out[VIEW_COMM_MAX], const char comm[16])
{
	unsigned i = 0;

	while (i < 16 && comm[i] > ' ' && comm[i] < 0x7f && comm[i] != '\\') {
		out[i] = comm[i];
		i++;
	}
	out[i] = '\0';
	if (i == 16 || comm[i] != '\0')
		text_escape(out, VIEW_COMM_MAX, comm, 16);
}

const char *live_who_text(char out[LINE_WHO_MAX], const struct live_change *change)
{
	const struct live_who *who = &change->who;
	bool unknown = who->pid == 0 || who->how == LIVE_HOW_NONE;
	char comm[VIEW_COMM_MAX], *at;

	if (unknown && who->uid != UINT32_MAX && geteuid() != 0 && geteuid() != who->uid) {
		snprintf(out, LINE_WHO_MAX, "-(uid %u, no permission)", who->uid);
		return out;
	}
	if (unknown) {
		put(out, change->number == 0 ? "-(no socket)" : "-(unknown)");
		return out;
	}
	comm_text(comm, who->comm);
	at = put(put_number(put(put(out, comm), "["), (unsigned)who->pid), "]");
	/* Waits for accept(), or came from it and has a descriptor that is not known. */
	if (who->how == LIVE_HOW_LISTENER) {
		put(at, change->inode ? " fd ?" : " queue");
		return out;
	}
	if (who->fd >= 0 && !change->gone)
		at = put_number(put(at, " fd "), (unsigned)who->fd);
	if (change->others > 0 && !change->gone)
		put_number(put(at, " +"), change->others);
	return out;
}

/* `12:01:03.123456`, local time; the second is worked out once for all lines in it. */
static char *put_time(char *at, uint64_t wall_ns)
{
	static _Thread_local time_t known;
	static _Thread_local char known_text[16];
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm local;

	if (seconds != known || known_text[0] == '\0') {
		localtime_r(&seconds, &local);
		strftime(known_text, sizeof(known_text), "%H:%M:%S", &local);
		known = seconds;
	}
	return put_digits(put(put(at, known_text), "."), (unsigned)(wall_ns % 1000000000 / 1000), 6);
}

/* `+0.384ms`, `+2.000s`. */
static void delta_text(char out[32], uint64_t now, uint64_t last)
{
	uint64_t us = last != 0 && now > last ? (now - last + 500) / 1000 : 0, whole = us < 1000000 ? us : us / 1000;
	char *at = put_number(put(out, "+"), whole / 1000);

	put(put_digits(put(at, "."), (unsigned)(whole % 1000), 3), us < 1000000 ? "ms" : "s");
}

/* What there is to be said behind the cause. */
static char *put_details(char *at, const struct live_change *change, const struct line_options *options)
{
	if (change->unread != LIVE_UNKNOWN && change->unread > 0 && change->before != ELEVEN_CLOSED && !change->gone)
		at = put_number(put(at, "  unread "), change->unread);
	if (change->unacked != LIVE_UNKNOWN && change->unacked > 0 && change->before != ELEVEN_CLOSED &&
	    change->before != ELEVEN_SYN_SENT)
		at = put_number(put(at, "  unacked "), change->unacked);
	if (change->retransmits > 0)
		at = put_number(put(at, "  retransmits "), change->retransmits);
	if (change->sampled)
		at = put(at, "  sampled");
	if (options->home != 0 && change->netns != VIEW_ABSENT && change->netns != options->home)
		at = put_number(put(at, "  netns "), change->netns);
	return at;
}

#define WHO_LEAST  18u
#define WHO_MOST   28u
#define ENDS_LEAST 24u
#define ENDS_MOST  34u
#define CAUSE_AT   27u          /* where a cause begins that has a line of its own: below the connection */

/* A part that began at `part`, in a column that grows; `columns` NULL: a space. */
static char *put_column(char *at, const char *part, bool padded, unsigned *width, unsigned least, unsigned most)
{
	if (padded) {
		if (*width < least)
			*width = least;
		if (at - part > *width && at - part <= most)
			*width = (unsigned)(at - part);
		at = put_pad(at, part, *width);
	}
	return put(at, " ");
}

/* All parts have an end of their own: together they are shorter than LINE_MAX_BYTES. */
size_t live_line(char out[LINE_MAX_BYTES], const struct live_change *change, const struct line_options *options,
		 uint64_t *last)
{
	char delta[32], who[LINE_WHO_MAX], ends[LINE_ENDS_MAX], words[LIVE_WORDS_MAX], *at, *part, *cause;
	struct line_columns none = { 0 }, *columns = options->columns != NULL ? options->columns : &none;
	bool padded = options->columns != NULL;

	at = put(put_time(out, change->time + options->wall_offset), " ");
	delta_text(delta, change->time, *last);
	*last = change->time > *last ? change->time : *last;
	if (padded)
		at = put_pad(at, at, 10 > strlen(delta) ? 10 - (unsigned)strlen(delta) : 0);
	at = part = put(put(at, delta), " ");
	at = change->number ? put_number(put(at, "c"), change->number) : put(at, "-");
	at = part = put(padded ? put_pad(at, part, 4) : at, " ");
	at = put(at, live_who_text(who, change));
	at = part = put_column(at, part, padded, &columns->who, WHO_LEAST, WHO_MOST);
	at = put(at, live_ends_text(ends, change));
	at = part = put_column(at, part, padded, &columns->ends, ENDS_LEAST, ENDS_MOST);
	if (change->note) {
		at = put(at, change->number ? live_state_text(change->after) : "-");
	} else {
		at = put(at, live_state_text(change->before));
		at = put(padded ? put_pad(at, part, 11) : at, " -> ");
		at = put(at, live_state_text(change->after));
	}
	cause = at;
	at = put(padded ? put_pad(at, part, 26) : at, "  ");
	part = at;
	at = put_details(put(at, live_change_words(words, change)), change, options);
	if (columns->width > 0 && at - out > columns->width && part > cause && cause - out > CAUSE_AT) {
		memmove(cause + 1 + CAUSE_AT, part, (size_t)(at - part) + 1);
		at += cause + 1 + CAUSE_AT - part;
		memset(cause, ' ', 1 + CAUSE_AT);
		*cause = '\n';
	}
	return (size_t)(at - out);
}
