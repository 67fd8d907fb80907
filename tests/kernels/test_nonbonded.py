from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import nonbonded_oracle
import numpy as np
import pytest
import rerun
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import level, random_rotation, same_bits

from gromos_dist import instruction_set
from gromos_dist.errors import FrameError
from gromos_dist.kernels import (
    Nonbonded,
    NonbondedField,
    PairList,
    ReactionField,
    molecular_virial,
    nonbonded,
    nonbonded_plain,
    prepare_nonbonded,
    reaction_field,
)
from gromos_dist.kernels.boxes import octahedron_vectors

Floats = NDArray[np.float64]
PRECISIONS = ("double", "mixed")
LEVELS = [(isa, precision) for isa in instruction_set.available() for precision in PRECISIONS]


@cache
def case(reference: Path, name: str) -> tuple[rerun.System, NonbondedField, Floats, Floats]:
    return rerun.open_case(reference, name)


@cache
def plain_results(reference: Path, name: str) -> Nonbonded:
    _, field, positions, boxes = case(reference, name)
    return nonbonded_plain(positions[:1], boxes[:1], field, virial=True)


def upper(energies: Floats) -> Floats:
    """Pairs of groups in MD++'s order."""
    i, j = np.triu_indices(energies.shape[-1])
    return energies[..., i, j]


# ---- against MD++ ----


@pytest.mark.parametrize("name", rerun.CASES)
def test_equals_mdpp(reference: Path, name: str) -> None:
    system, field, positions, boxes = case(reference, name)
    expected = rerun.read_computed(reference, name, field.n_energy_groups)
    found = nonbonded(positions, boxes, field, virial=True, precision="double")
    assert found.forces is not None
    assert found.energies is not None
    assert found.virial is not None
    for kind, values in ((0, expected.lennard_jones), (1, expected.reaction_field)):
        mine = upper(found.energies[:, kind])
        assert mine == pytest.approx(values, rel=1e-7, abs=1e-6)
    if len(expected.forces):
        ends = system.molecule_end
        rigid = np.arange(len(system.masses)) >= len(system.arrays["charge"])
        np.testing.assert_allclose(
            found.forces[:, rigid], expected.forces[:, rigid], rtol=0, atol=1e-6
        )
        # Bonded forces of a molecule sum to nothing.
        starts = np.concatenate([[0], ends[:-1]])
        mine, theirs = (
            np.add.reduceat(forces, starts, axis=1) for forces in (found.forces, expected.forces)
        )
        size = np.diff(ends, prepend=0)[None, :, None]
        assert (np.abs(mine - theirs) < 1e-8 * size + 1e-9).all()
    if expected.virial is not None and name in ("ch4_999spc", "pla2_rf"):
        virial = molecular_virial(
            found.virial, positions, boxes, found.forces, molecule_end=ends, masses=system.masses
        )
        np.testing.assert_allclose(virial, expected.virial, rtol=1e-7, atol=1e-5)
    if name == "ch4_999spc_atomic_virial":
        assert expected.virial is not None
        np.testing.assert_allclose(found.virial, expected.virial, rtol=1e-7, atol=1e-5)


@pytest.mark.parametrize(("isa", "precision"), LEVELS)
@pytest.mark.parametrize("name", ["ch4_999spc", "w1000", "w1000_long", "pla2_rf", "pla2_atomic"])
def test_every_level_equals_the_plain_kernel(
    reference: Path, name: str, isa: str, precision: str
) -> None:
    _, field, positions, boxes = case(reference, name)
    expected = plain_results(reference, name)
    with level(isa):
        found = nonbonded(positions[:1], boxes[:1], field, virial=True, precision=precision)
    close, largest, energy = (1e-13, 1e-12, 1e-12) if precision == "double" else (2e-6, 1e-5, 1e-6)
    assert found.forces is not None
    assert expected.forces is not None
    difference = found.forces - expected.forces
    scale = np.sqrt((expected.forces**2).mean())
    assert np.sqrt((difference**2).mean()) < close * scale
    assert np.abs(difference).max() < largest * np.abs(expected.forces).max()
    assert found.energies is not None
    assert expected.energies is not None
    totals = expected.energies.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found.energies.sum(axis=(1, 2, 3)), totals, rtol=energy)
    np.testing.assert_allclose(
        found.energies, expected.energies, rtol=energy, atol=energy * np.abs(totals).max() / 100
    )
    assert found.virial is not None
    assert expected.virial is not None
    assert np.abs(found.virial - expected.virial).max() < energy * np.abs(expected.virial).max()


