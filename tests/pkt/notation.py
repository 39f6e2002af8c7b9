# SPDX-License-Identifier: MIT
"""
notation.py: a script in packetdrill's notation to a list of events.

What packetdrill accepts means the same here; what is not understood is a ScriptError that names the line.  Each event
has a time, and is one of Packet, Call, Shell and Code.

    0     socket(..., SOCK_STREAM, IPPROTO_TCP) = 3        at 0 s
   +.1    < S 0:0(0) win 32792 <mss 1000,sackOK>           so long after the event before
   +0...0.3  read(4, ..., 100) = 100                       a call that blocks, and when it returns
   +0~+.2 > . 1:1(0) ack 101                               within a range
    *     > . 1:1(0) ack 101                               at any time
"""
import dataclasses
import re

FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, ".": 0x10, "U": 0x20, "E": 0x40, "W": 0x80, "C": 0x80, "A": 0x100}
ECN = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3, "ect01": (1, 2), "nonect": 0}


class ScriptError(Exception):
    def __init__(self, line, text):
        super().__init__(f"line {line}: {text}")


@dataclasses.dataclass
class Time:
    kind: str                   # absolute, relative, range, relative range, any
    us: int = 0
    end_us: int = 0
    blocks: bool = False        # a call that ends at end_us


@dataclasses.dataclass
class Event:
    line: int
    time: Time
    what: object


@dataclasses.dataclass
class Packet:
    inbound: bool
    flags: int = 0
    seq: int = 0
    length: int = 0
    ack: int = None
    window: int = None
    urgent: int = None
    options: list = None        # of (kind, value...); None: none given; "any": <...>
    ecn: object = None
    tos: int = None
    ttl: int = None
    icmp: tuple = None          # type, code, mtu: then seq and length are of the quoted segment
    udp: int = None
    text: str = ""


@dataclasses.dataclass
class Call:
    name: str
    arguments: list
    result: object              # a value, or None for "any": `= ...`? not in use
    errno: str = None
    text: str = ""


@dataclasses.dataclass
class Shell:
    command: str


@dataclasses.dataclass
class Code:
    text: str


# Values within calls.
class Ellipsis_:
    def __repr__(self):
        return "..."


ANY = Ellipsis_()


@dataclasses.dataclass
class Name:                     # a constant, or an expression of them: `O_RDWR|O_NONBLOCK`
    text: str


@dataclasses.dataclass
class Struct:
    fields: dict                # named
    items: list                 # not named


TOKEN = re.compile(r"""\s*(?:
    (?P<number>-?0[xX][0-9a-fA-F]+|-?\d+(?:\.\d+)?|-?\.\d+) |
    (?P<dots>\.\.\.) | (?P<string>"(?:[^"\\]|\\.)*") |
    (?P<word>[A-Za-z_]\w*) | (?P<sign>\|\||&&|<<|[(){}\[\],=|:~+*<>-])
)""", re.X)


class Reader:
    """Tokens of one call."""

    def __init__(self, text, line):
        self.line, self.tokens, at = line, [], 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                if text[at:].strip():
                    raise ScriptError(line, f"not understood: {text[at:]!r}")
                break
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        self.at = 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else (None, None)

    def take(self, *wanted):
        kind, text = self.peek()
        if wanted and text not in wanted:
            raise ScriptError(self.line, f"{text!r} where {' or '.join(wanted)} should be")
        self.at += 1
        return kind, text

    def value(self):
        kind, text = self.take()
        if kind == "dots":
            return ANY
        if text == "[":
            return self.listed("]")
        if text == "{":
            return self.struct()
        if kind == "string":
            return text[1:-1].encode().decode("unicode_escape")
        if kind in ("number", "word"):
            parts = [text]
            while self.peek()[1] in ("|", "<<", "+") and self.peek(1)[0] in ("number", "word"):
                parts += [self.take()[1], self.take()[1]]
            if kind == "word" and len(parts) == 1 and self.peek()[1] == "(":     # htons(1) and the like
                return self.function(text)
            if len(parts) == 1 and kind == "number":
                return float(text) if "." in text else int(text, 0)
            return Name(" ".join(parts))
        raise ScriptError(self.line, f"a value cannot begin with {text!r}")

    def function(self, name):
        self.take("(")
        value = self.value()
        self.take(")")
        return Struct({name: value}, [])

    def listed(self, end):
        values = []
        while self.peek()[1] != end:
            values.append(self.value())
            if self.peek()[1] == ",":
                self.take()
        self.take(end)
        return values

    def struct(self):
        fields, items = {}, []
        while self.peek()[1] != "}":
            if self.peek()[0] == "word" and self.peek(1)[1] in ("=", "("):
                name = self.take()[1]
                if self.peek()[1] == "(":                                       # msg_iov(1)=[...]
                    self.take("(")
                    self.value()
                    self.take(")")
                self.take("=")
                fields[name] = self.value()
            else:
                items.append(self.value())
            if self.peek()[1] in (",", ":"):
                self.take()
        self.take("}")
        return Struct(fields, items)


