#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
grid.py [--every=N] [--library=FILE] [--profile=P] [--family=4|6] [--show]: every state, one segment into it, through
the plug-in: what it answers, the state that PD_STATE_FILE names then, and what SO_ERROR says.

What is expected is reckoned here from RFC 9293 §3.10.7 with RFC 5961 and RFC 1337's F1, apart from the code: that is
what FreeBSD does, too, and the profiles modern and strict.  Each cell is a script, so --show prints what can be tried
with packetdrill.  Linux's reading of the same cells is tests/system/linux_grid.py.
"""
import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machine
import notation

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build")) / "libeleven-packetdrill.so"
WINDOW = 65535
TEXT = 3

OPEN = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <...>
"""
ESTABLISHED = OPEN + """+.1 < S. 0:0(0) ack 1 win 32767 <mss 1460>
+0 > . 1:1(0) ack 1
"""
LISTEN = """0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
WRITES = "+0 write(3, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n"
SHUTS = "+.1 shutdown(3, SHUT_WR) = 0\n+0 > F. 1:1(0) ack 1\n"

# How each state is reached; then SND.UNA, SND.NXT and RCV.NXT.
STATES = {
    "CLOSED": ("", 0, 0, 0),
    "LISTEN": (LISTEN, 0, 0, 0),
    "SYN_SENT": (OPEN, 0, 1, 0),
    "SYN_RCVD": (LISTEN + "+0 < S 0:0(0) win 32767 <mss 1460>\n+0 > S. 0:0(0) ack 1 <...>\n", 0, 1, 1),
    "SYN_RCVD active": (OPEN + "+.1 < S 0:0(0) win 32767 <mss 1460>\n+0 > S. 0:0(0) ack 1 <...>\n", 0, 1, 1),
    "ESTABLISHED": (ESTABLISHED + WRITES, 1, 11, 1),
    "FIN_WAIT_1": (ESTABLISHED + SHUTS, 1, 2, 1),
    "FIN_WAIT_2": (ESTABLISHED + SHUTS + "+.1 < . 1:1(0) ack 2 win 32767\n", 2, 2, 1),
    "CLOSE_WAIT": (ESTABLISHED + "+.1 < F. 1:1(0) ack 1 win 32767\n+0 > . 1:1(0) ack 2\n", 1, 1, 2),
    "CLOSING": (ESTABLISHED + SHUTS + "+.1 < F. 1:1(0) ack 1 win 32767\n+0 > . 2:2(0) ack 2\n", 1, 2, 2),
    "LAST_ACK": (ESTABLISHED + "+.1 < F. 1:1(0) ack 1 win 32767\n+0 > . 1:1(0) ack 2\n"
                 "+0 shutdown(3, SHUT_WR) = 0\n+0 > F. 1:1(0) ack 2\n", 1, 2, 2),
    "TIME_WAIT": (ESTABLISHED + SHUTS + "+.1 < F. 1:1(0) ack 2 win 32767\n+0 > . 2:2(0) ack 2\n", 2, 2, 2),
}
FLAGS = ("-", ".", "S", "S.", "F", "F.", "R", "R.", "SF", "P.", "SR")
SEQUENCES = (-1, 0, 1, WINDOW - 1, WINDOW)              # from RCV.NXT
ACKS = ("old", "una", "nxt", "beyond")


class Cell:
    """One segment into one state; what is to be seen."""

    def __init__(self, state, flags, offset, ack, text):
        self.state, self.flags, self.text = state, flags, text
        self.setup, self.una, self.nxt, self.rcv = STATES[state]
        self.seq = (self.rcv + offset) % 2**32
        self.offset, self.acks = offset, ack
        self.ack = {"old": self.una - 1, "una": self.una, "nxt": self.nxt, "beyond": self.nxt + 1}[ack] % 2**32
        self.has = {letter: letter in flags for letter in "SFR."}
        self.length = text + self.has["S"] + self.has["F"]
        self.answers, self.after, self.error = [], "LISTEN SYN_RCVD" if state == "SYN_RCVD" else state.split()[0], 0
        self.expect()

    def name(self):
        return (f"{self.state}: {self.flags} at RCV.NXT{self.offset:+d}"
                f"{', ack ' + self.acks if self.has['.'] else ''}{f', {self.text} bytes' if self.text else ''}")

    # ---- what is sent

    def plain_ack(self, rcv=None):
        self.answers.append(f"+0 > . {self.nxt}:{self.nxt}(0) ack {self.rcv if rcv is None else rcv}")

    def reset(self):
        if self.has["."]:
            self.answers.append(f"+0 > R {self.ack}:{self.ack}(0) win 0")
        else:
            self.answers.append(f"+0 > R. 0:0(0) ack {(self.seq + self.length) % 2**32} win 0")

    # ---- §3.10.7

    def expect(self):
        if self.state == "CLOSED":
            self.after = ""
            if not self.has["R"]:
                self.reset()
        elif self.state == "LISTEN":
            self.expect_listen()
        elif self.state == "SYN_SENT":
            self.expect_syn_sent()
        else:
            self.expect_others()

    def expect_listen(self):
        if self.has["R"]:
            return
        if self.has["."]:
            self.reset()
        elif self.has["S"]:
            self.answers.append(f"+0 > S. 0:0(0) ack {(self.seq + 1) % 2**32} <...>")
            self.after = "LISTEN SYN_RCVD"

    def expect_syn_sent(self):
        if self.has["."] and self.ack != 1:
            if not self.has["R"]:
                self.reset()
            return
        if self.has["R"]:
            if self.has["."]:
                self.after, self.error = "CLOSED", 111
            return
        if not self.has["S"]:
            return
        if self.has["."]:
            self.nxt, rcv = 1, self.seq + self.length
            self.plain_ack(rcv % 2**32)
            self.after = "CLOSE_WAIT" if self.has["F"] else "ESTABLISHED"
        else:
            self.answers.append(f"+0 > S. 0:0(0) ack {(self.seq + 1) % 2**32} <...>")
            self.after = "SYN_RCVD"

    def acceptable(self):
        if self.length == 0:
            return 0 <= self.offset < WINDOW
        return 0 <= self.offset < WINDOW or 0 <= self.offset + self.length - 1 < WINDOW

    def gone(self, error):
        self.after, self.error = "LISTEN" if self.state == "SYN_RCVD" else "CLOSED", error

    def expect_others(self):
        base = self.state.split()[0]
        if self.has["R"]:                                       # RFC 5961 §3.2, RFC 1337
            if 0 <= self.offset < WINDOW:
                if self.offset == 0 and self.state != "TIME_WAIT":
                    self.gone(111 if self.state == "SYN_RCVD active" else 104)
                elif self.offset:
                    self.plain_ack()
            return
        if self.has["S"]:
            self.expect_syn()
            return
        # A segment without text at the right edge is heeded, and an ACK number one byte below (DEVIATIONS.md).
        edge = self.length == 0 and self.offset == WINDOW
        below = self.length < 2 and self.offset == -1 and self.has["."]
        if not self.acceptable() and not edge:
            if not below or (self.state.startswith("SYN_RCVD") and self.ack != 1):
                self.reset() if below else self.plain_ack()
                return
            self.plain_ack()
        self.dropped = below and not self.acceptable()
        if not self.has["."]:
            return
        if base == "SYN_RCVD":
            if self.ack != 1:
                self.reset()
                return
            self.una, base = 1, "ESTABLISHED"
        elif self.acks == "beyond" or (self.acks == "old" and self.una - 1 < 1):    # of what was never sent
            self.answers = []
            self.plain_ack()
            return
        else:
            if self.acks == "nxt":
                self.una = self.nxt
                base = {"FIN_WAIT_1": "FIN_WAIT_2", "CLOSING": "TIME_WAIT", "LAST_ACK": ""}.get(base, base)
        if base == "" and self.state == "LAST_ACK":
            self.answers, self.after = [], "CLOSED"
            return
        self.after = base if self.state != "SYN_RCVD" else base + " LISTEN"
        if self.dropped:
            return
        if self.state == "TIME_WAIT":
            if self.text or self.has["F"] or self.offset:
                self.plain_ack()
            return
        self.expect_text(base)

    def expect_syn(self):
        if self.state == "TIME_WAIT":                           # §3.6.1 MAY-2: behind RCV.NXT it opens anew
            if not self.has["."] and self.offset > 0:
                self.answers, self.after, self.unseen = [], "", True
                return
            self.plain_ack()
            return
        again = self.offset == -1 and not self.has["."] and not self.acceptable()
        if self.state.startswith("SYN_RCVD") and again:
            self.answers.append("+0 > S. 0:0(0) ack 1 <...>")   # the SYN again
        elif self.state.startswith("SYN_RCVD") and self.offset == -1 and self.has["."]:
            self.unseen = True                                  # the peer's SYN-ACK: as if there was one SYN
        elif self.state == "SYN_RCVD" and self.acceptable():
            self.after = "LISTEN"
        else:
            self.plain_ack()

    def expect_text(self, base):
        if base not in ("ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2"):
            if self.text and self.offset + self.text > WINDOW:  # text and FIN are ignored; what is cut off is told
                self.plain_ack()
            return
        start, end = max(self.offset, 0), self.offset + self.text
        fin = self.has["F"] and self.offset + self.length <= WINDOW
        taken = start == 0 and end > 0
        if self.length == 0:
            return
        rcv = self.rcv + (end if taken else 0)
        if fin and (end == 0 or taken):
            rcv += 1
            self.after = self.after.replace(base, {"ESTABLISHED": "CLOSE_WAIT", "FIN_WAIT_1": "CLOSING",
                                                   "FIN_WAIT_2": "TIME_WAIT"}[base])
        self.plain_ack(rcv)
        self.answers[-1] = self.answers[-1].replace("+0", "+0~+.25", 1) if taken and not fin else self.answers[-1]

    # ---- as a script

    def script(self):
        ack = f" ack {self.ack}" if self.has["."] else ""
        flags = "".join(letter for letter in "FSRP." if letter in self.flags) or "-"
        event = f"+.1 < {flags} {self.seq}:{(self.seq + self.text) % 2**32}({self.text}){ack} win 32767\n"
        setup = self.setup or "0 `true`\n"
        return setup + event + "".join(line + "\n" for line in self.answers)


def cells():
    for state in STATES:
        for flags in FLAGS:
            for offset in SEQUENCES if state not in ("CLOSED", "LISTEN", "SYN_SENT") else (0,):
                for ack in ACKS if "." in flags else ("una",):
                    for text in (0, TEXT):
                        if not (text and "P" not in flags and flags in ("-",)):
                            yield Cell(state, flags, offset, ack, text)


def states_of(path):
    try:
        with open(path) as file:
            return " ".join(sorted(line.split()[0] for line in file))
    except OSError:
        return ""


def cell_run(cell, library, profile, family, scratch):
    """None, or what is wrong."""
    path = os.environ["PD_STATE_FILE"] = os.path.join(scratch, "states")
    pathlib.Path(path).write_text("")
    run = machine.Machine(cell.script(), library, f"profile={profile},rcvwnd={WINDOW}", scratch, family=family)
    try:
        run.run()
        if getattr(cell, "unseen", False):
            return None
        states = states_of(path)
        if states != cell.after:
            return f"the state is {states or 'none'}, expected {cell.after or 'none'}"
        if cell.state not in ("CLOSED", "LISTEN", "SYN_RCVD"):
            error = run.socket_error(3)
            if error != cell.error:
                return f"SO_ERROR is {error}, expected {cell.error}"
        got = run.plugin.packet_receive_now()           # last: it lets time pass
        return f"then also {got.hex()}" if got else None
    except (machine.Failure, notation.ScriptError) as fault:
        return str(fault)
    finally:
        run.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="only each N-th cell")
    parser.add_argument("--profile", default="modern")
    parser.add_argument("--family", type=int, default=4, choices=(4, 6))
    parser.add_argument("--library", default=LIBRARY, type=pathlib.Path)
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    failed = count = 0
    with tempfile.TemporaryDirectory(prefix="pkt-") as scratch:
        os.environ["PD_SYSCTL_ROOT"] = scratch
        for number, cell in enumerate(cells()):
            if number % given.every:
                continue
            count += 1
            if given.show:
                print(f"// {cell.name()}\n{cell.script()}")
                continue
            fault = cell_run(cell, str(given.library.resolve()), given.profile, given.family, scratch)
            if fault:
                failed += 1
                print(f"# {cell.name()}: {fault}")
    print(f"{count} cells, {failed} not as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
