#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 180
# needs: tun
"""
Explicit congestion notification with the Linux kernel's TCP as the other end, our link as the router that marks, and
tshark as the one who looks: 9293-SHLD-8, 3168-§6.1.1-R1, 3168-§6.1.3-R1, 3168-§6.1.2-R4 on real input.
"""
import json
import os
import pathlib
import subprocess

import peers_kit as peers
import tap
from peers_kit import DEVICE, HOST, KERNEL, TMP
from tap import Program, ok, run, wait_until

BYTES = 3 << 20
SEND = ("import socket, sys; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('0.0.0.0', int(sys.argv[1])));"
        " s.listen(); c = s.accept()[0]; c.sendall(bytes(%d)); c.shutdown(1); c.recv(1);"
        " i = c.getsockopt(6, 11, 104); print('options', i[5], flush=True)" % BYTES)
TAKE = ("import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20); n = 0\n"
        "while d := s.recv(1 << 16): n += len(d)\n"
        "i = s.getsockopt(6, 11, 104); print('options', i[5], 'bytes', n, flush=True)")
OPT_ECN, OPT_ECN_SEEN = 8, 16


def kernel_ecn(value):
    pathlib.Path("/proc/sys/net/ipv4/tcp_ecn").write_text(str(value))


class Capture:
    """Of the device, to a file, until fields() is asked for."""

    def __init__(self, name):
        self.path = TMP / f"{name}.pcapng"
        # A buffer of its own, and headers alone: nothing may be missed on a busy machine.
        self.dumpcap = subprocess.Popen(["dumpcap", "-q", "-i", DEVICE, "-w", self.path, "-s", "100", "-B", "64"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.path.exists() and self.path.stat().st_size > 0, 20)

    def packets(self):
        """(from eleven?, flags, codepoint, bytes of text) of each."""
        size = -1
        while size != self.path.stat().st_size:         # dumpcap writes behind
            size = self.path.stat().st_size
            wait_until(lambda: False, 0.5)
        self.dumpcap.terminate()
        self.dumpcap.wait()
        fields = ("ip.src", "tcp.flags", "ip.dsfield.ecn", "tcp.len")
        text = subprocess.run(["tshark", "-r", self.path, "-Y", "tcp", "-T", "fields",
                               *(word for name in fields for word in ("-e", name))], capture_output=True, text=True,
                              env={**os.environ, "HOME": str(TMP)}).stdout
        rows = [line.split("\t") for line in text.splitlines()]
        return [(row[0] == HOST, int(row[1], 16), int(row[2]), int(row[3])) for row in rows]


SYN, ACK, ECE, CWR = 2, 16, 64, 128


def rules():
    """How often each rule of ECN was taken."""
    counts = {}
    for line in run("eleven", "netstat", "-s", "--json")[1].splitlines():
        for name, count in json.loads(line).get("rules", {}).items():
            counts[name] = counts.get(name, 0) + count
    return {name: count for name, count in counts.items() if name.startswith("ECN")}


def grew(before, *names):
    now = rules()
    return all(now.get(name, 0) > before.get(name, 0) for name in names), now


def transfer(port, eleven_sends, eleven_opens):
    """Text one way; answers what the two programs' TCP_INFO said: (sender's options, taker's options)."""
    eleven, kernel = ("eleven", "run", "--"), ()
    server_side, client_side = (kernel, eleven) if eleven_opens else (eleven, kernel)
    assert eleven_sends != eleven_opens                 # the one who listens sends
    server = Program(*server_side, "python3", "-c", SEND, str(port))
    peers.listens(KERNEL if eleven_opens else HOST, port)
    client = Program(*client_side, "python3", "-c", TAKE, KERNEL if eleven_opens else HOST, str(port))
    taken = client.says("options", 60)
    sent = server.says("options", 60)
    ok(taken and f"bytes {BYTES}" in client.output(), f"port {port}: all of it arrives", client.output())
    options = [int(p.output().split("options ")[1].split()[0]) if "options " in p.output() else 0
               for p in (server, client)]
    for program in (server, client):
        program.status(20)
    return options if sent else (0, 0)


def handshake(packets, by_eleven, title):
    syns = [(ours, flags & (SYN | ACK | ECE | CWR), codepoint) for ours, flags, codepoint, _ in packets if flags & SYN]
    want = [(by_eleven, SYN | ECE | CWR, 0), (not by_eleven, SYN | ACK | ECE, 0)]
    ok(syns == want, f"{title}: SYN with ECE and CWR, SYN-ACK with ECE, neither marked", syns)


def marked_way(packets, by_eleven, marks_seen, title):
    """What the sender and the taker of the text did, on the wire."""
    text = [p for p in packets if p[0] == by_eleven and p[3] > 0]
    acks = [p for p in packets if p[0] != by_eleven and p[3] == 0 and not p[1] & SYN]
    capable = sum(p[2] in (2, 3) for p in text)
    ok(capable > 0.9 * len(text), f"{title}: text is capable, ECT(0)", f"{capable} of {len(text)}")
    ok(all(p[2] == 0 for p in acks), f"{title}: ACKs are not", [p for p in acks if p[2]][:3])
    if marks_seen:
        ok(any(p[2] == 3 for p in text), f"{title}: some is marked CE")
    ok(any(p[1] & ECE for p in acks), f"{title}: ACKs say ECE")
    ok(any(p[1] & CWR for p in text), f"{title}: text says CWR")
    ok(not all(p[1] & ECE for p in acks), f"{title}: and ECE ends")


def eleven_sends():
    before, ce = rules(), peers.kernel_counters()["IpExtInCEPkts"]
    capture = Capture("sends")
    run("eleven", "link", "delay", "2ms", "mark", "2%", "dir=a")
    options = transfer(7001, True, False)
    packets = capture.packets()
    handshake(packets, False, "the kernel opens")
    marked_way(packets, True, True, "eleven sends")
    good, now = grew(before, "ECN_GRANTED", "ECN_REDUCED", "ECN_CWR_SENT")
    ok(good, "eleven sends: it reduces, and says so", now)
    ok(now["ECN_CWR_SENT"] <= now["ECN_REDUCED"] + sum(peers.eleven_counters().get(name, 0)
       for name in ("segments retransmitted",)), "eleven sends: once for each reduction", now)
    ok(peers.kernel_counters()["IpExtInCEPkts"] > ce, "eleven sends: the kernel counts the marks")
    ok(options[0] & OPT_ECN, "eleven sends: tcp_info says ECN", options)
    ok(options[1] & OPT_ECN and options[1] & OPT_ECN_SEEN, "eleven sends: so does the kernel's", options)


def eleven_takes():
    before = rules()
    capture = Capture("takes")
    run("eleven", "link", "clear")
    run("eleven", "link", "delay", "2ms", "mark", "2%", "dir=b")
    options = transfer(7002, False, True)
    packets = capture.packets()
    handshake(packets, True, "eleven opens")
    marked_way(packets, False, False, "the kernel sends")
    good, now = grew(before, "ECN_AGREED", "ECN_MARKED", "ECN_CWR_ARRIVED")
    ok(good, "the kernel sends: eleven echoes the marks until it hears CWR", now)
    ok(options[1] & OPT_ECN and options[1] & OPT_ECN_SEEN, "the kernel sends: tcp_info says ECN, and seen", options)


def queue_marks():
    """A slow link marks from some queue on: the window stays below its end, and nothing is lost."""
    before, lost = rules(), peers.eleven_counters().get("segments retransmitted", 0)
    run("eleven", "link", "clear")
    run("eleven", "link", "delay", "2ms", "rate", "40mbit", "queue", "400k", "mark-above", "40k", "dir=a")
    transfer(7003, True, False)
    good, now = grew(before, "ECN_REDUCED")
    ok(good, "a queue that marks: eleven reduces", now)
    shown = run("eleven", "link", "show")[1]
    ok("marked" in shown and "queue full" not in shown, "a queue that marks: and it never overflows", shown)
    again = peers.eleven_counters().get("segments retransmitted", 0) - lost
    ok(again <= 3, "a queue that marks: so nothing is sent again", again)


def not_granted():
    before = rules()
    run("eleven", "link", "clear")
    kernel_ecn(0)
    capture = Capture("refused")
    options = transfer(7004, False, True)
    packets = capture.packets()
    good, now = grew(before, "ECN_REFUSED")
    ok(good and not any(p[2] for p in packets), "a kernel without ECN: none is used", now)
    ok(not options[1] & OPT_ECN, "a kernel without ECN: tcp_info says so", options)


def main():
    peers.start("tshark", "dumpcap", options=("--set", "ecn=1"))
    try:
        kernel_ecn(1)
    except OSError as error:
        peers.whole_file_skipped(f"net.ipv4.tcp_ecn: {error.strerror}")
    eleven_sends()
    eleven_takes()
    queue_marks()
    not_granted()
    run("eleven", "down")
    tap.plan()


main()
