# SPDX-License-Identifier: MIT
"""
machine.py: runs the events of one script against the plug-in, in its virtual time, with packetdrill's meaning of them.

A second thread runs the calls that block; the first waits until that thread sleeps in the kernel or is done.
"""
import os
import queue
import re
import struct
import threading
import time

import calls
import notation
import wire
from constants import INFO, INFO_BYTES, INFO_NAMES
from plugin import Plugin

LOCAL, REMOTE = "192.168.0.1", "192.0.2.1"
LOCAL_V6, REMOTE_V6 = "fd3d:fa7b:d17d::1", "fd3d:fa7b:d17d::2"
TOLERANCE_US = 4000
SPIN_US = 20
REAL_LIMIT_S = 20
# What `./defaults.sh` of a script means, as far as it is not Linux's own default: a server that is tuned for bulk.
SYSCTL_DEFAULTS = {"tcp_rmem": "4096 540000 15728640", "tcp_wmem": "4096 262144 4194304", "tcp_syn_retries": "5",
                   "tcp_timestamps": "1", "tcp_sack": "1", "tcp_reordering": "3", "tcp_congestion_control": "cubic",
                   "tcp_slow_start_after_idle": "0", "tcp_early_retrans": "4", "tcp_ecn": "0",
                   "tcp_notsent_lowat": "4294967295", "tcp_fastopen": "0x3", "tcp_syncookies": "1",
                   "tcp_fastopen_key": "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"}
KNOWN_OPTIONS = {"local_ip", "remote_ip", "mtu", "mss", "tolerance_usecs", "tolerance_percent", "tcp_ts_tick_usecs",
                 "tcp_ts_ecr_scaled", "ip_version", "bind_port", "connect_port", "gateway_ip", "netmask_ip", "speed",
                 "non_fatal", "send_omit_free", "verbose", "dry_run", "init_scripts"}


class Failure(Exception):
    """The stack did something else than the script says."""


