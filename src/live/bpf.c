/* SPDX-License-Identifier: MIT */
/*
 * The BPF backend: loads transitions.bpf.c, which is built in, and reads its ring.
 *
 * The programs hang on descriptors of this process: however it ends, nothing of them stays.  A tracepoint that this
 * kernel does not have is left out; without inet_sock_set_state there is no watching.
 */
#include "live/backend.h"

#include "lens/namespace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifdef WITH_BPF

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

extern const unsigned char live_bpf_object[];
extern const size_t live_bpf_object_bytes;

#define PROGRAMS_MAX 16

struct bpf_watch {
	struct bpf_object *object;
	struct bpf_link *links[PROGRAMS_MAX];
	size_t link_count;
	struct ring_buffer *ring;
	int lost_fd;
	struct backend_sink sink;
	uint64_t now;
	int records;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

static int on_record(void *context, void *data, size_t bytes)
{
	struct bpf_watch *watch = context;
	const struct live_record *record = data;

	if (bytes < LIVE_RECORD_HEAD_BYTES)
		return 0;
	watch->records++;
	if (record->kind == LIVE_RECORD_PROCESS && bytes >= sizeof(struct live_process)) {
		tracker_process(watch->sink.tracker, data);
	} else if (record->kind == LIVE_RECORD_STACK && bytes >= sizeof(struct live_stack)) {
		if (watch->sink.stack != NULL)
			watch->sink.stack(watch->sink.context, data);
	} else if (bytes >= (record->flags & LIVE_RECORD_V6 ? LIVE_RECORD_V6_BYTES : LIVE_RECORD_V4_BYTES)) {
		tracker_record(watch->sink.tracker, record, watch->now);
	}
	return 0;
}

/* How many arguments the kernel's tracepoint has; -1: there is none of this name. */
static int tracepoint_arguments(const struct btf *btf, const char *name)
{
	char type[80];
	const struct btf_type *at;
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	at = btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t)id)->type);
	if (at == NULL || !btf_is_ptr(at))
		return -1;
	at = btf__type_by_id(btf, at->type);
	return at != NULL && btf_is_func_proto(at) ? btf_vlen(at) - 1 : -1;
}

static void programs_choose(struct bpf_object *object, const struct btf *btf, const struct backend_options *options)
{
	int reset_arguments = tracepoint_arguments(btf, "tcp_send_reset");
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		const char *name = bpf_program__name(program), *section = bpf_program__section_name(program);
		const char *tracepoint = strchr(section, '/');
		bool wanted = tracepoint != NULL && tracepoint_arguments(btf, tracepoint + 1) >= 0;

		if (strcmp(name, "on_send_reset") == 0)
			wanted = reset_arguments >= 3;
		else if (strcmp(name, "on_send_reset_old") == 0)
			wanted = reset_arguments == 2;
		else if (strcmp(name, "on_accept") == 0)
			wanted = wanted && options->stacks;
		bpf_program__set_autoload(program, wanted);
	}
}

/* The program's constants, as laid out in its .rodata. */
static int constant_set(struct bpf_object *object, const struct btf *btf, const char *name, uint64_t value)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	size_t bytes;
	unsigned char *data = map ? (unsigned char *)(uintptr_t)bpf_map__initial_value(map, &bytes) : NULL;

	if (section == NULL || data == NULL)
		return -ENOENT;
	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *info = btf_var_secinfos(section) + i;
		const struct btf_type *variable = btf__type_by_id(btf, info->type);

		if (strcmp(btf__name_by_offset(btf, variable->name_off), name) == 0 && info->size <= 8 &&
		    info->offset + info->size <= bytes) {
			memcpy(data + info->offset, &value, info->size);        /* little endian: see meson.build */
			return 0;
		}
	}
	return -ENOENT;
}

/* In a PID namespace of its own the watcher sees programs by other numbers than the kernel. */
static int pid_namespace_set(struct bpf_object *object, const struct btf *btf)
{
	struct stat own;
	int error;

	if (namespace_pid_is_first() || stat("/proc/self/ns/pid", &own) < 0)
		return 0;
	error = constant_set(object, btf, "pidns_dev", (uint64_t)major(own.st_dev) << 20 | minor(own.st_dev));
	return error ? error : constant_set(object, btf, "pidns_inode", own.st_ino);
}

static int constants_set(struct bpf_object *object, const struct backend_options *options)
{
	const struct btf *btf = bpf_object__btf(object);
	int error = constant_set(object, btf, "only_netns", options->netns);

	error = error ? error : constant_set(object, btf, "own_pid", (uint64_t)getpid());
	error = error ? error : constant_set(object, btf, "only_port", options->port);
	error = error ? error : constant_set(object, btf, "stacks_wanted", options->stacks);
	error = error ? error : pid_namespace_set(object, btf);
	return error;
}

static int programs_attach(struct bpf_watch *watch, char problem[BACKEND_PROBLEM_MAX])
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, watch->object) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || watch->link_count == PROGRAMS_MAX)
			continue;
		link = bpf_program__attach(program);
		if (link == NULL) {
			snprintf(problem, BACKEND_PROBLEM_MAX, "%s cannot be attached: %s",
				 bpf_program__section_name(program), strerror(errno));
			return -errno;
		}
		watch->links[watch->link_count++] = link;
	}
	return 0;
}

