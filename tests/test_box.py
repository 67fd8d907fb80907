"""The box in time: against NumPy and MDAnalysis."""

from __future__ import annotations

import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from MDAnalysisTests.datafiles import GRO, XTC

import gromos_dist as gd

DATA = Path(__file__).parent / "data"


def with_boxes(box: np.ndarray, **attrs: str) -> xr.Dataset:
    return xr.Dataset({"box": (("frame", "box_vector", "xyz"), box, {"units": "nm", **attrs})})


@given(st.integers(1, 9), st.sampled_from([np.float32, np.float64]), st.integers(0, 2**32))
def test_equals_numpy(n_frames: int, dtype: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = (rng.normal(size=(n_frames, 3, 3)) + 4 * np.eye(3)).astype(dtype)
    found = gd.box_series(with_boxes(box))
    for i, vectors in enumerate(box.astype(np.float64)):
        np.testing.assert_allclose(found.box_lengths[i], np.linalg.norm(vectors, axis=1), 1e-14)
        for k, (one, other) in enumerate(((1, 2), (0, 2), (0, 1))):
            a, b = vectors[one], vectors[other]
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            np.testing.assert_allclose(np.cos(np.radians(found.box_angles[i, k])), cosine, 0, 1e-13)
        np.testing.assert_allclose(found.volume[i], abs(np.linalg.det(vectors)), 1e-12)
    assert "density" not in found
    assert list(found.box_vector.values) == ["a", "b", "c"]


def test_rectangular_boxes_and_none() -> None:
    box = np.array([np.diag([2.0, 3.0, 4.0]), np.zeros((3, 3)), np.full((3, 3), np.nan)])
    found = gd.box_series(with_boxes(box))
    np.testing.assert_array_equal(found.box_lengths, [[2, 3, 4], [np.nan] * 3, [np.nan] * 3])
    np.testing.assert_array_equal(found.box_angles[0], 90.0)
    np.testing.assert_array_equal(found.volume, [24, np.nan, np.nan])


def test_a_truncated_octahedron_is_half_its_cube() -> None:
    box = 6.0 * np.eye(3)[None]
    found = gd.box_series(with_boxes(box, shape="truncated octahedron"))
    np.testing.assert_array_equal(found.box_lengths, [[6, 6, 6]])
    np.testing.assert_array_equal(found.volume, [108])
    lattice = gd.kernels.boxes.octahedron_vectors(box[0])
    np.testing.assert_allclose(found.volume[0], abs(np.linalg.det(lattice)))


def test_density_needs_all_masses() -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    found = gd.box_series(ds)
    volume = np.linalg.det(ds.box.values.astype(float))
    expected = float(ds.mass.sum()) * 1.66053906660e-27 / (volume * 1e-27)
    np.testing.assert_allclose(found.density, expected, rtol=1e-12)
    assert found.density.attrs["units"] == "kg m-3"
    for some in (
        gd.open_trajectory(DATA / "butane.trc"),
        ds.isel(atom=slice(0, 4)),
        ds.assign_coords(mass=ds.mass.where(ds.atom_name != "OW")),
    ):
        assert list(gd.box_series(some)) == ["box_lengths", "box_angles", "volume"]
    with pytest.raises(ValueError, match="box_series needs the box"):
        gd.box_series(ds.drop_vars("box"))


def test_csv_has_all_columns(tmp_path: Path) -> None:
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    gd.store(gd.box_series(ds), tmp_path / "box.csv", progress=False)
    (head,) = [
        line for line in (tmp_path / "box.csv").read_text().splitlines() if line.startswith("time")
    ]
    names = ["box_lengths_a", "box_lengths_b", "box_lengths_c"]
    names += ["box_angles_alpha", "box_angles_beta", "box_angles_gamma", "volume", "density"]
    assert [name for name in head.split(",") if name not in ("time", "step")] == names


def test_mdanalysis() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(GRO, XTC)
        steps = [(step.dimensions.copy(), step.volume) for step in universe.trajectory]
    found = gd.box_series(gd.open_trajectory(XTC, GRO))
    for i, (dimensions, volume) in enumerate(steps):
        np.testing.assert_allclose(10 * found.box_lengths[i], dimensions[:3], rtol=1e-6)
        np.testing.assert_allclose(found.box_angles[i], dimensions[3:], rtol=1e-6)
        np.testing.assert_allclose(1000 * found.volume[i], volume, rtol=1e-6)
