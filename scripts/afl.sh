#!/bin/bash
# SPDX-License-Identifier: MIT
# afl.sh [TARGET...]: each fuzz target for FUZZ_SECONDS with AFL++, from the same sources and the same corpora as
# libFuzzer (scripts/fuzz.sh): the driver of fuzz/ takes the file that afl-fuzz names.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}-afl
seconds=${FUZZ_SECONDS:-60}
for program in afl-fuzz afl-clang-fast; do
	if ! command -v $program >/dev/null; then
		echo "skip AFL++: $program is not here (Debian: afl++)"
		exit 0
	fi
done
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_QUIET=1
[ -f "$build/build.ninja" ] || CC=afl-clang-fast meson setup "$build" >/dev/null ||
	{ echo "afl.sh: could not be set up, see $build/meson-logs/meson-log.txt" >&2; exit 1; }
[ $# -gt 0 ] || set -- $(sed -n "s/^\t'\([a-z]*\)': files('fuzz_.*/\1/p" fuzz/meson.build) \
	$(pkg-config --exists lwip && echo lwip || echo "skip lwip: liblwip is not here (Debian: liblwip-dev)" >&2)
programs=
for target; do
	programs="$programs fuzz-$target"
done
ninja -C "$build" -j "${JOBS:-2}" --quiet $programs >"$build/ninja.log" || { tail -30 "$build/ninja.log" >&2; exit 1; }
failed=0
for target; do
	out=$build/out-$target
	rm -rf "$out"
	afl-fuzz -V "$seconds" -i "fuzz/corpus/$target" -o "$out" -- "$build/fuzz-$target" @@ >"$out.log" 2>&1 || true
	figure() { sed -n "s/^$1 *: *//p" "$out/default/fuzzer_stats" 2>/dev/null; }
	crashes=$(find "$out/default/crashes" -type f -name 'id*' 2>/dev/null | wc -l)
	if [ "$crashes" -eq 0 ] && [ -n "$(figure execs_done)" ]; then
		echo "ok   $target: AFL++: $(figure execs_done) inputs, $(figure edges_found) edges"
	else
		failed=$((failed + 1))
		echo "FAIL $target: AFL++: $crashes crashes, see $out.log and $out/default/crashes"
	fi
done
exit $((failed > 0))
