#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
vulnerabilities.py [--list] [ID ...]: which classes of historical bugs in TCP/IP stacks have a test here.

tests/vulnerabilities.tsv has the classes.  A test shows one when its name has the id, alone or among others
(test_V8_..., test_V83_V84_...), or when the column `tests` names it: folder-test_file:test_name of a unit test,
fuzz-name of a fuzz target, or system/file.py.  A class without one must say in the column `reason` why.

Prints TAP: each id with its tests, as they run with `make test`.  --list prints them alone, for people.
"""
import collections
import csv
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
TESTS = SOURCE / "tests"
FUNCTION = re.compile(r"^static void (test_\w+)\(", re.M)
IDS = re.compile(r"(?<![A-Za-z0-9])V(\d+)(?=_|$)")


def units_there():
    """program:test of every unit test that its program runs."""
    there = set()
    for path in sorted(TESTS.rglob("test_*.c")):
        text = path.read_text(errors="replace")
        listed = (path.parent / "meson.build").read_text() if (path.parent / "meson.build").exists() else ""
        if f"'{path.name}'" not in listed:
            continue
        there.update(f"{path.parent.name}-{path.stem}:{name}" for name in FUNCTION.findall(text)
                     if len(re.findall(rf"\b{name}\b", text)) > 1)        # in the list of its program, too
    return there


def others_there():
    there = {f"system/{path.name}" for path in (TESTS / "system").iterdir() if path.suffix in (".py", ".sh")}
    there.update(f"fuzz-{path.stem[5:]}" for path in (SOURCE / "fuzz").glob("fuzz_*.c"))
    return there


def main():
    units, others = units_there(), others_there()
    by_name = collections.defaultdict(set)
    for test in units:
        for number in IDS.findall(test.split(":test", 1)[1]):
            by_name[f"V{number}"].add(test)
    with (TESTS / "vulnerabilities.tsv").open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    only = {argument for argument in sys.argv[1:] if re.fullmatch(r"V\d+", argument)}
    plain, failed = "--list" in sys.argv, 0
    known = {row["id"] for row in rows}
    if not plain:
        print(f"1..{len(rows) + 1}")
    for number, row in enumerate(rows, 1):
        named = set(row["tests"].split())
        gone = sorted(named - units - others)
        tests = sorted(by_name[row["id"]] | (named - set(gone)))
        good = not gone and bool(tests or row["reason"])
        failed += not good
        if only and row["id"] not in only:
            continue
        if plain:
            print(f"{row['id']:5} {row['class']}")
            for line in tests or [f"none: {row['reason']}" if row["reason"] else "none"]:
                print(f"      {line}")
            continue
        for name in gone:
            print(f"# the table names {name}, which there is not")
        what = f"{len(tests)} tests, {tests[0]} first" if tests else row["reason"] or "no test"
        print(f"{'' if good else 'not '}ok {number} - {row['id']} {row['class']}: {what}".replace("#", ""))
    strays = sorted(set(by_name) - known, key=lambda name: int(name[1:]))
    if not plain:
        print(f"{'not ' if strays else ''}ok {len(rows) + 1} - tests name no other classes {' '.join(strays)}")
    return 1 if failed or strays else 0


if __name__ == "__main__":
    sys.exit(main())
