#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
# needs: namespace
"""The example server and client on the kernel's TCP: each way a connection can begin and end, seen with ss."""
import hashlib
import os
import re
import subprocess

import tap
from tap import Program, ok, run, wait_until

STATES = {"ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT", "SYN-SENT",
          "SYN-RECV", "LISTEN"}


def states(side, port=8000):
    """The states of the sockets whose local (server) or remote (client) port this is, LISTEN apart."""
    column = "sport" if side == "server" else "dport"
    listed = subprocess.run(["ss", "-tanH", f"{column} = :{port}"], capture_output=True, text=True).stdout
    return sorted(line.split()[0] for line in listed.splitlines() if not line.startswith("LISTEN"))


def reach(side, *wanted, port=8000):
    return ok(wait_until(lambda: states(side, port) == sorted(wanted)),
              f"{side}: {', '.join(wanted) or 'no connection'}", f"it is {states(side, port)}")


def serve(*options):
    server = Program("server", *options)
    ok(server.says("listening on"), f"server {' '.join(options)} listens", server.output())
    return server


def client_closes_first():
    server = serve("--hold", "0.6")
    client = Program("client")
    client.send("one line\n")
    ok(client.says("ONE LINE"), "a line comes back in upper case", client.output())
    reach("server", "ESTAB")
    reach("client", "ESTAB")
    client.end()
    ok(client.status() == 0, "the client ends with status 0", client.output())
    reach("client", "FIN-WAIT-2")
    reach("server", "CLOSE-WAIT")
    reach("client", "TIME-WAIT")
    reach("server")
    server.kill()
    serve().kill()          # at once, without --reuse: TIME-WAIT is on the client's side


def half_close_receives_everything():
    server = serve()
    text = os.urandom(3_000_000).hex()
    status, answer = run("client", "--half-close", text=text)
    ok(status == 0 and hashlib.sha256(answer.encode()).digest() == hashlib.sha256(text.upper().encode()).digest(),
       "half-close: all of 6 MB comes back", f"status {status}, {len(answer)} bytes")
    status, answer = run("client", text=text)
    ok(status == 0 and answer == text.upper(), "client first: all of 6 MB comes back", f"status {status}")
    server.kill()


def server_closes_first():
    # Linux lets SO_REUSEADDR pass over TIME-WAIT only when the socket that left it had set it, too.
    server = serve("--close-first", "--reuse", "--port", "8001")
    client = Program("client", "--port", "8001", "--hold", "0.5")
    client.send("x\n")
    ok(client.says("closed by the server"), "the client sees the server's FIN", client.output())
    reach("server", "FIN-WAIT-2", port=8001)
    reach("client", "CLOSE-WAIT", port=8001)
    client.status()
    reach("server", "TIME-WAIT", port=8001)
    server.kill()
    status, said = run("server", "--port", "8001")
    ok(status == 1 and said == "bind error: Address already in use\n",
       "after server-first the restart fails: bind error: Address already in use", f"status {status}: {said}")
    server = serve("--port", "8001", "--reuse")
    status, said = run("client", "--port", "8001", text="again\n")
    ok((status, said) == (0, "AGAIN\n"), "with --reuse it serves again", f"status {status}: {said}")
    server.kill()


def simultaneous_open():
    # A socket that connects to itself is the simultaneous open that one host can have: its own SYN meets it.
    client = Program("client", "--local-port", "8100", "--port", "8100", "--bind", "127.0.0.1")
    client.send("mirror\n")
    ok(client.says("mirror"), "simultaneous open with oneself: connected, and hears itself", client.output())
    client.end()
    ok(client.status() == 0, "and closes", client.output())
    reach("client", "TIME-WAIT", port=8100)


def resets():
    server = serve("--no-read", "--hold", "0.3", "--port", "8002")
    client = Program("client", "--port", "8002")
    client.send("never read\n")
    ok(client.status() == 1 and "read error: Connection reset by peer" in client.output(),
       "a server that closes with unread data resets: read error: Connection reset by peer", client.output())
    reach("server", port=8002)
    server.kill()

    server = serve("--port", "8003")
    client = Program("client", "--port", "8003", "--no-read", "--hold", "0.3")
    client.send("the answer stays unread\n", end=True)
    ok(client.status() == 0 and server.says("error: Connection reset by peer"),
       "a client that closes with an unread answer resets, and the server lives", server.output())
    status, said = run("client", "--port", "8003", text="still there?\n")
    ok((status, said) == (0, "STILL THERE?\n"), "the next client is served", said)
    server.kill()
    status, said = run("client", "--port", "8003", text="")
    ok(status == 1 and said == "connect error: Connection refused\n",
       "without a server: connect error: Connection refused", f"status {status}: {said}")


