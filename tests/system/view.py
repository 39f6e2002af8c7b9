#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""netstat, states, watch and trace on a host that runs: columns, JSON, hostile names, wrong command lines, captures."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import tap
from tap import Program, ok, run, wait_until

SCRATCH = pathlib.Path(os.environ["TMPDIR"])
SOCKET = SCRATCH / "view.sock"
os.environ["ELEVEN_SOCKET"] = str(SOCKET)
VERBS = ("netstat", "states", "watch", "trace")
EVIL = "ev\033[31m\nil"


def one_line(result, status, *parts):
    return result[0] == status and result[1].count("\n") == 1 and all(part in result[1] for part in parts)


def table(*words):
    return run("eleven", "netstat", *words)[1]


def wrong_command_lines():
    for verb in VERBS:
        words = [verb, "--eleven"] if verb in ("netstat", "watch") else [verb]
        ok(one_line(run("eleven", *words), 1, "eleven up"), f"no host: one line, status 1: eleven {' '.join(words)}")
        ok(one_line(run("eleven", verb, "--frob"), 2, "frob"), f"status 2 and one line: eleven {verb} --frob")
        ok(one_line(run("eleven", verb, "x y"), 2, "x y"), f"status 2 and one line: eleven {verb} 'x y'")
        status, text = run("eleven", verb, "--help")
        ok(status == 0 and "--host" in text, f"eleven {verb} --help", text)
    ok(one_line(run("eleven", "watch", "--ladder", "FIN_WAIT2"), 2, "--ladder"), "a ladder of a state is refused")
    ok(one_line(run("eleven", "trace", "TIME_WAIT"), 2, "TIME_WAIT"), "a trace of a state is refused")


def no_such_host():
    for words in (["netstat"], ["states"], ["watch", "--once"], ["trace", "-w", str(SCRATCH / "x")]):
        result = run("eleven", *words, "--host", "nobody")
        ok(one_line(result, 1, "nobody"), f"no such host: eleven {' '.join(words[:1])}", result)


def headings():
    """The same bytes as net-tools prints, where that is installed."""
    for words in ("-at", "-t", "-lt", "-atnp", "-atne", "-atno", "-atnpeo", "-atnW"):
        ours = table(words).splitlines()[:2]
        if shutil.which("netstat"):
            theirs = subprocess.run(["netstat", words], capture_output=True, text=True).stdout.splitlines()[:2]
            ok(ours == theirs, f"the heading of net-tools: netstat {words}", f"{ours}\n{theirs}")
        else:
            tap.skip(f"the heading of net-tools: netstat {words}", "net-tools is not installed")


def rows():
    lines = table("-apn").splitlines()[2:]
    ok(len(lines) == 3 and "LISTEN" in lines[0] and sum("ESTABLISHED" in line for line in lines) == 2,
       "a listener and both ends of its connection", lines)
    ok(all(len(line.split("/")[0]) >= 80 for line in lines), "columns are wide enough", lines)
    ok(len(table("-apn", "--host", "client").splitlines()) == 3, "--host leaves one end")
    ok(len(table("-an", "LISTEN").splitlines()) == 3, "a state is a filter")
    ok(len(table("-an", ":8000").splitlines()) == 5 and len(table("-an", ":9").splitlines()) == 2, "a port is a filter")
    ok(len(table("-an6").splitlines()) == 2 and len(table("-an4").splitlines()) == 5, "-4 and -6")
    ok("server:" in table("-a"), "hosts by name without -n", table("-a"))
    again = Program("eleven", "netstat", "-ntc", "0.05")
    ok(wait_until(lambda: again.output().count("Active") >= 3), "-c prints again and again")
    again.kill()
    counters = r"^client:\nIp:\n.*^Tcp:\n.*1 active connection openings.*^Rules:\n.*SYN-ACK arrived"
    ok(re.search(counters, table("-s"), re.M | re.S), "-s has counters and rules", table("-s"))


def hostile_name(pid):
    text = run("eleven", "netstat", "-apn")[1] + run("eleven", "states")[1] + run("eleven", "netstat", "--json")[1]
    ok("\033" not in text and "ev\\x1b[31m\\x0ail" in text, "a program's name cannot touch the terminal", text)
    row = json.loads(run("eleven", "netstat", "--json", "--host", "client")[1])
    ok([owner["pid"] for owner in row["owners"]] == [pid], "it is the program that holds the socket", row)


def json_lines():
    for words in (["netstat", "-a"], ["states"], ["watch", "--once"], ["watch", "--ladder", "--once"],
                  ["netstat", "-s"]):
        status, text = run("eleven", *words, "--json")
        sources = ("eleven", "kernel") if "-s" in words else ("eleven",)
        try:
            parsed = [json.loads(line) for line in text.splitlines()]
        except ValueError as error:
            parsed = []
            text += str(error)
        ok(status == 0 and len(parsed) >= 2 and all(row["v"] == 1 and row["src"] in sources for row in parsed),
           f"every line is JSON: eleven {' '.join(words)}", text)
    text = run("eleven", "netstat", "--json", "--host", "server", "ESTABLISHED")[1]
    row = [json.loads(line) for line in text.splitlines()]
    ok(len(row) == 1 and row[0]["state"] == "ESTABLISHED" and row[0]["since_bound"] == "exact" and
       row[0]["rule"]["name"] == "ACK_ESTABLISHED" and "timer" not in row[0], "JSON of a connection", row)


