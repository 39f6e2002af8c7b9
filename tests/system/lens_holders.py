# SPDX-License-Identifier: MIT
"""More situations for lens_explain.py: descriptors that travel, threads, groups of listeners; and servers of all kinds
that are healthy.  Each is a function as in lens_situations.py."""
import array
import asyncio
import ctypes
import fcntl
import itertools
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from lens_situations import LOOP, keep, listener, pair, truth


def sent_to_another():
    """Accepted by one program, sent to another in a message (SCM_RIGHTS), and forgotten there."""
    client, served = pair()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pid = os.fork()
    if pid == 0:
        for sock in (client, served, *keep):
            sock.close()
        _, ancillary, _, _ = theirs.recvmsg(10, socket.CMSG_SPACE(4))
        number = array.array("i")
        number.frombytes(ancillary[0][2][:4])
        theirs.send(str(number[0]).encode())
        signal.pause()
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [served.fileno()]))])
    number = int(ours.recv(10))
    served.close()
    client.close()
    return dict(truth(verdict="close-wait-leak", fds=[number], recvq=1), pid=pid)


def on_its_way():
    """In a message that nobody has received: no program has it."""
    client, served = pair()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [served.fileno()]))])
    keep.extend((ours, theirs))
    served.close()
    client.close()
    return truth(verdict="close-wait-leak", pid_unknown=True, says="no program in sight")


def epoll_thread():
    """A thread waits in epoll_wait(), and the descriptor is registered there, for sending only."""
    client, served = pair()
    poll = select.epoll()
    poll.register(served, select.EPOLLOUT | select.EPOLLET)
    keep.append(poll)

    def work():
        while True:
            poll.poll()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    client.close()
    return truth(verdict="close-wait-leak", fds=[served.fileno()], recvq=1, tid=thread.native_id, doing="epoll_wait",
                 epoll={"epfd": poll.fileno(), "fd": served.fileno()})


def mapped():
    """IPv4 on a listener of IPv6."""
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", 0))
    server.listen(5)
    client = socket.create_connection((LOOP, server.getsockname()[1]))
    served, _ = server.accept()
    keep.extend((server, served))
    client.close()
    served.recv(1)
    return truth(verdict="close-wait-leak", fds=[served.fileno()], recvq=0)


def leader_gone():
    """The program's first thread has ended, which hides its descriptors in /proc/PID/fd."""
    client, served = pair()
    number = served.fileno()
    client.close()
    pid = os.fork()
    if pid == 0:
        threading.Thread(target=lambda: time.sleep(1000)).start()
        ctypes.CDLL(None).pthread_exit(None)
    served.close()
    return dict(truth(verdict="close-wait-leak", fds=[number], recvq=1), pid=pid)


def sending_thread():
    """A thread is held up in send() by a peer that does not read."""
    client, _ = pair()
    thread = threading.Thread(target=lambda: client.sendall(b"x" * 50000000), daemon=True)
    thread.start()
    return truth(verdict="peer-window-zero", fds=[client.fileno()], tid=thread.native_id, doing="sendto")


def stopped():
    """The reader was stopped."""
    server = listener()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        served, _ = server.accept()
        os.write(tell, str(served.fileno()).encode())
        while True:
            served.recv(100)
    client = socket.create_connection(server.getsockname())
    number = int(os.read(told, 10))
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    client.send(b"x" * 1000)
    keep.append(client)
    return dict(truth(verdict="unread-data-nobody-reads", fds=[number], recvq=1000, says="is stopped"), pid=pid)


def group_full():
    """Two programs share a port (SO_REUSEPORT), and one of them does not accept."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind((LOOP, 0))
    server.listen(1)
    keep.append(server)
    name = server.getsockname()
    ready, tell = os.pipe()
    if os.fork() == 0:
        server.close()
        other = socket.socket()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(name)
        other.listen(100)
        os.write(tell, b"x")
        while True:
            other.accept()[0].close()
    os.read(ready, 1)
    for _ in range(16):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        keep.append(client)
    return truth(verdict="accept-queue-full", fds=[server.fileno()], recvq=2, state="LISTEN",
                 unowned=f"accept queue of {os.getpid()}/python3")


def destroyed():
    """Both ends, after one was reset from outside."""
    client, served = pair()
    subprocess.run(["ss", "-K", "-t", "sport", "=", f":{client.getsockname()[1]}"], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    return truth(verdict="dead-fd-not-closed", fds=[client.fileno(), served.fileno()])


# ---------------------------------------------------------------- a path that loses

def tun_open(address):
    """A device of this network namespace; what is sent to it is read from the descriptor."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH", b"lossy", 0x1001))     # TUNSETIFF, IFF_TUN | IFF_NO_PI
    for command in (f"ip address add {address}/24 dev lossy", "ip link set lossy up mtu 1500"):
        subprocess.run(command.split(), check=True)
    return fd


