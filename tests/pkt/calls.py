# SPDX-License-Identifier: MIT
"""
calls.py: a script's system call on the plug-in: arguments made, the slot called, what came back compared.

Every function here takes the machine and the arguments of the script and answers with a Done: the result, errno, and
what is wrong with anything that came back through a pointer.  It runs in the thread of whoever calls it.
"""
import ctypes
import errno
import os
import re
import socket
import struct

import wire

from constants import NAMES
from notation import ANY, Name, Struct

PORT = 8080


class Unknown(Exception):
    pass


class Done:
    def __init__(self, result, fault=None):
        self.result, self.errno, self.fault = result, ctypes.get_errno(), fault


def number(value):
    """Of a script's value: a number, or names and numbers joined by | + <<."""
    if isinstance(value, Name):
        text = re.sub(r"[A-Za-z_]\w*", lambda match: str(constant(match.group(0))), value.text)
        return eval(text, {"__builtins__": {}})
    if isinstance(value, Struct) and set(value.fields) & {"htons", "htonl"}:
        return number(next(iter(value.fields.values())))
    if isinstance(value, (int, float)):
        return int(value)
    raise Unknown(f"{value!r} is not a number")


def constant(name):
    if name not in NAMES:
        raise Unknown(f"the name {name} is not known")
    return NAMES[name]


def address_bytes(machine, value, remote):
    """A struct sockaddr; None for `...` where there is none to give."""
    if value is ANY:
        ip = machine.remote_ip if remote else machine.local_ip
        if machine.v6:
            return struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(PORT), 0, wire.packed(ip), 0)
        if machine.mapped:
            return struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(PORT), 0,
                               b"\0" * 10 + b"\xff\xff" + socket.inet_aton(ip), 0)
        return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(PORT), socket.inet_aton(ip))
    if isinstance(value, Name) and value.text == "AF_UNSPEC":
        value = Struct({"sa_family": value}, [])
    family = number(value.fields.get("sa_family", Name("AF_INET")))
    if family == socket.AF_UNSPEC:
        return struct.pack("=H14x", 0)
    port = number(value.fields.get("sin_port", PORT))
    ip = value.fields.get("sin_addr", Struct({"inet_addr": machine.remote_ip if remote else machine.local_ip}, []))
    return struct.pack("=HH4s8x", family, socket.htons(port), socket.inet_aton(next(iter(ip.fields.values()))))


def buffer_of(size):
    return ctypes.create_string_buffer(max(int(size), 1))


def call_socket(machine, domain, kind, protocol):
    family = socket.AF_INET6 if machine.mapped or machine.v6 else socket.AF_INET
    family = family if domain is ANY else number(domain)
    return Done(machine.plugin.socket(family, number(kind), number(protocol)))


def call_bind(machine, fd, address, length):
    data = address_bytes(machine, address, remote=False)
    return Done(machine.plugin.bind(machine.live(fd), data, len(data) if length is ANY else number(length)))


def call_connect(machine, fd, address, length):
    data = address_bytes(machine, address, remote=True)
    return Done(machine.plugin.connect(machine.live(fd), data, len(data) if length is ANY else number(length)))


def call_listen(machine, fd, backlog):
    return Done(machine.plugin.listen(machine.live(fd), number(backlog)))


def call_accept(machine, fd, address, length):
    data, room = buffer_of(128), ctypes.c_uint(128)
    result = machine.plugin.accept(machine.live(fd), data, ctypes.byref(room))
    done = Done(result)
    if result >= 0:
        ip, port = data.raw[4:8], struct.unpack(">H", data.raw[2:4])[0]
        ip = data.raw[20:24] if machine.mapped else data.raw[8:24] if machine.v6 else ip
        if ip != wire.packed(machine.remote_ip) or port not in machine.remote_ports:
            done.fault = f"accept() names {ip.hex()}:{port} as the peer"
    return done


def call_shutdown(machine, fd, how):
    return Done(machine.plugin.shutdown(machine.live(fd), number(how)))


def call_close(machine, fd):
    return Done(machine.plugin.close(machine.live(fd)))


# ---- text

def text_in(value, size):
    if value is ANY or isinstance(value, str):
        return buffer_of(size)
    return None                                 # NULL


def call_read(machine, fd, text, size):
    return Done(machine.plugin.read(machine.live(fd), text_in(text, number(size)), number(size)))


def call_recv(machine, fd, text, size, flags):
    return Done(machine.plugin.recv(machine.live(fd), text_in(text, number(size)), number(size), number(flags)))


def call_recvfrom(machine, fd, text, size, flags, address, length):
    return Done(machine.plugin.recvfrom(machine.live(fd), text_in(text, number(size)), number(size), number(flags),
                                        None, None))


def call_write(machine, fd, text, size):
    return Done(machine.plugin.write(machine.live(fd), text_in(text, number(size)), number(size)))


def call_send(machine, fd, text, size, flags):
    return Done(machine.plugin.send(machine.live(fd), text_in(text, number(size)), number(size), number(flags)))


