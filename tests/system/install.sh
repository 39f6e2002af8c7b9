#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make install` installs is complete: a program that embeds the library is built from it alone.
count=0
failed=0
ok() {          # ok STATUS TITLE
	count=$((count + 1))
	[ "$1" -eq 0 ] || { failed=1; sed 's/^/# /' "$TMPDIR/said"; printf 'not '; }
	echo "ok $count - $2"
}

cd "$TMPDIR" || exit 1
prefix=$(meson introspect --buildoptions "$BUILD" |
	python3 -c 'import json, sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')
root=$TMPDIR/root
DESTDIR=$root meson install -C "$BUILD" --no-rebuild >said 2>&1
ok $? "installs under DESTDIR"
for file in include/eleven.h include/eleven-keys.h include/eleven-config.def \
		lib/libeleven.so lib/libeleven.a lib/pkgconfig/eleven.pc \
	share/man/man1/eleven.1 share/man/man3/libeleven.3; do
	ls "$root$prefix/$file" >said 2>&1
	ok $? "has $file"
done

# A program with names of its own that the library also uses inside, and its own panic hook.
cat >program.c <<'END'
#include <eleven.h>
#include <stdio.h>
#include <stdlib.h>
int tcp_input, seq_add, trace_init, timer_set;
void eleven_panic(const char *condition, const char *file, int line)
{
	printf("panic hook: %s %d\n", condition, line);
	(void)file;
	exit(7);
}
int main(void)
{
	eleven_panic(ELEVEN_VERSION, "", tcp_input + seq_add + trace_init + timer_set);
}
END
PKG_CONFIG_PATH=$root$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror -o shared program.c $(pkg-config --cflags --libs eleven) >said 2>&1
ok $? "a program links with libeleven.so through pkg-config"
LD_LIBRARY_PATH=$root$prefix/lib ./shared >said 2>&1
[ $? -eq 7 ] && grep -q "panic hook: 0" said
ok $? "and runs, with its own panic hook"
cc -Wall -Wextra -Werror -I"$root$prefix/include" -o static program.c -Wl,--whole-archive \
	"$root$prefix/lib/libeleven.a" -Wl,--no-whole-archive >said 2>&1
ok $? "a program with names like the library's own links with libeleven.a"
./static >said 2>&1
[ $? -eq 7 ]
ok $? "and runs"

if command -v clang++ >/dev/null; then
	clang++ -x c++ -Wall -Wextra -Werror -fsyntax-only "$root$prefix/include/eleven.h" >said 2>&1
	ok $? "eleven.h is C++ as well"
fi
for page in "$SOURCE"/man/*; do
	mandoc -T lint -W warning "$page" >said 2>&1
	ok $? "$(basename "$page") has no mistakes"
done
# The manual has every option that the program has, and no other.
"$BUILD/eleven" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >verbs
for verb in $(cat verbs); do
	"$BUILD/eleven" "$verb" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE '[a-z0-9]+(-[a-z0-9]+)*$'
done | grep -vxE 'help|usage' | sort -u >has
grep -ohE 'Fl -[a-z0-9-]+' "$SOURCE"/man/eleven*.1 | sed 's/Fl -//' | grep -vxE 'help|version' | sort -u >told
diff has told >said && [ -s has ]
ok $? "the manual tells of every option, and of no other"
for verb in $(cat verbs); do
	grep -qx "\.Ss eleven $verb" "$SOURCE/man/eleven.1" || echo "$verb"
done >said
[ ! -s said ]
ok $? "eleven.1 tells of every verb"
for name in $(grep -oE '\beleven_[a-z0-9_]+\(' "$SOURCE"/include/*.h -h | tr -d '(' | sort -u); do
	grep -q "Fn $name\>" "$SOURCE/man/libeleven.3" || echo "$name"
done >said
[ ! -s said ]
ok $? "libeleven.3 names every function of eleven.h"
echo "1..$count"
exit $failed
