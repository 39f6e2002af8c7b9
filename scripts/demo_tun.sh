# SPDX-License-Identifier: MIT
# demo_tun.sh: the kernel's curl, and a web server on eleven, joined by a tun device; read by demo.sh.

# Runs inside the network namespace that tun_part made.
tun_walk() {
	ip link set lo up
	head -c 50000000 /dev/urandom >file
	run 'eleven up -d --tun eleven0 --address 10.1.0.2/24 --kernel-address 10.1.0.1' || return
	typed 'eleven run -- python3 -m http.server 8000 &'
	eleven run -- python3 -m http.server 8000 >http.log 2>&1 &
	local web=$!
	await ':8000 .*LISTEN'
	typed 'curl --limit-rate 20M -s http://10.1.0.2:8000/file >copy &'
	curl --limit-rate 20M -s http://10.1.0.2:8000/file >copy &
	local curl=$!
	await '10\.1\.0\.2:8000 +10.*ESTABLISHED'
	show
	run 'ss -tanp | grep 8000'
	say "One end is eleven's, the other one the kernel's: its own tool shows it."
	wait $curl
	run 'sha256sum file copy'
	cmp -s file copy && say "Fifty megabytes, the same at both ends."
	await 'TIME_WAIT|LISTEN'
	run 'eleven watch --once :8000'
	finish $web
	eleven down >/dev/null
}

tun_part() {
	local reason='' prefix='unshare -n'
	title "The kernel's curl, python3's web server on eleven"
	[ "$(id -u)" -eq 0 ] || prefix='unshare -rn'
	if [ ! -c /dev/net/tun ]; then
		reason='there is no /dev/net/tun here'
	elif ! $prefix true 2>/dev/null; then
		reason='a network namespace needs root, or user namespaces (unshare -rn), which are not permitted here'
	elif ! $prefix ip tuntap add dev eleven0 mode tun 2>/dev/null; then
		reason='a tun device may not be made here, even in a namespace of its own'
	fi
	for program in curl python3 ss ip; do
		command -v $program >/dev/null || reason="$program is not installed"
	done
	if [ "$reason" ]; then
		say "Left out: $reason."
		return
	fi
	export -f title say typed run show await finish tun_walk
	export bold plain scratch
	$prefix bash -c tun_walk
}
