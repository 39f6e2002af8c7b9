#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 600
# slow
# Each of forty-odd requirements: its code is taken out, and the test that names it must fail (tests/mutants.tsv).
exec "$SOURCE/scripts/mutate.py"
