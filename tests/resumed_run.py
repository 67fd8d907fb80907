"""Reductions, series and events that are stored, for the tests that kill the run.

``python -c "import resumed_run; resumed_run.main()" out.zarr events threads 2`` stores a result.
In the environment, RESUMED_RUN_LOG is a folder in which each computed block of frames leaves a
file; when there are more than RESUMED_RUN_KILL_AFTER of them, RESUMED_RUN_PID is killed.
RESUMED_RUN_SECONDS is how long a block takes. Before the kill, RESUMED_RUN_WAIT_FOR, a store, has
something of the run.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from memory_reader import memory_source
from numpy.typing import NDArray

from gromos_dist.distributed import scheduler
from gromos_dist.io.lazy import trajectory_array
from gromos_dist.io.source import Source
from gromos_dist.mapping import Events, Map, Reduction, Series, Variable, reduce, series
from gromos_dist.provenance import InputFile, record_of
from gromos_dist.store import store

Array = NDArray[Any]

N_FRAMES = 44
BLOCK = 8
BLOCKS = 6
SOURCE = memory_source(N_FRAMES, n_atoms=12)
VALUES = SOURCE.read(["positions"])["positions"]

# A reduction takes 4 frames at a time, so that its tree has some depth; a series 2 atoms.
PIECE_BYTES = {reduce: 4 * 4 * VALUES[0].size, series: 4 * 2 * N_FRAMES * 3}


class Moments(NamedTuple):
    count: int
    total: Array
    squares: np.float64
    largest: float


def noted(place: int) -> None:
    """Leave a file that tells which block is computed, or kill."""
    if log := os.environ.get("RESUMED_RUN_LOG"):
        Path(log, f"{place}.{uuid.uuid4().hex}").touch()
    time.sleep(float(os.environ.get("RESUMED_RUN_SECONDS", "0")))
    if len(list(Path(log or ".").iterdir())) > int(os.environ.get("RESUMED_RUN_KILL_AFTER", "999")):
        wait_until_something_is_kept()
        os.kill(int(os.environ.get("RESUMED_RUN_PID", os.getpid())), signal.SIGKILL)
        os._exit(1)


def wait_until_something_is_kept() -> None:
    """Wait for the other worker: the state of a block is kept by a task of its own."""
    if store_path := os.environ.get("RESUMED_RUN_WAIT_FOR"):
        until = time.monotonic() + 60
        while not kept_in(Path(store_path)) and time.monotonic() < until:
            time.sleep(0.02)


def kept_in(path: Path) -> list[Path]:
    """Return the files of partial results in a store."""
    found = path.glob(".blocks-*/.state-*")
    return sorted(file for file in found if file.name.count(".") == 1)


def frame_of(block: Array) -> int:
    return int(np.flatnonzero(VALUES[:, 0, 0] == block[0, 0, 0])[0])


def moments(block: Array, factor: float) -> Moments:
    noted(frame_of(block))
    values = block.astype(float) * factor
    return Moments(len(block), values.sum(axis=0) / 3, (values**2).sum(), float(values.max()))


def together(a: Moments, b: Moments) -> Moments:
    return Moments(
        a.count + b.count, a.total + b.total, a.squares + b.squares, max(a.largest, b.largest)
    )


def finished(state: Moments, factor: float) -> dict[str, Any]:
    assert [type(field) for field in state] == [int, np.ndarray, np.float64, float]
    assert factor
    return {"average": state.total / state.count, "spread": np.sqrt(state.squares / state.largest)}


SPREAD = Variable("spread", (), "f", "nm", "spread")
REDUCTION = Reduction(
    moments,
    together,
    finished,
    [
        Variable("average", ("atom", "xyz"), "f", "nm", "mean position"),
        SPREAD,
    ],
    state=Moments,
)


def high(block: Array) -> dict[str, Array]:
    noted(frame_of(block))
    found = np.nonzero(block[..., 2] > 1)
    return {"frame": found[0], "atom_index": found[1], "height": block[..., 2][found]}


EVENTS = Events(
    high,
    [
        Variable("atom_index", ("event",), "i", "", "atom"),
        Variable("height", ("event",), "f", "nm", "height"),
    ],
    {"height": np.float32},
)


def products(times: Array) -> tuple[int, Array]:
    noted(int(np.flatnonzero(VALUES[0, :, 0] == times[0, 0, 0])[0]))
    return times.shape[1], (times.astype(float) ** 2).sum(axis=(0, 1))


SERIES = Series(
    products,
    Variable("mean_square", ("xyz",), "f", "nm2", "mean square"),
    lambda a, b: (a[0] + b[0], a[1] + b[1]),
    lambda state: state[1] / state[0],
)


HEIGHT = Map(
    lambda block: block[:, 0, 2].astype(float), Variable("height", ("frame",), "f", "nm", "z")
)


def positions(source: Source = SOURCE) -> xr.DataArray:
    chunks = (*(BLOCK for _ in range(BLOCKS - 1)), N_FRAMES - BLOCK * (BLOCKS - 1))
    lazy = trajectory_array(source, "positions", chunks)
    time = ("frame", np.arange(N_FRAMES) * 2.0, {"units": "ps"})
    return xr.DataArray(lazy, {"time": time}, ("frame", "atom", "xyz"))


def lazy_result(name: str, factor: float = 1.0) -> Any:
    """Return a result that says where it comes from."""
    data = positions()
    result: Any
    if name == "events":
        result = EVENTS(data)
    elif name == "series":
        result = SERIES(data)
    else:
        result = REDUCTION(data, factor=factor)
        if name == "with a map":
            result = result.assign(height=HEIGHT(data))
    own = record_of(name, {"factor": factor}, [InputFile("md.trc", 1000, "quick:00")])
    return result.assign_attrs(**own.attributes)


def main() -> None:
    path, name, where, workers = sys.argv[1:]
    for module, size in PIECE_BYTES.items():
        module.PIECE_BYTES = size
    os.environ.setdefault("RESUMED_RUN_PID", str(os.getpid()))
    with scheduler(where, int(workers)):
        store(lazy_result(name), path, progress=False)
