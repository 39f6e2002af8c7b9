/* SPDX-License-Identifier: MIT */
/*
 * The tun and tap link; see tun.h.
 *
 * Out: one writev() a packet, the virtio header and the stack's slices as they lie.  In: read() into
 * an arena, packets packed one behind the other, until nothing is left, the batch is full, or the
 * arena cannot take one more of the longest.
 */
#include "link/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "link/cut.h"

/*
 * Four of the longest packets: they, and the rings and pairs they are copied to, stay in a cache of the second level,
 * and the peer hears soon enough to send the next while we work on these.
 */
#define ARENA_BYTES (272u << 10)
#define HEADER_BYTES ((uint32_t)sizeof(struct virtio_net_hdr))
/*
 * Packets that the kernel keeps for us while we do something else.  Its default of 500 is less than the SYNs, or the
 * resets, of a thousand connections at once, and what it drops there nobody sends again (RST) or a second later (SYN).
 */
#define QUEUE_PACKETS 8192

struct tun {
	struct link link;
	int fd;
	bool tap;
	uint8_t *arena;
};

/* ---------------------------------------------------------------- packets */

static struct virtio_net_hdr header_of(const struct eleven_out *packet)
{
	struct virtio_net_hdr header = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
	uint32_t headers = packet->slice[0].length;

	if (packet->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = packet->checksum_start;
		header.csum_offset = packet->checksum_offset;
	}
	if (packet->segment_bytes && packet->length - headers > packet->segment_bytes) {
		const uint8_t *ip = packet->slice[0].bytes + packet->network_offset;

		header.gso_type = ip[0] >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		header.gso_size = packet->segment_bytes;
		header.hdr_len = (uint16_t)headers;
	}
	return header;
}

static void tun_send(struct link *link, const struct eleven_out *packets, unsigned count, uint64_t now)
{
	struct tun *tun = (struct tun *)link;

	(void)now;
	for (unsigned i = 0; i < count; i++) {
		struct virtio_net_hdr header = header_of(&packets[i]);
		struct iovec parts[1 + 4] = { { &header, HEADER_BYTES } };
		ssize_t written;

		for (unsigned s = 0; s < packets[i].slices; s++)
			parts[1 + s] = (struct iovec){ (void *)(uintptr_t)packets[i].slice[s].bytes,
						       packets[i].slice[s].length };
		do {
			written = writev(tun->fd, parts, 1 + packets[i].slices);
		} while (written < 0 && errno == EINTR);
		link->counts.out++;
		if (written < 0)
			link->counts.drops++;
	}
}

static unsigned tun_receive(struct link *link, struct eleven_packet *packets, unsigned count, uint64_t now)
{
	struct tun *tun = (struct tun *)link;
	uint32_t at = 6;
	unsigned n = 0;

	(void)now;
	while (n < count && ARENA_BYTES - at >= HEADER_BYTES + PACKET_BYTES_MAX) {
		ssize_t got = read(tun->fd, tun->arena + at, HEADER_BYTES + PACKET_BYTES_MAX);
		struct virtio_net_hdr header;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= (ssize_t)HEADER_BYTES)
			break;
		memcpy(&header, tun->arena + at, HEADER_BYTES);
		packets[n] = (struct eleven_packet){
			.bytes = tun->arena + at + HEADER_BYTES,
			.length = (uint32_t)got - HEADER_BYTES,
		};
		if (header.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
			packets[n].flags = ELEVEN_PACKET_CHECKSUM_OK;
		if ((header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV4 ||
		    (header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6)
			packets[n].segment_bytes = header.gso_size;
		/* Each begins 6 bytes past a multiple of 64: its IP header is aligned to 16. */
		at = ((at + (uint32_t)got + 63u) & ~63u) + 6u;
		n++;
	}
	link->counts.in += n;
	return n;
}

static int tun_descriptor(const struct link *link)
{
	return ((const struct tun *)link)->fd;
}

static void tun_destroy(struct link *link)
{
	struct tun *tun = (struct tun *)link;

	close(tun->fd);
	free(tun->arena);
	free(tun);
}

static const struct link_ops tun_ops = {
	.send = tun_send,
	.receive = tun_receive,
	.descriptor = tun_descriptor,
	.destroy = tun_destroy,
};

/* ---------------------------------------------------------------- the device */

static int device_open(const struct tun_settings *settings, char name[TUN_NAME_MAX], const char **what)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_NO_PI | IFF_VNET_HDR) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int size = (int)HEADER_BYTES;

	*what = "open /dev/net/tun";
	if (fd < 0)
		return -1;
	request.ifr_flags |= (short)(settings->tap ? IFF_TAP : IFF_TUN);
	strncpy(request.ifr_name, settings->device, TUN_NAME_MAX - 1);
	*what = "make the device";
	if (ioctl(fd, TUNSETIFF, &request) == 0) {
		memcpy(name, request.ifr_name, TUN_NAME_MAX);
		name[TUN_NAME_MAX - 1] = 0;
		*what = "set its offloads";
		if (ioctl(fd, TUNSETVNETHDRSZ, &size) == 0 &&
		    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

static void sockaddr_set(struct sockaddr *to, uint32_t address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };

	memcpy(to, &in, sizeof(in));
}

/* One request, and whether the kernel did it; errno. */
static bool netlink_ask(const void *request, size_t bytes)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[256];
	} answer = { .error.error = -EIO };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return false;
	if (send(fd, request, bytes, 0) == (ssize_t)bytes)
		recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	errno = -answer.error.error;
	return answer.error.error == 0;
}

