from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ewald_oracle
import numpy as np
import pytest
import rerun
from numpy.typing import NDArray
from oracles import level, on_every_level, random_rotation, same_bits
from scipy.special import erf, erfc
from test_nonbonded import BOXES, LEVELS, PRECISIONS, small_system

from gromos_dist.errors import FrameError
from gromos_dist.kernels import (
    EwaldMesh,
    EwaldSplitting,
    EwaldSum,
    NonbondedField,
    PairList,
    ewald_mesh,
    ewald_splitting,
    nonbonded,
    nonbonded_plain,
    prepare_ewald_mesh,
    prepare_nonbonded,
)

Floats = NDArray[np.float64]
TRICLINIC = np.array([[1.9, 0, 0], [0.3, 1.8, 0], [-0.4, 0.5, 2.0]])
PERIODIC = sorted(name for name, box in BOXES.items() if box is not None)


def ions(n: int = 20, *, net: float = 0.0, seed: int = 1) -> tuple[Floats, Floats]:
    """Charges at random in the triclinic box, none on top of another."""
    rng = np.random.default_rng(seed)
    spots = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)
    spots = spots[rng.permutation(64)[:n]] + rng.uniform(-0.3, 0.3, (n, 3))
    charge = rng.normal(size=n)
    return spots / 4 @ TRICLINIC, charge - charge.mean() + net / n


def fields(
    charge: Floats,
    splitting: EwaldSplitting,
    cutoff: float,
    coulomb: float = 138.9354,
    **settings: Any,
) -> tuple[NonbondedField, EwaldMesh]:
    """Charges without Lennard-Jones."""
    pairs = prepare_nonbonded(
        charge=charge,
        lj_type=np.zeros(len(charge), dtype=int),
        c6=[[0.0]],
        c12=[[0.0]],
        cutoff=cutoff,
        field=splitting,
        coulomb=coulomb,
    )
    mesh = prepare_ewald_mesh(charge=charge, splitting=splitting, coulomb=coulomb, **settings)
    return pairs, mesh


def whole_sum(
    x: Floats, box: Floats, pairs: NonbondedField, mesh: EwaldMesh, precision: str = "double"
) -> EwaldSum:
    """Both parts, of frames with the same box."""
    boxes = np.repeat(box[None], len(x), axis=0)
    near = nonbonded(x, boxes, pairs, virial=True, precision=precision)
    far = ewald_mesh(x, boxes, mesh, add_to=near.forces, precision=precision)
    assert near.energies is not None
    assert near.virial is not None
    n_groups = near.energies.shape[-1]
    i, j = np.triu_indices(n_groups)
    energy = near.energies[:, :, i, j].sum(axis=(1, 2)) + far.energy
    return EwaldSum(far.forces, energy, near.virial + far.virial)


# ---- against Ewald's sum, term by term ----


@pytest.mark.parametrize("net", [0.0, 3.0])
def test_equals_the_direct_sum(net: float) -> None:
    x, charge = ions(net=net)
    # Half the shortest vector is the longest cutoff; with this splitting 1e-13 is left there.
    cutoff = 0.9
    splitting = ewald_splitting(cutoff, 1e-13)
    expected = ewald_oracle.ewald(x, charge, TRICLINIC, 4.0, reach=(2, 16))
    other = ewald_oracle.ewald(x, charge, TRICLINIC, 5.0, reach=(1, 20))
    assert other.energy == pytest.approx(expected.energy, rel=1e-12)
    np.testing.assert_allclose(other.virial, expected.virial, rtol=0, atol=1e-9)
    pairs, mesh = fields(charge, splitting, cutoff, spacing=0.03, order=12)
    found = whole_sum(x[None], TRICLINIC, pairs, mesh)
    assert found.forces is not None
    scale = np.sqrt((expected.forces**2).mean())
    assert found.energy[0] == pytest.approx(expected.energy, rel=1e-10)
    assert np.abs(found.forces[0] - expected.forces).max() < 1e-9 * scale
    size = np.abs(expected.virial).max()
    assert np.abs(found.virial[0] - expected.virial).max() < 1e-9 * size


