/* SPDX-License-Identifier: MIT */
/* sock_diag; see diag.h. */
#include "lens/diag.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "base/check.h"
#include "view/text.h"
#include "wire/address.h"

/* The kernel fills up to 32 KiB of a dump at once when the reader offers as much. */
#define DIAG_BUFFER_BYTES 65536
/* Ends of sockets that may wait for the reader: each takes about 1 KiB. */
#define DIAG_DESTROYED_BYTES (32 << 20)

#define EXTENSION(name) (1u << (INET_DIAG_##name - 1))
#define EXTENSIONS (EXTENSION(INFO) | EXTENSION(SKMEMINFO) | EXTENSION(CONG) | EXTENSION(VEGASINFO))

int diag_open(struct diag *diag, bool destroyed)
{
	unsigned groups = destroyed ? 1u << (SKNLGRP_INET_TCP_DESTROY - 1) | 1u << (SKNLGRP_INET6_TCP_DESTROY - 1) : 0;
	int room = DIAG_DESTROYED_BYTES;
	struct stat about;
	int error;

	memset(diag, 0, sizeof(*diag));
	diag->netns = stat("/proc/self/ns/net", &about) == 0 ? about.st_ino : VIEW_ABSENT;
	diag->sequence = (uint32_t)time(NULL);
	diag->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (diag->socket == NULL || mnl_socket_bind(diag->socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		diag_close(diag);
		return error;
	}
	if (destroyed && setsockopt(diag_fd(diag), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(diag_fd(diag), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	diag->buffer = malloc(DIAG_BUFFER_BYTES);
	CHECK(diag->buffer != NULL);
	return 0;
}

void diag_close(struct diag *diag)
{
	if (diag->socket != NULL)
		mnl_socket_close(diag->socket);
	free(diag->buffer);
	memset(diag, 0, sizeof(*diag));
}

int diag_fd(const struct diag *diag)
{
	return mnl_socket_get_fd(diag->socket);
}

/* ---------------------------------------------------------------- reading */

static void read_endpoint(struct eleven_endpoint *endpoint, int family, const uint32_t address[4], uint16_t port_be)
{
	struct address a;

	if (family == 4)
		a = address_v4(load_be32((const uint8_t *)address));
	else
		memcpy(a.bytes, address, sizeof(a.bytes));
	memcpy(endpoint->address.bytes, a.bytes, sizeof(a.bytes));
	endpoint->port = load_be16((const uint8_t *)&port_be);
}

/* What is there of a struct that may be longer or shorter in this kernel. */
static size_t read_struct(void *out, size_t room, const struct nlattr *attribute)
{
	size_t bytes = mnl_attr_get_payload_len(attribute);

	if (bytes > room)
		bytes = room;
	memcpy(out, mnl_attr_get_payload(attribute), bytes);
	return bytes;
}

static void read_attribute(struct kernel_sock *sock, const struct nlattr *attribute)
{
	size_t bytes = mnl_attr_get_payload_len(attribute);
	const uint8_t *payload = mnl_attr_get_payload(attribute);

	switch (mnl_attr_get_type(attribute)) {
	case INET_DIAG_INFO:
		sock->info_bytes = read_struct(&sock->info, sizeof(sock->info), attribute);
		break;
	case INET_DIAG_SKMEMINFO:
		sock->skmem_known = read_struct(sock->skmem, sizeof(sock->skmem), attribute) > 0;
		break;
	case INET_DIAG_CONG:
		text_escape(sock->congestion, sizeof(sock->congestion), (const char *)payload, bytes);
		break;
	case INET_DIAG_BBRINFO:
		sock->bbr_known = read_struct(&sock->bbr, sizeof(sock->bbr), attribute) == sizeof(sock->bbr);
		break;
	case INET_DIAG_SHUTDOWN:
		sock->shutdown_known = bytes >= 1;
		sock->shutdown = bytes >= 1 ? payload[0] : 0;
		break;
	case INET_DIAG_TOS:
		sock->tos = bytes >= 1 ? payload[0] : 0;
		break;
	case INET_DIAG_TCLASS:
		sock->tclass = bytes >= 1 ? payload[0] : 0;
		break;
	case INET_DIAG_SKV6ONLY:
		sock->v6only_known = bytes >= 1;
		sock->v6only = bytes >= 1 ? payload[0] : 0;
		break;
	case INET_DIAG_MARK:
		read_struct(&sock->mark, sizeof(sock->mark), attribute);
		break;
	case INET_DIAG_CGROUP_ID:
		read_struct(&sock->cgroup, sizeof(sock->cgroup), attribute);
		break;
	default:
		break;
	}
}

static enum eleven_state state_of(uint8_t state)
{
	static const enum eleven_state states[KERNEL_STATES] = {
		[KERNEL_ESTABLISHED] = ELEVEN_ESTABLISHED,
		[KERNEL_SYN_SENT] = ELEVEN_SYN_SENT,
		[KERNEL_SYN_RECV] = ELEVEN_SYN_RECEIVED,
		[KERNEL_FIN_WAIT1] = ELEVEN_FIN_WAIT_1,
		[KERNEL_FIN_WAIT2] = ELEVEN_FIN_WAIT_2,
		[KERNEL_TIME_WAIT] = ELEVEN_TIME_WAIT,
		[KERNEL_CLOSE] = ELEVEN_CLOSED,
		[KERNEL_CLOSE_WAIT] = ELEVEN_CLOSE_WAIT,
		[KERNEL_LAST_ACK] = ELEVEN_LAST_ACK,
		[KERNEL_LISTEN] = ELEVEN_LISTEN,
		[KERNEL_CLOSING] = ELEVEN_CLOSING,
		[KERNEL_NEW_SYN_RECV] = ELEVEN_SYN_RECEIVED,
		[KERNEL_BOUND_INACTIVE] = ELEVEN_CLOSED,
	};

	return states[state];
}

static enum eleven_timer timer_of(const struct kernel_sock *sock)
{
	switch (sock->timer) {
	case KERNEL_TIMER_ON:
		return sock->state == KERNEL_SYN_SENT || sock->state == KERNEL_SYN_RECV ? ELEVEN_TIMER_SYN :
											  ELEVEN_TIMER_RETRANSMISSION;
	case KERNEL_TIMER_KEEPALIVE:
		return sock->state == KERNEL_FIN_WAIT2 ? ELEVEN_TIMER_FIN_WAIT_2 : ELEVEN_TIMER_KEEPALIVE;
	case KERNEL_TIMER_TIME_WAIT:
		return sock->state == KERNEL_FIN_WAIT2 ? ELEVEN_TIMER_FIN_WAIT_2 : ELEVEN_TIMER_TIME_WAIT;
	case KERNEL_TIMER_PROBE:
		return ELEVEN_TIMER_PERSIST;
	default:
		return ELEVEN_TIMER_NONE;
	}
}

static uint64_t given(const struct kernel_sock *sock, size_t offset, size_t bytes, uint64_t value)
{
	return sock->info_bytes >= offset + bytes ? value : VIEW_ABSENT;
}

#define GIVEN(sock, field) given(sock, offsetof(struct tcp_info, field), sizeof((sock)->info.base.field), \
				 (sock)->info.base.field)

static uint64_t scaled(uint64_t value, uint64_t unit)
{
	return value == VIEW_ABSENT ? VIEW_ABSENT : value * unit;
}

static void fill_info(struct conn_view *conn, const struct kernel_sock *sock)
{
	const struct tcp_info *tcp = &sock->info.base;
	struct view_info *info = &conn->info;

	if (sock->skmem_known) {
		info->send_buffer = sock->skmem[SK_MEMINFO_SNDBUF];
		info->receive_buffer = sock->skmem[SK_MEMINFO_RCVBUF];
		info->drops = sock->skmem[SK_MEMINFO_DROPS];
	}
	if (sock->info_bytes == 0 || sock->state == KERNEL_LISTEN || sock->state == KERNEL_CLOSE)
		return;
	info->cwnd = scaled(GIVEN(sock, tcpi_snd_cwnd), tcp->tcpi_snd_mss);
	if (tcp->tcpi_snd_ssthresh < 0x7fffffff)
		info->ssthresh = scaled(GIVEN(sock, tcpi_snd_ssthresh), tcp->tcpi_snd_mss);
	info->snd_wnd = GIVEN(sock, tcpi_snd_wnd);
	if (KERNEL_INFO_HAS(sock, rcv_wnd))
		info->rcv_wnd = sock->info.rcv_wnd;
	info->rto = scaled(GIVEN(sock, tcpi_rto), 1000);
	if (tcp->tcpi_rtt != 0) {
		info->srtt = scaled(GIVEN(sock, tcpi_rtt), 1000);
		info->rttvar = scaled(GIVEN(sock, tcpi_rttvar), 1000);
	}
	if (tcp->tcpi_min_rtt != 0 && tcp->tcpi_min_rtt != UINT32_MAX)
		info->min_rtt = scaled(GIVEN(sock, tcpi_min_rtt), 1000);
	info->mss = GIVEN(sock, tcpi_snd_mss);
	if (tcp->tcpi_options & 4) {    /* TCPI_OPT_WSCALE */
		info->snd_wscale = tcp->tcpi_snd_wscale;
		info->rcv_wscale = tcp->tcpi_rcv_wscale;
	}
	info->unsent = GIVEN(sock, tcpi_notsent_bytes);
	if (info->unsent != VIEW_ABSENT && sock->wqueue >= info->unsent)
		info->flight = sock->wqueue - info->unsent;
	info->segments_in = GIVEN(sock, tcpi_segs_in);
	info->segments_out = GIVEN(sock, tcpi_segs_out);
	info->bytes_in = GIVEN(sock, tcpi_bytes_received);
	info->bytes_out = GIVEN(sock, tcpi_bytes_sent);
	info->retransmitted_segments = GIVEN(sock, tcpi_total_retrans);
	info->retransmitted_bytes = GIVEN(sock, tcpi_bytes_retrans);
	if (sock->state != KERNEL_SYN_SENT && tcp->tcpi_data_segs_out > 0)
		info->last_sent = scaled(GIVEN(sock, tcpi_last_data_sent), 1000000);
	if (sock->state != KERNEL_SYN_SENT && tcp->tcpi_data_segs_in > 0)
		info->last_received = scaled(GIVEN(sock, tcpi_last_data_recv), 1000000);
}

/* What state, queues and shutdown say together; who holds it is told later. */
static void fill_sub(struct conn_view *conn, const struct kernel_sock *sock)
{
	uint32_t sub = 0;

	conn->sub_known = ELEVEN_SUB_REQUEST | ELEVEN_SUB_BOUND | ELEVEN_SUB_FIN_RECEIVED;
	if (sock->request)
		sub |= ELEVEN_SUB_REQUEST | ELEVEN_SUB_PASSIVE;
	if (conn->state == ELEVEN_CLOSED && conn->local.port != 0)
		sub |= ELEVEN_SUB_BOUND;
	if (conn->state == ELEVEN_CLOSE_WAIT || conn->state == ELEVEN_LAST_ACK || conn->state == ELEVEN_CLOSING ||
	    conn->state == ELEVEN_TIME_WAIT)
		sub |= ELEVEN_SUB_FIN_RECEIVED;
	if (conn->state == ELEVEN_CLOSE_WAIT) {
		conn->sub_known |= ELEVEN_SUB_UNREAD | ELEVEN_SUB_EOF_READ;
		sub |= sock->rqueue > 1 ? ELEVEN_SUB_UNREAD : sock->rqueue == 0 ? ELEVEN_SUB_EOF_READ : 0;
	} else if (conn->state == ELEVEN_ESTABLISHED) {
		conn->sub_known |= ELEVEN_SUB_UNREAD;
		sub |= sock->rqueue > 0 ? ELEVEN_SUB_UNREAD : 0;
	}
	if (sock->timer == KERNEL_TIMER_PROBE)
		sub |= ELEVEN_SUB_ZERO_WINDOW;
	if (sock->info_bytes > 0 && conn->state != ELEVEN_LISTEN) {
		conn->sub_known |= ELEVEN_SUB_RECOVERY | ELEVEN_SUB_TIMESTAMPS | ELEVEN_SUB_SACK |
				   ELEVEN_SUB_WINDOW_SCALE | ELEVEN_SUB_ZERO_WINDOW;
		sub |= sock->info.base.tcpi_ca_state >= 3 ? ELEVEN_SUB_RECOVERY : 0;    /* Recovery, Loss */
		sub |= sock->info.base.tcpi_options & 1 ? ELEVEN_SUB_TIMESTAMPS : 0;
		sub |= sock->info.base.tcpi_options & 2 ? ELEVEN_SUB_SACK : 0;
		sub |= sock->info.base.tcpi_options & 4 ? ELEVEN_SUB_WINDOW_SCALE : 0;
	}
	conn->sub = sub;
}

/* Half of it is for tcp_info, which not every message has: info_bytes is 0 then, and nobody looks there. */
static struct kernel_sock *sock_make(const struct nlmsghdr *message)
{
	const struct nlattr *attribute;
	struct kernel_sock *sock;
	bool full = false;

	mnl_attr_for_each(attribute, message, sizeof(struct inet_diag_msg))
		full |= mnl_attr_get_type(attribute) == INET_DIAG_INFO;
	sock = calloc(1, full ? sizeof(*sock) : offsetof(struct kernel_sock, info));
	CHECK(sock != NULL);
	return sock;
}

bool diag_read(struct conn_view *conn, const struct nlmsghdr *message, uint64_t netns)
{
	const struct inet_diag_msg *from;
	const struct nlattr *attribute;
	struct kernel_sock *sock;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || message->nlmsg_len < NLMSG_LENGTH(sizeof(*from)))
		return false;
	from = mnl_nlmsg_get_payload(message);
	if ((from->idiag_family != AF_INET && from->idiag_family != AF_INET6) || from->idiag_state == 0 ||
	    from->idiag_state >= KERNEL_STATES)
		return false;
	sock = sock_make(message);
	mnl_attr_for_each(attribute, message, sizeof(*from))
		read_attribute(sock, attribute);
	sock->state = from->idiag_state == KERNEL_NEW_SYN_RECV ? KERNEL_SYN_RECV : from->idiag_state;
	sock->timer = from->idiag_timer;
	sock->retrans = from->idiag_retrans;
	sock->expires_ms = from->idiag_expires;
	sock->rqueue = from->idiag_rqueue;
	sock->wqueue = from->idiag_wqueue;
	sock->ifindex = from->id.idiag_if;
	sock->request = sock->state == KERNEL_SYN_RECV && sock->info_bytes == 0 && from->idiag_inode == 0;
	sock->small = sock->timer == KERNEL_TIMER_TIME_WAIT;
	conn->kernel = sock;
	conn->source = VIEW_KERNEL;
	conn->netns = netns;
	conn->cookie = (uint64_t)from->id.idiag_cookie[1] << 32 | from->id.idiag_cookie[0];
	conn->family = from->idiag_family == AF_INET ? 4 : 6;
	read_endpoint(&conn->local, conn->family, from->id.idiag_src, from->id.idiag_sport);
	read_endpoint(&conn->remote, conn->family, from->id.idiag_dst, from->id.idiag_dport);
	conn->state = state_of(sock->state);
	conn->recvq = sock->rqueue;
	conn->sendq = conn->state == ELEVEN_LISTEN ? 0 : sock->wqueue;
	conn->backlog = conn->state == ELEVEN_LISTEN ? sock->wqueue : VIEW_ABSENT;
	conn->inode = from->idiag_inode;
	conn->uid = from->idiag_uid;
	conn->device = sock->ifindex != 0 ? sock->ifindex : VIEW_ABSENT;
	conn->mark = sock->mark != 0 ? sock->mark : VIEW_ABSENT;
	conn->timer.kind = timer_of(sock);
	conn->timer.expires_ns = conn->timer.kind == ELEVEN_TIMER_NONE ? 0 : sock->expires_ms * 1000000ull;
	conn->timer.count = sock->retrans;
	conn->timer.kept_alive = sock->timer == KERNEL_TIMER_KEEPALIVE;
	if (sock->info_bytes > 0 && conn->state != ELEVEN_LISTEN) {
		conn->timer.resent = sock->info.base.tcpi_retransmits;
		conn->timer.probed = sock->info.base.tcpi_probes;
	}
	fill_info(conn, sock);
	fill_sub(conn, sock);
	return true;
}

/* ---------------------------------------------------------------- asking */

static struct nlmsghdr *request_start(struct diag *diag, uint16_t type, uint16_t flags, int family,
				      struct inet_diag_req_v2 **body)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(diag->buffer);

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_seq = ++diag->sequence;
	*body = mnl_nlmsg_put_extra_header(header, sizeof(**body));
	(*body)->sdiag_family = family == 6 ? AF_INET6 : AF_INET;
	(*body)->sdiag_protocol = IPPROTO_TCP;
	(*body)->idiag_ext = diag->brief ? 0 : EXTENSIONS;
	return header;
}

static void request_which(struct inet_diag_req_v2 *body, const struct conn_view *which)
{
	size_t skip = which->family == 4 ? 12 : 0;

	memcpy(body->id.idiag_src, which->local.address.bytes + skip, 16 - skip);
	memcpy(body->id.idiag_dst, which->remote.address.bytes + skip, 16 - skip);
	store_be16((uint8_t *)&body->id.idiag_sport, which->local.port);
	store_be16((uint8_t *)&body->id.idiag_dport, which->remote.port);
	body->id.idiag_if = which->kernel != NULL ? which->kernel->ifindex : 0;
	body->id.idiag_cookie[0] = (uint32_t)which->cookie;
	body->id.idiag_cookie[1] = (uint32_t)(which->cookie >> 32);
}

/* A row to be kept, or to be forgotten when it cannot be read. */
static void view_read(struct view *view, const struct nlmsghdr *message, uint64_t netns)
{
	if (!diag_read(view_add(view), message, netns))
		view->count--;
}

/*
 * Reads answers of one request until its end. `single`: there is one message and no end after it.  0, -errno of the
 * kernel, -EBADMSG when what came is no netlink.
 */
static int answer_read(struct diag *diag, bool single, struct view *view)
{
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(diag->socket, diag->buffer, DIAG_BUFFER_BYTES);
		const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)diag->buffer;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == ENOSPC ? -EBADMSG : -errno;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			if (message->nlmsg_seq != diag->sequence)
				continue;       /* multicast, or the rest of an earlier answer */
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR) {
				if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
					return -EBADMSG;
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
			}
			view_read(view, message, diag->netns);
			if (single)
				return 0;
		}
		if (left > 0 && got > 0 && left == got)
			return -EBADMSG;
	}
}

