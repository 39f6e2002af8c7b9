#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 200
"""Programs and the host beside each other: either may be killed, stopped, out of connections or talk rubbish, and the
other goes on, or hears of it without hanging.  And what `eleven run` refuses."""
import array
import os
import pathlib
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import time

import tap
from tap import Program, ok, run, wait_until

SCRATCH = pathlib.Path(os.environ["TMPDIR"])
PRELUDE = """
import errno, os, signal, socket, sys, time
def say(*what):
    print(*what, flush=True)
def attempt(name, call):
    try:
        result = call()
        say(name, "gave", result if isinstance(result, (int, bytes)) else type(result).__name__)
        return result
    except OSError as error:
        say(name, errno.errorcode.get(error.errno, error))
def listener(port, backlog=100):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    s.listen(backlog)
    say("listening")
    return s
def connected(port, host="10.0.0.1"):
    s = socket.socket()
    s.connect((host, port))
    return s
"""


def python(host, text, *arguments):
    return Program("eleven", "run", "--host", host, "--", sys.executable, "-c", PRELUDE + text, *arguments)


def up(*options):
    status, said = run("eleven", "up", "-d", *options)
    ok(status == 0, f"the host comes up {' '.join(options)}", said)


def down():
    status, said = run("eleven", "down")
    ok(status == 0, "the host is still there, and goes down", said)


def row(local, state):
    for line in run("eleven", "netstat", "-anp")[1].splitlines():
        words = line.split()
        if len(words) > 5 and words[3].endswith(local) and words[5] == state:
            return words
    return None


def refusals():
    source, static = SCRATCH / "s.c", SCRATCH / "static"
    source.write_text("int main(void) { return 0; }\n")
    run("cc", "-static", "-o", str(static), str(source))
    for command, status, words in (
            (("run",), 2, "which program?"),
            (("run", "--host", "nowhere", "--", "true"), 1, "there is no host 'nowhere'; there are: a, b"),
            (("run", "--", "no-such-program"), 1, "no-such-program"),
            (("run", "--", "/no/such/program"), 1, "No such file or directory"),
            (("run", "--", str(static)), 1, "statically linked")):
        got, said = run("eleven", *command)
        title = " ".join(map(os.path.basename, command[:4]))
        ok(got == status and words in said and said.count("\n") == 1, f"eleven {title}: one clear line",
           f"{got}: {said}")
    ok(run("eleven", "run", "--", "sh", "-c", "exit 7")[0] == 7, "the exit status is the program's")
    got = subprocess.run(["eleven", "run", "--", "sh", "-c", "kill -9 $$"]).returncode
    ok(got == -9, "so is the signal that ends it", got)
    script = SCRATCH / "script"
    script.write_text("#!/usr/bin/env -S python3 -u\nimport socket\nprint(socket.socket().getsockname())\n")
    script.chmod(0o755)
    got, said = run("eleven", "run", "--host", "b", "--", str(script))
    ok((got, said) == (0, "('0.0.0.0', 0)\n"), "a script runs", said)


def queues():
    """What netstat calls Recv-Q is what the program has not read, wherever it lies; and whose socket it is."""
    server = python("a", """
l = listener(8000, 5)
s, _ = l.accept()
sys.stdin.readline()
say("read", len(s.recv(400)))
sys.stdin.readline()
""")
    server.says("listening")
    client = python("b", 's = connected(8000)\ns.send(bytes(1000))\nsys.stdin.readline()\n')
    found = wait_until(lambda: (r := row(":8000", "ESTABLISHED")) and r[1] == "1000" and r)
    ok(found, "Recv-Q 1000 when 1000 bytes are unread", run("eleven", "netstat", "-anp")[1])
    ok(found and re.fullmatch(r"\d+/python3\S*", found[6]), "PID/Program name of the one that holds it", found)
    server.send("go\n")
    ok(server.says("read 400") and wait_until(lambda: (r := row(":8000", "ESTABLISHED")) and r[1] == "600"),
       "Recv-Q 600 when 400 are read", run("eleven", "netstat", "-anp")[1])
    others = [python("b", "s = connected(8000)\nsys.stdin.readline()\n") for _ in range(3)]
    ok(wait_until(lambda: (r := row(":8000", "LISTEN")) and r[1] == "3"), "LISTEN: Recv-Q 3 when three wait",
       run("eleven", "netstat", "-anp")[1])
    for program in (server, client, *others):
        program.kill()


