/* SPDX-License-Identifier: MIT */
/* Systems' names for what eleven's configuration holds. */
#ifndef ELEVEN_PACKETDRILL_SYSCTL_H
#define ELEVEN_PACKETDRILL_SYSCTL_H

#include "packetdrill/settings.h"

/* Linux's, as they are now: from /proc/sys/net, or from the folder that PD_SYSCTL_ROOT names. */
void sysctl_linux(struct settings *settings);
/* One of them, by its name below net.ipv4: "tcp_rmem", "4096 131072 6291456".  False: it means nothing here. */
bool sysctl_linux_set(struct settings *settings, const char *name, const char *value);
/* FreeBSD's, lines `name=value` of a file; NULL or none: nothing. */
void sysctl_file(struct settings *settings, const char *path);

#endif
