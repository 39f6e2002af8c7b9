# SPDX-License-Identifier: MIT
"""
watch_scenarios.py NAME NAMESPACE PEER-NAMESPACE: one connection of real kernel sockets, brought through one story in
the network namespace it runs in; used by watch.py.

Prints what it knows to be true as JSON: for each end its ports, who owned it by which descriptor, the thread of the
call that ended it, and its moves with their causes. A cause is one word or several that are right, the first the best.
"""
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PAUSE = 0.4                             # between steps: sampling ten times a second sees each state
NEAR, FAR = "10.77.1.1", "10.77.1.2"    # ends of a veth pair; FAR is in the peer's namespace
CLOSES = ["close", "close-or-exit", "close-shutdown-or-exit"]
EXITS = ["exit", "close-or-exit", "close-shutdown-or-exit"]
SHUTS = ["shutdown", "close-shutdown-or-exit"]

OPEN_OUT = [["CLOSE", "SYN_SENT", ["connect"]], ["SYN_SENT", "ESTABLISHED", ["peer-syn-ack"]]]
OPEN_IN = [["LISTEN", "SYN_RECV", ["peer-syn"]], ["SYN_RECV", "ESTABLISHED", ["peer-third-ack"]]]
CLOSED_FIRST = [["ESTABLISHED", "FIN_WAIT1", CLOSES], ["FIN_WAIT1", "FIN_WAIT2", ["fin-acked"]],
                ["FIN_WAIT2", "TIME_WAIT", ["peer-fin"]]]
CLOSED_SECOND = [["ESTABLISHED", "CLOSE_WAIT", ["peer-fin"]], ["CLOSE_WAIT", "LAST_ACK", CLOSES],
                 ["LAST_ACK", "CLOSE", ["fin-acked"]]]


def pause(seconds=PAUSE):
    time.sleep(seconds)


class End:
    """One end of a connection, and what it is known to go through."""

    def __init__(self, sock, moves, pid=None):
        self.sock, self.moves = sock, [list(move) for move in moves]
        self.pid, self.fd = pid or os.getpid(), sock.fileno()
        self.local, self.remote = sock.getsockname()[:2], sock.getpeername()[:2]
        self.tid = None

    def close(self):
        """In a thread of its own, so that the thread of the call is not the program's first."""
        def work():
            self.tid = threading.get_native_id()
            self.sock.close()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        pause()

    def truth(self):
        return {"local": self.local[1], "remote": self.remote[1], "pid": self.pid, "fd": self.fd, "tid": self.tid,
                "moves": self.moves}


def listener(host="127.0.0.1", family=socket.AF_INET):
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, 0))
    sock.listen(8)
    pause()
    return sock


def pair(host="127.0.0.1", family=socket.AF_INET):
    """Listener, the end that connected, the end that accepted."""
    waiting = listener(host, family)
    client = socket.socket(family)
    client.connect(waiting.getsockname()[:2])
    server, _ = waiting.accept()
    pause()
    return waiting, End(client, OPEN_OUT), End(server, OPEN_IN)