def nobody_reads():
    """One who does not read closes the peer's window, and everybody else goes on."""
    server = python("a", """
l = listener(8001)
held = []
while True:
    s, _ = l.accept()
    if s.recv(1) == b"h":
        held.append(s)
    else:
        s.sendall(b"answer")
        s.close()
""")
    server.says("listening")
    client = python("b", """
s = connected(8001)
s.send(b"h")
s.settimeout(2)
sent = 0
try:
    while sent < 1 << 30:
        sent += s.send(bytes(1 << 16))
except TimeoutError:
    say("stopped", sent < 64 << 20)
sys.stdin.readline()
""")
    ok(client.says("stopped True", 30), "who writes to one that does not read is stopped", client.output())
    other = python("b", 's = connected(8001)\ns.send(b"x")\nsay(s.recv(100))\n')
    ok(other.says("b'answer'"), "others are answered meanwhile", other.output())
    server.process.send_signal(signal.SIGSTOP)
    waiting = python("b", 's = connected(8001)\ns.send(b"x")\nsay(s.recv(100))\n')
    third = python("a", 'l = listener(8002)\ns, _ = l.accept()\nsay(s.recv(10))\n')
    third.says("listening")
    fourth = python("b", 'connected(8002).send(b"fine")\n')
    ok(third.says("fine"), "with a program stopped, others go on", third.output() + fourth.output())
    server.process.send_signal(signal.SIGCONT)
    ok(waiting.says("b'answer'"), "and it goes on when it is woken", waiting.output())
    for program in (server, client, other, waiting, third, fourth):
        program.kill()


def network_errors():
    """What the network does to a connection is what the program's calls say."""
    server = python("a", "l = listener(8004)\nheld = []\nwhile True:\n    held.append(l.accept())\n")
    server.says("listening")
    client = python("b", """
tcp = socket.IPPROTO_TCP
unacknowledged, idle, late = connected(8004), connected(8004), socket.socket()
unacknowledged.setsockopt(tcp, socket.TCP_USER_TIMEOUT, 1000)
idle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
    idle.setsockopt(tcp, name, 1)
say("connected")
sys.stdin.readline()
unacknowledged.send(b"x")
attempt("unacknowledged", lambda: unacknowledged.recv(1))
attempt("then", lambda: unacknowledged.recv(1))
attempt("idle", lambda: idle.recv(1))
attempt("idle write", lambda: idle.send(b"x"))
late.setsockopt(tcp, socket.TCP_SYNCNT, 1)
late.setblocking(False)
attempt("late", lambda: late.connect(("10.0.0.1", 8004)))
attempt("late again", lambda: late.connect(("10.0.0.1", 8004)))
attempt("late read", lambda: late.recv(1))
attempt("late write", lambda: late.send(b"x"))
say("port", late.getsockname()[1] > 0)
attempt("late peer", late.getpeername)
late.settimeout(20)
import select
p = select.poll()
p.register(late, select.POLLOUT)
say("not writable", p.poll(100))
say("writable", len(p.poll(20000)))
say("SO_ERROR", errno.errorcode[late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
""")
    client.says("connected")
    run("eleven", "link", "loss", "100%")
    client.send("go\n")
    client.status(30)
    for line in ("unacknowledged ETIMEDOUT", "then gave b''", "idle ETIMEDOUT", "idle write EPIPE",
                 "late EINPROGRESS", "late again EALREADY", "late read EAGAIN", "late write EAGAIN", "port True",
                 "late peer ENOTCONN", "not writable []", "writable 1", "SO_ERROR ETIMEDOUT"):
        ok(line in client.output().splitlines(), f"the wire is cut: {line}", client.output())
    run("eleven", "link", "clear")
    for program in (server, client):
        program.kill()


def closing_while_connecting():
    """SYN_SENT belongs to the program that connects, and goes when it closes, is killed, or leaves it to a child."""
    run("eleven", "link", "delay", "1s")
    server = python("a", "l = listener(8005)\nwhile True:\n    s, _ = l.accept()\n    say(s.recv(10))\n")
    server.says("listening")
    start = """
s = socket.socket()
s.setblocking(False)
attempt("connect", lambda: s.connect(("10.0.0.1", 8005)))
"""
    sent = lambda: re.findall(r"SYN_SENT\s+(\S+)", run("eleven", "netstat", "-antp")[1])
    client = python("b", start + 'sys.stdin.readline()\ns.close()\nsay("closed")\nsys.stdin.readline()\n')
    ok(client.says("EINPROGRESS") and [o for o in sent() if re.fullmatch(r"\d+/python3\S*", o)],
       "SYN_SENT, with the program that connects", run("eleven", "netstat", "-antp")[1])
    client.send("close\n")
    ok(client.says("closed") and wait_until(lambda: not sent(), 0.5), "closed while connecting: gone at once", sent())
    client.kill()
    for how, text in (("not blocking", start + "signal.pause()\n"), ("blocking", "say('x')\nconnected(8005)\n")):
        client = python("b", text)
        seen = wait_until(sent, 3)
        client.kill()
        ok(seen and wait_until(lambda: not sent(), 0.5), f"killed while connecting, {how}: gone at once", sent())
    client = python("b", start + """
if os.fork() == 0:
    time.sleep(0.2)
    import select
    p = select.poll()
    p.register(s, select.POLLOUT)
    say("child: before", p.poll(0))
    say("child: connected", len(p.poll(10000)), s.send(b"by child"))
    time.sleep(1.5)
    os._exit(0)
os._exit(0)
""")
    ok(server.says("by child", 10) and "child: before []" in client.output(), "a child goes on with it",
       client.output() + server.output())
    run("eleven", "link", "clear")
    for program in (server, client):
        program.kill()


