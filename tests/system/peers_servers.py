#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
# needs: namespace
"""
Servers and clients that everyone has, one end on eleven and one on the Linux kernel: redis, nginx with several workers
under a thousand connections, iperf3, nc, and connections that idle for long with keepalive.  Afterwards no connection
is left over, and the host sleeps when there is nothing to do.
"""
import json
import re
import socket
import subprocess
import time

import peers_kit as peers
import tap
from peers_kit import HOST, KERNEL, TMP
from tap import Program, ok, run, wait_until


# ---- redis

def redis_server(where, address, port):
    where("redis-server", "--port", str(port), "--bind", address, "--save", "", "--appendonly", "no",
          "--protected-mode", "no", "--dir", str(TMP))


def redis_rates(title, command):
    status, text = run(*command, timeout=60)
    rates = re.findall(r"(\w+)(?: \([^)]*\))?: ([0-9.]+) requests per second", text)
    ok(status == 0 and {name for name, _ in rates} >= {"SET", "GET", "LRANGE_100"} and "rror" not in text,
       title, text[-500:])
    peers.figure(title, **{name: float(rate) for name, rate in rates})


def redis():
    redis_server(peers.on_eleven, HOST, 6379)
    redis_server(Program, KERNEL, 6380)
    ok(peers.listens(HOST, 6379) and peers.listens(KERNEL, 6380), "redis-server listens on eleven and on the kernel")
    for pipeline, count in (("16", "30000"), ("1", "3000")):
        common = ("-c", "50", "-P", pipeline, "-n", count, "-q", "-d", "100", "-t", "set,get,lrange_100")
        redis_rates(f"redis on eleven, 50 clients on the kernel, pipelines of {pipeline}",
                    ("redis-benchmark", "-h", HOST, "-p", "6379", *common))
        redis_rates(f"redis on the kernel, 50 clients on eleven, pipelines of {pipeline}",
                    ("eleven", "run", "--", "redis-benchmark", "-h", KERNEL, "-p", "6380", *common))
    value = "x" * 3000000
    run("redis-cli", "-h", HOST, "-x", "set", "big", text=value, timeout=20)
    got = run("redis-cli", "-h", HOST, "get", "big", timeout=20)[1]
    ok(got.rstrip("\n") == value, "a value of 3 MB goes in and comes out", f"{len(got)} bytes")
    run("redis-cli", "-h", HOST, "shutdown")
    run("redis-cli", "-h", KERNEL, "-p", "6380", "shutdown")
    peers.nothing_left("no connection is left over by redis")


# ---- nginx

def wrk(title, connections, address):
    status, text = run("wrk", "-t2", f"-c{connections}", "-d3", "--timeout", "10s", address + "/hello", timeout=60)
    requests = int((re.search(r"(\d+) requests in", text) or [0, 0])[1])
    ok(status == 0 and requests >= connections, f"{title}: answers {connections} connections", text)
    ok("Socket errors" not in text and "Non-2xx" not in text, f"{title}: without an error", text)
    peers.figure(title, requests_s=float((re.search(r"Requests/sec: *([0-9.]+)", text) or [0, 0])[1]))


ACCEPTER = """
import socket, time
listener = socket.create_server(("", 8084), backlog=256)
input()
listener.setblocking(False)
count = 0
try:
    while True:
        listener.accept()[0].close()
        count += 1
except BlockingIOError:
    print(count, "in a row", flush=True)
"""


def accepts_in_a_row():
    """Without waiting for the host in between: else the last of a thousand wait for seconds on a busy machine."""
    server = peers.on_eleven("python3", "-c", ACCEPTER)
    peers.listens(HOST, 8084)
    clients = [socket.create_connection((HOST, 8084), 5) for _ in range(50)]
    wait_until(lambda: len(peers.connections("LISTEN", "TIME_WAIT")) == 50)
    server.send("go\n")
    server.status()
    count = int(("0" + server.output()).split()[0])
    ok(count >= 16, "a program may accept many connections in a row", server.output())
    for s in clients:
        s.close()
    peers.nothing_left("those it never took are gone with it")


