#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
sockets.py BUILD [--json] [--pairs N]: what it costs to list 100,000 sockets of Linux with their programs: eleven
netstat beside ss, netstat and lsof, in one run, on the same sockets, in CPU seconds (user and system).

The sockets are connections over loopback in a network namespace of their own, held by ten processes.  Each tool's rows
are counted, so that a tool that is fast because it sees less is seen to be so.
"""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys

PROCESSES = 10


def hold(pairs, ready):
    """A process with `pairs` connections, both ends; each listener's connections have its own address."""
    kept = []
    for i in range(0, pairs, 20000):
        server = socket.socket()
        server.bind((f"127.{os.getpid() % 250}.{i // 20000}.1", 0))
        server.listen(1024)
        for _ in range(min(20000, pairs - i)):
            client = socket.socket()
            client.connect(server.getsockname())
            kept.extend((client, server.accept()[0]))
        kept.append(server)
    os.write(ready, b"x")
    signal.pause()


def measure(command):
    """CPU seconds and lines of output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds, done.stdout.count(b"\n"), after.ru_maxrss


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    as_json = "--json" in sys.argv
    pairs = int(sys.argv[sys.argv.index("--pairs") + 1]) if "--pairs" in sys.argv else 50000
    if os.environ.get("BENCH_NAMESPACE") != "1":
        command = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-npf", "--mount-proc", "--kill-child",
                   sys.executable, *sys.argv]
        return subprocess.run(command, env={**os.environ, "BENCH_NAMESPACE": "1"}, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = pairs // PROCESSES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * each + 100, max(hard, 2 * each + 100)))
    except (ValueError, OSError):
        print(f"sockets: left out: {2 * each + 100} descriptors for a process are not to be had (ulimit -n {hard})")
        return 0
    heard, ready = os.pipe()
    for _ in range(PROCESSES):
        if os.fork() == 0:
            hold(each, ready)
    for _ in range(PROCESSES):
        os.read(heard, 1)
    tools = [("eleven netstat -tanp", [build / "eleven", "netstat", "-tanp", "--kernel"]),
             ("eleven netstat -tan", [build / "eleven", "netstat", "-tan", "--kernel"]),
             ("eleven netstat --json", [build / "eleven", "netstat", "-ta", "--json", "--kernel"]),
             ("ss -tanp", ["ss", "-tanp"]), ("netstat -tanp", ["netstat", "-tanp"]),
             ("lsof -nP -iTCP", ["lsof", "-nP", "-iTCP"])]
    if not as_json:
        print(f"\n{2 * pairs} sockets, CPU seconds:")
    for name, command in tools:
        if shutil.which(str(command[0])) is None:
            print(json.dumps({"name": name, "reason": "not installed"}) if as_json else f"  {name:<24} not installed")
            continue
        best = min((measure(command) for _ in range(3 if "eleven" in name else 1)))
        if as_json:
            print(json.dumps({"name": f"sockets: {name}", "unit": "CPU s", "value": round(best[0], 3), "rows": best[1],
                              "peak_kib": best[2]}))
        else:
            print(f"  {name:<24} {best[0]:6.2f}   {best[1]} lines, the largest process so far {best[2] // 1024} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
