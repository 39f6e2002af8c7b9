#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""The host process comes up, refuses what cannot be, survives rude clients, is found, and goes away without a trace."""
import json
import os
import pathlib
import signal
import socket
import struct
import time

import tap
from tap import Program, ok, run, wait_until

SOCKET = pathlib.Path(os.environ["TMPDIR"]) / "host.sock"
os.environ["ELEVEN_SOCKET"] = str(SOCKET)


def up(*options):
    return run("eleven", "up", "-d", *options)


def pid_of(text):
    return int(text.rsplit("pid ", 1)[1])


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def one_line(result, status, *parts):
    """The status, one line on the terminal, and what it has to name."""
    return result[0] == status and result[1].count("\n") == 1 and all(part in result[1] for part in parts)


def wrong_command_lines():
    for words, part in (
            (["up", "--frob"], "--frob"), (["up", "x"], "'x'"), (["up", "--host"], "--host"),
            (["up", "--host", "a=10.0.0.1"], "a=10.0.0.1/24"), (["up", "--host", "=10.0.0.1/24"], "--host"),
            (["up", "--host", "a=10.0.0.1/24", "--host", "a=10.0.0.2/24"], "named 'a'"),
            (["up", "--host", "a=10.0.0.1/24", "--host", "b=10.0.0.1/24"], "10.0.0.1"),
            (["up", "--tun", "t", "--address", "10.0.0.1/24", "--kernel-address", "10.0.0.1"], "same"),
            (["up", "--address", "10.0.0.1/24"], "--tun"), (["up", "--tun", "a-name-too-long-for-it"], "--tun"),
            (["up", "--tun", "t", "--tap", "u"], "one --tun"),
            (["up", "--profile", "x"], "modern"), (["up", "--msl", "2"], "--msl"), (["up", "--set", "msl"], "--set"),
            (["up", "--set", "frob=1"], "eleven config"), (["up", "--set", "connections_max=0"], "from 1 to"),
            (["up", "--mtu", "20"], "68"), (["link"], "--help"), (["config", "--profile", "x"], "modern"),
            (["replay"], "--record"),
            (["frob"], "eleven --help"), (["down", "now"], "'now'")):
        result = run("eleven", *words)
        ok(one_line(result, 2, part), f"status 2 and one line: eleven {' '.join(words)}", result)
    for words in (["--help"], ["--version"], ["up", "--help"], ["down", "--help"], ["link", "--help"],
                  ["config", "--help"], ["help", "link"]):
        status, text = run("eleven", *words)
        ok(status == 0 and len(text) > 5, f"eleven {' '.join(words)}", text)


def nobody_there():
    for words in (["down"], ["link", "show"], ["config", "--host", "a"]):
        result = run("eleven", *words)
        ok(one_line(result, 1, str(SOCKET), "eleven up"), f"without a host: eleven {' '.join(words)}", result)


def life():
    status, text = up("--msl", "2s", "--set", "delayed_ack=10ms")
    pid = pid_of(text)
    ok(status == 0 and "10.0.0.1/24" in text and "10.0.0.2/24" in text, "up -d returns when all is up", text)
    ok(SOCKET.stat().st_mode & 0o777 == 0o600, "the control socket is the user's alone")
    result = up()
    ok(one_line(result, 1, str(pid), "eleven down"), "a second host on the same socket is refused", result)
    rows = [json.loads(line) for line in run("eleven", "config", "--host", "b", "--json")[1].splitlines()]
    values = {row["name"]: row["value"] for row in rows}
    ok(values["msl"] == 2_000_000_000 and values["delayed_ack"] == 10_000_000, "config of a running host", values)
    result = run("eleven", "config", "--host", "nobody")
    ok(one_line(result, 1, "'nobody'"), "config of a host that is not there", result)
    status, text = run("eleven", "down")
    ok((status, text) == (0, "") and not alive(pid), "down returns when the process is gone", text)
    ok(not SOCKET.exists(), "the control socket is gone with it")


def stale_socket():
    pid = pid_of(up()[1])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    ok(SOCKET.exists(), "killed, it leaves its socket behind")
    result = run("eleven", "link", "show")
    ok(one_line(result, 1, "no host is running"), "which is not taken for a host", result)
    status, text = up()
    ok(status == 0, "the next host takes the stale socket over", text)
    run("eleven", "down")
    SOCKET.write_text("not a socket")
    result = up()
    ok(one_line(result, 1, "no socket"), "a file in its place is left alone", result)
    ok(SOCKET.read_text() == "not a socket", "and keeps what it has")
    SOCKET.unlink()


def foreground():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        host = Program("eleven", "up", "--host", "x=10.9.0.1/24")
        ok(host.says("control socket"), "up in the foreground says where it is", host.output())
        os.kill(host.pid, number)
        ok(host.status() == 0 and not SOCKET.exists(), f"{signal.Signals(number).name}: an orderly end",
           host.output())


def rude_clients():
    host = Program("eleven", "up")
    host.says("control socket")
    header = struct.Struct("=IHHII")

    def connect():
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(SOCKET))
        client.settimeout(5)
        return client

    rubbish = connect()
    rubbish.send(os.urandom(300))
    ok(rubbish.recv(100) == b"", "a client that sends rubbish is closed")
    ok(host.says("does not speak the control protocol"), "and the host says so", host.output())
    other = connect()
    other.send(header.pack(0x31314c45, 99, 2, 0, 1))
    ok(b"version" in other.recv(1000) and other.recv(1000) == b"", "one of another version is told so, and closed")
    lazy = connect()
    lazy.settimeout(0.05)
    ended = False
    end = time.monotonic() + 20
    while not ended and time.monotonic() < end:
        try:
            lazy.send(header.pack(0x31314c45, 1, 2, 0, 1))
        except TimeoutError:
            pass
        except OSError:
            ended = True
    ok(ended and host.says("does not read"), "one that never reads is dropped, and the host says so", host.output())
    idle = [connect() for _ in range(200)]
    ok(run("eleven", "link", "show")[0] == 0, "200 idle clients are no hindrance")
    for client in idle:
        client.close()
    ok(run("eleven", "down")[0] == 0 and host.status() == 0, "and it goes down in order", host.output())
    ok(host.output().count("\n") == 6, "a line for each rude client and no more", host.output())


def link_commands():
    up("--host", "a=10.0.0.1/24", "--host", "b=10.0.0.2/24", "--host", "c=10.0.0.3/24")
    ok(run("eleven", "link", "delay", "2s", "loss", "1%", "dir=a") == (0, ""), "a setting says nothing")
    ok(run("eleven", "link", "--host", "c", "rate", "10mbit")[0] == 0, "a setting for one host")
    text = run("eleven", "link", "show")[1]
    ok(text == "from host a (dir=a): delay 2s loss 1%\nfrom host b (dir=b): clear\n"
       "from host c (dir=b): rate 10mbit\nto host c: rate 10mbit\n", "show", text)
    for words, part in ((["delay", "2"], "'2'"), (["frob"], "'frob'"), (["--host", "x", "pause"], "'x'")):
        result = run("eleven", "link", *words)
        ok(one_line(result, 1 if "--host" in words else 2, part), f"eleven link {' '.join(words)}", result)
    run("eleven", "down")


wrong_command_lines()
nobody_there()
life()
stale_socket()
foreground()
rude_clients()
link_commands()
tap.plan()
