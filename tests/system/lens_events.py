#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
# needs: namespace
"""
Every verdict that only events tell: the programs of watch_scenarios.py get real kernel sockets into it, `eleven explain
--watch` looks on, `eleven watch --record` writes down, and `eleven explain --record` reads that.  All three have to
name the verdict, the right process, descriptor and, where a call made it, thread.  As root, and as nobody what nobody
can have.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import tap
from tap import Program, ok, run, skip, wait_until
from watch_namespaces import Namespaces

HERE = pathlib.Path(__file__).resolve().parent
SCRATCH = pathlib.Path(os.environ.get("TMPDIR", tempfile.gettempdir()))
ROOT = os.geteuid() == 0
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if ROOT else []
SECONDS = 60

# Scenario, verdict, which of its ends the verdict is about, and whether the thread is that of a call.
EVENTS = [
    ("unread", "rst-unread-data", 1, True), ("linger", "rst-linger0", 0, True), ("refused", "rst-refused", 0, True),
    ("data-after-close", "rst-data-after-close", 0, False), ("lost-state", "rst-peer-lost-state", 0, False),
    ("killed", "rst-killed", 0, False), ("listener-closed", "rst-listener-closed", 1, False),
    ("keepalive", "keepalive-timeout", 0, False), ("user-timeout", "user-timeout", 0, False),
    ("connect-timeout", "connect-timeout", 0, False), ("inherited-listener", "rst-listener-closed", 1, False),
    ("unread-flood", "rst-unread-data", 0, True), ("forgetful", "rst-peer-lost-state", 0, False),
]
OTHERS = {"data-after-close", "killed", "lost-state", "forgetful"}      # more than one thing can be said of them
# What sampling and the destroy events of sock_diag can tell.
OF_NOBODY = [("unread", "rst-unread-data", 1)]


class Explain(Program):
    """`explain --watch`, which Ctrl-C brings to its end."""

    def __init__(self, *prefix):
        super().__init__(*prefix, "eleven", "explain", "--kernel", "--json", "--watch", str(3 * SECONDS))

    def begun(self):
        return self.says("watching for", SECONDS)

    def findings(self):
        self.kill(2)
        return findings_of(self.output())


def findings_of(text):
    return {row["verdict"]: row for row in (json.loads(line) for line in text.splitlines() if line.startswith("{"))}


def judge(title, findings, verdict, end, by_call):
    finding = findings.get(verdict)
    if not ok(finding is not None, f"{title}: {verdict}", f"{sorted(findings)}"):
        return
    owner = (finding["owners"] or [{}])[0]
    pid = end.get("pid", end.get("listener"))
    ok(owner.get("pid") == pid, f"{title}: the right process", f"{owner}, not {pid}")
    if "fd" in end:
        ok(owner.get("fd") == end["fd"], f"{title}: the right descriptor", f"{owner}, not {end['fd']}")
    if by_call and end.get("tid"):
        ok(owner.get("tid") == end["tid"], f"{title}: the right thread", f"{owner}, not {end['tid']}")
    sockets = {(row["local"].rpartition(":")[2], row["remote"].rpartition(":")[2]) for row in finding["sockets"]}
    ok((str(end["local"]), str(end["remote"])) in sockets, f"{title}: the right connection", f"{sockets}")
    ok(finding["level"] == "warning" and finding["evidence"] and finding["fix"] and finding["why"],
       f"{title}: evidence, a reason and a remedy", f"{finding}")


def scenario_run(name, results):
    with Namespaces("x" + name.replace("-", "")[:4]) as spaces:
        near = ("ip", "netns", "exec", spaces.near)
        tape = SCRATCH / f"events-{name}.tape"
        explain = Explain(*near)
        record = Program(*near, "eleven", "watch", "--kernel", "--json", "--record", str(tape))
        begun = explain.begun() and record.says('"header"', SECONDS)
        program = Program(*near, sys.executable, str(HERE / "watch_scenarios.py"), name, spaces.near, spaces.far)
        wait_until(lambda: program.output().endswith("]\n") or program.process.poll() is not None, 3 * SECONDS)
        truth = program.output()
        if truth.endswith("]\n"):
            last = json.loads(truth)[-1]
            wait_until(lambda: f":{last['local']}\"" in record.output(), 20)
        found = explain.findings()
        program.end()
        program.status(SECONDS)
        record.kill(2)
        status, text = run("eleven", "explain", "--json", "--record", str(tape))
        results[name] = truth, begun, explain.output(), found, status, findings_of(text)


def events():
    results = {}
    threads = [threading.Thread(target=scenario_run, args=(event[0], results)) for event in EVENTS]
    for at in range(0, len(threads), 5):
        for thread in threads[at:at + 5]:
            thread.start()
        for thread in threads[at:at + 5]:
            thread.join()
    for name, verdict, which, by_call in EVENTS:
        truth, begun, output, found, status, read = results.get(name, ("no result", False, "", {}, 0, {}))
        if name == "killed" and "ss -K" in truth:
            skip(name, truth.strip())
            continue
        if not ok(truth.endswith("]\n") and begun, f"{name}: the scenario ran", truth + output):
            continue
        end = json.loads(truth)[which]
        judge(f"explain --watch, {name}", found, verdict, end, by_call)
        judge(f"explain --record, {name}", read, verdict, end, by_call)
        ok(status == 1, f"explain --record, {name}: exit status 1", status)
        resets = [row for row in found if row != verdict and row.startswith(("rst", "keep", "user", "connect"))]
        ok(name in OTHERS or not resets, f"explain --watch, {name}: no other cause", resets)


def of_nobody(name, verdict, which):
    explain = Explain(*NOBODY)
    if not ok(explain.begun(), f"nobody, {name}: explain watches", explain.output()):
        return
    program = Program(*NOBODY, sys.executable, str(HERE / "watch_scenarios.py"), name, "-", "-")
    wait_until(lambda: program.output().endswith("]\n") or program.process.poll() is not None, SECONDS)
    truth = json.loads(program.output())
    time.sleep(1)                       # sampling asks ten times a second
    found = explain.findings()
    program.end()
    program.status(SECONDS)
    finding = found.get(verdict)
    if ok(finding is not None and finding["confidence"] == "likely", f"nobody, {name}: {verdict}, likely",
          f"{sorted(found)} {explain.output()[:500]}"):
        owner = (finding["owners"] or [{}])[0]
        ok((owner.get("pid"), owner.get("fd")) == (truth[which]["pid"], truth[which]["fd"]),
           f"nobody, {name}: the right process and descriptor", f"{owner} {truth}")
    ok("root" in explain.output(), f"nobody, {name}: what root would see", explain.output()[:500])


if __name__ == "__main__":
    if ROOT:
        events()
    else:
        skip("tracepoints, in network namespaces", "not root")
    for row in OF_NOBODY:
        of_nobody(*row)
    tap.plan()
