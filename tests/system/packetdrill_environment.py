#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the plug-in for packetdrill takes from its environment and leaves there: sysctls with FreeBSD's names, the file
of states, options of packetdrill's command line and of the script's head."""
import os
import pathlib
import subprocess
import sys

import tap
from tap import ok

sys.path.insert(0, str(pathlib.Path(tap.SOURCE) / "tests" / "pkt"))
SCRATCH = pathlib.Path(os.environ["TMPDIR"])
LIBRARY = pathlib.Path(tap.BUILD) / "libeleven-packetdrill.so"

PROGRAM = """
import sys
sys.path.insert(0, {pkt!r})
import socket, struct
import plugin, wire

p = plugin.Plugin({library!r}, {flags!r})
fd = p.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0)
p.connect(fd, struct.pack("=HH4s8x", socket.AF_INET, socket.htons(8080), socket.inet_aton("192.0.2.1")), 16)
packet, _ = p.packet_receive()
segment = wire.parse(packet)
print(segment.source, wire.options_parse(segment.options), open({states!r}).read().strip())
p.packet_send(wire.Segment("192.0.2.1", segment.source, 8080, segment.sport, 0, segment.seq + 1, 0x14, 0, 0, b"",
                           b"").emit())
print(open({states!r}).read().strip())
p.free()
"""


def run(flags="", sysctls="", arguments=(), script="0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"):
    """What a process of packetdrill's command line says of its SYN and of the states."""
    names = {name: str(SCRATCH / name) for name in ("states", "sysctls", "script.pkt", "program.py")}
    pathlib.Path(names["sysctls"]).write_text(sysctls)
    pathlib.Path(names["script.pkt"]).write_text(script)
    pathlib.Path(names["program.py"]).write_text(PROGRAM.format(
        pkt=str(pathlib.Path(tap.SOURCE).resolve() / "tests" / "pkt"), library=str(LIBRARY.resolve()), flags=flags,
        states=names["states"]))
    done = subprocess.run([sys.executable, names["program.py"], *arguments, names["script.pkt"]], text=True,
                          capture_output=True, timeout=30,
                          env={**os.environ, "PD_SYSCTL_FILE": names["sysctls"], "PD_STATE_FILE": names["states"],
                               "PD_SYSCTL_ROOT": str(SCRATCH / "none")})
    return done.stdout + done.stderr


plain = run()
ok("192.168.0.1 " in plain and "('mss', '1460'), ('sackOK',), ('TS'," in plain, "packetdrill's own address", plain)
ok("SYN_SENT 192.168.0.1:" in plain and "192.0.2.1:8080" in plain, "PD_STATE_FILE has the connection", plain)
ok("SYN_SENT" not in plain.splitlines()[-1], "PD_STATE_FILE is written again when the state changes", plain)

freebsd = run(sysctls="net.inet.tcp.sack.enable=0\nnet.inet.tcp.rfc1323=0\nnet.inet.tcp.unheard_of=1\n")
ok("[('mss', '1460')]" in freebsd, "PD_SYSCTL_FILE: FreeBSD's names are heeded", freebsd)

line = run(arguments=["--local_ip=10.1.2.3", "--mtu=1000"])
ok("10.1.2.3 " in line and "('mss', '960')" in line, "packetdrill's command line gives address and MTU", line)

head = run(script="// a comment\n--mtu=700\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")
ok("('mss', '660')" in head, "the script's head gives the MTU", head)

# %{ }% blocks of packetdrill ask the C library, not the table: the library is preloaded as well, and is the same one.
preloaded = subprocess.run([sys.executable, "-c", f"""
import ctypes, sys
sys.path.insert(0, {str(pathlib.Path(tap.SOURCE).resolve() / "tests" / "pkt")!r})
import plugin
p = plugin.Plugin({str(LIBRARY.resolve())!r}, "")
fd = p.socket(2, 1, 0)
info, size = ctypes.create_string_buffer(280), ctypes.c_uint(280)
print(ctypes.CDLL(None).getsockopt(fd, 6, 11, info, ctypes.byref(size)), size.value, info.raw[0])
other = __import__("socket").socket()
print(other.getsockopt(1, 3))
"""], text=True, capture_output=True, timeout=30, env={**os.environ, "LD_PRELOAD": str(LIBRARY.resolve())})
ok(preloaded.stdout == "0 280 7\n1\n", "preloaded as well, it answers getsockopt for its own sockets and no others",
   preloaded.stdout + preloaded.stderr)
tap.plan()
