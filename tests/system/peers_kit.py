# SPDX-License-Identifier: MIT
"""
peers_kit.py: what the tests with real peers share: eleven on a tun device in this network namespace, the Linux kernel's
TCP on the other side of it, and the counters of both.

    HOST is eleven's address, KERNEL the kernel's.  start() begins, and skips the whole file where tun is not permitted
    or a program is missing; on_eleven("nginx", …) is a program there, Program("nginx", …) one on the kernel.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import tap
from tap import Program, run, wait_until

TMP = pathlib.Path(os.environ["TMPDIR"])
os.environ["ELEVEN_SOCKET"] = str(TMP / "host.sock")
HOST, KERNEL, DEVICE = "10.1.0.2", "10.1.0.1", "dev0"
pid = 0                                 # of the host


def start(*programs, options=()):
    """eleven and the device come up; where that cannot be, the file ends here with the reason."""
    global pid
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        whole_file_skipped(f"not installed: {' '.join(missing)}")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        whole_file_skipped(f"/dev/net/tun: {error.strerror}")
    status, text = run("eleven", "up", "-d", "--tun", DEVICE, "--address", f"{HOST}/24", "--kernel-address", KERNEL,
                       *options)
    if status != 0 and "CAP_NET_ADMIN" in text:
        whole_file_skipped(text.strip())
    if not tap.ok(status == 0, "eleven comes up on a tun device", text):
        tap.plan()
    pid = int(text.rsplit("pid ", 1)[1])
    # The kernel's default may be one that paces; where it cannot be chosen by the route, be it so.
    run("ip", "route", "replace", "10.1.0.0/24", "dev", DEVICE, "src", KERNEL, "congctl", "cubic")


def whole_file_skipped(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def on_eleven(*command, **options):
    return Program("eleven", "run", "--", *command, **options)


def listens(address, port, seconds=10):
    """Waits until someone listens there."""
    if address == HOST:
        return wait_until(lambda: f":{port} " in run("eleven", "netstat", "-ltn")[1], seconds)
    return wait_until(lambda: run("ss", "-Hltn", f"sport = :{port}")[1].strip(), seconds)


# ---- files

def file_make(name, megabytes):
    """A file of noise, and its SHA-256."""
    path = TMP / name
    with open(path, "wb") as out:
        zeros = subprocess.Popen(["head", "-c", f"{megabytes}M", "/dev/zero"], stdout=subprocess.PIPE)
        subprocess.run(["openssl", "enc", "-aes-128-ctr", "-K", "11" * 16, "-iv", "00" * 16], stdin=zeros.stdout,
                       stdout=out, check=True)
    return run("openssl", "dgst", "-sha256", "-r", str(path))[1].split()[0]


class Fetch:
    """curl in the background, its output hashed on the way: result() is (SHA-256, what curl said)."""

    def __init__(self, url, *prefix):
        self.curl = subprocess.Popen([*prefix, "curl", "-sS", "-m", "200", url], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        self.sum = subprocess.Popen(["openssl", "dgst", "-sha256", "-r"], stdin=self.curl.stdout,
                                    stdout=subprocess.PIPE, text=True)
        self.curl.stdout.close()

    def result(self):
        digest = self.sum.communicate()[0].split()[0]
        said = self.curl.stderr.read()
        return digest, f"curl ends with {self.curl.wait()}: {said}"


def nginx_configuration(name, listen, workers=4):
    """
    A configuration that serves TMP, and `hello` at /hello; a path for nginx -c.  By default nginx accepts once in each
    turn of its loop, so that on a busy machine the last of many connections wait for seconds, whatever TCP there is.
    """
    path = TMP / f"{name}.conf"
    temporary = "\n".join(f"{kind}_temp_path {TMP}/{name}-{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(f"""daemon off; master_process on; worker_processes {workers}; pid {TMP}/{name}.pid; {user}
error_log {TMP}/{name}.log; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; multi_accept on; }}
http {{ access_log off; sendfile on; root {TMP}; {temporary} keepalive_requests 1000000;
server {{ listen {listen}; location /hello {{ return 200 "hello\\n"; }} }} }}
""")
    return str(path)


# ---- counters

def kernel_counters():
    """The kernel's, of this namespace: TcpRetransSegs and the like, by the names of nstat(8)."""
    counters = {}
    for name in ("/proc/net/snmp", "/proc/net/netstat"):
        lines = pathlib.Path(name).read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group = names.split(":")[0]
            counters.update({group + key: int(value) for key, value in zip(names.split()[1:], values.split()[1:])})
    return counters


def kernel_retransmitted(before):
    """
    Segments that the kernel sent again, but for tail loss probes: those are a question, sent when an ACK is late
    because a busy machine did not let anyone run, not a sign of loss.
    """
    now = kernel_counters()
    probes = now["TcpExtTCPLossProbes"] - before["TcpExtTCPLossProbes"]
    return max(0, now["TcpRetransSegs"] - before["TcpRetransSegs"] - probes)


def eleven_counters():
    """Each line of eleven netstat -s: {"segments retransmitted": 3, …}."""
    text = run("eleven", "netstat", "--eleven", "-s")[1]
    return {match.group(2): int(match.group(1)) for match in re.finditer(r"^ +(\d+) (.*)$", text, re.M)}


def connections(*but):
    """eleven's connections that are not in one of these states, as lines."""
    lines = run("eleven", "netstat", "--eleven", "-anpo")[1].splitlines()
    return [line for line in lines if line.startswith("tcp") and not any(f" {state} " in line for state in but)]


def nothing_left(title, seconds=15):
    """Of all connections only TIME-WAIT is left, and the listeners; so it is in the kernel."""
    left = None

    def gone():
        nonlocal left
        left = connections("LISTEN", "TIME_WAIT")
        left += run("ss", "-Htan", "state", "connected", "exclude", "time-wait")[1].splitlines()
        return not left

    tap.ok(wait_until(gone, seconds), title, "\n".join([f"{len(left)} connections:"] + left[:12]))


def host_clock():
    """Seconds of CPU that the host process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def host_status(name):
    """A number of /proc/PID/status."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s*(\d+)", text, re.M).group(1))


def host_descriptors():
    """How many the host process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def figure(name, **values):
    """One measured thing, as a comment in the output."""
    print("#", name, json.dumps(values), flush=True)
