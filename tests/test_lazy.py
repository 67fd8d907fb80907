"""The lazy array of a Source: what is indexed is what is read, and nothing else."""

from __future__ import annotations

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from memory_reader import READ, memory_source

from gromos_dist.io.lazy import FieldOfSource, default_frame_chunks, trajectory_array

SOURCE = memory_source(13, 0, 30, 7)
WHOLE = SOURCE.read(["positions"])["positions"]


def positions(*chunks: int) -> da.Array:
    return trajectory_array(SOURCE, "positions", chunks or (13, 10, 20, 7))


INDICES = {
    "slice": np.s_[4:40],
    "stride": np.s_[3:40:3],
    "empty": np.s_[20:20],
    "atoms in any order": np.s_[:, [4, 1]],
    "frames and atoms": np.s_[5:30:4, [-1, 0]],
    "atom slice": np.s_[2:9, 1:3],
    "atom mask": np.s_[:, np.array([True, False, True, False, True])],
    "ellipsis": np.s_[::2, ...],
    "reversed": np.s_[::-1],
    "component": np.s_[..., 0],
    "one frame": np.s_[7],
    "one atom": np.s_[:, 2],
    "frame list": np.s_[[1, 5, 3, 5]],
    "frame mask": np.arange(50) % 3 == 0,
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_indexing_equals_numpy(index: object) -> None:
    array = positions()[index]
    assert type(array) is da.Array
    np.testing.assert_array_equal(array.compute(), WHOLE[index])
    if not (isinstance(index, tuple) and Ellipsis in [i for i in index if i is ...]):
        np.testing.assert_array_equal(FieldOfSource(SOURCE, "positions")[index], WHOLE[index])


def read_frames() -> list[tuple[str, int]]:
    """Which frames were read, of which file, and how often."""
    return sorted((path, frame) for path, frames, _ in READ for frame in frames)


def test_only_what_is_wanted_is_read() -> None:
    READ.clear()
    positions()[20:30:2].compute(scheduler="synchronous")
    assert read_frames() == [("file 2", frame) for frame in (7, 9, 11, 13, 15)]
    READ.clear()
    positions()[20:30:2, 1:3].compute(scheduler="synchronous")
    assert read_frames() == [("file 2", frame) for frame in (7, 9, 11, 13, 15)]
    assert {values for *_, values in READ} == {2 * 3}


def test_a_list_of_frames_reads_these_alone() -> None:
    READ.clear()
    FieldOfSource(SOURCE, "positions")[[41, 2, 3, 41], [4, 0]]
    assert read_frames() == [("file 0", 2), ("file 0", 3), ("file 2", 28)]
    assert {values for *_, values in READ} == {2 * 3}


def test_the_same_frame_numbers_of_different_files_are_different_arrays() -> None:
    first, second = SOURCE.select_frames(range(5, 6)), SOURCE.select_frames(range(18, 19))
    assert first.frames == second.frames
    names = {trajectory_array(source, "positions", (1,)).name for source in (first, second)}
    assert len(names) == 2


def test_atom_out_of_range() -> None:
    with pytest.raises(IndexError, match="5"):
        positions()[:, [0, 5]]


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_rechunking(size: int) -> None:
    labelled = xr.DataArray(positions(), dims=("frame", "atom", "xyz")).chunk(frame=size)
    assert max(labelled.chunks[0]) == min(size, 50)
    np.testing.assert_array_equal(labelled.compute().data, WHOLE)
    np.testing.assert_array_equal(labelled.chunk(atom=2).compute().data, WHOLE)


def test_a_pickled_array_has_the_same_values() -> None:
    array = pickle.loads(pickle.dumps(positions()))
    np.testing.assert_array_equal(array.compute(), WHOLE)


def test_tasks_are_small_and_the_source_enters_the_graph_once() -> None:
    source = memory_source(100_000, n_atoms=3)
    array = trajectory_array(source, "positions", (100,) * 1000)
    graph = dask.optimize(array)[0].dask
    sizes = sorted(len(pickle.dumps(dict(graph)[key])) for key in dict(graph))
    assert sizes[len(sizes) // 2] < 10_000
    assert sum(size > 10_000 for size in sizes) <= 1


def test_default_chunks_depend_on_the_files_alone() -> None:
    source = memory_source(100_000, 10, n_atoms=1000)
    chunks = default_frame_chunks(source)
    assert sum(chunks) == 100_010
    assert chunks[-1] == 10
    assert max(chunks) * 1000 * 12 <= 128 * 2**20
    assert len(chunks) > 30
