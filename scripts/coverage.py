#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
coverage.py [--lines]: which branches of floors 0-3, and which rules of rules.def, do the tests take?

The core alone is compiled to count (meson's option core_coverage), unoptimised, so that a branch is one of the source;
the unit tests of the floors, the corpora of the fuzzers, refused allocations, the scripts of tests/pkt and
COVERAGE_SEEDS (300) worlds of the simulator run on it.  Prints TAP: fails under COVERAGE_LEAST (98) percent of
branches, and when a rule is never taken.  --lines prints each line that has a branch which is not taken.

Not counted, each for its reason:
  CHECK( …           the branch in which it fails is our own mistake: no input gets there
  a switch over all values of an enum has no default, but the compiler counts one
Anything else that is left out says so in its own line, with LCOV_EXCL_BR_LINE and the reason.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SOURCE = pathlib.Path(__file__).resolve().parent.parent
JOBS = int(os.environ.get("JOBS", os.cpu_count() or 1))
BUILD = (SOURCE / (os.environ.get("BUILD", "build") + "-coverage")).resolve()
LEAST = float(os.environ.get("COVERAGE_LEAST", 98))
SEEDS = int(os.environ.get("COVERAGE_SEEDS", 300))
FOLDERS = ("base", "wire", "trace", "tcp", "ip", "stack")
PARTS = (*FOLDERS, "sim", "vulnerabilities", "fuzz")
# Long, and without a branch that the others do not take.
SLOW = ("tcp-test_controller", "stack-test_goodput", "sim-test_oracle", "stack-test_close-v6")
EXCLUDED = re.compile(r"CHECK\(|LCOV_EXCL_BR_LINE")


def build():
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD), str(SOURCE), "-Dcore_coverage=true"], check=True,
                       capture_output=True, env=dict(os.environ, CC="gcc"))
    subprocess.run(["ninja", "-C", str(BUILD), "build.ninja"], check=True, capture_output=True)     # new tests too
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", str(BUILD)], capture_output=True, text=True,
                                       check=True).stdout)
    tests = [test for test in listed if test["name"].split("-")[0] in PARTS and test["name"] not in SLOW]
    programs = {os.path.relpath(test["cmd"][0], BUILD) for test in tests}
    done = subprocess.run(["ninja", "-C", str(BUILD), "-j", str(JOBS), "--quiet", "eleven-sim",
                           "libeleven-packetdrill.so", *sorted(programs)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"coverage.py: {BUILD} cannot be built\n{done.stdout[-3000:]}")
    for old in BUILD.rglob("*.gcda"):
        old.unlink()
    return tests


def run(job):
    name, command, env = job
    done = subprocess.run(command, capture_output=True, env=dict(os.environ, **env), cwd=SOURCE)
    return name, done.returncode


def run_all(tests):
    jobs = [(test["name"], test["cmd"], test["env"]) for test in tests]
    library = BUILD / "libeleven-packetdrill.so"
    jobs.append(("pkt", ["python3", str(SOURCE / "tests/pkt/pkt.py"), f"--library={library}"], {"COVERAGE": "1"}))
    half = SEEDS // 2
    for first, last in ((1, half), (half + 1, SEEDS)):
        jobs.append((f"sim {first}", [str(BUILD / "eleven-sim"), "--seeds", f"{first}..{last}", "--quiet"], {}))
    long = ("sim", "pkt", "stack-test_close", "tcp-test_transitions", "fuzz-record")
    jobs.sort(key=lambda job: not job[0].startswith(long))
    with ThreadPoolExecutor(JOBS) as pool:
        return [name for name, status in pool.map(run, jobs) if status]


def gcov(data):
    done = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", str(data)],
                          capture_output=True, text=True, cwd=BUILD)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def collect():
    """{file: {line: (count, [count of each branch])}}, summed over all objects that contain the line."""
    lines = {}
    objects = BUILD.rglob("*.gcda")
    with ThreadPoolExecutor(JOBS) as pool:
        for report in (one for reports in pool.map(gcov, sorted(objects)) for one in reports):
            for file in report["files"]:
                path = os.path.relpath(os.path.realpath(BUILD / file["file"]), SOURCE)
                if not path.startswith(tuple(f"src/{folder}/" for folder in FOLDERS)):
                    continue
                for line in file["lines"]:
                    count, branches = lines.setdefault(path, {}).get(line["line_number"], (0, []))
                    new = [branch["count"] for branch in line["branches"] if not branch["throw"]]
                    if len(new) < len(branches):
                        new += [0] * (len(branches) - len(new))
                    branches = [a + b for a, b in zip(new, branches + [0] * len(new))]
                    lines[path][line["line_number"]] = (count + line["count"], branches)
    return lines


def lacks_default(source, number):
    """Has the switch on this line a case for each value, and so no default?"""
    line = source[number - 1]
    if not re.match(r"\t+switch \(", line):
        return False
    indent = re.match(r"\t+", line).group()
    for later in source[number:]:
        if later == indent + "}":
            return True
        if later.startswith(indent + "default:"):
            return False
    return False


def branches_of(lines, show):
    """Taken and all, over all files; those of each file that lack some, the worst first."""
    taken = every = 0
    lacking = []
    for path in sorted(lines):
        if path.endswith(".def"):
            continue
        source = (SOURCE / path).read_text().split("\n")
        missing = 0
        for number, (count, branches) in sorted(lines[path].items()):
            if not branches or EXCLUDED.search(source[number - 1]):
                continue
            if lacks_default(source, number) and 0 in branches:
                branches = list(branches)
                branches.remove(0)
            every += len(branches)
            took = sum(1 for branch in branches if branch)
            taken += took
            missing += len(branches) - took
            if show and took < len(branches):
                marks = "".join("+" if branch else "-" for branch in branches)
                print(f"# {path}:{number} {marks} ({count}) {source[number - 1].strip()}")
        if missing:
            lacking.append((missing, path))
    return taken, every, sorted(lacking, reverse=True)


def rules_never_taken(lines):
    path = "src/trace/rules.def"
    never = []
    for number, text in enumerate((SOURCE / path).read_text().split("\n"), 1):
        match = re.match(r"RULE\((\w+),", text)
        if match and lines.get(path, {}).get(number, (0,))[0] == 0:
            never.append(match.group(1))
    return never


def main():
    parser = argparse.ArgumentParser(description="branches of floors 0-3, and rules, that the tests take")
    parser.add_argument("--lines", action="store_true", help="print each line with a branch that is not taken")
    options = parser.parse_args()
    failed = run_all(build())
    for name in failed:
        print(f"# {name} failed here")
    lines = collect()
    taken, every, lacking = branches_of(lines, options.lines)
    share = 100 * taken / max(every, 1)
    for missing, path in lacking[:12]:
        print(f"# {missing} not taken in {path}")
    never = rules_never_taken(lines)
    for name in never:
        print(f"# never taken: {name}")
    print(f"{'' if share >= LEAST else 'not '}ok 1 - {share:.2f} % of {every} branches of floors 0-3 are taken, "
          f"{LEAST:g} % at least")
    print(f"{'not ' if never else ''}ok 2 - every rule of rules.def is taken: {len(never)} are not")
    print("1..2")
    return 1 if never or share < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