/* By netlink: the ioctl for it does not ask who owns the network namespace, but wants the machine's root. */
static bool queue_set(const char *name, const char **what)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attribute;
		uint32_t packets;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_index = (int)if_nametoindex(name) },
		.attribute = { RTA_LENGTH(sizeof(uint32_t)), IFLA_TXQLEN },
		.packets = QUEUE_PACKETS,
	};

	*what = "set the length of its queue";
	return netlink_ask(&request, sizeof(request));
}

/* No wait for duplicates on the kernel's side: on a link of two that is ours. */
static bool address6_set(const char *name, const struct eleven_address *address, uint8_t prefix_bits, const char **what)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg address;
		struct rtattr attribute;
		struct eleven_address bytes;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWADDR,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE },
		.address = { .ifa_family = AF_INET6, .ifa_prefixlen = prefix_bits ? prefix_bits : 64,
			     .ifa_flags = IFA_F_NODAD, .ifa_index = if_nametoindex(name) },
		.attribute = { RTA_LENGTH(sizeof(*address)), IFA_LOCAL },
		.bytes = *address,
	};

	*what = "set its IPv6 address";
	return netlink_ask(&request, sizeof(request));
}

/* MTU, queue, address and up, for the kernel's side. */
static bool device_configure(const struct tun_settings *settings, const char *name, const char **what)
{
	static const struct eleven_address none;
	struct ifreq request = { .ifr_flags = 0 };
	const uint8_t *b = settings->kernel_address.bytes;
	uint32_t address = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0;

	*what = "set its MTU";
	memcpy(request.ifr_name, name, TUN_NAME_MAX);
	request.ifr_mtu = (int)settings->mtu;
	good = good && ioctl(fd, SIOCSIFMTU, &request) == 0;
	good = good && queue_set(name, what);
	if (good && memcmp(b, &none, sizeof(none)) != 0) {
		*what = "set its address";
		sockaddr_set(&request.ifr_addr, address);
		good = ioctl(fd, SIOCSIFADDR, &request) == 0;
		sockaddr_set(&request.ifr_netmask, settings->prefix_bits ? ~0u << (32 - settings->prefix_bits) : 0);
		good = good && ioctl(fd, SIOCSIFNETMASK, &request) == 0;
	}
	if (good && memcmp(&settings->kernel_address6, &none, sizeof(none)) != 0)
		good = address6_set(name, &settings->kernel_address6, settings->prefix6_bits, what);
	if (good) {
		*what = "bring it up";
		good = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
		request.ifr_flags |= IFF_UP;
		good = good && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	}
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return good;
}

static const char *remedy(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "it takes CAP_NET_ADMIN here: run it as root, or in a namespace of your own by `unshare -rn`";
	case ENOENT:
	case ENODEV:
		return "there is no tun device here: `modprobe tun` as root, or give /dev/net/tun to the container";
	case EBUSY:
		return "another program has this device: choose another name";
	case EINVAL:
		return "the name may belong to a device of another kind: choose another name";
	default:
		return "see the kernel's log";
	}
}

struct link *tun_create(const struct tun_settings *settings, char *problem, size_t problem_bytes)
{
	const char *what = "get memory", *kind = settings->tap ? "tap" : "tun";
	char name[TUN_NAME_MAX] = "";
	struct tun *tun = calloc(1, sizeof(*tun));
	int error;

	if (!tun)
		return NULL;
	tun->fd = -1;
	tun->arena = aligned_alloc(64, ARENA_BYTES);
	if (tun->arena)
		tun->fd = device_open(settings, name, &what);
	if (tun->fd < 0 || !device_configure(settings, name, &what)) {
		error = errno;
		snprintf(problem, problem_bytes, "%s %s: cannot %s: %s (%s)", kind, settings->device, what,
			 strerror(error), remedy(error));
		if (tun->fd >= 0)
			close(tun->fd);
		free(tun->arena);
		free(tun);
		errno = error;
		return NULL;
	}
	tun->link.ops = &tun_ops;
	tun->tap = settings->tap;
	snprintf(tun->link.name, sizeof(tun->link.name), "%s %s", kind, name);
	return &tun->link;
}
