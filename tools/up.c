/* SPDX-License-Identifier: MIT */
/* `eleven up`: reads the command line into a plan; detaches if asked to. */
#include "up.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/units.h"
#include "verbs.h"

enum {
	KEY_HOST = 256, KEY_TUN, KEY_TAP, KEY_ADDRESS, KEY_KERNEL, KEY_PROFILE, KEY_MSL, KEY_SET, KEY_MTU, KEY_SEED,
	KEY_RECORD, KEY_GATEWAY, KEY_ROUTE, KEY_AUTOCONFIGURE,
};

/* Values are applied after the profile, wherever they stand on the line. */
#define SETS_MAX 128

struct arguments {
	struct up_plan plan;
	enum eleven_profile profile;
	struct { const char *name; uint64_t value; } sets[SETS_MAX];
	unsigned set_count;
	uint64_t seed;
	bool address_given, kernel_given, seed_given;
};

static const struct argp_option options[] = {
	{ "host", KEY_HOST, "NAME=ADDR/LEN", 0, "a virtual host on the virtual wire; as often as wanted. "
	  "Its addresses, of IPv4, IPv6 or both, have a comma between them", 0 },
	{ "tun", KEY_TUN, "DEV", 0, "the host `main`, joined to the kernel by this tun device", 1 },
	{ "tap", KEY_TAP, "DEV", 0, "the same by a tap device: Ethernet, ARP and neighbour discovery", 1 },
	{ "address", KEY_ADDRESS, "ADDR/LEN", 0, "of `main` (10.11.0.2/24); IPv4, IPv6, or both", 1 },
	{ "kernel-address", KEY_KERNEL, "ADDR", 0, "of the kernel's side of the device (10.11.0.1), likewise", 1 },
	{ "gateway", KEY_GATEWAY, "ADDR", 0, "of `main` behind a tap; several: when one is dead the next is taken "
	  "(the kernel's address)", 1 },
	{ "route", KEY_ROUTE, "ADDR/LEN=ADDR", 0, "of `main`: to this subnet by this gateway", 1 },
	{ "autoconfigure", KEY_AUTOCONFIGURE, 0, 0, "`main` has IPv6 addresses and routes of the link's routers", 1 },
	{ "profile", KEY_PROFILE, "PROFILE", 0, "modern (the default), strict, or linux", 2 },
	{ "msl", KEY_MSL, "TIME", 0, "maximum segment lifetime; TIME-WAIT lasts twice this", 2 },
	{ "set", KEY_SET, "NAME=VALUE", 0, "a number of `eleven config`: 200ms, 64k, on, 3", 2 },
	{ "mtu", KEY_MTU, "BYTES", 0, "longest packet on the wire and the device (1500)", 2 },
	{ "seed", KEY_SEED, "N", 0, "of all chance, for runs to be repeated; otherwise from the system", 2 },
	{ "record", KEY_RECORD, "FILE", 0, "write down everything that goes into the stacks, to run it again", 3 },
	{ "detach", 'd', 0, 0, "return when all is up, and leave the host running", 3 },
	{ 0 },
};

static const char *set_value(const char *argument, const struct eleven_config_row **row, uint64_t *value)
{
	const char *equals = strchr(argument, '=');

	if (!equals)
		verb_usage("--set: '%s' is not NAME=VALUE", argument);
	for (unsigned i = 0; (*row = eleven_config_row(i)); i++)
		if (strlen((*row)->name) == (size_t)(equals - argument) &&
		    strncmp((*row)->name, argument, (size_t)(equals - argument)) == 0)
			break;
	if (!*row)
		verb_usage("--set: there is no '%.*s'; 'eleven config' lists all", (int)(equals - argument), argument);
	if (units_value((*row)->unit, equals + 1, value) < 0)
		verb_usage("--set: '%s' is not a value of %s in %s", equals + 1, (*row)->name, (*row)->unit);
	return (*row)->name;
}