def linger_0(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def normal(family=socket.AF_INET, host="127.0.0.1"):
    waiting, client, server = pair(host, family)
    client.close()
    server.sock.recv(1)
    server.close()
    client.moves += CLOSED_FIRST
    server.moves += CLOSED_SECOND
    return client, server


def ipv6():
    return normal(socket.AF_INET6, "::1")


def short():
    """Over within a millisecond."""
    waiting = listener()
    client = socket.socket()
    client.connect(waiting.getsockname())
    server, _ = waiting.accept()
    client, server = End(client, OPEN_OUT + CLOSED_FIRST), End(server, OPEN_IN + CLOSED_SECOND)
    client.sock.close()
    server.sock.recv(1)
    server.sock.close()
    client.tid = server.tid = os.getpid()
    return client, server


def half_close():
    waiting, client, server = pair()
    client.sock.shutdown(socket.SHUT_WR)
    pause()
    server.close()
    client.moves += [["ESTABLISHED", "FIN_WAIT1", SHUTS], *CLOSED_FIRST[1:]]
    server.moves += CLOSED_SECOND
    return client, server


def orphan():
    """FIN_WAIT2 without a descriptor for a while: the kernel's own tracepoint says CLOSE."""
    waiting, client, server = pair()
    client.close()
    pause(1)
    server.close()
    client.moves += CLOSED_FIRST
    server.moves += CLOSED_SECOND
    return client, server


def unread():
    waiting, client, server = pair()
    client.sock.send(b"never read")
    pause()
    server.close()
    server.moves += [["ESTABLISHED", "CLOSE", ["close-unread-data"]]]
    client.moves += [["ESTABLISHED", "CLOSE", ["peer-rst"]]]
    return client, server


def linger():
    waiting, client, server = pair()
    linger_0(client.sock)
    client.close()
    client.moves += [["ESTABLISHED", "CLOSE", ["close-linger-0"]]]
    server.moves += [["ESTABLISHED", "CLOSE", ["peer-rst"]]]
    return client, server


def data_after_close():
    waiting, client, server = pair()
    client.close()
    server.sock.send(b"too late")
    pause()
    client.moves += CLOSED_FIRST[:2] + [["FIN_WAIT2", "CLOSE", ["data-after-close"]]]
    server.moves += CLOSED_SECOND[:1] + [["CLOSE_WAIT", "CLOSE", ["peer-rst"]]]
    return client, server


def listener_closed():
    waiting = listener()
    client = socket.socket()
    client.connect(waiting.getsockname())
    client = End(client, OPEN_OUT + [["ESTABLISHED", "CLOSE", ["peer-rst"]]])
    pause()
    waiting.close()
    pause()
    server = {"local": client.remote[1], "remote": client.local[1], "listener": os.getpid(),
              "moves": OPEN_IN + [["ESTABLISHED", "CLOSE", ["listener-closed"]]]}
    return client, server


def killed():
    waiting, client, server = pair()
    done = subprocess.run(["ss", "-K", "-t", "-4", "sport", "=", f":{client.local[1]}"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    pause()
    if str(client.local[1]) not in done.stdout:
        raise SystemExit("ss -K does not reset connections here: " + done.stderr.strip())
    client.moves += [["ESTABLISHED", "CLOSE", ["sock-destroy"]]]
    server.moves += [["ESTABLISHED", "CLOSE", ["peer-rst"]]]
    return client, server


def ended(how):
    waiting = listener()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        sock = socket.socket()
        sock.connect(waiting.getsockname())
        os.write(tell, json.dumps([sock.getsockname()[1], sock.fileno()]).encode())
        pause(2 * PAUSE)
        if how == "exit":
            os._exit(0)
        signal.pause()
    server, _ = waiting.accept()
    server = End(server, OPEN_IN)
    port, fd = json.loads(os.read(told, 100))
    pause()
    if how == "kill":
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pause()
    server.close()
    server.moves += CLOSED_SECOND
    client = {"local": port, "remote": server.local[1], "pid": child, "fd": fd, "tid": child,
              "moves": OPEN_OUT + [["ESTABLISHED", "FIN_WAIT1", EXITS], *CLOSED_FIRST[1:]]}
    if how == "kill":
        client["signal"] = 9
    return client, server


def refused():
    sock = socket.socket()
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))        # bound and not listening: nobody else takes it
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    try:
        sock.connect(probe.getsockname())
    except ConnectionRefusedError:
        pass
    return ({"local": port, "remote": probe.getsockname()[1], "pid": os.getpid(), "fd": sock.fileno(), "tid": None,
             "moves": [["CLOSE", "SYN_SENT", ["connect"]], ["SYN_SENT", "CLOSE", ["refused"]]]},)


def wire(up):
    subprocess.run(["ip", "link", "set", "w0", "up" if up else "down"], check=True)
    if up:
        subprocess.run(["ip", "neigh", "replace", FAR, "lladdr", "02:00:00:00:00:02", "dev", "w0", "nud", "permanent"],
                       check=True)


def across():
    """A listener in the peer's namespace, a connection to it over the wire, and the end there held by a child."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/run/netns/" + sys.argv[3]) as space:
            if libc.setns(space.fileno(), 0) != 0:
                os._exit(1)
        waiting = socket.socket()
        waiting.bind((FAR, 0))
        waiting.listen(8)
        os.write(tell, struct.pack("=H", waiting.getsockname()[1]))
        server, _ = waiting.accept()
        signal.pause()
    port, = struct.unpack("=H", os.read(ready, 2))
    sock = socket.socket()
    sock.connect((FAR, port))
    pause()
    return child, End(sock, OPEN_OUT)


def gone(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def over(sock, seconds=60):
    """Waits for the socket's error."""
    poll = select.poll()
    poll.register(sock, 0)
    poll.poll(seconds * 1000)
    pause()


def keepalive():
    child, client = across()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        client.sock.setsockopt(socket.IPPROTO_TCP, option, value)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wire(False)
    over(client.sock)
    gone(child)
    client.moves += [["ESTABLISHED", "CLOSE", ["keepalive-timeout", "unreachable"]]]
    return (client,)


def user_timeout():
    child, client = across()
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 800)
    wire(False)
    client.sock.send(b"into the void")
    over(client.sock)
    gone(child)
    client.moves += [["ESTABLISHED", "CLOSE", ["user-timeout", "retransmission-timeout", "unreachable"]]]
    return (client,)


