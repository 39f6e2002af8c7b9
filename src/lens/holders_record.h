/* SPDX-License-Identifier: MIT */
/* What holders.bpf.c writes, and holders_bpf.c reads. Compiled for both: no header of libc. */
#ifndef ELEVEN_LENS_HOLDERS_RECORD_H
#define ELEVEN_LENS_HOLDERS_RECORD_H

struct holders_record {
	HOLDERS_RECORD_U64 inode;
	HOLDERS_RECORD_U32 pid;         /* in the reader's PID namespace */
	HOLDERS_RECORD_U32 fd;
	HOLDERS_RECORD_U32 uid;
	HOLDERS_RECORD_U32 over;        /* of TCP, it has sent or got something, and it is in CLOSE */
	char comm[16];
};

#endif
