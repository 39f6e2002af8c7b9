#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every requirement of tiers 1 and 2 has a test, a place in the code, or a reason; and `eleven rfc` tells which."""
import subprocess
import sys

import tap
from tap import ok

# The unit tests themselves run with `make test` anyway, so that --no-run only leaves them out a second time.
gate = subprocess.run([sys.executable, f"{tap.SOURCE}/scripts/conformance.py", "--no-run", "--tap"], text=True,
                      capture_output=True)
ok(gate.returncode in (0, 1) and gate.stdout.startswith("1.."), "the requirements can be counted", gate.stderr)
faults = []
for line in gate.stdout.splitlines()[1:]:
    if line.startswith("#"):
        faults.append(line[2:])
    else:
        ok(line.startswith("ok"), line.split(" - ", 1)[1], "\n".join(faults))
        faults = []


def rfc(*arguments):
    return subprocess.run(["eleven", "rfc", *arguments], text=True, capture_output=True)


label = rfc("MUST-12")
ok(label.returncode == 0 and "src/tcp/steps.c:" in label.stdout and "test_MUST_12_" in label.stdout and
   label.stdout.startswith("9293-MUST-12: RFC 9293 §3.6, MUST\n"), "a label: words, code and test", label.stdout)
paragraph = rfc("5961-§3.2-R1")
ok("second_check_rst" in paragraph.stdout and "tests/tcp/test_rfc5961.c" in paragraph.stdout,
   "a requirement of a paragraph", paragraph.stdout)
ok(rfc("5961-3.2-r1").stdout == paragraph.stdout and rfc("rfc 5961-§3.2-R1").stdout == paragraph.stdout,
   "as it is typed, too")
ok("waived: DEVIATIONS.md" in rfc("MUST-51").stdout, "one that is waived says so")
one = rfc("5961")
ok(len(one.stdout.splitlines()) == 7 and "5961-§10-R1" in one.stdout, "an RFC: its requirements", one.stdout)
ok("\n9293 " in rfc().stdout, "none: the RFCs", rfc().stdout)
ok('"id":"9293-MUST-12"' in rfc("--json", "MUST-12").stdout, "JSON")
unknown = rfc("MUST-4711")
ok(unknown.returncode == 2 and unknown.stderr.count("\n") == 1 and "'MUST-4711'" in unknown.stderr and
   "'eleven rfc' lists" in unknown.stderr, "an id that is none: one line with the remedy", unknown.stderr)
tap.plan()
