"""Trajectories in the file formats of the field: encoded where they are read, written in order."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from gromos_dist.distributed import compute, take_blocks, to_blocks
from gromos_dist.io.graphs import one_source
from gromos_dist.io.lazy import constant
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.io.reader import FRAME_FIELDS
from gromos_dist.io.source import Source
from gromos_dist.io.writer import (
    Contents,
    EncodedFile,
    Encoder,
    check_writable,
    encode,
    make_encoder,
    open_encoded,
    writable_format,
)
from gromos_dist.progress import progress_bar
from gromos_dist.variables import validate

_BLOCK_BYTES = 16 * 2**20
_PIECE_BYTES = 4 * 2**20
_WAITING_BYTES = 256 * 2**20
_FIELDS = tuple(name for name in FRAME_FIELDS if name not in ("time", "step"))


def can_write(path: str | Path) -> bool:
    """Say whether a path's suffix is that of a trajectory format that is written."""
    return writable_format(path) is not None


def write(
    dataset: xr.Dataset,
    target: Path,
    overwrite: bool,
    progress: bool | None,
    precision: float | None = None,
) -> None:
    """Write a trajectory to the file `target`.

    Warns
    -----
    UserWarning
        The format has no place for some of the variables.
    """
    fields = [name for name in _FIELDS if name in dataset.data_vars]
    for name in fields:
        validate(dataset[name], name)
    n_frames = dataset.sizes.get("frame")
    if n_frames == 0:
        raise ValueError(f"{target}: there are no frames to write")
    if n_frames is None or "atom" not in dataset.sizes:
        raise ValueError(
            f"{target}: expected a trajectory with positions, velocities or forces of atoms, got "
            f"{', '.join(map(str, dataset.data_vars))}; .zarr, .nc and .csv hold any result"
        )
    of_atoms = [name for name in check_writable(target).of_atoms if name in dataset.data_vars]
    dataset = _with_values_of_atoms(dataset, of_atoms, progress)
    encoder = make_encoder(_contents(dataset, target, fields, of_atoms, precision))
    written = [name for name in fields if name in encoder.fields]
    if not check_writable(target).sparse:
        for name in written:
            if name != "box":
                require_in_all_frames(dataset, name)
    left = [str(name) for name in dataset.data_vars if name not in (*written, *of_atoms)]
    if not any(name != "box" for name in written):
        raise ValueError(
            f"{target}: the format has no place for {', '.join(left)}; .trr, .g96, .zarr, .nc have"
        )
    if left:
        warnings.warn(
            f"{target.name} holds {', '.join(written)}; left out: {', '.join(left)}", stacklevel=3
        )
    time, step = _timeline(dataset)
    bounds = _bounds(dataset, written)
    with (
        open_encoded(target, encoder, overwrite=overwrite) as file,
        progress_bar(target.name, n_frames, show=progress) as advance,
    ):
        blocks = _tasks(dataset, written, encoder, bounds, (time, step))
        writer = _InOrder(file, [(time[i:j], step[i:j]) for i, j in bounds])
        if blocks is not None:
            take_blocks(blocks, [stop - start for start, stop in bounds], writer.take, advance)
            return
        values = {name: dataset[name].variable.values for name in written}
        for i, (start, stop) in enumerate(bounds):
            part = {name: array[start:stop] for name, array in values.items()}
            writer.take(i, _encode(encoder, start, time[start:stop], step[start:stop], **part))
            advance(stop - start)


def _with_values_of_atoms(
    dataset: xr.Dataset, names: Sequence[str], progress: bool | None
) -> xr.Dataset:
    """Return a Dataset that has some values of atoms in memory: they stand in every frame."""
    lazy = [name for name in names if dataset[name].chunks is not None]
    if not lazy:
        return dataset
    # Of one frame, the frame is computed with them: both may come of the same passes.
    return (
        compute(dataset, progress=progress)
        if dataset.sizes["frame"] == 1
        else dataset.assign(compute(dataset[lazy], progress=progress))
    )


def _in_square_nanometres(factors: xr.DataArray) -> NDArray[np.float64]:
    scale = 0.01 if factors.attrs.get("units") == "angstrom2" else 1.0
    return scale * np.asarray(factors.values, np.float64)


def _contents(
    dataset: xr.Dataset,
    target: Path,
    fields: Sequence[str],
    of_atoms: Sequence[str],
    precision: float | None,
) -> Contents:
    box = None
    shape = ""
    if "box" in fields:
        box = np.asarray(dataset["box"].isel(frame=slice(0, 1)).values[0], np.float64)
        shape = str(dataset["box"].attrs.get("shape", ""))
    return Contents(
        path=str(target),
        n_atoms=dataset.sizes["atom"],
        fields=(*fields, "time", "step"),
        n_frames=dataset.sizes["frame"],
        atoms={
            str(name): coordinate.values
            for name, coordinate in dataset.coords.items()
            if coordinate.dims == ("atom",)
        }
        | {name: _in_square_nanometres(dataset[name]) for name in of_atoms},
        box=box,
        box_shape=shape,
        precision=precision,
        double=any(dataset[name].dtype == np.float64 for name in fields if name != "box"),
    )


