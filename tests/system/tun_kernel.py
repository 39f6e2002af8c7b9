#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 180
# needs: tun
"""A host behind a tun or tap device, and the Linux kernel on the other side of it."""
import hashlib
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

import tap
from tap import Program, ok, run

TMP = pathlib.Path(os.environ["TMPDIR"])
os.environ["ELEVEN_SOCKET"] = str(TMP / "host.sock")
HOST, KERNEL = "10.1.0.2", "10.1.0.1"


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def ping(size, sequence):
    """Seconds until the echo reply with the same bytes came back, or None."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.settimeout(2)
    body = os.urandom(size)
    head = struct.pack("!BBHHH", 8, 0, 0, 77, sequence)
    start = time.monotonic()
    raw.sendto(struct.pack("!BBHHH", 8, 0, checksum(head + body), 77, sequence) + body, (HOST, 0))
    while True:
        try:
            packet = raw.recv(70000)
        except TimeoutError:
            return None
        if packet[20:22] == b"\0\0" and packet[24:] == struct.pack("!HH", 77, sequence) + body:
            return time.monotonic() - start


def connect_error(port):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex((HOST, port))


def sha(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def up(kind, *more):
    return run("eleven", "up", "-d", *more, f"--{kind}", "dev0", "--address", f"{HOST}/24", "--kernel-address", KERNEL)


def reachable(kind):
    status, text = up(kind)
    if not ok(status == 0, f"{kind}: comes up", text):
        return False
    listed = run("ip", "addr", "show", "dev0")[1]
    ok("UP" in listed and KERNEL in listed, f"{kind}: the kernel's side has its address and is up", listed)
    ok(all(ping(size, n) is not None for n, size in enumerate((0, 1, 56, 1400))), f"{kind}: echo requests are answered")
    ok(ping(5000, 9) is not None, f"{kind}: also one that comes and goes in fragments")
    ok(connect_error(81) == 111, f"{kind}: a port nobody listens on refuses")
    return True


def files_both_ways(kind, megabytes, wire):
    name = TMP / "file"
    name.write_bytes(os.urandom(megabytes << 20))
    ours = Program("eleven", "run", "--", "python3", "-m", "http.server", "8080", cwd=TMP)
    theirs = Program("python3", "-m", "http.server", "8090", "--bind", KERNEL, cwd=TMP)
    tap.wait_until(lambda: connect_error(8080) == 0)
    status, text = run("curl", "-s", "-m", "60", "-o", str(TMP / "got"), f"http://{HOST}:8080/file", timeout=70)
    ok(status == 0 and sha(TMP / "got") == sha(name), f"{kind}, {wire}: curl fetches {megabytes} MiB from eleven",
       f"status {status} {text} {ours.output()}")
    status, text = run("eleven", "run", "--", "curl", "-s", "-m", "60", "-o", str(TMP / "got2"),
                       f"http://{KERNEL}:8090/file", timeout=70)
    ok(status == 0 and sha(TMP / "got2") == sha(name), f"{kind}, {wire}: curl on eleven fetches it from the kernel",
       f"status {status} {text}")
    ours.kill(15)
    theirs.kill(15)


def options_of_a_connection():
    server = Program("eleven", "run", "--", "server", "--hold", "2")
    server.says("listening")
    with socket.create_connection((HOST, 8000), 5) as s:
        s.sendall(b"a line\n")
        ok(s.recv(100) == b"A LINE\n", "the example server answers the kernel")
        text = subprocess.run(["ss", "-tinoH", "dport", "=", ":8000"], capture_output=True, text=True).stdout
        ok(re.search(r"\bts\b", text) and "sack" in text and "wscale" in text and "retrans" not in text,
           "the kernel sees timestamps, SACK and window scaling, and no retransmission", text)
    server.kill(15)


def impaired():
    run("eleven", "link", "delay", "50ms")
    seconds = ping(56, 20)
    ok(seconds is not None and 0.1 <= seconds < 0.3, "delay 50ms: an echo takes 100 ms", seconds)
    run("eleven", "link", "clear")
    run("eleven", "link", "drop", "2", "dir=b", "flags=S")
    start = time.monotonic()
    error = connect_error(81)
    ok(error == 111 and 1.5 < time.monotonic() - start < 4.5, "drop 2 dir=b flags=S: the kernel's third SYN arrives",
       f"{error} after {time.monotonic() - start}")
    run("eleven", "link", "pause")
    ok(ping(10, 30) is None, "pause: nothing passes")
    text = run("eleven", "link", "step")[1]
    ok(f"{KERNEL} > {HOST} protocol 1" in text, "step: shows the packet that it lets through", text)
    run("eleven", "link", "resume")
    ok(ping(10, 31) is not None, "resume: all is as before")
    run("eleven", "link", "delay", "2ms", "loss", "0.5%", "reorder", "1%", "dup", "0.5%", "corrupt", "0.5%")
    files_both_ways("tun", 2, "poor wire")
    text = run("eleven", "link", "show")[1]
    ok(all(word in text for word in ("lost", "reordered", "duplicated", "corrupted")), "and the wire was poor", text)
    run("eleven", "link", "clear")


def recorded():
    file = TMP / "recording"
    status, text = up("tun", "--record", str(file))
    ok(status == 0, "up --record", text)
    run("eleven", "link", "loss", "1%", "reorder", "1%", "dup", "1%")
    files_both_ways("tun", 2, "recorded")
    run("eleven", "down")
    status, text = run("eleven", "replay", str(file))
    ok(status == 0 and "all as it was" in text, "real programs' run over a poor wire is made again bit for bit", text)
    size = file.stat().st_size
    os.truncate(file, size - 5)
    result = run("eleven", "replay", str(file))
    ok(result[0] == 1 and "cut off" in result[1], "a recording that is cut off is said to be", result)
    with open(file, "r+b") as damaged:
        damaged.seek(size // 2)
        byte = damaged.read(1)
        damaged.seek(size // 2)
        damaged.write(bytes([byte[0] ^ 1]))
    result = run("eleven", "replay", str(file))
    ok(result[0] == 1 and "damaged" in result[1] and "at byte" in result[1], "and one that is damaged, where", result)


def device_taken_away():
    host = Program("eleven", "up", "--tun", "dev0")
    host.says("control socket")
    run("ip", "link", "del", "dev0")
    ok(host.says("dev0, is gone"), "the device is deleted under it: the host says so", host.output())
    time.sleep(0.5)
    stat = pathlib.Path(f"/proc/{host.pid}/stat").read_text().rsplit(")", 1)[1].split()
    ok(int(stat[11]) + int(stat[12]) < 20, "and waits, instead of spinning", f"{stat[11]} {stat[12]} ticks")
    ok(run("eleven", "link", "show")[0] == 0 and run("eleven", "down")[0] == 0, "and is still there until it is told")
    host.kill()


def beside_virtual_hosts():
    status, text = run("eleven", "up", "-d", "--tun", "dev0", "--host", "a=10.0.0.1/24", "--host", "b=10.0.0.2/24")
    ok(status == 0 and "main" in text and "10.0.0.2/24" in text, "a host on a tun beside two on the wire", text)
    server = Program("eleven", "run", "--host", "b", "--", "server")
    server.says("listening")
    status, text = run("eleven", "run", "--host", "a", "--", "client", "10.0.0.2", text="one\n")
    ok(status == 0 and "ONE" in text, "the virtual hosts reach each other", text)
    ok(run("curl", "-s", "-m", "2", "http://10.11.0.2:8000/")[0] == 7, "`main` is another machine: it refuses")
    server.kill(15)
    run("eleven", "down")


def refused_devices():
    result = run("eleven", "up", "-d", "--tun", "lo")
    ok(result[0] == 1 and result[1].count("\n") == 1 and "lo" in result[1], "a device of another kind", result)
    result = run("setpriv", "--bounding-set=-all", "--inh-caps=-all", "eleven", "up", "-d", "--tun", "dev1")
    ok(result[0] == 1 and result[1].count("\n") == 1 and "unshare -rn" in result[1],
       "without the permission: says which, and how to get it", result)
    ok(run("ip", "link", "show", "dev1")[0] != 0, "and leaves no device behind")


if reachable("tun"):
    options_of_a_connection()
    files_both_ways("tun", 100, "clean wire")
    impaired()
    run("eleven", "down")
    ok(run("ip", "link", "show", "dev0")[0] != 0, "down: the device is gone")
    refused_devices()
    recorded()
    device_taken_away()
    beside_virtual_hosts()
    if reachable("tap"):
        files_both_ways("tap", 20, "clean wire")
        run("eleven", "down")
tap.plan()
