#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 400
# needs: tun
"""A hundred recorded runs of real programs over tun are made again with the same trace hash, here by the program that
recorded them and by one of another compiler; any part of one can be shown, and what is damaged is said to be, where."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tap
from tap import ok, run, wait_until

TMP = pathlib.Path(os.environ["TMPDIR"])
RUNS, AT_ONCE = int(os.environ.get("REPLAY_RUNS", "100")), 4
SUM = "0123456789abcdef" * 2000


def ours(number):
    return f"10.{number}.0.2"


def kernel(number):
    return f"10.{number}.0.1"


# A row: the program it needs, on whose side it runs, and what it runs, as a shell line.  A server on eleven says in
# `port` where; the client line then runs on the kernel's TCP.
CLIENTS = [
    ("curl", "curl -s -m 30 http://{kernel}:9000/file | cksum"),
    ("wget", "wget -q -T 30 -O - http://{kernel}:9000/file | cksum"),
    ("python3", "python3 -c \"import urllib.request as u; print(len(u.urlopen('http://{kernel}:9000/file').read()))\""),
    ("redis-cli", "redis-cli -h {kernel} -p 9001 set k{number} {number}; redis-cli -h {kernel} -p 9001 get k{number}"),
    ("nc", "head -c 20000 {file} | nc -q 1 -w 5 {kernel} 9002 >/dev/null; echo sent"),
    ("bash", "bash -c 'exec 3<>/dev/tcp/{kernel}/9000; printf \"GET /file HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3' "
             "| wc -c"),
    ("perl", "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(\"{kernel}:9000\"); "
             "print $s \"HEAD / HTTP/1.0\\r\\n\\r\\n\"; print <$s>;' | head -1"),
    ("curl", "curl -s -m 5 http://{kernel}:9/; echo refused"),
    ("openssl", "echo Q | openssl s_client -connect {kernel}:9000 2>/dev/null; echo no TLS there"),
]
SERVERS = [
    ("python3", "exec python3 -m http.server 8080", 8080, "curl -s -m 30 http://{ours}:8080/file | cksum"),
    ("redis-server", "exec redis-server --port 8081 --save '' --bind 0.0.0.0 --protected-mode no", 8081,
     "redis-cli -h {ours} -p 8081 incr n"),
    ("nc", "nc -l 8082 | cksum", 8082, "head -c 30000 {file} | nc -q 1 -w 5 {ours} 8082; echo sent"),
    ("nginx", "exec nginx -c {conf}", 8083, "wget -q -T 30 -O - http://{ours}:8083/file | cksum"),
]


def environment(number):
    return {**os.environ, "ELEVEN_SOCKET": str(TMP / f"{number}.sock")}


def shell(line, number, seconds=60, **more):
    try:
        return subprocess.run(["bash", "-c", line], env=environment(number), capture_output=True, text=True,
                              errors="replace", timeout=seconds, stdin=subprocess.DEVNULL, cwd=TMP, **more)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(late.cmd, 1, "", f"not done in {seconds} s")


def nginx_configuration(number):
    path = TMP / f"nginx{number}.conf"
    temporary = "\n".join(f"{kind}_temp_path {TMP}/{number}-{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(f"daemon off; master_process off; pid {TMP}/n{number}.pid; {user} error_log {TMP}/n{number}.log;\n"
                    f"events {{ }} http {{ access_log off; root {TMP}; {temporary}\n"
                    f"server {{ listen 8083; }} }}\n")
    return path


def served(number, row, words):
    _, server, port, client = row
    words["conf"] = nginx_configuration(number)
    process = subprocess.Popen(["eleven", "run", "--", "bash", "-c", server.format(**words)], env=environment(number),
                               cwd=TMP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    listening = wait_until(lambda: f":{port} " in shell("eleven netstat -ltn", number).stdout, 40)
    done = shell(client.format(**words), number)
    process.terminate()
    process.wait(30)
    return listening and done.stdout.strip()


def one_run(number):
    """Records a run; what its program printed, or why there is none."""
    words = {"ours": ours(number), "kernel": kernel(number), "number": number, "file": TMP / "file"}
    up = shell(f"eleven up -d --tun dev{number} --address {ours(number)}/24 --kernel-address {kernel(number)} "
               f"--record {TMP}/{number}.rec", number)
    if up.returncode:
        return None, up.stderr
    shell("eleven link delay 1ms jitter 1ms" + (" loss 2% reorder 2%" if number % 3 == 0 else ""), number)
    row = ROWS[number % len(ROWS)]
    if len(row) == 2:
        said = shell("eleven run -- bash -c " + quoted(row[1].format(**words)), number).stdout.strip()
    else:
        said = served(number, row, words)
    shell("eleven down", number)
    replayed = shell(f"eleven replay {TMP}/{number}.rec", number)
    return said, replayed.stdout + replayed.stderr


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def kernel_servers():
    servers = [subprocess.Popen(["python3", "-m", "http.server", "9000"], cwd=TMP, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL),
               subprocess.Popen(["redis-server", "--port", "9001", "--save", "", "--bind", "0.0.0.0",
                                 "--protected-mode", "no"], stdout=subprocess.DEVNULL),
               subprocess.Popen(["nc", "-lk", "9002"], stdout=subprocess.DEVNULL)]
    for port in (9000, 9001, 9002):
        wait_until(lambda: run("ss", "-Hltn", f"sport = :{port}")[1].strip(), 30)
    return servers


def hash_of(text):
    found = re.search(r"trace hash ([0-9a-f]{16})\n.*all as it was", text)
    return found and found.group(1)


def other_compiler(name, *flags):
    """A replay of the core and little else, built by another compiler; or why not."""
    if not shutil.which(name):
        return None, f"{name} is not here"
    program = TMP / f"replay-{name}{flags[0]}"
    done = subprocess.run([f"{tap.SOURCE}/tests/tools/replay.sh", str(program), name, *flags], capture_output=True,
                          text=True)
    return (program, "") if done.returncode == 0 else (None, " ".join(done.stderr.split())[:300])


def elsewhere(hashes):
    for compiler in (("clang", "-O1"), ("gcc", "-O0", "-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")):
        program, reason = other_compiler(*compiler)
        title = f"the same hashes by {' '.join(compiler[:3])}"
        if not program:
            tap.skip(title, reason)
            continue
        files = [str(TMP / f"{number}.rec") for number in hashes]
        done = subprocess.run([program, *files], capture_output=True, text=True)
        want = "".join(f"{h}\n" for h in hashes.values())
        ok(done.stdout == want, title, done.stdout[:500] + done.stderr[:500])


def parts(number):
    """Any part of a run, by any moment's name."""
    file = str(TMP / f"{number}.rec")
    segments = run("eleven", "replay", file, "--segments")[1].splitlines()
    ok(len(segments) > 6 and segments[4].split()[0] == "5", "--segments numbers them", segments[:8])
    for mark, word in (("3", "segment 3"), ("CLOSE-WAIT", "CLOSE-WAIT"), ("SYN-SENT->ESTABLISHED", "ESTABLISHED"),
                       ("FIN_WAIT_1", "FIN-WAIT-1"), ("SYN_SENT_ESTABLISHED", "ESTABLISHED"), ("S.", "S."),
                       ("1ms", "stopped")):
        status, text = run("eleven", "replay", file, "--until", mark)
        if mark in ("CLOSE-WAIT", "FIN_WAIT_1"):        # one of the two, by who closed first
            continue
        ok(status == 0 and word in text and "stopped" in text, f"--until {mark}", text)
    closes = [run("eleven", "replay", file, "--until", state) for state in ("CLOSE-WAIT", "FIN-WAIT-1")]
    ok(any(status == 0 and "leaves" in text or "close() by" in text for status, text in closes),
       "--until a state explains what it waits for", closes)
    status, text = run("eleven", "replay", file, "--ladder", "--until", "ESTABLISHED")
    ok(status == 0 and "SYN-SENT" in text and "ESTABLISHED" in text and "FIN" not in text.split("stopped")[0],
       "--ladder until there", text)
    status, text = run("eleven", "replay", file, "--ladder", "--from", "ESTABLISHED", "--explain")
    ok(status == 0 and "connect()" not in text, "--ladder from there", text)
    status, text = run("eleven", "replay", file, "--until", "CLOSING")
    ok(status == 1 and "never came" in text, "a moment that never came is said to be so", text)
    status, text = run("eleven", "replay", file, "--until", "nonsense")
    ok(status == 2 and text.count("\n") == 1 and "nonsense" in text, "and one that is none", text)


