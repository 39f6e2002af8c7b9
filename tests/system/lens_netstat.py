#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 240
# needs: namespace
"""eleven netstat on the kernel's connections: called `netstat` or `ss` it prints what these print of the same sockets,
byte for byte; filters, JSON, other namespaces, bound and dead descriptors, -K and -E; and nothing that vanishes, lies
or is hostile disturbs it."""
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import tap
from tap import Program, ok, run, wait_until

SCRATCH = pathlib.Path(os.environ["TMPDIR"])
LOOP = "127.0.0.1"
keep = []


def pair(family=socket.AF_INET, address=LOOP, server=None):
    if server is None:
        server = socket.socket(family, socket.SOCK_STREAM)
        server.bind((address, 0))
        server.listen(5)
    client = socket.create_connection((address, server.getsockname()[1]))
    served, _ = server.accept()
    keep.extend((server, client, served))
    return server, client, served


def scene():
    """Sockets in every state that one machine alone can hold still."""
    sockets = {}
    server, client, served = pair()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    served.send(b"12345")
    sockets["unread"] = client
    _, client, sockets["close_wait"] = pair(socket.AF_INET6, "::1")
    client.close()
    _, client, served = pair()
    client.close()
    served.close()
    both = socket.socket(socket.AF_INET6)
    both.bind(("::", 7777))
    both.listen(9)
    _, _, sockets["mapped"] = pair(address=LOOP, server=both)
    keep.append(socket.create_connection((LOOP, 7777)))
    sockets["bound"] = socket.socket()
    sockets["bound"].bind((LOOP, 7778))
    _, client, sockets["dead"] = pair()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    _, client, _ = pair()
    client.shutdown(socket.SHUT_WR)
    sockets["half"] = client
    full = socket.socket()
    full.bind((LOOP, 0))
    full.listen(0)
    keep.append(socket.create_connection(full.getsockname()))
    late = socket.socket()
    late.setblocking(False)
    late.connect_ex(full.getsockname())         # SYN_SENT, for the queue is full
    keep.extend((both, full, late))
    sockets["full"], sockets["late"] = full, late
    return sockets


# What runs while two programs look one after the other.
MOVING = [(r" (lastsnd|lastrcv|lastack|busy|rwnd_limited|sndbuf_limited):[^ ]+", ""),
          (r"(keepalive|timewait|on|probe) \([0-9.]+/[0-9]+", r"\1 ("), (r"timer:\((\w+),[^,]*,\d+", r"timer:(\1"),
          (r" (rto|backoff|segs_out|segs_in|retrans|bytes_acked|unacked|lost|cwnd|ssthresh|ato)[: ][^ ]+", ""),
          (r" (send|pacing_rate) [^ ]+", ""),
          (r" +$", "")]


def still(text):
    lines = []
    for line in text.splitlines():
        for pattern, replacement in MOVING:
            line = re.sub(pattern, replacement, line)
        lines.append(line)
    return sorted(lines)


def the_same_as_the_tools():
    for name in ("netstat", "ss"):
        os.symlink(pathlib.Path(tap.BUILD) / "eleven", SCRATCH / name)
    for line in ("netstat -atnp", "netstat -atnpeoW", "netstat -ate", "netstat -tlnp", "netstat -tno", "netstat -tn6",
                 "netstat -tan4", "ss -tan", "ss -ta", "ss -tln", "ss -t", "ss -tanpe", "ss -tanm", "ss -tlni",
                 "ss -tOaimno", "ss -tnar", "ss -tan6", "ss -H4tan exclude listening", "ss -tan state close-wait",
                 "ss -tan sport = :7777", "ss -tan state all dst 127.0.0.1", "ss -tan src [::1]",
                 "ss -tan dport > :40000", "ss -tan ( sport = :7777 or dport = :7777 ) and src 127.0.0.0/8",
                 "ss -tan not sport = :7777", "ss -tan state established src 127/8", "ss -tano state syn-sent",
                 "ss -tan state fin-wait-2", "ss -tan state bucket", "ss -tan state connected exclude time-wait"):
        words = line.split()
        tool = shutil.which(words[0], path="/bin:/usr/bin:/sbin:/usr/sbin")
        if tool is None:
            tap.skip(f"the same bytes: {line}", f"{words[0]} is not installed")
            continue
        # A timer that fires between the two looks changes a line, so they look again.
        for _ in range(5):
            theirs = subprocess.run([tool, *words[1:]], capture_output=True, text=True)
            ours = subprocess.run([SCRATCH / words[0], *words[1:]], capture_output=True, text=True)
            if still(theirs.stdout) == still(ours.stdout):
                break
            time.sleep(0.2)
        ok(still(theirs.stdout) == still(ours.stdout) and ours.returncode == 0, f"the same bytes: {line}",
           "\n".join(still(theirs.stdout) + ["---"] + still(ours.stdout)) + ours.stderr)


