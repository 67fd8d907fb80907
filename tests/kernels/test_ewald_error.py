"""Errors of particle-mesh Ewald that are estimated, against the sums themselves."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import ewald_oracle
import numpy as np
import pytest
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.kernels import (
    choose_mesh,
    ewald_mesh,
    ewald_splitting,
    mesh_error,
    nonbonded,
    prepare_ewald_mesh,
    prepare_nonbonded,
    real_space_error,
)
from gromos_dist.kernels.nonbonded_field import EwaldSplitting

DATA = Path(__file__).parent.parent / "data"
COULOMB = 138.9354

Floats = NDArray[np.float64]


def random_charges() -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(4)
    charge = rng.choice([-1.0, 1.0, 0.5, -0.5], 240)
    charge[-1] -= charge.sum()
    return rng.random((240, 3)) * 2.0, charge, 2.0 * np.eye(3)


def water() -> tuple[Floats, Floats, Floats]:
    """Butane, without charges, among a hundred waters."""
    frame = gd.open_trajectory(DATA / "butane.trc", dtype=np.float64).isel(frame=0)
    topology = gd.load_topology(DATA / "butane.top").with_n_atoms(frame.sizes["atom"])
    box = frame.box.values
    return frame.positions.values % np.diag(box), topology.charge, box


SYSTEMS = {"random": random_charges, "water": water}
ALPHA = 3.5


@lru_cache
def exact_on_mesh(system: str) -> Floats:
    """Forces of a mesh without errors; these sums take longer than all meshes."""
    return ewald_oracle.reciprocal(*SYSTEMS[system](), ALPHA, reach=14).forces


def root_mean_square(forces: Floats) -> float:
    return float(np.sqrt((forces**2).sum(axis=-1).mean()))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("order", [4, 6, 8, 12])
@pytest.mark.parametrize("spacing", [0.11, 0.07])
def test_the_error_of_a_mesh_is_what_was_estimated(system: str, order: int, spacing: float) -> None:
    positions, charge, box = SYSTEMS[system]()
    volume = float(np.linalg.det(box))
    points = round(float(box[0, 0]) / spacing)
    mesh = prepare_ewald_mesh(
        charge=charge, splitting=EwaldSplitting(ALPHA), grid=(points,) * 3, order=order
    )
    found = ewald_mesh(positions[None], box[None], mesh, precision="double").forces
    assert found is not None
    measured = root_mean_square(found[0] - exact_on_mesh(system))
    error = mesh_error(ALPHA * float(box[0, 0]) / points, order)
    squares, fourths = (charge**2).mean(), (charge**4).mean()
    pairs = squares * (charge**2).sum() / volume * ALPHA * error.pairs**2
    estimated = COULOMB * np.sqrt(pairs + fourths * (ALPHA**2 * error.own) ** 2)
    # Of neutral molecules, errors of the charges cancel in part.
    low, high = (0.85, 1.15) if system == "random" else (0.08, 0.9)
    assert low < measured / estimated < high


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_the_error_of_the_cutoff_is_what_was_estimated(system: str, tolerance: float) -> None:
    positions, charge, box = SYSTEMS[system]()
    cutoff = 0.74
    splitting = ewald_splitting(cutoff, tolerance)
    field = prepare_nonbonded(
        charge=charge,
        lj_type=np.zeros(len(charge), int),
        c6=[[0]],
        c12=[[0]],
        cutoff=cutoff,
        field=splitting,
    )
    found = nonbonded(positions[None], box[None], field, precision="double").forces
    exact = ewald_oracle.real(positions, charge, box, splitting.alpha, reach=2).forces
    assert found is not None
    measured = root_mean_square(found[0] - exact)
    scale = np.sqrt((charge**2).mean() * (charge**2).sum() / np.linalg.det(box))
    estimated = COULOMB * scale * real_space_error(splitting.alpha, cutoff)
    low, high = (0.9, 1.1) if system == "random" else (0.5, 0.9)
    assert low < measured / estimated < high


@pytest.mark.parametrize("cutoff", [0.7, 0.9, 1.4])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-5, 1e-8])
def test_a_mesh_is_chosen_that_is_as_good_as_the_cutoff(cutoff: float, tolerance: float) -> None:
    alpha = ewald_splitting(cutoff, tolerance).alpha
    mesh = choose_mesh(alpha, cutoff)
    assert mesh.error <= mesh.allowed
    # And no better than need be, unless the mesh is as coarse as meshes get.
    assert mesh.error > 0.5 * mesh.allowed or mesh.spacing == 0.3
    assert choose_mesh(alpha, cutoff, order=8).order == 8
    given = choose_mesh(alpha, cutoff, spacing=0.05)
    assert given.spacing == 0.05
    both = choose_mesh(alpha, cutoff, spacing=0.25, order=4)
    assert (both.spacing, both.order) == (0.25, 4)
    assert (both.error > both.allowed) is (tolerance < 1e-2 and (cutoff, tolerance) != (1.4, 1e-3))
