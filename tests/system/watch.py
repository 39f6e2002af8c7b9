#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 400
"""
eleven watch on the kernel's connections: for every cause a program of real sockets that knows what is true
(watch_scenarios.py), watched by every backend at once; each end's moves, causes, owner, descriptor and thread are
compared with the truth.  As root in network namespaces, and as nobody.
"""
import json
import os
import pathlib
import sys
import tempfile
import threading

import tap
from tap import Program, ok, run, skip, wait_until
from watch_namespaces import Namespaces
from watch_scenarios import SCENARIOS

HERE = pathlib.Path(__file__).resolve().parent
SCRATCH = pathlib.Path(os.environ.get("TMPDIR", tempfile.gettempdir()))
ROOT = os.geteuid() == 0
SECONDS = 60


def rows_of(program):
    rows = []
    for line in program.output().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            pass                        # a line that is being written
    return rows


def ends_seen(rows, end):
    """The transitions of this end, as its ports name it."""
    local, remote = f":{end['local']}", f":{end['remote']}"
    return [row for row in rows if row.get("event") == "transition" and row["local"].endswith(local) and
            row["remote"].endswith(remote)]


def moves_of(seen):
    return [(row.get("from", "?"), row["to"]) for row in seen]


def arrived(seen, end):
    """The watcher has told of the last move."""
    last = ("TIME_WAIT", "CLOSE") if end.get("more") else (end["moves"][-1][1],)
    return bool(seen) and seen[-1]["to"] in last


def owner_of(row):
    owners = row.get("owners") or [{}]
    return owners[0]


def check_exact(name, backend, seen, end):
    """Tracepoints tell every move, in order, with its cause."""
    wanted = [tuple(move[:2]) for move in end["moves"]]
    got = moves_of(seen)
    if got and got[-1] == ("TIME_WAIT", "CLOSE"):
        got = got[:-1]                  # where the table of TIME_WAIT is small
    if end.get("more"):
        good = got[:len(wanted)] == wanted and got[-1][1] in ("TIME_WAIT", "CLOSE")
    else:
        good = got == wanted
    ok(good, f"{backend}, {name}: the moves of {end['local']}", f"wanted {wanted}\ngot    {got}")
    for row, (_, _, causes) in zip(seen, end["moves"]):
        # bpf has to know the best; tracefs what it can.
        right = causes[:1] if backend == "bpf" and causes[-1] != "unreachable" else causes
        if row["cause"] not in right:
            ok(False, f"{backend}, {name}: the cause of {row.get('from')} -> {row['to']}",
               f"{row['cause']}, not {causes}")


FIRST_PIDS = os.stat("/proc/self/ns/pid").st_ino == 0xEFFFFFFC
OTHER_NUMBERS = "tracefs tells the numbers of the first PID namespace, and this is another"


def check_owner(name, backend, seen, end):
    if "pid" not in end:
        if "listener" in end and seen:
            who = [owner["pid"] for row in seen for owner in row.get("listener_owners", [])]
            if backend == "trace" and not who and not FIRST_PIDS:
                skip(f"trace, {name}: the listener's owner", OTHER_NUMBERS)
            else:
                ok(who and set(who) == {end["listener"]}, f"{backend}, {name}: the listener's owner", who)
        return
    pids = {owner_of(row)["pid"] for row in seen if owner_of(row)}
    if backend == "trace" and not pids: # it learns of inodes now and then only; before that it names the listener's
        pids = {owner["pid"] for row in seen for owner in row.get("listener_owners", [])}
    if backend == "trace" and not pids and not FIRST_PIDS:
        skip(f"trace, {name}: the owner of {end['local']}", OTHER_NUMBERS)
        return
    ok(pids == {end["pid"]}, f"{backend}, {name}: the owner of {end['local']}", f"{pids}, not {end['pid']}")
    fds = {owner_of(row)["fd"] for row in seen if "fd" in owner_of(row)}
    ok(fds <= {end["fd"]} and (fds or backend != "bpf"), f"{backend}, {name}: its descriptor",
       f"{fds}, not {end['fd']}")
    tids = {owner_of(row).get("tid") for row in seen if row["cause"] in
            ("close", "exit", "close-unread-data", "close-linger-0")}
    if backend == "bpf" and end["tid"]:
        ok(tids == {end["tid"]}, f"bpf, {name}: the thread that closed {end['local']}", f"{tids}, not {end['tid']}")


