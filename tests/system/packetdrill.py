#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 600
"""Every script of tests/pkt, in packetdrill's notation, against the plug-in; see tests/pkt/pkt.py."""
import os
import pathlib
import sys

SOURCE = pathlib.Path(os.environ.get("SOURCE", ".")).resolve()

os.execv(sys.executable, [sys.executable, str(SOURCE / "tests" / "pkt" / "pkt.py")])
