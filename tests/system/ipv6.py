#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
# needs: tun
"""
Unmodified programs over IPv6, one end on eleven and one on the Linux kernel, over a tun and then over a tap device:
curl, nginx on [::], redis, iperf3, nc; dual-stack sockets as Linux has them; what netstat, watch and trace write.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import peers_kit as peers
import tap
from tap import Program, ok, run, wait_until

HOST4, KERNEL4, HOST, KERNEL = "10.6.0.2", "10.6.0.1", "fd06::2", "fd06::1"
TMP = peers.TMP

# What an AF_INET6 socket says of itself; the same lines on the kernel and on eleven.
SOCKET = r"""
import errno, os, socket, struct, sys
v6, own = sys.argv[1], sys.argv[2]
def tell(*words): print(*words, flush=True)
def attempt(title, call):
    try: tell(title, call())
    except OSError as error: tell(title, errno.errorcode[error.errno])
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
tell("domain", s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == socket.AF_INET6)
tell("fresh name", s.getsockname())
for name in ("IPV6_V6ONLY", "IPV6_UNICAST_HOPS", "IPV6_TCLASS", "IPV6_MTU_DISCOVER", "IPV6_RECVERR"):
    number = getattr(socket, name, {"IPV6_MTU_DISCOVER": 23, "IPV6_RECVERR": 25}.get(name))
    attempt(name, lambda: s.getsockopt(socket.IPPROTO_IPV6, number))
attempt("hops 300", lambda: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 300))
attempt("hops 9", lambda: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 9))
attempt("hops", lambda: s.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS))
attempt("hops -1", lambda: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, -1))
attempt("hops again", lambda: s.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS))
attempt("class", lambda: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0x28))
attempt("class is", lambda: s.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS))
attempt("connect to nobody's link", lambda: s.connect(("fe80::99", 9)))
attempt("connect to a group", lambda: socket.socket(socket.AF_INET6).connect(("ff02::1", 9)))
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", 7777))
attempt("v6only when bound", lambda: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1))
tell("bound", s.getsockname())
s.listen(5)
four = socket.socket()
attempt("IPv4 beside it", lambda: four.bind(("0.0.0.0", 7777)))
attempt("IPv6 option of IPv4", lambda: four.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1))
for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1"),
                        (socket.AF_INET6, "::"), (socket.AF_INET6, v6)):
    c = socket.socket(family)
    c.connect((address, 7777))
    a, peer = s.accept()
    tell(address, c.getpeername()[0], c.getsockname()[0], peer[0], a.getsockname()[0], len(peer))
    a.sendall(b"x" * 100000)
    got = 0
    while got < 100000:
        got += len(c.recv(65536))
    a.close(); c.close()
only = socket.socket(socket.AF_INET6)
only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
only.bind(("::", 7778))
only.listen(1)
attempt("IPv4 beside v6only", lambda: socket.socket().bind(("0.0.0.0", 7778)))
attempt("IPv4 to v6only", lambda: socket.socket().connect(("127.0.0.1", 7778)))
mapped = socket.socket(socket.AF_INET6)
mapped.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
attempt("v6only to mapped", lambda: mapped.connect(("::ffff:127.0.0.1", 7777)))
attempt("v6only binds mapped", lambda: mapped.bind(("::ffff:127.0.0.1", 0)))
bind = socket.socket(socket.AF_INET6)
attempt("bind to a stranger's", lambda: bind.bind(("fd99::5", 0)))
bind.bind(("::ffff:127.0.0.1", 0))
tell("mapped bind", bind.getsockname()[0])
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def raw(title, fd, data):
    result = libc.bind(fd, data, len(data))
    tell(title, errno.errorcode[ctypes.get_errno()] if result < 0 else 0)
