#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
matrix.py [ROW...]: the core on every kind of machine and under every sanitizer there is here.  Prints TAP.

Each row builds the simulator, the explorer, the refusal of allocations and the fuzz targets of the core from source,
without Meson and without other libraries, and runs them: the same seed must give the same trace hash in each row (O19),
the same world the same number of states, and nothing may be reported.  A row that cannot be built or run here says why.

MATRIX_SEEDS (40) worlds each; MATRIX_ONLY=sim the simulator alone; MATRIX_SCRATCH a folder that is kept.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SOURCE = pathlib.Path(__file__).resolve().parent.parent
JOBS = int(os.environ.get("JOBS", os.cpu_count() or 1))
SEEDS = int(os.environ.get("MATRIX_SEEDS", "40"))
ONLY = os.environ.get("MATRIX_ONLY", "")
CORE = ["base", "wire", "trace", "ip", "tcp", "stack"]
TARGETS = ["packet", "fragment", "options", "segments", "scan", "pcapng", "calls"]
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-g1", "-w", '-DELEVEN_VERSION="matrix"', "-fno-strict-aliasing",
         *(f"-I{SOURCE}/{folder}" for folder in ("src", "include", "."))]
# Headers of the kernel that one package of Debian has for both sizes, and another conflicts with.
M32 = ["-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"]
UNSIGNED = f"-fsanitize-ignorelist={SOURCE}/scripts/unsigned.ignore"

# name, compiler and flags, how to run it, the Debian packages
ROWS = {
    "gcc -O2": (["gcc", "-O2"], [], "gcc"),
    "gcc -O0": (["gcc", "-O0"], [], "gcc"),
    "gcc -O3": (["gcc", "-O3", "-fno-inline-small-functions"], [], "gcc"),
    "clang -O2": (["clang", "-O2"], [], "clang"),
    "clang -O1, ASan, UBSan, unsigned overflow": (
        ["clang", "-O1", "-fsanitize=address,undefined,unsigned-integer-overflow", "-fno-sanitize-recover=all",
         UNSIGNED], [], "clang libclang-rt-14-dev"),
    "clang -O1, MSan": (["clang", "-O1", "-fsanitize=memory", "-fno-sanitize-recover=all"], [],
                        "clang libclang-rt-14-dev"),
    "gcc -O2 -m32": (["gcc", "-O2", *M32], [], "gcc-12-multilib libc6-dev-i386"),
    "gcc -O1 -m32, UBSan": (["gcc", "-O1", *M32, "-fsanitize=undefined", "-fno-sanitize-recover=all"], [],
                            "gcc-12-multilib libc6-dev-i386"),
    "powerpc, big-endian, 32 bit": (["powerpc-linux-gnu-gcc-12", "-O2", "-static"], ["qemu-ppc"],
                                    "gcc-12-powerpc-linux-gnu libc6-dev-powerpc-cross qemu-user"),
}


def sources():
    """Programs, each with its files."""
    core = [path for folder in CORE for path in sorted((SOURCE / "src" / folder).glob("*.c"))]
    plain = [path for path in core if path.name != "panic.c"]
    sim = [path for path in sorted((SOURCE / "sim").glob("*.c")) if path.name not in ("main.c", "faults.c")]
    explore = sorted((SOURCE / "explore").glob("*.c"))
    fuzz = [SOURCE / "fuzz" / f"{name}.c" for name in ("arena", "must", "segments", "driver")]
    programs = {"sim": [*plain, *sim, SOURCE / "sim/main.c"], "faults": [*plain, *sim, SOURCE / "sim/faults.c"],
                "explore": [*core, *explore]}
    for target in TARGETS:
        programs[f"fuzz-{target}"] = [*plain, *fuzz, SOURCE / "fuzz" / f"fuzz_{target}.c"]
    return {name: paths for name, paths in programs.items() if ONLY in ("", name)}


