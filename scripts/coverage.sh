#!/bin/sh
# SPDX-License-Identifier: MIT
# coverage.sh: line and branch coverage of the core (floors 0-3) by the unit tests.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}-coverage
[ -f "$build/build.ninja" ] || meson setup "$build" -Db_coverage=true >/dev/null
ninja -C "$build" -j "${JOBS:-2}" --quiet unit-tests
find "$build" -name '*.gcda' -delete
meson test -C "$build" --no-rebuild --quiet || true
gcovr --root . --object-directory "$build" --branches --exclude-throw-branches \
	--filter 'src/(base|wire|trace|tcp|ip|stack)/' --print-summary "$build"