@pytest.mark.parametrize("net", [0.0, 3.0])
@pytest.mark.parametrize("box_name", PERIODIC)
def test_reciprocal_part_equals_its_sum(box_name: str, net: float) -> None:
    box = BOXES[box_name]
    assert box is not None
    x, charge = ions(net=net)
    # Short vectors of a skewed lattice do: the oracle needs fewer of the reciprocal ones.
    shorter = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [0.4, 0, 2.4]]) if box_name == "skewed" else box
    expected = ewald_oracle.reciprocal(x, charge, shorter, 2.5, reach=12)
    mesh = prepare_ewald_mesh(charge=charge, splitting=EwaldSplitting(2.5), spacing=0.06, order=12)
    found = ewald_mesh(x[None], box[None], mesh, precision="double")
    assert found.forces is not None
    assert found.energy[0] == pytest.approx(expected.energy, rel=1e-10)
    largest = np.abs(expected.forces).max()
    assert np.abs(found.forces[0] - expected.forces).max() < 1e-9 * largest
    assert np.abs(found.virial[0] - expected.virial).max() < 1e-9 * np.abs(expected.virial).max()
    mixed = ewald_mesh(x[None], box[None], mesh)
    assert mixed.forces is not None
    assert mixed.energy[0] == pytest.approx(expected.energy, rel=2e-6)
    assert np.abs(mixed.forces[0] - expected.forces).max() < 1e-5 * largest


# Energy of a pair of ions at unit distance: D. Borwein, J. M. Borwein and K. F. Taylor, J. Math.
# Phys. 26 (1985) 2999; of CsCl the distance is that of nearest neighbours.
MADELUNG = {"NaCl": 1.747564594633182, "CsCl": 1.762674773070988}


@pytest.mark.parametrize("salt", MADELUNG)
def test_madelung_constants(salt: str) -> None:
    cells = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    if salt == "NaCl":
        x, charge, edge = cells, (-1.0) ** cells.sum(axis=1), 4.0
    else:
        side = 2 / math.sqrt(3)
        x = np.concatenate([cells, cells + 0.5]) * side
        charge, edge = np.repeat([1.0, -1.0], 64), 4 * side
    cutoff = 0.499 * edge
    pairs, mesh = fields(
        charge, ewald_splitting(cutoff, 1e-15), cutoff, coulomb=1.0, spacing=0.045, order=12
    )
    energy = whole_sum(x[None], edge * np.eye(3), pairs, mesh).energy[0]
    assert -2 * energy / len(x) == pytest.approx(MADELUNG[salt], rel=1e-12)


# ---- the pairs ----


@pytest.mark.parametrize(("isa", "precision"), LEVELS)
def test_screened_interaction_of_a_pair(isa: str, precision: str) -> None:
    r = np.concatenate([np.geomspace(1e-3, 1.0, 40), np.linspace(0.5, 3.9, 200)])
    x = np.zeros((len(r), 2, 3))
    x[:, 1, 2] = r
    for alpha in (0.2, 3.47, 12.0):
        field, _ = fields(np.array([1.0, 1.0]), EwaldSplitting(alpha), 4.0, coulomb=1.0)
        boxes = np.repeat(8.0 * np.eye(3)[None], len(r), axis=0)
        expected = nonbonded_plain(x, boxes, field)
        assert expected.forces is not None
        assert expected.energies is not None
        pull = erfc(alpha * r) / r**2 + 2 * alpha / np.sqrt(np.pi) * np.exp(-((alpha * r) ** 2)) / r
        np.testing.assert_allclose(
            expected.energies[:, 1, 0, 0], erfc(alpha * r) / r, rtol=1e-12, atol=1e-250
        )
        np.testing.assert_allclose(expected.forces[:, 1, 2], pull, rtol=1e-12, atol=1e-250)
        with level(isa):
            found = nonbonded(x, boxes, field, precision=precision)
        assert found.forces is not None
        assert found.energies is not None
        # Relative to what is screened; a distance counts in 2**-32 of the box.
        room = 1e-14 if precision == "double" else 5e-7 + 3e-9 / r
        error = np.abs(found.energies[:, 1, 0, 0] - expected.energies[:, 1, 0, 0]) * r
        assert (error < room).all()
        error = np.abs(found.forces[:, 1, 2] - expected.forces[:, 1, 2]) * r**2
        assert (error < 3 * room).all()