int diag_dump(struct diag *diag, int family, uint32_t states, struct view *view)
{
	struct inet_diag_req_v2 *body;
	struct nlmsghdr *header = request_start(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, &body);

	body->idiag_states = states;
	if (mnl_socket_sendto(diag->socket, header, header->nlmsg_len) < 0)
		return -errno;
	return answer_read(diag, false, view);
}

int diag_get(struct diag *diag, const struct conn_view *which, struct conn_view *now)
{
	struct inet_diag_req_v2 *body;
	struct nlmsghdr *header = request_start(diag, SOCK_DIAG_BY_FAMILY, 0, which->family, &body);
	struct view view = { 0 };
	int error;

	body->idiag_states = KERNEL_STATES_ALL;
	request_which(body, which);
	if (mnl_socket_sendto(diag->socket, header, header->nlmsg_len) < 0)
		return -errno;
	error = answer_read(diag, true, &view);
	if (error == 0 && view.count == 0)
		error = -EBADMSG;
	if (error == 0)
		*now = view.conns[0];
	free(view.conns);
	return error;
}

int diag_destroy(struct diag *diag, const struct conn_view *which)
{
	struct inet_diag_req_v2 *body;
	struct nlmsghdr *header = request_start(diag, SOCK_DESTROY, NLM_F_ACK, which->family, &body);
	struct view view = { 0 };
	int error;

	body->idiag_states = KERNEL_STATES_ALL;
	request_which(body, which);
	if (mnl_socket_sendto(diag->socket, header, header->nlmsg_len) < 0)
		return -errno;
	error = answer_read(diag, true, &view);
	view_free(&view);
	return error;
}

int diag_next(struct diag *diag, struct view *view, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = diag_fd(diag), .events = POLLIN };
	const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)diag->buffer;
	size_t before = view->count;
	ssize_t got;
	int left;

	if (poll(&poll_fd, 1, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	if (poll_fd.revents == 0)
		return 0;
	got = mnl_socket_recvfrom(diag->socket, diag->buffer, DIAG_BUFFER_BYTES);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	for (left = (int)got; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			view_read(view, message, diag->netns);
	}
	return (int)(view->count - before);
}
