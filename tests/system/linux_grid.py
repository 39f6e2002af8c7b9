#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 240
# needs: tun
"""
linux_grid.py: one segment into each state, by flags, SEQ and ACK, given to this kernel and to eleven under the
profiles linux and modern; where they differ, tests/differences.tsv must say why.
"""
import fnmatch
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"])
PROBER = pathlib.Path(os.environ["BUILD"]) / "tests" / "linux-grid"
PROFILES = ("linux", "modern")


def grid(which):
    """The outcome of every cell: (state, flags, seq, ack) -> "answers / state after"."""
    done = subprocess.run([PROBER, which], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"linux-grid {which}: {done.stderr.strip() or done.returncode}")
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {tuple(row[:4]): f"{row[4]} / {row[5]}" for row in rows}


def text():
    return (SOURCE / "tests" / "differences.tsv").read_text()


def explanations():
    for line in text().splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def fits(pattern, value):
    return any(fnmatch.fnmatchcase(value, one) for one in pattern.split("|"))


def main():
    print(f"1..{len(PROFILES) + 3}")
    kernel = grid("kernel")
    missed = [cell for cell, outcome in kernel.items() if outcome.startswith("not reached")]
    print(f"{'not ' if missed else ''}ok 1 - every state is reached on the kernel in all of {len(kernel)} cells")
    rows = list(explanations())
    bad = [row for row in rows if len(row) != 9 or row[7] not in ("eleven", "linux", "either")]
    print(f"{'not ' if bad else ''}ok 2 - each row of differences.tsv has nine fields and says who is right")
    used, failed = set(), bool(missed or bad)
    for number, profile in enumerate(PROFILES, 3):
        ours = grid(profile)
        differing = [cell for cell in kernel if kernel[cell] != ours.get(cell)]
        unexplained = []
        for cell in differing:
            found = [i for i, row in enumerate(rows) if len(row) == 9 and
                     all(fits(p, v) for p, v in zip(row[:7], (profile, *cell, kernel[cell], ours[cell])))]
            used.update(found[:1])
            if not found:
                unexplained.append(f"#   {' '.join(cell)}: Linux {kernel[cell]}, eleven {ours[cell]}")
        failed = failed or bool(unexplained)
        verdict = "not ok" if unexplained else "ok"
        print(f"{verdict} {number} - profile {profile}: {len(differing)} of {len(kernel)} cells "
              "differ from Linux, each explained")
        print("\n".join(unexplained[:60]))
    idle = [row for i, row in enumerate(rows) if i not in used]
    known = [line.split()[2] for line in text().splitlines() if line.startswith("# kernel ")]
    if not os.uname().release.startswith(tuple(f"{version}." for version in known)):
        print(f"ok {len(PROFILES) + 3} - each row explains a cell # SKIP rows are of Linux {known[0]}, "
              f"this is {os.uname().release}")
        return 1 if failed else 0
    print(f"{'not ' if idle else ''}ok {len(PROFILES) + 3} - each row of differences.tsv explains a cell")
    for row in idle:
        print("#   " + " ".join(row[:7]))
    return 1 if failed or idle else 0


if __name__ == "__main__":
    sys.exit(main())
