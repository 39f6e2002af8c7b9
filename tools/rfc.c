/* SPDX-License-Identifier: MIT */
/*
 * `eleven rfc`: the requirements of the RFCs in our words, where the code for each is, and which tests show it.  The
 * table is made at build time by scripts/requirements.py from tests/requirements.tsv, the code and the tests.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

#define NAME_MAX_BYTES 64

static const struct requirement {
	const char *id, *rfc, *section, *level, *tier, *words;
	const char *status;             /* tested, waived, not yet, not built */
	const char *reason;             /* of "not yet" */
	const char *code, *tests;       /* lines: place, tab, text */
} requirements[] = {
#include "requirements.inc"
};

#define REQUIREMENTS (sizeof(requirements) / sizeof(requirements[0]))

struct arguments {
	const char *name;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', 0, 0, "one JSON object per requirement and line", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'j':
		a->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->name)
			return ARGP_ERR_UNKNOWN;
		a->name = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[RFC | ID]",
	"Print a requirement of an RFC, the code that is there for it, and the tests that show it.\v"
	"Without an argument: each RFC and how many of its requirements a test shows. With an RFC, such as 5961: its "
	"requirements. With an ID: MUST-12 is a label of RFC 9293, 5961-§3.2-R1 the first requirement of a paragraph; "
	"the § may be left out.", NULL, NULL, NULL,
};

/* As it is compared: capitals, a hyphen for each underscore, no § and no "RFC". */
static void name_fold(char *out, const char *name)
{
	size_t n = 0;

	if (strncasecmp(name, "RFC", 3) == 0)
		name += 3;
	for (; *name && n < NAME_MAX_BYTES - 1; name++) {
		if ((unsigned char)*name == 0xc2 && (unsigned char)name[1] == 0xa7)
			name++;
		else if (*name != ' ')
			out[n++] = *name == '_' ? '-' : (char)toupper((unsigned char)*name);
	}
	out[n] = '\0';
}

/* A label stands for RFC 9293's. */
static const struct requirement *requirement_find(const char *name)
{
	char wanted[NAME_MAX_BYTES], id[NAME_MAX_BYTES];

	name_fold(wanted, name);
	for (size_t i = 0; i < REQUIREMENTS; i++) {
		name_fold(id, requirements[i].id);
		if (strcmp(wanted, id) == 0 || (strncmp(id, "9293-", 5) == 0 && strcmp(wanted, id + 5) == 0))
			return &requirements[i];
	}
	return NULL;
}

static bool is_of_rfc(const struct requirement *r, const char *name)
{
	char wanted[NAME_MAX_BYTES], rfc[NAME_MAX_BYTES];

	name_fold(wanted, name);
	name_fold(rfc, r->rfc);
	return strcmp(wanted, rfc) == 0;
}

/* ---- printing */

static json_t *lines_json(const char *lines)
{
	json_t *array = json_array();

	while (*lines) {
		size_t n = strcspn(lines, "\n");

		json_array_append_new(array, json_stringn(lines, n));
		lines += n + (lines[n] == '\n');
	}
	return array;
}

static void requirement_json(const struct requirement *r)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "id", r->id, "rfc", r->rfc,
				 "section", r->section, "level", r->level, "tier", r->tier, "requirement", r->words,
				 "status", r->status, "reason", r->reason, "code", lines_json(r->code), "tests",
				 lines_json(r->tests));

	if (line)
		json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(line);
}

/* Each line with its two parts apart, below a head. */
static void lines_print(const char *head, const char *lines)
{
	if (*lines)
		printf("%s\n", head);
	while (*lines) {
		size_t n = strcspn(lines, "\n"), first = strcspn(lines, "\t");

		if (first < n)
			printf("  %.*s  %.*s\n", (int)first, lines, (int)(n - first - 1), lines + first + 1);
		else
			printf("  %.*s\n", (int)n, lines);
		lines += n + (lines[n] == '\n');
	}
}

static void requirement_print(const struct requirement *r)
{
	printf("%s: RFC %s §%s, %s\n  %s\n", r->id, r->rfc, r->section, r->level, r->words);
	if (strcmp(r->status, "waived") == 0)
		printf("waived: DEVIATIONS.md has the reason\n");
	else if (strcmp(r->status, "tested") != 0)
		printf("%s%s%s\n", r->status, *r->reason ? ": " : "", r->reason);
	lines_print("code", r->code);
	lines_print("tests", r->tests);
}

static void list_line(const struct requirement *r)
{
	printf("%-22s %-10s %-9s %s\n", r->id, r->level, r->status, r->words);
}

/* One RFC's requirements, in the order of the table; 0: there are none. */
static unsigned rfc_print(const char *name, bool json)
{
	unsigned count = 0;

	for (size_t i = 0; i < REQUIREMENTS; i++) {
		if (!is_of_rfc(&requirements[i], name))
			continue;
		count++;
		if (json)
			requirement_json(&requirements[i]);
		else
			list_line(&requirements[i]);
	}
	return count;
}

static bool seen_before(size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(requirements[j].rfc, requirements[i].rfc) == 0)
			return true;
	return false;
}

/* Every RFC with its counts; rows of tier 3 are optional extensions, counted apart. */
static void rfcs_print(void)
{
	printf("%-11s %12s %7s %7s %8s\n", "RFC", "REQUIREMENTS", "TESTED", "WAIVED", "NOT YET");
	for (size_t i = 0; i < REQUIREMENTS; i++) {
		unsigned all = 0, tested = 0, waived = 0;

		if (seen_before(i))
			continue;
		for (size_t j = i; j < REQUIREMENTS; j++) {
			if (strcmp(requirements[j].rfc, requirements[i].rfc) != 0)
				continue;
			all++;
			tested += strcmp(requirements[j].status, "tested") == 0;
			waived += strcmp(requirements[j].status, "waived") == 0;
		}
		printf("%-11s %12u %7u %7u %8u\n", requirements[i].rfc, all, tested, waived, all - tested - waived);
	}
}

int verb_rfc(int argc, char **argv)
{
	struct arguments a = { 0 };
	const struct requirement *r;

	verb_parse(&argp, 0, argc, argv, &a);
	if (!a.name && a.json) {
		for (size_t i = 0; i < REQUIREMENTS; i++)
			requirement_json(&requirements[i]);
		return 0;
	}
	if (!a.name) {
		rfcs_print();
		return 0;
	}
	r = requirement_find(a.name);
	if (!r) {
		if (rfc_print(a.name, a.json) == 0)
			verb_usage("there is no requirement and no RFC '%s'; 'eleven rfc' lists the RFCs, 'eleven rfc "
				   "9293' the requirements of one", a.name);
		return 0;
	}
	if (a.json)
		requirement_json(r);
	else
		requirement_print(r);
	return 0;
}
