#!/bin/sh
# SPDX-License-Identifier: MIT
# coverage.sh: line and branch coverage of the core (floors 0-3) by the unit tests, the corpora of the fuzzers, refused
# allocations and COVERAGE_SEEDS (60) worlds.  Fails under COVERAGE_LEAST (98) percent of branches.
#
# Built without optimisation, so that a branch is one of the source.  Not counted, each for its reason:
#   CHECK( …           the branch in which it fails is our own mistake: no input gets there
#   switch ((enum …    a switch over all values of an enum has no default, but the compiler counts one
# Anything else that is left out says so in its own line, with LCOV_EXCL_BR_LINE and the reason.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}-coverage
[ -f "$build/build.ninja" ] || meson setup "$build" -Db_coverage=true --buildtype debug >/dev/null
ninja -C "$build" -j "${JOBS:-2}" --quiet unit-tests eleven-sim
find "$build" -name '*.gcda' -delete
meson test -C "$build" --no-rebuild --quiet -t 5 --num-processes "${JOBS:-2}" \
	>"$build/tests.log" 2>&1 ||
	echo "coverage.sh: some tests failed, see $build/tests.log"
"$build/eleven-sim" --seeds "1..${COVERAGE_SEEDS:-60}" --quiet
gcovr --root . --object-directory "$build" --branches --exclude-throw-branches \
	--exclude-branches-by-pattern '.*(CHECK\(|switch \(\(enum ).*' \
	--filter 'src/(base|wire|trace|tcp|ip|stack)/' --print-summary \
	--fail-under-branch "${COVERAGE_LEAST:-98}" "$build"