WIDE = {
    "rectangular": np.diag([3.6, 3.7, 3.8]),
    "triclinic": np.array([[3.6, 0, 0], [0.7, 3.7, 0], [-0.5, 0.6, 3.8]]),
    "octahedron": octahedron_vectors(np.diag([6.0] * 3)[None])[0],
}


@pytest.mark.parametrize("isa", instruction_set.available())
@pytest.mark.parametrize("box_name", WIDE)
@pytest.mark.parametrize("name", ["ch4_999spc", "w1000"])
@pytest.mark.parametrize("atomic_cutoff", [False, True])
def test_wide_boxes_of_every_shape(
    reference: Path, atomic_cutoff: bool, name: str, box_name: str, isa: str
) -> None:
    """Where coordinates are taken from the middle of a cluster: the cutoff is short."""
    system, _, positions, _ = case(reference, name)
    field = system.field(cutoff=0.5, field=reaction_field(0.5, 61.0), atomic_cutoff=atomic_cutoff)
    boxes = WIDE[box_name][None]
    expected = nonbonded_plain(positions[:1], boxes, field, virial=True)
    for precision, close in (("double", 1e-12), ("mixed", 2e-6)):
        for wanted in (
            {"virial": True},
            {"energies": False},
            {"forces": False},
            {"forces": False, "virial": True},
        ):
            with level(isa):
                found = nonbonded(positions[:1], boxes, field, precision=precision, **wanted)
            for mine, theirs in zip(found, expected, strict=True):
                if mine is not None and theirs is not None:
                    difference = np.sqrt(((mine - theirs) ** 2).mean())
                    assert difference < close * np.sqrt((theirs**2).mean())


@pytest.mark.parametrize(("isa", "precision"), LEVELS)
@pytest.mark.parametrize("box_name", ["rectangular", "triclinic", "octahedron"])
def test_cutoffs_of_nearly_half_a_box(box_name: str, isa: str, precision: str) -> None:
    """Points of molecules are then farther apart than that while their atoms are not."""
    half = {"rectangular": 1.0, "triclinic": 1.045, "octahedron": 0.989}[box_name]
    for seed in range(5):
        x, box, arguments = small_system(
            seed, 3, 40, "spc", box_name, cutoff=half, atomic_cutoff=True
        )
        assert box is not None
        field = prepare_nonbonded(**arguments)
        expected = nonbonded_plain(x[None], box[None], field, virial=True)
        with level(isa):
            found = nonbonded(x[None], box[None], field, virial=True, precision=precision)
        for mine, theirs in zip(found, expected, strict=True):
            if mine is not None and theirs is not None:
                room = 1e-12 if precision == "double" else 2e-5
                assert np.abs(mine - theirs).max() < room * max(1.0, np.abs(theirs).max())


# ---- against plain NumPy ----

SOLVENTS: dict[str, tuple[list[float], list[int], Floats]] = {
    "spc": ([-0.82, 0.41, 0.41], [0, 1, 1], np.array([[0, 0, 0], [0.1, 0, 0], [-0.03, 0.09, 0]])),
    "all sites": ([-0.5, 0.2, 0.3], [0, 2, 3], np.array([[0, 0, 0], [0.09, 0, 0], [0, 0.09, 0]])),
    "two sites": ([0.3, -0.3], [2, 3], np.array([[0, 0, 0], [0.08, 0, 0.02]])),
    "nine sites": (
        [0.1, -0.1, 0.2, -0.2, 0.05, -0.05, 0.3, -0.2, -0.1],
        [0, 1, 2, 3, 0, 1, 2, 3, 1],
        0.05 * np.array([[i % 3, i // 3, i % 2] for i in range(9)]),
    ),
}
BOXES: dict[str, Floats | None] = {
    "vacuum": None,
    "rectangular": np.diag([2.0, 2.1, 2.4]),
    "triclinic": np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.5, 0.6, 2.4]]),
    "skewed": np.array([[2.3, 0, 0], [2.7, 2.2, 0], [-3.0, 6.6, 2.4]]),
    "octahedron": 2.8 * np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0.5]]),
}
# Cells of these lattices with vectors as short as can be, to place molecules in.
CELLS = BOXES | {
    "vacuum": np.diag([2.2, 2.2, 2.2]),
    "skewed": np.array([[2.3, 0, 0], [0.4, 2.2, 0], [0.4, 0, 2.4]]),
    "octahedron": 1.4 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]),
}


