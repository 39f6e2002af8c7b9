#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 150
# needs: tun
"""
Segments that are signed (RFC 2385, RFC 5925), by the socket options of unmodified programs: TCP-MD5 with the Linux
kernel as the other end, in both roles and families; TCP-AO, which this kernel may not have, between two hosts.
"""
import os
import pathlib
import textwrap

import tap
from tap import Program, ok, run, wait_until

TMP = pathlib.Path(os.environ["TMPDIR"])
os.environ["ELEVEN_SOCKET"] = str(TMP / "host.sock")

# OPTIONS SERVER|CLIENT ADDRESS PORT PEER [KEY]; what went wrong in one word, else what came back.
PROGRAM = textwrap.dedent("""
    import errno, socket, struct, sys
    MD5, MD5_EXT, AO_ADD, AO_DEL, AO_INFO = 14, 32, 38, 39, 40
    how, role, address, port, peer, *keys = sys.argv[1:]
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    def storage(text):
        if family == socket.AF_INET6:
            return struct.pack("=HHI16sI", family, 0, 0, socket.inet_pton(family, text), 0).ljust(128, b"\\0")
        return struct.pack("=HH4s", family, 0, socket.inet_aton(text)).ljust(128, b"\\0")
    def md5(key, prefix=None):
        return storage(peer) + struct.pack("=BBHi80s", 1 if prefix is not None else 0, prefix or 0, len(key), 0, key)
    def ao(key, send, receive, algorithm, flags=0):
        bits = 128 if family == socket.AF_INET6 else 32
        return storage(peer) + struct.pack("=64siIHBBBBBB80s", algorithm, 0, flags, 0, bits, send, receive, 12, 0,
                                           len(key), key)
    def keys_give(s):
        for key in keys:
            if how == "md5":
                s.setsockopt(6, MD5, md5(key.encode()))
            elif how == "prefix":
                s.setsockopt(6, MD5_EXT, md5(key.encode(), 16))
            else:
                secret, send, receive = key.split("/")
                s.setsockopt(6, AO_ADD, ao(secret.encode(), int(send), int(receive),
                                           b"cmac(aes128)" if how == "cmac" else b"hmac(sha1)"))
    def info(s):
        return struct.unpack("=IHBB5Q", s.getsockopt(6, AO_INFO, 48))
    try:
        s = socket.socket(family)
        s.setsockopt(1, 2, 1)
        if how == "bounds":
            for name, data in ((MD5, md5(b"k")[:-1]), (MD5, b"\\x07" + md5(b"k")[1:]), (MD5_EXT, md5(b"k", 129)),
                               (MD5, md5(b"")), (MD5, md5(b"k")), (MD5, md5(b"")), (MD5, md5(b"")),
                               (AO_ADD, ao(b"k", 1, 2, b"rot13")), (AO_ADD, ao(b"k", 1, 2, b"hmac(sha1)")),
                               (AO_ADD, ao(b"k", 1, 2, b"hmac(sha1)"))):
                try:
                    s.setsockopt(6, name, data)
                    print("taken")
                except OSError as error:
                    print(errno.errorcode[error.errno])
            sys.exit()
        keys_give(s)
        if role == "server":
            s.bind((address, int(port)))
            s.listen()
            print("listening", flush=True)
            c = s.accept()[0]
        else:
            s.settimeout(2)
            s.connect((address, int(port)))
            s.settimeout(20)
            c = s
            c.sendall(b"signed " * 100000)
            c.shutdown(socket.SHUT_WR)
        n = 0
        while part := c.recv(1 << 16):
            n += len(part)
        if role == "server":
            c.sendall(bytes(n // 2))
        if how in ("hmac", "cmac"):
            flags, _, current, following, good, bad, unknown, unsigned, icmp = info(c)
            print("current", current, "next", following, "good" if good > 10 else "few", "bad", bad, unknown, unsigned)
        c.close()
        print("bytes", n, flush=True)
    except TimeoutError:
        print("timed out", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
""")
SCRIPT = TMP / "signed_program.py"
BYTES = 700000


def program(side, *arguments):
    return Program(*side, "python3", str(SCRIPT), *map(str, arguments))


