"""Least distances of two sets, and of molecules to their images, against brute force."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import gromos_dist as gd
from gromos_dist.kernels.boxes import octahedron_vectors

DATA = Path(__file__).parent / "data"
SHIFTS = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)))


@pytest.fixture(scope="module")
def butane() -> xr.Dataset:
    """Butane in water: atoms of the file, of which the first four are the solute's."""
    return gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=np.float64)


def images(ds: xr.Dataset, frame: int, first: Any, second: Any) -> np.ndarray:
    """Distances to many images, shape (image, first, second)."""
    x, box = ds.positions.values[frame], ds.box.values[frame]
    if ds.box.attrs.get("shape") == "truncated octahedron":
        box = octahedron_vectors(box)
    d = x[second][None] - x[first][:, None]
    return np.asarray(np.linalg.norm(d + (SHIFTS @ box)[:, None, None], axis=-1))


@pytest.mark.parametrize("shape", ["rectangular", "truncated octahedron"])
def test_of_two_sets(butane: xr.Dataset, shape: str) -> None:
    ds = butane.load().copy()
    ds["box"] = ds.box.assign_attrs(shape=shape)
    water = gd.select(ds, "name OW")
    found = gd.minimum_distance(ds, [3, 0, 1], "name OW", with_atoms=True)
    assert found.nearest_atom.dtype == found.nearest_other_atom.dtype == np.int64
    for frame in range(ds.sizes["frame"]):
        apart = images(ds, frame, [0, 1, 3], water).min(axis=0)
        i, j = np.unravel_index(apart.argmin(), apart.shape)
        np.testing.assert_allclose(found.minimum_distance[frame], apart.min(), rtol=0, atol=1e-12)
        assert found.nearest_atom[frame] == [0, 1, 3][i]
        assert found.nearest_other_atom[frame] == water[j]
    alone = gd.minimum_distance(ds, [3, 0, 1], "name OW")
    xr.testing.assert_equal(alone, found.minimum_distance)


def test_without_images(butane: xr.Dataset) -> None:
    ds = butane.load()
    water = gd.select(ds, "name OW")
    found = gd.minimum_distance(ds, [0], water, periodic=False)
    x = ds.positions.values
    expected = np.linalg.norm(x[:, water] - x[:, :1], axis=-1).min(axis=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert found.attrs["periodic"] == 0
    no_box = gd.minimum_distance(ds.drop_vars("box"), [0], water)
    np.testing.assert_array_equal(no_box, found)


def test_atoms_are_named_as_in_their_file(butane: xr.Dataset) -> None:
    whole = gd.minimum_distance(butane, [0], "name OW", with_atoms=True).compute()
    water = gd.select(butane, "molecule 1 or name OW")
    some = gd.minimum_distance(
        butane.isel(atom=water), "molecule 1 and index 0", "name OW", with_atoms=True
    )
    xr.testing.assert_equal(whole, some.compute())


def test_sets_that_are_chosen_in_every_frame(butane: xr.Dataset) -> None:
    """Where nothing is chosen there is no distance."""
    ds = butane.load()
    water = gd.select(ds, "name HW1")
    least = gd.minimum_distance(ds, [0], water)
    between = float((least.min() + least.max()) / 2)
    found = gd.minimum_distance(
        ds, [0], f"name HW1 and within {between} of index 0", with_atoms=True
    )
    for frame in range(ds.sizes["frame"]):
        apart = images(ds, frame, [0], water).min(axis=0)[0]
        if apart.min() <= between:
            np.testing.assert_allclose(found.minimum_distance[frame], apart.min(), 0, 1e-12)
            assert found.nearest_other_atom[frame] == water[apart.argmin()]
        else:
            assert np.isnan(found.minimum_distance[frame])
            assert found.nearest_atom[frame] == found.nearest_other_atom[frame] == -1
    assert np.isnan(found.minimum_distance).any() and not np.isnan(found.minimum_distance).all()


@pytest.mark.parametrize("shape", ["rectangular", "truncated octahedron"])
def test_to_images(butane: xr.Dataset, shape: str) -> None:
    """Of a molecule that is nearly as long as the box."""
    ds = gd.make_whole(butane).load()
    ds["box"] = ds.box.assign_attrs(shape=shape)
    first = ds.positions.values[:, :1]
    ds.positions.values[:, :4] = first + 4.0 * (ds.positions.values[:, :4] - first)
    ds = ds.assign_attrs(molecules="whole")
    for atoms in ([0, 1, 2, 3], [3, 0, 1]):
        found = gd.image_distance(ds, atoms=atoms, with_atoms=True)
        for frame in range(ds.sizes["frame"]):
            apart = images(ds, frame, atoms, atoms)[(SHIFTS != 0).any(axis=1)]
            np.testing.assert_allclose(found.image_distance[frame], apart.min(), 0, 1e-12)
            i, j = found.nearest_atom[frame], found.nearest_other_atom[frame]
            least = apart[:, list(atoms).index(i), list(atoms).index(j)].min()
            np.testing.assert_allclose(least, apart.min(), 0, 1e-12)


def test_one_atom_is_its_own_image(butane: xr.Dataset) -> None:
    found = gd.image_distance(butane, atoms=[5], with_atoms=True).compute()
    np.testing.assert_allclose(
        found.image_distance, butane.box.values.diagonal(0, 1, 2).min(axis=1)
    )
    assert (found.nearest_atom == 5).all() and (found.nearest_other_atom == 5).all()


def test_check_box_of_gromos_plus_plus(reference: Path) -> None:
    """A protein and its 26 copies: two decimals are printed, the least distance first."""
    folder = reference / "analysis"
    system = folder / "pla2"
    ds = gd.make_whole(
        gd.open_trajectory(system / "pla2_solute.trc.gz", system / "pla2.top", dtype=float)
    )
    lines = (folder / "more" / "pla2" / "check_box.out").read_text().splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    least = {}
    for time, distance, *_ in rows:
        least.setdefault(time, float(distance))
    found = gd.image_distance(ds, atoms="molecule 1").compute()
    assert len(least) == len(found)
    assert (abs(found.values - list(least.values())) < 0.005 + 1e-9).all()


def test_mdf_of_gromos_plus_plus(reference: Path) -> None:
    """The least distances of ions to the protein, without gathering, in every frame."""
    folder = reference / "analysis"
    system = folder / "pla2"
    ds = gd.open_trajectory(system / "pla2_solute.trc.gz", system / "pla2.top", dtype=float)
    for molecule in (3, 4, 5):
        path = folder / "more" / "pla2" / f"mdf_ions_protein_MIN_{molecule}_1.dat"
        lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
        expected = np.array([float(line[1]) for line in lines if line])
        found = gd.minimum_distance(ds, f"molecule {molecule}", "molecule 1", with_atoms=True)
        found = found.compute().isel(frame=slice(len(expected)))
        np.testing.assert_allclose(found.minimum_distance, expected, rtol=6e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ds: gd.minimum_distance(ds, "name X", [0]), "name X"),
        (lambda ds: gd.minimum_distance(ds, [0], [10**6]), "1000000"),
        (lambda ds: gd.image_distance(ds.drop_vars("box")), "needs the box"),
    ],
)
def test_what_makes_no_sense_is_refused(butane: xr.Dataset, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(butane)