@pytest.mark.parametrize("alpha", [0.01, 1.0, 3.47, 12.0])
def test_excluded_pairs_lose_what_the_lattice_has_of_them(alpha: float) -> None:
    r = np.concatenate([[0.0], np.geomspace(1e-5, 3.9, 100)])
    x = np.zeros((len(r), 2, 3))
    x[:, 1, 1] = r
    field = prepare_nonbonded(
        charge=[1.0, 1.0],
        lj_type=[0, 0],
        c6=[[0]],
        c12=[[0]],
        exclusions=PairList([0, 1, 1], [1]),
        cutoff=0.5,
        field=EwaldSplitting(alpha),
        coulomb=1.0,
    )
    boxes = np.repeat(8.0 * np.eye(3)[None], len(r), axis=0)
    found = nonbonded(x, boxes, field)
    assert found.energies is not None
    assert found.forces is not None
    energy = np.full(len(r), -2 * alpha / np.sqrt(np.pi))
    energy[1:] = -erf(alpha * r[1:]) / r[1:]
    np.testing.assert_allclose(found.energies[:, 1, 0, 0], energy, rtol=1e-12)
    assert not found.forces[0].any()
    # By parts: the derivative is a difference of numbers that are nearly equal where r is small.
    t, weights = np.polynomial.legendre.leggauss(60)
    t, weights = 0.5 * (t + 1), 0.5 * weights
    y = np.minimum(alpha * r, 6)[:, None]
    integral = (weights * 4 / np.sqrt(np.pi) * t**2 * np.exp(-((y * t) ** 2))).sum(axis=1)
    inside = alpha * r < 6
    np.testing.assert_allclose(
        found.forces[inside, 1, 1], (-(alpha**3) * r * integral)[inside], rtol=1e-11
    )
    np.testing.assert_allclose(found.forces[~inside, 1, 1], -1 / r[~inside] ** 2, rtol=1e-11)


@pytest.mark.parametrize(("isa", "precision"), LEVELS)
@pytest.mark.parametrize("name", ["ch4_999spc", "w1000", "pla2_rf"])
@pytest.mark.parametrize("atomic_cutoff", [False, True])
def test_every_level_equals_the_plain_kernel(
    reference: Path, atomic_cutoff: bool, name: str, isa: str, precision: str
) -> None:
    system, _, positions, boxes = rerun.open_case(reference, name)
    field = system.field(cutoff=0.9, field=ewald_splitting(0.9), atomic_cutoff=atomic_cutoff)
    expected = nonbonded_plain(positions[:1], boxes[:1], field, virial=True)
    with level(isa):
        found = nonbonded(positions[:1], boxes[:1], field, virial=True, precision=precision)
    close, energy = (1e-13, 1e-12) if precision == "double" else (2e-6, 1e-6)
    assert found.forces is not None
    assert expected.forces is not None
    difference = found.forces - expected.forces
    assert np.sqrt((difference**2).mean()) < close * np.sqrt((expected.forces**2).mean())
    np.testing.assert_allclose(found.energies, expected.energies, rtol=energy)  # type: ignore[arg-type]
    assert found.virial is not None
    assert expected.virial is not None
    assert np.abs(found.virial - expected.virial).max() < energy * np.abs(expected.virial).max()


@pytest.mark.parametrize(("isa", "precision"), LEVELS)
@pytest.mark.parametrize("solvent", ["spc", "all sites", "two sites", "nine sites"])
@pytest.mark.parametrize("box_name", ["rectangular", "triclinic", "skewed"])
def test_all_kinds_of_units_equal_the_plain_kernel(
    box_name: str, solvent: str, isa: str, precision: str
) -> None:
    most = 17 if solvent == "nine sites" else 40
    x, box, arguments = small_system(7, 10, most, solvent, box_name, field=ewald_splitting(0.85))
    assert box is not None
    for atomic in (False, True):
        field = prepare_nonbonded(**(arguments | {"atomic_cutoff": atomic}))
        expected = nonbonded_plain(x[None], box[None], field, virial=True, group_forces=True)
        with level(isa):
            found = nonbonded(
                x[None], box[None], field, virial=True, group_forces=True, precision=precision
            )
        for mine, theirs in zip(found, expected, strict=True):
            assert mine is not None
            assert theirs is not None
            room = 1e-12 if precision == "double" else 2e-5
            assert np.abs(mine - theirs).max() < room * max(1.0, np.abs(theirs).max())


