#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
watch.py ELEVEN CONNECTIONS [--json]: what `eleven watch` costs at 20,000 connections a second, and whether it loses
anything.

The same connections are made without a watcher, under eleven watch with each backend, and under bcc's tcpstates where
Debian's is installed, in rounds that alternate, each in a network namespace of its own (a used one is full of
TIME_WAIT).  The cost of a watcher is its own CPU time and what the connections take longer, for each connection; the
share is of one processor at 20,000 connections a second.  Needs root; says so otherwise.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RATE, SECONDS, ROUNDS = 20000, 2, 3
TICK = os.sysconf("SC_CLK_TCK")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def cpu_s(pid):
    """Of a program and what it started."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICK + sum(cpu_s(child) for child in children(pid))


def inside(*command, **options):
    return subprocess.Popen(["nsenter", "--net=" + inside.space, *command], **options)


def round_run(command, connections):
    """CPU seconds of the connections and of the watcher, how many there were, and the watcher's last words."""
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && echo up && exec sleep 1000"],
                              stdout=subprocess.PIPE)
    holder.stdout.readline()
    inside.space = f"/proc/{holder.pid}/ns/net"
    output, watcher, before, watching = tempfile.TemporaryFile(), None, 0, 0
    try:
        if command:
            watcher = inside(*command, stdout=output, stderr=subprocess.STDOUT)
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and watcher.poll() is None and not os.fstat(output.fileno()).st_size:
                time.sleep(0.05)
            time.sleep(0.5)
            before = cpu_s(watcher.pid)
        load = inside(connections, str(RATE), str(SECONDS), stdout=subprocess.PIPE)
        made = json.loads(load.communicate()[0])
        if watcher:
            time.sleep(0.3)
            watching = cpu_s(watcher.pid) - before
            failed = watcher.poll() is not None
            watcher.send_signal(signal.SIGINT)
            watcher.wait()
            if failed:
                return None
        output.seek(max(0, os.fstat(output.fileno()).st_size - 400))
        return made, watching, output.read().decode(errors="replace").strip().splitlines()[-1:] or [""]
    finally:
        if watcher and watcher.poll() is None:
            watcher.kill()
        holder.kill()
        holder.wait()


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    eleven, connections = sys.argv[1:3]
    as_json = "--json" in sys.argv
    if os.geteuid() != 0:
        print("watching the kernel's connections: not measured, needs root", file=sys.stderr)
        return
    watch = [eleven, "watch", "--kernel", "--this-namespace", "--backend"]
    watchers = {"none": None, "bpf": [*watch, "bpf"], "trace": [*watch, "trace"], "poll": [*watch, "poll"]}
    tcpstates = shutil.which("tcpstates-bpfcc") or shutil.which("tcpstates")
    if tcpstates:
        watchers["tcpstates"] = [tcpstates]
    else:
        print("tcpstates is not here to compare with (Debian: bpfcc-tools)", file=sys.stderr)
    results = {name: [] for name in watchers}
    for _ in range(ROUNDS):
        for name, command in watchers.items():
            result = round_run(command, connections)
            if result:
                results[name].append(result)
    plain = median([made["cpu_s"] / made["connections"] for made, _, _ in results["none"]]) * 1e6
    for name, rounds in results.items():
        if not rounds:
            print(f"{name}: did not run here", file=sys.stderr)
            continue
        load = median([made["cpu_s"] / made["connections"] for made, _, _ in rounds]) * 1e6
        own = median([watching / made["connections"] for made, watching, _ in rounds]) * 1e6
        rate = median([made["connections"] / made["seconds"] for made, _, _ in rounds])
        lost = [last[0].rpartition(" changes, ")[2] for _, _, last in rounds if " changes, " in last[0]]
        added = load - plain + own
        row = {"figure": "watch", "watcher": name, "connections_per_s": round(rate), "load_us": round(load, 1),
               "watcher_us": round(own, 1), "added_us": round(added, 1), "lost": lost}
        if as_json:
            print(json.dumps(row))
        elif name == "none":
            print(f"{'connections over loopback, both ends, nobody watching':64}  {load:.1f} us of CPU each, at "
                  f"{rate:.0f}/s")
        else:
            share = added * RATE / 1e6 * 100
            print(f"{'watched by ' + name:64}  +{added:.1f} us of CPU each ({own:.1f} its own), {share:.0f} % of one "
                  f"processor at {RATE}/s, {', '.join(sorted(set(lost))) or 'losses not told'}, at {rate:.0f}/s")


if __name__ == "__main__":
    main()
