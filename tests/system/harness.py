#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools that judge the tree are judged here: each rule of tidy.py and purity.py fails on a file that breaks it,
and run_tests.py counts crashes, time-outs and missing results as failures."""
import os
import pathlib
import shutil
import subprocess
import sys

import tap
from tap import ok

SOURCE = pathlib.Path(tap.SOURCE)
SCRATCH = pathlib.Path(os.environ["TMPDIR"])
SPDX = "/* SPDX-License-Identifier: MIT */\n"

BREAKS = {
    "includes only its own folder": ("src/base/bad.c", SPDX + '#include "tcp/tcp.h"\n'),
    "no header of the system": ("src/tcp/bad.c", SPDX + "#include <stdio.h>\n"),
    "opens with its SPDX line": ("src/base/bad.c", "int a;\n"),
    "longer than 600 lines": ("src/view/bad.c", SPDX + "\n" * 600),
    "longer than 70 lines": ("src/view/bad.c", SPDX + "void f(void)\n{\n" + "\t;\n" * 69 + "}\n"),
    "wider than 120 columns": ("src/view/bad.c", SPDX + "\t" * 15 + "x\n"),
    "indented with tabs": ("src/view/bad.c", SPDX + "int f(void)\n{\n        return 0;\n}\n"),
    "notes of work left over": ("src/view/bad.c", SPDX + "/* TO" + "DO */\n"),
    "path of one particular machine": ("src/view/bad.c", SPDX + '/* "/ho' + 'me/me/file" */\n'),
    "names them all": ("src/tcp/bad.c", SPDX +
                       "void f(int x)\n{\n\tswitch (x) {\n\tcase TCP_CLOSED:\n\tdefault:\n\t}\n}\n"),
    "no variables of its own": ("src/tcp/bad.c", SPDX + "static int count = 3;\n"),
    "in the build file of its folder": ("src/base/bad.c", SPDX),
}


def tidy_finds():
    for rule, (name, text) in BREAKS.items():
        tree = SCRATCH / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        for part in ("scripts", "src/base", "src/tcp", "src/view"):
            (tree / part).mkdir(parents=True)
        shutil.copy(SOURCE / "scripts" / "tidy.py", tree / "scripts")
        (tree / name).write_text(text)
        done = subprocess.run([tree / "scripts" / "tidy.py"], capture_output=True, text=True,
                              env={**os.environ, "GIT_CEILING_DIRECTORIES": str(SCRATCH)})
        lines = done.stdout.splitlines()
        named = [i for i, line in enumerate(lines) if line.startswith("not ok") and rule in line]
        ok(done.returncode == 1 and named and lines[named[0] + 1].strip().startswith(name),
           f"tidy.py finds: {rule}", done.stdout + done.stderr)


def purity_finds():
    build = SCRATCH / "build"
    build.mkdir()
    for name, text in (("base", "int puts(const char *); int count; void f(void) { puts(\"\"); }\n"),
                       ("wire", "const char *const texts[] = { \"a\" };\n")):
        (build / f"{name}.c").write_text(text)
        subprocess.run(["cc", "-fPIC", "-c", f"{name}.c"], cwd=build, check=True)
        subprocess.run(["ar", "rcs", f"lib{name}.a", f"{name}.o"], cwd=build, check=True)
    shutil.copy(build / "libbase.a", build / "libeleven.a")
    subprocess.run(["cc", "-shared", "-o", "libeleven.so", "base.o"], cwd=build, check=True)
    done = subprocess.run([SOURCE / "scripts" / "purity.py", str(build)], capture_output=True, text=True)
    said = done.stdout + done.stderr
    ok("not ok 1" in said and "\n  puts\n" in said, "purity.py finds a call into libc", said)
    ok("not ok 2" in said and "count: 4 bytes" in said, "purity.py finds a variable", said)
    ok("texts" not in said, "and lets a constant table of addresses pass", said)
    ok("not ok 3" in said and "not ok 4" in said, "purity.py finds an exported name that is not eleven_*", said)


def runner_counts():
    sys.path.insert(0, str(SOURCE / "scripts"))
    import run_tests
    cases = {
        "a failed line": ("printf 'ok 1 - a\\nnot ok 2 - b\\n'; exit 1", 1, 1, 0),
        "a crash": ("echo ok 1 - a; kill -SEGV $$", 1, 1, 0),
        "an exit status": ("echo ok 1 - a; exit 3", 1, 1, 0),
        "a test that never came": ("printf '1..3\\nok 1 - a\\n'", 1, 1, 0),
        "silence": ("true", 0, 1, 0),
        "a skip of cmocka": ("printf 'skipped: no tap\\nnot ok 1 # SKIP test_a\\n'", 0, 0, 1),
        "a skip": ("echo 'ok 1 - a # SKIP no tun'", 0, 0, 1),
        "a file skipped whole": ("echo '1..0 # SKIP no tun'", 0, 0, 1),
        "a time-out": ("echo ok 1 - a; sleep 60 & wait", 1, 1, 0),
    }
    for name, (script, passed, failed, skipped) in cases.items():
        outcome = run_tests.run(name, ["sh", "-c", script], 0.5)
        counts = len(outcome.passed), len(outcome.failed) and 1, len(outcome.skipped)
        ok(counts == (passed, failed, skipped), f"run_tests.py counts {name}",
           f"{counts}: {outcome.passed} {outcome.failed} {outcome.skipped}")


tidy_finds()
purity_finds()
runner_counts()
tap.plan()
