#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
# needs: tun
"""TCP Fast Open (RFC 7413) of unmodified programs, with Linux on the other side of a tun device, in both roles."""
import os
import pathlib
import re
import textwrap

import tap
from tap import Program, ok, run

TMP = pathlib.Path(os.environ["TMPDIR"])
os.environ["ELEVEN_SOCKET"] = str(TMP / "host.sock")
HOST, KERNEL = "10.1.0.2", "10.1.0.1"

SERVER = textwrap.dedent("""
    import socket, sys
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
    s.bind((sys.argv[1], 7000))
    s.listen(5)
    print("listening", flush=True)
    while True:
        c, _ = s.accept()
        while data := c.recv(65536):
            c.sendall(data.upper())
        c.close()
""")

# Prints for each way of asking what came back, and whether text of the SYN was acknowledged (TCPI_OPT_SYN_DATA).
CLIENT = textwrap.dedent("""
    import socket, sys
    MSG_FASTOPEN, TCP_FASTOPEN_CONNECT = 0x20000000, 30
    def end(s, way):
        s.shutdown(socket.SHUT_WR)
        data = b""
        while part := s.recv(65536):
            data += part
        taken = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)[5] & 32
        print(way, len(data), data == data.upper(), "in the SYN" if taken else "after it", flush=True)
        s.close()
    for way in ("sendto", "sendto", "sendmsg"):
        s = socket.socket()
        text = b"a line of text\\n" * (1 if way == "sendmsg" else 1000)
        if way == "sendto":
            n = s.sendto(text, MSG_FASTOPEN, (sys.argv[1], 7000))
        else:
            n = s.sendmsg([text[:3], text[3:]], [], MSG_FASTOPEN, (sys.argv[1], 7000))
        s.sendall(text[n:])
        end(s, way)
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    s.connect((sys.argv[1], 7000))
    s.sendall(b"x" * 50)
    end(s, "connect")
""")
EXPECTED = "sendto 15000 True after it\nsendto 15000 True in the SYN\nsendmsg 15 True in the SYN\n" \
           "connect 50 True in the SYN\n"


def traced(title, server, client, address, bytes_in_syn):
    trace = Program("eleven", "trace")
    talk(title, server, client, address)
    lines = trace.output().splitlines()
    ok(any(re.search(rf" S 0:{bytes_in_syn}\({bytes_in_syn}\) ", line) and "FO " in line for line in lines),
       f"{title}: the trace shows the SYN with its text and cookie", "\n".join(lines[:40]))
    trace.kill(2)


def talk(title, server, client, address):
    host = Program(*server, "python3", "-c", SERVER, address)
    if not ok(host.says("listening"), f"{title}: the server listens", host.output()):
        return
    status, text = run(*client, "python3", "-c", CLIENT, address, timeout=30)
    ok(status == 0 and text == EXPECTED, f"{title}: asks for a cookie first, then its text goes with the SYN", text)
    host.kill(15)


def main():
    eleven = ("eleven", "run", "--")
    run("sysctl", "-qw", "net.ipv4.tcp_fastopen=3")
    status, text = run("eleven", "up", "-d", "--tun", "dev0", "--address", f"{HOST}/24", "--kernel-address", KERNEL)
    if not ok(status == 0, "a host comes up beside the kernel", text):
        return
    traced("eleven to Linux", (), eleven, KERNEL, 1420)
    traced("Linux to eleven", eleven, (), HOST, 1420)
    run("eleven", "down")
    status, text = run("eleven", "up", "-d")
    ok(status == 0, "two hosts on a virtual wire come up", text)
    talk("eleven to itself", eleven, eleven, "127.0.0.1")
    run("eleven", "down")


main()
tap.plan()
