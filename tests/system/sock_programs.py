#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 300
"""Programs of the machine, unchanged, on two virtual hosts: web servers, redis, iperf3, nc, ssh."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import tap
from tap import Program, ok, run, skip, wait_until

SCRATCH = pathlib.Path(os.environ["TMPDIR"])
MIB = 32


def have(*names):
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        skip(f"{names[0]} on eleven", f"{', '.join(missing)} is not installed")
    return not missing


def on(host, *command):
    return ("eleven", "run", "--host", host, "--", *command)


def listens(port, seconds=10):
    return wait_until(lambda: re.search(rf":{port}\s.*LISTEN", run("eleven", "netstat", "-antl")[1]), seconds)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"


def fetch(what, url, file):
    got = SCRATCH / "got"
    got.unlink(missing_ok=True)
    status, said = run(*on("b", "curl", "-sS", "--max-time", "60", "-o", str(got), url), timeout=70)
    ok(status == 0 and digest(got) == digest(file), f"{what}: {MIB} MiB arrive unchanged", said)


def python_server(file):
    if not have("python3", "curl"):
        return
    server = Program(*on("a", "python3", "-m", "http.server", "8000"), cwd=SCRATCH)
    if ok(listens(8000), "python3 -m http.server listens", server.output()):
        fetch("curl from python3 -m http.server", f"http://10.0.0.1:8000/{file.name}", file)
    server.kill()


NGINX = """
daemon off; user root; pid {0}/nginx.pid; error_log {0}/nginx.log; worker_processes 2;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4;
    scgi_temp_path {0}/t5;
    server {{ listen 8080 backlog=2048; root {0}; location /hello {{ return 200 "hello"; }} }}
}}
"""


def nginx(file):
    if not have("nginx", "curl"):
        return
    os.chmod(SCRATCH, 0o755)
    configuration = SCRATCH / "nginx.conf"
    configuration.write_text(NGINX.format(SCRATCH))
    server = Program(*on("a", "nginx", "-c", str(configuration), "-e", str(SCRATCH / "nginx.log")))
    if ok(listens(8080), "nginx, prefork, listens", server.output()):
        fetch("curl from nginx with sendfile", f"http://10.0.0.1:8080/{file.name}", file)
        status, said = run(*on("b", "curl", "-sS", *["http://10.0.0.1:8080/hello"] * 20))
        ok(status == 0 and said == "hello" * 20, "twenty requests on one connection", said)
        if have("wrk"):
            status, said = run(*on("b", "wrk", "-t1", "-c1000", "-d3", "--timeout", "20",
                                   "http://10.0.0.1:8080/hello"), timeout=60)
            errors = re.search(r"Socket errors: (.*)", said)
            count = re.search(r"(\d+) requests in", said)
            ok(status == 0 and not errors and count and int(count.group(1)) > 1000,
               "wrk with 1,000 connections: no error", said)
    server.kill(15)


def redis():
    if not have("redis-server", "redis-benchmark", "redis-cli"):
        return
    server = Program(*on("a", "redis-server", "--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no",
                         "--save", "", "--dir", str(SCRATCH)))
    if ok(listens(6379), "redis-server listens", server.output()):
        for name, options in (("50 clients", []), ("50 clients, 16 requests at a time", ["-P", "16"])):
            status, said = run(*on("b", "redis-benchmark", "-h", "10.0.0.1", "-c", "50", "-n", "20000", "-t", "set,get",
                                   "-q", *options), timeout=60)
            ok(status == 0 and len(re.findall(r"requests per second", said)) >= 2 and "rror" not in said,
               f"redis-benchmark, {name}", said[-400:])
        run(*on("b", "redis-cli", "-h", "10.0.0.1", "shutdown", "nosave"))
        ok(server.status(10) == 0, "redis-cli shuts it down", server.output())
    server.kill()


def iperf():
    if not have("iperf3"):
        return
    for name, options in (("to the server", []), ("from the server", ["-R"]), ("four at once", ["-P", "4"])):
        server = Program(*on("a", "iperf3", "-s", "-1"))
        if ok(listens(5201), "iperf3 listens (falling back from IPv6)", server.output()):
            status, said = run(*on("b", "iperf3", "-c", "10.0.0.1", "-t", "1", *options), timeout=30)
            ok(status == 0 and "receiver" in said and server.status(10) == 0, f"iperf3 {name}", said)
        server.kill()


def netcat(file):
    if not have("nc"):
        return
    with open(SCRATCH / "nc.out", "wb") as sink:
        server = subprocess.Popen(on("a", "nc", "-l", "-p", "9000"), stdin=subprocess.DEVNULL, stdout=sink)
        if ok(listens(9000), "nc listens"):
            with open(file, "rb") as source:
                status = subprocess.run(on("b", "nc", "-N", "10.0.0.1", "9000"), stdin=source, timeout=30).returncode
            ok(status == 0 and server.wait(10) == 0 and digest(SCRATCH / "nc.out") == digest(file),
               f"nc -N: {MIB} MiB arrive unchanged, and both end")
        server.kill()
        server.wait()


def secure_shell():
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    # sshd will not have /run of somebody else; in a user namespace it is nobody's.
    if not have("ssh", "ssh-keygen") or not os.path.exists(sshd) or os.stat("/run").st_uid != 0:
        skip("ssh on eleven", "needs ssh, sshd and root")
        return
    home = SCRATCH / "ssh"
    home.mkdir(mode=0o700)
    os.makedirs("/run/sshd", exist_ok=True)
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name))
    shutil.copy(home / "user.pub", home / "authorized")
    server = Program(*on("a", sshd, "-D", "-e", "-f", "/dev/null", "-p", "2222", "-h", str(home / "host"),
                         "-o", "UsePAM=no", "-o", "StrictModes=no", "-o", "PermitRootLogin=yes",
                         "-o", f"AuthorizedKeysFile={home}/authorized", "-o", f"PidFile={home}/pid"))
    if ok(listens(2222), "sshd listens", server.output()):
        ssh = on("b", "ssh", "-F", "/dev/null", "-p", "2222", "-i", str(home / "user"), "-o", "BatchMode=yes",
                 "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=20",
                 "root@10.0.0.1")
        status, said = run(*ssh, "echo $((6 * 7)); exit 3", timeout=60)
        ok(status == 3 and "42" in said, "ssh runs a command and passes its status on",
           said + server.output()[-1000:])
        status, said = run(*ssh, "head -c 5000000 /dev/zero | sha256sum", timeout=60)
        ok(hashlib.sha256(bytes(5000000)).hexdigest() in said, "ssh again", said)
    server.kill(15)


def main():
    file = SCRATCH / "file"
    file.write_bytes(os.urandom(MIB << 20))
    status, said = run("eleven", "up", "-d")
    if not ok(status == 0, "two virtual hosts come up", said):
        return
    python_server(file)
    nginx(file)
    redis()
    iperf()
    netcat(file)
    secure_shell()
    status, said = run("eleven", "down")
    ok(status == 0, "the host is still there at the end, and goes down", said)


main()
tap.plan()
