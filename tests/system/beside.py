#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
# needs: tun
"""
Over a poor wire eleven is not far below the kernel's TCP on the same wire in real time, and shares one with it.

The bounds are wide: transfers are short and the machine may be busy.  The figures are bench/beside.c's own.
"""
import os
import subprocess

import tap
from tap import ok

BESIDE = os.path.join(os.environ["BUILD"], "eleven-beside")


def main():
    done = subprocess.run([BESIDE, "-s", "4", "-j", "2", "-t", "20", "-r", "10", "-l", "0,2,5"], capture_output=True,
                          text=True, timeout=240)
    if "no cubic" in done.stderr:
        tap.skip("goodput beside the kernel", done.stderr.strip())
        return
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:] if not line.startswith("#")]
    ok(done.returncode == 0 and len(rows) == 3, "three cells are measured", done.stdout + done.stderr)
    for loss, rtt, rate, kernel, eleven, _percent in rows:
        ok(float(eleven) >= 0.5 * float(kernel) > 0, f"loss {loss}, {rtt} ms, {rate} Mbit/s: not far below the kernel",
           f"kernel {kernel}, eleven {eleven} kbit/s")
    shared = [line for line in done.stdout.splitlines() if "Jain" in line]
    ok(len(shared) == 1 and float(shared[0].split()[-1]) >= 0.6, "a wire is shared with the kernel's CUBIC",
       "".join(shared))


if __name__ == "__main__":
    main()
    tap.plan()