fresh = socket.socket(socket.AF_INET6)
raw("IPv4 address, IPv6 socket", fresh.fileno(), struct.pack("=H2s4s8x", socket.AF_INET, b"\0\0", b"\x7f\0\0\1"))
raw("short address", fresh.fileno(), struct.pack("=H18x", socket.AF_INET6))
raw("wrong family", fresh.fileno(), struct.pack("=H26x", socket.AF_INET))
"""


def up(kind, *more):
    status, text = run("eleven", "up", "-d", f"--{kind}", "six0", "--address", f"{HOST4}/24,{HOST}/64",
                       "--kernel-address", f"{KERNEL4},{KERNEL}", *more)
    if status != 0 and ("CAP_NET_ADMIN" in text or "IPv6" in text):
        peers.whole_file_skipped(text.strip())
    return ok(status == 0 and HOST in text, f"eleven comes up on a {kind} device with both families", text)


def down():
    run("eleven", "down")
    wait_until(lambda: not pathlib.Path("/sys/class/net/six0").exists(), 10)


def fetch(title, digest, url, *prefix):
    got, said = peers.Fetch(url, *prefix).result()
    ok(got == digest, title, said)


def curl_and_nginx(kind, digest):
    server = peers.on_eleven("nginx", "-c", peers.nginx_configuration("six", "[::]:8080 ipv6only=off", workers=2))
    ok(wait_until(lambda: re.search(r"^tcp6 .*:::8080 .*LISTEN", run("eleven", "netstat", "-ltn")[1], re.M), 10),
       f"{kind}: nginx on eleven listens on [::], shown as tcp6", run("eleven", "netstat", "-ltn")[1] + server.output())
    # Over Ethernet an address is ours when nobody else has claimed it for a second.
    wait_until(lambda: run("curl", "-sSg", "-m", "2", f"http://[{HOST}]:8080/hello")[0] == 0, 20)
    fetch(f"{kind}: curl -6 on the kernel, nginx on eleven: the bytes are the file's", digest,
          f"http://[{HOST}]:8080/file", "env")
    fetch(f"{kind}: the same server over IPv4", digest, f"http://{HOST4}:8080/file")
    fetch(f"{kind}: a client on eleven, through ::1", digest, "http://[::1]:8080/file", "eleven", "run", "--")
    open6, open4 = Program("nc", "-6", HOST, "8080"), Program("nc", HOST4, "8080")
    shown = wait_until(lambda: re.search(rf"^tcp6 +\d+ +\d+ {HOST}:8080 +{KERNEL}:\d+ +ESTABLISHED +eleven",
                                         run("eleven", "netstat", "-an")[1], re.M), 10)
    ok(shown, f"{kind}: netstat shows a connection with its addresses", run("eleven", "netstat", "-an")[1])
    text = run("eleven", "netstat", "-an6")[1]
    ok("tcp6" in text and not re.search(r"^tcp +", text, re.M), f"{kind}: netstat -6 shows IPv6 alone", text)
    text = run("eleven", "netstat", "-an4")[1]
    ok(not re.search(rf"^tcp6? .*{HOST}:8080", text, re.M), f"{kind}: netstat -4 does not show it", text)
    rows = [json.loads(line) for line in run("eleven", "netstat", "--json", "-a")[1].splitlines() if line]
    ok(any(row.get("remote", "").startswith(f"[{KERNEL}]:") and row.get("family") == 6 for row in rows),
       f"{kind}: JSON has brackets", rows[:3])
    text = run("eleven", "watch", "--once", "--ladder")[1]
    ok(f"[{KERNEL}]:" in text and f"[{HOST}]:8080" in text, f"{kind}: watch and its ladder have brackets", text[-2000:])
    for program in (open6, open4, server):
        program.kill()


def kernel_server(kind, digest):
    server = Program("nginx", "-c", peers.nginx_configuration("kernel", f"[{KERNEL}]:8081", workers=2))
    wait_until(lambda: run("curl", "-sSg", "-m", "2", f"http://[{KERNEL}]:8081/hello")[0] == 0, 10)
    fetch(f"{kind}: curl -6 on eleven, nginx on the kernel", digest, f"http://[{KERNEL}]:8081/file",
          "eleven", "run", "--")
    server.kill()


def redis(kind):
    server = peers.on_eleven("redis-server", "--port", "6379", "--bind", HOST, "--save", "", "--appendonly", "no",
                             "--protected-mode", "no", "--dir", str(TMP))
    wait_until(lambda: "PONG" in run("redis-cli", "-h", HOST, "ping", timeout=5)[1], 20)
    value = "x" * 2000000
    run("redis-cli", "-h", HOST, "-x", "set", "big", text=value, timeout=20)
    got = run("redis-cli", "-h", HOST, "get", "big", timeout=20)[1]
    ok(got.rstrip("\n") == value, f"{kind}: redis over IPv6: a value of 2 MB goes in and comes out", len(got))
    run("redis-cli", "-h", HOST, "shutdown")
    server.kill()


def iperf3(kind):
    server = peers.on_eleven("iperf3", "-s", "-p", "5201")
    for title, command in (("the kernel sends", ("iperf3", "-6", "-c", HOST, "-p", "5201")),
                           ("eleven sends", ("iperf3", "-6", "-c", HOST, "-p", "5201", "-R"))):
        wait_until(lambda: ":5201 " in run("eleven", "netstat", "-ltn")[1], 10)         # a new one for each client
        status, text = run(*command, "-t", "2", "-J", timeout=60)
        said = json.loads(text) if text.startswith("{") else {}
        ok(status == 0 and said.get("end", {}).get("sum_received", {}).get("bytes", 0) > 1000000,
           f"{kind}: iperf3 -6, {title}", text[-400:])
    server.kill()


def nc(kind):
    server = peers.on_eleven("sh", "-c", f"nc -6 -l -p 9009 </dev/null >{TMP}/nc.out")
    wait_until(lambda: ":9009 " in run("eleven", "netstat", "-ltn")[1], 10)
    run("nc", "-6", "-q", "1", HOST, "9009", text="hello over six\n", timeout=20)
    ok(wait_until(lambda: (TMP / "nc.out").exists() and "hello over six" in (TMP / "nc.out").read_text(), 10),
       f"{kind}: nc -6 is heard", server.output())


def sockets():
    script = TMP / "socket6.py"
    script.write_text(SOCKET)
    kernel = run(sys.executable, str(script), KERNEL, KERNEL4, timeout=60)
    ours = run("eleven", "run", "--", sys.executable, str(script), HOST, HOST4, timeout=60)
    theirs = kernel[1].replace(KERNEL, "OWN").replace(KERNEL4, "OWN4").splitlines()
    mine = ours[1].replace(HOST, "OWN").replace(HOST4, "OWN4").splitlines()
    ok(len(theirs) >= 34, "the kernel tells what an AF_INET6 socket does", kernel[1])
    for number in range(max(len(theirs), len(mine))):
        a, b = (lines[number] if number < len(lines) else "nothing" for lines in (theirs, mine))
        ok(a == b, f"sockets of AF_INET6 as the kernel's: {a}", f"eleven: {b}\n{ours[1][-300:]}")


def main():
    programs = ("curl", "nginx", "redis-server", "redis-cli", "iperf3", "nc")
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        peers.whole_file_skipped(f"not installed: {' '.join(missing)}")
    digest = peers.file_make("file", 8)
    for kind in ("tun", "tap"):
        if not up(kind, "--record", str(TMP / f"{kind}.rec")):
            tap.plan()
        curl_and_nginx(kind, digest)
        kernel_server(kind, digest)
        if kind == "tun":
            redis(kind)
            iperf3(kind)
            nc(kind)
            sockets()
        down()
        status, text = run("eleven", "replay", str(TMP / f"{kind}.rec"), timeout=120)
        ok(status == 0, f"{kind}: the recording of it all replays bit for bit", text[-400:])
    tap.plan()


main()
