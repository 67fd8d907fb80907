"""Results in Zarr 3: a file a block, and a run that goes on where it was killed.

The folder is made beside its place, with all metadata, and renamed. From then on it only gains
files, each written aside and renamed by Zarr: a file that is there is whole, so what is done is
read off the names of the files. The root's attribute ``complete`` becomes true last.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from dask.base import compute as compute_now
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from gromos_dist.distributed import block_frames, run_blocks, to_blocks
from gromos_dist.io.beside import clear_beside, folder_beside, locked
from gromos_dist.progress import note, progress_bar
from gromos_dist.provenance import canonical_json
from gromos_dist.store.identity import describe, differences, plain
from gromos_dist.store.layout import frames_of_a_chunk

_ROOT = "zarr.json"
_OURS = ("complete", "identity", "graph")
_IDENTITY_HASH = "identity_hash"
_BYTES_OF_A_BLOCK = 64 * 1024 * 1024
# Blocks from this size on are shards.
_BYTES_OF_A_SHARD = 8 * 1024 * 1024
_WAYS_OUT = "pass overwrite=True to begin anew, or choose another path"
# What an unfinished store shows where a block is missing.
_MISSING = {"f": math.nan, "c": complex(math.nan, math.nan)}


@dataclass(frozen=True)
class _Plan:
    """A result, the grid in which it is stored, and its identity."""

    dataset: xr.Dataset
    grid: dict[str, tuple[int, ...]]
    """The shape of the blocks of each lazy variable."""
    identity: str
    graph: dict[str, str]
    """The name of each lazy variable's Dask graph."""

    @property
    def identity_hash(self) -> str:
        return hashlib.blake2b(self.identity.encode(), digest_size=16).hexdigest()

    def places(self, name: str) -> list[tuple[int, ...]]:
        """Return the numbers of all blocks of a variable along its dims, in C order."""
        shape = self.dataset[name].shape
        counts = [-(-size // step) for size, step in zip(shape, self.grid[name], strict=True)]
        return list(itertools.product(*map(range, counts)))


def write(dataset: xr.Dataset, target: Path, overwrite: bool, progress: bool | None) -> None:
    """Write a result to the folder `target`, or go on where an earlier run stopped."""
    plan = _plan(dataset)
    if target.exists() and not overwrite:
        attrs = _our_attrs(target)
        if attrs is None:
            raise FileExistsError(
                f"{target} exists and is not a store of gromos_dist; choose another path"
            )
        _compare(plan, attrs, target)
        if attrs["complete"]:
            _check_values(plan, attrs, target)
            note(f"{target} is complete already: nothing to compute", progress)
            return
    else:
        with folder_beside(target) as folder:
            _prepare(plan, folder / "new")
            _put_in_place(folder, target)
    clear_beside(target)
    with locked(target, target):
        _finish(plan, target, progress)


def _plan(dataset: xr.Dataset) -> _Plan:
    dataset = dataset.copy(deep=False)
    dataset.attrs = {name: value for name, value in dataset.attrs.items() if name not in _OURS}
    lazy = {str(name): v for name, v in dataset.variables.items() if v.chunks is not None}
    grid = {name: tuple(map(_regular, v.chunks or ())) for name, v in lazy.items()}
    return _Plan(
        dataset=dataset,
        grid=grid,
        identity=canonical_json(describe(dataset, grid)),
        graph={name: v.data.name for name, v in lazy.items()},
    )


def _regular(sizes: Sequence[int]) -> int:
    """Return the size of the blocks along a dim, given those of the Dask chunks.

    Chunks that are equal but for a shorter last one stay as they are; others (of several files,
    each with a shorter last one) are cut anew in steps of the longest.
    """
    return max([1, *sizes])


def _our_attrs(folder: Path) -> dict[str, Any] | None:
    """Return the root's attributes, or None when this is not a store that we made."""
    try:
        root = json.loads((folder / _ROOT).read_text())
        attrs = root["attributes"]
        json.loads(attrs["identity"])
        return attrs if {"complete", "graph"} <= attrs.keys() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _compare(plan: _Plan, attrs: dict[str, Any], target: Path) -> None:
    if attrs["identity"] == plan.identity:
        return
    differing = differences(json.loads(attrs["identity"]), json.loads(plan.identity))
    shown = "".join(f"\n  {line}" for line in differing)
    if attrs["complete"]:
        raise FileExistsError(f"{target} holds another result; {_WAYS_OUT}. What differs:{shown}")
    raise ValueError(
        f"{target} is the unfinished store of another run; {_WAYS_OUT}. What differs:{shown}"
    )


def _prepare(plan: _Plan, folder: Path) -> None:
    """Write all but the lazy variables' blocks."""
    dataset = plan.dataset
    in_memory = dataset.drop_vars(list(plan.grid))
    strings = {
        name: variable.astype(object)
        for name, variable in in_memory.variables.items()
        if variable.dtype.kind == "U"
    }
    # Zarr 3 specifies strings of any length, not those of a fixed one.
    in_memory = in_memory.assign_coords(strings)
    in_memory.attrs = {
        **{name: plain(value) for name, value in dataset.attrs.items()},
        "complete": False,
        "identity": plan.identity,
        "graph": plan.graph,
    }
    encoding = {
        str(name): {"chunks": _default_blocks(variable)}
        for name, variable in in_memory.variables.items()
        if variable.ndim
    }
    in_memory.to_zarr(folder, zarr_format=3, consolidated=False, encoding=encoding)
    root = zarr.open_group(folder, mode="r+", zarr_format=3)
    for name, blocks in plan.grid.items():
        variable = dataset[name].variable
        root.create_array(
            name,
            shape=variable.shape,
            **_layout(variable, blocks),
            dtype=variable.dtype,
            fill_value=_MISSING.get(variable.dtype.kind, 0),
            dimension_names=[str(dim) for dim in variable.dims],
            attributes=_attributes(plan, name),
        )
    with warnings.catch_warnings():
        # xarray looks for consolidated metadata first, and warns when there are none.
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        zarr.consolidate_metadata(folder, zarr_format=3)


def _layout(variable: xr.Variable, block: tuple[int, ...]) -> dict[str, Any]:
    """Return how the blocks of a lazy variable are laid out: as chunks, or as shards of some.

    A large block is a shard, of which some frames can be read without the others. Numbers that were
    rounded end in zero bits, which compress well when the bits of a place lie together.
    """
    layout: dict[str, Any] = {"chunks": block}
    if "precision" in variable.attrs and variable.dtype.kind == "f":
        layout["compressors"] = BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle")
    bytes_of_a_block = math.prod(block) * variable.dtype.itemsize
    if "frame" not in variable.dims or bytes_of_a_block < _BYTES_OF_A_SHARD:
        return layout
    axis = variable.dims.index("frame")
    frames = max(1, block[axis])
    within = frames_of_a_chunk(frames, bytes_of_a_block // frames)
    chunk = tuple(within if i == axis else size for i, size in enumerate(block))
    return {**layout, "chunks": chunk, "shards": block}


def _block_shape(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Return the shape of what one file holds: a shard, or a chunk."""
    return array.shards or array.chunks


def _block_counts(array: zarr.Array[Any]) -> list[int]:
    return [-(-size // step) for size, step in zip(array.shape, _block_shape(array), strict=True)]


def _region(array: zarr.Array[Any], place: tuple[int, ...]) -> tuple[slice, ...]:
    """Return which part of an array a block is."""
    return tuple(
        slice(i * step, min((i + 1) * step, size))
        for i, step, size in zip(place, _block_shape(array), array.shape, strict=True)
    )


def _attributes(plan: _Plan, name: str) -> dict[str, Any]:
    array = plan.dataset[name]
    attributes = {str(key): plain(value) for key, value in array.attrs.items()}
    coordinates = [str(key) for key in array.coords if key not in array.dims and key != name]
    if coordinates:
        attributes["coordinates"] = " ".join(coordinates)
    return {**attributes, _IDENTITY_HASH: plan.identity_hash}


def _default_blocks(variable: xr.Variable) -> tuple[int, ...]:
    if "frame" not in variable.dims:
        return tuple(max(size, 1) for size in variable.shape)
    frames = variable.sizes["frame"]
    bytes_of_a_frame = variable.nbytes / max(frames, 1)
    step = max(1, min(frames, int(_BYTES_OF_A_BLOCK / max(bytes_of_a_frame, 1))))
    return tuple(step if dim == "frame" else max(variable.sizes[dim], 1) for dim in variable.dims)


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename ``new`` to the target, and remove what was there if it is ours."""
    if target.exists():
        if _our_attrs(target) is None:
            raise FileExistsError(
                f"{target} is not a store of gromos_dist, so overwrite=True does not delete it; "
                "choose another path"
            )
        with locked(target, target):
            target.rename(folder / "old")
    (folder / "new").rename(target)


def _finish(plan: _Plan, target: Path, progress: bool | None) -> None:
    """Compute and write the blocks that are missing, then say that the store is complete."""
    attrs = _our_attrs(target)
    if attrs is None or attrs["identity"] != plan.identity:
        raise OSError(f"{target}: another run changed the store meanwhile")
    _remove_partial_files(target)
    _check_values(plan, attrs, target)
    blocks: list[Delayed] = []
    frames: list[float] = []
    total = 0.0
    counts = block_frames(
        [plan.dataset[name].dims for name in plan.grid],
        [_chunks(plan, name) for name in plan.grid],
    )
    for name, tasks, count in zip(plan.grid, _tasks(plan), counts, strict=True):
        array = zarr.open_array(target, path=name, mode="r", zarr_format=3)
        total += sum(count)
        if not tasks:
            continue
        for place, task, size in zip(plan.places(name), tasks, count, strict=True):
            if not _is_there(target, array, place):
                blocks.append(_write(task, str(target), name, place, plan.identity_hash))
                frames.append(size)
    with progress_bar(target.name, total, done=total - sum(frames), show=progress) as advance:
        run_blocks(blocks, frames, advance)
    missing = sum(_count_missing(target, name) for name in plan.grid)
    if missing:
        raise OSError(
            f"{target}: {missing} blocks were written but are not there; "
            "the workers must see the same folder as this process"
        )
    _remove_partial_files(target)
    _mark_complete(target)


def _chunks(plan: _Plan, name: str) -> list[list[int]]:
    """Return the sizes of a variable's blocks along each dim."""
    shape = plan.dataset[name].shape
    return [
        [min(step, size - start) for start in range(0, max(size, 1), step)]
        for size, step in zip(shape, plan.grid[name], strict=True)
    ]


def _tasks(plan: _Plan) -> list[list[Delayed]]:
    """Return the tasks that compute the blocks of the grid, a list a variable."""
    arrays = []
    for name in plan.grid:
        data = plan.dataset[name].data
        chunks = tuple(map(tuple, _chunks(plan, name)))
        arrays.append(data if data.chunks == chunks else data.rechunk(chunks))
    return [
        tasks if array.size else [] for tasks, array in zip(to_blocks(arrays), arrays, strict=True)
    ]


def _write_block(
    block: NDArray[Any], folder: str, name: str, place: tuple[int, ...], identity_hash: str
) -> None:
    """Write one block; runs where the block was computed."""
    array = zarr.open_array(folder, path=name, mode="r+", zarr_format=3)
    if array.attrs.get(_IDENTITY_HASH) != identity_hash:
        raise OSError(f"{folder}: another run replaced the store meanwhile")
    region = _region(array, place)
    expected = tuple(part.stop - part.start for part in region)
    if block.shape != expected or block.dtype.newbyteorder("=") != array.dtype:
        raise ValueError(
            f"{name}, block {place}: expected {array.dtype} of shape {expected}, as the lazy array "
            f"announced, got {block.dtype} of shape {block.shape}"
        )
    # A block of zeros or NaN is written too: its file says that it is done.
    array.with_config({"write_empty_chunks": True})[region] = block


_write = delayed(_write_block, pure=False)


def _is_there(target: Path, array: zarr.Array[Any], place: tuple[int, ...]) -> bool:
    try:
        path = target / array.path / array.metadata.encode_chunk_key(place)
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _count_missing(target: Path, name: str) -> int:
    array = zarr.open_array(target, path=name, mode="r", zarr_format=3)
    places = itertools.product(*map(range, _block_counts(array)))
    return sum(not _is_there(target, array, place) for place in places)


def _check_values(plan: _Plan, attrs: dict[str, Any], target: Path) -> None:
    """Compare two stored blocks with what would be computed now, if the graph is another one.

    The same history with another Dask graph is the same run if a file was moved, and is not if the
    user changed the result after our function returned it. The values tell.
    """
    if attrs["graph"] == plan.graph:
        return
    stored: list[tuple[str, tuple[int, ...], NDArray[Any]]] = []
    compared: list[Delayed] = []
    for name, tasks in zip(plan.grid, _tasks(plan), strict=True):
        array = zarr.open_array(target, path=name, mode="r", zarr_format=3)
        places = plan.places(name)
        there = [i for i, place in enumerate(places) if _is_there(target, array, place)]
        for i in sorted({there[0], there[-1]}) if there else ():
            stored.append((name, places[i], np.asarray(array[_region(array, places[i])])))
            compared.append(tasks[i])
    # Together, so that what several variables share is computed once.
    for (name, place, block), now in zip(stored, compute_now(*compared), strict=True):
        if block.tobytes() != np.ascontiguousarray(now, block.dtype).tobytes():
            raise ValueError(
                f"{target} has the same history but other values: {name}, block {place}. "
                f"Was the result changed after it was computed, or the input? {_WAYS_OUT}"
            )


def _remove_partial_files(target: Path) -> None:
    """Remove what Zarr was writing when a run was killed."""
    for left in target.rglob("*.partial"):
        left.unlink(missing_ok=True)


def _mark_complete(target: Path) -> None:
    root = json.loads((target / _ROOT).read_text())
    root["attributes"]["complete"] = True
    aside = target / f"{_ROOT}.partial"
    aside.write_text(json.dumps(root, indent=2))
    aside.replace(target / _ROOT)


def open_folder(path: Path, allow_unfinished: bool) -> xr.Dataset:
    """Open a stored result lazily; see `open_store`."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    attrs = _our_attrs(path)
    if attrs is None:
        raise ValueError(f"{path} is not a store of gromos_dist; open it with xarray.open_zarr")
    if not attrs["complete"] and not allow_unfinished:
        names = list(attrs["graph"])
        missing = sum(_count_missing(path, name) for name in names)
        arrays = [zarr.open_array(path, path=name, mode="r", zarr_format=3) for name in names]
        total = sum(math.prod(_block_counts(array)) for array in arrays)
        raise ValueError(
            f"{path} is unfinished: {total - missing} of {total} blocks are done. Make the call "
            "that began it again, or pass allow_unfinished=True"
        )
    dataset: xr.Dataset = xr.open_zarr(path, zarr_format=3, chunks=None)
    for name, array in dataset.data_vars.items():
        # xarray would take the chunks within the shards.
        shape = _block_shape(zarr.open_array(path, path=str(name), mode="r", zarr_format=3))
        dataset[name] = array.chunk(dict(zip(array.dims, shape, strict=True)))
    # What was in memory when it was stored comes back into memory, strings as NumPy has them.
    for name, coordinate in dataset.coords.items():
        if name not in attrs["graph"]:
            values = coordinate.values
            if values.dtype.kind in "OT":
                values = np.array(values.tolist(), dtype=str)
            dataset = dataset.assign_coords({name: coordinate.variable.copy(data=values)})
    for ours in _OURS:
        del dataset.attrs[ours]
    for variable in dataset.variables.values():
        variable.attrs.pop(_IDENTITY_HASH, None)
        # Chunks of another store are none of the next one's: several tasks would write one shard.
        for layout in ("chunks", "shards", "preferred_chunks"):
            variable.encoding.pop(layout, None)
    return dataset