def losing_path():
    """Two namespaces, and between them a program that loses every tenth segment with text."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ctypes.CDLL(None).unshare(0x40000000)
        fd = tun_open("10.8.0.2")
        server = socket.socket()
        server.bind(("10.8.0.2", 0))
        server.listen(1)
        socket.send_fds(theirs, [str(server.getsockname()[1]).encode()], [fd])
        sock, _ = server.accept()
        while sock.recv(65536):
            pass
        signal.pause()
    near = tun_open("10.8.0.1")
    port, fds, _, _ = socket.recv_fds(ours, 10, 1)
    count = itertools.count(1)

    def carry(source, target):
        while True:
            packet = os.read(source, 2000)
            if len(packet) < 500 or next(count) % 10:
                os.write(target, packet)
    for pair_of in ((near, fds[0]), (fds[0], near)):
        threading.Thread(target=carry, args=pair_of, daemon=True).start()
    client = socket.create_connection(("10.8.0.2", int(port)))
    keep.append(client)

    def send():
        while True:
            client.send(b"x" * 1400)
            time.sleep(0.005)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return truth(verdict="path-losing-segments", fds=[client.fileno()])


# ---------------------------------------------------------------- nothing wrong

def healthy_threads():
    """A thread for each connection, idle ones and short ones."""
    server = listener()

    def serve(sock):
        while sock.recv(100):
            sock.send(b"yes")
        sock.close()

    def accept():
        while True:
            sock, _ = server.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    def ask():
        sock = socket.create_connection(server.getsockname())
        sock.send(b"?")
        sock.recv(10)
        return sock

    def short():
        while True:
            ask().close()
            time.sleep(0.02)
    threading.Thread(target=accept, daemon=True).start()
    keep.extend(ask() for _ in range(10))
    threading.Thread(target=short, daemon=True).start()
    return truth(verdict=None)


def healthy_asyncio():
    """One loop with both ends of twenty connections."""
    ready = threading.Event()

    async def serve(reader, writer):
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, LOOP, 0)
        port = server.sockets[0].getsockname()[1]
        ends = [await asyncio.open_connection(LOOP, port) for _ in range(20)]
        ready.set()
        while True:
            for reader, writer in ends:
                writer.write(b"x")
                await reader.read(10)
            await asyncio.sleep(0.2)
    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    ready.wait()
    return truth(verdict=None)


def connect_to(port):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return socket.create_connection((LOOP, port))
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nobody listens on {port}")


def healthy_redis():
    """Thirty clients that have asked once and wait."""
    keep.append(subprocess.Popen(["redis-server", "--port", "7777", "--save", "", "--bind", LOOP],
                                 stdout=subprocess.DEVNULL))
    for _ in range(30):
        client = connect_to(7777)
        client.send(b"PING\r\n")
        client.recv(100)
        keep.append(client)
    return truth(verdict=None)


def healthy_sshd():
    """Sessions without a command, which sshd serves with two processes each."""
    folder = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    os.makedirs("/run/sshd")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder + "/key"], check=True)
    options = [f"HostKey={folder}/key", "PidFile=none", "StrictModes=no", f"AuthorizedKeysFile={folder}/key.pub",
               "PermitRootLogin=yes", "UsePAM=no"]
    keep.append(subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", "7722",
                                  *(word for option in options for word in ("-o", option))],
                                 stderr=subprocess.DEVNULL))
    connect_to(7722).close()
    for _ in range(3):
        keep.append(subprocess.Popen(["ssh", "-N", "-i", folder + "/key", "-p", "7722", "-o",
                                      "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                      "root@" + LOOP], stderr=subprocess.DEVNULL))
    time.sleep(2)
    return truth(verdict=None)