class Row:
    def __init__(self, name, scratch):
        self.name, (self.compiler, self.runner, self.packages) = name, ROWS[name]
        self.folder = scratch / re.sub(r"\W+", "-", name)
        self.folder.mkdir(exist_ok=True)
        self.problem = None

    def object_of(self, path):
        return self.folder / (str(path.relative_to(SOURCE)).replace("/", "-")[:-2] + ".o")

    def compile(self, path):
        core = ["-DELEVEN_CORE"] if path.parent.parent.name == "src" else []
        return subprocess.run([*self.compiler, *FLAGS, *core, "-c", str(path), "-o", str(self.object_of(path))],
                              capture_output=True, text=True)

    def build(self):
        """True; or self.problem says why not."""
        for program in (self.compiler[0], *self.runner):
            if not shutil.which(program):
                self.problem = f"{program} is not here (Debian: {self.packages})"
                return False
        probe = subprocess.run([*self.compiler, "-x", "c", "-", "-o", str(self.folder / "probe")], text=True,
                               capture_output=True, input="#include <errno.h>\n#include <stdio.h>\n"
                               "int main(void) { return puts(\"\") < 0; }")
        if probe.returncode:
            self.problem = f"nothing can be built (Debian: {self.packages}): {' '.join(probe.stderr.split())[:120]}"
            return False
        programs = sources()
        files = sorted({path for paths in programs.values() for path in paths})
        with ThreadPoolExecutor(JOBS) as pool:
            for path, done in zip(files, pool.map(self.compile, files)):
                if done.returncode:
                    raise RuntimeError(f"{path}: {done.stderr[-1500:]}")
        for program, paths in programs.items():
            wraps = ["-Wl,--wrap=pool_take", "-Wl,--wrap=buffers_take"] if program == "faults" else []
            done = subprocess.run([*self.compiler, *map(str, map(self.object_of, paths)), *wraps, "-lm", "-o",
                                   str(self.folder / program)], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{program}: {done.stderr[-1500:]}")
        return True

    def run(self, program, *arguments):
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")
        done = subprocess.run([*self.runner, str(self.folder / program), *arguments], capture_output=True, text=True,
                              errors="replace", env=env)
        return done.returncode, done.stdout + done.stderr


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, title, detail=""):
        self.count += 1
        self.failed += not good
        if not good:
            print("\n".join("# " + line for line in str(detail).splitlines()[-30:]))
        print(f"{'' if good else 'not '}ok {self.count} - {title}", flush=True)

    def skip(self, title, reason):
        self.count += 1
        print(f"ok {self.count} - {title} # SKIP {reason}", flush=True)


def row_judge(tap, row, reference):
    status, said = row.run("sim", "--seeds", f"1..{SEEDS}")
    hashes = re.findall(r"^seed (\d+): good.* hash (\w+)$", said, re.M)
    if status == 0:
        reference.setdefault("hashes", hashes)
    tap.ok(status == 0 and len(hashes) == SEEDS and hashes == reference.get("hashes"),
           f"{row.name}: {SEEDS} worlds, the same hashes",
           said[-2000:] if status else [hashes, reference.get("hashes")])
    if ONLY:
        return
    status, said = row.run("explore", "open-close", "lost-last-ack")
    states = re.findall(r"(\d+) states, (\d+) actions", said)
    if status == 0:
        reference.setdefault("states", states)
    tap.ok(status == 0 and states == reference.get("states"), f"{row.name}: the same {states} states", said[-2000:])
    status, said = row.run("faults", "--most", "4")
    tap.ok(status == 0, f"{row.name}: allocations refused", said[-3000:])
    for target in TARGETS:
        status, said = row.run(f"fuzz-{target}", "--random", "500", str(SOURCE / "fuzz" / "corpus" / target))
        tap.ok(status == 0, f"{row.name}: fuzz target {target} and its corpus", said[-3000:])


def main():
    tap, reference = Tap(), {}
    with tempfile.TemporaryDirectory() as made:
        scratch = pathlib.Path(os.environ.get("MATRIX_SCRATCH", made))
        scratch.mkdir(exist_ok=True)
        for name in ROWS:
            if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
                continue
            row = Row(name, scratch)
            try:
                if row.build():
                    row_judge(tap, row, reference)
                else:
                    tap.skip(name, row.problem)
            except RuntimeError as error:
                tap.ok(False, f"{name}: builds", error)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
