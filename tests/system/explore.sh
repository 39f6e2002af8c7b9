#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 600
# Ten million states of small worlds, each met by the code that ships, and no invariant broken in any.  All scenarios
# first, and docs/states.svg has the moves they made; then, with more losses and duplicates, as many states of one more
# as ten million take.
log=$TMPDIR/explore.log
echo 1..3
if ! eleven-explore --diagram "$TMPDIR/states.dot" >"$log" 2>&1; then
	sed 's/^/# /' "$log" | tail -n 100
	echo "not ok 1 - explore: $(grep FAULT "$log")"
	exit 1
fi
states=$(sed -n 's/^\([0-9]*\) states of .*/\1/p' "$log")
echo "ok 1 - explore: $(tail -n 1 "$log"), $(grep -c 'all states visited' "$log") of them visited whole"
if [ "$states" -lt 10000000 ] &&
	! eleven-explore everything-again --losses 3 --duplicates 1 --max $((10000000 - states)) >"$log" 2>&1; then
	sed 's/^/# /' "$log" | tail -n 100
	echo "not ok 2 - explore: $(grep FAULT "$log")"
	exit 1
fi
echo "ok 2 - explore: ten million, $(tail -n 1 "$log")"
# Graphviz names each edge in a title.
moves=$(grep -o '"[A-Z0-9-]*" -> "[A-Z0-9-]*"' "$TMPDIR/states.dot" | tr -d '"' | sort)
drawn=$(sed -n 's|^<title>\(.*&gt;.*\)</title>$|\1|p' "$SOURCE/docs/states.svg" |
	sed 's/&#45;&gt;/ -> /; s/&#45;/-/g; s/-&gt;/ -> /' | sort)
if [ -n "$moves" ] && [ "$moves" = "$drawn" ]; then
	echo "ok 3 - explore: docs/states.svg has the $(echo "$moves" | wc -l) moves that the code makes"
else
	echo "# the code: $(echo "$moves" | tr '\n' ';')"
	echo "# the picture: $(echo "$drawn" | tr '\n' ';')"
	echo "not ok 3 - explore: docs/states.svg is not what the code does: make explore draws it"
fi
