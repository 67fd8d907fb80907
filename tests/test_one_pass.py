"""One pass: results of the same files are computed together, with the bits of each alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st
from memory_reader import READ, MemoryReader, memory_source
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.distributed import compute, scheduler, take_blocks, work_of
from gromos_dist.errors import FrameError, TrajectoryError
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.io.source import Source
from gromos_dist.mapping import Events, Fields, LazyEvents, Map, Pairs, Reduction, Scan, Series
from gromos_dist.variables import Variable

Array = NDArray[Any]
N_FRAMES = 60
SOURCE = memory_source(26, 3, 31)
DIMS = {"positions": ("frame", "atom", "xyz"), "box": ("frame", "box_vector", "xyz")}
CHUNKS = {"1": (1,) * 60, "7": (7,) * 8 + (4,), "16": (16,) * 3 + (12,), "all": (60,)}
CHUNKS["irregular"] = (3, 20, 16, 7, 14)


def field(source: Source, name: str, chunks: tuple[int, ...]) -> xr.DataArray:
    data = trajectory_array(source, name, chunks)
    return xr.DataArray(data, {"time": ("frame", np.arange(len(data)) * 2.0)}, DIMS[name])


def of_atoms(array: xr.DataArray, atoms: list[int]) -> xr.DataArray:
    return array.isel(atom=atoms)


class Moments(NamedTuple):
    weight: float
    total: Array


def moments(block: Array, weights: Array) -> Moments:
    return Moments(weights.sum(), np.tensordot(weights, block.astype(float) / 3, 1))


def sums(block: Array, box: Array) -> dict[str, Array]:
    return {"wide": box[:, 0, 0] + block.sum(axis=(1, 2), dtype=float), "vector": block[:, 0]}


def crossings(block: Array, previous: Array) -> Array:
    before = np.concatenate([previous, block[:-1]])
    return np.cumsum((before[:, 0, 0] < 0) & (block[:, 0, 0] >= 0), dtype=np.int64)


def high(block: Array) -> dict[str, Array]:
    frames, atoms = np.nonzero(block[..., 2] > 0.5)
    return {"frame": frames, "height": block[frames, atoms, 2]}


def distances(a: Array, b: Array) -> Array:
    return np.sqrt(((a[:, None].astype(float) - b[None]) ** 2).sum(axis=(2, 3)))


SPREAD = Map(
    lambda block: np.sqrt((block.astype(float) ** 2).sum(axis=(1, 2)) / 3),
    Variable("spread", ("frame",), "f", "nm", "spread"),
)
SUMS = Fields(
    sums,
    [
        Variable("wide", ("frame",), "f", "nm", "wide"),
        Variable("vector", ("frame", "xyz"), "f", "nm", "vector"),
    ],
    {"vector": np.float32},
)
MEAN = Reduction(
    moments,
    lambda a, b: Moments(a.weight + b.weight, a.total + b.total),
    lambda state: state.total / state.weight,
    Variable("mean", ("atom", "xyz"), "f", "nm", "mean"),
    state=Moments,
)
CROSSINGS = Scan(
    crossings,
    lambda carry, values: carry[-1] + values,
    Variable("crossings", ("frame",), "i", "", "crossings"),
)
HIGH = Events(high, [Variable("height", ("event",), "f", "nm", "height")])
DISTANCES = Pairs(distances, Variable("distance", ("frame", "other_frame"), "f", "nm", "distance"))
RANGES = Series(
    lambda series: np.ptp(series.astype(float), axis=0),
    Variable("range", ("atom", "xyz"), "f", "nm", "range"),
)
WEIGHTS = np.linspace(0.5, 2, N_FRAMES)

Made = Callable[[Source, tuple[int, ...]], Any]
SHAPES: dict[str, Made] = {
    "map": lambda s, c: SPREAD(field(s, "positions", c)),
    "fields": lambda s, c: SUMS(of_atoms(field(s, "positions", c), [3, 1]), field(s, "box", c)),
    "reduction": lambda s, c: MEAN(of_atoms(field(s, "positions", c), [0, 1]), weights=WEIGHTS),
    "scan": lambda s, c: CROSSINGS(of_atoms(field(s, "positions", c), [4])),
    "events": lambda s, c: HIGH(of_atoms(field(s, "positions", c), [1, 2, 4])),
    "pairs": lambda s, c: DISTANCES(of_atoms(field(s, "positions", c), [0, 3])),
    "series": lambda s, c: RANGES(field(s, "positions", c)),
    "positions": lambda s, c: field(s, "positions", c),
    "box": lambda s, c: field(s, "box", c),
}
FIVE = ["map", "fields", "reduction", "scan", "events"]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few frames at a time, fewer than are reduced together, so that all is cut."""
    monkeypatch.setattr("gromos_dist.mapping.reduce.PIECE_BYTES", 4 * 6 * 8)
    for module in ("blocks", "one_pass"):
        monkeypatch.setattr(f"gromos_dist.mapping.{module}.PIECE_BYTES", 4 * 15 * 5)


@pytest.fixture
def one_thread() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def noted(tmp_path: Path) -> Source:
    """A source that notes in a file what is read, in whatever process."""
    return memory_source(26, 3, 31, notes=str(tmp_path / "read"))


def reads(source: Source) -> Counter[int]:
    """Return how often each frame was read since this was last asked."""
    reader = source.readers[0]
    assert isinstance(reader, MemoryReader)
    notes = Path(reader.notes)
    lines = [line.split(",") for line in notes.read_text().splitlines()]
    notes.unlink()
    starts = {r.path: n for r, n in zip(source.readers, (0, 26, 29), strict=True)}
    return Counter(starts[path] + i for path, *frames in lines for i in range(*map(int, frames)))


ONCE = Counter(range(N_FRAMES))


@pytest.fixture
def expected() -> dict[str, Any]:
    """What each gives alone, in one chunk, by Dask and not by our own compute."""
    return {
        name: make(SOURCE, (N_FRAMES,)).compute(scheduler="synchronous")
        for name, make in SHAPES.items()
    }


def identical(found: Any, expected: Any) -> None:
    xr.testing.assert_identical(found, expected)
    if isinstance(expected, xr.Dataset):
        assert all(found[name].values.tobytes() == expected[name].values.tobytes() for name in found)
    else:
        assert found.values.tobytes() == expected.values.tobytes()


# the same bits, and every frame once


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("names", [*combinations(SHAPES, 2), FIVE, list(SHAPES)], ids="-".join)
def test_together_as_alone(names: list[str], noted: Source, expected: dict[str, Any]) -> None:
    for first, others in (("1", "7"), ("7", "7"), ("16", "irregular"), ("irregular", "all")):
        made = [SHAPES[names[0]](noted, CHUNKS[first])]
        made += [SHAPES[name](noted, CHUNKS[others]) for name in names[1:]]
        found = compute(*made, progress=False)
        for name, one in zip(names, found, strict=True):
            identical(one, expected[name])
        counted = reads(noted)
        assert counted.keys() == ONCE.keys()
        if "scan" not in names:
            assert counted == ONCE, (first, others)


@pytest.mark.usefixtures("one_thread")
def test_a_scan_reads_the_frame_before_each_block_again(
    noted: Source, expected: dict[str, Any]
) -> None:
    found = compute(*(SHAPES[name](noted, CHUNKS["16"]) for name in FIVE), progress=False)
    assert reads(noted) == ONCE + Counter([0, 15, 31, 47])
    for name, one in zip(FIVE, found, strict=True):
        identical(one, expected[name])
