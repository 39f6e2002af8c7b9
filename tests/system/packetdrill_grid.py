#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
"""One segment into every state through the plug-in, as RFC 9293 with RFC 5961 has it; see tests/pkt/grid.py."""
import os
import pathlib
import subprocess
import sys

GRID = pathlib.Path(os.environ.get("SOURCE", ".")).resolve() / "tests" / "pkt" / "grid.py"
RUNS = [("modern", 4, 3), ("strict", 4, 7), ("modern", 6, 7)]          # the last: each so manieth cell

print(f"1..{len(RUNS)}")
failed = False
for number, (profile, family, every) in enumerate(RUNS, 1):
    done = subprocess.run([sys.executable, GRID, f"--profile={profile}", f"--family={family}", f"--every={every}"],
                          text=True, capture_output=True)
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    failed |= done.returncode != 0
    print(f"{'not ' if done.returncode else ''}ok {number} - profile {profile}, IPv{family}: {last}")
    if done.returncode:
        print("\n".join(f"# {line.lstrip('# ')}" for line in (done.stdout + done.stderr).splitlines()[:60]))
sys.exit(1 if failed else 0)
