#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh GROUP...: see that the Debian packages of the groups (build, test, bench, demo, nightly, fuzz)
# are there.
# As root the missing ones are installed; otherwise the command that does it is printed, and the status is 1.
set -eu

build="gcc libc6-dev make meson ninja-build pkg-config python3 libjansson-dev libmnl-dev zlib1g-dev
	libbpf-dev libdw-dev libelf-dev clang"
test="libcmocka-dev netbase iproute2 net-tools procps util-linux curl nginx redis-server redis-tools wrk iperf3
	netcat-openbsd openssh-client openssh-server tshark openssl mandoc liblwip-dev"
bench="liblwip-dev valgrind iproute2 util-linux net-tools lsof"
demo="curl iproute2 net-tools procps util-linux"
nightly="clang libclang-rt-14-dev valgrind gcc-12-multilib libc6-dev-i386 lib32z1-dev gcc-12-powerpc-linux-gnu
	libc6-dev-powerpc-cross qemu-user"
fuzz="clang libclang-rt-14-dev afl++ liblwip-dev"

wanted=
for group in "$@"; do
	case $group in
	build) wanted="$wanted $build" ;;
	test) wanted="$wanted $test" ;;
	bench) wanted="$wanted $bench" ;;
	demo) wanted="$wanted $demo" ;;
	nightly) wanted="$wanted $nightly" ;;
	fuzz) wanted="$wanted $fuzz" ;;
	*)
		echo "setup.sh: no such group: $group (build, test, bench, demo, nightly, fuzz)" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	echo "setup.sh: not a Debian system; these packages or their like are needed:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=none
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "Some Debian packages are missing. Install them with:" >&2
	echo "    apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "Installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Servers are wanted as programs for tests, not as services that run from now on.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f "$log" $policy' EXIT
fi

install() {
	apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}

# The lists may be absent or old: with the ones that are there first, then with new ones.
install || { apt-get update >"$log" 2>&1 && install; } || {
	cat "$log" >&2
	echo "setup.sh: apt-get could not install:$missing" >&2
	exit 1
}
