#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
mutate_tcp.py [--count N] [--seed S] [--files WORD]: do the tests notice when src/tcp does something else?

Every operator, constant, call and condition of src/tcp/*.c is a place where the code can be changed a little.  A
sample of these mutants, the same for the same seed, is made one by one: the changed file alone is compiled, the core
is linked anew as a shared library, and the unit tests of floors 2 and 3 and some worlds of the simulator run on it
until one fails: those first that are quick, that bear the file's name, or that killed others of the same file.  The
share that is killed is printed, and each that survives, with what it is.

What cannot change what anybody sees is not made: CHECKs (a weaker one fails no test), and what only counts.
A mutant that is known to be equal to the original stands in tests/equal_mutants.tsv with the reason why.
Status 1 when less than 90 % are killed.
"""
import argparse
import csv
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, local

SOURCE = pathlib.Path(__file__).resolve().parent.parent
JOBS = int(os.environ.get("JOBS", os.cpu_count() or 1))
CC = [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-g0", "-w", "-fPIC", "-DELEVEN_VERSION=\"mutant\"",
      f'-DTRANSITIONS="{SOURCE}/tests/transitions.tsv"',
      *(f"-I{SOURCE}/{folder}" for folder in ("src", "include", "tests", "."))]
CORE = ["base", "wire", "trace", "ip", "tcp", "stack"]
TIMES = 6                               # as long as on the core as it is, and a second: a mutant may go round for ever
SLOW_SECONDS = 1.5                      # of a processor: those come after all others
# Long, and asked about some files only.
NEAR = {"test_controller": ("controller", "cubic", "hystart"), "test_goodput": ("pacer",)}
WORLDS = {"sim": "1..40", "sim_more": "41..160"}


# ---------------------------------------------------------------- the places

SWAPS = [(r"(?<![-<=])<(?![<=])", "<="), (r"<=(?!=)", "<"), (r"(?<![->])>(?![>=])", ">="), (r">=(?!=)", ">"),
         (r"==", "!="), (r"!=", "=="), (r"&&", "||"), (r"\|\|", "&&"), (r"(?<=\s)\+(?=\s)", "-"),
         (r"(?<=\s)-(?=\s)", "+"), (r"(?<=[\s\w)])\+=", "-="), (r"(?<=[\s\w)])-=", "+="), (r"\|=", "="),
         (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"!(?=[a-z])", ""), (r"\bseq_lt\(", "seq_le("),
         (r"\bseq_le\(", "seq_lt("), (r"\bseq_gt\(", "seq_ge("), (r"\bseq_ge\(", "seq_gt("),
         (r"\bseq_max\(", "seq_min("), (r"\bseq_min\(", "seq_max("), (r"(?<![\w.])1(?![\w.])", "2"),
         (r"(?<![\w.])0(?![\w.])", "1"), (r"\bcontinue;", ";"), (r"\bbreak;", ";")]
STATEMENT = re.compile(r"^\t+((?!return|CHECK|rule\(|trace)[a-z]\w*(?:[-.>\w\[\]]*) ?(?:\(.*\)|=[^=].*|\+\+|--));$")
CONDITION = re.compile(r"^(\t+(?:\} else )?if \()(.*)(\)(?: \{)?)$")


class Mutant:
    def __init__(self, path, line, column, was, now):
        self.path, self.line, self.column, self.was, self.now = path, line, column, was, now

    def text(self, lines):
        changed = list(lines)
        old = changed[self.line]
        changed[self.line] = old[:self.column] + self.now + old[self.column + len(self.was):]
        return "\n".join(changed)

    def key(self, lines):
        return self.path.name, lines[self.line].strip(), self.was, self.now

    def tell(self, lines):
        return f"src/tcp/{self.path.name}:{self.line + 1}: '{self.was}' -> '{self.now}': {lines[self.line].strip()}"


def code_of(line):
    """The line with comments and strings blanked, so that columns stay."""
    line = re.sub(r"/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)'", lambda m: " " * len(m.group()), line)
    return re.sub(r"/\*.*", lambda m: " " * len(m.group()), line)


def places(path):
    inside = comment = False
    for number, line in enumerate(path.read_text().split("\n")):
        if comment or line.lstrip().startswith("/*"):
            comment = "*/" not in line
            continue
        if line == "{":
            inside = True
        elif line == "}":
            inside = False
        if not inside or "CHECK(" in line or "trace_count(" in line or re.match(r"\t*(case|default)\b", line):
            continue
        code = code_of(line)
        for pattern, now in SWAPS:
            if re.match(r"\t+[\w ]+\*?\w+ = 0;$", code) and now == "1":
                continue                # a first value that is mostly written over
            for match in re.finditer(pattern, code):
                yield Mutant(path, number, match.start(), match.group(), now)
        match = STATEMENT.match(code)
        if match:
            yield Mutant(path, number, match.start(1), line[match.start(1):].rstrip(";"), "(void)0")
        match = CONDITION.match(code)
        if match and match.group(2).count("(") == match.group(2).count(")"):
            for now in ("0", "1"):
                yield Mutant(path, number, match.start(2), line[match.start(2):match.end(2)], now)


