/* SPDX-License-Identifier: MIT */
/*
 * The host process of `eleven up`: puts loop, host, links, control socket and services together,
 * runs until it is told to stop, and takes all apart again in the opposite order.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "host/answers.h"
#include "host/client.h"
#include "host/control.h"
#include "host/record.h"
#include "host/units.h"
#include "host/watchers.h"
#include "link/impair.h"
#include "link/tun.h"
#include "link/wire.h"
#include "sock/service.h"
#include "up.h"

/* Most text of one big segment: with its headers below the 65535 bytes of an IP packet. */
#define SEGMENT_TEXT_MAX 65160u

struct up {
	const struct up_plan *plan;
	struct loop *loop;
	struct host *host;
	struct control *control;
	struct answers *answers;
	struct watchers *watchers;
	struct sock_service *sockets;
	struct impair *impair;
	struct wire *wire;
	char path[108];
	int signal_fd;
};

static int failed(const char *what, int error)
{
	fprintf(stderr, "eleven up: %s: %s\n", what, strerror(-error));
	return error;
}

/* ---------------------------------------------------------------- stacks */

static struct eleven_interface interface_of(const struct up_plan *plan, const struct up_host *host)
{
	struct eleven_interface interface = {
		.kind = ELEVEN_LINK_IP, .address = host->address, .prefix_bits = host->prefix_bits,
		.mtu = (uint32_t)plan->mtu, .checksum_offload = true, .segment_bytes_max = SEGMENT_TEXT_MAX,
		.address6 = host->address6, .prefix6_bits = host->prefix6_bits,
	};

	return interface;
}

/* Each stack its own secrets. */
static struct eleven_config config_of(const struct up_plan *plan, unsigned index)
{
	struct eleven_config config = plan->config;

	config.seed += (index + 1) * 0x9e3779b97f4a7c15ull;
	return config;
}

/* Wraps the link and makes the stack on it. */
static int stack_add(struct up *up, const struct up_host *host, const struct eleven_interface *interface,
		     struct link *link, bool outside)
{
	struct eleven_config config = config_of(up->plan, host_count(up->host));
	struct link *wrapped = impair_wrap(up->impair, link, host->name, interface, outside);
	int error;

	if (!wrapped) {
		link_destroy(link);
		return failed(host->name, -ENOMEM);
	}
	error = host_stack_add(up->host, host->name, &config, interface, wrapped, NULL);
	if (error == -EINVAL)
		fprintf(stderr, "eleven up: host '%s': a name is of letters, digits, - _ . (%d at most), "
			"its address that of one machine\n", host->name, HOST_NAME_MAX - 1);
	else if (error == -ENOMEM)
		fprintf(stderr, "eleven up: host '%s': no memory for a stack of %zu MiB; 'eleven up --set "
			"connections_max=1000 --set buffer_bytes=16m' takes less\n", host->name,
			eleven_size(&config) >> 20);
	else if (error < 0)
		failed(host->name, error);
	return error;
}

static int wire_add(struct up *up)
{
	up->wire = wire_create(ELEVEN_LINK_IP);
	if (!up->wire)
		return failed("wire", -ENOMEM);
	for (unsigned i = 0; i < up->plan->host_count; i++) {
		const struct up_host *host = &up->plan->hosts[i];
		struct eleven_interface interface = interface_of(up->plan, host);
		struct link *port = wire_port(up->wire, &interface);
		int error = port ? stack_add(up, host, &interface, port, false) : failed(host->name, -errno);

		if (error < 0)
			return error;
	}
	return 0;
}

static bool is_default(const struct eleven_route *route)
{
	return route->prefix_bits == 0;
}

static struct eleven_address gateway_first(const struct up_plan *plan)
{
	for (unsigned i = 0; i < plan->route_count; i++)
		if (is_default(&plan->routes[i]) && units_address_is_v4(&plan->routes[i].gateway))
			return plan->routes[i].gateway;
	return plan->kernel_address;
}