static void set_add(struct arguments *a, const char *argument)
{
	const struct eleven_config_row *row;
	char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
	uint64_t value;

	if (a->set_count == SETS_MAX)
		verb_usage("--set: more than %d", SETS_MAX);
	a->sets[a->set_count].name = set_value(argument, &row, &value);
	if (value < row->least || value > row->most)
		verb_usage("--set: %s is from %s to %s", row->name, units_value_print(least, row->unit, row->least),
			   units_value_print(most, row->unit, row->most));
	a->sets[a->set_count++].value = value;
}

static void msl_add(struct arguments *a, const char *argument)
{
	char text[UNITS_TEXT_MAX + 8];

	snprintf(text, sizeof(text), "msl=%s", argument);
	if (units_time(argument, &(uint64_t){ 0 }) < 0)
		verb_usage("--msl: '%s' is not a time such as 500ms or 2s", argument);
	set_add(a, text);
}

static bool is_none(const struct eleven_address *address)
{
	static const struct eleven_address none;

	return memcmp(address, &none, sizeof(none)) == 0;
}

/* Addresses with a comma between them, each with its prefix, one of a family. */
static bool subnets_add(struct up_host *host, const char *text)
{
	while (text) {
		size_t length = strcspn(text, ",");
		char one[UNITS_TEXT_MAX];
		struct eleven_address address;
		uint8_t bits;
		bool four;

		if (length >= sizeof(one))
			return false;
		memcpy(one, text, length);
		one[length] = 0;
		if (units_subnet(one, &address, &bits) < 0)
			return false;
		four = units_address_is_v4(&address);
		if (!is_none(four ? &host->address : &host->address6))
			return false;
		*(four ? &host->address : &host->address6) = address;
		*(four ? &host->prefix_bits : &host->prefix6_bits) = bits;
		text = text[length] ? text + length + 1 : NULL;
	}
	return true;
}

/* The kernel's addresses, likewise without prefixes. */
static bool addresses_add(struct up_plan *plan, const char *text)
{
	while (text) {
		size_t length = strcspn(text, ",");
		struct eleven_address address, *place;
		char one[UNITS_TEXT_MAX];

		if (length >= sizeof(one))
			return false;
		memcpy(one, text, length);
		one[length] = 0;
		if (units_address(one, &address) < 0)
			return false;
		place = units_address_is_v4(&address) ? &plan->kernel_address : &plan->kernel_address6;
		if (!is_none(place))
			return false;
		*place = address;
		text = text[length] ? text + length + 1 : NULL;
	}
	return true;
}

static void host_add(struct up_plan *plan, char *argument)
{
	struct up_host *host = &plan->hosts[plan->host_count];
	char *equals = strchr(argument, '=');

	if (plan->host_count == HOST_STACKS_MAX)
		verb_usage("--host: more than %d hosts", HOST_STACKS_MAX);
	if (!equals || equals == argument || !subnets_add(host, equals + 1))
		verb_usage("--host: '%s' is not NAME=ADDR/LEN, such as a=10.0.0.1/24 or a=10.0.0.1/24,fd00::1/64",
			   argument);
	*equals = 0;
	host->name = argument;
	plan->host_count++;
}

static void route_add(struct up_plan *plan, const char *option, char *destination, const char *gateway)
{
	struct eleven_route *route = &plan->routes[plan->route_count];

	if (plan->route_count == UP_ROUTES_MAX)
		verb_usage("%s: more than %d gateways and routes", option, UP_ROUTES_MAX);
	if (destination && units_subnet(destination, &route->destination, &route->prefix_bits) < 0)
		verb_usage("%s: '%s' is not ADDR/LEN, such as 192.0.2.0/24", option, destination);
	if (units_address(gateway, &route->gateway) < 0)
		verb_usage("%s: '%s' is not an address", option, gateway);
	plan->route_count++;
}