def call_read(text, line):
    match = re.match(r"(\w+)\s*\(", text)
    reader = Reader(text[match.end():], line)
    arguments = []
    while reader.peek()[1] != ")":
        if reader.peek()[0] is None:
            raise ScriptError(line, "the call does not end")
        arguments.append(reader.value())
        if reader.peek()[1] == ",":
            reader.take()
    reader.take(")")
    reader.take("=")
    result, errno = reader.value(), None
    if reader.peek()[0] == "word":
        errno = reader.take()[1]
    if reader.peek()[0] is not None and reader.peek()[1] != "(":                # a note in parentheses may follow
        raise ScriptError(line, f"{reader.peek()[1]!r} behind the call")
    return Call(match.group(1), arguments, result, errno, text)


# ---- packets

OPTION = [
    (re.compile(r"mss (\d+)$"), "mss"), (re.compile(r"wscale (\d+)$"), "wscale"), (re.compile(r"sackOK$"), "sackOK"),
    (re.compile(r"TS val (\d+) ecr (\d+)$"), "TS"), (re.compile(r"sack ([\d: ]+)$"), "sack"),
    (re.compile(r"nop$"), "nop"), (re.compile(r"eol$"), "eol"), (re.compile(r"FO ?([0-9a-f]*)$"), "FO"),
    (re.compile(r"FOEXP ?([0-9a-f]*)$"), "FOEXP"),
    (re.compile(r"md5 ([0-9a-f]{32})$"), "md5"), (re.compile(r"[uU]nknown (\d+) (\w*)$"), "unknown"),
]


def options_read(text, line):
    text = text.strip()
    if text == "...":
        return "any"
    options = []
    for part in (text.split(",") if text else []):
        part = " ".join(part.split())
        for pattern, kind in OPTION:
            match = pattern.match(part)
            if match:
                options.append((kind, *match.groups()))
                break
        else:
            raise ScriptError(line, f"option {part!r} is not understood")
    return options


NUMBERS = re.compile(r"(\d+):(\d+)\((\d+)\)\s*")
ICMP = {
    ("unreachable", "net_unreachable"): (3, 0), ("unreachable", "host_unreachable"): (3, 1),
    ("unreachable", "protocol_unreachable"): (3, 2), ("unreachable", "port_unreachable"): (3, 3),
    ("unreachable", "frag_needed"): (3, 4), ("unreachable", "source_route_failed"): (3, 5),
    ("unreachable", "net_unreachable_for_tos"): (3, 11), ("unreachable", "host_unreachable_for_tos"): (3, 12),
    ("unreachable", "net_prohibited"): (3, 9), ("unreachable", "host_prohibited"): (3, 10),
    ("unreachable", "packet_filtered"): (3, 13), ("unreachable", "precedence_violation"): (3, 14),
    ("unreachable", "precedence_cutoff"): (3, 15), ("unreachable", "net_unknown"): (3, 6),
    ("unreachable", "host_unknown"): (3, 7), ("unreachable", "source_host_isolated"): (3, 8),
    ("time_exceeded", "ttl_exceeded"): (11, 0), ("time_exceeded", "exc_fragtime"): (11, 1),
    ("time_exceeded", None): (11, 0), ("source_quench", None): (4, 0), ("parameter_problem", None): (12, 0),
    ("unreachable", None): (3, 0),
}


def icmp_read(packet, rest, line):
    match = re.match(r"(?:\[(\d+):(\d+)\((\d+)\)\]\s*)?icmp\s+(\w+)(?:\s+(?!mtu\b)(\w+))?(?:\s+mtu\s+(\d+))?\s*"
                     r"(?:\[(\d+):(\d+)\((\d+)\)\])?\s*$", rest)
    if not match or (match.group(4), match.group(5)) not in ICMP:
        raise ScriptError(line, f"ICMP message not understood: {rest!r}")
    packet.icmp = (*ICMP[match.group(4), match.group(5)], int(match.group(6) or 0))
    packet.seq, packet.length = int(match.group(1) or match.group(7) or 0), int(match.group(3) or match.group(9) or 0)
    return packet


def flags_read(text, line):
    flags = 0
    for letter in text if text != "-" else "":
        if letter not in FLAGS or flags & FLAGS[letter]:
            raise ScriptError(line, f"flags {text!r} are not understood")
        flags |= FLAGS[letter]
    return flags