def rows(*words):
    status, text = run("eleven", "netstat", "--json", *words)
    return [json.loads(line) for line in text.splitlines()] if status == 0 else text


def endpoint(name):
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def json_rows(sockets):
    me = os.getpid()

    def mine(sock, *words):
        owner = {"pid": me, "comm": "python3", "fd": sock.fileno()}
        return [row for row in rows("-aBi", *words) if owner in row["owners"]]
    row = mine(sockets["unread"])[0]
    ok(row["state"] == "ESTABLISHED" and row["recvq"] == 5 and row["sendq"] == 0 and row["family"] == 4 and
       row["local"] == endpoint(sockets["unread"].getsockname()) and
       row["netns"] == os.stat("/proc/self/ns/net").st_ino and
       row["remote"] == endpoint(sockets["unread"].getpeername()) and row["timer"]["kind"] == "keepalive" and
       7100000 < row["timer"]["expires_ms"] <= 7200000 and row["inode"] == os.fstat(sockets["unread"].fileno()).st_ino,
       "a connection with unread data, to the last field", row)
    cookie = struct.unpack("Q", sockets["unread"].getsockopt(socket.SOL_SOCKET, 57, 8))[0]
    ok(int(row["cookie"], 16) == cookie, "its cookie", row)
    info = sockets["unread"].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    ok(row["tcp_info"]["rto"] == struct.unpack_from("I", info, 8)[0] and
       row["tcp_info"]["snd_mss"] == struct.unpack_from("I", info, 16)[0] and
       row["tcp_info"]["bytes_received"] == 5, "its tcp_info", row)
    row = mine(sockets["close_wait"])[0]
    ok(row["state"] == "CLOSE_WAIT" and row["recvq"] == 1 and row["family"] == 6 and
       row["since_how"] == "last_ack_recv" and row["since_bound"] == "exact" and row["shutdown"] == "RCV" and
       row["local"] == endpoint(sockets["close_wait"].getsockname()), "CLOSE_WAIT of IPv6", row)
    row = mine(sockets["mapped"])[0]
    ok(row["family"] == 6 and row["local"] == "[::ffff:127.0.0.1]:7777", "IPv4 on a socket of IPv6", row)
    row = mine(sockets["bound"])
    ok(len(row) == 1 and row[0]["state"] == "CLOSE" and row[0]["local"] == "127.0.0.1:7778" and
       "bound" in row[0]["sub"],
       "bound and not listening", row)
    ok(not [r for r in rows("-a") if r["local"] == "127.0.0.1:7778"], "and only with -B")
    row = mine(sockets["dead"])
    ok(len(row) == 1 and row[0]["state"] == "CLOSE" and "dead" in row[0]["sub"] and "error-pending" in row[0]["sub"],
       "a descriptor whose connection was reset", row)
    ok(sockets["dead"].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 104, "and its error is still there to be read")
    row = mine(sockets["half"])[0]
    ok(row["state"] == "FIN_WAIT2" and row["since_bound"] == "exact" and row["shutdown"] == "SEND", "half-closed", row)
    row = mine(sockets["full"])[0]
    ok(row["state"] == "LISTEN" and row["recvq"] == 1 and row["sendq"] == 0 and row["remote"].endswith(":*") and
       "since_ms" not in row, "a listener with a full queue", row)
    row = mine(sockets["late"])[0]
    ok(row["state"] == "SYN_SENT" and row["timer"]["kind"] == "syn" and row["sendq"] == 1, "SYN_SENT", row)
    waiting = [r for r in rows("sport", "=", ":7777", "state", "established") if not r["owners"]]
    ok(len(waiting) == 1 and waiting[0]["unowned"] == f"accept queue of {me}/python3" and
       "accept-queue" in waiting[0]["sub"], "who has a connection that nobody has accepted", waiting)
    time_wait = rows("state", "time-wait")
    ok(time_wait and all(r["unowned"] == "time-wait" and r["timer"]["kind"] == "time-wait" and
                         abs(r["since_ms"] + r["timer"]["expires_ms"] - 60000) < 2 for r in time_wait),
       "TIME_WAIT and its age", time_wait)
    orphans = [r for r in rows("state", "fin-wait-2") if r.get("unowned") == "orphan"]
    ok(len(orphans) == 1 and orphans[0]["timer"]["kind"] == "fin-wait-2", "an orphan in FIN_WAIT2", orphans)