class Worker(threading.Thread):
    """Runs calls that block, one at a time."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.machine, self.jobs, self.job = machine, queue.Queue(), None
        self.started, self.idle = threading.Event(), threading.Event()
        self.idle.set()

    def run(self):
        while True:
            event = self.jobs.get()
            self.tid = threading.get_native_id()
            self.started.set()
            try:
                done = calls.call_run(self.machine, event.what)
                end = self.machine.now()
                self.machine.returned(event, done, end)
            except Exception as fault:
                self.machine.faults.append(Failure(f"line {event.line}: {fault}"))
            self.idle.set()

    def begin(self, event):
        self.await_idle()
        self.idle.clear()
        self.started.clear()
        self.jobs.put(event)
        self.started.wait()
        asleep = 0
        while asleep < 3 and not self.idle.wait(0.0007):
            with open(f"/proc/self/task/{self.tid}/stat") as stat:
                asleep = asleep + 1 if stat.read().rsplit(")", 1)[1].split()[0] == "S" else 0

    def await_idle(self):
        if not self.idle.wait(REAL_LIMIT_S):
            raise Failure("a call still blocks")


class Machine:
    def __init__(self, text, library, flags="", sysctls=None, under_test=Plugin, family=4):
        self.options, self.events = notation.script_read(text)
        if family == 6:         # with as much room for text
            self.options.update(ip_version="ipv6", mtu=str(int(self.options.get("mtu", 1500)) + 20))
        unknown = set(self.options) - KNOWN_OPTIONS
        if unknown:
            raise notation.ScriptError(1, f"option --{unknown.pop()} is not understood")
        self.mapped = self.options.get("ip_version") == "ipv4-mapped-ipv6"
        self.v6 = self.options.get("ip_version") == "ipv6"
        self.local_ip = self.options.get("local_ip", LOCAL_V6 if self.v6 else LOCAL)
        self.remote_ip = self.options.get("remote_ip", REMOTE_V6 if self.v6 else REMOTE)
        if self.v6:
            flags += f",local_ip={self.local_ip}"
        self.tolerance_us = int(self.options.get("tolerance_usecs", TOLERANCE_US))
        self.tolerance_percent = float(self.options.get("tolerance_percent", 0))
        self.tick_us = int(self.options.get("tcp_ts_tick_usecs", 0) or 0)
        for name in ("mtu", "mss"):
            if name in self.options:
                flags += f",{name}={self.options[name]}"
        self.tolerance_us = max(self.tolerance_us, getattr(under_test, "TOLERANCE_US", 0))
        self.sysctls = sysctls
        self.plugin = under_test(library, flags)
        self.fds, self.faults, self.log = {}, [], []
        self.remote_port, self.remote_ports = 40000, set()
        self.tuple = None               # (local port, remote port) of the connection under test
        self.kind = "none"              # none, new, listening, passive, connecting, active
        self.local_isn = self.script_isn = self.remote_isn = 0
        self.local_isn_known = self.remote_isn_known = False
        self.ts_map, self.ts_first = {}, None
        self.held = []                  # packets read and not matched yet
        self.last_in = None
        self.worker = Worker(self)

    def live(self, fd):
        fd = calls.number(fd)
        return self.fds.get(fd, fd if fd < 0 else 1000000 + fd)

    def socket_error(self, fd):
        """SO_ERROR of a socket of the script."""
        import ctypes
        error, size = ctypes.c_int(-1), ctypes.c_uint(4)
        self.plugin.getsockopt(self.live(fd), 1, 4, ctypes.byref(error), ctypes.byref(size))
        return error.value

    # ---- time

    def now(self):
        return self.plugin.now_us() - self.start_us

    def wait_until(self, target):
        while True:
            left = target - self.now()
            if left <= 0:
                return
            if left > SPIN_US:
                self.plugin.usleep(left - SPIN_US)

    def time_resolve(self, event, last):
        moment = event.time
        if moment.kind in ("relative", "relative range", "any"):
            anchored = (last and isinstance(last.what, notation.Packet) and last.what.inbound and
                        isinstance(event.what, notation.Packet) and event.what.inbound)
            offset = last.time.us if anchored else self.now()
            moment.us += offset
            moment.end_us += offset

    def time_check(self, event, actual, last_us, what):
        moment, tolerance = event.time, self.tolerance_us
        if moment.kind == "any":
            return
        if last_us is not None:
            tolerance = max(tolerance, int(self.tolerance_percent / 100 * (moment.us - last_us)))
        end = moment.end_us if "range" in moment.kind else moment.us
        if not moment.us - tolerance <= actual <= end + tolerance:
            raise Failure(f"{what} at {actual / 1e6:.6f} s, expected at {moment.us / 1e6:.6f} s")

    # ---- the whole script

    def run(self):
        self.start_us = self.plugin.now_us()
        self.worker.start()
        last = None
        for event in self.events:
            try:
                last_us = last.time.us if last else None
                self.time_resolve(event, last)
                self.event_run(event, last_us)
            except (Failure, calls.Unknown) as fault:
                raise Failure(f"line {event.line}: {fault}") from None
            if self.faults:
                raise self.faults[0]
            last = event
        self.worker.await_idle()
        if self.faults:
            raise self.faults[0]

    def event_run(self, event, last_us):
        what = event.what
        if isinstance(what, notation.Packet) and not what.inbound:
            self.expect(event, what, last_us)
            return
        if isinstance(what, notation.Shell):
            self.shell(what.command)
            return
        self.wait_until(event.time.us)
        self.time_check(event, self.now(), last_us, "the event runs")
        if isinstance(what, notation.Packet):
            self.inject(what)
        elif isinstance(what, notation.Code):
            self.code(what.text)
        elif event.time.blocks:
            self.worker.begin(event)
            self.called(what)
        else:
            self.worker.await_idle()
            done = calls.call_run(self, what)
            if done.fault:
                raise Failure(done.fault)
            self.called(what)

    def returned(self, event, done, end):
        if done.fault:
            self.faults.append(Failure(f"line {event.line}: {done.fault}"))
        elif abs(end - event.time.end_us) > self.tolerance_us:
            self.faults.append(Failure(f"line {event.line}: {event.what.name}() returns at {end / 1e6:.6f} s, expected "
                                       f"at {event.time.end_us / 1e6:.6f} s"))

    def called(self, call):
        """Which socket the packets to come are about."""
        if call.name == "socket":
            self.kind, self.tuple = "new", None
        elif call.name == "listen" and self.kind == "new":
            self.kind = "listening"
        elif (call.name == "connect" and "AF_UNSPEC" not in call.text or "MSG_FASTOPEN" in call.text) and \
                self.kind in ("new", "listening", "passive"):
            self.kind, self.tuple = "connecting", (None, calls.PORT)

    # ---- packets

    def port_next(self):
        self.remote_port += 1
        self.remote_ports.add(self.remote_port)
        return self.remote_port

    def inject(self, packet):
        if packet.icmp:
            self.plugin.packet_send(self.icmp(packet))
            return
        if packet.window is None and packet.udp is None:
            raise Failure("a packet in must say its window")
        if self.kind in ("none", "listening"):
            self.kind, self.tuple = "passive", (calls.PORT, self.port_next())
            self.remote_isn, self.local_isn_known, self.ts_map, self.ts_first = packet.seq, False, {}, None
        if self.kind == "active" and packet.flags & 2 and not self.remote_isn_known:
            self.remote_isn, self.remote_isn_known = packet.seq, True
        if self.tuple is None or self.tuple[0] is None:
            raise Failure("a packet in for a connection that was not seen yet")
        syn = bool(packet.flags & 2)
        seq = packet.seq + (0 if syn else self.remote_isn)
        ack = 0
        if packet.ack is not None:
            ack = packet.ack + (self.local_isn - self.script_isn if syn else self.local_isn)
        options = wire.options_emit(packet.options, self.ts_live, lambda edge: edge + self.local_isn)
        segment = wire.Segment(self.remote_ip, self.local_ip, self.tuple[1], self.tuple[0], seq, ack, packet.flags,
                               packet.window, packet.urgent or 0, options, b"\0" * packet.length,
                               (packet.tos or 0) | (packet.ecn if isinstance(packet.ecn, int) else 0),
                               packet.ttl or 255)
        self.last_in = segment
        self.plugin.packet_send(segment.emit())

    def ts_live(self, val, ecr):
        return val, self.ts_map.get(ecr, ecr)

    def icmp(self, packet):
        kind, code, mtu = packet.icmp
        if self.v6:
            return self.icmp6(kind, code, mtu, packet)
        quoted = wire.ipv4(self.local_ip, self.remote_ip, 6,
                           struct.pack(">HHI", *self.tuple, (packet.seq + self.local_isn) % 2**32) +
                           b"\0" * (12 + packet.length), 0, 64)[:28]
        message = struct.pack(">BBHI", kind, code, 0, mtu) + quoted
        message = message[:2] + struct.pack(">H", wire.checksum(message)) + message[4:]
        return wire.ipv4(self.remote_ip, self.local_ip, 1, message)

    def icmp6(self, kind, code, mtu, packet):
        """Kinds and codes of ICMPv4 in ICMPv6's: only a packet that is too big, and what cannot be reached."""
        kind, code = (2, 0) if (kind, code) == (3, 4) else (1, {0: 0, 1: 3, 3: 4}.get(code, 0))
        quoted = wire.ipv6(self.local_ip, self.remote_ip, 6,
                           struct.pack(">HHI", *self.tuple, (packet.seq + self.local_isn) % 2**32) +
                           b"\0" * (12 + packet.length), 0, 64)[:60]
        message = struct.pack(">BBHI", kind, code, 0, mtu) + quoted
        front = wire.pseudo(wire.packed(self.remote_ip), wire.packed(self.local_ip), 58, len(message))
        message = message[:2] + struct.pack(">H", wire.checksum(front + message)) + message[4:]
        return wire.ipv6(self.remote_ip, self.local_ip, 58, message)

    def next_out(self, packet):
        """The next segment of the connection under test, and its time."""
        while True:
            if self.held:
                return self.held.pop(0)
            got = self.plugin.packet_receive()
            if got is None:
                raise Failure(f"nothing more is sent, expected {packet.text}")
            segment = wire.parse(got[0])
            if not wire.checksums_right(got[0]):
                raise Failure(f"a packet with a wrong checksum: {got[0].hex()}")
            at = got[1] - self.start_us
            if isinstance(segment, tuple):
                continue
            if self.kind == "connecting" and segment.flags & 0x12 == 2 and segment.dport == calls.PORT:
                self.kind, self.tuple = "active", (segment.sport, segment.dport)
                self.local_isn_known, self.ts_map, self.ts_first, self.remote_isn = False, {}, None, 0
                self.remote_isn_known = False
            if self.tuple == (segment.sport, segment.dport):
                return segment, at

    def expect(self, event, packet, last_us):
        segment, at = self.next_out(packet)
        self.log.append((at, segment))
        if segment.flags & 2 and not self.local_isn_known:
            self.local_isn, self.script_isn, self.local_isn_known = segment.seq, packet.seq, True
        segment = self.join(packet, segment)
        fault = self.differs(packet, segment)
        if fault:
            raise Failure(f"{fault}\n  expected {packet.text}\n  sent     {self.text(segment)} at {at / 1e6:.6f}")
        self.time_check(event, at, last_us, "a packet goes")

    def join(self, packet, first):
        """A large scripted segment is matched by a run of equal ones."""
        whole, size = first, len(first.text)
        while size and len(whole.text) < packet.length:
            try:
                more, at = self.next_out(packet)
            except Failure:
                return whole
            if more.seq != (whole.seq + len(whole.text)) % 2**32 or len(more.text) > size or more.flags & 2:
                self.held.insert(0, (more, at))
                return whole
            self.log.append((at, more))
            whole = wire.Segment(**{**vars(more), "seq": first.seq, "text": whole.text + more.text,
                                    "options": first.options})
            if len(more.text) < size:
                break
        return whole

    def seq_script(self, segment):
        offset = self.local_isn - self.script_isn if segment.flags & 2 else self.local_isn
        return (segment.seq - offset) % 2**32

    def ack_script(self, segment):
        return (segment.ack - (0 if segment.flags & 2 else self.remote_isn)) % 2**32

    def options_script(self, segment):
        out = []
        for option in wire.options_parse(segment.options):
            if option[0] == "sack":
                edges = [(edge - self.remote_isn) % 2**32 for edge in option[1]]
                out.append(("sack", " ".join(f"{edges[i]}:{edges[i + 1]}" for i in range(0, len(edges), 2))))
            else:
                out.append(option)
        return out

    def text(self, segment):
        flags = "".join(letter for letter, bit in notation.FLAGS.items() if segment.flags & bit and letter != "C")
        seq = self.seq_script(segment)
        text = f"{flags or '-'} {seq}:{(seq + len(segment.text)) % 2**32}({len(segment.text)})"
        if segment.flags & 16:
            text += f" ack {self.ack_script(segment)}"
        text += f" win {segment.window}"
        if segment.flags & 32:
            text += f" urg {segment.urgent}"
        options = []
        for kind, *values in self.options_script(segment):
            options.append(f"TS val {values[0]} ecr {values[1]}" if kind == "TS" else " ".join([kind, *values]))
        return text + (f" <{','.join(options)}>" if options else "")

    def ts_differs(self, packet, actual):
        """The script's timestamps name those of the stack; and advance alike, when a tick is given."""
        wanted = {option[0]: option[1:] for option in packet.options}.get("TS")
        got = {option[0]: option[1:] for option in actual}.get("TS")
        if not wanted or not got:
            return None
        val, ecr, live, live_ecr = int(wanted[0]), int(wanted[1]), int(got[0]), int(got[1])
        if ecr != live_ecr:
            return f"echoes timestamp {live_ecr}"
        if self.ts_first is None:
            self.ts_first = (val, live)
        elif self.tick_us:
            drift = ((val - self.ts_first[0]) - (live - self.ts_first[1])) * self.tick_us
            if abs(drift) > self.tolerance_us:
                return f"timestamp is off by {drift} us"
        self.ts_map[val] = live
        return None

    def options_differ(self, packet, segment):
        if packet.options == "any":
            return None
        wanted, got = packet.options or [], self.options_script(segment)
        plain = [option if option[0] != "TS" else ("TS",) for option in got]
        plain_wanted = [option if option[0] != "TS" else ("TS",) for option in wanted]
        while len(plain_wanted) % 4 and len(plain) > len(plain_wanted) and plain[-1] == ("eol",):
            plain.pop()
        if plain != plain_wanted:
            return "other options"
        return self.ts_differs(packet, got) if wanted else None

    def differs(self, packet, segment):
        if self.seq_script(segment) != packet.seq % 2**32:
            return "another sequence number"
        if len(segment.text) != packet.length:
            return "another length"
        if segment.flags != packet.flags:
            return "other flags"
        if packet.ack is not None and self.ack_script(segment) != packet.ack:
            return "another acknowledgment number"
        if packet.window is not None and segment.window != packet.window:
            return "another window"
        if packet.urgent is not None and segment.urgent != packet.urgent:
            return "another urgent pointer"
        if segment.text.strip(b"\0"):
            return "text that was not written"
        if packet.tos is not None and segment.tos != packet.tos:
            return f"TOS {segment.tos:#x}"
        if packet.ecn is not None and segment.tos & 3 not in ((packet.ecn,) if isinstance(packet.ecn, int)
                                                             else packet.ecn):
            return f"ECN {segment.tos & 3}"
        return self.options_differ(packet, segment)

    # ---- code and commands

    def code(self, text):
        """Python over TCP_INFO of the connection's newest socket."""
        fds = [fd for fd in self.fds if fd >= 0]
        names = dict(INFO_NAMES)
        import ctypes
        for fd in sorted(fds, reverse=True):
            data, size = ctypes.create_string_buffer(INFO_BYTES), ctypes.c_uint(INFO_BYTES)
            if self.plugin.getsockopt(self.fds[fd], 6, 11, data, ctypes.byref(size)) == 0:
                if size.value != INFO_BYTES:
                    raise Failure(f"TCP_INFO has {size.value} bytes")
                names.update({name: struct.unpack_from("=" + letter, data.raw, at)[0]
                              for name, (at, letter) in INFO.items()})
                names["tcpi_snd_wscale"], names["tcpi_rcv_wscale"] = data.raw[6] & 15, data.raw[6] >> 4
                break
        lines = text.strip("\n").split("\n")
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        try:
            exec("\n".join(line[indent:] if len(lines) > 1 else line.strip() for line in lines) + "\n\n", names)
        except AssertionError as fault:
            raise Failure(f"assertion: {text.strip()}: {fault}") from None
        except (NameError, SyntaxError) as fault:
            raise Failure(f"code not understood: {fault}") from None

    def shell(self, command):
        for part in re.split(r"[;\n]|&&", command.replace("\\\n", " ")):
            part = part.split("#")[0].strip()
            if re.search(r"\bdefaults\.sh$", part):
                for name, value in SYSCTL_DEFAULTS.items():
                    self.sysctl("ipv4", name, value)
            settings = re.findall(r"(?:/proc/sys/)?net[./](ipv4|core)[./](\w+)=(\"[^\"]*\"|'[^']*'|\S+)", part)
            echo = re.match(r"echo\s+(?:-n\s+)?(.*?)\s*>+\s*/proc/sys/net/(ipv4|core)/(\w+)", part)
            if echo:
                settings = [(echo.group(2), echo.group(3), echo.group(1))]
            for folder, name, value in settings:
                self.sysctl(folder, name, value.strip("\"'"))
            if settings or not part or re.search(
                    r"\bdefaults\.sh$|\bset_sysctls\.py\b|sysctl_restore|^tc |^ethtool |^ip tcp_metrics |"
                    r"^(true|:|sync|sleep \S+)$", part):
                if part.startswith("sleep"):
                    time.sleep(min(float(part.split()[1]), 1))
                continue
            raise Failure(f"command {part!r} is not understood")

    def sysctl(self, folder, name, value):
        path = os.path.join(self.sysctls, folder)
        os.makedirs(path, exist_ok=True)
        try:
            with open(os.path.join(path, name), "w") as file:
                file.write(value + "\n")
        except OSError as fault:                # a kernel that keeps it for itself
            print(f"# {name} stays as it is: {fault.strerror}")

    def end(self):
        """As packetdrill leaves: sockets closed by the C library, a RST for the connection, free()."""
        for fd in self.fds.values():
            try:
                os.close(fd)
            except OSError:
                pass
        if self.tuple and self.tuple[0] and self.last_in:
            last = self.last_in
            self.plugin.packet_send(wire.Segment(self.remote_ip, self.local_ip, last.sport, last.dport,
                                                 last.seq + len(last.text), 0, 4, 0, 0, b"", b"").emit())
        self.plugin.free()
