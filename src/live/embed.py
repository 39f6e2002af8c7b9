#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py NAME IN OUT: a file as a C array NAME, and NAME_bytes."""
import pathlib
import sys

name, source, target = sys.argv[1:]
data = pathlib.Path(source).read_bytes()
lines = [",".join(str(byte) for byte in data[at:at + 24]) for at in range(0, len(data), 24)]
pathlib.Path(target).write_text(f"""#include <stddef.h>
extern const unsigned char {name}[];
extern const size_t {name}_bytes;
const unsigned char {name}[] __attribute__((aligned(8))) = {{
{(","+chr(10)).join(lines)}
}};
const size_t {name}_bytes = sizeof({name});
""")
