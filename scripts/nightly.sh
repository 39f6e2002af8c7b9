#!/bin/sh
# SPDX-License-Identifier: MIT
# nightly.sh: what is too long for every change: every test again, built by clang.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}-clang
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" >/dev/null
BUILD=$build exec scripts/run_tests.py
