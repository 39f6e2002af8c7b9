#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
# needs: tun
"""eleven up --gateway and --route: of several gateways one that is not there is passed over."""
import os
import pathlib
import socket
import subprocess
import threading

from tap import Program, ok, plan, run

os.environ["ELEVEN_SOCKET"] = str(pathlib.Path(os.environ["TMPDIR"]) / "host.sock")
FAR = ("192.0.2.1", "198.51.100.1")
CLIENT = "import socket; print(socket.create_connection((%r, 8000), 60).recv(100).decode())"
UP = ("eleven", "up", "-d", "--tap", "g0", "--address", "10.11.0.2/24", "--kernel-address", "10.11.0.1")


def serve(listener):
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"hello")
        connection.close()


for words, part in ((["--gateway", "x"], "--gateway: 'x'"), (["--route", "192.0.2.0/24"], "ADDR/LEN=ADDR"),
                    (["--route", "192.0.2.0=10.11.0.1"], "--route: '192.0.2.0'"),
                    (["--route", "192.0.2.0/24=x"], "--route: 'x'")):
    status, text = run(*UP, *words)
    ok(status == 2 and text.count("\n") == 1 and part in text, f"status 2 and one line: {' '.join(words)}", text)
status, text = run("eleven", "up", "-d", "--gateway", "10.0.0.1")
ok(status == 2 and "--tap" in text, "--gateway without --tap is refused", text)
for route, part in (("192.0.2.0/24=10.99.0.1", "not on the device's subnet"), ("192.0.2.1/24=10.11.0.9", "no subnet")):
    status, text = run(*UP, "--route", route)
    ok(status == 1 and part in text, f"a route that cannot be: {route}", text)

for address in FAR:
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    listener = socket.create_server((address, 8000))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
status, text = run(*UP, "--gateway", "10.11.0.9", "--gateway", "10.11.0.1", "--route", "198.51.100.0/24=10.11.0.1")
ok(status == 0, "a host with two gateways, the first of which is nobody", text)
for address, way in ((FAR[1], "the route's gateway is taken at once"), (FAR[0], "the second gateway is taken")):
    client = Program("eleven", "run", "--", "python3", "-c", CLIENT % address)
    ok(client.says("hello", 60), f"{address} is reached: {way}", client.output())
run("eleven", "down")
plan()