# ---- what physics asks for ----


def test_total_does_not_depend_on_the_splitting() -> None:
    x, box, arguments = small_system(2, 8, 40, "spc", "triclinic", cutoff=1.1)
    assert box is not None
    totals = []
    for tolerance in (1e-10, 1e-12, 1e-14):
        splitting = ewald_splitting(1.1, tolerance)
        # By atoms, since a charge group reaches farther than its reference point.
        pairs = prepare_nonbonded(**(arguments | {"field": splitting, "atomic_cutoff": True}))
        charge = np.concatenate([arguments["charge"], np.tile([-0.82, 0.41, 0.41], 40)])
        mesh = prepare_ewald_mesh(charge=charge, splitting=splitting, spacing=0.03, order=12)
        totals.append(whole_sum(x[None], box, pairs, mesh))
    for total in totals[:-1]:
        assert total.energy[0] == pytest.approx(totals[-1].energy[0], rel=1e-9)
        for mine, theirs in ((total.forces, totals[-1].forces), (total.virial, totals[-1].virial)):
            assert mine is not None
            assert theirs is not None
            assert np.abs(mine - theirs).max() < 1e-8 * np.abs(theirs).max()


def test_errors_fall_with_order_and_spacing() -> None:
    x, charge = ions(net=1.0)
    expected = ewald_oracle.reciprocal(x, charge, TRICLINIC, 3.0, reach=14)
    errors = np.empty((5, 3))
    for i, order in enumerate((4, 6, 8, 10, 12)):
        for j, spacing in enumerate((0.15, 0.1, 0.06)):
            mesh = prepare_ewald_mesh(
                charge=charge, splitting=EwaldSplitting(3.0), spacing=spacing, order=order
            )
            forces = ewald_mesh(x[None], TRICLINIC[None], mesh, precision="double").forces
            assert forces is not None
            errors[i, j] = np.sqrt(((forces[0] - expected.forces) ** 2).mean())
    errors /= np.sqrt((expected.forces**2).mean())
    assert (np.diff(errors, axis=0) < 0).all()
    assert (np.diff(errors, axis=1) < 0).all()
    assert errors[0, 1] < 5e-3
    assert errors[-1, -1] < 1e-10
    # As the power of the spacing that the order is, or nearly.
    rates = np.log(errors[:, 1] / errors[:, 2]) / np.log(0.1 / 0.06)
    assert (rates > np.array([4, 6, 8, 10, 12]) - 2).all()


def test_forces_and_virial_are_derivatives_of_the_energy() -> None:
    x, charge = ions(net=2.0)
    # A coarse mesh: also its errors are derived.
    mesh = prepare_ewald_mesh(charge=charge, splitting=EwaldSplitting(3.0), grid=(16, 15, 18))
    found = ewald_mesh(x[None], TRICLINIC[None], mesh, precision="double")
    assert found.forces is not None
    step = 1e-5
    moved = np.repeat(x[None], 6, axis=0)
    for c in range(3):
        moved[2 * c, 4, c] += step
        moved[2 * c + 1, 4, c] -= step
    boxes = np.repeat(TRICLINIC[None], 6, axis=0)
    energy = ewald_mesh(moved, boxes, mesh, precision="double", forces=False).energy.reshape(3, 2)
    np.testing.assert_allclose(
        -(energy[:, 0] - energy[:, 1]) / (2 * step), found.forces[0, 4], rtol=1e-6, atol=1e-4
    )
    strained = np.empty((3, 3))
    for c in range(3):
        for d in range(3):
            pair = []
            for sign in (-1, 1):
                strain = np.eye(3)
                strain[c, d] += sign * step
                # x_d moves along c.
                stretched, vectors = x @ strain.T, TRICLINIC @ strain.T
                pair.append(
                    ewald_mesh(stretched[None], vectors[None], mesh, precision="double").energy[0]
                )
            strained[c, d] = (pair[1] - pair[0]) / (2 * step)
    # -1/2 of the sum of r f is half the derivative of the energy with the strain.
    np.testing.assert_allclose(found.virial[0], 0.5 * strained, rtol=1e-6, atol=1e-4)


