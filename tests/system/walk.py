#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 180
"""The walk through TCP's states: runs scripts/demo.sh, as `make demo` does, and checks what it prints, line by line.

For each step the lines that have to be there, in this order; between them others may be.  A line that begins with !
must not be in the step at all.
"""
import os
import re
import subprocess

import tap
from tap import ok

PORT = r":\d+ +"
CLIENT, SERVER = r"10\.0\.0\.1" + PORT, r"10\.0\.0\.2:8000 +"


def row(recvq, sendq, local, remote, state, owner):
    """A line of netstat -apn."""
    return rf"tcp +{recvq} +{sendq} {local}{remote}{state} +{owner}"


def listening(owner=r"\d+/server"):
    return row(0, 0, r"0\.0\.0\.0:8000 +", r"0\.0\.0\.0:\* +", "LISTEN", owner)


def client(state, owner=r"\d+/client", sendq=0):
    return row(0, sendq, CLIENT, SERVER, state, owner)


def server(state, owner=r"\d+/server", recvq=0, sendq=0):
    return row(recvq, sendq, SERVER, CLIENT, state, owner)


GREP = r"\$ eleven netstat -apn \| grep 8000"
TIMER = r" +%s \(\d+\.\d\d/\d+/0\)"
HERE, THERE = r"10\.0\.0\.1:8000 +10\.0\.0\.2:8001 +", r"10\.0\.0\.2:8001 +10\.0\.0\.1:8000 +"

STEPS = {
    "LISTEN": [GREP, listening()],
    "SYN-SENT, SYN-RECEIVED, ESTABLISHED": [
        r"\$ eleven link delay 2s",
        GREP, listening(), client("SYN_SENT", sendq=1),
        GREP, listening(), client("SYN_SENT", sendq=1), server("SYN_RECV", "-"),
        GREP, listening(), client("ESTABLISHED"), server("SYN_RECV", "-"),
        GREP, listening(), client("ESTABLISHED"), server("ESTABLISHED"),
        r" +0\.000 +connect\(\) │", r" +SYN-SENT │── S 0:0\(0\) win 65535 <mss 1460,sackOK,wscale 7> ─+╮   │$",
        r" +2\.\d+ +│ +╰──▶│ SYN-RECEIVED",
        r" +│   ╭── S\. 0:0\(0\) ack 1 win 65535 <mss 1460,sackOK,wscale 7> ──│",
        r" +4\.\d+ +ESTABLISHED │◀──╯", r" +│── \. 1:1\(0\) ack 1 win 512 ─+╮   │$",
        r" +6\.\d+ +│ +╰──▶│ ESTABLISHED",
    ],
    "The client closes first: FIN-WAIT-1, FIN-WAIT-2 against CLOSE-WAIT": [
        r"\$ eleven link pause",
        client("FIN_WAIT1", sendq=25), server("ESTABLISHED"),
        r"\$ eleven link step; eleven link step", r"10.* > .* P\. .*\(24\) ", r"10.* > .* F\. .*\(0\) ",
        client("FIN_WAIT1", sendq=25), server("CLOSE_WAIT", sendq=24),
        r"\$ eleven link resume",
        client("FIN_WAIT2"), server("CLOSE_WAIT"),
        r"\$ cat client\.log", r"SHALL I HAVE THIS BACK\?",
        r"│ LISTEN +│◀─ passive OPEN ──┤ CLOSED +├── active OPEN ──▶│ SYN-SENT +│",
        r"│ FIN-WAIT-2 +1 ├──── rcv FIN ────▶│ TIME-WAIT +│ +│ LAST-ACK +│",
        r"client 10\.0\.0\.1:\d+ - 10\.0\.0\.2:8000  \d+/client",
        r"    FIN-WAIT-2 for .*, from FIN-WAIT-1: our FIN is acknowledged; waiting for the peer to close "
        r"\(§3\.10\.7\.4 Fifth\)",
        r"    waits for: the peer's FIN: \d+/server at 10\.0\.0\.2:8000 has not closed",
    ],
    "LAST-ACK against TIME-WAIT, and the last ACK lost on purpose": [
        r"\$ eleven link drop 1 dir=a flags=A",
        r"\$ eleven netstat -anpo \| grep 8000",
        client("TIME_WAIT", "-") + TIMER % "timewait", server("LAST_ACK", "-", sendq=1) + TIMER % "on",
        r"\$ eleven netstat -anpo \| grep 8000",
        client("TIME_WAIT", "-") + TIMER % "timewait", "!LAST_ACK.*LAST_ACK",
    ],
    "The same as a ladder, with causes": [
        r" +CLOSED │ 10\.0\.0\.1:\d+ +10\.0\.0\.2:8000 │ LISTEN",
        r" +FIN-WAIT-1 │── F\. 25:25\(0\) ack 1 win 512 ",
        r" +↳ client: the program closed first: FIN follows the text",
        r".*╰─+▶│ CLOSE-WAIT", r" +↳ server: the peer will send no more; waiting for this program to close",
        r".*FIN-WAIT-2 │◀",
        r".*│ close\(\)", r".*TIME-WAIT │◀─.*─ F\. 25:25\(0\) ack 26 win 512 ──│ LAST-ACK",
        r".*│── \. 26:26\(0\) ack 26 win 512 ─+✗",
        r".*│ RTO is over", r".*F\. 25:25\(0\) ack 26 win 512 \(again\)",
        r".*\(the peer's FIN came again: our ACK was lost",
        r".*│── \. 26:26\(0\) ack 26 win 512 ─+▶│",
        r".*\(the ACK was for the first transmission: nothing was", r".*│ CLOSED$",
        r" +↳ server: our FIN is acknowledged and the peer had closed: all is done \(§3\.10\.7\.4 Fifth\)",
    ],
    "Who closed first has TIME-WAIT: the server restarts at once": [
        r"\$ eleven run --host server -- server >server.log &", "listening on 0.0.0.0 port 8000",
        listening(), client("TIME_WAIT", "-"), "!bind error",
    ],
    "The server closes first: it cannot be started again at once": [
        "YOU FIRST", server("TIME_WAIT", "-"),
        r"\$ eleven run --host server -- server$", "bind error: Address already in use$",
        r"\$ eleven run --host server -- server --reuse", "listening on 0.0.0.0 port 8000",
        r"\$ sleep 4", r"\$ eleven run --host server -- server >server.log &", "listening on 0.0.0.0 port 8000",
    ],
    "Both close at once: CLOSING": [
        GREP, client("FIN_WAIT1", "-", sendq=1), server("FIN_WAIT1", "-", sendq=1),
        GREP, client("CLOSING", "-", sendq=1), server("CLOSING", "-", sendq=1),
        GREP, client("TIME_WAIT", "-"), server("TIME_WAIT", "-"),
    ],
    "Both open at once: SYN-RECEIVED on both sides": [
        row(0, 1, HERE, "", "SYN_SENT", r"\d+/client"), row(0, 1, THERE, "", "SYN_SENT", r"\d+/client"),
        row(0, r"\d", HERE, "", "SYN_RECV", r"\d+/client"), row(0, r"\d", THERE, "", "SYN_RECV", r"\d+/client"),
        row(0, 0, HERE, "", "ESTABLISHED", r"\d+/client"), row(0, 0, THERE, "", "ESTABLISHED", r"\d+/client"),
        r".*SYN-SENT │── S 0:0", r".*╭─.* S 0:0\(0\).*│ SYN-SENT", r".*│ SYN-RECEIVED", r".*SYN-RECEIVED │",
        r".* ESTABLISHED │", r".*│ ESTABLISHED",
    ],
    "kill -9": [r"\$ kill -9 \d+", listening(), client("FIN_WAIT2", "-"), server("CLOSE_WAIT")],
    "RST: closed with text unread": ["read error: Connection reset by peer"],
    "Connection refused": [
        "connect error: Connection refused",
        r"\d\d:\d\d:\d\d\.\d{6} .*SYN-SENT +-> CLOSED +connection refused: the peer answered our SYN with RST",
    ],
}

