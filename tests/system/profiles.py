#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 240
"""The states of real programs under each profile: open, close by either side, TIME-WAIT, and who may bind over it.

What a profile answers otherwise is read of `eleven config`: of two sockets that share a port in TIME-WAIT Linux wants
SO_REUSEADDR of both (reuse_address_both), the RFC's profiles of the new one.
"""
import re

import tap
from tap import Program, ok, run, wait_until

PROFILES = ("modern", "strict", "linux")
AT_SERVER = r"10\.0\.0\.2:8000 +10\.0\.0\.1:\d+ +"
AT_CLIENT = r"10\.0\.0\.1:\d+ +10\.0\.0\.2:8000 +"
LISTENS = r"0\.0\.0\.0:8000 +0\.0\.0\.0:\* +LISTEN"


def table(*patterns, without=None):
    """Does netstat come to show all of these, and not that?"""
    shown = [""]

    def look():
        shown[0] = run("eleven", "netstat", "-apn")[1]
        return all(re.search(p, shown[0]) for p in patterns) and not (without and re.search(without, shown[0]))
    return wait_until(look, 20), shown[0]


def config(profile, name):
    said = run("eleven", "config", "--profile", profile)[1]
    return re.search(rf"^{name}\s+(\S+)", said, re.M).group(1)


def server(*options):
    return Program("eleven", "run", "--host", "server", "--", "server", *options)


def client():
    return Program("eleven", "run", "--host", "client", "--", "client", "10.0.0.2")


def ended(program):
    program.kill(15)


def client_first(profile):
    one = server()
    ok(one.says("listening", 20) and table(LISTENS)[0], f"{profile}: LISTEN", one.output())
    two = client()
    ok(*shows(f"{profile}: ESTABLISHED at both ends", AT_CLIENT + "ESTABLISHED", AT_SERVER + "ESTABLISHED"))
    two.send("to and fro\n")
    ok(two.says("TO AND FRO", 20), f"{profile}: text goes both ways", two.output())
    two.end()
    ok(*shows(f"{profile}: who closes first is in TIME-WAIT", AT_CLIENT + "TIME_WAIT", without=AT_SERVER))
    ok(two.status(20) == 0, f"{profile}: the client ends well", two.output())
    ok(*shows(f"{profile}: after 2 MSL it is gone", LISTENS, without=AT_CLIENT))
    ended(one)


def server_first(profile):
    one = server("--close-first")
    one.says("listening", 20)
    two = client()
    two.send("you first\n", end=True)
    ok(*shows(f"{profile}: the server closed first", AT_SERVER + "TIME_WAIT", without=AT_CLIENT))
    ended(one)
    again = server()
    ok(again.status(20) not in (0, None) and "Address already in use" in again.output(),
       f"{profile}: it cannot be started again at once", again.output())
    both = config(profile, "reuse_address_both") not in ("0", "no", "off", "false")
    ok(both == (profile == "linux"), f"{profile}: reuse_address_both is {both}")
    reuse = server("--reuse")
    if both:
        ok(reuse.status(20) not in (0, None) and "Address already in use" in reuse.output(),
           f"{profile}: nor with SO_REUSEADDR, which the old one had not", reuse.output())
    else:
        ok(reuse.says("listening", 20), f"{profile}: with SO_REUSEADDR it can", reuse.output())
    ended(reuse)
    ok(*shows(f"{profile}: TIME-WAIT ends", without=AT_SERVER))
    last = server()
    ok(last.says("listening", 20), f"{profile}: and it can be started again", last.output())
    ended(last)


def shows(title, *patterns, without=None):
    good, shown = table(*patterns, without=without)
    return good, title, shown


for each in PROFILES:
    status, text = run("eleven", "up", "-d", "--profile", each, "--host", "client=10.0.0.1/24", "--host",
                       "server=10.0.0.2/24", "--msl", "3s")
    if ok(status == 0, f"{each}: a host comes up", text):
        client_first(each)
        server_first(each)
        status, text = run("eleven", "down")
        ok(status == 0, f"{each}: and goes down", text)
tap.plan()
