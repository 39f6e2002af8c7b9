#!/bin/sh
# SPDX-License-Identifier: MIT
# localize.sh OUTPUT LIBRARY...: join the libraries into one relocatable object and make every hidden symbol local.
# The names in a static library are the names of the program that links it: only eleven_* may take part in them.
set -eu
output=$1
shift
ld -r -o "$output" --whole-archive "$@"
objcopy --localize-hidden "$output"
