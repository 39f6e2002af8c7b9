#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 300
# Ten million states of small worlds, each met by the code that ships, and no invariant broken in any.
echo 1..2
if eleven-explore >"$TMPDIR/explore.log" 2>&1; then
	states=$(sed -n 's/^\([0-9]*\) states of .*/\1/p' "$TMPDIR/explore.log")
	whole=$(grep -c 'all states visited' "$TMPDIR/explore.log")
	echo "ok 1 - explore: $(tail -n 1 "$TMPDIR/explore.log"), $whole of them visited whole"
	[ "$states" -ge 10000000 ] || printf 'not '
	echo "ok 2 - explore: ten million of them"
else
	sed 's/^/# /' "$TMPDIR/explore.log" | tail -n 100
	echo "not ok 1 - explore: $(grep FAULT "$TMPDIR/explore.log")"
fi