def packet_read(text, line):
    packet, rest = Packet(inbound=text[0] == "<", text=text), text[1:].strip()
    if "icmp" in rest.split("<")[0].split():
        return icmp_read(packet, rest, line)
    while True:
        match = re.match(r"\[(\w+)\]\s*|\(?tos (0x\w+|\d+)\)?\s*|\(?ttl (\d+)\)?\s*", rest)
        if not match or not match.end():
            break
        if match.group(1):
            if match.group(1) not in ECN:
                raise ScriptError(line, f"[{match.group(1)}] is not understood")
            packet.ecn = ECN[match.group(1)]
        elif match.group(2):
            packet.tos = int(match.group(2), 0)
        else:
            packet.ttl = int(match.group(3))
        rest = rest[match.end():]
    match = re.match(r"udp\s*\((\d+)\)\s*$", rest)
    if match:
        packet.udp = int(match.group(1))
        return packet
    match = re.match(r"(\S+)\s+", rest)
    if not match:
        raise ScriptError(line, f"packet not understood: {text!r}")
    packet.flags = flags_read(match.group(1), line)
    rest = rest[match.end():]
    match = NUMBERS.match(rest)
    if match:
        packet.seq, packet.length = int(match.group(1)), int(match.group(3))
        if (packet.seq + packet.length) % 2**32 != int(match.group(2)):
            raise ScriptError(line, "inconsistent sequence numbers")
        rest = rest[match.end():]
    for word, field in (("ack", "ack"), ("win", "window"), ("urg", "urgent")):
        match = re.match(word + r" (\d+)\s*", rest)
        if match:
            setattr(packet, field, int(match.group(1)))
            rest = rest[match.end():]
    match = re.match(r"<(.*)>\s*$", rest)
    if match:
        packet.options = options_read(match.group(1), line)
        rest = ""
    if rest:
        raise ScriptError(line, f"{rest!r} at the end of a packet is not understood")
    if packet.ack is None and packet.flags & FLAGS["."]:
        raise ScriptError(line, "the flag . wants an `ack`")
    return packet


# ---- times

SECONDS = r"(?:\d+(?:\.\d+)?|\.\d+)"
TIME = re.compile(rf"\s*(?P<any>\*)|\s*(?P<plus>\+?)(?P<from>{SECONDS})"
                  rf"(?:~(?P<plus2>\+?)(?P<to>{SECONDS})|\.\.\.(?P<plus3>\+?)(?P<end>{SECONDS}))?")


def us(text):
    return round(float(text) * 1000000)


def time_read(text, line):
    """The time at the beginning of an event, and what is behind it."""
    match = TIME.match(text)
    if not match:
        return Time("relative", 0), text.strip()
    rest = text[match.end():].strip()
    if match.group("any"):
        return Time("any"), rest
    relative = bool(match.group("plus"))
    start = us(match.group("from"))
    if match.group("to"):
        end = us(match.group("to"))
        return Time("relative range" if relative else "range", start, end), rest
    if match.group("end"):
        # In packetdrill both ends of a blocking call count from the same origin.
        return Time("relative" if relative else "absolute", start, us(match.group("end")), blocks=True), rest
    return Time("relative" if relative else "absolute", start), rest


# ---- the whole

def comments_drop(text):
    """Comments become blanks, lines stay lines."""
    def blank(match):
        word = match.group(0)
        return word if word[0] in "\"`%" else re.sub(r"[^\n]", " ", word)
    return re.sub(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|%\{.*?\}%|/\*.*?\*/|//[^\n]*|#[^\n]*', blank, text, flags=re.S)


def complete(text):
    """Has everything that was opened been closed?"""
    bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", text)
    return all(bare.count(a) <= bare.count(b) for a, b in ("()", "[]", "{}")) and text.count("`") % 2 == 0 and (
        "%{" not in text or "}%" in text)


def script_read(text):
    """(options of the head, events)"""
    options, events, pending, first = {}, [], "", 0
    for number, line in enumerate(comments_drop(text).split("\n"), 1):
        if not pending and not line.strip():
            continue
        if not pending and line.strip().startswith("--") and not events:
            for word in line.split():
                name, _, value = word.lstrip("-").partition("=")
                options[name] = value
            continue
        if not pending:
            first = number
        pending += ("\n" if pending else "") + line
        if not complete(pending):
            continue
        # A call may go on behind its `)`: the result may stand in the next line.
        event, pending = pending.strip(), ""
        time, rest = time_read(event, first) if not event.startswith(("`", "%")) else (Time("relative"), event)
        if rest.startswith("`"):
            what = Shell(rest.strip("`").strip())
        elif rest.startswith("%{"):
            what = Code(re.sub(r"^%\{|\}%$", "", rest))
        elif rest[:1] in "<>" and rest:
            what = packet_read(" ".join(rest.split()), first)
        elif re.match(r"\w+\s*\(", rest):
            what = call_read(" ".join(rest.split()), first)
        else:
            raise ScriptError(first, f"not understood: {event!r}")
        events.append(Event(first, time, what))
    if pending:
        raise ScriptError(first, "the script ends within this event")
    return options, events
