"""Print a C header without its preprocessor lines: what cffi takes as a cdef."""

import sys
from pathlib import Path

source, target = map(Path, sys.argv[1:])
kept = [line for line in source.read_text().splitlines(True) if not line.startswith("#")]
target.write_text("".join(kept))