def check_sampled(name, seen, end):
    """Sampling may miss moves, and says so; what it tells is in the order of the truth and leads on from there."""
    states = [end["moves"][0][0]] + [move[1] for move in end["moves"]]
    got = [row["to"] for row in seen]
    if got and got[-1] == "CLOSE" and states[-1] == "TIME_WAIT":
        got = got[:-1]
    rest = iter(states)
    ok(end.get("more") or all(state in rest for state in got), f"poll, {name}: states in order",
       f"{got} of {states}")
    lived = name not in ("short", "refused")
    ok(not lived or got, f"poll, {name}: the end at {end['local']} was seen", got)
    pids = {owner_of(row)["pid"] for row in seen if owner_of(row)}
    ok(pids <= {end.get("pid", end.get("listener"))}, f"poll, {name}: no wrong owner", pids)


class Watcher(Program):
    def __init__(self, namespaces, backend, *words):
        super().__init__("ip", "netns", "exec", namespaces.near, "eleven", "watch", "--kernel", "--json", "--backend",
                         backend, *words)
        self.backend = backend

    def begun(self):
        return self.says('"header"', SECONDS)


def scenario_run(name, results):
    with Namespaces(name.replace("-", "")[:3] + str(sorted(SCENARIOS).index(name))) as spaces:
        here = [] if name == "lost-state" else ["--this-namespace"]     # what the peer's host did is the point
        watchers = [Watcher(spaces, backend, *here) for backend in ("bpf", "trace", "poll")]
        begun = [watcher for watcher in watchers if watcher.begun()]
        program = Program("ip", "netns", "exec", spaces.near, sys.executable, str(HERE / "watch_scenarios.py"), name,
                          spaces.near, spaces.far)
        wait_until(lambda: program.output().endswith("]\n") or program.process.poll() is not None, 3 * SECONDS)
        truth = program.output()
        if truth.endswith("]\n"):
            for watcher in begun:
                wait_until(lambda: all(arrived(ends_seen(rows_of(watcher), end), end) for end in json.loads(truth)),
                           4 if watcher.backend == "poll" else 20)
        program.end()
        program.status(SECONDS)
        for watcher in watchers:
            watcher.kill(2)
        results[name] = truth, [(watcher.backend, watcher in begun, rows_of(watcher), watcher.output())
                                for watcher in watchers]


def scenarios():
    results = {}
    names = list(SCENARIOS)
    threads = [threading.Thread(target=scenario_run, args=(name, results)) for name in names]
    for at in range(0, len(threads), 5):
        for thread in threads[at:at + 5]:
            thread.start()
        for thread in threads[at:at + 5]:
            thread.join()
    for name in names:
        truth, seen = results.get(name, ("no result", []))
        if not truth.endswith("]\n"):
            if name == "killed" and "ss -K" in truth:
                skip(name, truth.strip())
            else:
                ok(False, f"{name}: the scenario ran", truth)
            continue
        for backend, begun, rows, output in seen:
            if not begun:
                skip(f"{backend}, {name}", output.strip().splitlines()[-1] if output.strip() else "it did not begin")
                continue
            for end in json.loads(truth):
                mine = ends_seen(rows, end)
                if backend == "poll":
                    check_sampled(name, mine, end)
                else:
                    check_exact(name, backend, mine, end)
                    check_owner(name, backend, mine, end)
            last = rows[-1] if rows else {}
            ok(last.get("event") == "end" and last["lost"] == 0, f"{backend}, {name}: nothing lost", last)


def traces_left():
    """What of ours is in the kernel when no watcher runs."""
    left = run("unshare", "-m", "sh", "-c",
               "mount -t tracefs none /sys/kernel/tracing && ls /sys/kernel/tracing/instances")
    return [line for line in left[1].split() if line.startswith("eleven-")]


def leaves_nothing():
    for number, title in ((2, "Ctrl-C"), (15, "SIGTERM"), (9, "SIGKILL")):
        program = Program("eleven", "watch", "--kernel", "--backend", "trace")
        if not program.says("# ", SECONDS):
            skip(f"nothing stays after {title}", program.output().strip())
            program.kill()
            continue
        mine = f"eleven-{program.pid}"
        ok(mine in traces_left(), f"an instance of tracefs while it runs ({title})")
        program.kill(number)
        ok(wait_until(lambda: mine not in traces_left(), 20), f"no instance of tracefs after {title}", traces_left())


