#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 180
# needs: namespace
"""
tshark reads captures of eleven and the kernel talking, taken on the device by dumpcap and at the stack by
eleven trace -w, and finds no malformed packet and no bad checksum.

A capture on a device that offloads checksums shows packets before the last step: their checksum field holds the sum
of the pseudo-header, and whoever puts them on a wire would complete it.  Both ends do that here: the kernel because
the device says it can (NETIF_F_HW_CSUM), and eleven by the virtio header's NEEDS_CSUM.  So with offloads on, a
checksum must be right or be exactly that sum; then offloads are turned off on both sides, the kernel's by ethtool's
ioctl, eleven's by an impairment, behind which packets are complete: and every checksum must be right.  In the capture
of eleven trace every checksum is right at all times, since it completes what it writes.
"""
import array
import fcntl
import os
import socket
import struct
import subprocess
import time

import peers_kit as peers
import tap
from peers_kit import DEVICE, HOST, KERNEL, TMP
from tap import Program, ok, run, wait_until

SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17

def kernel_checksums_off():
    """The kernel computes its checksums (and cuts its segments) before the device gets them."""
    data = array.array("B", struct.pack("II", ETHTOOL_STXCSUM, 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", DEVICE.encode(), data.buffer_info()[0]))


def tshark(path, *options):
    """Packet by packet: joined streams are another matter, and what is sent twice is an error to that part of it."""
    done = subprocess.run(["tshark", "-r", str(path), "-d", "tcp.port==8000,data",
                           "-o", "tcp.desegment_tcp_streams:FALSE", *options], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "HOME": str(TMP)})
    problems = [line for line in done.stderr.splitlines() if "superuser" not in line and "dangerous" not in line]
    return done.returncode, done.stdout, "\n".join(problems)


def pseudo_sum(source, destination, length):
    total = sum(struct.unpack("!4H", socket.inet_aton(source) + socket.inet_aton(destination))) + 6 + length
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def judge(title, path, complete):
    """No error in the expert's opinion; each checksum right, or (unless `complete`) left to be completed."""
    status, text, problems = tshark(path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:FALSE",
                                    "-Y", "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 "
                                    "|| icmp.checksum.status == 0")
    ok(status == 0 and text == "" and problems == "", f"{title}: tshark finds nothing malformed",
       "\n".join((text + problems).splitlines()[:20]))
    fields = ("ip.src", "ip.dst", "ip.len", "ip.hdr_len", "tcp.checksum", "tcp.checksum.status", "frame.number")
    text = tshark(path, "-o", "tcp.check_checksum:TRUE", "-Y", "tcp && !icmp", "-T", "fields",
                  *(word for name in fields for word in ("-e", name)))[1]
    right, partial, wrong = {HOST: 0, KERNEL: 0}, 0, []
    for line in text.splitlines():
        source, destination, length, header, checksum, good, number = line.split("\t")
        if good == "1":
            right[source] += 1
        elif int(checksum, 16) == pseudo_sum(source, destination, int(length) - int(header)):
            partial += 1
        else:
            wrong.append(number)
    seen = all(right.values()) if complete else sum(right.values()) + partial > 100
    ok(seen and not wrong and not (complete and partial), f"{title}: and every TCP checksum is good",
       f"right {right}, left to the device {partial}, wrong {len(wrong)}: packets {wrong[:20]}")


def traffic():
    """Something of everything: files both ways, text in small pieces, refusals, resets, a half-close, fragments."""
    ours = peers.on_eleven("python3", "-m", "http.server", "8080", cwd=TMP)
    theirs = Program("python3", "-m", "http.server", "8090", "--bind", KERNEL, cwd=TMP)
    lines = peers.on_eleven("server", "--reuse")
    peers.listens(HOST, 8080), peers.listens(KERNEL, 8090), peers.listens(HOST, 8000)
    results = [run("curl", "-s", "-m", "60", "-o", str(TMP / "got"), f"http://{HOST}:8080/file")[0],
               run("eleven", "run", "--", "curl", "-s", "-m", "60", "-o", str(TMP / "got"),
                   f"http://{KERNEL}:8090/file")[0],
               run("curl", "-s", "-m", "10", f"http://{HOST}:81/")[0] != 7,
               run("eleven", "run", "--", "curl", "-s", "-m", "10", f"http://{KERNEL}:81/")[0] != 7]
    with socket.create_connection((HOST, 8000), 10) as s:
        for piece in (b"o", b"ne\ntw", b"o\n"):
            s.sendall(piece)
            time.sleep(0.01)
        s.send(b"!", socket.MSG_OOB)
        s.shutdown(socket.SHUT_WR)
        while s.recv(100):
            pass
    with socket.create_connection((HOST, 8080), 10) as s:
        s.sendall(b"GET /file HTTP/1.0\r\n\r\n")
        s.recv(10)              # the rest unread: a reset
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw.sendto(b"x" * 4000, (HOST, 7))          # fragments, and a port unreachable
    raw.close()
    for server in (ours, theirs, lines):
        server.kill(15)
    ok(not any(results), "traffic flows", results)


def captured(name, work):
    """What dumpcap sees on the device, and eleven at the stack, while `work` is done."""
    device, stack = TMP / f"{name}-device.pcapng", TMP / f"{name}-stack.pcapng"
    dump = Program("dumpcap", "-q", "-i", DEVICE, "-w", str(device))
    trace = Program("eleven", "trace", "-w", str(stack))
    began = wait_until(lambda: device.exists() and stack.exists(), 10)
    time.sleep(0.5)
    work()
    time.sleep(0.5)
    for program in (dump, trace):
        program.kill(2)
    ok(began and "lost" not in trace.output(), f"{name}: both captures are whole", dump.output() + trace.output())
    return device, stack


peers.start("tshark", "dumpcap", "curl", "python3")
peers.file_make("file", 2)
device, stack = captured("offload", traffic)
judge("on the device", device, False)
judge("by eleven trace", stack, True)
comments = tshark(stack, "-T", "fields", "-e", "frame.comment", "-Y", "frame.comment")[1]
ok(comments.count(" -> ") >= 20, "packets that changed a state say so in a comment", comments)

kernel_checksums_off()
run("eleven", "link", "delay", "1ms", "loss", "0.5%", "reorder", "1%", "dup", "1%")
device, stack = captured("complete", traffic)
judge("on the device, complete, over a poor wire", device, True)
judge("by eleven trace, over a poor wire", stack, True)
tap.plan()