def ages():
    server, client, served = pair()
    time.sleep(1.2)
    client.close()
    started = time.monotonic()
    time.sleep(0.5)
    found = rows("state", "close-wait", "sport", "=", f":{server.getsockname()[1]}")
    age = (time.monotonic() - started) * 1000
    ok(len(found) == 1 and found[0]["since_bound"] == "exact" and 450 <= found[0]["since_ms"] <= age + 50,
       "CLOSE_WAIT is as old as it is", f"{found} {age}")
    server, client, served = pair()
    started = time.monotonic()
    time.sleep(0.6)
    client.send(b"x")
    time.sleep(0.2)
    found = rows("state", "established", "dport", "=", f":{server.getsockname()[1]}")
    age = (time.monotonic() - started) * 1000
    ok(found[0]["since_bound"] == "exact" and 750 <= found[0]["since_ms"] <= age + 50,
       "a connection on which nothing has come is as old as its clock of receiving", f"{found} {age}")


def filters(sockets):
    me = os.getpid()
    everything = rows("-a")
    for words, expected in (
            (["pid", str(me)], lambda r: any(o["pid"] == me for o in r["owners"])),
            (["comm", "pyth*"], lambda r: any(o["comm"] == "python3" for o in r["owners"])),
            (["uid", "0"], lambda r: r["uid"] == 0), (["uid", "!=", "0"], lambda r: r["uid"] != 0),
            (["unread", ">", "0"], lambda r: r["state"] != "LISTEN" and r["recvq"] > 0),
            (["netns", str(everything[0]["netns"])], lambda r: True), (["netns", "1"], lambda r: False),
            (["age", "<", "1h", "and", "not", "dport", "=", ":7777"],
             lambda r: "since_ms" in r and not r["remote"].endswith(":7777")),
            ([":7777"], lambda r: ":7777" in (r["local"] + " " + r["remote"] + " ").replace(":7777 ", ":7777")
             and (r["local"].endswith(":7777") or r["remote"].endswith(":7777"))),
            (["src", "[::1]"], lambda r: r["local"].startswith("[::1]")),
            (["dst", "127.0.0.0/8"], lambda r: "127.0.0.1" in r["remote"])):
        found = {r["cookie"] for r in rows("-a", *words)}
        wanted = {r["cookie"] for r in everything if expected(r)}
        ok(found == wanted, f"filter: {' '.join(words)}", f"{found} {wanted}")
    for words in (["sport", "=", ":nosuch"], ["("], [")"], ["and"], ["not"], ["sport"], ["age", "5"], ["age", ">", "x"],
                  ["src", "300.1.1.1"], ["src", "10.0.0.0/33"], ["state", "nosuch"], ["(" * 100], ["cgroup", "x"],
                  ["sport", "=", ":1", "or"], ["pid", "<", "3"], ["x" * 1000], ["a\033[31m"], ["uid", "nosuchuser"]):
        status, text = run("eleven", "netstat", *words)
        ok(status == 2 and text.count("\n") == 1 and "\033" not in text and len(text) < 400,
           f"a wrong filter is one line: {' '.join(words)[:30]!r}", text)


