#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 600
"""Every script of tests/pkt once more, with a clock that the stack reads in steps of 1 us, 1 ms and 10 ms."""
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("SOURCE", ".")).resolve()
STEPS = {"1 us": 1000, "1 ms": 1000000, "10 ms": 10000000}


def main():
    bad = 0
    print(f"1..{len(STEPS)}")
    for at, (name, step) in enumerate(STEPS.items(), 1):
        done = subprocess.run([sys.executable, str(SOURCE / "tests" / "pkt" / "pkt.py"), "--family=4",
                               f"--flags=clock={step}"], capture_output=True, text=True)
        scripts = len(re.findall(r"^(?:not )?ok ", done.stdout, re.M))
        failed = [line for line in done.stdout.splitlines() if line.startswith(("not ok", "# "))]
        for line in failed:
            print(f"# {line.lstrip('# ')}")
        good = done.returncode == 0 and scripts > 200 and not failed
        print(f"{'' if good else 'not '}ok {at} - {scripts} scripts by a clock of {name}", flush=True)
        bad += not good
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
