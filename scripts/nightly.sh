#!/bin/bash
# SPDX-License-Identifier: MIT
# nightly.sh [PART...]: what is too long for every change.  Each part is on a line of its own, what is skipped with its
# reason; the last line says how many failed.
#
#   clang      every test again, built by clang, and floods of their full size
#   matrix     the core on 32 bit, big-endian, under MSan, ASan, UBSan with unsigned overflow: the same trace hashes
#   tsan       host and sockets under TSan
#   valgrind   the unit tests under valgrind
#   seeds      2,000 worlds built by gcc and by clang
#   faults     every allocation refused, every call failed, every moment of a program's life
#   fuzz       each target for FUZZ_SECONDS (60), with libFuzzer and, where it is, AFL++
#   mutants    five hundred sampled mutants of src/tcp
#   coverage   branches of floors 0-3
#   explore    small worlds with larger bounds
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
jobs=${JOBS:-2}
failed=0
skipped=0

say() {         # STATUS NAME WHAT
	if [ "$1" -eq 0 ]; then echo "ok   $2: $3"; else failed=$((failed + 1)); echo "FAIL $2: $3"; fi
}

part_clang() {
	[ -f "$build-clang/build.ninja" ] || CC=clang meson setup "$build-clang" >/dev/null
	ELEVEN_FULL=1 BUILD=$build-clang scripts/run_tests.py >"$build-clang/nightly.log" 2>&1
	say $? clang "$(tail -n 1 "$build-clang/nightly.log"), see $build-clang/nightly.log"
}

part_matrix() {
	scripts/matrix.py >"$build/matrix.log" 2>&1
	say $? matrix "$(grep -c '^ok' "$build/matrix.log") ok, $(grep -c '^not ok' "$build/matrix.log") not ok"
	grep -E '^not ok|SKIP' "$build/matrix.log" | sed 's/^/     /'
}

part_tsan() {
	[ -f "$build-tsan/build.ninja" ] || CC=clang meson setup "$build-tsan" -Db_sanitize=thread >/dev/null
	tests=$(meson introspect --tests "$build-tsan" | python3 -c 'import json, sys
print(" ".join(t["name"] for t in json.load(sys.stdin) if t["name"].startswith(("host-", "sock-", "link-"))))')
	ninja -C "$build-tsan" -j "$jobs" --quiet unit-tests >/dev/null &&
		TSAN_OPTIONS=halt_on_error=1 meson test -C "$build-tsan" --no-rebuild --quiet -t 10 \
		--num-processes "$jobs" $tests >"$build-tsan/nightly.log" 2>&1
	say $? tsan "$(echo "$tests" | wc -w) programs of host, sock and link"
}

part_valgrind() {
	if ! command -v valgrind >/dev/null; then
		skipped=$((skipped + 1))
		echo "skip valgrind: it is not here (Debian: valgrind)"
		return
	fi
	# Those that are long already take an hour under valgrind; their code is in the others.
	names=$(meson introspect --tests "$build" | python3 -c 'import json, sys
slow = ("controller", "goodput", "test_close", "explore", "faults", "fuzz-")
print(" ".join(t["name"] for t in json.load(sys.stdin) if not any(word in t["name"] for word in slow)))')
	ninja -C "$build" -j "$jobs" --quiet unit-tests >/dev/null
	meson test -C "$build" --no-rebuild --quiet -t 30 --num-processes "$jobs" \
		--wrap "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite" $names \
		>"$build/valgrind.log" 2>&1
	say $? valgrind "$(echo "$names" | wc -w) programs, see $build/valgrind.log"
}

part_seeds() {
	for compiler in gcc clang; do
		if ! command -v $compiler >/dev/null; then
			skipped=$((skipped + 1))
			echo "skip seeds: $compiler is not here"
			continue
		fi
		dir=$build-seeds-$compiler
		[ -f "$dir/build.ninja" ] || CC=$compiler meson setup "$dir" >/dev/null
		ninja -C "$dir" -j "$jobs" --quiet eleven-sim >/dev/null
		"$dir/eleven-sim" --seeds 1..2000 >"$dir/seeds.log" 2>&1
		say $? "seeds $compiler" "$(tail -n 1 "$dir/seeds.log")"
	done
	if [ -f "$build-seeds-gcc/seeds.log" ] && [ -f "$build-seeds-clang/seeds.log" ]; then
		cmp -s <(grep -o '^seed.*hash.*' "$build-seeds-gcc/seeds.log") \
			<(grep -o '^seed.*hash.*' "$build-seeds-clang/seeds.log")
		say $? "seeds" "gcc's and clang's hashes are the same"
	fi
}

part_faults() {
	"$build/eleven-faults" >"$build/faults.log"
	say $? faults "allocations of the core: $(tail -n 1 "$build/faults.log")"
	FAULTS_MOST=0 scripts/run_tests.py --only system/faults.py --no-sanitizers >"$build/faults.log" 2>&1
	say $? faults "$(tail -n 1 "$build/faults.log")"
}

part_fuzz() {
	scripts/fuzz.sh
	say $? fuzz "libFuzzer, ${FUZZ_SECONDS:-60} s each"
	scripts/afl.sh
	say $? fuzz "AFL++, ${FUZZ_SECONDS:-60} s each"
}

part_mutants() {
	scripts/mutate_tcp.py
	say $? mutants "five hundred of src/tcp"
}

part_coverage() {
	scripts/coverage.py >"$build/coverage.log" 2>&1
	say $? coverage "$(tail -n 1 "$build/coverage.log")"
}

part_explore() {
	"$build/eleven-explore" --losses 2 --memory 512 --max 30000000 >"$build/explore.log"
	say $? explore "$(tail -n 1 "$build/explore.log")"
}

[ $# -gt 0 ] || set -- clang matrix tsan valgrind seeds faults fuzz mutants coverage explore
for part; do
	"part_$part"
done
echo "nightly: $failed failed, $skipped skipped"
exit $((failed > 0))