def lingering():
    """close() with SO_LINGER waits for the acknowledgment, for its time at most, and only at the last descriptor."""
    server = python("a", "l = listener(8006)\nheld = []\nwhile True:\n    held.append(l.accept())\n")
    server.says("listening")
    client = python("b", """
import struct
first, second = connected(8006), connected(8006)
for s in first, second:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 2))
copy = first.dup()
def timed(name, s):
    sys.stdin.readline()
    s.send(b"x")
    begun = time.monotonic()
    s.close()
    say(name, round(time.monotonic() - begun, 1))
say("connected")
timed("not the last", first)
timed("far", copy)
timed("cut", second)
""")
    def waited(name, least, most):
        found = wait_until(lambda: re.search(f"^{name} (.*)", client.output(), re.M), 10)
        return found and least <= float(found.group(1)) <= most

    client.says("connected")
    client.send("go\n")
    ok(waited("not the last", 0, 0.3), "linger: a close that is not the last does not wait", client.output())
    run("eleven", "link", "delay", "300ms")
    client.send("go\n")
    ok(waited("far", 0.5, 1.9), "linger: waits for the acknowledgment, 0.6 s away", client.output())
    run("eleven", "link", "clear")
    run("eleven", "link", "loss", "100%")
    client.send("go\n")
    ok(waited("cut", 1.9, 5), "linger: waits 2 s at most", client.output())
    run("eleven", "link", "clear")
    for program in (server, client):
        program.kill()


def killed_programs():
    """kill -9 at any time, in numbers."""
    chance = random.Random(11)
    server = python("a", """
import threading
l = listener(8003)
def serve(s):
    try:
        while s.sendall(s.recv(65536) or b"") is None and s.fileno() >= 0:
            pass
    except OSError:
        pass
while True:
    s, _ = l.accept()
    threading.Thread(target=serve, args=(s,), daemon=True).start()
""")
    server.says("listening")
    for _ in range(25):
        client = python("b", """
while True:
    s = connected(8003)
    for i in range(20):
        s.sendall(bytes(10000))
        s.recv(5000)
    s.close()
""")
        time.sleep(0.05 + chance.random() * 0.3)
        client.kill()
    server.kill()
    ok(wait_until(lambda: not re.search("ESTABLISHED|LISTEN|CLOSE_WAIT", run("eleven", "netstat", "-ant")[1]), 20),
       "after 26 kill -9 nothing stays open", run("eleven", "netstat", "-antp")[1])


def out_of_connections():
    up("--set", "connections_max=8")
    program = python("a", """
l = listener(8000)
held = []
for i in range(20):
    s = socket.socket()
    try:
        s.connect(("127.0.0.1", 8000))
        held.append(s)
    except OSError as error:
        say("full", errno.errorcode[error.errno], len(held) >= 1)
        break
for s in held:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    s.close()
time.sleep(0.3)
s = socket.socket()
s.settimeout(5)
l.settimeout(0.3)
try:
    while True:
        l.accept()[0].close()
except TimeoutError:
    pass
say("again", s.connect_ex(("127.0.0.1", 8000)))
""")
    ok(program.says("full ENOBUFS True"), "out of connections: ENOBUFS", program.output())
    ok(program.says("again 0", 10), "and it goes on when some are closed", program.output())
    program.kill()
    down()


