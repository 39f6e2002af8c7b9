/* SPDX-License-Identifier: MIT */
/* The host's own answers; see answers.h.  Long ones are streams that make one message a call. */
#include "host/answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/link_command.h"
#include "link/link.h"

#define BODY_MAX (CONTROL_MESSAGE_MAX - sizeof(struct control_header))
#define STATUS_PER_MESSAGE (BODY_MAX / sizeof(struct control_status))
#define RULES_PER_MESSAGE (BODY_MAX / sizeof(struct control_rule))

struct answers {
	struct control *control;
	struct host *host;
	struct impair *impair;
	uint64_t started;
};

int answers_filter(struct control_client *client, const struct control_message *message, struct control *control,
		   struct host_stack **stack)
{
	struct control_filter filter;

	*stack = NULL;
	memset(&filter, 0, sizeof(filter));
	if (message->length < sizeof(filter) && message->length > 0) {
		control_error(client, message->request, -EINVAL, "the request is too short");
		return -EINVAL;
	}
	if (message->length > 0)
		memcpy(&filter, message->body, sizeof(filter));
	filter.host[sizeof(filter.host) - 1] = 0;
	if (!filter.host[0])
		return 0;
	*stack = host_find(control_host(control), filter.host);
	if (*stack)
		return 0;
	control_error(client, message->request, -ENOENT, "there is no host named '%s'; 'eleven link show' lists them",
		      filter.host);
	return -ENOENT;
}

/* ---------------------------------------------------------------- short ones */

static void answer_hello(void *context, struct control_client *client, const struct control_message *message)
{
	struct answers *answers = context;
	struct control_hello hello = {
		.version = CONTROL_VERSION, .pid = (uint32_t)getpid(), .status_bytes = sizeof(struct eleven_status),
		.trace_bytes = sizeof(struct eleven_trace), .now = host_now(answers->host),
		.wall_offset = host_wall_offset(answers->host), .started = answers->started,
		.program = ELEVEN_VERSION,
	};
	struct control_hello theirs;

	if (message->length < sizeof(theirs)) {
		control_error(client, message->request, -EINVAL, "the request is too short");
		return;
	}
	memcpy(&theirs, message->body, sizeof(theirs));
	if (theirs.status_bytes != hello.status_bytes || theirs.trace_bytes != hello.trace_bytes) {
		theirs.program[sizeof(theirs.program) - 1] = 0;
		control_error(client, message->request, -EPROTO,
			      "the host is of another build of eleven; its own 'eleven down' stops it");
		return;
	}
	control_reply(client, message->request, CONTROL_HELLO, &hello, sizeof(hello));
}

static void answer_hosts(void *context, struct control_client *client, const struct control_message *message)
{
	struct answers *answers = context;
	struct control_host hosts[HOST_STACKS_MAX];
	unsigned count = host_count(answers->host);

	memset(hosts, 0, sizeof(hosts));
	for (unsigned i = 0; i < count; i++) {
		const struct host_stack *s = host_at(answers->host, i);

		memcpy(hosts[i].name, s->name, sizeof(hosts[i].name));
		memcpy(hosts[i].link, s->link->name, sizeof(hosts[i].link));
		hosts[i].address = s->interface.address;
		hosts[i].prefix_bits = s->interface.prefix_bits;
		hosts[i].address6 = s->interface.address6;
		hosts[i].prefix6_bits = s->interface.prefix6_bits;
		hosts[i].mtu = s->interface.mtu;
		hosts[i].profile = s->config.profile;
		hosts[i].kind = s->interface.kind;
		hosts[i].msl = s->config.msl;
	}
	control_reply(client, message->request, CONTROL_HOSTS, hosts, count * sizeof(hosts[0]));
}

static void answer_link(void *context, struct control_client *client, const struct control_message *message)
{
	struct answers *answers = context;
	char reply[16384], text[1024];
	int error;

	if (message->length >= sizeof(text)) {
		control_error(client, message->request, -EINVAL, "the command is too long");
		return;
	}
	memcpy(text, message->body, message->length);
	text[message->length] = 0;
	error = link_command(answers->impair, answers->host, text, reply, sizeof(reply));
	if (error < 0)
		control_error(client, message->request, error, "%s", reply);
	else
		control_reply(client, message->request, CONTROL_LINK, reply, strlen(reply) + 1);
}

static void answer_down(void *context, struct control_client *client, const struct control_message *message)
{
	struct answers *answers = context;

	control_reply(client, message->request, CONTROL_DOWN, NULL, 0);
	loop_stop(host_loop(answers->host));
}

/* ---------------------------------------------------------------- long ones */

/* Where a stream over stacks stands. */
struct walk {
	struct host *host;
	unsigned index, end;            /* of the stack */
	uint64_t cursor;                /* in the stack */
};

static struct walk *walk_begin(struct answers *answers, struct control_client *client,
			       const struct control_message *message)
{
	struct host_stack *only;
	struct walk *walk;

	if (answers_filter(client, message, answers->control, &only) < 0)
		return NULL;
	walk = calloc(1, sizeof(*walk));
	if (!walk) {
		control_error(client, message->request, -ENOMEM, "the host has no memory");
		return NULL;
	}
	walk->host = answers->host;
	walk->index = only ? only->index : 0;
	walk->end = only ? only->index + 1 : host_count(answers->host);
	return walk;
}

