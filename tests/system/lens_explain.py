#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
# needs: namespace
"""Every verdict about a standing connection of the kernel, in the situation that deserves it, and none where all is
well.  Each situation is a process in network and process namespaces of its own (lens_situations.py); what it says of
itself has to be what `eleven explain` and `eleven netstat` say of it."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import time

import tap
from tap import ok

HERE = pathlib.Path(tap.SOURCE) / "tests" / "system"
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class Situation:
    """The process in its namespaces, and commands beside it."""

    def __init__(self, name, prefix=()):
        self.name = name
        script = f"ip link set lo up; exec {' '.join(prefix)} python3 {HERE}/lens_situations.py {name}"
        self.process = subprocess.Popen(["unshare", "-npf", "--mount-proc", "--kill-child", "sh", "-c", script],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        try:
            self.truth = json.loads(line)
        except ValueError:
            self.truth = {"problem": line + self.process.stdout.read()}

    def run(self, *words, prefix=(), timeout=60):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        done = subprocess.run(["nsenter", "-t", children[0], "-n", "-p", "-m", *prefix, *words], capture_output=True,
                              text=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr

    def json(self, *words, prefix=()):
        status, out, err = self.run("eleven", *words, "--json", prefix=prefix)
        return status, [json.loads(line) for line in out.splitlines()], err

    def findings(self, *words, prefix=()):
        status, rows, err = self.json("explain", *words, prefix=prefix)
        return status, {row["verdict"]: row for row in rows}, err

    def end(self):
        self.process.kill()
        self.process.wait()


def awaited(situation, verdict, *words, seconds=25):
    """The finding, as soon as there is one: what takes two timeouts takes its time on a slow machine."""
    end = time.monotonic() + seconds
    while True:
        status, found, err = situation.findings(*words)
        if verdict in found or time.monotonic() > end:
            return status, found, err
        time.sleep(0.3)


def whom(finding):
    return {(owner["pid"], owner["fd"]) for owner in finding["owners"]}


def judge(name, words=(), level=None):
    """Lines of TAP of one situation: (passed, title, detail)."""
    lines = []
    situation = Situation(name)
    truth = situation.truth
    try:
        if "verdict" not in truth:
            return [(False, f"{name}: the situation comes about", truth)]
        verdict = truth["verdict"]
        words = list(words) + (["--bind", truth["bind"]] if "bind" in truth else [])
        status, found, err = awaited(situation, verdict, *words)
        finding = found.get(verdict)
        lines.append((finding is not None, f"{name}: {verdict}", f"{truth} {found} {err}"))
        if finding is None:
            return lines
        if level is None:
            lines.append((status == 1 and finding["level"] != "info", f"{name}: exit status 1", f"{status} {finding}"))
        else:
            lines.append((finding["level"] == level, f"{name}: {level}", f"{status} {finding}"))
        if "fds" in truth:
            wanted = {(truth["pid"], fd) for fd in truth["fds"]}
            lines.append((wanted <= whom(finding), f"{name}: the right process and descriptor", f"{wanted} {finding}"))
            comms = {owner["comm"] for owner in finding["owners"]}
            lines.append((truth["comm"].encode("unicode_escape").decode().replace("\\n", "\\x0a") in comms,
                          f"{name}: its name", f"{truth} {comms}"))
        if "tid" in truth:
            tids = {thread["tid"]: thread["doing"] for thread in finding["threads"]}
            lines.append((truth["tid"] in tids and truth.get("doing", "futex") in tids[truth["tid"]],
                          f"{name}: the right thread", finding))
        if "epoll" in truth:
            seen = finding.get("epoll", {})
            lines.append((truth["epoll"].items() <= seen.items(), f"{name}: the epoll set", finding))
        if "says" in truth:
            lines.append((truth["says"] in finding["what"] + finding["why"], f"{name}: says why", finding))
        lines.append((all(e["field"] and e["source"] for e in finding["evidence"]) and
                      (finding["level"] == "info" or len(finding["evidence"]) > 0) and finding["fix"] and
                      "\033" not in json.dumps(finding), f"{name}: evidence and a remedy", finding))
        text = situation.run("eleven", "explain", *words)[1]
        lines.append((verdict in text and max(map(len, text.splitlines())) <= 200 and "\033" not in text,
                      f"{name}: as text", text))
        rows_judge(situation, truth, lines)
        if truth["verdict"] in ("close-wait-leak", "bind-conflict-listener", "accept-queue-full"):
            nobody_judge(situation, verdict, words, lines)
    finally:
        situation.end()
    return lines


def rows_judge(situation, truth, lines):
    """What netstat says of the sockets that the situation has told of."""
    if "fds" not in truth or "bind" in truth:
        return
    rows = situation.json("netstat", "-aB")[1]
    if "unowned" in truth:
        told = {row["unowned"] for row in rows if "unowned" in row and "accept queue" in row["unowned"]}
        lines.append((told == {truth["unowned"]}, f"{situation.name}: whose accept queue", told))
    for fd in truth["fds"]:
        found = [row for row in rows
                 if any((owner["pid"], owner["fd"]) == (truth["pid"], fd) for owner in row["owners"])]
        good = len(found) == 1 and all(found[0].get(key) == truth[key] for key in ("recvq", "sendq", "state")
                                       if key in truth)
        lines.append((good and found[0]["v"] == 1 and found[0]["src"] == "kernel" and found[0]["netns"] > 0,
                      f"{situation.name}: its row of netstat, fd {fd}", f"{truth} {found}"))


def nobody_judge(situation, verdict, words, lines):
    """Without root: the same verdict, without the name of the program, and a word on what root would see."""
    if os.geteuid() != 0 or not shutil.which("setpriv") or open("/proc/self/uid_map").read().split()[2] == "1":
        lines.append((None, f"{situation.name}: without root", "no other user here"))
        return
    status, found, _ = situation.findings(*words, prefix=NOBODY)
    finding = found.get(verdict)
    lines.append((status == 1 and finding is not None and not finding["owners"] and "root" in finding.get("more", ""),
                  f"{situation.name}: without root", f"{status} {found}"))


def own_user(name, words=()):
    """An ordinary user and his own programs: as much as root is told, thread and epoll registration included."""
    title = f"{name}, of an ordinary user"
    if os.geteuid() != 0 or not shutil.which("setpriv") or open("/proc/self/uid_map").read().split()[2] == "1":
        return [(None, title, "no other user here")]
    situation = Situation(name, NOBODY)
    truth = situation.truth
    try:
        if "verdict" not in truth:
            return [(False, f"{title}: the situation comes about", truth)]
        words = list(words) + (["--bind", truth["bind"]] if "bind" in truth else [])
        status, found, err = situation.findings(*words, prefix=NOBODY)
        end = time.monotonic() + 25
        while truth["verdict"] not in found and time.monotonic() < end:
            time.sleep(0.3)
            status, found, err = situation.findings(*words, prefix=NOBODY)
        finding = found.get(truth["verdict"])
        wanted = {(truth["pid"], fd) for fd in truth.get("fds", [])}
        lines = [(finding is not None and wanted <= whom(finding), f"{title}: {truth['verdict']}, process, descriptor",
                  f"{truth} {found} {err}")]
        if finding is not None and "tid" in truth:
            lines.append((truth["tid"] in {thread["tid"] for thread in finding["threads"]}, f"{title}: the thread",
                          finding))
        if finding is not None and wanted and "bind" not in truth:
            lines.append((finding["threads"] and "more" not in finding, f"{title}: nothing that root would see more",
                          finding))
        return lines
    finally:
        situation.end()


NEEDED = {"healthy_nginx": "nginx", "healthy_redis": "redis-server", "healthy_sshd": "sshd"}


def healthy(name, seconds):
    if name in NEEDED and not shutil.which(NEEDED[name], path=os.environ["PATH"] + ":/usr/sbin"):
        return [(None, name, f"{NEEDED[name]} is not installed")]
    situation = Situation(name)
    try:
        if "verdict" not in situation.truth:
            return [(False, f"{name}: it runs", situation.truth)]
        time.sleep(seconds)
        lines = []
        for words in ((), ("--watch", "2")):
            status, found, err = situation.findings(*words)
            loud = {verdict: row for verdict, row in found.items() if row["level"] != "info"}
            lines.append((status == 0 and not loud, f"{name}: nothing above information {' '.join(words)}",
                          f"{status} {loud} {err}"))
        return lines
    finally:
        situation.end()


JOBS = [
    (judge, "close_wait_eof_read"), (judge, "close_wait_eof_unread"), (judge, "close_wait_ipv6"),
    (judge, "close_wait_thread"), (judge, "held_by_child"), (judge, "unread"), (judge, "dead"),
    (judge, "growth", ("--watch", "2")), (judge, "descriptors_run_out"), (judge, "time_wait_pile", (), "info"),
    (judge, "fin_wait2_orphan", (), "info"), (judge, "fin_wait2_half_close"), (judge, "last_ack"), (judge, "closing"),
    (judge, "fin_wait1"), (judge, "fin_wait1_window"), (judge, "syn_sent"), (judge, "syn_recv"), (judge, "syn_flood"),
    (judge, "accept_queue"), (judge, "window_zero"), (judge, "not_acknowledging"), (judge, "keepalive"),
    (judge, "half_open"), (judge, "ephemeral"), (judge, "bind_listener"), (judge, "bind_listener_v6"),
    (judge, "bind_time_wait"), (judge, "bind_bound"), (judge, "bind_ephemeral"), (judge, "hostile_name"),
    (judge, "dead_among_many"), (own_user, "close_wait_eof_read"), (own_user, "close_wait_thread"),
    (own_user, "held_by_child"), (own_user, "unread"), (own_user, "dead"), (own_user, "growth", ("--watch", "2")),
    (own_user, "descriptors_run_out"), (own_user, "time_wait_pile"), (own_user, "fin_wait2_orphan"),
    (own_user, "fin_wait2_half_close"), (own_user, "fin_wait1_window"), (own_user, "accept_queue"),
    (own_user, "window_zero"), (own_user, "bind_listener"), (own_user, "bind_time_wait"), (own_user, "bind_bound"),
    (judge, "sent_to_another"), (judge, "on_its_way"), (judge, "epoll_thread"), (judge, "mapped"),
    (judge, "leader_gone"), (judge, "sending_thread"), (judge, "stopped"), (judge, "group_full"), (judge, "destroyed"),
    (judge, "losing_path"),
    (healthy, "healthy_threads", 2), (healthy, "healthy_asyncio", 2), (healthy, "healthy_redis", 3),
    (healthy, "healthy_sshd", 1),
    (healthy, "healthy_fork", 2), (healthy, "healthy_prefork", 2), (healthy, "healthy_pool", 6),
    (healthy, "healthy_half_close", 2), (healthy, "healthy_nginx", 3),
]


def command_line():
    for words, status, part in ((["--frob"], 2, "frob"), (["999999999:3"], 2, ""), (["4000000"], 2, "4000000"),
                                (["--watch", "x"], 2, "'x'"), (["--bind", "x"], 2, "'x'"), (["(", ":80"], 2, ")"),
                                (["12:z"], 2, "12:z")):
        done = subprocess.run(["eleven", "explain", *words], capture_output=True, text=True)
        ok(done.returncode == status and part in done.stderr and done.stderr.count("\n") == 1 and not done.stdout,
           f"wrong command line: eleven explain {' '.join(words)}", f"{done}")


def main():
    # Each waits for the kernel's timers most of the time, so several at once cost little.
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(*job) for job in JOBS]
        for job in jobs:
            for passed, title, detail in job.result():
                if passed is None:
                    tap.skip(title, detail)
                else:
                    ok(passed, title, detail)
    command_line()
    tap.plan()


main()