TUN = [
    r"host main +10\.1\.0\.2/24",
    row(0, r"\d+", r"10\.1\.0\.2:8000 +", r"10\.1\.0\.1:\d+ +", "ESTABLISHED", r"\d+/python3"),
    r"ESTAB .*10\.1\.0\.1:\d+ +10\.1\.0\.2:8000.*curl", r"[0-9a-f]{64}  file", r"[0-9a-f]{64}  copy",
    ".*the same at both ends",
]


def sections(text):
    """The lines of each step, by its title."""
    found, title = {}, None
    for line in text.splitlines():
        match = re.match(r"=== (.*)", line)
        if match:
            title = match.group(1)
            found[title] = []
        elif title:
            found[title].append(line)
    return found


def check(title, lines, expected):
    at = 0
    for pattern in expected:
        if pattern.startswith("!"):
            ok(not re.search(pattern[1:], "\n".join(lines)), f"{title}: without {pattern[1:]}", "\n".join(lines))
            continue
        matches = [i for i in range(at, len(lines)) if re.match(pattern, lines[i])]
        if ok(matches, f"{title}: {pattern.replace('#', '')}", "\n".join(lines[at:])):
            at = matches[0] + 1


done = subprocess.run([os.path.join(tap.SOURCE, "scripts", "demo.sh")], stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, text=True, timeout=150)
found = sections(done.stdout)
ok(done.returncode == 0, "the demo ends with status 0", done.stdout[-2000:])
ok("this did not come about" not in done.stdout, "every state that is waited for comes about",
   "\n".join(line for line in done.stdout.splitlines() if "come about" in line))
for step, wanted in STEPS.items():
    if ok(step in found, f"there is the step: {step}", "\n".join(found)):
        check(step, found[step], wanted)
captured = found.get("And all of it in a capture, with the reasons as comments")
if captured:
    check("the capture", captured, [r"\d+\t.*client 10\.0\.0\.1:\d+ SYN-SENT -> CLOSED: connection refused"])
tun = found.get("The kernel's curl, python3's web server on eleven", [])
left_out = [line for line in tun if "Left out:" in line]
if left_out:
    tap.skip("curl of the kernel fetches from eleven", left_out[0].strip())
else:
    check("tun", tun, TUN)
    sums = {line.split()[0] for line in tun if re.match(r"[0-9a-f]{64}  ", line)}
    ok(len(sums) == 1, "tun: the hashes are equal", tun)
took = [int(match.group(1)) for match in map(re.compile(r"All of this took (\d+) s").match, found) if match]
ok(took and took[0] < 60, "all of it takes less than 60 s", took)
tap.plan()