def nginx_prefork():
    for listen, title in (("8081", "nginx, four workers share a listener"),
                          ("8083 reuseport", "nginx, four workers with a listener each")):
        port = listen.split()[0]
        server = peers.on_eleven("nginx", "-c", peers.nginx_configuration(f"n{port}", listen + " backlog=2048"))
        ok(peers.listens(HOST, port), f"{title}: listens", server.output())
        held = []
        for _ in range(2):
            wrk(title, 1000, f"http://{HOST}:{port}")
            peers.nothing_left(f"{title}: no connection is left over")
            held.append(peers.host_status("VmRSS"))
        ok(held[1] < held[0] * 1.2 + 2000, f"{title}: the host's memory does not grow", f"{held} KiB")
        peers.figure(title, host_rss_kib=held[1])
        server.kill(15)
    kernel = Program("nginx", "-c", peers.nginx_configuration("theirs", f"{KERNEL}:8082 backlog=2048"))
    peers.listens(KERNEL, 8082)
    status, text = run("eleven", "run", "--", "wrk", "-t2", "-c500", "-d2", f"http://{KERNEL}:8082/hello", timeout=60)
    ok(status == 0 and "Socket errors" not in text and re.search(r"[1-9]\d+ requests in", text),
       "wrk on eleven, 500 connections to the kernel's nginx", text)
    kernel.kill(15)
    peers.nothing_left("no connection is left over by wrk")


# ---- iperf3

def iperf3(title, *command):
    """Its server makes a new listener after each client."""
    peers.listens(*((HOST, 5201) if HOST in command else (KERNEL, 5202)))
    status, text = run(*command, "-J", "-t", "1", timeout=30)
    try:
        end = json.loads(text[text.index("{"):])["end"]
        bits = end["sum_received"]["bits_per_second"]
    except (ValueError, KeyError):
        bits = 0
    ok(status == 0 and bits > 1e8, title, text[-1500:])
    peers.figure(title, gbit_s=round(bits / 1e9, 2))


def iperf3_both_ways():
    server, kernel = peers.on_eleven("iperf3", "-s", "-p", "5201"), Program("iperf3", "-s", "-B", KERNEL, "-p", "5202")
    ok(peers.listens(HOST, 5201) and peers.listens(KERNEL, 5202), "iperf3 listens on eleven and on the kernel",
       server.output() + kernel.output())
    before = peers.kernel_counters()
    iperf3("iperf3: kernel to a server on eleven", "iperf3", "-c", HOST, "-p", "5201")
    iperf3("iperf3: a server on eleven to the kernel", "iperf3", "-c", HOST, "-p", "5201", "-R")
    iperf3("iperf3: four streams at once", "iperf3", "-c", HOST, "-p", "5201", "-P", "4")
    iperf3("iperf3: a client on eleven to the kernel", "eleven", "run", "--", "iperf3", "-c", KERNEL, "-p", "5202")
    iperf3("iperf3: kernel to a client on eleven", "eleven", "run", "--", "iperf3", "-c", KERNEL, "-p", "5202", "-R")
    again = peers.kernel_retransmitted(before)
    ok(again == 0, "iperf3: the kernel sends nothing twice", f"{again} segments")
    server.kill(15)
    kernel.kill(15)
    peers.nothing_left("no connection is left over by iperf3")


# ---- nc

def nc():
    peers.file_make("noise", 5)
    here, there = ("eleven", "run", "--"), ()
    for title, listener, client, address in (("kernel to eleven", here, there, HOST),
                                             ("eleven to the kernel", there, here, KERNEL)):
        for way in ("sends", "receives"):
            got = TMP / "got"
            with open(TMP / "noise") as noise, open(got, "w") as sink:
                server = subprocess.Popen([*listener, "nc", "-N", "-l", address, "9000"],
                                          stdin=subprocess.PIPE if way == "sends" else noise,
                                          stdout=sink if way == "sends" else subprocess.DEVNULL)
                peers.listens(address, 9000)
                status = subprocess.run([*client, "nc", "-N" if way == "sends" else "-d", address, "9000"],
                                        stdin=noise if way == "sends" else subprocess.PIPE,
                                        stdout=subprocess.DEVNULL if way == "sends" else sink, timeout=30).returncode
            ok(status == 0 and server.wait(10) == 0 and got.read_bytes() == (TMP / "noise").read_bytes(),
               f"nc -N, {title}: the client {way} a file, and both end",
               f"{status}, {server.returncode}, {got.stat().st_size} bytes")
    peers.nothing_left("no connection is left over by nc")


