#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 300
# Other compilers and other machines: the same worlds have the same hashes.  All rows are in make nightly.
export MATRIX_SEEDS=12 MATRIX_ONLY=sim MATRIX_SCRATCH="$TMPDIR/matrix"
exec "$SOURCE/scripts/matrix.py" "gcc -O0" "clang -O2" powerpc
