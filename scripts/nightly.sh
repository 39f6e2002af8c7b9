#!/bin/sh
# SPDX-License-Identifier: MIT
# nightly.sh: what is too long for every change: every test again, built by clang, and floods of their full size.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}-clang
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" >/dev/null
ELEVEN_FULL=1 BUILD=$build exec scripts/run_tests.py
