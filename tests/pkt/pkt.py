#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
pkt.py [--profile=P] [--flags=TEXT] [--library=FILE] [--log] SCRIPT...: scripts in packetdrill's notation against the
plug-in; with --kernel against Linux itself, in real time; with --log the segments sent until one fails.

Each runs in a process of its own, under each profile that its head names:

    // profiles: linux modern strict          (linux, if nothing is said)
    // flags: quickack=off                    more for --so_flags
    // families: 4                            not over IPv6 too (those that name an ip_version are of that one)

With --flags=clock=NS the stack reads its clock in steps of so many ns, and times may be off by two steps.
Exit status 1 if one fails.  Prints TAP.
"""
import argparse
import ctypes
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machine
import notation

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build")) / "libeleven-packetdrill.so"
LIMIT_S = 60


def head(text, word, otherwise):
    match = re.search(rf"^(?://|#)\s*{word}:\s*(.*)$", text, re.M)
    return match.group(1).split() if match else otherwise


def script_run(path, profile, flags, library, kernel=False, log=False, family=4):
    """None, or what is wrong."""
    text = path.read_text()
    sysctls = tempfile.mkdtemp(prefix="pkt-")
    os.environ["PD_SYSCTL_ROOT"] = sysctls
    run = None
    flags = ",".join([f"profile={profile}", *head(text, "flags", []), *([flags] if flags else [])])
    try:
        if kernel:
            from kernel import Kernel
            run = machine.Machine(text, "", flags, "/proc/sys/net", Kernel)
        else:
            run = machine.Machine(text, str(library), flags, sysctls, family=family)
        clock = re.search(r"\bclock=(\d+)", flags)
        run.tolerance_us += 2 * int(clock.group(1)) // 1000 if clock else 0
        run.run()
        run.end()
    except (machine.Failure, notation.ScriptError) as fault:
        sent = [f"  {at / 1e6:.6f} {run.text(segment)}" for at, segment in run.log] if log and run else []
        return "\n".join([str(fault), *sent])
    finally:
        shutil.rmtree(sysctls, ignore_errors=True)
    return None


def script_fork(path, profile, flags, library, kernel=False, log=False, family=4):
    """The same in a process of its own, so that a crash is one script's."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        import faulthandler
        faulthandler.dump_traceback_later(LIMIT_S, exit=True)
        try:
            fault = script_run(path, profile, flags, library, kernel, log, family)
        except BaseException as error:
            import traceback
            fault = "".join(traceback.format_exception(error))
        os.write(write, (fault or "").encode()[:60000] + (b"" if fault else b"\0"))
        if os.environ.get("COVERAGE"):
            ctypes.CDLL(None).exit(0)           # so that the library writes what it counted
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    if said == b"\0" and status == 0:
        return None
    return said.strip(b"\0").decode(errors="replace") or f"the process ended with status {status}"


def families(text, kernel):
    """Over which each is run."""
    return [4] if kernel or "ip_version" in text else [int(family) for family in head(text, "families", ["4", "6"])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile")
    parser.add_argument("--flags", default="")
    parser.add_argument("--family", type=int, choices=(4, 6))
    parser.add_argument("--kernel", action="store_true")
    parser.add_argument("--log", action="store_true", help="when one fails, what was sent until then")
    parser.add_argument("--library", default=LIBRARY, type=pathlib.Path)
    parser.add_argument("--root", default=HERE, type=pathlib.Path)
    parser.add_argument("scripts", nargs="*", type=pathlib.Path)
    given = parser.parse_args()
    scripts = given.scripts or sorted(given.root.rglob("*.pkt"))
    count = failed = 0
    for path in scripts:
        text = path.read_text()
        for profile in [given.profile] if given.profile else head(text, "profiles", ["linux"]):
            for family in [given.family] if given.family else families(text, given.kernel):
                fault = script_fork(path, profile, given.flags, given.library.resolve(), given.kernel, given.log,
                                    family)
                count += 1
                name = path.relative_to(given.root) if path.is_relative_to(given.root) else path
                what = re.search(r"^(?://|#) (?!profiles:|flags:|families:)(.+)$", text, re.M)
                for line in (fault or "").splitlines():
                    print(f"# {line}")
                print(f"{'not ' if fault else ''}ok {count} - {name} ({profile}{', IPv6' if family == 6 else ''})"
                      f"{': ' + what.group(1) if what else ''}", flush=True)
                failed += fault is not None
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
