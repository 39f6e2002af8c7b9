#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
mutate.py [ID ...]: do the tests of requirements fail when the code for them is taken out?

tests/mutants.tsv has one mutant a row: the requirement's id, a source file, a text in it that occurs once, what
stands there instead (\\n and \\t as in C), the test program and the test that must fail then.  The core and the test
are compiled once; each mutant compiles its one file again and runs the one test.  Prints TAP; nothing in the source
tree or the build is touched.
"""
import csv
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CC = [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O0", "-g0", "-w", "-DELEVEN_CORE",
      f"-I{SOURCE}/src", f"-I{SOURCE}/include", f"-I{SOURCE}/tests",
      f'-DTRANSITIONS="{SOURCE}/tests/transitions.tsv"']
FOLDERS = ["base", "wire", "trace", "ip", "tcp", "stack"]


def compile_file(path, out, folder=None):
    command = [*CC, "-c", str(path), "-o", str(out)] + ([f"-I{folder}"] if folder else [])
    return subprocess.run(command, capture_output=True, text=True)


class Bench:
    """Objects of the core, and test programs linked from them."""

    def __init__(self, scratch):
        self.scratch, self.objects, self.tests = pathlib.Path(scratch), {}, {}
        for folder in FOLDERS:
            for path in sorted((SOURCE / "src" / folder).glob("*.c")):
                out = self.scratch / f"{folder}-{path.stem}.o"
                done = compile_file(path, out)
                if done.returncode:
                    sys.exit(f"mutate: {path} cannot be compiled\n{done.stderr}")
                self.objects[f"src/{folder}/{path.name}"] = out

    def test_object(self, name):
        if name not in self.tests:
            out = self.scratch / f"{pathlib.Path(name).stem}.o"
            done = compile_file(SOURCE / name, out, (SOURCE / name).parent)
            if done.returncode:
                sys.exit(f"mutate: {name} cannot be compiled\n{done.stderr}")
            self.tests[name] = out
        return self.tests[name]

    def outcome(self, test_file, test, changed=None):
        """How the test goes with these objects in place of their own: ok, not ok, or why there is none."""
        objects = dict(self.objects, **(changed or {}))
        panic = [out for name, out in objects.items() if name != "src/base/panic.c"]
        program = self.scratch / "program"
        linked = subprocess.run([CC[0], "-o", str(program), str(self.test_object(test_file)), *map(str, panic),
                                 "-lcmocka"], capture_output=True, text=True)
        if linked.returncode:
            return f"cannot be linked: {linked.stderr[-300:]}"
        try:
            done = subprocess.run([str(program)], capture_output=True, text=True, errors="replace", timeout=20,
                                  env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", CMOCKA_TEST_FILTER=test))
        except subprocess.TimeoutExpired:
            return "not ok"
        lines = [line for line in done.stdout.splitlines() if line.endswith(f" - {test}")]
        return ("not ok" if lines[0].startswith("not ok") else "ok") if lines else "not ok" if done.returncode \
            else "no such test"


def main():
    with (SOURCE / "tests" / "mutants.tsv").open(newline="") as table:
        rows = [{key: value.replace("\\n", "\n").replace("\\t", "\t") for key, value in row.items()}
                for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
                if not sys.argv[1:] or row["id"] in sys.argv[1:]]
    bad = 0
    print(f"1..{len(rows)}")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(scratch)
        for number, row in enumerate(rows, 1):
            text = (SOURCE / row["file"]).read_text()
            title = f"{row['id']}: {row['test']} fails without {row['file']}: {row['text'].strip().splitlines()[0]}"
            reason = None
            if text.count(row["text"]) != 1:
                reason = f"the text occurs {text.count(row['text'])} times"
            elif bench.outcome(row["program"], row["test"]) != "ok":
                reason = "the test fails without any change"
            else:
                mutant, out = bench.scratch / "mutant.c", bench.scratch / "mutant.o"
                mutant.write_text(text.replace(row["text"], row["instead"]))
                done = compile_file(mutant, out, (SOURCE / row["file"]).parent)
                outcome = bench.outcome(row["program"], row["test"], {row["file"]: out}) if done.returncode == 0 \
                    else f"the mutant cannot be compiled: {done.stderr[-300:]}"
                reason = None if outcome == "not ok" else f"the test says {outcome}"
            bad += reason is not None
            print(f"{'not ok' if reason else 'ok'} {number} - {title}" + (f"\n# {reason}" if reason else ""),
                  flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
