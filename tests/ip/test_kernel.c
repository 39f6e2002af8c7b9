/* SPDX-License-Identifier: MIT */
/*
 * The Linux kernel as the neighbour: a tap device in a network namespace of this process, the kernel
 * 10.0.0.2, we 10.0.0.1.  Skipped where namespaces or tap are not permitted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ip/host.h"

static int tap = -1;
static const char *why_not = "";
static uint8_t data[65535], back[65535];

static bool file_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);
	bool good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return good;
}

static bool namespace_enter(void)
{
	char map[32];

	if (geteuid() == 0)
		return unshare(CLONE_NEWNET) == 0;
	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && file_write("/proc/self/uid_map", map);
}

static int tap_open(void)
{
	struct ifreq request = { .ifr_name = "tap0" };
	int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (file >= 0 && ioctl(file, TUNSETIFF, &request) < 0) {
		close(file);
		return -1;
	}
	return file;
}

static int suite_setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 11 + (i >> 8));
	if (!namespace_enter())
		why_not = "no network namespace permitted";
	else if ((tap = tap_open()) < 0)
		why_not = "no tap device permitted";
	else if (system("ip addr add 10.0.0.2/24 dev tap0 && ip link set tap0 up && ip link set lo up") != 0)
		why_not = "ip(8) fails";
	else
		file_write("/proc/sys/net/ipv4/ip_forward", "1");
	if (*why_not && tap >= 0) {
		close(tap);
		tap = -1;
	}
	return 0;
}

static void need_tap(void)
{
	if (tap < 0) {
		print_message("skipped: %s\n", why_not);
		skip();
	}
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return SEC(now.tv_sec) + (uint64_t)now.tv_nsec;
}

static void setup(struct host *host)
{
	struct eleven_interface interface = ethernet_interface();

	need_tap();
	host_config(host);
	host_start(host);
	host->ethernet = true;
	host->now = clock_now();
	interface.gateway = public_v4(PEER);
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
}

/* One turn of the wire: everything out, one packet in. */
static enum ip_input turn(struct host *host)
{
	uint8_t frame[2048];
	ssize_t n;

	host->now = clock_now();
	ip_timers(host->ip, host->now);
	while (host_output(host))
		assert_int_equal(write(tap, host->out.slice[0].bytes, host->out.length), host->out.length);
	n = read(tap, frame, sizeof(frame));
	if (n < 0) {
		usleep(200);
		return IP_CONSUMED;
	}
	return host_input(host, frame, (size_t)n);
}

/* Turns until the wanted comes, or for 5 s. */
static bool turn_until(struct host *host, enum ip_input wanted)
{
	uint64_t end = clock_now() + SEC(5);

	while (clock_now() < end)
		if (turn(host) == wanted)
			return true;
	return false;
}

/* What the kernel's socket says first: bytes, or -errno. */
static ssize_t turn_until_received(struct host *host, int socket)
{
	uint64_t end = clock_now() + SEC(5);

	while (clock_now() < end) {
		ssize_t n = recv(socket, back, sizeof(back), MSG_DONTWAIT);

		if (n >= 0 || errno != EAGAIN)
			return n < 0 ? -errno : n;
		turn(host);
	}
	return -ETIMEDOUT;
}

static int kernel_socket(int type, int protocol)
{
	struct sockaddr_in us = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(OURS) };
	int made = socket(AF_INET, type, protocol), bytes = 1 << 20;

	assert_true(made >= 0);
	setsockopt(made, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(made, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	assert_int_equal(connect(made, (struct sockaddr *)&us, sizeof(us)), 0);
	return made;
}

/* The kernel fragments and we join; we fragment and the kernel joins; both ask by ARP first. */
static void test_kernel_pings_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 56, 1472, 1473, 2960, 9001, 65507 };
	static uint8_t message[65515];
	struct host host;
	int raw;

	(void)state;
	setup(&host);
	raw = kernel_socket(SOCK_RAW, IPPROTO_ICMP);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = message_make(message, ICMP_ECHO, 0, 0x00010002, data, sizes[i]);

		assert_int_equal(send(raw, message, n, 0), n);
		assert_int_equal(turn_until_received(&host, raw), 20 + n);
		assert_int_equal(back[20], ICMP_ECHO_REPLY);
		assert_memory_equal(back + 28, data, sizes[i]);
	}
	close(raw);
	host_free(&host);
}

