"""Reductions that take the results of others: passes over the frames that follow each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.io.formats.dcd import DCDReader
from gromos_dist.mapping import Map, Reduction, Variable

Array = NDArray[Any]

MEAN = Variable("mean", ("atom", "xyz"), "f", "nm", "mean position")
VARIANCE = Variable("variance", ("atom",), "f", "nm2", "variance")
NEAREST = Variable("nearest", ("atom", "xyz"), "f", "nm", "trimmed mean position")
MOVED = Variable("moved", (), "f", "nm", "how far a pass has moved it")


class Sums(NamedTuple):
    count: float
    total: Array


def add(one: Sums, other: Sums) -> Sums:
    return Sums(one.count + other.count, one.total + other.total)


MEANS = Reduction(
    lambda block: Sums(len(block), block.sum(axis=0, dtype=float)),
    add,
    lambda state: state.total / state.count,
    MEAN,
    state=Sums,
)


def squares(block: Array, mean: Array, scale: float) -> Sums:
    assert not mean.flags.writeable
    return Sums(len(block), scale * ((block - mean) ** 2).sum(axis=(0, 2)))


VARIANCES = Reduction(
    squares, add, lambda state, mean, scale: state.total / state.count, VARIANCE, state=Sums
)


@pytest.fixture
def trajectory(mdanalysis_data: Path) -> xr.Dataset:
    return gd.open_trajectory(
        mdanalysis_data / "adk_dims.dcd", mdanalysis_data / "adk.psf", atoms="name CA"
    )


def test_a_lazy_result_is_a_constant_of_another_reduction(trajectory: xr.Dataset) -> None:
    positions = trajectory.positions
    loaded = positions.compute()
    expected = VARIANCES(loaded, mean=MEANS(loaded), scale=2.0)
    x = loaded.values.astype(float)
    variance = 2 * ((x - x.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0)
    np.testing.assert_allclose(expected, variance, rtol=1e-12)
    for array in (positions, positions.chunk(frame=7), loaded.chunk(frame=9, atom=50)):
        mean = MEANS(array)
        found = VARIANCES(array, mean=mean, scale=2.0)
        assert found.chunks
        assert mean.chunks
        assert found.compute().values.tobytes() == expected.values.tobytes()
        # Of several chunks, and of arrays that know nothing of files.
        cut = VARIANCES(array, mean=mean.chunk(atom=30), scale=2.0)
        assert cut.compute().values.tobytes() == expected.values.tobytes()
    # Frames in memory, a mean that is not there yet.
    late = VARIANCES(loaded, mean=MEANS(positions), scale=2.0)
    assert late.chunks
    assert late.compute().values.tobytes() == expected.values.tobytes()


def test_such_passes_are_read_one_after_the_other(
    trajectory: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_read = 0
    original = DCDReader.read

    def spy(self: Any, frames: Any, out: Any, atoms: Any = None) -> None:
        nonlocal n_read
        n_read += len(out["positions"])
        original(self, frames, out, atoms)

    positions = trajectory.positions
    mean = MEANS(positions)
    first_z = Map(lambda block: block[:, 0, 2], Variable("z", ("frame",), "f", "nm", "height"))
    several = (VARIANCES(positions, mean=mean, scale=1.0), mean, first_z(positions))
    monkeypatch.setattr(DCDReader, "read", spy)
    together = gd.compute(*several)
    # What does not wait is read with the first pass.
    assert n_read == 2 * positions.sizes["frame"]
    for one, alone in zip(together, several, strict=True):
        assert one.values.tobytes() == alone.compute().values.tobytes()


def begin(nearest: Array, moved: Array, most: float) -> dict[str, Any] | None:
    return None if moved <= 1e-9 else {"middle": nearest, "most": most}


def near(block: Array, middle: Array, most: float) -> Sums:
    apart = np.sqrt(((block - middle) ** 2).sum(axis=-1))
    counts = (apart < most).astype(float)
    return Sums(counts.sum(axis=0)[:, None], (block * counts[..., None]).sum(axis=0))


def trimmed(state: Sums | None, nearest: Array, moved: Array, most: float) -> dict[str, Any]:
    if state is None:
        return {"nearest": nearest, "moved": moved}
    mean = state.total / np.maximum(state.count, 1.0)
    return {"nearest": mean, "moved": np.abs(mean - nearest).max()}


TRIMMED = Reduction(near, add, trimmed, [NEAREST, MOVED], state=Sums, begin=begin)


def in_rounds(positions: xr.DataArray, rounds: int) -> xr.Dataset:
    start = np.zeros(positions.shape[1:])
    found: Any = {"nearest": start, "moved": np.array(np.inf)}
    for i in range(rounds):
        found = TRIMMED(
            positions,
            nearest=found["nearest"],
            moved=found["moved"],
            most=100.0 if i == 0 else 0.5,
        )
    return found


def test_a_pass_that_is_not_needed_reads_nothing(
    trajectory: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = trajectory.positions.isel(frame=slice(0, 30))
    expected = in_rounds(positions.compute(), 30)
    assert float(expected.moved) <= 1e-9
    needed = next(n for n in range(1, 30) if in_rounds(positions.compute(), n).moved <= 1e-9)
    n_read = 0
    original = DCDReader.read

    def spy(self: Any, frames: Any, out: Any, atoms: Any = None) -> None:
        nonlocal n_read
        n_read += len(out["positions"])
        original(self, frames, out, atoms)

    monkeypatch.setattr(DCDReader, "read", spy)
    for chunked in (positions, positions.chunk(frame=7)):
        n_read = 0
        with dask.config.set(scheduler="synchronous"):
            found = in_rounds(chunked, 30).compute()
        assert n_read == 30 * needed < 30 * 30
        for name in ("nearest", "moved"):
            assert found[name].values.tobytes() == expected[name].values.tobytes()


def test_a_lazy_array_that_is_no_data_array_is_handed_on_as_it_is() -> None:
    frames = xr.DataArray(np.ones((4, 5, 3)), dims=("frame", "atom", "xyz"))
    kinds = []

    def partial(block: Array, other: Any) -> Sums:
        kinds.append(type(other))
        return Sums(len(block), block.sum(axis=0))

    record = Reduction(partial, add, lambda state, other: state.total, MEAN, state=Sums)
    record(frames, other=da.ones(3))
    record(frames, other=xr.DataArray(np.ones(3)))
    assert kinds == [da.Array, np.ndarray]