def recording():
    """What was recorded is read back the same; a cut or damaged file is said at its byte."""
    path = SCRATCH / "watch.tape"
    program = Program("eleven", "watch", "--kernel", "--json", "--record", str(path))
    if not program.says('"header"', SECONDS):
        skip("a recording", program.output().strip())
        program.kill()
        return
    scenario = Program(sys.executable, str(HERE / "watch_scenarios.py"), "normal", "-", "-")
    wait_until(lambda: scenario.output().endswith("]\n"), SECONDS)
    end = json.loads(scenario.output())[0]
    wait_until(lambda: "TIME_WAIT" in [row["to"] for row in ends_seen(rows_of(program), end)], 20)
    scenario.end()
    scenario.status()
    program.kill(2)
    live = [row for row in rows_of(program) if row.get("event") == "transition"]
    status, text = run("eleven", "watch", "--read", str(path), "--json")
    back = [json.loads(line) for line in text.splitlines() if '"transition"' in line]
    ok(status == 0 and live and back == live, "a recording is read back as it was", f"{len(live)} and {len(back)}")
    status, text = run("eleven", "watch", "--read", str(path), "--ladder", "--ascii", f":{end['local']}")
    ok(status == 0 and "SYN_RECV" in text and "TIME_WAIT" in text and "LAST_ACK" in text,
       "the ladder of a recording has both ends", text)
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    status, text = run("eleven", "watch", "--read", str(path))
    ok(status == 1 and "cut short" in text and "byte" in text, "a recording that is cut short", text[-200:])
    path.write_bytes(data[:1200] + bytes([data[1200] ^ 1]) + data[1201:])
    status, text = run("eleven", "watch", "--read", str(path))
    ok(status == 1 and "damaged: the record at byte" in text, "a damaged recording", text[-200:])


def as_nobody():
    """An ordinary user gets sampling, and is told why."""
    words = ["setpriv", "--reuid", "65534", "--clear-groups"] if ROOT else []
    program = Program(*words, "eleven", "watch", "--kernel", "--json")
    if not ok(program.says('"header"', SECONDS), "nobody may watch", program.output()):
        return
    header = rows_of(program)[0]
    ok(header["backend"] == "poll" and "bpf not to be had" in header["text"] and "root" in header["text"],
       "the header says what better backend could not be had, and for whom it could", header)
    # Looking for owners may take a twentieth of the time: on a busy machine it is not done for every change.
    for attempt in range(6):
        scenario = Program(*words, sys.executable, str(HERE / "watch_scenarios.py"), "half-close", "-", "-")
        wait_until(lambda: scenario.output().endswith("]\n") or scenario.process.poll() is not None, SECONDS)
        ends = json.loads(scenario.output())
        wait_until(lambda: any(row["to"] == "TIME_WAIT" for row in ends_seen(rows_of(program), ends[0])), 10)
        scenario.end()
        scenario.status()
        owned = [owner_of(row) for row in ends_seen(rows_of(program), ends[0]) if owner_of(row)]
        if owned:
            break
    for end in ends:
        check_sampled("half-close of nobody", ends_seen(rows_of(program), end), end)
    ok(owned and all(owner["pid"] == ends[0]["pid"] for owner in owned), "nobody sees his own programs", owned)
    program.kill(2)


def wrong_words():
    for words, part in ((["--backend", "x"], "no backend"), (["--once", "--stack"], "choose"), (["state", "x"], "x")):
        status, text = run("eleven", "watch", *words)
        ok(status == 2 and text.count("\n") == 1 and part in text, f"eleven watch {' '.join(words)}", text)
    status, text = run("eleven", "watch", "--read", "/nowhere")
    ok(status == 1 and text.count("\n") == 1 and "/nowhere" in text, "a recording that is not there", text)


if __name__ == "__main__":
    wrong_words()
    as_nobody()
    if ROOT:
        scenarios()
        recording()
        leaves_nothing()
    else:
        skip("bpf and trace, in network namespaces", "not root")
    tap.plan()
