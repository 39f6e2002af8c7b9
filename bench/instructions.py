#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
instructions.py PROGRAM [--json]: instructions per unit of work, counted by callgrind.

Times swing with the machine's neighbours; counts do not, so they are what a change is judged by.  The work is run
twice, once with twice as much, and the difference divided: what happens once, the set-up, cancels out.
"""
import json
import os
import re
import subprocess
import sys

# figure, title, work, units of work in it for each peer (eleven's segments carry timestamps)
WORKS = [
    ("goodput-1460", "instructions per segment of 1460 B, with its share of ACKs", 8 << 20,
     {"eleven": (8 << 20) / 1448, "lwip": (8 << 20) / 1460}),
    ("goodput-16000", "instructions per segment of 16000 B, with its share of ACKs", 32 << 20,
     {"eleven": (32 << 20) / 15988, "lwip": (32 << 20) / 16000}),
    ("open-close", "instructions per connection opened and closed, both ends", 1024, {"eleven": 1024, "lwip": 1024}),
    ("open-close-1000", "the same beside 1000 idle connections", 1024, {"eleven": 1024, "lwip": 1024}),
    ("round-trips", "instructions per round trip of 1 byte, both ends", 2000, {"eleven": 2000, "lwip": 2000}),
]

# Or copies of more than a few KiB are counted byte by byte.
ENVIRONMENT = dict(os.environ, GLIBC_TUNABLES="glibc.cpu.x86_rep_movsb_threshold=1000000000")


def count(program, figure, peer, work):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "--only", figure,
                           "--exactly", "--peer", peer, "--work", str(work), "--no-kernel"],
                          capture_output=True, text=True, env=ENVIRONMENT)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"instructions.py: {figure} of {peer}: {(done.stderr or 'no count').splitlines()[-1]}")
    return int(found.group(1))


def main():
    program, as_json = sys.argv[1], "--json" in sys.argv[2:]
    only = next((argument.split("=", 1)[1] for argument in sys.argv[2:] if argument.startswith("--peer=")), None)
    for figure, title, work, units in WORKS:
        counts = {peer: (count(program, figure, peer, 2 * work) - count(program, figure, peer, work)) / units[peer]
                  for peer in units if only in (None, peer)}
        if as_json:
            print(json.dumps({"figure": "instructions-" + figure, "unit": "instructions",
                              **{peer: {"median": round(n)} for peer, n in counts.items()}}))
        else:
            text = "".join(f"  {peer} {n:.0f}" for peer, n in counts.items())
            if len(counts) == 2:
                text += f"  ratio {counts['lwip'] / counts['eleven']:.2f}"
            print(f"{title:<64}{text}", flush=True)


if __name__ == "__main__":
    main()
