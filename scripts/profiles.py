#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
profiles.py [--find] [BUILD] [WORD]: the unit tests whose configuration is a profile's, under `strict` and `linux`;
and those with a scripted peer by clocks that are read in steps of 1 us, 1 ms and 10 ms.

They are written for `modern`.  A test that is about a choice which another profile makes differently fails there;
tests/profiles.tsv says which, and which rows of the configuration have to stay as modern's for it (`eleven config`
says what they are and on what ground; `profile` is what the code asks of the profile itself).  Such a test runs with
those rows alone kept, so that nothing else of the profile matters to it.  A row that is not needed any more fails.
What the other profile does instead is shown by tests of its own, which say so (ELEVEN_LINUX, ELEVEN_STRICT).  The step
of a clock has no exceptions: what a test expects is loosened by the step itself (tests/tcp/script.h).  Prints TAP, a
line for each test and profile or step.

--find writes the table anew: the fewest rows with which each test holds.  WORD: only programs with this in their name.
"""
import collections
import csv
import itertools
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SOURCE = pathlib.Path(__file__).resolve().parent.parent
GIVEN = [word for word in sys.argv[1:] if not word.startswith("-")]
BUILD = (SOURCE / (GIVEN.pop(0) if GIVEN and "/" in GIVEN[0] else os.environ.get("BUILD", "build"))).resolve()
TABLE = SOURCE / "tests" / "profiles.tsv"
PROFILES = ("strict", "linux")
JOBS = int(os.environ.get("JOBS", os.cpu_count() or 1))
# These run under all profiles by themselves (every row under those that it names), hold figures of one, or talk with
# the kernel in real time, where a profile only makes them wait.
STEPS = {"1 us": 1000, "1 ms": 1000000, "10 ms": 10000000}
LEFT_OUT = {"tcp-test_transitions", "stack-test_goodput", "vulnerabilities-test_goodput", "ip-test_kernel"}


def run(program, profile, keep=(), step=1):
    """test -> does it pass?"""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", SOURCE=str(SOURCE), PROFILE=profile, KEEP=",".join(keep),
               STEP=str(step))
    done = subprocess.run([str(BUILD / "tests" / program)], env=env, cwd=SOURCE, capture_output=True, text=True,
                          errors="replace", timeout=300)
    return {match.group(2): not match.group(1)
            for match in re.finditer(r"^(not )?ok \d+ - (.*)", done.stdout, re.M)}


def table_read():
    with TABLE.open(newline="") as table:
        return {(row["program"], row["test"], row["profile"]): tuple(row["keep"].split(","))
                for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}


def rows_of(profile):
    """What differs from modern."""
    text = (SOURCE / "include" / "eleven-config.def").read_text()
    column = 2 + PROFILES.index(profile)
    rows = ["profile"]
    for match in re.finditer(r"^CONFIG\((\w+),\s*\w+,(.*)$", text, re.M):
        values = [value.strip() for value in match.group(2).split(",")]
        if values[2] != values[1 + column]:
            rows.append(match.group(1))
    return rows


def fewest(program, profile, tests):
    """test -> the rows that each of these needs, every one of which it needs."""
    rows = rows_of(profile)
    with_all = run(program, profile, rows)
    for test in tests:
        if not with_all.get(test):
            print(f"profiles: {test} of {program} fails under {profile} with every row of modern's", file=sys.stderr)
    with ThreadPoolExecutor(JOBS) as pool:
        without = list(pool.map(lambda row: run(program, profile, [one for one in rows if one != row]), rows))
    needed = {test: tuple(row for row, outcome in zip(rows, without) if not outcome.get(test)) for test in tests}
    for test, keep in needed.items():
        if run(program, profile, keep).get(test):
            continue
        keep = rows                     # of several any one would do: the last of them is kept
        for row in rows:
            without = [one for one in keep if one != row]
            keep = without if run(program, profile, without).get(test) else keep
        needed[test] = tuple(keep)
    return needed


def includes(path, header):
    for name in re.findall(r'^#include "(.*)"', path.read_text(), re.M):
        for near in (path.parent / name, path.parent.parent / name):
            if near.exists():
                if near.name == header or includes(near, header):
                    return True
                break
    return False


def programs(word, header="profile.h", left_out=LEFT_OUT):
    """Those of the build that have this header: tests/tcp/test_limits.c is tcp-test_limits."""
    names = [f"{path.parent.name}-{path.stem}" for path in sorted((SOURCE / "tests").glob("*/test_*.c"))
             if includes(path, header)]
    return [name for name in names if (BUILD / "tests" / name).exists() and name not in left_out and word in name]


def judge(job, table):
    """[(title, fault or None)] of one program under one profile."""
    program, profile = job
    plain, kept, results = run(program, profile), {}, []
    for test, passed in plain.items():
        keep = table.get((program, test, profile))
        if keep and keep not in kept:
            kept[keep] = run(program, profile, keep)
        fault = None
        if keep and passed:
            fault = "holds without what tests/profiles.tsv keeps for it"
        elif not (kept[keep] if keep else plain)[test]:
            fault = "fails" + (f" with {', '.join(keep)} of modern's, too" if keep else "")
        results.append((f"{profile}: {program} {test}" + (f", but {', '.join(keep)}" if keep else ""), fault))
    if not plain:
        results.append((f"{profile}: {program}", "prints no result"))
    return results


def judge_step(job):
    program, step = job
    results = run(program, "modern", step=STEPS[step])
    title = f"clock of {step}: {program}"
    return [(f"{title} {test}", None if passed else "fails") for test, passed in results.items()] or \
        [(title, "prints no result")]


def find(word):
    table = {key: keep for key, keep in table_read().items() if word not in key[0]}

    def one(job):
        failed = [test for test, passed in run(*job).items() if not passed]
        return job, fewest(*job, failed) if failed else {}

    with ThreadPoolExecutor(JOBS) as pool:
        for (program, profile), needed in pool.map(one, [(one, two) for one in programs(word) for two in PROFILES]):
            table |= {(program, test, profile): keep for test, keep in needed.items()}
    with TABLE.open("w") as file:
        file.write("program\ttest\tprofile\tkeep\n")
        for (program, test, profile), keep in sorted(table.items()):
            file.write(f"{program}\t{test}\t{profile}\t{','.join(keep)}\n")


def main():
    word = GIVEN[0] if GIVEN else ""
    if "--find" in sys.argv:
        return find(word)
    table = table_read()
    jobs = [(program, profile) for program in programs(word) for profile in PROFILES]
    count, bad, seen = 0, 0, collections.Counter()
    with ThreadPoolExecutor(JOBS) as pool:
        clocks = [(program, step) for program in programs(word, "script.h", set()) for step in STEPS]
        for results in itertools.chain(pool.map(lambda job: judge(job, table), jobs), pool.map(judge_step, clocks)):
            for title, fault in results:
                count, bad = count + 1, bad + (fault is not None)
                seen[title.split(",")[0]] += 1
                if fault:
                    print(f"# {fault}")
                print(f"{'not ok' if fault else 'ok'} {count} - {title}", flush=True)
    for program, test, profile in table:
        if word in program and not seen[f"{profile}: {program} {test}"]:
            count, bad = count + 1, bad + 1
            print(f"not ok {count} - tests/profiles.tsv: there is no {program} {test}")
    print(f"1..{count}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
