/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of a program's end by its inode (NETLINK_SOCK_DIAG): the host's own end cannot say how
 * many bytes lie there unread, nor how much memory the program's writing takes.
 */
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "sock/sock.h"

static const struct unix_diag_rqlen *rqlen_find(const uint8_t *answer, size_t length)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
	size_t at = NLMSG_LENGTH(sizeof(struct unix_diag_msg));

	if (length < at || header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return NULL;
	while (at + sizeof(struct nlattr) + sizeof(struct unix_diag_rqlen) <= length) {
		const struct nlattr *attribute = (const struct nlattr *)(answer + at);

		if (attribute->nla_type == UNIX_DIAG_RQLEN)
			return (const struct unix_diag_rqlen *)(attribute + 1);
		if (attribute->nla_len < sizeof(*attribute))
			return NULL;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}

bool diag_queues(const struct sock *sock, uint32_t *unread, uint32_t *written)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req ask;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		.ask = { .sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_ino = (uint32_t)sock->inode,
			 .udiag_show = UDIAG_SHOW_RQLEN, .udiag_cookie = { ~0u, ~0u } },
	};
	_Alignas(struct nlmsghdr) uint8_t answer[512];
	const struct unix_diag_rqlen *queues;
	ssize_t length;

	if (sock->service->diag < 0 || send(sock->service->diag, &request, sizeof(request), MSG_DONTWAIT) < 0)
		return false;
	length = recv(sock->service->diag, answer, sizeof(answer), MSG_DONTWAIT);
	queues = length < 0 ? NULL : rqlen_find(answer, (size_t)length);
	if (!queues)
		return false;
	*unread = queues->udiag_rqueue;
	*written = queues->udiag_wqueue;
	return true;
}