def follow(server):
    """watch and the ladder show what happens while they run; --once ends."""
    lines, ladder = Program("eleven", "watch", ":8001"), Program("eleven", "watch", "--ladder", "--ascii", ":8001")
    wait_until(lambda: False, 0.5)
    second = Program("eleven", "run", "--host", "server", "--", "server", "--port", "8001")
    second.says("listening")
    run("eleven", "run", "--host", "client", "--", "client", "--port", "8001", "10.0.0.2", text="a line\n")
    ok(lines.says("FIN-WAIT-2   -> TIME-WAIT"), "watch follows", lines.output())
    ok(ladder.says("TIME-WAIT |<"), "the ladder follows", ladder.output())
    ok(all(ord(character) < 128 for character in ladder.output()), "--ascii is ASCII")
    ok(":8000" not in lines.output() + ladder.output(), "other connections stay out", lines.output())
    lines.kill()
    ladder.kill()
    second.kill()
    plain = subprocess.run(["eleven", "watch", "--ladder", "--once"], capture_output=True, text=True,
                           env={**os.environ, "LC_ALL": "C"}).stdout
    ok(plain and plain.isascii(), "no UTF-8 where the locale has none", plain)
    wide = run("eleven", "watch", "--ladder", "--causes", "--once")[1]
    ok(max(len(line) for line in wide.splitlines()) <= 100, "a ladder is at most 100 columns wide", wide)


def expert(file, *words):
    return subprocess.run(["tshark", "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
                           *words], capture_output=True, text=True)


def captures():
    file = SCRATCH / "a.pcapng"
    tracer = Program("eleven", "trace", "-w", str(file))
    piped = subprocess.Popen("exec eleven trace -w - --host server >'%s'" % (SCRATCH / "b.pcapng"), shell=True,
                             stderr=subprocess.DEVNULL)
    wait_until(lambda: file.exists() and file.stat().st_size > 50)
    wait_until(lambda: False, 0.5)
    run("eleven", "link", "loss", "2%")
    text = "line of text\n" * 20000
    status, answer = run("eleven", "run", "--host", "client", "--", "client", "10.0.0.2", text=text, timeout=60)
    run("eleven", "link", "clear")
    ok(status == 0 and answer == text.upper(), "text through a lossy wire", answer[:200])
    tracer.process.send_signal(signal.SIGINT)
    ok(tracer.status() == 0 and "packets written" in tracer.output(), "SIGINT ends a capture", tracer.output())
    piped.send_signal(signal.SIGTERM)
    piped.wait()
    ok(one_line(run("eleven", "trace", "-w", "/dev/full"), 1, "/dev/full"), "a full disk is told in one line")
    ok(one_line(run("eleven", "trace", "-w", "/nonexistent/x"), 1, "/nonexistent/x"), "no such folder")
    if not shutil.which("tshark"):
        tap.skip("tshark reads the captures", "tshark is not installed")
        return
    for capture in (file, SCRATCH / "b.pcapng"):
        done = expert(capture, "-T", "fields", "-e", "frame.comment", "-Y", "frame.comment")
        ok(done.returncode == 0 and ("ESTABLISHED -> FIN-WAIT-1" in done.stdout or capture != file) and
           "SYN-RECEIVED -> ESTABLISHED" in done.stdout, f"comments can be read: {capture.name}",
           done.stdout + done.stderr)
        done = expert(capture, "-Y", "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || "
                      "frame.len != frame.cap_len || _ws.expert.severity == error")
        ok(done.returncode == 0 and done.stdout == "" and "cut short" not in done.stderr,
           f"nothing malformed, no bad checksum, nothing cut: {capture.name}", done.stdout[:2000] + done.stderr)
        count = len(expert(capture).stdout.splitlines())
        ok(count > 20, f"it has packets: {capture.name}", count)


def main():
    wrong_command_lines()
    status, text = run("eleven", "up", "-d", "--host", "client=10.0.0.1/24", "--host", "server=10.0.0.2/24",
                       "--msl", "1s")
    ok(status == 0, "the host comes up", text)
    evil = SCRATCH / EVIL
    shutil.copy(pathlib.Path(tap.BUILD) / "client", evil)
    try:
        server = Program("eleven", "run", "--host", "server", "--", "server")
        server.says("listening")
        client = Program("eleven", "run", "--host", "client", "--", str(evil), "10.0.0.2")
        server.says("connected")
        no_such_host()
        headings()
        rows()
        hostile_name(client.pid)
        json_lines()
        follow(server)
        captures()
        client.kill()
        server.kill()
    finally:
        run("eleven", "down")
    tap.plan()


main()
