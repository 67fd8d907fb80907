"""A kernel lets other Python threads run. What is measured is a share of the call, not a time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from oracles import level, same_bits

from gromos_dist.kernels.gyration import gyration_tensor
from gromos_dist.kernels.rmsd import prepare_reference, rmsd, rmsd_matrix

FRAMES = np.random.default_rng(1).normal(size=(160, 3000, 3)).astype(np.float32)
MANY = np.concatenate([FRAMES] * 15)


def longest_stall(call: Callable[[], Any]) -> float:
    """The longest time in which a Python thread did nothing, over the length of the call."""
    ticks: list[float] = []
    running = threading.Event()
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            running.set()
            time.sleep(1e-4)

    thread = threading.Thread(target=tick)
    thread.start()
    running.wait()
    began = time.perf_counter()
    call()
    ended = time.perf_counter()
    done.set()
    thread.join()
    during = [began, *(t for t in ticks if began < t < ended), ended]
    return max(b - a for a, b in itertools.pairwise(during)) / (ended - began)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rmsd_matrix(FRAMES),
        lambda: rmsd(MANY, FRAMES[0]),
        lambda: gyration_tensor(MANY),
    ],
    ids=["rmsd_matrix", "rmsd", "gyration_tensor"],
)
def test_python_threads_are_not_stalled(call: Callable[[], Any]) -> None:
    with level("scalar"):
        # A busy machine can stall any thread now and then; a held lock stalls it every time.
        assert min(longest_stall(call) for _ in range(5)) < 0.5


def test_a_held_lock_would_be_seen() -> None:
    values = list(range(5_000_000))
    assert longest_stall(lambda: sum(values)) > 0.5


def test_threads_share_a_prepared_reference() -> None:
    prepared = prepare_reference(FRAMES[0])
    expected = rmsd(FRAMES, prepared)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: rmsd(FRAMES[i : i + 10], prepared), range(0, 160, 10)))
    assert same_bits(np.concatenate(parts), expected)
