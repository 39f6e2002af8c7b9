#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
"""The same program on the kernel's TCP and on eleven: what it prints must be equal, line by line.

The programs are tests/programs/*.c, plain POSIX, one subject each; no expectations are written down anywhere but in
the kernel's own answers.  Each runs on the loopback of a virtual host.
"""
import difflib
import os
import pathlib
import subprocess

import tap
from tap import ok, run

SCRATCH = pathlib.Path(os.environ["TMPDIR"])
PROGRAMS = sorted((pathlib.Path(tap.SOURCE) / "tests" / "programs").glob("*.c"))


def build(source):
    program = SCRATCH / source.stem
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra",
                           "-Wno-unused-function", "-Werror", str(source), "-o", str(program), "-pthread"],
                          capture_output=True, text=True)
    return program if ok(done.returncode == 0, f"{source.stem}: builds without a warning", done.stderr) else None


def on_kernel(source):
    """The program, and what it does there; None: it cannot be had."""
    program = build(source)
    if not program:
        return None
    os.environ["PROGRAM"] = str(program)
    kernel = run(str(program), timeout=60)
    ok(kernel[0] == 0 and kernel[1], f"{source.stem}: runs on the kernel", kernel[1])
    return source, program, kernel


def compare(profile, source, program, kernel):
    os.environ["PROGRAM"] = str(program)
    eleven = run("eleven", "run", "--host", "a", "--", str(program), timeout=60)
    difference = "\n".join(difflib.unified_diff(kernel[1].splitlines(), eleven[1].splitlines(), "kernel", "eleven",
                                                lineterm="", n=2))
    ok(kernel == eleven, f"{source.stem}: {len(kernel[1].splitlines())} lines equal on eleven, profile {profile}",
       f"status {kernel[0]} on the kernel, {eleven[0]} on eleven\n{difference}")


known = [each for each in map(on_kernel, PROGRAMS) if each]
for chosen in ("modern", "linux"):
    status, said = run("eleven", "up", "-d", "--profile", chosen)
    if ok(status == 0, f"the host comes up, profile {chosen}", said):
        for each in known:
            compare(chosen, *each)
        status, said = run("eleven", "down")
        ok(status == 0, "the host is still there at the end, and goes down", said)
tap.plan()
