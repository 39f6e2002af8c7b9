#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
run_tests.py: build every test, run every test, and say on the last line "N passed, N failed".

What counts as one is one line of TAP ("ok 1 - name", "not ok 1 - name", "ok 1 - name # SKIP reason").

  unit      cmocka programs, from the build directory and again from one with ASan and UBSan; under the profiles
            strict and linux too (scripts/profiles.py)
  tidy      scripts/tidy.py and scripts/purity.py, the rules of the house
  coverage  scripts/coverage.py: every rule is taken by a test, and COVERAGE_LEAST percent of the core's branches
  system    executables tests/system/*.sh, *.py

Each system test runs in a network namespace of its own (loopback up) and a process namespace of its own, so that
nothing it starts outlives it; as an ordinary user inside a user namespace as well.  It finds in its environment
BUILD and SOURCE (absolute paths), TMPDIR and XDG_RUNTIME_DIR (its own, removed afterwards), and the build directory
first in PATH.  Comments within its first 20 lines direct this runner:

  # timeout: 300        seconds before it is killed, default 120
  # needs: namespace    nothing to show without one: skipped, with the reason, where none may be made
  # needs: tun          the same of a tun device in the namespace

Options: --quick (unit and tidy only), --only WORD (those whose name contains it), --verbose, --no-sanitizers.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

SOURCE = pathlib.Path(__file__).resolve().parent.parent
JOBS = int(os.environ.get("JOBS", os.cpu_count() or 1))
TAP_LINE = re.compile(r"^(not )?ok\b\s*(\d+)?\s*(?:- )?(.*)$")
TAP_PLAN = re.compile(r"^1\.\.(\d+)")


class Outcome:
    """What one program of tests said."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, [], [], []
        self.output, self.seconds = "", 0.0

    def read_tap(self, output, status):
        self.output = output
        planned = 0
        remark = ""             # cmocka says in a line of its own why it skips what it calls "not ok 1 # SKIP name"
        for line in output.splitlines():
            plan = TAP_PLAN.match(line)
            if plan:
                planned += int(plan.group(1))
                reason = re.search(r"#\s*SKIP\s*(.*)", line, re.I)
                if plan.group(1) == "0" and reason:
                    self.skipped.append((self.name, reason.group(1)))
            result = TAP_LINE.match(line)
            if not result:
                remark = line.strip() or remark
                continue
            title, _, directive = result.group(3).partition("#")
            title = title.strip()
            skip = re.match(r"\s*SKIP\s*(.*)", directive, re.I)
            if skip:
                self.skipped.append((title, skip.group(1)) if title else (skip.group(1), remark))
            elif result.group(1):
                self.failed.append(title or f"test {result.group(2)}")
            else:
                self.passed.append(title)
        seen = len(self.passed) + len(self.failed) + len(self.skipped)
        if seen < planned:
            self.failed.append(f"{planned - seen} planned tests did not run")
        if status != 0 and not self.failed:
            self.failed.append(f"ended by signal {-status}" if status < 0 else f"exit status {status}")
        if seen == 0 and planned == 0 and status == 0:
            self.failed.append("printed no result")
        return self


def run(name, command, timeout, env=None, cwd=None):
    """Run one program of tests in a session of its own; kill all of it when its time is up."""
    outcome, started = Outcome(name), time.monotonic()
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                                   env=env, cwd=cwd, start_new_session=True)
        timed_out = False
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            status = 1
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        sink.seek(0)
        output = sink.read().decode(errors="replace")
    outcome.read_tap(output, status)
    if timed_out:
        outcome.failed.append(f"killed after {timeout} s")
    outcome.seconds = time.monotonic() - started
    return outcome


TUN_PROBE = """
import fcntl, struct, sys
try:
    fcntl.ioctl(open("/dev/net/tun", "r+b", 0), 0x400454ca, struct.pack("16sH", b"probe%d", 0x1001))
except OSError as error:
    sys.exit(f"no tun device may be made here: {error.strerror} (/dev/net/tun)")
"""


def tun_problem(prefix):
    """Why there can be no tun device in a namespace of a test; None: there can."""
    if prefix is None:
        return None
    probe = subprocess.run([*prefix, "python3", "-c", TUN_PROBE], capture_output=True, text=True)
    return (probe.stderr.strip().splitlines() or ["no tun device"])[-1] if probe.returncode else None


def namespace_prefix():
    """The unshare command that works here, the fullest first; None: none does.

    A namespace of processes is of use only with a /proc of its own: with another's, pids mean other processes.
    """
    user = [] if os.geteuid() == 0 else ["-r"]
    forms = [["unshare", *user, "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc"],
             ["unshare", *user, "-n", "-m", "-p", "-f", "--kill-child", "--propagation", "unchanged", "--mount-proc"],
             ["unshare", *user, "-n"]]
    for form in forms:
        try:
            if subprocess.run([*form, "true"], capture_output=True, timeout=10).returncode == 0:
                return form + ["sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
        except (OSError, subprocess.TimeoutExpired):
            pass
    return None


class System:
    """One file of tests/system."""

    def __init__(self, path):
        self.path, self.timeout, self.needs = path, 120, ""
        for line in path.read_text(errors="replace").splitlines()[:20]:
            match = re.match(r"#\s*(timeout|needs):\s*(\S+)", line)
            if match and match.group(1) == "timeout":
                self.timeout = int(match.group(2))
            elif match:
                self.needs = match.group(2)

    def run(self, build, prefix, no_tun):
        name = "system/" + self.path.name
        problem = no_tun if self.needs == "tun" else None
        if prefix is None and self.needs:
            problem = "no network namespace may be made here (needs root or user namespaces)"
        if problem:
            outcome = Outcome(name)
            outcome.skipped.append((name, problem))
            return outcome
        scratch = tempfile.mkdtemp(prefix="el.")
        env = dict(os.environ, BUILD=str(build), SOURCE=str(SOURCE), TMPDIR=scratch, XDG_RUNTIME_DIR=scratch,
                   PATH=f"{build}:{os.environ['PATH']}:/usr/sbin:/sbin", LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
        env.pop("ELEVEN_SOCKET", None)
        try:
            return run(name, [*(prefix or []), str(self.path)], self.timeout, env, SOURCE)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def ninja(build, *targets):
    done = subprocess.run(["ninja", "-C", str(build), "-j", str(JOBS), *targets], capture_output=True, text=True)
    outcome = Outcome(f"build of {build.name}")
    outcome.output = done.stdout + done.stderr
    (outcome.passed if done.returncode == 0 else outcome.failed).append(f"builds {build.name}")
    return outcome


def configure(build, *options):
    if (build / "build.ninja").exists():
        command = ["meson", "setup", "--reconfigure", str(build)]
    else:
        command = ["meson", "setup", *options, str(build)]
    subprocess.run(command, cwd=SOURCE, check=True, capture_output=True)


def unit_tests(build, label, only):
    """Every cmocka program of a build directory, as (name, command, timeout, environment)."""
    listed = subprocess.run(["meson", "introspect", "--tests", str(build)], capture_output=True, text=True, check=True)
    for test in json.loads(listed.stdout):
        name = f"{label}/{test['name']}"
        if only in name:
            yield name, test["cmd"], test["timeout"] * (10 if os.environ.get("ELEVEN_FULL") else 1), test["env"]


class Report:
    def __init__(self, verbose):
        self.verbose, self.passed, self.failed, self.skipped = verbose, 0, 0, []

    def add(self, outcome):
        self.passed += len(outcome.passed)
        self.failed += len(outcome.failed)
        self.skipped += outcome.skipped
        skips = f", {len(outcome.skipped)} skipped" if outcome.skipped else ""
        print(f"{'FAIL' if outcome.failed else 'ok  '} {outcome.name}: {len(outcome.passed)} passed, "
              f"{len(outcome.failed)} failed{skips} ({outcome.seconds:.1f} s)", flush=True)
        if outcome.failed or self.verbose:
            print("\n".join("     | " + line for line in outcome.output.splitlines()[-200:]))
        for title in outcome.failed:
            print(f"     FAILED: {title}", flush=True)

    def end(self):
        for title, reason in self.skipped:
            print(f"skipped: {title}: {reason}")
        print(f"{self.passed} passed, {self.failed} failed" +
              (f", {len(self.skipped)} skipped" if self.skipped else ""), flush=True)
        return 1 if self.failed or not self.passed else 0


def run_units(report, build, label, only):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", BUILD=str(build), SOURCE=str(SOURCE),
               ASAN_OPTIONS="detect_stack_use_after_return=1", UBSAN_OPTIONS="print_stacktrace=1")
    with ThreadPoolExecutor(JOBS) as pool:
        jobs = [pool.submit(run, name, command, timeout, dict(env, **own), SOURCE)
                for name, command, timeout, own in unit_tests(build, label, only)]
        for job in jobs:
            report.add(job.result())


def coverage(build):
    """Which rules and branches of the core do the tests take?  `make coverage` asks for more branches than this."""
    if not shutil.which("gcov") or not shutil.which("gcc"):
        outcome = Outcome("coverage")
        outcome.skipped.append(("coverage", "gcc and gcov are not here (Debian: gcc)"))
        return outcome
    env = dict(os.environ, BUILD=str(build), COVERAGE_LEAST=os.environ.get("COVERAGE_LEAST", "94"))
    return run("coverage", [str(SOURCE / "scripts/coverage.py")], 1800, env, SOURCE)


def main():
    parser = argparse.ArgumentParser(description="build and run every test")
    parser.add_argument("--quick", action="store_true", help="unit tests and the rules of the house only")
    parser.add_argument("--no-sanitizers", action="store_true", help="leave out the build with ASan and UBSan")
    parser.add_argument("--only", default="", metavar="WORD", help="only tests whose name contains WORD")
    parser.add_argument("--verbose", action="store_true", help="print the output of tests that pass, too")
    options = parser.parse_args()
    build = (SOURCE / os.environ.get("BUILD", "build")).resolve()
    report = Report(options.verbose)

    configure(build)
    built = ninja(build, "all", "unit-tests")
    if built.failed:
        report.add(built)
    run_units(report, build, "unit", options.only)
    for script in ("tidy.py", "purity.py", "vulnerabilities.py", "profiles.py"):
        path = SOURCE / "scripts" / script
        if path.exists() and options.only in f"house/{script}":
            report.add(run(f"house/{script}", [str(path), str(build)], 300))
    if not options.quick:
        if not options.no_sanitizers:
            asan = build.with_name(build.name + "-asan")
            configure(asan, "-Db_sanitize=address,undefined")
            built = ninja(asan, "unit-tests")
            if built.failed:
                report.add(built)
            run_units(report, asan, "asan", options.only)
        if options.only in "coverage":
            report.add(coverage(build))
        prefix = namespace_prefix()
        no_tun = tun_problem(prefix)
        for path in sorted((SOURCE / "tests" / "system").glob("*")):
            if path.suffix in (".sh", ".py") and os.access(path, os.X_OK) and options.only in f"system/{path.name}":
                report.add(System(path).run(build, prefix, no_tun))
    sys.exit(report.end())


if __name__ == "__main__":
    main()
