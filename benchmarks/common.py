"""What the benchmarks share: timing in turns, tables, the line that names the machine.

Import it before anything that imports NumPy: it keeps BLAS to one thread.
"""

from __future__ import annotations

import math
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from numpy.typing import NDArray


@contextmanager
def without_output() -> Iterator[None]:
    """Silence what the C of mdtraj prints whenever it opens a file."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


@contextmanager
def cores(n: int) -> Iterator[None]:
    """Run on the last n cores that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[-n:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def processor_time() -> float:
    """Return the seconds that this process and its children that ended have computed."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(time.ru_utime + time.ru_stime for time in used)


def best_of(
    runs: Mapping[str, Callable[[], Any]],
    rounds: int,
    n_cores: int = 1,
    clock: Callable[[], Any] = time.perf_counter,
) -> dict[str, Any]:
    """Return the seconds of the best round of each, run in turns on `n_cores` cores.

    In turns, so that a neighbour's load falls on all of them; the best, because load only adds.
    A clock that gives an array of several times is the best of each.
    """
    best: dict[str, Any] = dict.fromkeys(runs, np.inf)
    with cores(n_cores):
        for run in runs.values():  # each module's own first call
            run()
        for _ in range(rounds):
            for name, run in runs.items():
                began = clock()
                run()
                best[name] = np.minimum(best[name], clock() - began)
    return best


def lasting(run: Callable[[], Any], seconds: float) -> int:
    """Return how often to make a call, which is made once here, so that it takes so long."""
    began = time.process_time()
    run()
    return max(1, math.ceil(seconds / (time.process_time() - began)))


def repeated(run: Callable[[], Any], times: int) -> Callable[[], None]:
    """Return a function that makes a call so often."""

    def run_often() -> None:
        for _ in range(times):
            run()

    return run_often


def in_threads(calls: Sequence[Callable[[], Any]]) -> Callable[[], None]:
    """Return a function that makes all the calls at once, each in a thread of its own."""
    pool = ThreadPoolExecutor(len(calls))

    def run() -> None:
        for future in [pool.submit(call) for call in calls]:
            future.result()

    return run


def read_all(array: NDArray[np.float32]) -> Callable[[], Any]:
    """Return a function that reads the array once, as fast as one core can: its dot product."""
    flat = array.reshape(-1)
    return lambda: np.dot(flat, flat)


def machine() -> str:
    """Return a line that names the processor, its cores and the system."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    n_cores = len(os.sched_getaffinity(0))
    return f"{model}, {n_cores} cores, {platform.system()}, Python {platform.python_version()}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table: the first column to the left, numbers to the right."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