static void bpf_close(void *state)
{
	struct bpf_watch *watch = state;

	for (size_t i = 0; i < watch->link_count; i++)
		bpf_link__destroy(watch->links[i]);
	ring_buffer__free(watch->ring);
	bpf_object__close(watch->object);
	free(watch);
}

static size_t ring_size(size_t wanted)
{
	size_t bytes = 1 << 16;

	while (bytes < wanted && bytes < (size_t)1 << 30)
		bytes *= 2;
	return bytes;
}

static int object_load(struct bpf_watch *watch, const struct backend_options *options,
		       char problem[BACKEND_PROBLEM_MAX])
{
	size_t ring_bytes = ring_size(options->ring_bytes ? options->ring_bytes : (size_t)16 << 20);
	struct btf *btf = btf__load_vmlinux_btf();
	int error;

	if (btf == NULL) {
		snprintf(problem, BACKEND_PROBLEM_MAX,
			 "this kernel does not describe itself (no /sys/kernel/btf/vmlinux)");
		return -ENOENT;
	}
	if (tracepoint_arguments(btf, "inet_sock_set_state") < 0) {
		snprintf(problem, BACKEND_PROBLEM_MAX, "this kernel has no tracepoint inet_sock_set_state");
		btf__free(btf);
		return -ENOENT;
	}
	watch->object = bpf_object__open_mem(live_bpf_object, live_bpf_object_bytes, NULL);
	if (watch->object == NULL) {
		btf__free(btf);
		snprintf(problem, BACKEND_PROBLEM_MAX, "the BPF object cannot be read: %s", strerror(errno));
		return -EINVAL;
	}
	programs_choose(watch->object, btf, options);
	btf__free(btf);
	error = constants_set(watch->object, options);
	if (error == 0)
		error = bpf_map__set_max_entries(bpf_object__find_map_by_name(watch->object, "ring"),
						 (uint32_t)ring_bytes);
	if (error == 0)
		error = bpf_object__load(watch->object);
	if (error < 0)
		snprintf(problem, BACKEND_PROBLEM_MAX, "the kernel does not load the BPF programs: %s%s",
			 strerror(-error),
			 error == -EPERM || error == -EACCES ? " (root, or CAP_BPF and CAP_PERFMON, may)" : "");
	return error;
}

static int bpf_open(void **state, const struct backend_options *options, char problem[BACKEND_PROBLEM_MAX])
{
	struct bpf_watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (watch == NULL)
		return -ENOMEM;
	libbpf_set_print(quiet);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	error = object_load(watch, options, problem);
	if (error == 0) {
		watch->lost_fd = bpf_object__find_map_fd_by_name(watch->object, "lost");
		watch->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(watch->object, "ring"), on_record, watch,
					       NULL);
		if (watch->ring == NULL) {
			error = -errno;
			snprintf(problem, BACKEND_PROBLEM_MAX, "the ring cannot be mapped: %s", strerror(-error));
		}
	}
	if (error == 0)
		error = programs_attach(watch, problem);
	if (error < 0) {
		bpf_close(watch);
		return error;
	}
	*state = watch;
	return 0;
}

static int bpf_fd(void *state)
{
	return ring_buffer__epoll_fd(((struct bpf_watch *)state)->ring);
}

static int bpf_read(void *state, const struct backend_sink *sink, uint64_t now)
{
	struct bpf_watch *watch = state;
	int got;

	watch->sink = *sink;
	watch->now = now;
	watch->records = 0;
	got = ring_buffer__consume(watch->ring);
	return got < 0 ? got : watch->records;
}

/* Runs that the kernel left out, because the program was running on that processor already. */
static uint64_t misses(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	if (!bpf_program__autoload(program) || bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes) < 0)
		return 0;
	return info.recursion_misses;
}

static uint64_t bpf_lost(void *state)
{
	struct bpf_watch *watch = state;
	uint64_t no_room = 0, caught = 0, missed = 0;
	uint32_t zero = 0, one = 1;
	struct bpf_program *program;

	bpf_map_lookup_elem(watch->lost_fd, &zero, &no_room);
	bpf_map_lookup_elem(watch->lost_fd, &one, &caught);
	bpf_object__for_each_program(program, watch->object) {
		const char *name = bpf_program__name(program);
		uint64_t count = misses(program);

		/* What one of the two missed the other told; on_accept's are other calls, and retransmissions notes. */
		if (strcmp(name, "on_state") == 0)
			missed += count > caught ? count - caught : 0;
		else if (strcmp(name, "on_state_again") != 0 && strcmp(name, "on_accept") != 0 &&
			 strcmp(name, "on_retransmit") != 0)
			missed += count;
	}
	return no_room + missed;
}

#else   /* built without */

static int bpf_open(void **state, const struct backend_options *options, char problem[BACKEND_PROBLEM_MAX])
{
	(void)state, (void)options;
	snprintf(problem, BACKEND_PROBLEM_MAX, "%s", "this eleven was built without it: " WITHOUT_BPF);
	return -ENOSYS;
}

static int bpf_fd(void *state)
{
	(void)state;
	return -1;
}

static int bpf_read(void *state, const struct backend_sink *sink, uint64_t now)
{
	(void)state, (void)sink, (void)now;
	return -ENOSYS;
}

static uint64_t bpf_lost(void *state)
{
	(void)state;
	return 0;
}

static void bpf_close(void *state)
{
	(void)state;
}

#endif

const struct backend backend_bpf = { "bpf", bpf_open, bpf_fd, bpf_read, bpf_lost, bpf_close };