def pair(title, how, server_side, client_side, server, client, port, server_keys, client_keys, good=True):
    """server, client: their addresses."""
    listener = program(server_side, how, "server", server, port, client, *server_keys)
    if not listener.says("listening"):
        ok(False, title, listener.output())
        return listener.output()
    caller = program(client_side, how, "client", server, port, server, *client_keys)
    status = caller.status()
    if good:
        ok(status == 0 and f"bytes {BYTES // 2}" in caller.output() and listener.says(f"bytes {BYTES}"), title,
           f"status {status}: {caller.output()}{listener.output()}")
    else:
        ok(status == 0 and caller.output() == "timed out\n", title, caller.output())
    listener.kill()
    return caller.output() + listener.output()


def with_the_kernel():
    status, text = run("eleven", "up", "-d", "--tun", "dev0", "--address", "10.1.0.2/24,fd01::2/64",
                       "--kernel-address", "10.1.0.1,fd01::1")
    if status != 0 and "CAP_NET_ADMIN" in text:
        print(f"1..0 # SKIP {text.strip()}")
        raise SystemExit
    if not ok(status == 0, "eleven comes up on a tun device", text):
        return
    eleven, kernel = ("eleven", "run", "--"), ()
    port = 7100
    for family, host, linux in (("IPv4", "10.1.0.2", "10.1.0.1"), ("IPv6", "fd01::2", "fd01::1")):
        for how in ("md5", "prefix"):
            pair(f"{family}, {how}: the kernel calls, signed both ways", how, eleven, kernel, host, linux, port,
                 ["secret"], ["secret"])
            pair(f"{family}, {how}: eleven calls, signed both ways", how, kernel, eleven, linux, host, port + 1,
                 ["secret"], ["secret"])
            port += 2
        pair(f"{family}: the kernel with another key hears nothing", "md5", eleven, kernel, host, linux, port,
             ["secret"], ["Secret"], good=False)
        pair(f"{family}: the kernel without key hears nothing", "md5", eleven, kernel, host, linux, port + 1,
             ["secret"], [], good=False)
        pair(f"{family}: eleven with another key is not heard", "md5", kernel, eleven, linux, host, port + 2,
             ["secret"], ["Secret"], good=False)
        port += 3
    said = program(eleven, "bounds", "-", "-", 0, "10.1.0.1")
    said.status()
    expected = "EINVAL EINVAL EINVAL ENOENT taken taken ENOENT ENOENT taken EEXIST"
    ok(said.output().split() == expected.split(), "setsockopt's errors", said.output())
    linux = program(kernel, "bounds", "-", "-", 0, "10.1.0.1")
    linux.status()
    ok(linux.output().split()[:7] == expected.split()[:7], "the kernel's are the same for TCP_MD5SIG", linux.output())
    run("eleven", "down")


def between_two_hosts():
    status, text = run("eleven", "up", "-d", "--host", "a=10.0.0.1/24", "--host", "b=10.0.0.2/24")
    if not ok(status == 0, "two hosts come up", text):
        return
    a, b = ("eleven", "run", "--host", "a", "--"), ("eleven", "run", "--host", "b", "--")
    for number, how in enumerate(("hmac", "cmac")):
        said = pair(f"TCP-AO, {how}: signed both ways", how, b, a, "10.0.0.2", "10.0.0.1", 7200 + 3 * number,
                    ["secret/5/9"], ["secret/9/5"])
        ok("current 9 next 5 good bad 0 0 0" in said and "current 5 next 9 good bad 0 0 0" in said,
           f"TCP-AO, {how}: TCP_AO_INFO of both", said)
        pair(f"TCP-AO, {how}: another key is not heard", how, b, a, "10.0.0.2", "10.0.0.1", 7201 + 3 * number,
             ["secret/5/9"], ["Secret/9/5"], good=False)
    pair("TCP-AO: the caller without key is not heard", "hmac", b, a, "10.0.0.2", "10.0.0.1", 7210,
         ["secret/5/9"], [], good=False)
    run("eleven", "down")


SCRIPT.write_text(PROGRAM)
with_the_kernel()
between_two_hosts()
tap.plan()
