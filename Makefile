# SPDX-License-Identifier: MIT
# The verbs.  Meson and ninja do the work; scripts/setup.sh sees to what Debian has to provide.

BUILD  ?= build
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)
export BUILD JOBS

# The folders that have a part in the build.  Meson does not notice a new one by itself, so the list is kept.
parts := $(sort $(wildcard src/*/meson.build tests/*/meson.build tools/meson.build sim/meson.build \
	explore/meson.build fuzz/meson.build examples/meson.build bench/meson.build include/* man/*))

all: configured
	@ninja -C $(BUILD) -j $(JOBS)

configured:
	@scripts/setup.sh build
	@test -f $(BUILD)/build.ninja || { meson setup $(BUILD) && echo "$(parts)" >$(BUILD)/.parts; }
	@test "$$(cat $(BUILD)/.parts 2>/dev/null)" = "$(parts)" || \
		{ meson setup --reconfigure $(BUILD) >$(BUILD)/reconfigure.log || \
		{ cat $(BUILD)/reconfigure.log; exit 1; }; \
		echo "$(parts)" >$(BUILD)/.parts; }

demo: all
	@scripts/setup.sh demo
	@scripts/demo.sh

# Every test, with the sanitizers too; the last line is "N passed, N failed".
test: test-tools all
	@scripts/run_tests.py

# Less than a minute: the unit tests and the rules of the house.
check: test-tools all
	@scripts/run_tests.py --quick

test-tools:
	@scripts/setup.sh build test

# BENCH=--json for machines.
bench: configured
	@scripts/setup.sh bench
	@meson setup --reconfigure $(BUILD) >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) --quiet eleven-bench eleven-beside bench/bench-connections eleven >&2
	@$(BUILD)/eleven-bench $(BENCH)
	@ninja -C $(BUILD) -j $(JOBS) --quiet eleven-sim >&2
	@$(if $(filter --json,$(BENCH)),:,echo "simulator, the mixed world on one core:" \
		$$($(BUILD)/eleven-sim --seeds 1..100000 --seconds 20 --quiet))
	@bench/instructions.py $(BUILD)/eleven-bench $(filter --json,$(BENCH))
	@ninja -C $(BUILD) -j $(JOBS) --quiet eleven >&2
	@bench/sockets.py $(BUILD) $(filter --json,$(BENCH))
	@bench/watch.py $(BUILD)/eleven $(BUILD)/bench/bench-connections $(filter --json,$(BENCH))
	@$(if $(filter --json,$(BENCH)),,$(BUILD)/eleven-beside --at-once 4 --rtt 10,50 --seconds 5 || \
	 echo "goodput over poor wires beside the kernel was not measured")

sim: all
	@$(BUILD)/eleven-sim $(if $(SEEDS),--seeds $(SEEDS))

# SCENARIOS="open-close …", and what else eleven-explore --help tells.
explore: all
	@$(BUILD)/eleven-explore $(SCENARIOS) --diagram $(BUILD)/states.dot
	@if command -v dot >/dev/null; then dot -Tsvg $(BUILD)/states.dot -o docs/states.svg; \
	 else echo "docs/states.svg is left as it is: dot of the package graphviz is not here"; fi

# Each target for FUZZ_SECONDS (60), or those of TARGETS="packet …"; afl the same with AFL++.
fuzz:
	@scripts/setup.sh build fuzz
	@scripts/fuzz.sh $(TARGETS)

afl:
	@scripts/setup.sh build fuzz
	@scripts/afl.sh $(TARGETS)

# Is the test of a requirement worth anything?  ID=MUST-12 for one.
mutants: test-tools
	@scripts/mutate.py $(ID)

# Fails on every requirement of tier 1 or 2 that nothing shows.  CONFORMANCE="--places 5961" for one RFC.
conformance: test-tools
	@scripts/conformance.py $(CONFORMANCE)

coverage: test-tools
	@scripts/coverage.py $(COVERAGE)

# Sampled mutants of src/tcp: COUNT (500) of them; does a test notice?
mutate: test-tools
	@scripts/mutate_tcp.py --count $(or $(COUNT),500)

# 32 bit, big-endian, MSan and more: the same trace hashes?  ROWS="powerpc" for some.
matrix: test-tools
	@scripts/setup.sh nightly || echo "what is missing is skipped, with its reason"
	@scripts/matrix.py $(ROWS)

# What is too long for every change; PARTS="matrix seeds" for some.
nightly: test-tools all
	@scripts/setup.sh nightly fuzz || echo "what is missing is skipped, with its reason"
	@scripts/nightly.sh $(PARTS)

install: configured
	@test "$$(meson introspect --buildoptions $(BUILD) | \
		python3 -c 'import json,sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')" \
		= "$(PREFIX)" || meson configure $(BUILD) --prefix "$(PREFIX)"
	@ninja -C $(BUILD) -j $(JOBS)
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild
	@test -n "$(DESTDIR)" -o "$$(id -u)" -ne 0 || ldconfig

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-clang $(BUILD)-coverage $(BUILD)-fuzz $(BUILD)-afl $(BUILD)-tsan \
		$(BUILD)-seeds-gcc $(BUILD)-seeds-clang

.PHONY: all configured demo test check test-tools bench sim explore fuzz afl conformance mutants mutate matrix \
	coverage nightly install clean
