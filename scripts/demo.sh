#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# demo.sh: the walk through TCP's states, and the kernel's curl over tun.  Less than a minute.
#
# Each step prints what a person would type, what came, and one sentence of what one sees.  Nothing is faked: the
# commands are run as they are printed.  Waits between them that a person would not notice are not printed.
#
# tests/system/walk.py runs this script and checks what it prints, line by line.
set -u

here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-build}
case $build in /*) ;; *) build=$here/$build ;; esac
export PATH="$build:$PATH" TZ=UTC
scratch=$(mktemp -d)
export ELEVEN_SOCKET="$scratch/eleven.sock"
cd "$scratch" || exit 1
started=$(date +%s)

if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold='' plain=''; fi

cleanup() {
	trap - EXIT
	exec 7>&- 8>&-
	for job in $(jobs -p); do kill -9 "$job" 2>/dev/null; done
	eleven down >/dev/null 2>&1
	cd / && rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title() { printf '\n%s=== %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '%s\n' "$*" | fmt -w 96 | sed 's/^/    /'; }
typed() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; }
run() { typed "$*"; eval "$*"; }
show() { run "eleven netstat -apn | grep ${1:-8000}"; }

# Waits until the table has a line that matches each of the patterns; at most ten seconds.
await() {
	local end=$((SECONDS + 10)) table pattern all
	while [ $SECONDS -lt $end ]; do
		table=$(eleven netstat -apn)
		all=yes
		for pattern in "$@"; do grep -Eq "$pattern" <<<"$table" || all=; done
		[ "$all" ] && return
		sleep 0.02
	done
	say "(this did not come about within ten seconds: $*)"
}
# Waits until the table has no line that matches.
await_none() {
	local end=$((SECONDS + 10))
	while eleven netstat -apn | grep -Eq "$1" && [ $SECONDS -lt $end ]; do sleep 0.05; done
}
# Waits until a file has a line that matches.
await_line() {
	local end=$((SECONDS + 10))
	until grep -Eq "$2" "$1" 2>/dev/null || [ $SECONDS -ge $end ]; do sleep 0.02; done
}
# Ends a program of ours and waits for it. (In the background of a script SIGINT is ignored.)
finish() { kill "$1" 2>/dev/null; wait "$1" 2>/dev/null; }

# A server in the background: its words go to server.log.
serve() {
	typed "eleven run --host server -- server${1:+ $1} >server.log &"
	rm -f server.log
	# shellcheck disable=SC2086
	eleven run --host server -- server ${1:-} >server.log 2>&1 &
	server=$!
	await_line server.log 'listening|error'
}

source "$here/scripts/demo_steps.sh"
source "$here/scripts/demo_tun.sh"

title "The host of it all"
run "eleven up -d${PROFILE:+ --profile $PROFILE} --host client=10.0.0.1/24 --host server=10.0.0.2/24 --msl 2s "\
'--set rto_initial=5s --set rto_least=1s --set tail_loss_probe=0' || exit 1
say "Two virtual hosts on one wire, without root. TIME-WAIT lasts 2 MSL: 4 minutes in the RFC, 60 s on Linux, here" \
	"4 s. (A SYN waits 5 s for its answer, and everything else 1 s, so that the slow wire below does not look" \
	"like loss.)"
eleven trace -w walk.pcapng 2>trace.log &
tracer=$!

step_listen
step_handshake
step_client_closes_first
step_last_ack_lost
step_ladder
step_restart_after_client_first
step_server_closes_first
step_both_close_at_once
step_both_open_at_once
step_kill
step_unread
step_refused
step_capture
eleven down >/dev/null
tun_part
title "All of this took $(($(date +%s) - started)) s"
