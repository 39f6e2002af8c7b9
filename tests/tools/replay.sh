#!/bin/sh
# SPDX-License-Identifier: MIT
# replay.sh OUT COMPILER FLAG...: a program that replays recordings and prints their trace hashes, from the core and
# the reader of recordings alone, so that any compiler can build it.
set -eu
out=$1
shift
source=$(cd "$(dirname "$0")/../.." && pwd)
exec "$@" -std=gnu11 -D_GNU_SOURCE -DELEVEN_VERSION='"test"' -w -I"$source/src" -I"$source/include" -o "$out" \
	"$source"/tests/tools/replay.c "$source"/src/host/replay.c "$source"/src/host/record.c \
	"$source"/src/host/trail.c "$source"/src/base/*.c "$source"/src/wire/*.c "$source"/src/trace/*.c \
	"$source"/src/ip/*.c "$source"/src/tcp/*.c "$source"/src/stack/*.c -lz
