#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
requirements.py OUT.c [DEPFILE]: the table behind `eleven rfc`: each requirement with its words, where the code for it
is, and which tests show it.  scripts/conformance.py counts with the same functions.

tests/requirements.tsv  the requirements, in our words
tests/places.tsv        ids, a file, and a place in it: the name of a function, or a text that a line contains
tests/mutants.tsv       ids, a file, and the very text that a test cannot do without
tests/not-yet.tsv       a requirement, or the number of an RFC, and why it is not built yet
DEVIATIONS.md           the first column of a table waives

A comment of the code that names an id is a place too, and so is a rule whose paragraph in rules.def names one.
"""
import collections
import csv
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
LABEL = re.compile(r"\b(?:test_)?((?:MUST|SHLD|MAY|REC)[-_]\d+)(?!\d)")
OTHER = re.compile(r"\b\d{3,4}-§[\w.-]+-[RX]\d+")
FUNCTION = re.compile(r"^static void (test_\w+)\(", re.M)
RULE = re.compile(r'^RULE\((\w+),\s*"([^"]*)"')
FOLDERS = ("src", "include")

read_files = set()


def file_text(path):
    read_files.add(path)
    return path.read_text(errors="replace")


def table_read(name):
    read_files.add(SOURCE / "tests" / name)
    with (SOURCE / "tests" / name).open(newline="") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


def requirements_read():
    return {row["id"]: row for row in table_read("requirements.tsv")}


def ids_in(text, requirements):
    for match in LABEL.finditer(text):
        yield "9293-" + match.group(1).replace("_", "-")
    for match in OTHER.finditer(text):
        if match.group(0) in requirements:
            yield match.group(0)


# ---- tests

def named_by_units(requirements):
    """id -> {(program, test)} of the C tests."""
    named = collections.defaultdict(set)
    for path in sorted((SOURCE / "tests").rglob("test_*.c")):
        text = file_text(path)
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
    """id -> {file} of the system tests and the scripts in packetdrill's notation."""
    named = collections.defaultdict(set)
    for path in sorted((SOURCE / "tests").rglob("*")):
        # conformance.py shows this table, and no requirement.
        if path.suffix in (".py", ".sh", ".pkt") and path.name != "conformance.py":
            for name in ids_in(file_text(path), requirements):
                named[name].add(str(path.relative_to(SOURCE)))
    return named


# ---- what is not there

def waived(requirements):
    rows = [line for line in file_text(SOURCE / "DEVIATIONS.md").splitlines() if line.startswith("|")]
    return set(ids_in("\n".join(line.split("|")[1] for line in rows), requirements))


def not_yet_rows(requirements):
    """what is not built -> (why, the ids)."""
    return {row["what"]: (row["reason"], [name for name, requirement in requirements.items()
                                          if row["what"] in (name, requirement["rfc"])])
            for row in table_read("not-yet.tsv")}


def not_yet(requirements):
    """id -> why it is not built."""
    return {name: reason for reason, names in not_yet_rows(requirements).values() for name in names}


# ---- places in the code

def line_of_function(lines, name):
    for number, line in enumerate(lines):
        if re.match(rf"[a-z#].*\b{name}\(", line) and not line.rstrip().endswith(";"):
            return number
    return None


def line_of(lines, place):
    number = line_of_function(lines, place) if re.fullmatch(r"\w+", place) else None
    if number is not None:
        return number
    return next((number for number, line in enumerate(lines) if place in line), None)


def code_after(lines, number):
    """The first line of code at or behind a comment."""
    inside = False
    for at in range(number, min(number + 60, len(lines))):
        line = lines[at].strip()
        before = line.split("/*")[0].strip() if "/*" in line else "" if inside or line.startswith("*") else line
        if before and not before.startswith(("*", "//")):
            return at
        inside = ("/*" in line or inside) and "*/" not in line
    return number


def source_files():
    for folder in FOLDERS:
        yield from sorted(path for path in (SOURCE / folder).rglob("*") if path.suffix in (".c", ".h", ".def"))


def places(requirements):
    """(id -> [(file, line number, the line)], what is wrong with the tables)."""
    found, faults = collections.defaultdict(dict), []
    texts = {str(path.relative_to(SOURCE)): file_text(path).splitlines() for path in source_files()}

    def note(name, file, number):
        found[name][(file, number)] = texts[file][number].strip()

    rules = {}
    for line in texts["src/trace/rules.def"]:
        match = RULE.match(line)
        for name in ids_in(match.group(2), requirements) if match else ():
            rules[match.group(1)] = name
    for row in table_read("mutants.tsv"):
        name = row["id"] if row["id"] in requirements else "9293-" + row["id"]
        first = row["text"].replace("\\n", "\n").replace("\\t", "\t").splitlines()[0]
        number = next((n for n, line in enumerate(texts.get(row["file"], ())) if first in line), None)
        if number is None:
            faults.append(f"tests/mutants.tsv: {row['file']} has no line with {first!r}")
        else:
            note(name, row["file"], number)
    for row in table_read("places.tsv"):
        number = line_of(texts.get(row["file"], ()), row["place"])
        if number is None:
            faults.append(f"tests/places.tsv: {row['file']} has no {row['place']!r}")
            continue
        for name in row["ids"].split():
            if name not in requirements:
                faults.append(f"tests/places.tsv: there is no requirement {name}")
            note(name, row["file"], number)
    for file, lines in texts.items():
        for number, line in enumerate(lines):
            if file == "src/trace/rules.def":
                continue
            for name in ids_in(line, requirements):
                note(name, file, code_after(lines, number))
            for match in re.finditer(r"\b(?:rule\([^()]*(?:\([^()]*\))?[^()]*, |RULE_)(\w+)", line):
                if match.group(1) in rules:
                    note(rules[match.group(1)], file, number)
    return {name: [(file, number + 1, line) for (file, number), line in at.items()] for name, at in found.items()}, \
        faults


# ---- the table for the program

def c_string(text):
    return '"' + "".join(f"\\{c}" if c in '"\\' else "\\n" if c == "\n" else "\\t" if c == "\t" else c
                         for c in text).replace("??", "?\\?") + '"'


def table_write(out):
    requirements = requirements_read()
    units, systems = named_by_units(requirements), named_by_systems(requirements)
    waivers, reasons = waived(requirements), not_yet(requirements)
    where, _ = places(requirements)
    with out.open("w") as file:
        file.write("/* Made by scripts/requirements.py. */\n")
        for name, row in requirements.items():
            code = "\n".join(f"{at}:{number}\t{line}" for at, number, line in where.get(name, ()))
            tests = "\n".join(["tests/{}/{}.c\t{}".format(*program.split("-", 1), test)
                               for program, test in sorted(units.get(name, ()))] +
                              sorted(systems.get(name, ())))
            status = "tested" if tests else "waived" if name in waivers else "not yet" if name in reasons else \
                "not built"
            fields = (name, row["rfc"], row["section"], row["level"], row["tier"], row["paraphrase"], status,
                      reasons.get(name, "") if status == "not yet" else "", code, tests)
            file.write("{ " + ", ".join(map(c_string, fields)) + " },\n")


def main():
    out = pathlib.Path(sys.argv[1])
    table_write(out)
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text(f"{out}: " + " ".join(str(path) for path in sorted(read_files)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