# ---- long idle

SHELL_SERVER = """
import socket, sys, threading
def serve(s):
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)):
        s.setsockopt(socket.IPPROTO_TCP, option, value)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    try:
        while data := s.recv(1000):
            s.sendall(data.upper())
        print("end", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
listener = socket.create_server(("", 2222))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],)).start()
"""


def shell_open(**keepalive):
    s = socket.create_connection((HOST, 2222), 5)
    for name, value in keepalive.items():
        s.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, bool(keepalive))
    s.settimeout(5)
    return s


def shell_says(s, text):
    s.sendall(text)
    return s.recv(1000) == text.upper()


def long_idle():
    server = peers.on_eleven("python3", "-c", SHELL_SERVER)
    peers.listens(HOST, 2222)
    with shell_open() as quiet, shell_open(TCP_KEEPIDLE=1, TCP_KEEPINTVL=1, TCP_KEEPCNT=2) as asking:
        ok(shell_says(quiet, b"one") and shell_says(asking, b"two"), "idle: both sessions work at first")
        lines = peers.connections("LISTEN", "TIME_WAIT")
        ok(len(lines) == 2 and all("keepalive" in line for line in lines), "idle: netstat -o shows the keepalive timer",
           "\n".join(lines))
        sent, kernel = peers.eleven_counters()["packets sent out"], peers.kernel_counters()
        clock = peers.host_clock()
        time.sleep(5)
        probes = peers.eleven_counters()["packets sent out"] - sent
        asked = peers.kernel_counters()["TcpExtTCPKeepAlive"] - kernel["TcpExtTCPKeepAlive"]
        ok(probes >= 8 and asked >= 3, "idle: both sides ask, and are answered",
           f"{probes} sent, {asked} by the kernel")
        ok(shell_says(quiet, b"three") and shell_says(asking, b"four"), "idle: both sessions work after 5 s")
        ok(peers.host_clock() - clock < 0.2, "idle: at next to no cost", peers.host_clock() - clock)
        run("eleven", "link", "pause")
        ok(wait_until(lambda: server.output().count("Connection timed out") == 2, 10),
           "idle: three questions without an answer end it with ETIMEDOUT", server.output())
        run("eleven", "link", "resume")
    peers.nothing_left("no connection is left over by the idle sessions")
    server.kill(9)


# ---- nothing to do

def host_sleeps():
    server = peers.on_eleven("python3", "-c", SHELL_SERVER)
    peers.listens(HOST, 2222)
    idle = [socket.create_connection((HOST, 2222), 5) for _ in range(20)]
    time.sleep(1)
    clock, turns = peers.host_clock(), peers.host_status("voluntary_ctxt_switches")
    time.sleep(3)
    clock, turns = peers.host_clock() - clock, peers.host_status("voluntary_ctxt_switches") - turns
    # Their keepalive asks once a second each: that is all the host wakes for.
    ok(clock <= 0.05 and turns <= 20 * 3 * 2 + 30, "the host sleeps while twenty connections idle",
       f"{clock:.2f} s of CPU and {turns} wakings in 3 s")
    for s in idle:
        s.close()
    server.kill(9)
    peers.nothing_left("and afterwards nothing is left over")
    turns = peers.host_status("voluntary_ctxt_switches")
    time.sleep(2)
    turns = peers.host_status("voluntary_ctxt_switches") - turns
    ok(turns <= 10, "with nothing at all to do it wakes for nothing", f"{turns} wakings in 2 s")


peers.start("redis-server", "redis-benchmark", "redis-cli", "nginx", "wrk", "iperf3", "nc", "openssl", "ss", "ip")
descriptors = peers.host_descriptors()
redis()
accepts_in_a_row()
nginx_prefork()
iperf3_both_ways()
nc()
long_idle()
host_sleeps()
ok(wait_until(lambda: peers.host_descriptors() <= descriptors, 10), "the host has closed every descriptor",
   f"{peers.host_descriptors()} open, {descriptors} at first")
ok(run("eleven", "down")[0] == 0, "the host goes down")
tap.plan()
