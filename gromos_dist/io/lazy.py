"""A Dask array over a Source: slicing, atom lists and rechunking are passed down to the files."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.array.core import normalize_chunks
from dask.base import tokenize
from numpy.typing import DTypeLike, NDArray

from gromos_dist.io.reader import FRAME_FIELDS
from gromos_dist.io.source import Source

CHUNK_BYTES = 128 * 2**20
_SMALLEST_CHUNK_BYTES = 2**20
_CHUNKS_WANTED = 32


class TrajectoryArray(da.Array):  # type: ignore[misc]
    """A field of a trajectory, shape (frame, ...), chunked along `frame` only.

    A `dask.array.Array` in every respect. In addition, indexing with slices of frames and with
    slices or integer lists of atoms, and rechunking along `frame`, give an array that reads just
    that from the files, where a plain Dask array would read the whole chunks first.
    """

    source: Source
    field: str

    def __getitem__(self, index: Any) -> da.Array:
        narrowed = _narrow(self, index)
        return super().__getitem__(index) if narrowed is None else narrowed

    def rechunk(self, chunks: Any = "auto", **options: Any) -> da.Array:
        """Rechunk as `dask.array.Array.rechunk`; along `frame` this costs nothing."""
        if isinstance(chunks, dict):
            chunks = tuple(
                chunks.get(axis, chunks.get(axis - self.ndim, own))
                for axis, own in enumerate(self.chunks)
            )
            chunks = tuple(
                own if new is None else new for new, own in zip(chunks, self.chunks, strict=True)
            )
        wanted = normalize_chunks(
            chunks,
            shape=self.shape,
            dtype=self.dtype,
            previous_chunks=self.chunks,
            limit=options.get("block_size_limit"),
        )
        if any(len(sizes) > 1 for sizes in wanted[1:]):
            return super().rechunk(chunks, **options)
        return trajectory_array(self.source, self.field, wanted[0])


def trajectory_array(source: Source, field: str, frame_chunks: tuple[int, ...]) -> TrajectoryArray:
    """Return the lazy array of a field of `source`, in chunks of so many frames."""
    shape = source.shape(field)
    dtype = source.field_dtype(field)
    chunks = (frame_chunks, *((size,) for size in shape[1:]))
    name = f"{field}-{tokenize(source, field, frame_chunks)}"
    plain = da.map_blocks(
        _read_block,
        constants=constant((source, field, block_bounds(frame_chunks))),
        dtype=dtype,
        chunks=chunks,
        meta=np.empty((0,) * len(shape), dtype),
        name=name,
    )
    array: TrajectoryArray = TrajectoryArray(
        plain.dask, name, plain.chunks, dtype=dtype, meta=plain._meta
    )
    array.source = source
    array.field = field
    return array


def with_dtype(array: xr.DataArray, dtype: DTypeLike) -> xr.DataArray:
    """Return an array that is read from its files in another dtype; others as they are."""
    data = array.data
    if not isinstance(data, TrajectoryArray) or data.dtype == np.dtype(dtype):
        return array
    source = replace(data.source, dtype=np.dtype(dtype))
    return array.copy(data=trajectory_array(source, data.field, data.chunks[0]))


def constant(value: Any) -> Any:
    """Return `value` as one content-named node of a graph, however many tasks use it."""
    return dask.delayed(value, name=f"constant-{tokenize(value)}", traverse=False)


def block_bounds(frame_chunks: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the first and the past-the-last frame of every chunk."""
    return list(pairwise([0, *accumulate(frame_chunks)]))


def default_frame_chunks(source: Source) -> tuple[int, ...]:
    """Choose chunks: about 128 MiB of coordinates, and enough of them to share out.

    The choice depends on the files alone, not on the machine, so that a run goes on elsewhere
    with the same chunks. Chunks do not cross from file to file, and begin where the reader likes.
    """
    frame_bytes = max(1, source.frame_bytes("positions"))
    fair_share = source.n_frames * frame_bytes // _CHUNKS_WANTED
    size = min(CHUNK_BYTES, max(_SMALLEST_CHUNK_BYTES, fair_share))
    n_frames = max(1, size // frame_bytes)
    chunks: list[int] = []
    for reader, frames in zip(source.readers, source.frames, strict=True):
        step = max(1, reader.preferred_step // frames.step)
        per_chunk = max(1, round(n_frames / step)) * step
        full, rest = divmod(len(frames), per_chunk)
        chunks += [per_chunk] * full + ([rest] if rest else [])
    return tuple(chunks) or (0,)


def _read_block(
    *, constants: tuple[Source, str, list[tuple[int, int]]], block_id: tuple[int, ...]
) -> NDArray[Any]:
    source, field, bounds = constants
    return source.read([field], *bounds[block_id[0]])[field]


def _narrow(array: TrajectoryArray, index: Any) -> TrajectoryArray | None:
    """Return the array that reads only what `index` asks for, or None if it has to be Dask's."""
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in [item for item in index if isinstance(item, type(Ellipsis))]:
        at = next(i for i, item in enumerate(index) if item is Ellipsis)
        missing = array.ndim - (len(index) - 1)
        index = (*index[:at], *[slice(None)] * missing, *index[at + 1 :])
    if len(index) > array.ndim or not isinstance(index[0], slice):
        return None
    frames, *others = index
    rising = range(*frames.indices(array.shape[0]))
    if rising.step < 1:
        return None
    source = array.source
    if others and not _is_whole(others[0], array.shape[1]):
        atoms = _atom_indices(others[0], array.shape[1])
        if FRAME_FIELDS[array.field][:1] != (None,) or atoms is None:
            return None
        source = source.select_atoms(atoms)
    if not all(
        _is_whole(item, size) for item, size in zip(others[1:], array.shape[2:], strict=False)
    ):
        return None
    chunks = array.chunks[0]
    if rising != range(array.shape[0]):
        source = source.select_frames(rising)
        counts = [
            len(range(*slice(*bounds).indices(len(rising))))
            for bounds in _positions_within(rising, block_bounds(chunks))
        ]
        chunks = tuple(count for count in counts if count) or (0,)
    return trajectory_array(source, array.field, chunks)


def _positions_within(rising: range, bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """For each block say which positions of `rising` fall into it, as (start, stop)."""

    def position(frame: int) -> int:
        return min(len(rising), max(0, -((rising.start - frame) // rising.step)))

    return [(position(start), position(stop)) for start, stop in bounds]


def _is_whole(item: Any, size: int) -> bool:
    return isinstance(item, slice) and range(*item.indices(size)) == range(size)


def _atom_indices(item: Any, size: int) -> NDArray[np.int64] | None:
    """Resolve a slice, a boolean mask or integers to indices; None for anything else."""
    if isinstance(item, slice):
        return np.arange(size, dtype=np.int64)[item]
    if isinstance(item, list):
        item = np.asarray(item)
    if not isinstance(item, np.ndarray) or item.ndim != 1:
        return None
    if item.dtype == bool and len(item) == size:
        return np.flatnonzero(item).astype(np.int64)
    if item.dtype.kind not in "iu":
        return None
    if len(item) and not (-size <= item.min() and item.max() < size):
        raise IndexError(f"atom index out of range for {size} atoms")
    return np.where(item < 0, item + size, item).astype(np.int64)