static enum control_more stream_status(struct control_client *client, uint32_t request, void *state)
{
	struct control_status records[STATUS_PER_MESSAGE];
	struct walk *walk = state;
	unsigned n = 0;

	while (n < STATUS_PER_MESSAGE && walk->index < walk->end) {
		const struct host_stack *s = host_at(walk->host, walk->index);

		memset(&records[n], 0, sizeof(records[n]));
		if (!eleven_status_next(s->stack, &walk->cursor, &records[n].status)) {
			walk->index++;
			walk->cursor = 0;
			continue;
		}
		memcpy(records[n].host, s->name, sizeof(records[n].host));
		records[n++].now = host_now(walk->host);
	}
	if (n > 0 && !control_reply(client, request, CONTROL_STATUS, records, n * sizeof(records[0])))
		return CONTROL_DONE;
	if (walk->index < walk->end)
		return CONTROL_AGAIN;
	control_end(client, request);
	return CONTROL_DONE;
}

static enum control_more stream_stats(struct control_client *client, uint32_t request, void *state)
{
	struct walk *walk = state;

	for (; walk->index < walk->end; walk->index++) {
		const struct host_stack *s = host_at(walk->host, walk->index);
		struct control_stats stats;

		memset(&stats, 0, sizeof(stats));
		memcpy(stats.host, s->name, sizeof(stats.host));
		stats.now = host_now(walk->host);
		stats.link_in = s->link->counts.in;
		stats.link_out = s->link->counts.out;
		stats.link_drops = s->link->counts.drops;
		eleven_stats(s->stack, &stats.stats);
		if (!control_reply(client, request, CONTROL_STATS, &stats, sizeof(stats)))
			return CONTROL_DONE;
	}
	control_end(client, request);
	return CONTROL_DONE;
}

static enum control_more stream_rules(struct control_client *client, uint32_t request, void *state)
{
	struct control_rule records[RULES_PER_MESSAGE];
	struct walk *walk = state;

	for (; walk->index < walk->end; walk->index++) {
		const struct host_stack *s = host_at(walk->host, walk->index);
		unsigned n = 0;

		for (unsigned rule = 1; eleven_rule(rule) && n < RULES_PER_MESSAGE; rule++) {
			uint64_t count = eleven_rule_count(s->stack, rule);

			if (count == 0)
				continue;
			memset(&records[n], 0, sizeof(records[n]));
			memcpy(records[n].host, s->name, sizeof(records[n].host));
			records[n].count = count;
			records[n++].rule = rule;
		}
		if (n > 0 && !control_reply(client, request, CONTROL_RULES, records, n * sizeof(records[0])))
			return CONTROL_DONE;
	}
	control_end(client, request);
	return CONTROL_DONE;
}

static enum control_more stream_config(struct control_client *client, uint32_t request, void *state)
{
	struct walk *walk = state;

	for (; walk->index < walk->end; walk->index++) {
		const struct host_stack *s = host_at(walk->host, walk->index);
		struct control_config config = { .config = s->config };

		memcpy(config.host, s->name, sizeof(config.host));
		config.config.seed = 0;         /* the stack's secrets come from these */
		memset(config.config.secret, 0, sizeof(config.config.secret));
		if (!control_reply(client, request, CONTROL_CONFIG, &config, sizeof(config)))
			return CONTROL_DONE;
	}
	control_end(client, request);
	return CONTROL_DONE;
}

static void answer_walk(void *context, struct control_client *client, const struct control_message *message)
{
	struct walk *walk = walk_begin(context, client, message);

	if (!walk)
		return;
	switch (message->type) {
	case CONTROL_STATUS:
		control_stream(client, message->request, stream_status, walk);
		break;
	case CONTROL_STATS:
		control_stream(client, message->request, stream_stats, walk);
		break;
	case CONTROL_RULES:
		control_stream(client, message->request, stream_rules, walk);
		break;
	default:
		control_stream(client, message->request, stream_config, walk);
		break;
	}
}

struct answers *answers_create(struct control *control, struct impair *impair)
{
	static const struct { unsigned type; control_fn *fn; } table[] = {
		{ CONTROL_HELLO, answer_hello }, { CONTROL_HOSTS, answer_hosts }, { CONTROL_LINK, answer_link },
		{ CONTROL_DOWN, answer_down }, { CONTROL_STATUS, answer_walk }, { CONTROL_STATS, answer_walk },
		{ CONTROL_RULES, answer_walk }, { CONTROL_CONFIG, answer_walk },
	};
	struct answers *answers = calloc(1, sizeof(*answers));

	if (!answers)
		return NULL;
	answers->control = control;
	answers->host = control_host(control);
	answers->impair = impair;
	answers->started = host_now(answers->host);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (control_handle(control, table[i].type, table[i].fn, answers) < 0) {
			free(answers);
			return NULL;
		}
	}
	return answers;
}

void answers_destroy(struct answers *answers)
{
	free(answers);
}
