# SPDX-License-Identifier: MIT
"""Two network namespaces and a wire between them, as the programs of watch_scenarios.py need them."""
import os
import subprocess

from watch_scenarios import FAR, NEAR


class Namespaces:
    """Two of them, and a wire between."""

    def __init__(self, name):
        self.near, self.far = f"elw{os.getpid()}{name}n", f"elw{os.getpid()}{name}f"

    def __enter__(self):
        for space in (self.near, self.far):
            self.ip("netns", "add", space)
        self.ip("-n", self.near, "link", "add", "w0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name",
                "w1", "address", "02:00:00:00:00:02", "netns", self.far)
        for space, link, address, other, mac in ((self.near, "w0", NEAR, FAR, 2), (self.far, "w1", FAR, NEAR, 1)):
            self.ip("-n", space, "link", "set", "lo", "up")
            self.ip("-n", space, "address", "add", address + "/24", "dev", link)
            self.ip("-n", space, "link", "set", link, "up")
            self.ip("-n", space, "neigh", "replace", other, "lladdr", f"02:00:00:00:00:0{mac}", "dev", link, "nud",
                    "permanent")
        self.inside("sysctl", "-qw", "net.ipv4.tcp_synack_retries=1", "net.ipv4.tcp_syncookies=0")
        return self

    def __exit__(self, *_):
        for space in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL)

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def inside(self, *words):
        subprocess.run(["ip", "netns", "exec", self.near, *words], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
