"""A thousand trajectory files on one time axis."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import gromos_dist as gd

N_FILES, N_FRAMES = 1000, 100


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("many")
    frame = "TIMESTEP\n%15d %14.9f\nEND\nPOSITIONRED\n%d 0 0\n1 1 0\nEND\n"
    paths = []
    for i in range(N_FILES):
        steps = range(i * N_FRAMES, (i + 1) * N_FRAMES)
        numbers = [number for step in steps for number in (step, step * 0.5, step)]
        paths.append(folder / f"md_{i}.trc")
        paths[-1].write_text(frame * N_FRAMES % tuple(numbers))
    return paths


def test_the_graph_is_small(files: list[Path]) -> None:
    ds = gd.open_trajectory(files)
    assert ds.sizes["frame"] == N_FILES * N_FRAMES
    distances = gd.radius_of_gyration(ds, mass_weighted=False)
    tasks = dict(distances.data.__dask_graph__())
    sizes = {key: len(pickle.dumps(task)) for key, task in tasks.items()}
    # What all tasks share enters the graph once; each of them is small.
    shared = {key: size for key, size in sizes.items() if str(key).startswith("constant-")}
    assert len(shared) == 1
    assert max(size for key, size in sizes.items() if key not in shared) < 10_000
    assert len(sizes) <= N_FILES + 1
    assert len(pickle.dumps(tasks)) < 1_000_000
    np.testing.assert_array_equal(ds.time, np.arange(N_FILES * N_FRAMES) * 0.5)


def test_frames_come_from_the_right_file(files: list[Path]) -> None:
    ds = gd.open_trajectory(files[0].parent / "md_*.trc", stride=991)
    np.testing.assert_array_equal(ds.positions[:, 0, 0], np.arange(0, N_FILES * N_FRAMES, 991))


def test_one_bad_file_of_many_is_named(files: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.trc"
    bad.write_text("no trajectory\n")
    with pytest.raises(OSError, match=r"bad\.trc: .*not GROMOS text"):
        gd.open_trajectory([*files[:20], bad, *files[20:40]])