/* The same of IPv6, which routers may tell instead. */
static struct eleven_address gateway6_first(const struct up_plan *plan)
{
	for (unsigned i = 0; i < plan->route_count; i++)
		if (is_default(&plan->routes[i]) && !units_address_is_v4(&plan->routes[i].gateway))
			return plan->routes[i].gateway;
	return plan->autoconfigure ? (struct eleven_address){ { 0 } } : plan->kernel_address6;
}

/* All but the one that the interface has. */
static int routes_add(struct up *up, const struct eleven_interface *interface)
{
	const struct up_plan *plan = up->plan;
	char subnet[UNITS_TEXT_MAX], gateway[UNITS_TEXT_MAX];

	for (unsigned i = 0; i < plan->route_count; i++) {
		const struct eleven_route *route = &plan->routes[i];
		int error;

		if (is_default(route) && (memcmp(&route->gateway, &interface->gateway, sizeof(route->gateway)) == 0 ||
					  memcmp(&route->gateway, &interface->gateway6, sizeof(route->gateway)) == 0))
			continue;
		error = host_route_add(host_find(up->host, plan->outside.name), route);
		if (error == 0)
			continue;
		fprintf(stderr, "eleven up: route to %s/%u by %s: %s\n",
			units_address_print(subnet, &route->destination), route->prefix_bits,
			units_address_print(gateway, &route->gateway),
			error == -ENETUNREACH ? "the gateway is not on the device's subnet; see --address" :
			error == -EEXIST ? "given twice" :
			"the first is no subnet, with all behind its prefix zero, or the second no machine's address");
		return error;
	}
	return 0;
}

static int device_add(struct up *up)
{
	const struct up_plan *plan = up->plan;
	struct eleven_interface interface = interface_of(plan, &plan->outside);
	struct tun_settings settings = {
		.device = plan->device, .tap = plan->tap, .kernel_address = plan->kernel_address,
		.prefix_bits = plan->outside.prefix_bits, .kernel_address6 = plan->kernel_address6,
		.prefix6_bits = plan->outside.prefix6_bits, .mtu = (uint32_t)plan->mtu,
	};
	char problem[320];
	int error;
	struct link *link = tun_create(&settings, problem, sizeof(problem));

	if (!link) {
		fprintf(stderr, "eleven up: %s\n", problem);
		return -errno;
	}
	interface.autoconfigure = plan->autoconfigure;
	if (plan->tap) {
		interface.kind = ELEVEN_LINK_ETHERNET;
		interface.gateway = gateway_first(plan);
		if (interface.prefix6_bits)
			interface.gateway6 = gateway6_first(plan);
		interface.mac[0] = 2;           /* locally administered */
		memcpy(interface.mac + 1,
		       (interface.prefix_bits ? &interface.address : &interface.address6)->bytes + 11, 5);
	}
	error = stack_add(up, &plan->outside, &interface, link, true);
	return error < 0 ? error : routes_add(up, &interface);
}

/* ---------------------------------------------------------------- the process */

static void signal_came(void *context, int fd, uint32_t events)
{
	struct signalfd_siginfo info;
	struct up *up = context;

	(void)events;
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		loop_stop(up->loop);
}

static int signals_take(struct up *up)
{
	sigset_t set;
	int error;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (up->plan->detach)
		signal(SIGHUP, SIG_IGN);
	else
		sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	up->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (up->signal_fd < 0)
		return failed("signalfd", -errno);
	error = loop_add(up->loop, up->signal_fd, EPOLLIN, signal_came, up);
	return error < 0 ? failed("start", error) : 0;
}