def test_forces_nearly_sum_to_zero_and_moving_all_changes_little() -> None:
    x, charge = ions()
    _, mesh = fields(charge, ewald_splitting(0.9), 0.9, spacing=0.06, order=8)
    before = ewald_mesh(x[None], TRICLINIC[None], mesh, precision="double")
    rng = np.random.default_rng(3)
    shifted = x + np.array([0.123, -4.5, 0.77]) + rng.integers(-3, 4, x.shape) @ TRICLINIC
    after = ewald_mesh(shifted[None], TRICLINIC[None], mesh, precision="double")
    assert before.forces is not None
    assert after.forces is not None
    scale = np.sqrt((before.forces**2).mean())
    assert np.abs(before.forces.sum(axis=1)).max() < 1e-5 * scale
    assert np.sqrt(((before.forces - after.forces) ** 2).mean()) < 1e-5 * scale
    assert after.energy[0] == pytest.approx(before.energy[0], rel=1e-7)


def test_turning_the_lattice_turns_the_forces() -> None:
    x, charge = ions()
    rotation = random_rotation(np.random.default_rng(8))
    _, mesh = fields(charge, ewald_splitting(0.9), 0.9)
    a = ewald_mesh(x[None], TRICLINIC[None], mesh, precision="double")
    b = ewald_mesh(x[None] @ rotation.T, TRICLINIC[None] @ rotation.T, mesh, precision="double")
    assert a.forces is not None
    assert b.forces is not None
    np.testing.assert_allclose(b.forces, a.forces @ rotation.T, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(b.energy, a.energy, rtol=1e-12)
    np.testing.assert_allclose(b.virial, rotation @ a.virial @ rotation.T, rtol=1e-9, atol=1e-7)


def test_an_ion_alone_has_the_energy_of_its_lattice() -> None:
    # Of a cubic lattice of charges in a background that neutralises them: -2.837297 q^2 / 2 L.
    _, mesh = fields(
        np.array([1.0]), EwaldSplitting(12.0), 0.5, coulomb=1.0, order=12, spacing=0.02
    )
    found = ewald_mesh(np.array([[[0.3, 0.1, 0.2]]]), np.eye(3)[None], mesh, precision="double")
    assert found.energy[0] == pytest.approx(-2.837297479 / 2, rel=1e-9)
    assert found.forces is not None
    assert np.abs(found.forces).max() < 1e-9
    # The energy goes as 1/L: the trace of the strain derivative is its negative.
    assert np.trace(found.virial[0]) == pytest.approx(-0.5 * found.energy[0], rel=1e-9)


# ---- the same bits ----


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("order", [4, 6, 8, 10, 12])
def test_every_instruction_set_gives_the_same_bits(order: int, precision: str) -> None:
    x, charge = ions(19, net=1.0)
    _, mesh = fields(charge, ewald_splitting(0.9), 0.9, order=order)
    found = on_every_level(
        lambda: tuple(ewald_mesh(x[None], TRICLINIC[None], mesh, precision=precision))
    )
    assert found[0].any()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_any_split_of_the_frames_gives_the_same_bits(reference: Path, precision: str) -> None:
    system, _, positions, boxes = rerun.open_case(reference, "w1000")
    mesh = prepare_ewald_mesh(charge=system.arrays["charge"], splitting=ewald_splitting(0.9))
    # Boxes of other meshes too.
    scale = np.array([1.0, 1.2, 0.9])[:, None, None]
    positions, boxes = positions[:3] * scale, boxes[:3] * scale
    whole = ewald_mesh(positions, boxes, mesh, precision=precision)

    def one(i: int) -> EwaldSum:
        return ewald_mesh(positions[i : i + 1], boxes[i : i + 1], mesh, precision=precision)

    with ThreadPoolExecutor(2) as threads:
        threaded = list(threads.map(one, range(3)))
    for i in range(3):
        for array, part, other in zip(whole, one(i), threaded[i], strict=True):
            assert same_bits(array[i : i + 1], part)
            assert same_bits(part, other)


def test_pickled_meshes_are_the_same() -> None:
    x, charge = ions()
    _, mesh = fields(charge, ewald_splitting(0.9), 0.9, order=6)
    copy = pickle.loads(pickle.dumps(mesh))
    a, b = (ewald_mesh(x[None], TRICLINIC[None], m) for m in (mesh, copy))
    assert same_bits(tuple(a), tuple(b))


def test_forces_are_added() -> None:
    x, charge = ions()
    charge[3] = 0.0
    _, mesh = fields(charge, ewald_splitting(0.9), 0.9)
    alone = ewald_mesh(x[None], TRICLINIC[None], mesh)
    given = np.ones((1, 20, 3))
    added = ewald_mesh(x[None], TRICLINIC[None], mesh, add_to=given)
    assert added.forces is given
    assert alone.forces is not None
    np.testing.assert_allclose(given, alone.forces + 1.0, rtol=1e-14)
    assert not alone.forces[0, 3].any()
    without = ewald_mesh(x[None], TRICLINIC[None], mesh, forces=False)
    assert without.forces is None
    assert same_bits(without.energy, alone.energy)


def test_no_charges_at_all() -> None:
    mesh = prepare_ewald_mesh(charge=np.zeros(3), splitting=EwaldSplitting(3.0))
    found = ewald_mesh(np.zeros((1, 3, 3)), 2 * np.eye(3)[None], mesh)
    assert found.forces is not None
    assert not found.forces.any()
    assert found.energy[0] == 0.0


# ---- against OpenMM ----


def test_equals_openmm(reference: Path) -> None:
    openmm = pytest.importorskip("openmm", reason="needs openmm: pip install openmm")
    system, _, positions, boxes = rerun.open_case(reference, "w1000")
    arrays, n = system.arrays, positions.shape[1]
    cutoff = 1.2
    splitting = ewald_splitting(cutoff, 1e-10)
    coulomb = 138.935456
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(cutoff)
    force.setUseDispersionCorrection(False)
    force.setPMEParameters(splitting.alpha, 90, 90, 90)
    platform_system = openmm.System()
    for charge, kind in zip(arrays["charge"], arrays["lj_type"], strict=True):
        c6, c12 = arrays["c6"][kind, kind], arrays["c12"][kind, kind]
        sigma, epsilon = ((c12 / c6) ** (1 / 6), c6**2 / (4 * c12)) if c6 else (1.0, 0.0)
        platform_system.addParticle(18.0)
        force.addParticle(charge, sigma, epsilon)
    first, partner = (np.asarray(part) for part in arrays["exclusions"])
    for i, j in zip(
        np.repeat(np.arange(n), np.diff(first)).tolist(), partner.tolist(), strict=True
    ):
        force.addException(i, j, 0.0, 1.0, 0.0)
    platform_system.addForce(force)
    platform_system.setDefaultPeriodicBoxVectors(*boxes[0].tolist())
    context = openmm.Context(
        platform_system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(positions[0].tolist())
    state = context.getState(getForces=True, getEnergy=True)
    expected = np.array(state.getForces(asNumpy=True)._value)
    energy = state.getPotentialEnergy()._value
    pairs = system.field(cutoff=cutoff, field=splitting, coulomb=coulomb, atomic_cutoff=True)
    mesh = prepare_ewald_mesh(
        charge=arrays["charge"], splitting=splitting, coulomb=coulomb, spacing=0.04, order=12
    )
    found = whole_sum(positions[:1], boxes[0], pairs, mesh)
    assert found.forces is not None
    scale = np.sqrt((expected**2).mean())
    # What is left is OpenMM's mesh, whose splines are of order 5.
    assert np.sqrt(((found.forces[0] - expected) ** 2).mean()) < 2e-5 * scale
    assert found.energy[0] == pytest.approx(energy, rel=1e-6)


# ---- what can be wrong ----


def test_frames_that_cannot_be_computed_are_named() -> None:
    x, charge = ions()
    _, mesh = fields(charge, ewald_splitting(0.9), 0.9)
    frames, boxes = np.repeat(x[None], 3, axis=0), np.repeat(TRICLINIC[None], 3, axis=0)
    with pytest.raises(FrameError, match="frame 0: there is no box"):
        ewald_mesh(frames, None, mesh)
    for nothing in (np.nan, 0.0):
        missing = boxes.copy()
        missing[2] = nothing
        with pytest.raises(FrameError, match="frame 2: there is no box"):
            ewald_mesh(frames, missing, mesh)
    flat = boxes.copy()
    flat[1, 2] = flat[1, 1]
    with pytest.raises(FrameError, match="frame 1: the box has no volume"):
        ewald_mesh(frames, flat, mesh)
    broken = frames.copy()
    broken[1, 5, 0] = np.inf
    with pytest.raises(FrameError, match=r"frame 1: a coordinate is NaN or infinite \(atom 5\)"):
        ewald_mesh(broken, boxes, mesh)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"charge": []}, "charge: expected a finite number"),
        ({"charge": [1.0, np.nan]}, "charge: expected a finite number"),
        ({"splitting": EwaldSplitting(0.0)}, "splitting: expected alpha"),
        ({"spacing": 0.0}, "spacing: expected a length"),
        ({"spacing": 0.1, "grid": (9, 9, 9)}, "spacing and grid say the same"),
        ({"grid": (9, 9)}, "grid: expected three numbers"),
        ({"grid": (9, 9, 8.5)}, "grid: expected three numbers"),
        ({"order": 5}, "order: expected one of 4, 6"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"charge": [1.0, -1.0], "splitting": EwaldSplitting(3.0)}
    with pytest.raises(ValueError, match=message):
        prepare_ewald_mesh(**(arguments | changes))