static void test_kernel_hears_unreachable(void **state)
{
	struct host host;
	int udp, raw;

	(void)state;
	setup(&host);
	udp = kernel_socket(SOCK_DGRAM, 0);
	assert_int_equal(send(udp, data, 100, 0), 100);
	assert_int_equal(turn_until_received(&host, udp), -ECONNREFUSED);
	assert_int_equal(send(udp, data, 5000, 0), 5000);
	assert_int_equal(turn_until_received(&host, udp), -ECONNREFUSED);
	raw = kernel_socket(SOCK_RAW, 253);
	assert_int_equal(send(raw, data, 100, 0), 100);
	assert_int_equal(turn_until_received(&host, raw), -ENOPROTOOPT);
	close(udp);
	close(raw);
	host_free(&host);
}

/* A SYN, with `pad` bytes of text so that it has a size. */
static void syn_send(struct host *host, uint32_t to, uint32_t pad)
{
	struct address remote = address_v4(to), local = address_v4(OURS);
	uint8_t frame[2048] = { 0 }, *tcp;
	struct ip_route route;
	uint32_t bytes = 20 + pad, sum;
	uint64_t end = clock_now() + SEC(5);
	int header;

	assert_int_equal(ip_route(host->ip, &remote, &local, &route), 0);
	do {
		turn(host);
		header = ip_header(host->ip, &route, &local, &remote, 64, 0, true, bytes, frame, host->now);
	} while (header == -EAGAIN && clock_now() < end);
	assert_int_equal(header, 34);
	tcp = frame + header;
	store_be16(tcp, 4711);
	store_be16(tcp + 2, 81);
	store_be32(tcp + 4, 0x01020304);
	tcp[12] = 5 << 4;
	tcp[13] = 2;
	sum = checksum_pseudo_v4(OURS, to, 6, (uint16_t)bytes);
	store_be16(tcp + 16, checksum_finish(checksum_add(sum, tcp, bytes)));
	assert_int_equal(write(tap, frame, (size_t)header + bytes), (size_t)header + bytes);
}

static void test_kernel_answers_a_syn(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	syn_send(&host, PEER, 0);
	assert_true(turn_until(&host, IP_SEGMENT));
	assert_int_equal(address_v4_value(&host.datagram.source), PEER);
	assert_int_equal(host.datagram.payload_bytes, 20);
	assert_int_equal(host.datagram.payload[13], 0x14);      /* RST, ACK */
	host_free(&host);
}

/* The kernel as a router: no way to go, and a way too narrow. */
static void test_kernel_reports_errors(void **state)
{
	struct host host;

	(void)state;
	setup(&host);
	assert_int_equal(system("ip route add 192.0.2.0/24 via 10.0.0.77 dev tap0 mtu lock 600"), 0);
	syn_send(&host, 0xc6336401, 0);
	assert_true(turn_until(&host, IP_ERROR));
	assert_int_equal(host.error.error, ENETUNREACH);
	assert_int_equal(host.error.seq.value, 0x01020304);
	assert_int_equal(host.error.local_port, 4711);
	assert_int_equal(host.error.remote_port, 81);
	assert_int_equal(address_v4_value(&host.error.remote), 0xc6336401);
	syn_send(&host, AFAR, 1000);
	assert_true(turn_until(&host, IP_ERROR));
	assert_int_equal(host.error.error, EMSGSIZE);
	assert_int_equal(host.error.mtu, 600);
	host_free(&host);
}

static void test_kernel_neighbour_table_has_us(void **state)
{
	struct host host;
	char line[256] = "";
	FILE *file;
	int udp;

	(void)state;
	setup(&host);
	udp = kernel_socket(SOCK_DGRAM, 0);
	send(udp, data, 1, 0);
	turn_until_received(&host, udp);
	close(udp);
	file = popen("ip neigh show 10.0.0.1", "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	pclose(file);
	assert_non_null(strstr(line, "02:00:00:00:00:01"));
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_pings_every_size),
		cmocka_unit_test(test_kernel_hears_unreachable),
		cmocka_unit_test(test_kernel_answers_a_syn),
		cmocka_unit_test(test_kernel_reports_errors),
		cmocka_unit_test(test_kernel_neighbour_table_has_us),
	};

	return cmocka_run_group_tests(tests, suite_setup, NULL);
}