# ---------------------------------------------------------------- building

def compile_file(path, out, *more):
    return subprocess.run([*CC, *more, f"-I{path.parent}", "-c", str(path), "-o", str(out)], capture_output=True,
                          text=True)


class Bench:
    """Objects of the core and programs of tests that find it as a shared library."""

    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch)
        self.objects = {}
        jobs = []
        for folder in CORE:
            for path in sorted((SOURCE / "src" / folder).glob("*.c")):
                if path.name == "panic.c":
                    continue            # each program has its own
                self.objects[path] = self.scratch / f"{folder}-{path.stem}.o"
                jobs.append((path, self.objects[path], "-O1", "-DELEVEN_CORE"))
        support = {"fuzz": [p for p in sorted((SOURCE / "fuzz").glob("*.c"))
                            if not p.name.startswith(("fuzz_", "lwip_")) and p.name not in ("driver.c", "hosts.c")],
                   "sim": [p for p in sorted((SOURCE / "sim").glob("*.c")) if p.name != "faults.c"]}
        parts = {}
        for folder, paths in support.items():
            parts[folder] = []
            for path in paths:
                parts[folder].append(self.scratch / f"{folder}-{path.stem}.o")
                jobs.append((path, parts[folder][-1], "-O1"))
        tests = [*sorted((SOURCE / "tests" / "tcp").glob("test_*.c")),
                 *sorted((SOURCE / "tests" / "stack").glob("test_*.c"))]
        for path in tests:
            jobs.append((path, self.scratch / f"{path.stem}.o", "-O1"))
        panic = self.scratch / "panic.o"
        jobs.append((SOURCE / "src/base/panic.c", panic, "-O1"))
        with ThreadPoolExecutor(JOBS) as pool:
            for job, done in zip(jobs, pool.map(lambda j: compile_file(*j), jobs)):
                if done.returncode:
                    sys.exit(f"mutate_tcp.py: {job[0]} cannot be compiled\n{done.stderr}")
        self.link(self.scratch)
        self.programs = {}
        archives = []
        archives.append(str(self.scratch / "libfuzz.a"))        # of which each test takes what it uses
        subprocess.run(["ar", "rcs", archives[-1], *map(str, parts["fuzz"]), str(panic)], check=True)
        for path in tests:
            self.program(path.stem, [self.scratch / f"{path.stem}.o"], archives)
        self.program("sim", parts["sim"], [])
        self.seconds = {}
        program = self.programs.pop("sim")
        for name, seeds in WORLDS.items():
            self.programs[name] = [*program, "--seeds", seeds, "--quiet"]

    def program(self, name, objects, archives):
        out = self.scratch / name
        done = subprocess.run([CC[0], "-o", str(out), *map(str, objects), f"-L{self.scratch}", "-lcore", *archives,
                               "-lcmocka", "-lm", "-lz", "-ljansson", "-rdynamic"], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"mutate_tcp.py: {name} cannot be linked\n{done.stderr[-2000:]}")
        self.programs[name] = [str(out)]

    def link(self, where, path=None, changed=None):
        objects = [str(changed if one == path else out) for one, out in self.objects.items()]
        return subprocess.run([CC[0], "-shared", "-Wl,--no-undefined-version", "-o", str(where / "libcore.so"),
                               *objects], capture_output=True, text=True)