def call_sendto(machine, fd, text, size, flags, address, length):
    data = address_bytes(machine, address, remote=True) if number(flags) & NAMES["MSG_FASTOPEN"] else b""
    return Done(machine.plugin.sendto(machine.live(fd), text_in(text, number(size)), number(size), number(flags),
                                      data or None, len(data)))


def parts_of(values):
    """An array of struct iovec, and the buffers that must live as long."""
    buffers = [(text_in(part.items[0], number(part.items[1])), number(part.items[1])) for part in values]
    array = (ctypes.c_size_t * (2 * max(len(buffers), 1)))()
    for at, (data, size) in enumerate(buffers):
        array[2 * at] = ctypes.addressof(data) if data else 0
        array[2 * at + 1] = size
    return array, buffers


def call_readv(machine, fd, parts, count):
    array, _buffers = parts_of(parts)
    return Done(machine.plugin.readv(machine.live(fd), array, number(count)))


def call_writev(machine, fd, parts, count):
    array, _buffers = parts_of(parts)
    return Done(machine.plugin.writev(machine.live(fd), array, number(count)))


def control_bytes(part):
    """A struct cmsghdr with its data, as the script expects it."""
    level, data = number(part.fields["cmsg_level"]), part.fields["cmsg_data"]
    if not isinstance(data, Struct):
        data = struct.pack("=i", number(data))
    elif "scm_sec" in data.fields:
        data = struct.pack("=qq32x", number(data.fields["scm_sec"]), number(data.fields["scm_nsec"]))
    else:
        names = ("ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data")
        data = struct.pack("=IBBBxII", *(number(data.fields[name]) for name in names))
        data += b"\0" * (16 if level == 0 else 28)
    whole = struct.pack("=Qii", 16 + len(data), level, number(part.fields["cmsg_type"])) + data
    return whole + b"\0" * (-len(whole) % 8)


def control_differs(machine, message, got):
    """What is wrong with the control messages that came; times are of the script."""
    for part in message.fields.get("msg_control", []):
        wanted = control_bytes(part)
        have, got = got[:len(wanted)], got[len(wanted):]
        if len(have) == len(wanted) and isinstance(part.fields["cmsg_data"], Struct) and \
                "scm_sec" in part.fields["cmsg_data"].fields:
            seconds, ns = struct.unpack("=qq", have[16:32])
            expected, expected_ns = struct.unpack("=qq", wanted[16:32])
            late_us = seconds * 1000000 + ns // 1000 - machine.start_us - expected * 1000000 - expected_ns // 1000
            if abs(late_us) > machine.tolerance_us or have[:16] != wanted[:16]:
                return f"recvmsg() answers a time that is {late_us} us off"
        elif have != wanted:
            return f"recvmsg() answers control {have.hex()}, expected {wanted.hex()}"
    return f"recvmsg() answers more control: {got.hex()}" if got else None


def message_of(value):
    """struct msghdr, and what it points to; flags and control as the script expects them, to be overwritten."""
    array, buffers = parts_of(value.fields.get("msg_iov", []))
    control = buffer_of(256)
    flags = number(value.fields.get("msg_flags", 0))
    room = sum(len(control_bytes(part)) for part in value.fields.get("msg_control", []))
    header = struct.pack("=QIxxxxQQQQIxxxx", 0, 0, ctypes.addressof(array), len(value.fields.get("msg_iov", [])),
                         ctypes.addressof(control) if room else 0, room, flags)
    return ctypes.create_string_buffer(header, len(header)), (array, buffers, control), flags


def call_sendmsg(machine, fd, message, flags):
    header, _keep, _flags = message_of(message)
    return Done(machine.plugin.sendmsg(machine.live(fd), header, number(flags)))


def call_recvmsg(machine, fd, message, flags):
    header, (_array, _buffers, control), expected = message_of(message)
    done = Done(machine.plugin.recvmsg(machine.live(fd), header, number(flags)))
    if done.result >= 0:
        _name, _length, _iov, _count, _control, room, got = struct.unpack("=QIxxxxQQQQIxxxx", header.raw)
        if got != expected:
            done.fault = f"recvmsg() answers msg_flags {got:#x}, expected {expected:#x}"
        done.fault = done.fault or control_differs(machine, message, control.raw[:room])
    return done


def call_sendfile(machine, out, source, offset, size):
    where = ctypes.c_long(number(offset[0])) if isinstance(offset, list) else None
    send = machine.plugin.library.sendfile
    send.restype = ctypes.c_ssize_t
    ctypes.set_errno(0)
    return Done(send(machine.live(out), machine.live(source), ctypes.byref(where) if where else None,
                     ctypes.c_size_t(number(size))))


def call_splice(machine, source, source_offset, out, out_offset, size, flags):
    return Done(machine.plugin.splice(machine.live(source), None, machine.live(out), None, number(size),
                                      number(flags)))


def call_pipe(machine, ends):
    pair = (ctypes.c_int * 2)()
    done = Done(machine.plugin.pipe(pair))
    machine.fds[number(ends[0])], machine.fds[number(ends[1])] = pair[0], pair[1]
    return done


def call_open(machine, path, flags, *mode):
    return Done(os.open(path, number(flags)))


# ---- options

