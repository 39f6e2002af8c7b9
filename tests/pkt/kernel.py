# SPDX-License-Identifier: MIT
"""
kernel.py: the kernel's own TCP in the place of the plug-in, in real time, so that a script can be held against Linux.

A network namespace of its own with a tun device; needs root and /dev/net/tun.  The slots are the C library's.
"""
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import time

from plugin import SLOTS

TUNSETIFF, IFF_TUN, IFF_NO_PI, IFF_VNET_HDR, CLONE_NEWNET = 0x400454ca, 1, 0x1000, 0x4000, 0x40000000
GSO_TCPV4, GSO_TCPV6 = 1, 4
SYSCTLS = {"tcp_rmem": "4096 131072 6291456", "tcp_wmem": "4096 16384 4194304", "tcp_ecn": "0",
           "tcp_no_metrics_save": "1"}
PATIENCE_S = 3
VNET_HDR_BYTES = 10


class Kernel:
    TOLERANCE_US = 60000        # of a machine that has other things to do

    def __init__(self, _path, flags):
        self.library = ctypes.CDLL(None, use_errno=True)
        if self.library.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "a network namespace")
        self.tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
        self.mss = int(next((word[4:] for word in flags.split(",") if word.startswith("mss=")), "0"))
        mtu = next((word[4:] for word in flags.split(",") if word.startswith("mtu=")), "1500")
        for command in ("link set lo up", "addr add 192.168.0.1/16 dev tun0", f"link set tun0 up mtu {mtu}",
                        "route add default dev tun0"):
            subprocess.run(["ip", *command.split()], check=True)
        for name, value in SYSCTLS.items():
            with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
                file.write(value)
        for name, result, arguments in SLOTS:
            if name in ("free", "netdev_send", "netdev_receive", "usleep", "gettimeofday"):
                continue
            function = ctypes.CFUNCTYPE(result, *arguments, use_errno=True)((name, self.library))
            setattr(self, name, self.bound(function))
        plain = self.socket
        self.socket = lambda *arguments: self.by_cubic(plain(*arguments))

    def by_cubic(self, fd):
        """CUBIC, whatever this machine's default is; what is accepted inherits it."""
        if fd >= 0:
            self.library.setsockopt(fd, 6, 13, b"cubic", 5)
        return fd

    @staticmethod
    def bound(function):
        def call(*arguments):
            ctypes.set_errno(0)
            return function(*arguments)
        return call

    def now_us(self):
        return time.time_ns() // 1000

    def usleep(self, us):
        time.sleep(us / 1e6)

    def packet_send(self, packet):
        """As packetdrill does: with --mss a TCP packet says that it was made of segments of that size."""
        kind = {4: GSO_TCPV4, 6: GSO_TCPV6}[packet[0] >> 4] if self.mss and 6 in packet[6:10:3] else 0
        os.write(self.tun, struct.pack("=BBHHHH", 0, kind, 0, self.mss if kind else 0, 0, 0) + packet)

    def packet_receive(self):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if select.select([self.tun], [], [], 0.1)[0]:
                packet = os.read(self.tun, 65536)[VNET_HDR_BYTES:]
                if packet[0] >> 4 == 4:
                    return packet, self.now_us()
        return None

    def free(self):
        os.close(self.tun)
