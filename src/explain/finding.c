/* SPDX-License-Identifier: MIT */
/* Findings; see finding.h. */
#include "explain/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

const struct verdict_row *verdict_row(enum verdict verdict)
{
	static const struct verdict_row rows[VERDICTS] = {
#define VERDICT(name, id, sentence, remedy) { id, sentence, remedy },
#include "explain/verdicts.def"
	};

	return &rows[verdict];
}

uint64_t finding_key(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t key = 0;
	const uint64_t parts[] = { a, b, c };

	for (size_t i = 0; i < 3; i++) {
		key ^= parts[i];
		key *= 0x9e3779b97f4a7c15u;
		key ^= key >> 29;
	}
	return key;
}

/* The oldest tells since when; an exact age is preferred to a bound. */
static void since_join(struct finding *finding, const struct conn_view *conn)
{
	if (conn->age_bound == VIEW_UNKNOWN || conn->age_ns == VIEW_ABSENT)
		return;
	if (finding->since_bound != VIEW_UNKNOWN && conn->age_ns <= finding->since_ns)
		return;
	finding->since_ns = conn->age_ns;
	finding->since_bound = conn->age_bound;
	finding->since_how = conn->age_how;
}

static void conn_join(struct finding *finding, const struct conn_view *conn)
{
	size_t kept = finding->kept;

	finding->count++;
	since_join(finding, conn);
	if (kept == FINDING_CONNS_MAX)
		return;
	if ((kept & (kept - 1)) == 0) {
		finding->conns = realloc(finding->conns, (kept ? 2 * kept : 1) * sizeof(*finding->conns));
		CHECK(finding->conns != NULL);
	}
	finding->conns[finding->kept++] = conn;
	for (size_t i = 0; i < conn->owner_count; i++)
		finding_owner(finding, &conn->owners[i]);
}

struct finding *finding_add(struct findings *findings, enum verdict verdict, uint64_t key, enum level level,
			    enum confidence confidence, const struct conn_view *conn)
{
	struct finding *finding = NULL;

	for (size_t i = findings->count; i-- > 0 && finding == NULL;) {
		if (findings->list[i]->verdict == verdict && findings->list[i]->key == key)
			finding = findings->list[i];
	}
	if (finding == NULL) {
		if ((findings->count & (findings->count - 1)) == 0) {
			findings->list = realloc(findings->list,
						 (findings->count ? 2 * findings->count : 1) * sizeof(*findings->list));
			CHECK(findings->list != NULL);
		}
		finding = calloc(1, sizeof(*finding));
		CHECK(finding != NULL);
		finding->verdict = verdict;
		finding->key = key;
		finding->confidence = confidence;
		findings->list[findings->count++] = finding;
	}
	finding->level = level > finding->level ? level : finding->level;
	finding->confidence = confidence > finding->confidence ? confidence : finding->confidence;
	if (conn != NULL)
		conn_join(finding, conn);
	return finding;
}

bool finding_is_new(const struct finding *finding)
{
	return finding->count <= 1;
}

void finding_say(char out[FINDING_TEXT_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out, FINDING_TEXT_MAX, format, arguments);
	va_end(arguments);
}

void finding_evidence(struct finding *finding, const char *field, const char *source, const char *format, ...)
{
	struct evidence *evidence = &finding->evidence[finding->evidence_count];
	va_list arguments;

	if (finding->evidence_count == FINDING_EVIDENCE_MAX)
		return;
	finding->evidence_count++;
	snprintf(evidence->field, sizeof(evidence->field), "%s", field);
	snprintf(evidence->source, sizeof(evidence->source), "%s", source);
	va_start(arguments, format);
	vsnprintf(evidence->value, sizeof(evidence->value), format, arguments);
	va_end(arguments);
}

void finding_evidence_number(struct finding *finding, const char *field, const char *source, uint64_t value)
{
	if (value != VIEW_ABSENT)
		finding_evidence(finding, field, source, "%llu", (unsigned long long)value);
}

void finding_owner(struct finding *finding, const struct view_owner *owner)
{
	size_t count = finding->owner_count;

	for (size_t i = 0; i < count && count <= 1024; i++) {
		if (finding->owners[i].pid == owner->pid && finding->owners[i].fd == owner->fd)
			return;
	}
	if ((count & (count - 1)) == 0) {
		finding->owners = realloc(finding->owners, (count ? 2 * count : 1) * sizeof(*owner));
		CHECK(finding->owners != NULL);
	}
	finding->owners[finding->owner_count++] = *owner;
}

static void thread_add(struct finding *finding, const struct use_program *program, const struct use_thread *thread,
		       bool on_descriptor)
{
	struct finding_thread *one = &finding->threads[finding->thread_count];

	for (size_t i = 0; i < finding->thread_count; i++) {
		if (finding->threads[i].tid == thread->tid)
			return;
	}
	if (finding->thread_count == FINDING_THREADS_MAX)
		return;
	finding->thread_count++;
	one->pid = program->pid;
	one->tid = thread->tid;
	memcpy(one->comm, thread->comm, sizeof(one->comm));
	use_doing(one->doing, thread);
	one->on_descriptor = on_descriptor;
}

void finding_use(struct finding *finding, const struct use *use)
{
	if (use->thread != NULL)
		thread_add(finding, use->program, use->thread, true);
	for (size_t i = 0; i < use->program->thread_count; i++)
		thread_add(finding, use->program, &use->program->threads[i], false);
	if (use->registration != NULL && !finding->registered) {
		finding->registration = *use->registration;
		finding->registered = true;
	}
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = findings->list[i];

		free(finding->conns);
		free(finding->owners);
		if (finding->own != NULL)
			conn_view_free(finding->own);
		free(finding->own);
		free(finding);
	}
	free(findings->list);
	memset(findings, 0, sizeof(*findings));
}

static int finding_compare(const void *left, const void *right)
{
	const struct finding *a = *(struct finding *const *)left, *b = *(struct finding *const *)right;

	if (a->level != b->level)
		return (int)b->level - (int)a->level;
	if (a->verdict != b->verdict)
		return (int)a->verdict - (int)b->verdict;
	return (b->count > a->count) - (b->count < a->count);
}

void findings_sort(struct findings *findings)
{
	if (findings->count > 1)
		qsort(findings->list, findings->count, sizeof(*findings->list), finding_compare);
}