class Judge:
    """Runs the tests on a core, those first that killed others of the same file."""

    def __init__(self, bench):
        self.bench, self.lock, self.kills = bench, Lock(), {}
        self.slots = local()

    def order(self, path):
        kills = self.kills.get(path.name, {})
        stem = path.stem

        def weight(name):
            near = stem in name or stem in NEAR.get(name, ())
            slow = self.bench.seconds[name] > SLOW_SECONDS
            return (-kills.get(name, 0) * (1 if slow else 3), slow, not near, self.bench.seconds[name], name)
        return [name for name in sorted(self.bench.programs, key=weight)
                if name not in NEAR or stem in NEAR[name]]

    def run(self, name, where):
        env = {**os.environ, "LD_LIBRARY_PATH": str(where), "CMOCKA_MESSAGE_OUTPUT": "TAP", "TMPDIR": str(where)}
        most = int(self.bench.seconds.get(name, 100) * TIMES) + 1

        def limits():
            resource.setrlimit(resource.RLIMIT_CPU, (most, most))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        done = subprocess.Popen(self.bench.programs[name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env=env, preexec_fn=limits, cwd=SOURCE)
        _, status, used = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)
        return done.returncode == 0, used.ru_utime + used.ru_stime

    def is_sound(self, name):
        """Does it hold on the core as it is, and how long does that take?"""
        fine, self.bench.seconds[name] = self.run(name, self.bench.scratch)
        return fine

    def judge(self, mutant):
        """The test that kills it; "compiler" when it is none; None: it lives."""
        if not hasattr(self.slots, "where"):
            self.slots.where = pathlib.Path(tempfile.mkdtemp(dir=self.bench.scratch))
        where = self.slots.where
        lines = mutant.path.read_text().split("\n")
        text = where / mutant.path.name
        text.write_text(mutant.text(lines))
        out = where / "mutant.o"
        done = subprocess.run([*CC, "-O1", "-DELEVEN_CORE", f"-I{mutant.path.parent}", "-c", str(text), "-o", str(out)],
                              capture_output=True)
        if done.returncode or self.same(mutant.path, out):
            return "compiler"
        self.bench.link(where, mutant.path, out)
        for name in self.order(mutant.path):
            if not self.run(name, where)[0]:
                with self.lock:
                    counts = self.kills.setdefault(mutant.path.name, {})
                    counts[name] = counts.get(name, 0) + 1
                return name
        return None

    def same(self, path, out):
        """The compiler makes the same of it: it is no mutant."""
        return out.read_bytes() == self.bench.objects[path].read_bytes()


def equal_ones():
    table = SOURCE / "tests" / "equal_mutants.tsv"
    if not table.exists():
        return set()
    with table.open(newline="") as rows:
        return {(row["file"], row["line"], row["was"], row["now"])
                for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)}


def main():
    parser = argparse.ArgumentParser(description="sampled mutants of src/tcp")
    parser.add_argument("--count", type=int, default=500, help="how many (500)")
    parser.add_argument("--seed", type=int, default=1, help="which (1)")
    parser.add_argument("--files", default="", metavar="WORD", help="only of files whose name contains WORD")
    parser.add_argument("--seconds", type=float, default=0, help="begin no other after so long")
    options = parser.parse_args()
    known, mutants = equal_ones(), []
    for path in sorted((SOURCE / "src" / "tcp").glob("*.c")):
        if options.files in path.name:
            lines = path.read_text().split("\n")
            mutants += [m for m in places(path) if m.key(lines) not in known]
    random.Random(options.seed).shuffle(mutants)
    begun, killed, alive, none = time.monotonic(), 0, [], 0
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(scratch)
        judge = Judge(bench)
        with ThreadPoolExecutor(JOBS) as pool:
            names = list(bench.programs)
            broken = [name for name, fine in zip(names, pool.map(judge.is_sound, names)) if not fine]
        if broken:
            sys.exit(f"mutate_tcp.py: these fail without any change: {' '.join(broken)}")
        print(f"# ready after {time.monotonic() - begun:.0f} s", flush=True)

        def one(mutant):
            late = options.seconds and time.monotonic() - begun > options.seconds
            return mutant, "late" if late else judge.judge(mutant)

        # Some are none: a few more are drawn, so that as many as wanted are judged.
        with ThreadPoolExecutor(JOBS) as pool:
            for mutant, killer in pool.map(one, mutants[:options.count + options.count // 8]):
                if killer == "late" or killed + len(alive) >= options.count:
                    continue
                if killer == "compiler":
                    none += 1
                elif killer:
                    killed += 1
                    if killed % 25 == 0:
                        print(f"# {killed} killed, {len(alive)} live, {time.monotonic() - begun:.0f} s", flush=True)
                else:
                    alive.append(mutant)
                    print(f"lives: {mutant.tell(mutant.path.read_text().split(chr(10)))}", flush=True)
    judged = killed + len(alive)
    share = 100 * killed / max(judged, 1)
    print(f"{judged} mutants of {len(mutants)} places, {killed} killed, {len(alive)} live: {share:.1f} % killed "
          f"({none} are the same to the compiler, {time.monotonic() - begun:.0f} s)")
    return 0 if share >= 90 else 1


if __name__ == "__main__":
    sys.exit(main())
