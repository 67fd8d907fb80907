"""Partial results of a run, kept in the store: what a killed reduction goes on from.

A state of a reduction, or the table of a block of events, is no value of a result yet. Each is a
file in the folder of the run, written by the worker that computed it: an ``.npz`` of plain arrays,
with a checksum at its end. Its name tells by a hash which block of which Dask graph it is, so
another graph never takes it.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from gromos_dist.distributed import take_blocks
from gromos_dist.errors import StoreError
from gromos_dist.mapping.partial import Keepable, keepable, partial_layers, with_kept
from gromos_dist.progress import progress_bar
from gromos_dist.store.zarr_blocks import partial_name, read_staged, stage, staged_names

Array = NDArray[Any]

_CHECKSUM_BYTES = 4
# So many are looked at by one task.
_STATES_OF_A_LOOK = 64


def resumed(
    arrays: Sequence[da.Array], folder: Path, run: str, progress: bool | None
) -> list[da.Array]:
    """Return lazy arrays that keep their partial results in a store, and load those it has.

    Parameters
    ----------
    arrays : sequence of dask arrays
        What is to be computed.
    folder, run : Path, str
        The store, with the folder of the run.
    """
    layers = partial_layers(arrays)
    blocks = {
        _file_name(name, number): (name, number)
        for name in layers
        for number in _numbers(arrays, name)
    }
    there = _whole(folder, run, sorted(blocks.keys() & staged_names(folder, run)), progress)
    return with_kept(
        arrays,
        layers,
        {blocks[name] for name in there},
        partial(_keep, str(folder), run),
        partial(_load, str(folder), run),
    )


def _numbers(arrays: Sequence[da.Array], layer: str) -> list[int]:
    graph = next(array.dask for array in arrays if layer in array.dask.layers)
    return [key[1] for key in graph.layers[layer]]


def _file_name(layer: str, number: int) -> str:
    return partial_name(hashlib.blake2b(f"{layer}.{number}".encode(), digest_size=16).hexdigest())


def _keep(folder: str, run: str, layer: str, number: int, work: Any, block: Array) -> Array:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **_job_of(work).to_arrays(block))
    data = buffer.getvalue()
    checksum = zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "big")
    stage(folder, run, _file_name(layer, number), data + checksum)
    return block


def _load(folder: str, run: str, layer: str, number: int, work: Any) -> Array:
    """Return a block that is kept.

    Raises
    ------
    StoreError
        It is not there any more, or is not what was written.
    """
    data = _checked(folder, run, _file_name(layer, number))
    if data is None:
        raise StoreError(
            f"{folder}: what a killed run left has changed since it was looked at; make the call "
            "again"
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return _job_of(work).of_arrays(arrays)


def _job_of(work: Any) -> Keepable:
    job = keepable(work)
    assert job is not None, "a layer without partial results"
    return job


def _checked(folder: str, run: str, name: str) -> bytes | None:
    data = read_staged(folder, run, name)
    if data is None or len(data) < _CHECKSUM_BYTES:
        return None
    content, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    return content if zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") == checksum else None


def _whole(folder: Path, run: str, names: Sequence[str], progress: bool | None) -> set[str]:
    """Return which files are what was written."""
    if not names:
        return set()
    groups = [
        names[start : start + _STATES_OF_A_LOOK]
        for start in range(0, len(names), _STATES_OF_A_LOOK)
    ]
    found: set[str] = set()

    def take(_: int, whole: list[str]) -> None:
        found.update(whole)

    tasks = [_look(str(folder), run, group) for group in groups]
    title = f"checking {folder.name}"
    with progress_bar(title, len(names), show=progress, unit="states") as advance:
        take_blocks(tasks, [len(group) for group in groups], take, advance)
    return found


def _examine(folder: str, run: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if _checked(folder, run, name) is not None]


_look = delayed(_examine, pure=False)
