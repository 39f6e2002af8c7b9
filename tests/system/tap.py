# SPDX-License-Identifier: MIT
"""
tap.py: what the system tests share: results as TAP, waiting for something to become true, programs and their output.

    import tap
    tap.plan()                              at the end of the file; prints how many there were and exits
    tap.ok(condition, "what it shows", detail)
    tap.skip("what it would have shown", "why not")
    tap.wait_until(lambda: ..., 5)          the value as soon as it is true, or the last one after 5 s
    tap.Program("server", "--reuse")        runs in the background; .output() is what it has printed so far
"""
import os
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
PROFILE = os.environ.get("PROFILE")     # of the hosts that are brought up; tests/system/profiles.py sets it
SOURCE = os.environ.get("SOURCE", ".")
_count = _failed = 0


def ok(condition, title, detail=""):
    global _count, _failed
    _count += 1
    if not condition:
        _failed += 1
        for line in str(detail).splitlines():
            print("#", line)
    print(f"{'' if condition else 'not '}ok {_count} - {title}", flush=True)
    return bool(condition)


def skip(title, reason):
    global _count
    _count += 1
    print(f"ok {_count} - {title} # SKIP {reason}", flush=True)


def plan():
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def of_profile(command):
    """A host comes up under the profile that is asked for, unless the test names one."""
    if PROFILE and tuple(command[:2]) == ("eleven", "up") and "--profile" not in command:
        return (*command[:2], "--profile", PROFILE, *command[2:])
    return command


class Program:
    """A program in the background.  Its input stays open until send(..., end=True) or end()."""

    def __init__(self, *command, **options):
        self.sink = tempfile.TemporaryFile()
        self.process = subprocess.Popen(of_profile(command), stdin=subprocess.PIPE, stdout=self.sink,
                                        stderr=subprocess.STDOUT, bufsize=0, **options)
        self.pid = self.process.pid

    def send(self, text, end=False):
        self.process.stdin.write(text.encode())
        if end:
            self.end()

    def end(self):
        self.process.stdin.close()

    def output(self):
        return os.pread(self.sink.fileno(), 1 << 24, 0).decode(errors="replace")

    def says(self, text, seconds=5.0):
        return wait_until(lambda: text in self.output(), seconds)

    def status(self, seconds=5.0):
        """Its exit status, waiting for it; None if it has not ended by then."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self, number=9):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait()


def run(*command, text=None, timeout=30):
    """A program from beginning to end: (status, everything it printed)."""
    done = subprocess.run(of_profile(command), input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout)
    return done.returncode, done.stdout