def retransmission():
    with open("/proc/sys/net/ipv4/tcp_retries2", "w") as file:
        file.write("3")
    child, client = across()
    wire(False)
    client.sock.send(b"into the void")
    over(client.sock)
    gone(child)
    client.moves += [["ESTABLISHED", "CLOSE", ["retransmission-timeout", "unreachable"]]]
    return (client,)


def connect_timeout():
    """Nobody has the address that the neighbour's table names."""
    subprocess.run(["ip", "neigh", "replace", "10.77.1.9", "lladdr", "02:00:00:00:00:09", "dev", "w0", "nud",
                    "permanent"], check=True)
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
    sock.bind((NEAR, 0))
    try:
        sock.connect(("10.77.1.9", 7))
    except OSError:
        pass
    pause()
    return ({"local": sock.getsockname()[1], "remote": 7, "pid": os.getpid(), "fd": sock.fileno(), "tid": None,
             "moves": [["CLOSE", "SYN_SENT", ["connect"]], ["SYN_SENT", "CLOSE", ["connect-timeout"]]]},)


def lost_state():
    """The peer's socket is destroyed while the wire is down, and answers the next text with RST."""
    child, client = across()
    wire(False)
    subprocess.run(["ip", "netns", "exec", sys.argv[3], "ss", "-K", "-t", "dport", "=", f":{client.local[1]}"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pause()
    wire(True)
    client.sock.send(b"still there?")
    over(client.sock)
    gone(child)
    client.moves += [["ESTABLISHED", "CLOSE", ["peer-lost-state", "peer-rst"]]]
    return (client,)


def crossed():
    """Both close while the wire is down: CLOSING, where an end hears the other's FIN before the ACK of its own."""
    child, client = across()
    wire(False)
    client.close()
    gone(child)
    pause()
    wire(True)
    pause(3)
    return ({**client.truth(), "moves": OPEN_OUT + [["ESTABLISHED", "FIN_WAIT1", CLOSES]], "more": True},)


def request():
    """A SYN from an address that nobody has: the SYN+ACK is never acknowledged."""
    waiting = listener(NEAR)
    port, source = waiting.getsockname()[1], "10.77.1.9"
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    head = struct.pack("!HHIIBBHHH", 4321, port, 1000, 0, 5 << 4, 2, 65535, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(NEAR) + struct.pack("!BBH", 0, 6, len(head)) + head
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head = head[:16] + struct.pack("!H", ~total & 0xffff) + head[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(head), 1, 0, 64, 6, 0, socket.inet_aton(source),
                     socket.inet_aton(NEAR))
    raw.sendto(ip + head, (NEAR, 0))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pause()
        shown = subprocess.run(["cat", "/proc/net/tcp"], stdout=subprocess.PIPE, text=True).stdout
        if f":{port:04X} " in shown and f":{4321:04X} 03" not in shown:
            break
    pause(2 * PAUSE)
    return ({"local": port, "remote": 4321, "listener": os.getpid(),
             "moves": [["LISTEN", "SYN_RECV", ["peer-syn"]], ["SYN_RECV", "CLOSE", ["request-expired"]]]},)


def inherited_listener():
    """Opened here, and held by a child alone that is killed: it is the child that closed it."""
    waiting = listener()
    child = os.fork()
    if child == 0:
        signal.pause()
    name = waiting.getsockname()
    waiting.close()
    client = socket.socket()
    client.connect(name)
    client = End(client, OPEN_OUT + [["ESTABLISHED", "CLOSE", ["peer-rst"]]])
    pause()
    gone(child)
    pause()
    return client, {"local": client.remote[1], "remote": client.local[1], "pid": child,
                    "moves": OPEN_IN + [["ESTABLISHED", "CLOSE", ["listener-closed"]]]}


def unread_flood():
    """Closed while text streams in: the sender, whose last segments are answered by RST, has lost nothing."""
    waiting, client, server = pair("::1", socket.AF_INET6)

    def send():
        try:
            while True:
                server.sock.send(b"x" * 1000)
        except OSError:
            pass
    thread = threading.Thread(target=send)
    thread.start()
    pause()
    client.close()
    thread.join()
    client.moves += [["ESTABLISHED", "CLOSE", ["close-unread-data"]]]
    server.moves += [["ESTABLISHED", "CLOSE", ["peer-rst"]]]
    return client, server


def forgetful():
    """A peer that is no kernel: behind a tun, and answers text with RST after a while, as a restarted host does."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454ca, struct.pack("16sH", b"peer", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
    for command in ("ip address add 10.78.0.1/24 dev peer", "ip link set peer up"):
        subprocess.run(command.split(), check=True)
    forgotten = threading.Event()

    def answer(packet):
        segment = packet[20:]
        source, target, number, acknowledged = struct.unpack("!HHII", segment[:12])
        text = len(segment) - (segment[12] >> 4) * 4
        if segment[13] & 2:
            send(packet, target, source, 1000, number + 1, 0x12)
        elif text > 0 and forgotten.is_set():
            send(packet, target, source, acknowledged, 0, 0x04)
        elif text > 0:
            send(packet, target, source, acknowledged, number + text, 0x10)

    def send(packet, *fields):
        os.write(device, segment_make(packet[16:20], packet[12:16], *fields))

    def serve():
        while True:
            packet = os.read(device, 2000)
            if packet[0] >> 4 == 4 and packet[9] == 6:
                answer(packet)
    threading.Thread(target=serve, daemon=True).start()
    sock = socket.create_connection(("10.78.0.2", 80))
    client = End(sock, OPEN_OUT + [["ESTABLISHED", "CLOSE", ["peer-lost-state", "peer-rst"]]])
    sock.send(b"hello")
    pause(3)
    forgotten.set()
    sock.send(b"again")
    over(sock)
    return (client,)


def internet_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def segment_make(source, target, from_port, to_port, number, acknowledged, flags):
    head = struct.pack("!HHIIBBHHH", from_port, to_port, number, acknowledged, 5 << 4, flags, 65535, 0, 0)
    value = internet_sum(source + target + struct.pack("!BBH", 0, 6, len(head)) + head)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, source, target)
    return ip[:10] + struct.pack("!H", internet_sum(ip)) + ip[12:] + head[:16] + struct.pack("!H", value) + head[18:]


SCENARIOS = {
    "normal": normal, "ipv6": ipv6, "short": short, "half-close": half_close, "orphan": orphan, "unread": unread,
    "linger": linger, "data-after-close": data_after_close, "listener-closed": listener_closed, "killed": killed,
    "exit": lambda: ended("exit"), "kill": lambda: ended("kill"), "refused": refused, "keepalive": keepalive,
    "user-timeout": user_timeout, "retransmission": retransmission, "connect-timeout": connect_timeout,
    "lost-state": lost_state, "crossed": crossed, "request": request,
}
# Told by lens_events.py alone: what tracefs and sampling cannot know is in them.
STORIES = {"inherited-listener": inherited_listener, "unread-flood": unread_flood, "forgetful": forgetful}
# Those that need the wire to another namespace.
ACROSS = ["keepalive", "user-timeout", "retransmission", "connect-timeout", "lost-state", "crossed", "request"]

if __name__ == "__main__":
    ends = {**SCENARIOS, **STORIES}[sys.argv[1]]()
    print(json.dumps([end.truth() if isinstance(end, End) else end for end in ends]), flush=True)
    sys.stdin.read()                    # descriptors stay open until the watcher has looked
