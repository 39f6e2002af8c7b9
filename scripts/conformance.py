#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
conformance.py [--missing] [--strict] [--no-run] [RFC ...]: which requirements of the RFCs a test shows.

tests/requirements.tsv has the requirements.  One is met when a unit test that names its id passes.  A test names it by
a label of RFC 9293 in its own name (test_MUST_12_...), or by any id (MUST-12, 5961-§3.2-R1) in its body or in the
comment right above it.  The unit tests of the build directory (BUILD, default build) are built and run for this.  A
title of a system test (MUST-12) or an id in one counts too; those tests run with `make test`, not here, and are
counted apart.  A requirement is waived when DEVIATIONS.md has a row for it.

--missing names those of tiers 1 and 2 that are neither; --strict makes them, and tests that fail, a failure; --no-run
takes every test to pass; with RFC numbers only those are shown.
"""
import collections
import csv
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = (SOURCE / os.environ.get("BUILD", "build")).resolve()
LABEL = re.compile(r"\b(?:test_)?((?:MUST|SHLD|MAY|REC)[-_]\d+)(?!\d)")
OTHER = re.compile(r"\b\d{3,4}-§[\w.-]+-[RX]\d+")
FUNCTION = re.compile(r"^static void (test_\w+)\(", re.M)


def ids_in(text, requirements):
    for match in LABEL.finditer(text):
        yield "9293-" + match.group(1).replace("_", "-")
    for match in OTHER.finditer(text):
        if match.group(0) in requirements:
            yield match.group(0)


def named_by_units(requirements):
    """id -> {(program, test)} of the C tests."""
    named = collections.defaultdict(set)
    for path in sorted((SOURCE / "tests").rglob("test_*.c")):
        text = path.read_text(errors="replace")
        program, before = f"{path.parent.name}-{path.stem}", 0
        for match in FUNCTION.finditer(text):
            end = re.compile(r"^}", re.M).search(text, match.end())
            end = end.end() if end else len(text)
            own = text[match.start():end]
            above = re.search(r"/\*(?:[^*]|\*(?!/))*\*/\s*\Z", text[before:match.start()])
            for name in ids_in((above.group(0) if above else "") + own, requirements):
                named[name].add((program, match.group(1)))
            before = end
    return named


def named_by_systems(requirements):
    named = set()
    for path in (SOURCE / "tests").rglob("*"):
        if path.suffix in (".py", ".sh", ".pkt"):
            named.update(ids_in(path.read_text(errors="replace"), requirements))
    return named


def passed_units(programs):
    """{(program, test)} that pass, of these programs; and those that fail."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD)], cwd=SOURCE, check=True, capture_output=True)
    built = subprocess.run(["ninja", "-C", str(BUILD), *[f"tests/{name}" for name in programs]], capture_output=True,
                           text=True)
    if built.returncode:
        sys.exit(f"conformance: the tests cannot be built\n{built.stdout[-2000:]}")
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", str(BUILD)], capture_output=True, text=True,
                                       check=True).stdout)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", BUILD=str(BUILD), SOURCE=str(SOURCE))
    passed, failed = set(), set()
    for test in listed:
        if test["name"] not in programs:
            continue
        done = subprocess.run(test["cmd"], cwd=SOURCE, env=env, capture_output=True, text=True, errors="replace",
                              timeout=600)
        for match in re.finditer(r"^(not )?ok\b\s*\d*\s*(?:- )?(\S+)[^#\n]*(#\s*skip)?", done.stdout + done.stderr,
                                 re.M | re.I):
            if not match.group(3):
                (failed if match.group(1) else passed).add((test["name"], match.group(2)))
    return passed - failed, failed


def main():
    with (SOURCE / "tests" / "requirements.tsv").open(newline="") as table:
        requirements = {row["id"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}
    units, systems = named_by_units(requirements), named_by_systems(requirements)
    everything = set().union(*units.values())
    passed, failed = everything, set()
    if "--no-run" not in sys.argv:
        passed, failed = passed_units({program for program, _ in everything})
    met = {name for name, tests in units.items() if tests & passed and not tests & failed}
    rows = [line for line in (SOURCE / "DEVIATIONS.md").read_text().splitlines() if line.startswith("|")]
    waived = set(ids_in("\n".join(line.split("|")[1] for line in rows), requirements))
    only = {argument for argument in sys.argv[1:] if not argument.startswith("-")}

    count = collections.defaultdict(collections.Counter)
    missing = []
    for name, row in requirements.items():
        kind = "met" if name in met or name in systems else "waived" if name in waived else "missing"
        if only and row["rfc"] not in only:
            continue
        count[row["rfc"]][f"{row['tier']} {kind}"] += 1
        if kind == "missing" and row["tier"] in ("1", "2"):
            missing.append(row)

    print(f"{'RFC':>6}   tier 1: met waived missing   tier 2: met waived missing   tier 3: met waived missing")
    total = collections.Counter()
    for counts in count.values():
        total.update(counts)
    for rfc, counts in [*sorted(count.items(), key=lambda item: item[0].zfill(5)), ("all", total)]:
        print(f"{rfc:>6.6}" + "".join("{:14d} {:6d} {:7d}".format(*(counts[f"{tier} {kind}"]
                                    for kind in ("met", "waived", "missing"))) for tier in (1, 2, 3)))
    apart = [name for name in systems if name in requirements and name not in met]
    if apart:
        print(f"{len(apart)} of those met are shown by system tests alone, which were not run here")
    for program, test in sorted(failed & everything):
        print(f"fails: {program} {test}: " +
              " ".join(sorted(name for name, tests in units.items() if (program, test) in tests)))
    if "--missing" in sys.argv:
        for row in missing:
            print(f"missing: {row['id']} ({row['level']}, {row['section']}): {row['paraphrase']}")
    return 1 if "--strict" in sys.argv and (missing or failed & everything) else 0


if __name__ == "__main__":
    sys.exit(main())