def damage(number):
    whole = (TMP / f"{number}.rec").read_bytes()
    copy = TMP / "copy.rec"
    missed = []
    for step in range(60):
        cut = len(whole) * step // 60 + step % 7
        copy.write_bytes(whole[:cut])
        status, text = run("eleven", "replay", str(copy))
        at = re.search(r"at byte (\d+): ", text)
        if status != 1 or (cut >= 20 and (not at or int(at.group(1)) > cut)):
            missed.append(f"cut at {cut}: {text}")
        copy.write_bytes(whole[:cut] + bytes([whole[cut] ^ 4]) + whole[cut + 1:])
        status, text = run("eleven", "replay", str(copy))
        if status != 1:
            missed.append(f"changed at {cut}: {text}")
    ok(not missed, "sixty cuts and sixty turned bits are each found, with a byte", "\n".join(missed[:5]))


def killed():
    """A host that is killed leaves what can be made again as far as it goes, and is said to have no end."""
    status, text = run("eleven", "up", "-d", "--record", str(TMP / "killed.rec"), "--host", "a=10.0.0.1/24", "--host",
                       "b=10.0.0.2/24")
    server = tap.Program("eleven", "run", "--host", "b", "--", "server", "--hold", "1")
    server.says("listening", 30)
    run("eleven", "run", "--host", "a", "--", "client", "10.0.0.2", text="one\n")
    file = TMP / "killed.rec"
    wait_until(lambda: run("eleven", "replay", str(file), "--until", "TIME-WAIT")[0] == 0, 30)
    os.kill(int(text.rsplit("pid ", 1)[1]), 9)
    server.kill()
    status, text = run("eleven", "replay", str(file), "--until", "CLOSE-WAIT")
    ok(status == 0 and "CLOSE-WAIT" in text, "a host that was killed: its recording can be shown", text)
    status, text = run("eleven", "replay", str(file))
    ok(status == 1 and "its host was killed, or it is cut off" in text and "at byte" in text, "and is said to have no "
       "end", text)


ROWS = [row for row in CLIENTS + SERVERS if shutil.which(row[0])]
(TMP / "file").write_text(SUM)
servers = kernel_servers()
with ThreadPoolExecutor(AT_ONCE) as pool:
    outcomes = list(pool.map(one_run, range(1, RUNS + 1)))
for process in servers:
    process.kill()
hashes = {number: hash_of(text) for number, (_, text) in enumerate(outcomes, 1)}
silent = [f"{number}: {ROWS[number % len(ROWS)]} {text}" for number, (said, text) in enumerate(outcomes, 1) if not said]
bad = [f"{number}: {ROWS[number % len(ROWS)][0]}: {outcomes[number - 1][1]}" for number in hashes if not hashes[number]]
ok(not silent, f"{RUNS} programs of {len(ROWS)} kinds ran", "\n".join(silent[:5]))
ok(not bad, f"{len(hashes) - len(bad)} of {RUNS} recorded runs are made again with the same trace hash",
   "\n".join(bad[:5]))
ok(len(set(hashes.values())) == RUNS, "no two runs have the same", hashes)
elsewhere(hashes)
number = next(n for n in hashes if n % len(ROWS) == 0 and n % 3)
parts(number)
damage(number)
killed()
tap.plan()
