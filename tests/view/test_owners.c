/* SPDX-License-Identifier: MIT */
/* Owners found in a folder made like /proc. */
#include "golden.h"
#include "rows.h"

#include <sys/stat.h>
#include <unistd.h>

#include "view/owners.h"

static char proc[] = "/tmp/eleven-proc-XXXXXX";

static void descriptor(int pid, int fd, const char *target)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d", proc, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/fd", proc, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/fd/%d", proc, pid, fd);
	assert_int_equal(symlink(target, path), 0);
}

static void comm(int pid, const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/comm", proc, pid);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", name);
	fclose(file);
}

static int setup(void **state)
{
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(proc));
	descriptor(20, 7, "socket:[1000]");
	descriptor(20, 3, "socket:[1000]");
	descriptor(20, 4, "/dev/null");
	descriptor(20, 5, "socket:[9999]");
	comm(20, "server");
	descriptor(10, 3, "socket:[1000]");
	comm(10, "pre\033[31mfork");
	descriptor(30, 3, "socket:[1001]");
	descriptor(40, 3, "pipe:[1002]");
	snprintf(path, sizeof(path), "%s/self", proc);
	mkdir(path, 0700);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", proc);
	return system(command);
}

static void test_owners_by_inode(void **state)
{
	struct view view = { 0 };

	(void)state;
	for (int i = 0; i < 40; i++)
		row_add(&view, "a", "10.0.0.1:1", "10.0.0.2:2", ELEVEN_ESTABLISHED)->owners_known = false;
	view.conns[0].inode = 1000;
	view.conns[1].inode = 1001;
	view.conns[2].inode = 1002;
	view.conns[3].inode = 1000;
	assert_int_equal(owners_scan(&view, proc), 0);
	assert_int_equal(view.conns[0].owner_count, 3);
	assert_int_equal(view.conns[0].owners[0].pid, 10);
	assert_string_equal(view.conns[0].owners[0].comm, "pre\\x1b[31mfork");
	assert_int_equal(view.conns[0].owners[1].pid, 20);
	assert_int_equal(view.conns[0].owners[1].fd, 3);
	assert_int_equal(view.conns[0].owners[2].fd, 7);
	assert_string_equal(view.conns[0].owners[2].comm, "server");
	assert_int_equal(view.conns[1].owner_count, 1);
	assert_string_equal(view.conns[1].owners[0].comm, "?");         /* it has no name to read */
	assert_int_equal(view.conns[2].owner_count, 0);
	assert_int_equal(view.conns[3].owner_count, 3);
	assert_int_equal(view.conns[4].owner_count, 0);
	for (int i = 0; i < 5; i++)
		assert_true(view.conns[i].owners_known);
	view_free(&view);
}

static void test_a_folder_that_is_not_there(void **state)
{
	struct view view = { 0 };

	(void)state;
	assert_true(owners_scan(&view, "/nonexistent") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners_by_inode),
		cmocka_unit_test(test_a_folder_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
