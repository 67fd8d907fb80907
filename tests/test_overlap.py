from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd
from gromos_dist.io.overlap import Clock, find_overlaps, handle_overlaps
from gromos_dist.provenance import parse


def write(path: Path, steps: range, dt: float = 0.5, time: float = 0.0, shift: float = 0.0) -> Path:
    """A trajectory of one atom whose x is its step; `shift` tells the files apart."""
    path.write_text(
        "".join(
            f"TIMESTEP\n{step:15d} {time + step * dt:14.9f}\nEND\n"
            f"POSITIONRED\n{step + shift} 0 0\nEND\n"
            for step in steps
        )
    )
    return path


def clock(steps: range, dt: float = 0.5, time: float = 0.0) -> Clock:
    step = np.array(steps, np.int64)
    return Clock(f"from {steps[0]}", time + step * dt, step)


def dropped(*clocks: Clock) -> list[tuple[int, int]]:
    return [(some.file, some.first) for some in find_overlaps(clocks)]


@pytest.fixture
def restarted(tmp_path: Path) -> list[Path]:
    """The second file begins two frames before the first one ends, the third goes on."""
    return [
        write(tmp_path / "md_1.trc", range(0, 100, 10)),
        write(tmp_path / "md_2.trc", range(80, 180, 10), shift=0.25),
        write(tmp_path / "md_3.trc", range(180, 200, 10)),
    ]


def x(ds: xr.Dataset) -> list[float]:
    return ds.positions.values[:, 0, 0].tolist()


def test_both_copies_are_kept_with_a_warning(restarted: list[Path]) -> None:
    message = r"md_1\.trc: frames 8 to 9 are repeated: .*md_2\.trc begins at step 80, 40 ps"
    with pytest.warns(UserWarning, match=message):
        ds = gd.open_trajectory(restarted)
    assert ds.sizes["frame"] == 22
    assert ds.attrs["overlap"].endswith("(kept)")


def test_keeping_says_nothing(restarted: list[Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = gd.open_trajectory(restarted, overlap="keep")
    assert ds.sizes["frame"] == 22
    assert parse(ds.attrs["provenance"])["parameters"]["overlap"] == "keep"


@pytest.mark.parametrize("engine", [False, True])
def test_the_copy_of_the_earlier_file_is_left_out(restarted: list[Path], engine: bool) -> None:
    if engine:
        ds = xr.open_dataset(restarted, engine="gromos", overlap="drop")  # type: ignore[arg-type]
    else:
        ds = gd.open_trajectory(restarted, overlap="drop", chunks=3)
    assert ds.step.values.tolist() == list(range(0, 200, 10))
    expected = [step + 0.25 * (80 <= step < 180) for step in range(0, 200, 10)]
    assert x(ds) == expected
    assert ds.attrs["overlap"].endswith("(left out)")
    assert str(restarted[0]) in ds.attrs["overlap"]
    part = gd.open_trajectory(restarted, overlap="drop", start=7, stop=-1, stride=2)
    assert x(part) == expected[7:-1:2]
    assert part.time.values.tolist() == ds.time.values[7:-1:2].tolist()


def test_raising_names_files_and_frames(restarted: list[Path]) -> None:
    with pytest.raises(ValueError, match=r"md_1\.trc: frames 8 to 9 .*md_2\.trc(.|\n)*'drop'"):
        gd.open_trajectory(restarted, overlap="raise")


def test_an_unknown_choice_is_named(restarted: list[Path]) -> None:
    with pytest.raises(ValueError, match="overlap: expected 'warn', 'keep', 'drop' or 'raise'"):
        gd.open_trajectory(restarted, overlap="ignore")  # type: ignore[arg-type]


def test_files_that_go_on_overlap_nowhere() -> None:
    assert dropped(clock(range(10)), clock(range(10, 20)), clock(range(20, 30))) == []


def test_one_frame_that_both_have() -> None:
    assert dropped(clock(range(11)), clock(range(10, 21))) == [(0, 10)]


def test_steps_that_begin_anew_leave_it_to_the_time() -> None:
    assert dropped(clock(range(10)), clock(range(10), time=5.0)) == []
    assert dropped(clock(range(10)), clock(range(10), time=4.0)) == [(0, 8)]


def test_times_that_were_rounded_are_the_same() -> None:
    assert dropped(clock(range(11)), clock(range(10, 21), time=1e-6)) == [(0, 10)]


def test_a_file_between_may_be_repeated_as_a_whole() -> None:
    files = (clock(range(10)), clock(range(8, 12)), clock(range(6, 20)))
    assert dropped(*files) == [(0, 6), (1, 0)]


def test_other_clocks_are_not_compared() -> None:
    assert dropped(clock(range(10)), clock(range(10))) == []
    assert dropped(clock(range(5, 10)), clock(range(5, 10))) == []
    assert dropped(clock(range(5, 10)), clock(range(10))) == []
    assert dropped(clock(range(10, 20)), clock(range(5, 10))) == []


def test_many_files_give_one_short_warning() -> None:
    overlaps = find_overlaps([clock(range(10 * i, 10 * i + 11)) for i in range(20)])
    assert len(overlaps) == 19
    with pytest.warns(UserWarning, match="and so in 16 more files") as caught:
        kept = handle_overlaps(overlaps, "warn")
    assert len(caught) == 1
    assert len(kept.splitlines()) == 19
