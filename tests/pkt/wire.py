# SPDX-License-Identifier: MIT
"""wire.py: packets of IPv4 and IPv6 with TCP, ICMP and UDP: bytes from what a script says, and back."""
import dataclasses
import socket
import struct


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, protocol, payload, tos=0, ttl=255):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 0, 0x4000, ttl, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, protocol, payload, tos=0, ttl=255):
    return struct.pack(">IHBB16s16s", 6 << 28 | tos << 20, len(payload), protocol, ttl,
                       socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, destination)) + payload


def is_v6(address):
    return ":" in address


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if is_v6(address) else socket.AF_INET, address)


def pseudo(source, destination, protocol, length):
    """Of packed addresses."""
    return source + destination + struct.pack(">HH" if len(source) == 4 else ">II", protocol, length)


@dataclasses.dataclass
class Segment:
    source: str
    destination: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int                  # AE is 0x100
    window: int
    urgent: int
    options: bytes
    text: bytes
    tos: int = 0
    ttl: int = 64

    def emit(self):
        length = 20 + len(self.options)
        words = (length // 4) << 12 | self.flags
        head = struct.pack(">HHIIHHHH", self.sport, self.dport, self.seq % 2**32, self.ack % 2**32, words, self.window,
                           0, self.urgent) + self.options + self.text
        front = pseudo(packed(self.source), packed(self.destination), 6, len(head))
        head = head[:16] + struct.pack(">H", checksum(front + head)) + head[18:]
        return (ipv6 if is_v6(self.source) else ipv4)(self.source, self.destination, 6, head, self.tos, self.ttl)


def parse(packet):
    """A Segment, or (protocol, payload) of what is no TCP."""
    if packet[0] >> 4 == 6:
        ihl, protocol, tos, ttl = 40, packet[6], (packet[0] << 4 | packet[1] >> 4) & 255, packet[7]
        source, destination = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
    else:
        ihl, protocol, tos, ttl = (packet[0] & 15) * 4, packet[9], packet[1], packet[8]
        source, destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    if protocol != 6:
        return protocol, packet[ihl:]
    tcp = packet[ihl:]
    sport, dport, seq, ack, words, window, _, urgent = struct.unpack(">HHIIHHHH", tcp[:20])
    offset = (words >> 12) * 4
    return Segment(source, destination, sport, dport, seq, ack, words & 0x1ff, window, urgent, tcp[20:offset],
                   tcp[offset:], tos, ttl)


def checksums_right(packet):
    """Of the IPv4 header, and of TCP."""
    if packet[0] >> 4 == 6:
        front = pseudo(packet[8:24], packet[24:40], packet[6], len(packet) - 40)
        return packet[6] not in (6, 58) or checksum(front + packet[40:]) == 0
    ihl = (packet[0] & 15) * 4
    payload = packet[ihl:]
    front = pseudo(packet[12:16], packet[16:20], packet[9], len(payload))
    return checksum(packet[:ihl]) == 0 and (packet[9] != 6 or checksum(front + payload) == 0)


def options_emit(options, ts=None, sack=lambda n: n):
    """Bytes of a script's options; `ts` maps (val, ecr), `sack` an edge, from the script's to real ones."""
    out = b""
    for kind, *values in options or []:
        if kind == "mss":
            out += struct.pack(">BBH", 2, 4, int(values[0]))
        elif kind == "wscale":
            out += struct.pack(">BBB", 3, 3, int(values[0]))
        elif kind == "sackOK":
            out += b"\4\2"
        elif kind == "nop":
            out += b"\1"
        elif kind == "eol":
            out += b"\0"
        elif kind == "TS":
            val, ecr = ts(int(values[0]), int(values[1])) if ts else (int(values[0]), int(values[1]))
            out += struct.pack(">BBII", 8, 10, val % 2**32, ecr % 2**32)
        elif kind == "sack":
            edges = [sack(int(edge)) % 2**32 for block in values[0].split() for edge in block.split(":")]
            out += struct.pack(f">BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges)
        elif kind == "FO":
            cookie = bytes.fromhex(values[0])
            out += bytes([34, 2 + len(cookie)]) + cookie
        elif kind == "FOEXP":
            cookie = bytes.fromhex(values[0])
            out += bytes([254, 4 + len(cookie), 0xf9, 0x89]) + cookie
        elif kind == "md5":
            out += bytes([19, 18]) + bytes.fromhex(values[0])
        elif kind == "unknown":
            data = bytes.fromhex(values[1][2:] if values[1].startswith("0x") else values[1])
            out += bytes([int(values[0]), 2 + len(data)]) + data
    return out + b"\0" * (-len(out) % 4)


def options_parse(data):
    options, at = [], 0
    while at < len(data):
        kind = data[at]
        if kind < 2:
            options.append(("nop",) if kind == 1 else ("eol",))
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        value = data[at + 2:at + length]
        if length < 2 or at + length > len(data):
            options.append(("malformed", data[at:].hex()))
            break
        if kind == 2 and length == 4:
            options.append(("mss", str(struct.unpack(">H", value)[0])))
        elif kind == 3 and length == 3:
            options.append(("wscale", str(value[0])))
        elif kind == 4 and length == 2:
            options.append(("sackOK",))
        elif kind == 8 and length == 10:
            options.append(("TS", *map(str, struct.unpack(">II", value))))
        elif kind == 5 and length % 8 == 2:
            edges = struct.unpack(f">{len(value) // 4}I", value)
            options.append(("sack", edges))
        elif kind == 34:
            options.append(("FO", value.hex()))
        elif kind == 254 and value[:2] == b"\xf9\x89":
            options.append(("FOEXP", value[2:].hex()))
        else:
            options.append(("unknown", str(kind), value.hex()))
        at += length
    return options
