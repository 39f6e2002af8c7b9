# SPDX-License-Identifier: MIT
"""plugin.py: the 33 slots of libeleven-packetdrill.so, called as packetdrill calls them."""
import ctypes
import os

P, I, L, Z = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_size_t
S, U = ctypes.c_ssize_t, ctypes.c_uint

SLOTS = [
    ("free", None, ()), ("socket", I, (I, I, I)), ("bind", I, (I, P, U)), ("listen", I, (I, I)),
    ("accept", I, (I, P, P)), ("connect", I, (I, P, U)), ("read", S, (I, P, Z)), ("readv", S, (I, P, I)),
    ("recv", S, (I, P, Z, I)), ("recvfrom", S, (I, P, Z, I, P, P)), ("recvmsg", S, (I, P, I)),
    ("write", S, (I, P, Z)), ("writev", S, (I, P, I)), ("send", S, (I, P, Z, I)),
    ("sendto", S, (I, P, Z, I, P, U)), ("sendmsg", S, (I, P, I)), ("fcntl", I, (I, I, L)),
    ("ioctl", I, (I, ctypes.c_ulong, P)), ("close", I, (I,)), ("shutdown", I, (I, I)),
    ("getsockopt", I, (I, I, I, P, P)), ("setsockopt", I, (I, I, I, P, U)), ("poll", I, (P, ctypes.c_ulong, I)),
    ("netdev_send", I, (P, Z)), ("netdev_receive", I, (P, P, P)), ("usleep", I, (U,)),
    ("gettimeofday", I, (P, P)), ("epoll_create", I, (I,)), ("epoll_ctl", I, (I, I, I, P)),
    ("epoll_wait", I, (I, P, I, I)), ("pipe", I, (P,)), ("splice", S, (I, P, I, P, Z, U)),
]


class Plugin:
    def __init__(self, path, flags):
        mode = os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_NODELETE | os.RTLD_DEEPBIND        # packetdrill's
        self.library = ctypes.CDLL(path, mode=mode, use_errno=True)
        table = (ctypes.c_void_p * 33)()
        self.library.packetdrill_interface_init(ctypes.c_char_p(flags.encode()), table)
        if not all(table):
            raise RuntimeError("an empty slot in the table")
        self.table = table
        for (name, result, arguments), address in zip(SLOTS, table[1:]):
            slot = ctypes.CFUNCTYPE(result, P, *arguments, use_errno=True)(address)
            setattr(self, name, self.bound(slot))

    def bound(self, slot):
        def call(*arguments):
            ctypes.set_errno(0)
            return slot(self.table[0], *arguments)
        return call

    def now_us(self):
        time = (ctypes.c_long * 2)()
        self.gettimeofday(time, None)
        return time[0] * 1000000 + time[1]

    def packet_send(self, packet):
        return self.netdev_send(ctypes.c_char_p(packet), len(packet))

    def packet_receive(self):
        """(bytes, microseconds), or None when the stack will never send anything again."""
        buffer = ctypes.create_string_buffer(65536)
        length, time = ctypes.c_size_t(65536), ctypes.c_longlong(0)
        if self.netdev_receive(buffer, ctypes.byref(length), ctypes.byref(time)) != 0:
            raise RuntimeError("netdev_receive() refused")
        return (buffer.raw[:length.value], time.value) if length.value else None

    def packet_receive_now(self):
        """What has been sent by now and not been received, without waiting; None: nothing."""
        now = self.now_us()
        got = self.packet_receive()
        return got[0] if got and got[1] <= now else None
