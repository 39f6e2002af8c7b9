/* SPDX-License-Identifier: MIT */
/* `eleven config`: the table of every number that can be chosen, of a profile or of a running host. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eleven.h"
#include "host/client.h"
#include "host/units.h"
#include "verbs.h"

struct arguments {
	enum eleven_profile profile;
	const char *host;
	bool json, profile_given;
};

static const struct argp_option options[] = {
	{ "profile", 'p', "PROFILE", 0, "modern (the default), strict, or linux", 0 },
	{ "host", 'h', "NAME", 0, "what this host of the running host process has", 0 },
	{ "json", 'j', 0, 0, "one JSON object per line, values in plain units (ns, bytes)", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'p':
		if (units_profile(argument, &a->profile) < 0)
			verb_usage("--profile: '%s' is none of modern, strict, linux", argument);
		a->profile_given = true;
		return 0;
	case 'h':
		a->host = argument;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, NULL,
	"Print every number of the stack that can be chosen: name, value, unit, default, source, meaning.\v"
	"'eleven up --set NAME=VALUE' chooses another. A bare § is a paragraph of RFC 9293.", NULL, NULL, NULL,
};

/* The configuration of a host that runs. */
static void config_ask(const char *host, struct eleven_config *config)
{
	struct client_message *reply = malloc(sizeof(*reply));
	struct control_filter filter;
	struct control_config answer;
	struct client client;
	int error;

	if (client_filter(&filter, host) < 0)
		verb_usage("--host: '%s' is too long for a name", host);
	client_open_or_die(&client);
	error = reply ? client_call(&client, CONTROL_CONFIG, &filter, sizeof(filter), reply) : -ENOMEM;
	if (error == 0 && reply->header.length < sizeof(answer))
		error = -EPROTO;
	if (error < 0) {
		client_complain(&client, error);
		exit(1);
	}
	memcpy(&answer, reply->body, sizeof(answer));
	*config = answer.config;
	free(reply);
	client_close(&client);
}

static uint64_t value_of(const struct eleven_config *config, const struct eleven_config_row *row)
{
	uint64_t value;

	memcpy(&value, (const char *)config + row->offset, sizeof(value));
	return value;
}

static void row_json(const struct eleven_config_row *row, uint64_t value)
{
	json_t *line = json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:s, s:s}", "name", row->name,
				 "value", (json_int_t)value, "unit", row->unit,
				 "default", (json_int_t)row->value[ELEVEN_MODERN], "least", (json_int_t)row->least,
				 "most", (json_int_t)row->most, "source", row->source, "sentence", row->sentence);

	if (line)
		json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(line);
}

/* printf counts bytes; the source may hold a §, of two. */
static int width(const char *text, int columns)
{
	for (; *text; text++)
		columns += ((unsigned char)*text & 0xc0) == 0x80;
	return columns;
}

int verb_config(int argc, char **argv)
{
	struct arguments a = { .profile = ELEVEN_MODERN };
	const struct eleven_config_row *row;
	struct eleven_config config;

	verb_parse(&argp, 0, argc, argv, &a);
	if (a.host && a.profile_given)
		verb_usage("--host and --profile exclude each other");
	if (a.host)
		config_ask(a.host, &config);
	else
		eleven_config_init(&config, a.profile);
	if (!a.json)
		printf("%-23s %10s %-8s %10s  %-26s %s\n", "NAME", "VALUE", "UNIT", "DEFAULT", "SOURCE", "MEANING");
	for (unsigned i = 0; (row = eleven_config_row(i)); i++) {
		uint64_t value = value_of(&config, row);
		char now[UNITS_TEXT_MAX], usual[UNITS_TEXT_MAX];

		if (a.json)
			row_json(row, value);
		else
			printf("%-23s %10s %-8s %10s  %-*s %s\n", row->name, units_value_print(now, row->unit, value),
			       strcmp(row->unit, "ns") == 0 ? "time" : row->unit,
			       units_value_print(usual, row->unit, row->value[ELEVEN_MODERN]), width(row->source, 26),
			       row->source, row->sentence);
	}
	return 0;
}