def small_system(
    seed: int, n_groups: int, n_molecules: int, solvent: str, box_name: str, **settings: Any
) -> tuple[Floats, Floats | None, dict[str, Any]]:
    """A solute of random charge groups among solvent molecules; nothing overlaps badly."""
    rng = np.random.default_rng(seed)
    box, cell = BOXES[box_name], CELLS[box_name]
    assert cell is not None
    size = rng.integers(1, 5, n_groups)
    charges, types, shape = SOLVENTS[solvent]
    spots = np.stack(np.meshgrid(*[np.arange(7)] * 3), axis=-1).reshape(-1, 3) / 7 @ cell
    spots = spots[rng.permutation(len(spots))[: n_groups + n_molecules]]
    spots = spots + rng.uniform(-0.02, 0.02, spots.shape)
    solute = [spot + rng.uniform(-0.07, 0.07, (n, 3)) for spot, n in zip(spots, size, strict=False)]
    molecules = [spot + shape @ random_rotation(rng) for spot in spots[n_groups:]]
    positions = np.concatenate([*solute, *molecules, np.empty((0, 3))])
    if box is not None:
        # Whole atoms are moved by box vectors, at random: broken charge groups, too.
        positions = positions + rng.integers(-2, 3, positions.shape) @ box
    n_solute = int(size.sum())
    n_atoms = n_solute + len(charges) * n_molecules
    group = np.repeat(np.arange(n_groups), size)
    near = {(i, j) for i in range(n_solute) for j in range(i + 1, min(i + 9, n_solute))}
    # What lies within one group must not interact: it is too close.
    excluded = {(i, j) for i, j in near if group[i] == group[j] or rng.random() < 0.3}
    third = {pair for pair in sorted(near - excluded) if rng.random() < 0.3}
    own = [pair for pair in sorted(near) if rng.random() < 0.05]
    c6 = np.array([[2.6e-3, 0, 1e-3, 2e-3], [0] * 4, [1e-3, 0, 4e-4, 1e-3], [2e-3, 0, 1e-3, 2e-3]])
    arguments: dict[str, Any] = {
        "charge": rng.normal(size=n_solute).round(3),
        "lj_type": rng.integers(0, 4, n_solute),
        "c6": c6,
        "c12": c6 * 1e-3,
        "cs6": 0.9 * c6,
        "cs12": 0.8e-3 * c6,
        "charge_group_first": np.concatenate([[0], np.cumsum(size)]),
        "exclusions": rerun.by_lower_atom(np.array(sorted(excluded)), n_solute),
        "one_four": rerun.by_lower_atom(np.array(sorted(third)), n_solute),
        "lj_exception_pairs": np.array(own, dtype=int).reshape(-1, 2),
        "lj_exception_c6": rng.uniform(0, 1e-3, len(own)),
        "lj_exception_c12": rng.uniform(0, 1e-6, len(own)),
        "solvent_charge": charges,
        "solvent_lj_type": types,
        "n_solvent_molecules": n_molecules,
        "cutoff": 0.85,
        "field": reaction_field(0.9, 61.0, kappa=0.5),
    }
    if rng.random() < 0.5:
        cuts = sorted({*rng.integers(1, n_atoms + 1, 2).tolist(), n_atoms})
        group = np.searchsorted(cuts, np.arange(n_atoms), side="right")
    else:
        group = np.unique(rng.integers(0, 4, n_atoms), return_inverse=True)[1]
    arguments["energy_group"] = group
    if rng.random() < 0.3:
        n_energy_groups = group.max() + 1
        half = rng.random((n_energy_groups, n_energy_groups)) < 0.6
        arguments["interacting"] = half | half.T
    return positions, box, arguments | settings


