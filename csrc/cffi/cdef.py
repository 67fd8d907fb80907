"""Join gd.h and all headers that it includes, without preprocessor lines: a cdef for cffi.

    python cdef.py gd.h TARGET DEPFILE

In DEPFILE stand the headers that were read, for ninja.
"""

import re
import sys
from pathlib import Path

header, target, depfile = map(Path, sys.argv[1:])
read: list[Path] = []


def declarations(header: Path, includes: Path) -> str:
    """Return what stands in a header and, before it, in those it includes; of each once."""
    if header in read:
        return ""
    read.append(header)
    text = ""
    for line in header.read_text().splitlines(keepends=True):
        if included := re.match(r'#include "(.+)"', line):
            text += declarations(includes / included[1], includes)
        elif not line.startswith("#"):
            text += line
    return text


target.write_text(declarations(header, header.parent))
depfile.write_text(f"{target}: {' '.join(map(str, read))}\n")