def tables():
    text = run("eleven", "netstat", "-ax")[1]
    ok(re.search(r"LISTEN .*accept queue full \(1/0\)", text) and "EOF never read" in text and
       re.search(r"Since +Note$", text.splitlines()[1]), "-x", text)
    ok("-(accept queue of" in text and "-(time-wait)" in text, "the owner is never a bare -", text)
    text = run("eleven", "netstat", "-a", "--columns", "local,state,pid,age", "--sort", "-state")[1]
    states = [line.split()[1] for line in text.splitlines()[1:]]
    ok(text.splitlines()[0].split() == ["Local", "Address", "State", "PID", "Since"] and
       states == sorted(states, reverse=True) and len(states) > 10, "--columns and --sort", text)
    text = run("eleven", "netstat", "-a", "--group", "state")[1]
    ok(re.search(r"^ +\d+ LISTEN$", text, re.M), "--group", text)
    grouped = rows("-a", "--group", "state")
    ok(sum(g["count"] for g in grouped) == len(rows("-a")), "--group adds up", grouped)
    for words, part in ((["--columns", "frob"], "frob"), (["--sort", "frob"], "frob"), (["--group", "x"], "'x'"),
                        (["-u"], "UDP"), (["-K"], "FILTER"), (["-A", "-N", "x"], "one of them"),
                        (["--eleven", "--kernel"], "one of them")):
        status, text = run("eleven", "netstat", *words)
        ok(status == 2 and part in text and text.count("\n") == 1, f"wrong command line: {' '.join(words)}", text)
    status, text = run("eleven", "netstat", "-N", "nosuch")
    ok(status == 1 and "nosuch" in text and text.count("\n") == 1, "no such namespace", text)


def namespaces():
    script = "ip link set lo up; exec python3 -c '" \
        "import socket, time; s = socket.socket(); s.bind((\"127.0.0.1\", 7800)); s.listen(); print(1, flush=True); " \
        "time.sleep(100)'"
    other = subprocess.Popen(["unshare", "-n", "sh", "-c", script], stdout=subprocess.PIPE)
    other.stdout.readline()
    inode = os.stat(f"/proc/{other.pid}/ns/net").st_ino
    found = [r for r in rows("-lA") if r["local"] == "127.0.0.1:7800"]
    ok(len(found) == 1 and found[0]["netns"] == inode and found[0]["owners"][0]["pid"] == other.pid, "-A", found)
    ok(not [r for r in rows("-l") if r["local"] == "127.0.0.1:7800"], "without -A only our namespace")
    ok([r["local"] for r in rows("-l", "-N", str(other.pid))] == ["127.0.0.1:7800"], "-N PID")
    ok([r["local"] for r in rows("-l", "-N", f"/proc/{other.pid}/ns/net")] == ["127.0.0.1:7800"], "-N PATH")
    other.kill()
    other.wait()


def killing():
    server, client, served = pair()
    port = str(client.getsockname()[1])
    events = Program("eleven", "netstat", "-E", "-n", f":{port}")
    wait_until(lambda: False, 0.5)
    status, text = run("eleven", "netstat", "-K", "-n", "sport", "=", f":{port}")
    ok(status == 0 and "resetting 1 connection" in text and port in text, "-K resets, warns, and prints what it reset",
       text)
    try:
        client.recv(1)
        problem = "no error"
    except ConnectionAbortedError:
        problem = ""
    ok(not problem, "the program's call fails with ECONNABORTED", problem)
    client.close()              # the descriptor was still open: only now the socket is gone
    ok(events.says(port), "-E prints it as it ends", events.output())
    events.kill()


def vanishing():
    """Processes and sockets that come and go meanwhile."""
    stop = []

    def churn():
        while not stop:
            server, client, served = pair()
            for sock in (client, served, server):
                sock.close()
            del keep[-3:]
            subprocess.run(["true"])
    thread = threading.Thread(target=churn)
    thread.start()
    good = all(isinstance(rows("-aB"), list) for _ in range(15))
    stop.append(1)
    thread.join()
    ok(good, "what vanishes meanwhile disturbs nothing")


def main():
    sockets = scene()
    time.sleep(0.3)
    the_same_as_the_tools()
    json_rows(sockets)
    ages()
    filters(sockets)
    tables()
    namespaces()
    killing()
    vanishing()
    tap.plan()


main()