@st.composite
def small_systems(draw: st.DrawFn) -> tuple[Floats, Floats | None, dict[str, Any]]:
    n_groups = draw(st.integers(0, 12))
    solvent = draw(st.sampled_from(sorted(SOLVENTS)))
    most = 17 if solvent == "nine sites" else 40
    return small_system(
        draw(st.integers(0, 2**32 - 1)),
        n_groups,
        draw(st.integers(0 if n_groups else 1, most)),
        solvent,
        draw(st.sampled_from(sorted(BOXES))),
        atomic_cutoff=draw(st.booleans()),
        excluded_reaction_field=draw(st.booleans()),
    )


@settings(max_examples=60)
@given(system=small_systems(), drift=st.sampled_from([None, 0.0, 0.03, 0.3]))
def test_equals_all_pairs_in_numpy(
    system: tuple[Floats, Floats | None, dict[str, Any]], drift: float | None
) -> None:
    """Of the positions themselves (drift None), or of a list made before atoms moved."""
    positions, box, arguments = system
    listed = None
    if drift is not None:
        listed = positions + drift * np.random.default_rng(1).normal(size=positions.shape)
    expected = nonbonded_oracle.compute(positions, box, arguments, listed)
    # Such a pair may fall on either side by rounding.
    assume(expected.nearest_to_cutoff > 1e-9)
    field = prepare_nonbonded(**arguments, for_lists=listed is not None)
    boxes = None if box is None else box[None]
    asked: dict[str, Any] = {
        "virial": True,
        "group_forces": True,
        "listed": None if listed is None else listed[None],
    }
    found = [("plain", "double", nonbonded_plain(positions[None], boxes, field, **asked))]
    for isa, precision in LEVELS:
        with level(isa):
            result = nonbonded(positions[None], boxes, field, precision=precision, **asked)
        found.append((isa, precision, result))
    for isa, precision, result in found:
        assert result.forces is not None
        assert result.energies is not None
        assert result.virial is not None
        assert result.group_forces is not None
        tolerance = 1e-10 if precision == "double" else 2e-5
        for mine, theirs in (
            (result.forces[0], expected.forces),
            (result.energies[0], expected.energies),
            (result.virial[0], expected.virial),
            (result.group_forces[0], expected.group_forces),
        ):
            scale = max(1.0, float(np.abs(theirs).max()))
            assert np.abs(mine - theirs).max() < tolerance * scale, (isa, precision)


# ---- what physics asks for ----


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("box_name", ["vacuum", "rectangular", "triclinic", "octahedron"])
def test_parts_are_the_same_whether_asked_for_alone_or_together(
    box_name: str, precision: str
) -> None:
    positions, box, arguments = small_system(1, 8, 40, "spc", box_name)
    field = prepare_nonbonded(**arguments)
    boxes = None if box is None else box[None]
    whole = nonbonded(positions[None], boxes, field, virial=True, precision=precision)
    for wanted in range(1, 8):
        asked = {"forces": wanted & 1, "energies": wanted & 2, "virial": wanted & 4}
        alone = nonbonded(
            positions[None],
            boxes,
            field,
            precision=precision,
            **{name: bool(bit) for name, bit in asked.items()},
        )
        for name, bit in asked.items():
            part, expected = getattr(alone, name), getattr(whole, name)
            if bit:
                np.testing.assert_allclose(part, expected, rtol=1e-6, atol=1e-4)
            else:
                assert part is None


