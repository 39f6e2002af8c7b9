/* SPDX-License-Identifier: MIT */
/* Reading and carrying out `eleven link`; see link_command.h.  What it shows is link_show.c's. */
#include "host/link_command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/host.h"
#include "host/link_show.h"
#include "host/units.h"
#include "link/impair.h"

#define WORDS_MAX 48

/* Which of the settings a line changes. */
#define SET_DELAY 1u
#define SET_JITTER 2u
#define SET_LOSS 4u
#define SET_DUP 8u
#define SET_REORDER 16u
#define SET_CORRUPT 32u
#define SET_RATE 64u
#define SET_MTU 128u
#define SET_MARK 256u

struct change {
	struct pipe_settings to;
	unsigned set;                   /* SET_… */
};

struct command {
	struct impair *impair;
	struct host *host;
	struct impair_selection which;
	struct impair_match match;
	struct change change;
	const char *verb;               /* drop, pause, …; NULL: settings only */
	uint64_t drop;
	unsigned word_count, at;
	char *words[WORDS_MAX];
	char *reply;
	size_t reply_bytes;
};

static int wrong(struct command *c, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int wrong(struct command *c, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->reply, c->reply_bytes, format, arguments);
	va_end(arguments);
	return error;
}

/* ---------------------------------------------------------------- conditions: key=value */

static int flags_read(struct command *c, const char *letters)
{
	static const struct { char letter; unsigned flag; } table[] = {
		{ 'S', IMPAIR_SYN }, { 'F', IMPAIR_FIN }, { 'R', IMPAIR_RST }, { 'A', IMPAIR_ACK },
		{ '.', IMPAIR_ACK }, { 'P', IMPAIR_TEXT },
	};

	for (; *letters; letters++) {
		unsigned flag = 0;

		for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			if (table[i].letter == *letters)
				flag = table[i].flag;
		if (!flag)
			return wrong(c, -EINVAL, "flags=: '%c' is none of S F R P A .", *letters);
		c->match.flags |= flag;
	}
	return 0;
}

static int who_read(struct command *c, const char *text, struct eleven_address *address)
{
	const struct host_stack *stack = host_find(c->host, text);

	if (stack)
		*address = stack->interface.address;
	else if (units_address(text, address) < 0)
		return wrong(c, -ENOENT, "'%s' is neither a host here nor an address", text);
	return 0;
}

static int port_read(struct command *c, const char *name)
{
	c->which.port = impair_port(c->impair, name);
	if (c->which.port < 0)
		return wrong(c, -ENOENT, "there is no host named '%s'; 'eleven link show' lists them", name);
	return 0;
}

static int condition_read(struct command *c, char *word)
{
	char *value = strchr(word, '=') + 1;

	if (strncmp(word, "dir=", 4) == 0) {
		if (strcmp(value, "a") != 0 && strcmp(value, "b") != 0)
			return wrong(c, -EINVAL, "dir= is a (from the first host) or b (towards it), not '%s'", value);
		c->which.direction = *value == 'a' ? IMPAIR_A : IMPAIR_B;
		return 0;
	}
	if (strncmp(word, "host=", 5) == 0)
		return port_read(c, value);
	if (strncmp(word, "flags=", 6) == 0)
		return flags_read(c, value);
	if (strncmp(word, "from=", 5) == 0)
		return who_read(c, value, &c->match.from);
	if (strncmp(word, "to=", 3) == 0)
		return who_read(c, value, &c->match.to);
	return wrong(c, -EINVAL, "'%s' is not known here; conditions are dir= host= flags= from= to=", word);
}

/* ---------------------------------------------------------------- settings and verbs */

static const char *word_next(struct command *c)
{
	return c->at < c->word_count ? c->words[c->at++] : NULL;
}

static bool word_is(struct command *c, const char *word)
{
	if (c->at >= c->word_count || strcmp(c->words[c->at], word) != 0)
		return false;
	c->at++;
	return true;
}

enum kind { KIND_TIME, KIND_SHARE, KIND_RATE, KIND_SIZE };

