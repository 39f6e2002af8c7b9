# SPDX-License-Identifier: MIT
"""Situations of real kernel sockets, each in a process of its own that tells the truth about it as JSON and then stays.

A situation is a function that sets something up and returns a dict; whatever it opened stays open while the process
lives.  Those that need a peer that can fall silent get `peer`: a second network namespace behind a veth pair, with
address 10.9.0.2 (ours is 10.9.0.1), in which commands and connections can be made.
"""
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

LOOP = "127.0.0.1"
NEAR, FAR = "10.9.0.1", "10.9.0.2"
TCP_REPAIR, TCP_KEEPIDLE, TCP_KEEPINTVL = 19, 4, 5
keep = []


def listener(port=0, backlog=16, address=LOOP, family=socket.AF_INET, reuse=True):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    server.bind((address, port))
    server.listen(backlog)
    keep.append(server)
    return server


def pair(server=None, family=socket.AF_INET, address=LOOP):
    """A connection: (client's end, server's end)."""
    server = server or listener(address=address, family=family)
    client = socket.socket(family, socket.SOCK_STREAM)
    client.connect(server.getsockname()[:2])
    served, _ = server.accept()
    keep.extend((client, served))
    return client, served


def reset(sock):
    """Close by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def truth(**facts):
    return dict(facts, pid=os.getpid(), comm=open("/proc/self/comm").read().strip())


# ---------------------------------------------------------------- descriptors that are forgotten

def close_wait_eof_read():
    server = listener()
    ends = [pair(server) for _ in range(3)]
    for client, served in ends:
        client.close()
        assert served.recv(1) == b""
    return truth(verdict="close-wait-leak", fds=[served.fileno() for _, served in ends], recvq=0,
                 port=server.getsockname()[1])


def close_wait_eof_unread():
    client, served = pair()
    client.send(b"12345")
    client.close()
    return truth(verdict="close-wait-leak", fds=[served.fileno()], recvq=6, port=served.getsockname()[1])


def close_wait_ipv6():
    client, served = pair(family=socket.AF_INET6, address="::1")
    client.close()
    return truth(verdict="close-wait-leak", fds=[served.fileno()], recvq=1, port=served.getsockname()[1])


def close_wait_thread():
    """A server whose worker is elsewhere: the thread that would have to read waits on a lock."""
    client, served = pair()
    lock = threading.Lock()
    lock.acquire()
    worker = threading.Thread(target=lock.acquire, daemon=True)
    worker.start()
    keep.extend((lock, worker))
    client.close()
    return truth(verdict="close-wait-leak", fds=[served.fileno()], threads=2, tid=worker.native_id)


def held_by_child():
    client, served = pair()
    served.set_inheritable(True)
    child = subprocess.Popen(["sleep", "1000"], close_fds=False)
    number = served.fileno()
    served.close()
    return dict(truth(verdict="fd-held-by-other-process"), pid=child.pid, comm="sleep", fds=[number])


def unread():
    client, served = pair()
    client.send(b"x" * 100)
    return truth(verdict="unread-data-nobody-reads", fds=[served.fileno()], recvq=100)


def dead():
    client, served = pair()
    reset(client)
    return truth(verdict="dead-fd-not-closed", fds=[served.fileno()])


def dead_among_many():
    """So many sockets of other kinds and of other programs that only the kernel's own walk is quick enough."""
    import resource
    each = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4100) - 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (each + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for _ in range(9000 // each + 1):
        told, tell = os.pipe()
        if os.fork() == 0:
            held = [socket.socket(*kind) for _ in range(each // 3) for kind in
                    ((socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_STREAM),
                     (socket.AF_INET, socket.SOCK_DGRAM))]
            os.write(tell, str(len(held)).encode())
            signal.pause()
        os.read(told, 10)
    return dead()


def growth():
    server = listener(backlog=200)

    def grow():
        while len(keep) < 180:
            pair(server)
            time.sleep(0.2)
    threading.Thread(target=grow, daemon=True).start()
    return truth(verdict="idle-established-growth")


def descriptors_run_out():
    import resource
    server = listener(backlog=64)
    while len(keep) < 49:
        pair(server)
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
    return truth(verdict="idle-established-growth")


# ---------------------------------------------------------------- on the way out

def time_wait_pile():
    server = listener(backlog=64)
    for _ in range(150):
        client = socket.create_connection(server.getsockname())
        served, _ = server.accept()
        client.close()
        served.close()
    return truth(verdict="time-wait-pile", count=150)


def fin_wait2_orphan():
    client, served = pair()
    local = client.getsockname()
    client.close()
    return truth(verdict="fin-wait2-orphan", local="%s:%d" % local)


def fin_wait2_half_close():
    client, served = pair()
    client.shutdown(socket.SHUT_WR)
    return truth(verdict="fin-wait2-half-close", fds=[client.fileno()])


def last_ack(peer):
    client, served = peer.pair()
    peer.run("close")
    time.sleep(0.2)
    peer.silence()
    client.close()
    return truth(verdict="last-ack-fin-unacknowledged", pid_unknown=True)


def closing(peer):
    client, served = peer.pair()
    peer.deafen()
    client.close()
    time.sleep(0.2)
    peer.run("close")
    return truth(verdict="closing-fin-unacknowledged", pid_unknown=True)


def fin_wait1(peer):
    client, served = peer.pair()
    peer.silence()
    client.close()
    return truth(verdict="fin-wait1-peer-not-answering", pid_unknown=True)


def fill(client):
    client.setblocking(False)
    sent, quiet = 0, 0
    while quiet < 5:
        try:
            sent += client.send(b"x" * 65536)
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.1)
    return sent


def fin_wait1_window():
    client, served = pair()
    fill(client)
    client.close()
    return truth(verdict="fin-wait1-peer-window-zero", pid_unknown=True)


# ---------------------------------------------------------------- opening

def syn_sent(peer):
    peer.silence()
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex((FAR, 9))
    keep.append(client)
    return truth(verdict="syn-sent-no-answer", fds=[client.fileno()])


def syn_recv(peer):
    server = listener(address=NEAR, backlog=64)
    peer.spoof(server.getsockname()[1], 3)
    return truth(verdict="syn-recv-no-third-ack", fds=[server.fileno()])


def syn_flood(peer):
    server = listener(address=NEAR, backlog=32)
    peer.spoof(server.getsockname()[1], 60)
    return truth(verdict="syn-flood-suspect", fds=[server.fileno()])


def accept_queue():
    server = listener(backlog=1)
    for _ in range(2):
        keep.append(socket.create_connection(server.getsockname()))
    return truth(verdict="accept-queue-full", fds=[server.fileno()], recvq=2, sendq=1, state="LISTEN")


# ---------------------------------------------------------------- data that does not move

def window_zero():
    client, served = pair()
    fill(client)
    return truth(verdict="peer-window-zero", fds=[client.fileno()])


def not_acknowledging(peer):
    client, served = peer.pair()
    peer.silence()
    client.send(b"hello")
    return truth(verdict="peer-not-acknowledging", fds=[client.fileno()])


def keepalive(peer):
    client, served = peer.pair()
    for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.silence()
    return truth(verdict="half-open-keepalive-unanswered", fds=[client.fileno()])


def half_open():
    """The other end goes without a word (TCP_REPAIR: no FIN, no RST)."""
    client, served = pair()
    client.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    client.close()
    return truth(verdict="half-open-suspect-no-keepalive", fds=[served.fileno()])


# ---------------------------------------------------------------- ports

def ephemeral():
    server = listener(backlog=64)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
        file.write("40000 40019")
    count = 0
    try:
        while True:
            pair(server)
            count += 1
    except OSError:
        pass
    return truth(verdict="ephemeral-ports-exhausted", count=count)


def bind_listener():
    server = listener(port=7101, address="0.0.0.0")
    return truth(verdict="bind-conflict-listener", bind=LOOP + ":7101", fds=[server.fileno()])


def bind_listener_v6():
    server = listener(port=7102, address="::", family=socket.AF_INET6)
    return truth(verdict="bind-conflict-listener", bind="0.0.0.0:7102", fds=[server.fileno()])


def bind_time_wait():
    server = listener(port=7103)
    client, served = pair(server)
    served.close()
    client.close()
    server.close()
    return truth(verdict="bind-conflict-time-wait", bind=LOOP + ":7103", pid_unknown=True)


def bind_bound():
    bound = socket.socket()
    bound.bind((LOOP, 7104))
    keep.append(bound)
    return truth(verdict="bind-conflict-bound-not-listening", bind=LOOP + ":7104", fds=[bound.fileno()])


def bind_ephemeral():
    server = listener()
    client = socket.socket()
    client.bind((LOOP, 7105))
    client.connect(server.getsockname())
    keep.append(client)
    return truth(verdict="bind-conflict-ephemeral", bind=LOOP + ":7105", fds=[client.fileno()])


# ---------------------------------------------------------------- healthy programs

def healthy_fork():
    """Fork per connection, clients that come, talk, and go."""
    server = listener(backlog=64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def serve():
        while True:
            served, _ = server.accept()
            if os.fork() == 0:
                server.close()
                while served.recv(100):
                    served.send(b"y")
                os._exit(0)
            served.close()
    if os.fork() == 0:
        serve()
    address = server.getsockname()
    if os.fork() == 0:
        server.close()
        while True:
            client = socket.create_connection(address)
            for _ in range(5):
                client.send(b"x")
                client.recv(1)
            client.close()
    return truth(verdict=None)


def healthy_prefork():
    server = listener(backlog=64)
    for _ in range(4):
        if os.fork() == 0:
            while True:
                served, _ = server.accept()
                while served.recv(100):
                    served.send(b"y")
                served.close()
    for _ in range(2):
        if os.fork() == 0:
            while True:
                client = socket.create_connection(server.getsockname())
                client.send(b"x")
                client.recv(1)
                client.close()
    return truth(verdict=None)


def healthy_pool():
    """Connections that are kept for later, in epoll sets on both sides."""
    import select
    server = listener(backlog=64)
    ends = [pair(server) for _ in range(30)]
    if os.fork() == 0:
        waiter = select.epoll()
        for _, served in ends:
            waiter.register(served.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
        waiter.poll()
    waiter = select.epoll()
    for client, _ in ends:
        waiter.register(client.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
    threading.Thread(target=waiter.poll, daemon=True).start()
    return truth(verdict=None)


def healthy_half_close():
    """A request ended by shutdown(), and a server that still answers."""
    client, served = pair()
    client.shutdown(socket.SHUT_WR)

    def answer():
        while True:
            served.send(b"a part of the answer")
            time.sleep(0.2)
    threading.Thread(target=answer, daemon=True).start()

    def wait():
        while client.recv(100):
            pass
    threading.Thread(target=wait, daemon=True).start()
    return truth(verdict=None)


def healthy_nginx():
    """nginx with a load on it, connections kept alive and not."""
    import tempfile
    folder = tempfile.mkdtemp(prefix="ln.")
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(f"""worker_processes 2; daemon off; error_log {folder}/error.log; pid {folder}/pid;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; server {{ listen 127.0.0.1:7801; return 200 "hello"; }} }}
""")
    keep.append(subprocess.Popen(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL))
    for _ in range(200):
        try:
            socket.create_connection((LOOP, 7801)).close()
            break
        except OSError:
            time.sleep(0.05)
    for header in ("Connection: keep-alive", "Connection: close"):
        keep.append(subprocess.Popen(["wrk", "-t", "1", "-c", "10", "-d", "60", "-H", header, "http://127.0.0.1:7801/"],
                                     stdout=subprocess.DEVNULL))
    return truth(verdict=None)


def hostile_name():
    """A program whose name is a terminal's escape sequence."""
    with open("/proc/self/comm", "w") as file:
        file.write("ev\033[31m\nil")
    client, served = pair()
    client.close()
    return truth(verdict="close-wait-leak", fds=[served.fileno()])


# ---------------------------------------------------------------- the peer behind a veth pair

class Peer:
    """The far namespace: a process that was forked before, and does as it is told."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        self.pipe = ours
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            subprocess.run(["ip", "link", "add", "near", "type", "veth", "peer", "name", "far"], check=False)
            self.far(theirs)
            os._exit(0)
        theirs.close()
        assert self.answer() == "ready"
        subprocess.run(["ip", "link", "set", "far", "netns", str(self.pid)], check=True)
        subprocess.run(["ip", "address", "add", NEAR + "/24", "dev", "near"], check=True)
        subprocess.run(["ip", "link", "set", "near", "up"], check=True)
        subprocess.run(["ip", "route", "add", "10.77.0.0/16", "via", FAR], check=True)
        self.run("up")
        keep.append(self)

    def answer(self):
        return self.pipe.recv(100).decode()

    def run(self, *words):
        self.pipe.send(" ".join(map(str, words)).encode())
        return self.answer()

    def pair(self):
        server = listener(address=NEAR)
        self.run("connect", server.getsockname()[1])
        served, _ = server.accept()
        keep.append(served)
        return served, None

    def silence(self):
        """It hears us, and nothing of it reaches us."""
        self.run("mute")

    def deafen(self):
        """We hear it, and nothing of us reaches it."""
        subprocess.run(["ip", "route", "add", "blackhole", FAR + "/32"], check=True)

    def spoof(self, port, count):
        """SYNs from addresses whose owner, if there is one, never answers."""
        self.run("spoof", port, count)

    def far(self, pipe):
        import ctypes
        if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
            os._exit(1)
        pipe.send(b"ready")
        sockets = []
        while True:
            words = pipe.recv(100).decode().split()
            if not words:
                return
            if words[0] == "up":
                for command in (f"ip address add {FAR}/24 dev far", "ip link set far up", "ip link set lo up"):
                    subprocess.run(command.split(), check=True)
            elif words[0] == "connect":
                sockets.append(socket.create_connection((NEAR, int(words[1]))))
            elif words[0] == "close":
                sockets.pop().close()
            elif words[0] == "mute":
                subprocess.run(["ip", "route", "add", "blackhole", NEAR + "/32"], check=True)
            elif words[0] == "spoof":
                send_spoofed(int(words[1]), int(words[2]))
            pipe.send(b"done")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def send_spoofed(port, count):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for i in range(count):
        source, target = socket.inet_aton(f"10.77.0.{1 + i % 200}"), socket.inet_aton(NEAR)
        head = struct.pack("!HHIIBBHHH", 20000 + i, port, 1000 * i, 0, 5 << 4, 2, 8192, 0, 0)
        value = checksum(source + target + struct.pack("!BBH", 0, 6, len(head)) + head)
        segment = head[:16] + struct.pack("!H", value) + head[18:]
        packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i, 0, 64, 6, 0, source, target) + segment
        raw.sendto(packet, (NEAR, 0))


NEED_PEER = {last_ack, closing, fin_wait1, syn_sent, syn_recv, syn_flood, not_acknowledging, keepalive}


def main(name):
    situation = globals().get(name) or getattr(importlib.import_module("lens_holders"), name)
    told = situation(Peer()) if situation in NEED_PEER else situation()
    print(json.dumps(told), flush=True)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
