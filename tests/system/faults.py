#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 400
# needs: tun
"""What befalls programs and hosts: memory refused, calls that fail or are short, clocks that leap, processes killed at
every call.  Nothing hangs or leaks, everybody hears of it in one clear line or a right errno, and all goes on after.

FAULTS_MOST says how many places of each run are tried, evenly spread; 0 is all of them (make nightly)."""
import os
import pathlib
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import tap
from tap import Program, ok, run, wait_until

TMP = pathlib.Path(os.environ["TMPDIR"])
MOST = int(os.environ.get("FAULTS_MOST", "24"))
FAULTY = TMP / "faulty.so"
AT_ONCE = 4
ERRORS = {"EIO": 5, "ENOMEM": 12, "EAGAIN": 11, "EINTR": 4, "ENOBUFS": 105, "short": 0}


def places(count):
    """1 … count, or MOST of them."""
    step = 1 if not MOST or count <= MOST else count / MOST
    return sorted({1 + int(i * step) for i in range(count if step == 1 else MOST)})


def environment(name, **faults):
    env = {**os.environ, "ELEVEN_SOCKET": str(TMP / f"{name}.sock")}
    for key, value in faults.items():
        env[f"FAULT_{key}"] = str(value)
    if faults:
        env["LD_PRELOAD"] = str(FAULTY)
    return env


def counted(file):
    """Allocations, calls that move bytes, calls on descriptors, looks at the clock."""
    return [int(word) for word in pathlib.Path(file).read_text().split()]


def program(command, env, seconds=40, text=None):
    """(status, standard output, standard error); status None: it hung."""
    try:
        done = subprocess.run(command, env=env, input=text, capture_output=True, text=True, timeout=seconds, cwd=TMP)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return None, "", "it hangs"


# ---------------------------------------------------------------- the tools

TOOLS = [["config", "-j"], ["config", "-h", "a"], ["netstat", "-antp"], ["netstat", "-s"], ["netstat", "-an", "--json"],
         ["states"], ["states", "--json"], ["watch", "--once"], ["watch", "--once", "--ladder", "-v"],
         ["watch", "--once", "--json"], ["link", "show"], ["link", "delay", "1ms"], ["replay", "{file}"],
         ["replay", "{file}", "--ladder"], ["replay", "{file}", "--until", "ESTABLISHED"],
         ["replay", "{file}", "--segments", "--json"], ["run", "--", "true"], ["--help"]]


def tool_tried(words, reference, place, count, env):
    status, out, err = program(["eleven", *words], {**env, "FAULT_MALLOC": str(place), "FAULT_COUNT": str(count)})
    if status == 0 and len(out.splitlines()) == len(reference.splitlines()):
        return None
    if status == 1 and len(err.strip().splitlines()) == 1 and err.startswith("eleven"):
        return None
    return f"allocation {place}, {count} in a row: status {status}, {len(out.splitlines())} lines, {err[:300]}"