static const struct setting {
	const char *name;
	enum kind kind;
	unsigned set;
	size_t offset;
	const char *example;
} settings[] = {
	{ "delay", KIND_TIME, SET_DELAY, offsetof(struct pipe_settings, delay_ns), "20ms" },
	{ "jitter", KIND_TIME, SET_JITTER, offsetof(struct pipe_settings, jitter_ns), "5ms" },
	{ "loss", KIND_SHARE, SET_LOSS, offsetof(struct pipe_settings, loss), "1%" },
	{ "dup", KIND_SHARE, SET_DUP, offsetof(struct pipe_settings, dup), "1%" },
	{ "reorder", KIND_SHARE, SET_REORDER, offsetof(struct pipe_settings, reorder), "3%" },
	{ "corrupt", KIND_SHARE, SET_CORRUPT, offsetof(struct pipe_settings, corrupt), "0.1%" },
	{ "rate", KIND_RATE, SET_RATE, offsetof(struct pipe_settings, rate_bits), "10mbit" },
	{ "mark", KIND_SHARE, SET_MARK, offsetof(struct pipe_settings, mark), "1%" },
	{ "mtu", KIND_SIZE, SET_MTU, offsetof(struct pipe_settings, mtu), "1400" },
};

static bool value_read(const struct setting *setting, const char *text, struct pipe_settings *to)
{
	void *field = (char *)to + setting->offset;
	uint64_t size;

	switch (setting->kind) {
	case KIND_TIME:
		return units_time(text, field) == 0 && *(uint64_t *)field <= 3600000000000ull;
	case KIND_SHARE:
		return units_share(text, field) == 0;
	case KIND_RATE:
		return units_rate(text, field) == 0;
	case KIND_SIZE:
		if (units_size(text, &size) < 0 || size > 65535 || (size > 0 && size < 68))
			return false;
		*(uint32_t *)field = (uint32_t)size;
		return true;
	}
	return false;
}

/* What may follow a setting: loss … burst N, rate … queue SIZE. */
static int companion_read(struct command *c, const struct setting *setting)
{
	const char *value;
	uint64_t number;

	if (setting->set == SET_LOSS && word_is(c, "burst")) {
		value = word_next(c);
		if (!value || units_count(value, &number) < 0 || number > 1000)
			return wrong(c, -EINVAL, "burst: wants a mean number of losses in a row, such as 4");
		c->change.to.loss_burst = (uint32_t)number;
	}
	while (setting->set == SET_RATE) {      /* in either order */
		bool queue = word_is(c, "queue");

		if (!queue && !word_is(c, "mark-above"))
			break;
		value = word_next(c);
		if (!value || units_size(value, &number) < 0 || number > UINT32_MAX)
			return wrong(c, -EINVAL, "%s: wants a size, such as 64k", queue ? "queue" : "mark-above");
		if (queue)
			c->change.to.rate_queue_bytes = (uint32_t)number;
		else
			c->change.to.rate_mark_bytes = (uint32_t)number;
	}
	if (setting->set == SET_MTU)
		c->change.to.mtu_silent = word_is(c, "silent");
	return 0;
}

static int verb_read(struct command *c, const char *word)
{
	static const char *const verbs[] = { "drop", "pause", "resume", "step", "clear", "show" };

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(word, verbs[i]) != 0)
			continue;
		if (c->verb || c->change.set)
			return wrong(c, -EINVAL, "'%s' stands alone", word);
		c->verb = verbs[i];
		if (i == 0) {
			word = word_next(c);
			if (!word || units_count(word, &c->drop) < 0 || c->drop == 0)
				return wrong(c, -EINVAL, "drop: wants how many segments, such as 'drop 1 flags=F'");
		}
		return 0;
	}
	return wrong(c, -EINVAL, "'%s' is not known; there are delay jitter loss dup reorder corrupt rate mark mtu "
		     "drop pause resume step clear show", word);
}

static int word_read(struct command *c)
{
	char *word = c->words[c->at++];

	if (strchr(word, '='))
		return condition_read(c, word);
	for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const struct setting *setting = &settings[i];
		const char *value;

		if (strcmp(word, setting->name) != 0)
			continue;
		if (c->verb)
			return wrong(c, -EINVAL, "'%s' stands alone", c->verb);
		value = word_next(c);
		if (!value || !value_read(setting, value, &c->change.to))
			return wrong(c, -EINVAL, "%s: wants a value such as %s%s%s%s", word, setting->example,
				     value ? ", not '" : "", value ? value : "", value ? "'" : "");
		c->change.set |= setting->set;
		return companion_read(c, setting);
	}
	return verb_read(c, word);
}

