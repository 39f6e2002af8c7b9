/* SPDX-License-Identifier: MIT */
/* The BPF iterator's user side; see holders_bpf.h. */
#include "lens/holders_bpf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#ifdef WITH_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define HOLDERS_RECORD_U64 uint64_t
#define HOLDERS_RECORD_U32 uint32_t
#include "lens/holders_record.h"
#include "lens/namespace.h"

#define READ_RECORDS 4096

extern const unsigned char lens_holders_object[];
extern const size_t lens_holders_object_bytes;

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static void records_take(struct holders *holders, const struct holders_record *records, size_t count, uint32_t *pid,
			 uint32_t *process)
{
	for (size_t i = 0; i < count; i++) {
		const struct holders_record *one = &records[i];

		if (holders->process_count == 0 || one->pid != *pid)
			*process = holders_add_process(holders, (pid_t)one->pid, one->uid, one->comm,
						       sizeof(one->comm));
		*pid = one->pid;
		holders_add(holders, *process, (int)one->fd, one->inode)->not_over = one->over == 0;
	}
}

static int walk_read(struct holders *holders, int fd)
{
	struct holders_record *records = calloc(READ_RECORDS, sizeof(*records));
	uint32_t pid = 0, process = 0;
	size_t have = 0;
	ssize_t got;

	CHECK(records != NULL);
	while ((got = read(fd, (char *)records + have, READ_RECORDS * sizeof(*records) - have)) != 0) {
		size_t whole;

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			break;
		have += (size_t)got;
		whole = have / sizeof(*records);
		records_take(holders, records, whole, &pid, &process);
		have -= whole * sizeof(*records);
		memmove(records, records + whole, have);
	}
	free(records);
	return got < 0 ? -errno : 0;
}

/* In a PID namespace of its own the reader knows programs by other numbers than the kernel. */
static int pid_namespace_set(struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	uint32_t inode = (uint32_t)namespace_inode("/proc/self/ns/pid");
	size_t bytes = 0;
	void *data = map ? (void *)(uintptr_t)bpf_map__initial_value(map, &bytes) : NULL;

	if (namespace_pid_is_first())
		return 0;
	if (data == NULL || bytes != sizeof(inode) || inode == 0)
		return -EOPNOTSUPP;
	memcpy(data, &inode, sizeof(inode));    /* pidns_inode is the only constant of the program */
	return 0;
}

int holders_walk_kernel(struct holders *holders)
{
	struct bpf_program *program;
	struct bpf_object *object;
	struct bpf_link *link = NULL;
	int error, fd = -1;

	memset(holders, 0, sizeof(*holders));
	libbpf_set_print(say_nothing);
	object = bpf_object__open_mem(lens_holders_object, lens_holders_object_bytes, NULL);
	if (object == NULL)
		return -errno;
	error = pid_namespace_set(object);
	error = error == 0 ? bpf_object__load(object) : error;
	program = error == 0 ? bpf_object__next_program(object, NULL) : NULL;
	if (program != NULL)
		link = bpf_program__attach_iter(program, NULL);
	if (link != NULL)
		fd = bpf_iter_create(bpf_link__fd(link));
	if (fd >= 0)
		error = walk_read(holders, fd);
	else if (error == 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	bpf_object__close(object);
	if (error < 0)
		holders_free(holders);
	else
		holders_index(holders);
	return error;
}

#else

int holders_walk_kernel(struct holders *holders)
{
	memset(holders, 0, sizeof(*holders));
	return -EOPNOTSUPP;
}

#endif