def option_bytes(value, length):
    """What setsockopt is given: [1], {onoff=1, linger=2}, "text", {tv_sec=1, tv_usec=0}."""
    if isinstance(value, list):
        return struct.pack("=I", number(value[0]) % 2**32)
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, Struct):
        return struct.pack("=qq" if "tv_sec" in value.fields else f"={len(value.fields)}i",
                           *(number(field) for field in value.fields.values()))
    return None


def call_setsockopt(machine, fd, level, name, value, length):
    data = option_bytes(value, number(length))
    size = number(length)
    if data is not None and len(data) < size <= 64:
        data += b"\0" * (size - len(data))
    return Done(machine.plugin.setsockopt(machine.live(fd), number(level), number(name), data, size))


def call_getsockopt(machine, fd, level, name, value, length):
    room = number(length[0]) if isinstance(length, list) else number(length)
    data, size = buffer_of(max(room, 280)), ctypes.c_uint(room % 2**32)
    done = Done(machine.plugin.getsockopt(machine.live(fd), number(level), number(name),
                                          None if isinstance(value, Name) and value.text == "NULL" else data,
                                          ctypes.byref(size)))
    expected = option_bytes(value, room) if value is not ANY else None
    if done.result == 0 and expected is not None and data.raw[:min(len(expected), size.value)] != expected[:size.value]:
        got = struct.unpack("=i", data.raw[:4])[0]
        done.fault = f"getsockopt() answers {data.raw[:size.value].hex()} ({got}), expected {expected.hex()}"
    return done


def call_fcntl(machine, fd, command, *argument):
    return Done(machine.plugin.fcntl(machine.live(fd), number(command), number(argument[0]) if argument else 0))


def call_ioctl(machine, fd, request, *argument):
    value = ctypes.c_int(0)
    null = argument and isinstance(argument[0], Name) and argument[0].text == "NULL"
    done = Done(machine.plugin.ioctl(machine.live(fd), number(request), None if null else ctypes.byref(value)))
    if done.result >= 0 and argument and isinstance(argument[0], list) and value.value != number(argument[0][0]):
        done.fault = f"ioctl() answers {value.value}, expected {number(argument[0][0])}"
    return done


# ---- events

def call_poll(machine, entries, count, timeout):
    data = bytearray()
    for entry in entries:
        data += struct.pack("=ihh", machine.live(entry.fields["fd"]), number(entry.fields["events"]),
                            number(entry.fields.get("revents", 0)))
    array = ctypes.create_string_buffer(bytes(data), len(data) or 1)
    done = Done(machine.plugin.poll(array, number(count), number(timeout)))
    for at, entry in enumerate(entries):
        got = struct.unpack("=ihh", array.raw[8 * at:8 * at + 8])[2]
        expected = number(entry.fields.get("revents", 0))
        if done.result >= 0 and got != expected:
            done.fault = f"poll() answers revents {got:#x}, expected {expected:#x}"
    return done


def event_bytes(machine, value):
    events = number(value.fields["events"]) % 2**32
    data = value.fields.get("fd", value.fields.get("ptr", value.fields.get("u32", 0)))
    return struct.pack("=IQ", events, number(data))


def call_epoll_create(machine, size):
    return Done(machine.plugin.epoll_create(number(size)))


def call_epoll_ctl(machine, epoll, operation, fd, event):
    data = event_bytes(machine, event) if isinstance(event, Struct) else None
    return Done(machine.plugin.epoll_ctl(machine.live(epoll), number(operation), machine.live(fd), data))


def call_epoll_wait(machine, epoll, event, room, timeout):
    array = buffer_of(12 * max(number(room), 1))
    done = Done(machine.plugin.epoll_wait(machine.live(epoll), array, number(room), number(timeout)))
    expected = event if isinstance(event, Struct) else event[0] if isinstance(event, list) and event else None
    if done.result > 0 and expected is not None and array.raw[:12] != event_bytes(machine, expected):
        done.fault = f"epoll_wait() answers {struct.unpack('=IQ', array.raw[:12])}"
    return done


MAKES_FD = {"socket", "accept", "epoll_create", "open"}
CALLS = {name[5:]: function for name, function in globals().items() if name.startswith("call_")}


def call_run(machine, call):
    """Done, compared with what the script expects: `fault` says what differs."""
    if call.name not in CALLS:
        raise Unknown(f"{call.name}() is not known")
    done = CALLS[call.name](machine, *call.arguments)
    expected = number(call.result) if call.result is not ANY else done.result
    if call.name in MAKES_FD and expected >= 0:
        if done.result >= 0:
            machine.fds[expected] = done.result
            return done
        done.fault = f"{call.name}() fails with {errno.errorcode.get(done.errno)}"
    elif done.result != expected:
        why = f" {errno.errorcode.get(done.errno)}" if done.result == -1 else ""
        done.fault = f"{call.name}() answers {done.result}{why}, expected {expected} {call.errno or ''}"
    elif done.result == -1 and call.errno and done.errno != constant(call.errno):
        done.fault = f"{call.name}() sets {errno.errorcode.get(done.errno)}, expected {call.errno}"
    return done
