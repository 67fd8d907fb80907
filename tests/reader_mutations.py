"""Read many damaged files with little memory: python reader_mutations.py FORMAT FOLDER N.

Prints, as JSON, how many were read and refused, and the most memory that any of them took.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from reader_files import FORMATS, mutated, read, write

from gromos_dist.errors import TrajectoryError
from gromos_dist.io.reader import open_reader

_ROOM = 1 << 30
_SECONDS = 20


def main(name: str, folder: Path, n: int) -> None:
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", ".*some atoms have velocities and others have none")
    random = np.random.default_rng(2026)
    read(open_reader(write(folder, name)))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ROOM, used + _ROOM))
    found = {"read": 0, "refused": 0, "peak": 0, "largest": 0}
    tracemalloc.start()
    for i in range(n):
        content = mutated(FORMATS[name].content, random)
        path = write(folder, name, content, f"md_{i}")
        mode = "raise" if i % 2 else "drop"
        signal.alarm(_SECONDS)  # a hang ends the process
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        try:
            reader = open_reader(path, on_truncated=mode)
            found["largest"] = max(found["largest"], reader.n_atoms)
            found["peak"] = max(found["peak"], tracemalloc.get_traced_memory()[1] - before)
            for frame in range(min(reader.n_frames, 20)):
                read(reader, range(frame, frame + 1))
        except (TrajectoryError, UserWarning, ValueError):
            found["refused"] += 1
        else:
            found["read"] += 1
        found["peak"] = max(found["peak"], tracemalloc.get_traced_memory()[1] - before)
        path.unlink()
    signal.alarm(0)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
