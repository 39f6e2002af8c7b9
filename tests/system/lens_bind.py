#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 200
# needs: namespace
"""`eleven explain --bind` against bind() itself: sockets of any kind on a port, and then for every address the kernel
and the tool have to be of one opinion.  The cases are random and always the same."""
import random
import socket
import subprocess
import time

import tap
from tap import ok

CASES = 40
ADDRESSES = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"),
             (socket.AF_INET6, "::"), (socket.AF_INET6, "::1")]
KINDS = ["bound", "listen", "accepted", "time-wait", "connected", "listener closed"]


def one_make(chance, port, kept):
    """A socket on the port in some state; what it is, or None where the kernel would not have it."""
    family, address = chance.choice(ADDRESSES)
    kind, only = chance.choice(KINDS), chance.random() < 0.4
    sock = socket.socket(family)
    kept.append(sock)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only))
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        sock.setsockopt(socket.SOL_SOCKET, option, int(chance.random() < 0.4))
    try:
        sock.bind((address, port))
        if kind == "connected":
            server = socket.socket(family)
            server.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
            server.listen(1)
            kept.append(server)
            sock.connect(server.getsockname()[:2])
        elif kind != "bound":
            sock.listen(5)
    except OSError:
        sock.close()
        return None
    if kind in ("accepted", "time-wait", "listener closed"):
        client = socket.create_connection(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address), port))
        served, _ = sock.accept()
        kept.extend((client, served))
        if kind == "time-wait":
            served.close()
            time.sleep(0.01)
            client.close()
        if kind != "accepted":
            sock.close()
    return address, "v6only" if only else "both", kind


def works(family, address, port):
    with socket.socket(family) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            sock.bind((address, port))
            sock.listen(5)
        except OSError:
            return False
    return True


def case_run(chance, number):
    port, kept, wrong = 20000 + number, [], []
    made = [one_make(chance, port, kept) for _ in range(chance.choice((1, 1, 2)))]
    for family, address in ADDRESSES:
        if address == "0.0.0.0" and ("::", "both", "time-wait") in made:
            continue                    # of TIME_WAIT the kernel tells nobody whether it is of both families
        free = works(family, address, port)
        name = f"[{address}]:{port}" if family == socket.AF_INET6 else f"{address}:{port}"
        done = subprocess.run(["eleven", "explain", "--bind", name], capture_output=True, text=True, check=False)
        if (done.returncode == 0) != free:
            wrong.append(f"bind() to {name} {'works' if free else 'fails'}, explain: {done.stdout[:100]}{done.stderr}")
    for sock in kept:
        sock.close()
    ok(not wrong, f"case {number}: {made}", "\n".join(wrong))


def main():
    chance = random.Random(793)
    for number in range(CASES):
        case_run(chance, number)
    tap.plan()


main()