def _timeline(dataset: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return times and steps; the number of the frame where there are none."""
    numbers = np.arange(dataset.sizes["frame"])
    time = dataset["time"].values if "time" in dataset else numbers
    step = dataset["step"].values if "step" in dataset else numbers
    return time.astype(np.float64), step.astype(np.int64)


def _bounds(dataset: xr.Dataset, names: Sequence[str]) -> list[tuple[int, int]]:
    """Return first and past-the-last frame of each block: chunks, large ones cut."""
    n_frames = dataset.sizes["frame"]
    arrays = [dataset[name] for name in names]
    bytes_of_a_frame = max(1, sum(array.nbytes for array in arrays) // n_frames)
    most = max(1, _BLOCK_BYTES // bytes_of_a_frame)
    lazy = [array.chunksizes["frame"] for array in arrays if array.chunks is not None]
    sizes: list[int] = []
    for chunk in lazy[0] if lazy else (n_frames,):
        n_parts = -(-chunk // most)
        sizes += [(chunk * (i + 1)) // n_parts - chunk * i // n_parts for i in range(n_parts)]
    return list(pairwise([0, *accumulate(size for size in sizes if size)]))


def _tasks(
    dataset: xr.Dataset,
    names: Sequence[str],
    encoder: Encoder,
    bounds: list[tuple[int, int]],
    timeline: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> list[Delayed] | None:
    """Return a task for each block that gives its bytes; None when all is in memory."""
    data: dict[str, Any] = {name: dataset[name].variable.data for name in names}
    time, step = timeline
    shared = constant(encoder)
    lazy = {name: array for name, array in data.items() if dataset[name].chunks is not None}
    if not lazy:
        return None
    if len(lazy) == len(data) and (origin := one_source(list(data.values()))) is not None:
        source = constant(origin[0])
        return [
            _read_task(source, tuple(names), shared, i, j, time[i:j], step[i:j]) for i, j in bounds
        ]
    sizes = tuple(stop - start for start, stop in bounds)
    arrays = [array.rechunk((sizes, *((-1,) * (array.ndim - 1)))) for array in lazy.values()]
    parts = zip(*to_blocks(arrays), strict=True)
    return [
        _encode_task(
            shared,
            i,
            time[i:j],
            step[i:j],
            **dict(zip(lazy, part, strict=True)),
            **{name: array[i:j] for name, array in data.items() if name not in lazy},
        )
        for part, (i, j) in zip(parts, bounds, strict=True)
    ]


def _read_and_encode(
    source: Source,
    names: Sequence[str],
    encoder: Encoder,
    start: int,
    stop: int,
    time: NDArray[np.float64],
    step: NDArray[np.int64],
) -> bytes:
    """Read and encode a block, a piece that stays in the processor's cache at a time."""
    frame_bytes = sum(source.frame_bytes(name) for name in names)
    n_frames = max(1, min(stop - start, _PIECE_BYTES // max(1, frame_bytes)))
    buffers = source.allocate(names, n_frames)
    pieces = []
    for first in range(start, stop, n_frames):
        past = min(stop, first + n_frames)
        frames = source.read(names, first, past, buffers)
        part = slice(first - start, past - start)
        pieces.append(_encode(encoder, first, time[part], step[part], **frames))
    return b"".join(pieces)


def _encode(
    encoder: Encoder,
    first_frame: int,
    time: NDArray[np.float64],
    step: NDArray[np.int64],
    **fields: NDArray[Any],
) -> bytes:
    frames: Mapping[str, NDArray[Any]] = {**fields, "time": time, "step": step}
    # Bytes, not a view: they may travel to another process.
    return b"".join(map(bytes, encode(encoder, frames, first_frame)))


_read_task = delayed(_read_and_encode, pure=False)
_encode_task = delayed(_encode, pure=False)


class _InOrder:
    """Writes blocks one behind the other; those that come early wait, beyond a limit on disk."""

    def __init__(
        self,
        file: EncodedFile,
        timeline: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
    ) -> None:
        self._file = file
        self._timeline = timeline
        self._waiting: dict[int, bytes | Path] = {}
        self._bytes = 0
        self._following = 0

    def take(self, index: int, encoded: bytes) -> None:
        """Take the bytes of a block."""
        self._waiting[index] = encoded
        self._bytes += len(encoded)
        if index != self._following and self._bytes > _WAITING_BYTES:
            path = self._file.folder / f"block-{index}"
            path.write_bytes(encoded)
            self._waiting[index] = path
            self._bytes -= len(encoded)
        while self._following in self._waiting:
            block = self._waiting.pop(self._following)
            if isinstance(block, Path):
                path, block = block, block.read_bytes()
                path.unlink()
            else:
                self._bytes -= len(block)
            self._file.append([block], *self._timeline[self._following])
            self._following += 1
