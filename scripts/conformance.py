#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
conformance.py [--missing] [--places] [--no-run] [--tap] [RFC ...]: which requirements of the RFCs a test shows.

tests/requirements.tsv has the requirements.  One is met when a unit test that names its id passes.  A test names it by
a label of RFC 9293 in its own name (test_MUST_12_...), or by any id (MUST-12, 5961-§3.2-R1) in its body or in the
comment right above it.  The unit tests of the build directory (BUILD, default build) are built and run for this.  A
title of a system test (MUST-12) or an id in one counts too; those tests run with `make test`, not here, and are
counted apart.  A requirement is waived when DEVIATIONS.md has a row for it, and not yet built when tests/not-yet.tsv
says so with the reason; a row there of which all is met is a failure as well, so that the list stays true.

A failure, and exit status 1, is every requirement of tier 1 or 2 that is none of these; every test that names one and
fails; and every requirement of tier 1 or 2 that is met and of which nobody says where in the code (see
scripts/requirements.py).

--missing names the requirements of tier 3 that are not met, too; --places prints where the code for each is; --no-run
takes every test to pass; --tap prints a line of TAP for each RFC; with RFC numbers only those are shown.
"""
import collections
import json
import os
import re
import subprocess
import sys

import requirements as table

SOURCE = table.SOURCE
BUILD = (SOURCE / os.environ.get("BUILD", "build")).resolve()
KINDS = ("met", "waived", "not yet", "missing")


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


def kind_of(name, met, waived, reasons):
    return "met" if name in met else "waived" if name in waived else "not yet" if name in reasons else "missing"


def table_print(count):
    print(f"{'RFC':>11}" + "".join(f"   tier {tier}: met waived not-yet missing" for tier in (1, 2, 3)))
    total = collections.Counter()
    for counts in count.values():
        total.update(counts)
    for rfc, counts in [*sorted(count.items(), key=lambda item: item[0].zfill(5)), ("all", total)]:
        print(f"{rfc:>11.11}" + "".join("{:14d} {:6d} {:7d} {:7d}".format(*(counts[f"{tier} {kind}"]
                                        for kind in KINDS)) for tier in (1, 2, 3)))


def tap_print(count, faults):
    rfcs = sorted(set(count) | set(faults), key=lambda rfc: rfc.zfill(5))
    print(f"1..{len(rfcs)}")
    for number, rfc in enumerate(rfcs, 1):
        met, waivers, later = (sum(count[rfc][f"{tier} {kind}"] for tier in (1, 2)) for kind in KINDS[:3])
        for fault in faults.get(rfc, ()):
            print(f"# {fault}")
        print(f"{'not ok' if faults.get(rfc) else 'ok'} {number} - RFC {rfc}: {met} met, {waivers} waived, "
              f"{later} not yet")


def main():
    options = {argument for argument in sys.argv[1:] if argument.startswith("-")}
    only = set(sys.argv[1:]) - options
    requirements = table.requirements_read()
    units, systems = table.named_by_units(requirements), table.named_by_systems(requirements)
    everything = set().union(*units.values())
    passed, failed = everything, set()
    if "--no-run" not in options:
        passed, failed = passed_units({program for program, _ in everything})
    met = {name for name, tests in units.items() if tests & passed and not tests & failed} | set(systems)
    waived, reasons = table.waived(requirements), table.not_yet(requirements)
    where, wrong = table.places(requirements)

    count, faults = collections.defaultdict(collections.Counter), collections.defaultdict(list)
    for text in wrong:
        faults["tables"].append(text)
    for what, (_, names) in table.not_yet_rows(requirements).items():
        if not set(names) - met:
            faults["tables"].append(f"tests/not-yet.tsv: nothing of {what} is left to be built")
    for name in sorted(set(units) | set(systems)):
        if name not in requirements:
            faults["tables"].append(f"a test names {name}, which no requirement has")
    for name, row in requirements.items():
        if only and row["rfc"] not in only:
            continue
        kind, matters = kind_of(name, met, waived, reasons), row["tier"] in ("1", "2")
        count[row["rfc"]][f"{row['tier']} {kind}"] += 1
        if kind == "missing" and (matters or "--missing" in options):
            text = f"missing: {name} ({row['level']}, {row['section']}): {row['paraphrase']}"
            if matters:
                faults[row["rfc"]].append(text)
            else:
                print(text)
        if kind == "met" and matters and name not in where:
            faults[row["rfc"]].append(f"no place in the code: {name}: add it to tests/places.tsv")
        if "--places" in options:
            for file, number, line in where.get(name, ()):
                print(f"{name}\t{file}:{number}\t{line}")
    for program, test in sorted(failed & everything):
        names = sorted(name for name, tests in units.items() if (program, test) in tests)
        faults[requirements.get(names[0], {"rfc": "tables"})["rfc"]].append(f"fails: {program} {test}: " +
                                                                          " ".join(names))
    if only:
        faults = {rfc: texts for rfc, texts in faults.items() if rfc in only}
    if "--tap" in options:
        tap_print(count, faults)
        return 1 if faults else 0
    table_print(count)
    apart = [name for name in systems if name in requirements and name not in units]
    print(f"{len(apart)} of those met are shown by system tests alone, which were not run here")
    for texts in faults.values():
        print("\n".join(texts))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