static void device_set(struct up_plan *plan, const char *device, bool tap)
{
	if (plan->device)
		verb_usage("one --tun or --tap at most");
	if (!*device || strlen(device) > 15 || strchr(device, '/'))
		verb_usage("--%s: '%s' is not the name of a device (15 letters at most)", tap ? "tap" : "tun", device);
	plan->device = device;
	plan->tap = tap;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;
	char *gateway;

	switch (key) {
	case KEY_HOST:
		host_add(&a->plan, argument);
		return 0;
	case KEY_TUN:
	case KEY_TAP:
		device_set(&a->plan, argument, key == KEY_TAP);
		return 0;
	case KEY_ADDRESS:
		if (!subnets_add(&a->plan.outside, argument))
			verb_usage("--address: '%s' is not ADDR/LEN, such as 10.11.0.2/24, once for IPv4 and once for "
				   "IPv6", argument);
		a->address_given = true;
		return 0;
	case KEY_KERNEL:
		if (!addresses_add(&a->plan, argument))
			verb_usage("--kernel-address: '%s' is not an address, once for IPv4 and once for IPv6",
				   argument);
		a->kernel_given = true;
		return 0;
	case KEY_AUTOCONFIGURE:
		a->plan.autoconfigure = true;
		return 0;
	case KEY_GATEWAY:
		route_add(&a->plan, "--gateway", NULL, argument);
		return 0;
	case KEY_ROUTE:
		gateway = strchr(argument, '=');
		if (!gateway)
			verb_usage("--route: '%s' is not ADDR/LEN=ADDR, such as 192.0.2.0/24=10.11.0.3", argument);
		*gateway = 0;
		route_add(&a->plan, "--route", argument, gateway + 1);
		return 0;
	case KEY_PROFILE:
		if (units_profile(argument, &a->profile) < 0)
			verb_usage("--profile: '%s' is none of modern, strict, linux", argument);
		return 0;
	case KEY_MSL:
		msl_add(a, argument);
		return 0;
	case KEY_SET:
		set_add(a, argument);
		return 0;
	case KEY_MTU:
		if (units_size(argument, &a->plan.mtu) < 0 || a->plan.mtu < 68 || a->plan.mtu > 65535)
			verb_usage("--mtu: '%s' is not from 68 to 65535", argument);
		return 0;
	case KEY_SEED:
		if (units_count(argument, &a->seed) < 0)
			verb_usage("--seed: '%s' is not a number", argument);
		a->seed_given = true;
		return 0;
	case KEY_RECORD:
		a->plan.record = argument;
		return 0;
	case 'd':
		a->plan.detach = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, NULL,
	"Start the host process that owns stacks and links. Without --host and --tun: two virtual hosts, "
	"a=10.0.0.1/24,fd00::1/64 and b=10.0.0.2/24,fd00::2/64.\v"
	"Virtual hosts need no privilege; a device takes CAP_NET_ADMIN (root, or `unshare -rn`).\n"
	"The control socket is $ELEVEN_SOCKET, else eleven.sock in $XDG_RUNTIME_DIR, else eleven-UID.sock in the "
	"temporary folder. A detached host writes what it has to say beside it, in a file that ends in .log.\n"
	"\n"
	"  eleven up -d --msl 2s\n"
	"  eleven up --host a=10.0.0.1/24 --host b=10.0.0.2/24 --host c=10.0.0.3/24\n"
	"  eleven up --tun tun0 --address 10.1.0.2/24 --kernel-address 10.1.0.1\n"
	"  eleven up --tap tap0 --address 10.1.0.2/24,fd01::2/64 --kernel-address 10.1.0.1,fd01::1", NULL, NULL, NULL,
};

/* ---------------------------------------------------------------- the plan as a whole */

static void address_check(const struct up_host *one, const struct up_host *other)
{
	char text[UNITS_TEXT_MAX];

	if (strcmp(one->name, other->name) == 0)
		verb_usage("two hosts are named '%s'", one->name);
	if (!is_none(&one->address) && memcmp(&one->address, &other->address, sizeof(one->address)) == 0)
		verb_usage("the hosts '%s' and '%s' have the same address %s", one->name, other->name,
			   units_address_print(text, &one->address));
	if (!is_none(&one->address6) && memcmp(&one->address6, &other->address6, sizeof(one->address6)) == 0)
		verb_usage("the hosts '%s' and '%s' have the same address %s", one->name, other->name,
			   units_address_print(text, &one->address6));
}

static bool plan_has_v6(const struct up_plan *plan)
{
	for (unsigned i = 0; i < plan->host_count; i++)
		if (!is_none(&plan->hosts[i].address6))
			return true;
	return plan->device && (plan->autoconfigure || !is_none(&plan->outside.address6));
}

static void plan_check(const struct up_plan *plan)
{
	char text[UNITS_TEXT_MAX];

	for (unsigned i = 0; i < plan->host_count; i++) {
		for (unsigned j = 0; j < i; j++)
			address_check(&plan->hosts[j], &plan->hosts[i]);
		if (plan->device)
			address_check(&plan->outside, &plan->hosts[i]);
	}
	if (plan->device && !is_none(&plan->kernel_address) &&
	    memcmp(&plan->outside.address, &plan->kernel_address, sizeof(plan->kernel_address)) == 0)
		verb_usage("--address and --kernel-address are the same, %s",
			   units_address_print(text, &plan->kernel_address));
	if (plan->device && !is_none(&plan->kernel_address6) &&
	    memcmp(&plan->outside.address6, &plan->kernel_address6, sizeof(plan->kernel_address6)) == 0)
		verb_usage("--address and --kernel-address are the same, %s",
			   units_address_print(text, &plan->kernel_address6));
	if (plan_has_v6(plan) && plan->mtu < 1280)
		verb_usage("--mtu: IPv6 wants 1280 at least; hosts with IPv4 addresses alone take less");
	if (eleven_size(&plan->config) == 0)
		verb_usage("the configuration does not fit together; 'eleven config' shows the bounds");
}

static void plan_complete(struct arguments *a)
{
	static char first[] = "a=10.0.0.1/24,fd00::1/64", second[] = "b=10.0.0.2/24,fd00::2/64";
	static char first_v4[] = "a=10.0.0.1/24", second_v4[] = "b=10.0.0.2/24";
	struct up_plan *plan = &a->plan;
	bool six = plan->mtu >= 1280;           /* RFC 8200 §5 */

	if (!plan->device && (a->address_given || a->kernel_given || plan->autoconfigure))
		verb_usage("--address, --kernel-address and --autoconfigure go with --tun or --tap");
	if (!plan->tap && plan->route_count > 0)
		verb_usage("--gateway and --route go with --tap");
	if (plan->device) {
		plan->outside.name = "main";
		if (!a->address_given)
			units_subnet("10.11.0.2/24", &plan->outside.address, &plan->outside.prefix_bits);
		if (!a->kernel_given && a->address_given)
			verb_usage("--address wants --kernel-address as well");
		if (!a->kernel_given)
			units_address("10.11.0.1", &plan->kernel_address);
	} else if (plan->host_count == 0) {
		host_add(plan, six ? first : first_v4);
		host_add(plan, six ? second : second_v4);
	}
	eleven_config_init(&plan->config, a->profile);
	/* Room to look back: segments and calls are recorded too, and memory that is not used costs nothing. */
	plan->config.trace_records_max = 65536;
	for (unsigned i = 0; i < a->set_count; i++)
		eleven_config_set(&plan->config, a->sets[i].name, a->sets[i].value);
	plan->config.seed = a->seed;
	if (!a->seed_given && (getrandom(&plan->config.seed, sizeof(plan->config.seed), 0) < 0 ||
			       getrandom(plan->config.secret, sizeof(plan->config.secret), 0) < 0))
		verb_fail("no random numbers from the system: %s", strerror(errno));
	plan_check(plan);
}

/* The parent waits for the child's word: all is up, or its end. */
static int detached_wait(pid_t child, int fd)
{
	int status = 0;
	char byte;
	ssize_t got;

	do {
		got = read(fd, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 1)
		return 0;
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
}

static int detached_run(const struct up_plan *plan)
{
	int ready[2];
	pid_t child;

	if (pipe2(ready, O_CLOEXEC) < 0)
		verb_fail("pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		verb_fail("fork: %s", strerror(errno));
	if (child > 0) {
		close(ready[1]);
		return detached_wait(child, ready[0]);
	}
	close(ready[0]);
	setsid();
	return up_host_run(plan, ready[1]);
}

int verb_up(int argc, char **argv)
{
	static struct arguments a = { .profile = ELEVEN_MODERN, .plan.mtu = 1500 };

	verb_parse(&argp, 0, argc, argv, &a);
	plan_complete(&a);
	return a.plan.detach ? detached_run(&a.plan) : up_host_run(&a.plan, -1);
}
