#!/bin/bash
# SPDX-License-Identifier: MIT
# fuzz.sh [TARGET...]: each fuzz target (all of them) for FUZZ_SECONDS with libFuzzer, ASan and UBSan.  What it finds
# that is new to the corpus stays in the build directory; an input that crashes is left in crashes/ and named.
set -eu
TIMEFORMAT='%U %S'
cd "$(dirname "$0")/.."
build=${BUILD:-build}-fuzz
seconds=${FUZZ_SECONDS:-60}
[ -f "$build/build.ninja" ] ||
	CC=clang meson setup "$build" -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link >/dev/null ||
	{ echo "fuzz.sh: clang could not be set up, see $build/meson-logs/meson-log.txt" >&2; exit 1; }
[ $# -gt 0 ] || set -- $(sed -n "s/^\t'\([a-z]*\)': files('fuzz_.*/\1/p" fuzz/meson.build) \
	$(pkg-config --exists lwip && echo lwip || echo "skip lwip: liblwip is not here (Debian: liblwip-dev)" >&2)
programs=
for target; do
	programs="$programs fuzzer-$target"
done
ninja -C "$build" -j "${JOBS:-2}" --quiet $programs >"$build/ninja.log" || {
	tail -30 "$build/ninja.log" >&2
	echo "fuzz.sh: no fuzzers: they need clang with libFuzzer (Debian: clang and libclang-rt-14-dev)" >&2
	exit 1
}
mkdir -p "$build/crashes"
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
failed=0
for target; do
	log=$build/fuzzer-$target.log
	mkdir -p "$build/corpus/$target"
	# The features of libFuzzer that are left out cost more than a run of the packet target takes.
	if { time "$build/fuzzer-$target" -max_total_time="$seconds" -max_len=4096 -timeout=20 -print_final_stats=1 \
		-entropic=0 -reduce_inputs=0 -use_counters=0 -artifact_prefix="$build/crashes/$target-" \
		"$build/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; } 2>"$log.time"; then
		inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		rate=$(awk -v n="$inputs" '{ printf "%d", n / ($1 + $2 + .01) }' "$log.time")
		echo "ok   $target: $inputs inputs, $rate" \
			"a second of a core, $(sed -n 's/^#[0-9]*\tDONE *\(cov: [0-9]*\).*/\1/p' "$log")"
	else
		failed=$((failed + 1))
		echo "FAIL $target: see $log"
		grep -m 1 -E 'does not hold|ERROR: |runtime error' "$log" || true
		grep -E 'Test unit written to' "$log" || true
	fi
done
exit $((failed > 0))
