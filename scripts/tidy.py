#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
tidy.py: the rules of the house that a machine can check.  Prints TAP, one line for each rule, and what broke it.

Each rule is a function of the files that yields "path:line: what is wrong".
"""
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent

FLOORS = {"include": 0, "base": 0, "wire": 1, "trace": 1, "tcp": 2, "ip": 2, "stack": 3, "link": 4, "host": 4,
          "sim": 4, "explore": 4, "sock": 5, "view": 5, "lens": 5, "live": 5, "explain": 5,
          "packetdrill": 5, "tools": 6, "fuzz": 6}
CORE = {"base", "wire", "trace", "tcp", "ip", "stack"}
# Neighbours on one floor that may be used all the same; nothing else on a file's own floor may.
NEIGHBOURS = {("base", "include"), ("host", "link"), ("sim", "link"),
              ("view", "sock"), ("packetdrill", "sock"), ("lens", "view"), ("live", "lens"), ("live", "view"),
              ("explain", "view"), ("explain", "lens"), ("explain", "live")}

COLUMNS, FILE_LINES, FUNCTION_LINES = 120, 600, 70
TEXT_SUFFIXES = {".c", ".h", ".def", ".py", ".sh", ".build", ".md", ".1", ".3", ".txt", ""}


class File:
    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(SOURCE))
        self.text = path.read_text(errors="replace")
        self.lines = self.text.splitlines()
        parts = path.relative_to(SOURCE).parts
        self.folder = parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0] if len(parts) > 1 else ""
        self.tested_by = parts[0] == "tests"
        self.is_c = path.suffix in (".c", ".h")


def all_files():
    try:
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=SOURCE,
                                capture_output=True, check=True)
        names = [name for name in listed.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):    # no git here, or not from it
        names = [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*")
                 if not path.relative_to(SOURCE).parts[0].startswith((".git", "build"))
                 and "__pycache__" not in path.parts]
    for name in sorted(set(names)):
        path = SOURCE / name
        if path.is_file() and not path.is_symlink() and path.suffix in TEXT_SUFFIXES:
            yield File(path)


def floors(files):
    """A file includes only its own folder and lower floors."""
    for file in files:
        if not file.is_c or file.tested_by or file.folder not in FLOORS:
            continue
        for number, line in enumerate(file.lines, 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            included = match.group(1)
            if (SOURCE / "include" / included).is_file():
                folder = "include"
            elif "/" in included:
                folder = included.split("/")[0]
            else:
                folder = file.folder
            if folder == file.folder or (file.folder, folder) in NEIGHBOURS:
                continue
            if folder not in FLOORS or FLOORS[folder] >= FLOORS[file.folder]:
                yield f"{file.name}:{number}: {file.folder} may not include {included}"


def core_headers(files):
    """The core includes no header of the system but those without functions, and string.h for mem*."""
    allowed = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "limits.h", "string.h", "errno.h", "stdalign.h",
               "stdnoreturn.h", "immintrin.h"}
    for file in files:
        if not file.is_c or file.tested_by or file.folder not in CORE:
            continue
        for number, line in enumerate(file.lines, 1):
            match = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if match and match.group(1) not in allowed:
                yield f"{file.name}:{number}: <{match.group(1)}> in the core"


def licence(files):
    """Every source file opens with its SPDX line."""
    for file in files:
        suffix, head = file.path.suffix, "\n".join(file.lines[:2])
        if file.is_c or suffix == ".def":
            good = file.lines[:1] == ["/* SPDX-License-Identifier: MIT */"]
        elif suffix in (".py", ".sh", ".build") or file.path.name in ("Makefile", "run"):
            good = "# SPDX-License-Identifier: MIT" in head
        elif suffix in (".1", ".3"):
            good = '.\\" SPDX-License-Identifier: MIT' in head
        else:
            continue
        if not good:
            yield f"{file.name}:1: no SPDX line"


def file_length(files):
    """No C file is longer than 600 lines."""
    for file in files:
        if file.is_c and len(file.lines) > FILE_LINES:
            yield f"{file.name}: {len(file.lines)} lines, at most {FILE_LINES}"


def function_length(files):
    """No function is longer than 70 lines."""
    for file in files:
        if not file.is_c:
            continue
        opened = 0
        for number, line in enumerate(file.lines, 1):
            if line == "{":
                opened = number
            elif line.startswith("}") and opened:
                if number - opened + 1 > FUNCTION_LINES:
                    yield f"{file.name}:{opened}: function of {number - opened + 1} lines, at most {FUNCTION_LINES}"
                opened = 0


def line_length(files):
    """No line is wider than 120 columns, with tabs of 8."""
    for file in files:
        if file.path.suffix in (".md", ".txt", ".def", "") and file.path.name != "Makefile":
            continue
        for number, line in enumerate(file.lines, 1):
            if len(line.expandtabs(8)) > COLUMNS:
                yield f"{file.name}:{number}: {len(line.expandtabs(8))} columns, at most {COLUMNS}"


def white_space(files):
    """C is indented with tabs, and no line ends in white space."""
    for file in files:
        if file.path.suffix == ".md":
            continue
        for number, line in enumerate(file.lines, 1):
            if line != line.rstrip():
                yield f"{file.name}:{number}: white space at the end"
            if file.is_c and re.match(r" {8}", line):
                yield f"{file.name}:{number}: indented with spaces"


def unfinished(files):
    """No notes of work left over."""
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
    for file in files:
        for number, line in enumerate(file.lines, 1):
            if words.search(line):
                yield f"{file.name}:{number}: {words.search(line).group(0)}"


def machine_paths(files):
    """No path of one particular machine."""
    paths = re.compile(r"(?<![\w.$}])/(wo" + r"rk/|ro" + r"ot/|ho" + r"me/\w|tmp/(wt|ho" + r"use|build)\b)")
    for file in files:
        for number, line in enumerate(file.lines, 1):
            if paths.search(line):
                yield f"{file.name}:{number}: {paths.search(line).group(0)}"


def no_default(files):
    """Every switch over states in src/tcp names them all."""
    for file in files:
        if file.folder != "tcp" or file.tested_by or not file.is_c:
            continue
        switches = {}           # by indentation: what the innermost switch there is over
        for number, line in enumerate(file.lines, 1):
            match = re.match(r"(\s*)(switch \((.*)\)|default\s*:|case TCP_)", line)
            if not match:
                continue
            if match.group(3):
                switches[match.group(1)] = match.group(3)
            elif line.strip().startswith("case"):
                switches[match.group(1)] = "state"
            elif "state" in switches.get(match.group(1), "state"):
                yield f"{file.name}:{number}: default in a switch over states"


def mutable_statics(files):
    """The core has no variables of its own (purity.py proves it on the objects; this names the line)."""
    for file in files:
        if file.folder not in CORE or file.tested_by or not file.is_c:
            continue
        for number, line in enumerate(file.lines, 1):
            if re.match(r"\s*static\s+(?!inline)(?!.*\bconst\b)[^(]*(=|;|\[)", line):
                yield f"{file.name}:{number}: {line.strip()}"


def listed(files):
    """Every source is in the build file of its folder."""
    for file in files:
        if file.path.suffix != ".c" or file.name.startswith("tests/system"):
            continue
        if file.tested_by and not file.path.name.startswith("test_"):
            continue
        build = file.path.parent / "meson.build"
        if not build.is_file() or f"{file.path.name}'" not in build.read_text():
            yield f"{file.name}: not in {build.relative_to(SOURCE)}"


RULES = [floors, core_headers, licence, file_length, function_length, line_length, white_space, unfinished,
         machine_paths, no_default, mutable_statics, listed]


def main():
    files = list(all_files())
    print(f"1..{len(RULES)}")
    failed = 0
    for number, rule in enumerate(RULES, 1):
        faults = list(rule(files))
        print(f"{'not ' if faults else ''}ok {number} - tidy: {rule.__doc__}")
        for fault in faults:
            print(f"  {fault}")
        failed += bool(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
