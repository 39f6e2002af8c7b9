#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
purity.py BUILD: what the linker says of the core (floors 0-3) and of the libraries made from it.  Prints TAP.

The core is joined into one relocatable object.  What that object leaves undefined is all that the core wants from
the world: four mem* functions and the panic hook.  What it has in writable sections is all the state it has of its
own: nothing.  (.data.rel.ro holds constants that contain addresses; the loader makes it read-only.)
"""
import pathlib
import re
import subprocess
import sys
import tempfile

CORE = ("base", "wire", "trace", "ip", "tcp", "stack")
WANTED = {"memcpy", "memmove", "memset", "memcmp", "eleven_panic", "_GLOBAL_OFFSET_TABLE_"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def undefined_symbols(core):
    """Undefined symbols of the core are only memcpy, memmove, memset, memcmp and eleven_panic."""
    return sorted(set(output("nm", "--undefined-only", "-P", core).split()[::2]) - WANTED)


def writable_data(core):
    """The core has no writable data."""
    for line in output("objdump", "-t", core).splitlines():
        match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(.*)", line)
        if not match or "d" in match.group(1):
            continue
        section, size, name = match.group(2), int(match.group(3), 16), match.group(4)
        if re.match(r"\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*", section) and size:
            yield f"{name}: {size} bytes in {section}"


def exported(library, *options):
    for line in output("nm", *options, "--defined-only", "--extern-only", "-P", library).splitlines():
        name = line.split()[0]
        if not name.endswith(":") and not name.startswith("eleven_"):
            yield name


def shared_exports(build):
    """libeleven.so exports eleven_* and nothing else."""
    return list(exported(str(build / "libeleven.so"), "-D"))


def static_exports(build):
    """libeleven.a has no global names but eleven_*."""
    return list(exported(str(build / "libeleven.a")))


def defined_twice(build):
    """No two folders define the same name: all of them are linked into one program."""
    seen = {}
    for library in sorted(build.glob("lib*.a")):
        if library.name in ("libeleven.a", "libsim.a"):
            continue
        for line in output("nm", "--defined-only", "--extern-only", "-P", str(library)).splitlines():
            fields = line.split()
            if len(fields) < 3 or fields[1] in "WV":
                continue
            if seen.setdefault(fields[0], library.name) != library.name:
                yield f"{fields[0]}: in {seen[fields[0]]} and {library.name}"


def public_headers():
    include = pathlib.Path(__file__).resolve().parent.parent / "include"
    return "".join(header.read_text() for header in sorted(include.glob("*.h")))


def declared_functions(build):
    """Every function that eleven.h declares is in libeleven.so."""
    declared = set(re.findall(r"ELEVEN_API [^;(]*?\b(eleven_\w+)\(", public_headers()))
    defined = set(output("nm", "-D", "--defined-only", "-P", str(build / "libeleven.so")).split())
    return sorted(declared - defined)


def calls_past_recording(build):
    """The host and the socket service change stacks by calls that a recording sees (host/recorded.h), only."""
    source = pathlib.Path(__file__).resolve().parent.parent
    seen = set(re.findall(r"#define (eleven_\w+)", (source / "src" / "host" / "recorded.h").read_text()))
    changing = set(re.findall(r"ELEVEN_API [^;(]*?\b(eleven_\w+)\(struct eleven \*", public_headers()))
    changing |= {"eleven_create", "eleven_interface_add"}
    for library in ("libhost.a", "libsock.a"):
        member = ""
        if not (build / library).exists():
            continue
        for line in output("nm", "--undefined-only", "-P", str(build / library)).splitlines():
            name = line.split()[0]
            if name.endswith(":"):
                member = name
            elif name in changing and not re.search(r"record|replay", member):
                known = "its macro was undone" if name in seen else "recorded.h does not know it"
                yield f"{name}: {member.rstrip(':')} calls it, and {known}"


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build")
    libraries = [str(build / f"lib{name}.a") for name in CORE if (build / f"lib{name}.a").exists()]
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        core = scratch + "/core.o"
        subprocess.run(["ld", "-r", "-o", core, "--whole-archive", *libraries], check=True)
        checks = [(undefined_symbols, core), (writable_data, core), (shared_exports, build), (static_exports, build),
                  (defined_twice, build), (calls_past_recording, build)]
        if (build / "libstack.a").exists():
            checks.append((declared_functions, build))
        print(f"1..{len(checks)}")
        for number, (check, argument) in enumerate(checks, 1):
            faults = list(check(argument))
            print(f"{'not ' if faults else ''}ok {number} - purity: {check.__doc__}")
            for fault in faults:
                print(f"  {fault}")
            failed += bool(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