/* ---------------------------------------------------------------- carrying out */

static void change_apply(struct pipe_settings *to, void *context)
{
	const struct change *change = context;

	if (change->set & SET_DELAY)
		to->delay_ns = change->to.delay_ns;
	if (change->set & SET_JITTER)
		to->jitter_ns = change->to.jitter_ns;
	if (change->set & SET_LOSS) {
		to->loss = change->to.loss;
		to->loss_burst = change->to.loss_burst;
	}
	if (change->set & SET_DUP)
		to->dup = change->to.dup;
	if (change->set & SET_REORDER)
		to->reorder = change->to.reorder;
	if (change->set & SET_CORRUPT)
		to->corrupt = change->to.corrupt;
	if (change->set & SET_RATE) {
		to->rate_bits = change->to.rate_bits;
		to->rate_queue_bytes = change->to.rate_queue_bytes;
		to->rate_mark_bytes = change->to.rate_mark_bytes;
	}
	if (change->set & SET_MARK)
		to->mark = change->to.mark;
	if (change->set & SET_MTU) {
		to->mtu = change->to.mtu;
		to->mtu_silent = change->to.mtu_silent;
	}
}

static int step_do(struct command *c)
{
	uint8_t packet[256];
	uint32_t bytes = sizeof(packet);
	unsigned port;

	if (!impair_is_paused(c->impair, c->which))
		return wrong(c, -EAGAIN, "the wire is not paused; 'eleven link pause' holds it");
	if (!impair_step(c->impair, c->which, packet, &bytes, &port))
		return wrong(c, -EAGAIN, "no packet waits on the wire");
	link_show_packet(c->reply, c->reply_bytes, packet, bytes,
			 host_count(c->host) > port ? host_at(c->host, port)->interface.kind : ELEVEN_LINK_IP);
	return 0;
}

static int verb_do(struct command *c)
{
	if (strcmp(c->verb, "drop") == 0) {
		c->match.direction = c->which.direction;
		c->match.port = c->which.port;
		if (impair_drop(c->impair, &c->match, c->drop) < 0)
			return wrong(c, -ENOSPC, "there are %u drops waiting already; 'eleven link clear' forgets them",
				     IMPAIR_RULES_MAX);
		return 0;
	}
	if (strcmp(c->verb, "step") == 0)
		return step_do(c);
	if (strcmp(c->verb, "pause") == 0)
		impair_pause(c->impair, c->which);
	else if (strcmp(c->verb, "resume") == 0)
		impair_resume(c->impair, c->which);
	else if (strcmp(c->verb, "clear") == 0)
		impair_clear(c->impair, c->which);
	else
		link_show(c->impair, c->reply, c->reply_bytes);
	return 0;
}

static bool words_split(struct command *c, char *text)
{
	char *save = NULL;

	for (char *word = strtok_r(text, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		if (c->word_count == WORDS_MAX)
			return false;
		c->words[c->word_count++] = word;
	}
	return true;
}

int link_command(struct impair *impair, struct host *host, const char *text, char *reply, size_t reply_bytes)
{
	struct command c = {
		.impair = impair, .host = host, .which = { -1, IMPAIR_BOTH }, .match = { .port = -1 },
		.reply = reply, .reply_bytes = reply_bytes,
	};
	char copy[1024];
	int error = 0;

	reply[0] = 0;
	if (strlen(text) >= sizeof(copy))
		return wrong(&c, -EINVAL, "the command is too long");
	strcpy(copy, text);
	if (!words_split(&c, copy))
		return wrong(&c, -EINVAL, "the command has too many words");
	while (error == 0 && c.at < c.word_count)
		error = word_read(&c);
	if (error < 0)
		return error;
	if (!c.verb && !c.change.set)
		return wrong(&c, -EINVAL, "what is the wire to do? try 'delay 2s', or 'show'");
	if ((c.match.flags || memcmp(c.match.from.bytes, c.match.to.bytes, 16) != 0) &&
	    (!c.verb || strcmp(c.verb, "drop") != 0))
		return wrong(&c, -EINVAL, "flags=, from= and to= go with drop");
	if (c.verb)
		return verb_do(&c);
	impair_change(impair, c.which, change_apply, &c.change);
	return 0;
}