def test_arguments_that_do_not_fit() -> None:
    x, charge = ions()
    splitting = EwaldSplitting(3.0)
    mesh = prepare_ewald_mesh(charge=charge, splitting=splitting)
    boxes = TRICLINIC[None]
    with pytest.raises(ValueError, match="positions have 2 atoms a frame, the mesh is for 20"):
        ewald_mesh(x[None, :2], boxes, mesh)
    with pytest.raises(ValueError, match="precision: expected 'mixed' or 'double'"):
        ewald_mesh(x[None], boxes, mesh, precision="single")
    with pytest.raises(ValueError, match="add_to: expected a writeable"):
        ewald_mesh(x[None], boxes, mesh, add_to=np.zeros((1, 20, 2)))
    coarse = prepare_ewald_mesh(charge=charge, splitting=splitting, grid=(3, 8, 8))
    with pytest.raises(ValueError, match="a mesh of 3 x 8 x 8 points: expected at least 4"):
        ewald_mesh(x[None], boxes, coarse)
    fine = prepare_ewald_mesh(charge=charge, splitting=splitting, spacing=1e-4)
    with pytest.raises(ValueError, match=r"a mesh of \d+ x \d+ x \d+ points"):
        ewald_mesh(x[None], boxes, fine)


def test_fields_of_pairs_that_make_no_sense() -> None:
    arguments: dict[str, Any] = {
        "charge": [1.0],
        "lj_type": [0],
        "c6": [[0.0]],
        "c12": [[0.0]],
        "cutoff": 1.0,
    }
    with pytest.raises(ValueError, match="field: expected alpha"):
        prepare_nonbonded(**arguments, field=EwaldSplitting(-1.0))
    with pytest.raises(ValueError, match="has to correct for excluded pairs"):
        prepare_nonbonded(**arguments, field=EwaldSplitting(1.0), excluded_reaction_field=False)
    with pytest.raises(ValueError, match="cutoff: expected a length"):
        ewald_splitting(0.0)
    with pytest.raises(ValueError, match="tolerance: expected a number between 0 and 1"):
        ewald_splitting(1.0, 1.0)
    assert erfc(ewald_splitting(0.9, 1e-5).alpha * 0.9) == pytest.approx(1e-5)