/* A descriptor for each socket of each program: as many as the system allows. */
static void descriptors_allow(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (geteuid() == 0 && limit.rlim_max < 1u << 20) {
		struct rlimit more = { 1u << 20, 1u << 20 };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int control_add(struct up *up)
{
	pid_t pid = 0;
	int error = client_path(up->path);

	if (error == 0)
		error = control_create(&up->control, up->host, up->path, &pid);
	if (error == -EADDRINUSE && pid > 0)
		fprintf(stderr, "eleven up: a host is running at %s (pid %d); 'eleven down' stops it, or set "
			"ELEVEN_SOCKET for another\n", up->path, (int)pid);
	else if (error == -ENOTSOCK)
		fprintf(stderr, "eleven up: %s is there and is no socket; remove it, or set ELEVEN_SOCKET\n", up->path);
	else if (error < 0)
		failed(up->path, error);
	return error;
}

static int services_add(struct up *up)
{
	up->answers = answers_create(up->control, up->impair);
	up->watchers = up->answers ? watchers_create(up->control) : NULL;
	if (!up->watchers)
		return failed("control socket", -ENOMEM);
	up->sockets = sock_service_create(up->host, up->control);
	if (!up->sockets)
		return failed("sockets", -errno);
	return 0;
}

static int up_begin(struct up *up)
{
	int error;

	descriptors_allow();
	up->loop = loop_create();
	up->host = up->loop ? host_create(up->loop) : NULL;
	up->impair = impair_create(up->plan->config.seed ^ 0x77697265u);
	if (!up->loop || !up->host || !up->impair)
		return failed("start", -errno);
	error = signals_take(up);
	if (error == 0)
		error = control_add(up);
	if (error == 0 && up->plan->record) {
		error = record_begin(up->plan->record, host_wall_offset(up->host));
		if (error < 0)
			failed(up->plan->record, error);
	}
	if (error == 0 && up->plan->device)
		error = device_add(up);
	if (error == 0 && up->plan->host_count > 0)
		error = wire_add(up);
	if (error == 0)
		error = services_add(up);
	return error;
}

/* Clients first, then programs' sockets, stacks with their links, then what those lean on. */
static void up_end(struct up *up)
{
	control_close(up->control);
	sock_service_destroy(up->sockets);
	control_destroy(up->control);
	watchers_destroy(up->watchers);
	answers_destroy(up->answers);
	host_destroy(up->host);
	impair_destroy(up->impair);
	wire_destroy(up->wire);
	loop_destroy(up->loop);
	if (up->signal_fd >= 0)
		close(up->signal_fd);
}

static void up_announce(const struct up *up)
{
	static const struct eleven_address none;
	char address[UNITS_TEXT_MAX];

	for (unsigned i = 0; i < host_count(up->host); i++) {
		const struct host_stack *s = host_at(up->host, i);

		printf("host %-10s", s->name);
		if (memcmp(&s->interface.address, &none, sizeof(none)) != 0)
			printf(" %s/%u", units_address_print(address, &s->interface.address), s->interface.prefix_bits);
		if (memcmp(&s->interface.address6, &none, sizeof(none)) != 0)
			printf(" %s/%u", units_address_print(address, &s->interface.address6),
			       s->interface.prefix6_bits);
		printf("%s\n", s->interface.autoconfigure ? " and as routers tell" : "");
	}
	printf("control socket %s, pid %d\n", up->path, (int)getpid());
	fflush(stdout);
}

/* From here on what the host has to say goes to a file beside its socket. */
static void output_detach(const struct up *up)
{
	char log[120];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	snprintf(log, sizeof(log), "%s.log", up->path);
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(fd >= 0 ? fd : null, STDERR_FILENO);
		close(null);
	}
	if (fd >= 0)
		close(fd);
	if (up->path[0] == '/' && chdir("/") < 0)
		fprintf(stderr, "eleven: chdir: %s\n", strerror(errno));
}

int up_host_run(const struct up_plan *plan, int ready_fd)
{
	struct up up = { .plan = plan, .signal_fd = -1 };
	int error = up_begin(&up);

	if (error == 0) {
		up_announce(&up);
		if (ready_fd >= 0) {
			output_detach(&up);
			if (write(ready_fd, "1", 1) != 1)
				error = -errno;
			close(ready_fd);
		}
		error = loop_run(up.loop);
		if (error < 0)
			failed("event loop", error);
	}
	up_end(&up);
	if (plan->record && record_end() < 0)
		error = -EIO;           /* said already */
	return error < 0 ? 1 : 0;
}