def tools():
    """Each verb, each of its allocations refused: its answer, or one line and status 1."""
    env = environment("tools")
    recording = TMP / "tools.rec"
    status, text, _ = program(["eleven", "up", "-d", "--record", str(recording), "--host", "a=10.0.0.1/24", "--host",
                               "b=10.0.0.2/24"], env)
    server = subprocess.Popen(["eleven", "run", "--host", "b", "--", "server", "--hold", "100"], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: "LISTEN" in program(["eleven", "netstat", "-lt"], env)[1], 30)
    program(["eleven", "run", "--host", "a", "--", "client", "10.0.0.2"], env, text="one\n")
    time.sleep(0.5)
    copy = TMP / "copy.rec"
    copy.write_bytes(recording.read_bytes())
    for words in TOOLS:
        words = [word.format(file=copy) for word in words]
        log = TMP / "tool.log"
        log.write_text("12 0 0 0")      # of one that does not come back from exec
        faulty = {**env, "LD_PRELOAD": str(FAULTY), "FAULT_NAME": "eleven"}
        status, reference, _ = program(["eleven", *words], {**faulty, "FAULT_LOG": str(log)})
        tries = [(place, count) for place in places(counted(log)[0]) for count in (1, 1000000)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = pool.map(lambda t, w=words, r=reference: tool_tried(w, r, *t, faulty), tries)
            bad = [problem for problem in said if problem]
        ok(not bad, f"eleven {' '.join(words).replace(str(copy), 'FILE')}: {len(tries)} refusals of memory",
           "\n".join(bad[:4]))
    ok(program(["eleven", "down"], env)[0] == 0, "and the host is none the worse")
    server.kill()
    server.wait(30)


# ---------------------------------------------------------------- the host

class Host:
    """A host process on a wire, or on tun where a tun device's calls are to fail."""

    def __init__(self, name, tun=False, **faults):
        self.name, self.plain = name, environment(name)
        self.address = ["10.0.0.1", "10.0.0.2"]
        command = ["eleven", "up", "--host", "a=10.0.0.1/24", "--host", "b=10.0.0.2/24"]
        if tun:
            command += ["--tun", f"d{name}"[:15], "--address", f"10.7.{tun}.2/24", "--kernel-address", f"10.7.{tun}.1"]
        self.log = TMP / f"{name}.log"
        self.process = subprocess.Popen(command, env=environment(name, LOG=self.log, **faults),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, cwd=TMP)
        wait_until(lambda: self.process.poll() is not None or
                   program(["eleven", "link", "show"], self.plain)[0] == 0, 30)

    def gone(self):
        return self.process.poll() is not None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def exchange(self, number):
        """A server and a client; what the client printed."""
        port = str(8000 + number)
        server = subprocess.Popen(["eleven", "run", "--host", "b", "--", "server", "--reuse", "--port", port],
                                  env=self.plain, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=TMP)
        wait_until(lambda: server.poll() is not None or
                   f":{port} " in program(["eleven", "netstat", "-ltn"], self.plain)[1], 10)
        status, out, err = program(["eleven", "run", "--host", "a", "--", "client", "--port", port, "10.0.0.2"],
                                   self.plain, text="one\n")
        server.kill()
        server.wait()
        return "hangs" if status is None else out + err

    def quiet(self):
        """Nothing is open but what waits for 2 MSL."""
        def open_ones():
            listed = program(["eleven", "netstat", "-ant"], self.plain)[1].splitlines()
            return [line for line in listed if line.startswith("tcp") and "TIME_WAIT" not in line]

        return wait_until(lambda: not open_ones(), 20)

    def end(self):
        if self.gone():
            return self.process.returncode, self.process.stdout.read()
        if program(["eleven", "down"], self.plain)[0]:
            program(["eleven", "down"], self.plain)         # the one thing befell the first
        try:
            said, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None, "it does not go down"
        return self.process.returncode, said


def host_tried(name, reference, allow=("",), **faults):
    """What is wrong with a host in which one thing failed; None: nothing."""
    host = Host(name, **faults)
    if host.gone():
        status, said = host.end()
        fine = status == 1 and len(said.strip().splitlines()) == 1
        return None if fine else f"{name}: does not come up: status {status}: {said[:300]}"
    first, second = host.exchange(1), host.exchange(2)
    if "ONE" not in second and second != "hangs":
        second = host.exchange(3)       # the one thing befell that one
    quiet, descriptors = host.quiet(), wait_until(lambda: host.descriptors() <= reference, 5) and reference
    listed = "" if descriptors else run("ls", "-l", f"/proc/{host.process.pid}/fd")[1]
    status, said = host.end()
    if first == "hangs" or "ONE" not in second:
        return f"{name}: first {first!r}, second {second!r}; host: {said[:300]}"
    if not quiet or not descriptors or status not in (0, 1):
        return f"{name}: {listed} quiet {quiet}, {descriptors} of {reference}, status {status}: {said[:300]}"
    return None


def host():
    """Each allocation and each call of a host fails once, or is short."""
    plain = Host("plain", NAME="eleven")
    clean = plain.exchange(1), plain.exchange(2)
    plain.quiet()
    reference = plain.descriptors()
    ok(all("ONE" in said for said in clean) and plain.end()[0] == 0, "a host that is left alone", clean)
    counts = counted(plain.log)
    rounds = [(f"m{place}", {"MALLOC": place}) for place in places(counts[0])]
    for number, (word, error) in enumerate(ERRORS.items()):
        # Each error at other places, so that together they are as many as MOST says, five times.
        chosen = places(counts[1])[number % 3::3] if MOST else places(counts[1])
        rounds += [(f"c{word}{place}", {"CALL": place, "ERRNO": error}) for place in chosen]
    rounds += [(f"t{place}", {"CLOCK": place, "LEAP": leap}) for place, leap in
               zip(places(counts[3])[::4], (1, 5, 30, 1, 5, 30) * 1000)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        bad = [said for said in pool.map(lambda r: host_tried(r[0], reference, NAME="eleven", **r[1]), rounds) if said]
    ok(not bad, f"a host survives {len(rounds)} faults: of {counts[0]} allocations, {counts[1]} calls, a leaping clock",
       "\n".join(bad[:8]))


def link():
    """Calls on a tun device fail or are short, in the middle of a transfer."""
    (TMP / "file").write_bytes(os.urandom(400000))
    rounds = [(word, error, place) for word, error in ERRORS.items() for place in (60, 90, 140)]

    def tried(case):
        number, (word, error, place) = case
        host = Host(f"l{word}{place}", tun=number + 1, NAME="eleven", CALL=place, ERRNO=error)
        kernel = f"10.7.{number + 1}.1"
        server = subprocess.Popen(["python3", "-m", "http.server", "9000", "--bind", kernel], cwd=TMP,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: kernel in run("ss", "-Hltn", "sport = :9000")[1], 20)
        said = [program(["eleven", "run", "--host", "main", "--", "curl", "-s", "-m", "25", "-o", "/dev/null", "-w",
                         "%{size_download}", f"http://{kernel}:9000/file"], host.plain)[1] for _ in range(2)]
        server.kill()
        server.wait()
        status, text = host.end()
        fine = said[1] == "400000" and status == 0
        return None if fine else f"{word} at {place}: {said} status {status} {text[:200]}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        bad = [said for said in pool.map(tried, enumerate(rounds)) if said]
    ok(not bad, f"a tun device whose calls fail or are short, {len(rounds)} ways: all goes on", "\n".join(bad[:5]))


def stalled():
    """The host does not run for three seconds: what was under way is finished."""
    host = Host("stall", NAME="eleven")
    server = subprocess.Popen(["eleven", "run", "--host", "b", "--", "python3", "-m", "http.server", "8000"],
                              env=host.plain, cwd=TMP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: ":8000 " in program(["eleven", "netstat", "-ltn"], host.plain)[1], 20)
    (TMP / "big").write_bytes(os.urandom(3000000))
    program(["eleven", "link", "delay", "5ms", "rate", "20mbit"], host.plain)
    curl = subprocess.Popen(["eleven", "run", "--host", "a", "--", "curl", "-s", "-m", "60", "-o", "/dev/null", "-w",
                             "%{size_download}", "http://10.0.0.2:8000/big"], env=host.plain, stdout=subprocess.PIPE,
                            text=True)
    time.sleep(0.4)
    host.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    host.process.send_signal(signal.SIGCONT)
    said = curl.communicate(timeout=90)[0]
    server.kill()
    ok(said == "3000000" and host.end()[0] == 0, "a host that is stopped for three seconds finishes what it began",
       said)


# ---------------------------------------------------------------- programs killed

def killed_programs():
    """Client and server are killed at each call that they make; the other hears of it, and the host forgets them."""
    host = Host("kill", NAME="eleven")
    host.exchange(1)
    host.quiet()
    reference = host.descriptors()
    bad, tried = [], 0
    for who in ("client", "server"):
        for after in (0, 1):
            count = killed_count(host, who)
            for place in places(count):
                tried += 1
                said = killed_at(host, who, {"KILL": place, "AFTER": after}, tried)
                bad += [f"{who} at call {place} of {count}, after {after}: {said}"] if said else []
    ok(not bad, f"client and server are killed at {tried} calls: the other ends, and nothing is left",
       "\n".join(bad[:6]))
    ok(wait_until(lambda: host.descriptors() <= reference, 20), "nor any descriptor of the host",
       f"{host.descriptors()} {reference}")
    ok("ONE" in host.exchange(3) and host.end()[0] == 0, "and others go on")


def pair_env(host, who, mine, faults):
    if who != mine:
        return host.plain
    env = environment(host.name, **faults)
    env["FAULT_NAME"] = who
    return env


def killed_count(host, who):
    """How many calls it makes when it is left alone."""
    log = TMP / "count.log"
    log.unlink(missing_ok=True)
    pair_run(host, who, {"LOG": log}, 90)
    return counted(log)[2]


def pair_run(host, who, faults, number):
    port = str(8100 + number)
    server = subprocess.Popen(["eleven", "run", "--host", "b", "--", "server", "--reuse", "--port", port],
                              env=pair_env(host, who, "server", faults), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd=TMP)
    wait_until(lambda: server.poll() is not None or
               f":{port} " in program(["eleven", "netstat", "-ltn"], host.plain)[1], 10)
    status, _, _ = program(["eleven", "run", "--host", "a", "--", "client", "--port", port, "10.0.0.2"],
                           pair_env(host, who, "client", faults), text="one\n")
    if "LOG" in faults and who == "server":
        server.send_signal(signal.SIGUSR2)
        wait_until(lambda: faults["LOG"].exists() and faults["LOG"].read_text(), 10)
    server.send_signal(signal.SIGINT)
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    return status


def killed_at(host, who, faults, number):
    status = pair_run(host, who, faults, number)
    if status is None:
        return "the client hangs"
    if host.gone():
        return "the host is gone"
    return None if host.quiet() else f"left: {program(['eleven', 'netstat', '-ant'], host.plain)[1]}"


built = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-o", FAULTY, f"{tap.SOURCE}/tests/tools/faulty.c",
                        "-ldl"], capture_output=True, text=True)
if ok(built.returncode == 0, "the library of faults is built", built.stderr):
    for part in os.environ.get("FAULTS_PARTS", "tools host link stalled killed_programs").split():
        globals()[part]()
tap.plan()
