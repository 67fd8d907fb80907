"""Whether a call lets other threads run."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

import numpy as np


def stall(call: Callable[[], object]) -> float:
    """The longest gap of a ticking thread, as a part of the length of the call."""
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    thread = threading.Thread(target=tick)
    thread.start()
    while not ticks:
        time.sleep(0.001)
    begin = time.perf_counter()
    call()
    end = time.perf_counter()
    done.set()
    thread.join()
    inside = [begin, *(tick for tick in ticks if begin < tick < end), end]
    return float(np.diff(inside).max()) / (end - begin)


def check_that_threads_run(call: Callable[[], object]) -> None:
    """Fail if a call holds the GIL for half of its time."""
    assert min(stall(call) for _ in range(5)) < 0.5
    # That the measure shows a call that holds the GIL: PyDLL does not release it.
    assert max(stall(lambda: ctypes.PyDLL(None).usleep(100_000)) for _ in range(3)) > 0.8
