#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""The wire's MTU goes down under a connection: told by ICMP it goes on at once; told nothing it stands still."""
import os
import pathlib
import re

from tap import Program, ok, plan, run, wait_until

os.environ["ELEVEN_SOCKET"] = str(pathlib.Path(os.environ["TMPDIR"]) / "host.sock")
BYTES = 400000

SERVER = """
import socket
s = socket.socket(); s.bind(("10.0.0.2", 8000)); s.listen(1); print("up", flush=True)
while True:
    c, _ = s.accept(); n = 0; print("connected", flush=True)
    while (t := c.recv(65536)): n += len(t)
    print("got", n, flush=True); c.close()
"""
CLIENT = f"""
import socket, sys
s = socket.create_connection(("10.0.0.2", 8000)); print("connected", flush=True)
for line in sys.stdin: s.sendall(b"x" * {BYTES})
s.close()
"""


def too_long():
    return max((int(n) for n in re.findall(r"(\d+) too long", run("eleven", "link", "show")[1])), default=0)


status, text = run("eleven", "up", "-d", "--host", "a=10.0.0.1/24", "--host", "b=10.0.0.2/24")
ok(status == 0, "two hosts are up", text)
server = Program("eleven", "run", "-h", "b", "--", "python3", "-c", SERVER)
ok(server.says("up", 20), "a server listens", server.output())

client = Program("eleven", "run", "-h", "a", "--", "python3", "-c", CLIENT)
ok(client.says("connected", 20), "a client is connected", client.output())
ok(run("eleven", "link", "mtu", "1000")[0] == 0, "the wire takes 1000 bytes from now on")
client.send("more\n", end=True)
ok(server.says(f"got {BYTES}", 20), "all text arrives, for the wire says by ICMP what is too long", server.output())
ok(0 < too_long() < 200, "few segments were too long: the path MTU was learned", run("eleven", "link", "show")[1])

ok(run("eleven", "link", "clear")[0] == 0, "the wire is as it was")
ok(run("eleven", "link", "mtu", "900", "silent")[0] == 0, "the wire loses what is longer than 900, and says nothing")
ok("mtu 900 silent" in run("eleven", "link", "show")[1], "which is shown")
# The path's MTU is each connection's own: a new one begins with the link's.
client = Program("eleven", "run", "-h", "a", "--", "python3", "-c", CLIENT)
ok(client.says("connected", 20), "a second client is connected", client.output())
client.send("more\n", end=True)
ok(wait_until(lambda: too_long() >= 3, 20), "its segments are lost again and again",
   run("eleven", "link", "show")[1])
ok(f"got {BYTES}" not in server.output().split("got", 2)[-1], "and its text does not arrive", server.output())
ok(run("eleven", "link", "mtu", "900")[0] == 0, "the wire tells again")
ok(wait_until(lambda: server.output().count(f"got {BYTES}") == 2, 60), "and the text arrives", server.output())
run("eleven", "down")
plan()