def killed():
    server = serve("--port", "8004")
    client = Program("client", "--port", "8004")
    client.send("a\n")
    client.says("A")
    client.kill(9)
    ok(server.says("closed by the client"), "kill -9 of the client is a FIN", server.output())
    client = Program("client", "--port", "8004")
    client.send("a\n")
    client.says("A")
    server.kill(9)
    ok(client.says("closed by the server"), "kill -9 of the server is a FIN", client.output())
    client.kill()


def many_clients():
    server = serve("--port", "8005")
    glutton = Program("client", "--port", "8005", "--no-read")
    os.set_blocking(glutton.process.stdin.fileno(), False)
    try:
        for _ in range(1000):
            glutton.process.stdin.write(b"more and more\n" * 5000)
    except BlockingIOError:
        pass
    clients = [Program("client", "--port", "8005") for _ in range(100)]
    for number, client in enumerate(clients):
        client.send(f"client {number}\n")
    good = sum(client.says(f"CLIENT {number}\n") for number, client in enumerate(clients))
    ok(good == 100, "a hundred clients at once, beside one who never reads", f"{good} were answered")
    for client in [*clients, glutton]:
        client.kill()
    server.kill()


def both_families():
    server = serve("-6", "--port", "8007")
    ok(":: port 8007" in server.output(), "server -6 listens on ::", server.output())
    for host, name in (("::1", "::1 port"), ("127.0.0.1", "::ffff:127.0.0.1 port"), (None, "::1 port")):
        status, said = run("client", "--port", "8007", *([host] if host else ["-6"]), text="six\n")
        ok((status, said) == (0, "SIX\n") and server.says(name), f"server -6 serves a client of {host or '-6'}",
           f"status {status}: {said}{server.output()}")
    server.kill()
    server = serve("--port", "8008", "::1")
    status, said = run("client", "--port", "8008", "--bind", "::1", "--local-port", "8108", "::1", text="bound\n")
    ok((status, said) == (0, "BOUND\n") and server.says("::1 port 8108"), "client --bind ::1", server.output())
    status, said = run("client", "--port", "8008", "-4", text="")
    ok((status, said) == (1, "connect error: Connection refused\n"), "client -4 asks 127.0.0.1 alone", said)
    status, said = run("client", "-4", "::1", text="")
    ok(status == 1 and re.fullmatch(r"client: ::1: [^\n]+\n", said), "client -4 ::1: one line", said)
    server.kill()


def both_at_once():
    """CLOSING needs FINs that cross, so a wire with delay."""
    title = "both close at once: CLOSING at both ends"
    if run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "300ms")[0] != 0:
        tap.skip(title, "this kernel has no netem; the walk shows it on eleven")
        return
    server = serve("--close-first", "--hold", "0.3", "--port", "8006")
    client = Program("client", "--port", "8006")
    client.send("x\n", end=True)
    ok(wait_until(lambda: states("server", 8006) + states("client", 8006) == ["CLOSING", "CLOSING"]), title)
    server.kill()
    client.kill()
    run("tc", "qdisc", "del", "dev", "lo", "root")


def usage():
    for command in (["server", "--port", "65536"], ["server", "--hold", "soon"], ["server", "a", "b"],
                    ["server", "--nonsense"], ["client", "--port", "0"], ["client", "--local-port", "x"],
                    ["client", "--hold", "-1"], ["client", "a", "b"], ["client", "--nonsense"]):
        status, said = run(*command, text="")
        ok(status == 2 and re.fullmatch(r"[^\n]+\n", said), f"{' '.join(command)}: one line, status 2",
           f"status {status}: {said}")
    for program in ("server", "client"):
        status, said = run(program, "--help")
        ok(status == 0 and said.startswith(f"usage: {program}"), f"{program} --help")


client_closes_first()
half_close_receives_everything()
server_closes_first()
simultaneous_open()
resets()
killed()
many_clients()
both_families()
both_at_once()
usage()
tap.plan()
