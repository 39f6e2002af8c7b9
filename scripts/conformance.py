#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
conformance.py [--missing] [--strict]: which requirements of the RFCs a test shows.

tests/requirements.tsv has the requirements.  One is met when a test names its id: a label of RFC 9293 in the name of
a unit test (test_MUST_12_...) or in the title of a system test (MUST-12), any other id (5961-§3.2-R1) in a comment at
the test.  One is waived when DEVIATIONS.md has a row for it.

--missing names those of tiers 1 and 2 that are neither; --strict makes them a failure.
"""
import collections
import csv
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
LABEL = re.compile(r"\b(?:test_)?((?:MUST|SHLD|MAY|REC)[-_]\d+)(?!\d)")


def ids_in(text, requirements):
    for match in LABEL.finditer(text):
        yield "9293-" + match.group(1).replace("_", "-")
    for match in re.finditer(r"\b\d{3,4}-§[\w.-]+-[RX]\d+", text):
        if match.group(0) in requirements:
            yield match.group(0)


def main():
    with (SOURCE / "tests" / "requirements.tsv").open(newline="") as table:
        requirements = {row["id"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}
    named = set()
    for path in (SOURCE / "tests").rglob("*"):
        if path.suffix in (".c", ".h", ".py", ".sh", ".pkt"):
            named.update(ids_in(path.read_text(errors="replace"), requirements))
    rows = [line for line in (SOURCE / "DEVIATIONS.md").read_text().splitlines() if line.startswith("|")]
    waived = set(ids_in("\n".join(line.split("|")[1] for line in rows), requirements))

    count = collections.defaultdict(collections.Counter)
    missing = []
    for name, row in requirements.items():
        kind = "met" if name in named else "waived" if name in waived else "missing"
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
    if "--missing" in sys.argv:
        for row in missing:
            print(f"missing: {row['id']} ({row['level']}, {row['section']}): {row['paraphrase']}")
    return 1 if "--strict" in sys.argv and missing else 0


if __name__ == "__main__":
    sys.exit(main())