def out_of_descriptors():
    """The host's own descriptors run out: programs hear ENOBUFS, what waits is accepted later."""
    up()
    pid = int(re.search(r"pid (\d+)", run("eleven", "up")[1]).group(1))
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 40, used + 40))
    program = python("a", """
l = listener(8000)
clients, accepted = [], []
try:
    while len(clients) < 100:
        clients.append(socket.socket())
        clients[-1].connect(("127.0.0.1", 8000))
except OSError as error:
    say("full", errno.errorcode[error.errno])
    clients.pop()
def take():
    l.settimeout(1.5)
    try:
        while True:
            accepted.append(l.accept()[0])
    except TimeoutError:
        pass
take()
say("some wait", len(accepted) < len(clients))
waiting = clients[len(accepted):]
for s in clients[:len(accepted)] + accepted:
    s.close()
del accepted[:]
while len(accepted) < len(waiting):
    take()
    for s in accepted:
        s.close()
say("all accepted", len(accepted) == len(waiting))
for s in waiting:
    s.close()
time.sleep(0.5)
s = connected(8000, "127.0.0.1")
a, _ = l.accept()
a.send(b"at last")
say(s.recv(100))
""")
    ok(program.status(40) == 0, "the host is out of descriptors, and the program goes on", program.output())
    said = program.output()
    ok(re.search("full (ENOBUFS|EMFILE)", said), "out of descriptors: ENOBUFS", said)
    for line in ("some wait True", "all accepted True", "b'at last'"):
        ok(line in said, f"out of descriptors: {line}", said)
    down()


def killed_host():
    up()
    pid = int(re.search(r"pid (\d+)", run("eleven", "up")[1]).group(1))
    server = python("a", """
l = listener(8000)
s, _ = l.accept()
say("accepted")
attempt("recv", lambda: s.recv(10))
attempt("recv again", lambda: s.recv(10))
attempt("send", lambda: s.send(b"x"))
attempt("accept", l.accept)
attempt("name", l.getsockname)
attempt("socket", socket.socket)
""")
    server.says("listening")
    idle = python("b", 'l = listener(8001)\nattempt("accept", l.accept)\n')
    stubborn = python("b", """
l = listener(8002)
while True:
    try:
        l.accept()
    except OSError:
        used = time.process_time()
        break
for i in range(20):
    attempt("accept", l.accept)
say(f"spent {(time.process_time() - used) / 20 < 0.01}")
""")
    client = python("b", """
s = connected(8000)
say("connected")
time.sleep(0.5)
signal.signal(signal.SIGTERM, lambda *_: None)
signal.pause()
attempt("send", lambda: [s.send(b"x") for i in range(3)])
attempt("connect", lambda: connected(8000))
""")
    ok(server.says("accepted") and client.says("connected") and idle.says("listening") and stubborn.says("listening"),
       "programs are at work", server.output())
    time.sleep(0.6)
    os.kill(pid, signal.SIGKILL)
    ok(server.status(10) == 0, "host killed: the server does not hang", server.output())
    for line in ("recv ECONNRESET", "recv again gave b''", "send EPIPE", "accept ENETDOWN", "socket ENETDOWN"):
        ok(line in server.output(), f"it hears: {line}", server.output())
    ok(idle.status(5) == 0 and "accept ENETDOWN" in idle.output(), "a blocked accept ends", idle.output())
    ok(stubborn.status(10) == 0 and stubborn.output().count("accept ENETDOWN") == 20 and
       "spent True" in stubborn.output(), "who accepts again and again is told slowly", stubborn.output())
    client.process.send_signal(signal.SIGTERM)
    ok(client.status(10) == 0 and "connect ENETDOWN" in client.output(), "nor does the client hang", client.output())
    up()
    again = python("a", 'listener(8000)\n')
    ok(again.says("listening"), "a host that is started anew takes the dead one's place", again.output())
    again.kill()


HEADER = struct.Struct("=IHHII")


def rubbish():
    """Requests about sockets that no preload library would send."""
    path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "eleven.sock")
    chance = random.Random(7)
    mine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    answered = 0
    for i in range(300):
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.settimeout(2)
        control.connect(path)
        size = chance.choice((0, 1, 16, 288, 288, 288, 288, 4000))
        body = bytes(chance.randrange(256) for _ in range(size)) if i % 3 else bytes(size)
        message = HEADER.pack(0x31314C45, 1, 0x100 + chance.randrange(14), size, i) + body
        one = chance.choice((mine.fileno(), 0, control.fileno()))
        descriptors = array.array("i", [one] * chance.choice((0, 1, 1, 3)))
        try:
            control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if descriptors else [])
            answered += len(control.recv(65536)) > 0
        except OSError:
            pass
        control.close()
    ok(answered > 100, "rubbish is answered with errors", answered)


def main():
    up()
    refusals()
    queues()
    nobody_reads()
    network_errors()
    closing_while_connecting()
    lingering()
    killed_programs()
    rubbish()
    down()
    out_of_connections()
    out_of_descriptors()
    killed_host()
    down()


main()
tap.plan()
