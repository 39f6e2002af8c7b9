#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 400
# needs: namespace
"""
Files between eleven and the Linux kernel: curl fetches 1 GiB from programs on eleven and a curl on eleven fetches it
from the kernel, first over a clean wire, on which nothing may be sent twice; then less of it over a wire that loses,
reorders and delays.
"""
import re
import shutil
import time

import peers_kit as peers
import tap
from peers_kit import HOST, KERNEL, TMP
from tap import Program, ok, run

MEGABYTES = 1024 if shutil.disk_usage(TMP).free > 3 << 30 else 128


def options_sane(text):
    """What ss(8) says of the kernel's end of a connection."""
    return all(re.search(rf"\b{word}\b", text) for word in ("ts", "sack")) and re.search(r"wscale:\d+,\d+", text)


def fetched(title, url, digest, *prefix):
    """One file over a clean wire: right, with sane options, nothing sent twice but probes, in big segments."""
    kernel, eleven, clock = peers.kernel_counters(), peers.eleven_counters(), peers.host_clock()
    start = time.monotonic()
    fetch = peers.Fetch(url, *prefix)
    text = tap.wait_until(lambda: run("ss", "-tinoH", "state", "established", "dst", HOST)[1], 10)
    got, said = fetch.result()
    seconds = time.monotonic() - start
    ok(got == digest, f"{title}: {MEGABYTES} MiB, equal", f"{got} is not {digest}\n{said}")
    peers.figure(title, gbit_s=round(MEGABYTES * 8.388608e-3 / seconds, 2),
                 host_cpu_s=round(peers.host_clock() - clock, 2))
    ok(options_sane(text), f"{title}: the kernel sees timestamps, SACK and window scaling", text)
    again = peers.kernel_retransmitted(kernel)
    ok(again == 0, f"{title}: the kernel sends nothing twice", f"{again} segments")
    now = peers.eleven_counters()
    change = {key: value - eleven.get(key, 0) for key, value in now.items()}
    # A probe of the tail (RFC 8985 §7.3) is no loss: on a machine that has other things to do, ACKs come late.
    probes = sum(value for key, value in change.items() if "probed (RFC 8985" in key)
    twice = change.get("segments retransmitted", 0)
    ok(twice <= probes, f"{title}: eleven sends nothing twice, but as a probe", change)
    for way, verb in (("sent out", "sent"), ("received", "received")):
        packets = change["packets sent out" if verb == "sent" else "total packets received"]
        if change.get(f"bytes of text {verb}", 0) > 1 << 20:
            mean = change[f"bytes of text {verb}"] / packets
            ok(mean > 8000, f"{title}: text goes in big segments", f"{mean:.0f} bytes per packet {way}")
            other = change["total packets received" if verb == "sent" else "packets sent out"]
            ok(other <= packets * 1.1 + 50, f"{title}: no more ACKs than segments", f"{other} for {packets}")


def clean_wire(digest):
    fetched("python's http.server on eleven", f"http://{HOST}:8080/file", digest)
    fetched("nginx on eleven", f"http://{HOST}:8081/file", digest)
    fetched("curl on eleven, nginx on the kernel", f"http://{KERNEL}:8082/file", digest, "eleven", "run", "--")
    peers.nothing_left("no connection is left over by files")


def poor_wire():
    megabytes = 3
    digest = peers.file_make("little", megabytes)
    run("eleven", "link", "loss", "1%", "reorder", "3%", "delay", "20ms")
    start = time.monotonic()
    fetches = {
        "python's http.server on eleven": peers.Fetch(f"http://{HOST}:8080/little"),
        "nginx on eleven": peers.Fetch(f"http://{HOST}:8081/little"),
        "curl on eleven, nginx on the kernel": peers.Fetch(f"http://{KERNEL}:8082/little", "eleven", "run", "--"),
    }
    for title, fetch in fetches.items():
        got, said = fetch.result()
        ok(got == digest, f"{title}: {megabytes} MiB through 1 % loss, 3 % reordering, 20 ms delay, equal",
           f"{got} is not {digest}\n{said}\n{run('eleven', 'netstat', '-anpo')[1]}")
        peers.figure(title + ", poor wire", mbit_s=round(megabytes * 8.388608 / (time.monotonic() - start), 2))
    text = run("eleven", "link", "show")[1]
    ok(re.search(r"[1-9]\d* lost", text) and re.search(r"[1-9]\d* reordered", text), "and the wire was poor", text)
    run("eleven", "link", "clear")
    peers.nothing_left("no connection is left over by the poor wire")


peers.start("nginx", "curl", "python3", "openssl", "ss", "ip")
noise = peers.file_make("file", MEGABYTES)
servers = [peers.on_eleven("python3", "-m", "http.server", "8080", cwd=TMP),
           peers.on_eleven("nginx", "-c", peers.nginx_configuration("ours", "8081")),
           Program("nginx", "-c", peers.nginx_configuration("theirs", f"{KERNEL}:8082"))]
ok(peers.listens(HOST, 8080) and peers.listens(HOST, 8081) and peers.listens(KERNEL, 8082), "the servers listen",
   "\n".join(server.output() for server in servers))
clean_wire(noise)
poor_wire()
for server in servers:
    server.kill(15)
tap.plan()