@pytest.mark.parametrize("box_name", ["vacuum", "rectangular"])
def test_forces_are_the_negative_gradient(box_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Everything is within the cutoff, so that the energy has no steps.
    monkeypatch.setitem(BOXES, "rectangular", np.diag([9.0, 9.5, 10.0]))
    positions, box, arguments = small_system(2, 6, 12, "all sites", box_name, cutoff=4.5)
    # Rigid solvent has no forces within a molecule.
    n_solute = len(arguments["charge"])
    field = prepare_nonbonded(**arguments)
    step = 1e-5
    atoms = [0, 1, n_solute - 1]
    moved = np.repeat(positions[None], 6 * len(atoms), axis=0)
    for k, atom in enumerate(atoms):
        for c in range(3):
            moved[6 * k + 2 * c, atom, c] += step
            moved[6 * k + 2 * c + 1, atom, c] -= step
    boxes = None if box is None else np.repeat(box[None], len(moved), axis=0)
    energies = nonbonded(moved, boxes, field, forces=False, precision="double").energies
    assert energies is not None
    totals = upper(energies).sum(axis=(1, 2)).reshape(len(atoms), 3, 2)
    gradient = (totals[..., 0] - totals[..., 1]) / (2 * step)
    forces = nonbonded(
        positions[None], None if box is None else box[None], field, precision="double"
    ).forces
    assert forces is not None
    np.testing.assert_allclose(-gradient, forces[0, atoms], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("box_name", sorted(BOXES))
def test_forces_sum_to_zero(box_name: str, precision: str) -> None:
    positions, box, arguments = small_system(3, 9, 70, "spc", box_name)
    field = prepare_nonbonded(**arguments)
    forces = nonbonded(
        positions[None], None if box is None else box[None], field, precision=precision
    ).forces
    assert forces is not None
    # The sums of pairs are exact opposites but for the order they are added up in.
    room = 1e-12 if precision == "double" else 2e-6
    assert np.abs(forces.sum(axis=1)).max() < room * np.abs(forces).sum()


def test_moving_all_atoms_changes_nothing(reference: Path) -> None:
    _, field, positions, boxes = case(reference, "ch4_999spc")
    before = nonbonded(positions[:1], boxes[:1], field, precision="double")
    rng = np.random.default_rng(4)
    shifts = rng.integers(-3, 4, (1, positions.shape[1], 3)) @ boxes[0]
    after = nonbonded(
        positions[:1] + np.array([10.1, -3.3, 0.7]) + shifts, boxes[:1], field, precision="double"
    )
    for name in ("forces", "energies"):
        np.testing.assert_allclose(
            getattr(after, name), getattr(before, name), rtol=1e-9, atol=1e-7
        )


def test_rotation_in_vacuum_turns_the_forces() -> None:
    positions, _, arguments = small_system(5, 9, 30, "spc", "vacuum")
    field = prepare_nonbonded(**arguments)
    rotation = random_rotation(np.random.default_rng(5))
    before = nonbonded(positions[None], None, field, precision="double")
    after = nonbonded(positions[None] @ rotation.T, None, field, precision="double")
    assert before.forces is not None
    assert after.forces is not None
    np.testing.assert_allclose(after.forces, before.forces @ rotation.T, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(after.energies, before.energies, rtol=1e-10)  # type: ignore[arg-type]


def test_order_of_molecules_does_not_matter(reference: Path) -> None:
    _, field, positions, boxes = case(reference, "ch4_999spc")
    order = np.random.default_rng(6).permutation(999)
    atoms = np.concatenate([[0], (1 + 3 * order[:, None] + np.arange(3)).ravel()])
    before = nonbonded(positions[:1], boxes[:1], field, precision="double")
    after = nonbonded(positions[:1, atoms], boxes[:1], field, precision="double")
    assert before.forces is not None
    assert after.forces is not None
    np.testing.assert_allclose(after.forces, before.forces[:, atoms], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_crystal_of_boxes_has_as_many_times_the_energy(reference: Path, precision: str) -> None:
    system, _, positions, boxes = case(reference, "w1000")
    copies = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3) @ boxes[0]
    charges, types, _ = SOLVENTS["spc"]
    large = prepare_nonbonded(
        charge=[],
        lj_type=[],
        c6=system.arrays["c6"],
        c12=system.arrays["c12"],
        solvent_charge=charges,
        solvent_lj_type=types,
        n_solvent_molecules=27000,
        cutoff=0.9,
        field=reaction_field(0.9, 62.0),
    )
    # The solvent goes by first atoms: so does the small box.
    small_field = prepare_nonbonded(**(large._arguments | {"n_solvent_molecules": 1000}))
    small = nonbonded(positions[:1], boxes[:1], small_field, precision=precision)
    crystal = (positions[:1, None] + copies[None, :, None]).reshape(1, -1, 3)
    found = nonbonded(crystal, 3 * boxes[:1], large, precision=precision)
    assert small.forces is not None
    assert small.energies is not None
    assert found.forces is not None
    assert found.energies is not None
    tolerance = 1e-11 if precision == "double" else 2e-6
    np.testing.assert_allclose(found.energies, 27 * small.energies, rtol=tolerance)
    difference = found.forces.reshape(27, -1, 3) - small.forces
    assert np.sqrt((difference**2).mean()) < tolerance * np.sqrt((small.forces**2).mean())


def test_mixed_precision_takes_the_same_pairs_as_double(isa: str) -> None:
    # Two molecules far too near the cutoff for single precision to tell on which side they are.
    charges, types, shape = SOLVENTS["spc"]
    base = np.concatenate([shape, shape + np.array([1.2, 0, 0])])
    field = prepare_nonbonded(
        charge=[],
        lj_type=[],
        c6=np.zeros((2, 2)),
        c12=np.zeros((2, 2)),
        solvent_charge=charges,
        solvent_lj_type=types,
        n_solvent_molecules=32,
        cutoff=1.2,
        field=reaction_field(1.2, 61.0),
    )
    # Pairs of molecules, each pair far from the others.
    frames = []
    for beyond in (1e-9, 3e-9, 1e-8, 1e-7):
        for sign in (-1, 1):
            pair = base.copy()
            pair[3:, 0] += sign * beyond
            frames.append(np.concatenate([pair + np.array([0, 0, 5.0 * k]) for k in range(16)]))
    positions = np.array(frames)
    boxes = np.repeat(np.diag([7.0, 8.0, 90.0])[None], len(frames), axis=0)
    mixed = nonbonded(positions, boxes, field, precision="mixed").forces
    double = nonbonded(positions, boxes, field, precision="double").forces
    assert mixed is not None
    assert double is not None
    np.testing.assert_array_equal(np.any(mixed != 0, axis=2), np.any(double != 0, axis=2))
    assert [bool(np.any(frame)) for frame in double] == [True, False] * 4


@pytest.mark.parametrize("atomic_cutoff", [False, True])
@pytest.mark.parametrize("sites_with_lennard_jones", [0, 1])
def test_pairs_at_the_cutoff_in_clusters_of_neighbours(
    sites_with_lennard_jones: int, atomic_cutoff: bool, isa: str
) -> None:
    """As above, where places are counted from the middle of a cluster."""
    rng = np.random.default_rng(1)
    near = rng.uniform(0.0, 0.8, (16, 1, 3)) + rng.uniform(0.0, 0.1, (16, 3, 3))
    frames = [
        np.concatenate([near, near + np.array([1.2 + beyond, 0.0, 0.0])]).reshape(-1, 3)
        for beyond in (-1e-9, 1e-9, -1e-8, 1e-8, -1e-7, 1e-7)
    ]
    # The energy of a pair of atoms within the cutoff is 1 and next to nothing: they are counted.
    field = prepare_nonbonded(
        charge=[],
        lj_type=[],
        c6=np.zeros((2, 2)),
        c12=np.diag([0.0, 1e-30]),
        solvent_charge=[1.0, 1.0, 1.0],
        solvent_lj_type=[sites_with_lennard_jones, 0, 0],
        n_solvent_molecules=32,
        cutoff=1.2,
        atomic_cutoff=atomic_cutoff,
        coulomb=1e-6,
        field=ReactionField(0.0, -1e6),
        excluded_reaction_field=False,
    )
    for box in (np.diag([7.0, 8.0, 9.0]), np.array([[7.0, 0, 0], [1, 8, 0], [-1, 2, 9]])):
        boxes = np.repeat(box[None], len(frames), axis=0)
        counts = {
            precision: nonbonded(np.array(frames), boxes, field, precision=precision).energies
            for precision in PRECISIONS
        }
        mixed, double = (np.rint(counts[name][:, 1, 0, 0]) for name in ("mixed", "double"))
        np.testing.assert_array_equal(mixed, double)
        assert (double[::2] > double[1::2]).all()


# ---- the same bits ----


@pytest.mark.parametrize("precision", PRECISIONS)
def test_any_split_of_the_frames_gives_the_same_bits(
    reference: Path, isa: str, precision: str
) -> None:
    _, field, positions, boxes = case(reference, "w1000_long")
    asked: dict[str, Any] = {"virial": True, "group_forces": True, "precision": precision}
    whole = nonbonded(positions[:3], boxes[:3], field, **asked)
    parts = [nonbonded(positions[i : i + 1], boxes[i : i + 1], field, **asked) for i in (2, 0, 1)]
    with ThreadPoolExecutor(2) as threads:
        threaded = list(
            threads.map(
                lambda i: nonbonded(positions[i : i + 1], boxes[i : i + 1], field, **asked),
                range(3),
            )
        )
    for k, frame in enumerate((2, 0, 1)):
        for array, part, other in zip(whole, parts[k], threaded[frame], strict=True):
            assert array is not None
            assert part is not None
            assert same_bits(array[frame : frame + 1], part)
            assert same_bits(part, other)


def test_pickled_fields_are_the_same(reference: Path) -> None:
    _, field, positions, boxes = case(reference, "ch4_999spc")
    copy = pickle.loads(pickle.dumps(field))
    for a, b in zip(
        nonbonded(positions[:1], boxes[:1], field)[:2],
        nonbonded(positions[:1], boxes[:1], copy)[:2],
        strict=True,
    ):
        assert same_bits(a, b)


def test_float32_positions_are_taken_as_they_are(reference: Path) -> None:
    _, field, positions, boxes = case(reference, "ch4_999spc")
    rounded = positions[:1].astype(np.float32)
    a = nonbonded(rounded, boxes[:1], field)
    b = nonbonded(rounded.astype(np.float64), boxes[:1], field)
    assert same_bits(a.forces, b.forces)


# ---- what can be wrong ----

FUNCTIONS = pytest.mark.parametrize("function", [nonbonded, nonbonded_plain])


def two_charges(**changes: Any) -> NonbondedField:
    arguments: dict[str, Any] = {
        "charge": [1.0, -1.0],
        "lj_type": [0, 0],
        "c6": [[0.0]],
        "c12": [[0.0]],
        "cutoff": 1.0,
        "field": reaction_field(1.0, 61.0),
    }
    return prepare_nonbonded(**(arguments | changes))


@FUNCTIONS
def test_frames_that_cannot_be_computed_are_named(function: Any) -> None:
    field = two_charges()
    positions = np.zeros((3, 2, 3))
    positions[:, 1, 0] = 0.5
    boxes = np.repeat(np.eye(3)[None] * 3.0, 3, axis=0)
    broken = positions.copy()
    broken[1, 1, 2] = np.nan
    with pytest.raises(FrameError, match=r"frame 1: a coordinate is NaN or infinite \(atom 1\)"):
        function(broken, boxes, field)
    small = boxes.copy()
    small[2] *= 0.6
    with pytest.raises(
        FrameError,
        match=r"frame 2: the cutoff is longer than half the shortest vector of the box: "
        r"[\d.]+ nm in a box of [\d.]+ x [\d.]+ x [\d.]+ nm",
    ):
        function(positions, small, field)
    flat = boxes.copy()
    flat[1, 2] = flat[1, 1]
    with pytest.raises(FrameError, match="frame 1: the box has no volume"):
        function(positions, flat, field)
    same = positions.copy()
    same[2, 1] = same[2, 0]
    with pytest.raises(FrameError, match="frame 2: two interacting atoms lie in one place"):
        function(same, boxes, field)
    with pytest.raises(FrameError, match="frame 2: two interacting atoms lie in one place"):
        function(same, boxes, field, forces=False)


@FUNCTIONS
def test_arguments_that_do_not_fit(function: Any) -> None:
    field = two_charges()
    with pytest.raises(ValueError, match="positions have 3 atoms a frame"):
        function(np.zeros((1, 3, 3)), None, field)
    with pytest.raises(ValueError, match=r"box: expected shape \(1, 3, 3\)"):
        function(np.ones((1, 2, 3)), np.eye(3), field)


@FUNCTIONS
def test_lists_that_do_not_fit(function: Any) -> None:
    field = two_charges()
    positions = np.array([[[0.0, 0, 0], [0.3, 0, 0]]])
    with pytest.raises(ValueError, match=r"listed: expected shape \(1, 2, 3\), got \(2, 3\)"):
        function(positions, None, field, listed=positions[0])
    with pytest.raises(FrameError, match=r"NaN or infinite \(atom 1\)"):
        function(positions, None, field, listed=positions * np.array([[1.0], [np.nan]]))


def test_a_list_with_a_cutoff_between_atoms_needs_its_own_field() -> None:
    with pytest.raises(ValueError, match="prepared with for_lists=True"):
        nonbonded(
            np.zeros((1, 2, 3)), None, two_charges(atomic_cutoff=True), listed=np.zeros((1, 2, 3))
        )


def test_unknown_precision() -> None:
    with pytest.raises(ValueError, match="precision: expected 'mixed' or 'double', got 'single'"):
        nonbonded(np.ones((1, 2, 3)), None, two_charges(), precision="single")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lj_type": [0, 1]}, "lj_type: expected integers from 0 to 0"),
        ({"lj_type": [0]}, "expected a Lennard-Jones type for each charge"),
        ({"charge": [1.0, np.inf]}, "charge: expected finite numbers"),
        ({"charge": [[1.0]]}, "charge: expected one dimension"),
        ({"c6": [[0, 1], [2, 0]]}, "c6: expected a symmetric matrix"),
        ({"c12": np.zeros((2, 2))}, "c12: expected shape"),
        ({"cutoff": 0.0}, "cutoff: expected a length"),
        ({"charge_group_first": [0, 1]}, "charge_group_first: expected to rise from 0"),
        ({"energy_group": [0]}, "energy_group: expected shape"),
        ({"energy_group": [0, -1]}, "energy_group: expected integers"),
        ({"energy_group": [0, 1], "interacting": [[1, 1], [0, 1]]}, "expected a symmetric array"),
        ({"exclusions": PairList([0, 1], [1])}, "exclusions: expected 3 numbers"),
        ({"exclusions": PairList([0, 0, 1], [0])}, "expected partners greater"),
        ({"one_four": PairList([0, 1, 1], [1])}, "one_four needs cs6 and cs12"),
        ({"n_solvent_molecules": 2}, "and a solvent molecule in solvent_charge"),
        ({"lj_exception_pairs": [[0, 1]]}, "expected coefficients for each of 1"),
        ({"charge": [], "lj_type": []}, "there are no atoms"),
    ],
)
def test_fields_that_contradict_themselves(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_charges(**changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1.0, 61.0), "radius"), ((1.0, -1.0), "epsilon_rf"), ((1.0, np.nan), "epsilon_rf")],
)
def test_reaction_fields_that_make_no_sense(arguments: tuple[float, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}: expected 0 or more"):
        reaction_field(*arguments)


def test_reaction_field_of_limits() -> None:
    assert reaction_field(1.4, 1.0) == pytest.approx((0.0, 1 / 1.4))
    conductor = reaction_field(1.4, 0.0)
    assert conductor == pytest.approx((-1 / 1.4**3, 1.5 / 1.4))
    assert reaction_field(1.4, 1e12) == pytest.approx(conductor)
    assert reaction_field(1.4, 4.0, kappa=1e9) == pytest.approx(conductor)
    assert reaction_field(0.0, 61.0) == (0.0, 0.0)


def test_molecular_virial_arguments() -> None:
    positions, forces, virial = np.zeros((1, 2, 3)), np.zeros((1, 2, 3)), np.zeros((1, 3, 3))
    good: dict[str, Any] = {"molecule_end": [2], "masses": [1.0, 1.0]}
    with pytest.raises(ValueError, match="forces: expected shape"):
        molecular_virial(virial, positions, None, forces[:, :1], **good)
    with pytest.raises(ValueError, match="virial: expected shape"):
        molecular_virial(virial[0], positions, None, forces, **good)
    with pytest.raises(ValueError, match="molecule_end: expected to rise"):
        molecular_virial(virial, positions, None, forces, **(good | {"molecule_end": [1]}))
    with pytest.raises(ValueError, match="weights must be finite"):
        molecular_virial(virial, positions, None, forces, **(good | {"masses": [0.0, 0.0]}))
