"""Bonded terms: against plain formulas, finite differences, symmetries, and MD++."""

from __future__ import annotations

import gzip
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plain_gromos import frames

from gromos_dist import FrameError, instruction_set
from gromos_dist.forces.bonded_terms import BONDED_TERMS, bonded_terms
from gromos_dist.forces.groups import energy_groups
from gromos_dist.forces.imd import load_imd
from gromos_dist.kernels import bonded
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.topology import load_topology

Array = NDArray[np.float64]

N_ATOMS = {
    "quartic bond": 2,
    "harmonic bond": 2,
    "cosine angle": 3,
    "harmonic angle": 3,
    "improper": 4,
    "dihedral": 4,
    "cross dihedral": 8,
}
FORMS = st.sampled_from(sorted(N_ATOMS))
SEEDS = st.integers(0, 2**32 - 1)


def parameters_of(form: str, random: np.random.Generator) -> Array:
    """Two kinds, of the size that they have in GROMOS."""
    rows = {
        "quartic bond": [1e7, 0.12],
        "harmonic bond": [3e5, 0.12],
        "cosine angle": [500.0, -0.4],
        "harmonic angle": [400.0, 1.9],
        "improper": [300.0, 0.6],
        "dihedral": [20.0, 1.0, 3.0],
        "cross dihedral": [10.0, -0.5, 2.0],
    }[form]
    return np.array([rows, rows]) * random.uniform(0.8, 1.2, (2, len(rows))).round(
        0 if form in {"dihedral", "cross dihedral"} else 3
    )


def angle_about(a: Array, b: Array, c: Array) -> float:
    u, v = a - b, c - b
    return math.acos(float(u @ v) / math.sqrt(float((u @ u) * (v @ v))))


def torsion_about(a: Array, b: Array, c: Array, d: Array) -> float:
    """IUPAC: the angle between the halves of the bonds that stand off the axis."""
    axis = (c - b) / np.linalg.norm(c - b)
    near, far = (a - b) - ((a - b) @ axis) * axis, (d - c) - ((d - c) @ axis) * axis
    return math.atan2(float(np.cross(axis, near) @ far), float(near @ far))


def plain_energy(form: str, x: Array, p: Array) -> float:
    """The formulas of the manual."""
    if form.endswith("bond"):
        b = math.dist(x[0], x[1])
        beyond = (b * b - p[1] * p[1]) ** 2 / 4 if form == "quartic bond" else (b - p[1]) ** 2 / 2
        return float(p[0] * beyond)
    if form.endswith("angle"):
        t = angle_about(*x)
        return float(p[0] / 2 * ((math.cos(t) if form == "cosine angle" else t) - p[1]) ** 2)
    q = torsion_about(*x[:4])
    if form == "improper":
        return float(min(p[0] / 2 * (q - p[1] + turn * 2 * math.pi) ** 2 for turn in (-1, 0, 1)))
    if form == "cross dihedral":
        q += torsion_about(*x[4:])
    return float(p[0] * (1 + math.cos(p[2] * q - p[1])))


def chain(n: int, random: np.random.Generator) -> Array:
    """Atoms 0.1 to 0.2 nm apart that make no straight angle."""
    steps = random.normal(size=(n, 3))
    for i in range(1, n):
        while abs(np.cos(angle_about(steps[i - 1], np.zeros(3), steps[i]))) > 0.9:
            steps[i] = random.normal(size=3)
    steps *= random.uniform(0.1, 0.2, (n, 1)) / np.linalg.norm(steps, axis=1, keepdims=True)
    return steps.cumsum(axis=0)


def case(form: str, seed: int, n_frames: int = 2) -> tuple[Array, tuple[str, Any, Any, Array]]:
    """Positions of 12 atoms and 3 terms that share some of them."""
    random = np.random.default_rng(seed)
    positions = np.stack([chain(12, random) for _ in range(n_frames)])
    first = np.array([0, 2, 4])
    atoms = first[:, None] + np.arange(N_ATOMS[form])
    return positions, (form, atoms, np.array([0, 1, 0]), parameters_of(form, random))


def energy_of(positions: Array, terms: tuple[str, Any, Any, Array]) -> Array:
    """Energies of the frames."""
    return bonded(positions, None, [terms]).energy.sum(axis=(1, 2))


@given(FORMS, SEEDS)
def test_energy_is_the_formula(form: str, seed: int) -> None:
    positions, terms = case(form, seed)
    _, atoms, kind, parameters = terms
    wanted = [
        sum(plain_energy(form, x[a], parameters[k]) for a, k in zip(atoms, kind, strict=True))
        for x in positions
    ]
    np.testing.assert_allclose(energy_of(positions, terms), wanted, rtol=1e-9, atol=1e-9)


@given(FORMS, SEEDS)
def test_forces_are_the_negative_gradient(form: str, seed: int) -> None:
    positions, terms = case(form, seed, n_frames=1)
    forces = bonded(positions, None, [terms]).forces[0]
    step = 1e-6
    moves = step * np.eye(36).reshape(36, 12, 3)
    difference = energy_of(positions + moves, terms) - energy_of(positions - moves, terms)
    numeric = -difference.reshape(12, 3) / (2 * step)
    scale = np.abs(numeric).max() + 1.0
    np.testing.assert_allclose(forces / scale, numeric / scale, atol=2e-6)


@given(FORMS, SEEDS)
def test_virial_is_what_strain_does_to_the_energy(form: str, seed: int) -> None:
    positions, terms = case(form, seed, n_frames=1)
    virial = bonded(positions, None, [terms]).virial[0]
    step = 1e-6
    strains = step * np.eye(9).reshape(9, 3, 3)
    moved = np.einsum("na,sab->snb", positions[0], strains)
    difference = energy_of(positions + moved, terms) - energy_of(positions - moved, terms)
    numeric = difference.reshape(3, 3) / (4 * step)
    scale = np.abs(numeric).max() + 1.0
    np.testing.assert_allclose(virial / scale, numeric / scale, atol=2e-6)
    # No torque.
    np.testing.assert_allclose(virial / scale, virial.T / scale, atol=1e-11)


@given(FORMS, SEEDS)
def test_nothing_pushes_or_turns_the_whole(form: str, seed: int) -> None:
    positions, terms = case(form, seed)
    forces = bonded(positions, None, [terms]).forces
    scale = np.abs(forces).max() + 1.0
    np.testing.assert_allclose(forces.sum(axis=1) / scale, 0.0, atol=1e-13)
    np.testing.assert_allclose(np.cross(positions, forces).sum(axis=1) / scale, 0.0, atol=1e-12)


BOXES = {
    "rectangular": np.diag([1.1, 1.3, 1.2]),
    "triclinic": np.array([[1.2, 0.0, 0.0], [0.3, 1.1, 0.0], [-0.4, 0.35, 1.3]]),
    "truncated octahedron": octahedron_vectors(np.diag([1.6, 1.6, 1.6])),
}


@pytest.mark.parametrize("boundary", BOXES)
@given(form=FORMS, seed=SEEDS)
def test_lattice_shifts_change_nothing(boundary: str, form: str, seed: int) -> None:
    positions, terms = case(form, seed)
    box = BOXES[boundary]
    random = np.random.default_rng(seed)
    shifts = random.integers(-3, 4, positions.shape)
    whole = bonded(positions, None, [terms])
    boxes = np.stack([box, box])
    broken = bonded(positions + shifts @ box, boxes, [terms])
    scale = np.abs(whole.forces).max() + 1.0
    np.testing.assert_allclose(broken.energy, whole.energy, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(broken.forces / scale, whole.forces / scale, atol=1e-9)
    np.testing.assert_allclose(broken.virial / scale, whole.virial / scale, atol=1e-9)


@given(FORMS, SEEDS)
def test_single_precision_positions_are_taken_as_they_are(form: str, seed: int) -> None:
    positions, terms = case(form, seed)
    singles = positions.astype(np.float32)
    ours = bonded(singles, None, [terms])
    for one, other in zip(ours, bonded(singles.astype(np.float64), None, [terms]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_groups_and_lists_add_up() -> None:
    cases = [case(form, seed) for seed, form in enumerate(N_ATOMS)]
    positions = cases[0][0]
    lists = [terms for _, terms in cases]
    group = np.array([0] * 3 + [1] * 9)
    all_at_once = bonded(positions, None, lists, energy_group=group, n_energy_groups=3)
    added = np.ones(positions.shape)
    for i, terms in enumerate(lists):
        for f in range(len(positions)):
            single = bonded(positions[f : f + 1], None, [terms])
            np.testing.assert_allclose(
                single.energy[0, 0, 0], all_at_once.energy[f, i].sum(), rtol=1e-14
            )
            added[f] += single.forces[0]
        # Terms begin with atoms 0, 2 and 4.
        assert (all_at_once.energy[:, i, 2] == 0).all()
        assert (all_at_once.energy[:, i, :2] != 0).all()
    np.testing.assert_allclose(added - 1, all_at_once.forces, rtol=1e-9, atol=1e-9)
    only = bonded(positions, None, lists, energy_group=group, n_energy_groups=3, forces=False)
    assert only.forces is None
    np.testing.assert_array_equal(only.energy, all_at_once.energy)
    np.testing.assert_array_equal(only.virial, all_at_once.virial)
    into = np.ones(positions.shape)
    assert bonded(positions, None, lists, add_to=into).forces is into
    np.testing.assert_allclose(into, added, rtol=1e-12)


def test_every_instruction_set_gives_the_same_bits() -> None:
    positions, terms = case("dihedral", 3)
    results = []
    before = instruction_set.active()
    for name in instruction_set.available():
        instruction_set.select(name)
        results.append(bonded(positions, None, [terms]))
    instruction_set.select(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def one_term(form: str, x: list[list[float]], parameters: list[float]) -> Any:
    atoms = np.arange(len(x))[None]
    terms = (form, atoms, np.array([0]), np.array([parameters]))
    return bonded(np.array([x]), None, [terms])


LINE = [[0.0, 0, 0], [0.1, 0, 0], [0.2, 0, 0]]


@pytest.mark.parametrize(
    ("form", "x", "parameters", "energy"),
    [
        ("quartic bond", [[0.1, 0.2, 0.3]] * 2, [4e4, 0.1], 1.0),
        ("cosine angle", LINE, [2.0, 0.0], 1.0),
        ("harmonic angle", LINE, [2.0, math.pi - 1], 1.0),
        ("harmonic angle", [*LINE[:2], LINE[0]], [2.0, 1.0], 1.0),
        ("dihedral", [*LINE, [0.2, 0.1, 0]], [1.0, 0.0, 2.0], 2.0),
        ("improper", [*LINE, [0.2, 0.1, 0]], [2.0, 1.0], 1.0),
    ],
)
def test_without_a_direction_there_is_no_force(
    form: str, x: list[list[float]], parameters: list[float], energy: float
) -> None:
    result = one_term(form, x, parameters)
    assert result.energy[0, 0, 0] == pytest.approx(energy)
    assert np.isfinite(result.forces).all()
    assert result.forces[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("form", ["harmonic bond", "cosine angle", "harmonic angle", "dihedral"])
def test_atoms_at_one_place_are_named(form: str) -> None:
    random = np.random.default_rng(1)
    n = N_ATOMS[form]
    x = np.stack([chain(n, random), chain(n, random)])
    x[1, 1] = x[1, n // 2 if n == 4 else 0]
    terms = (form, np.arange(n)[None], np.array([0]), parameters_of(form, random))
    with pytest.raises(FrameError, match="frame 1: two interacting atoms lie in one place"):
        bonded(x, None, [terms])


def test_octahedra_fill_the_space_of_their_cubes() -> None:
    cubes = np.stack([3.0 * np.eye(3), np.full((3, 3), np.nan)])
    vectors = octahedron_vectors(cubes)
    assert np.linalg.det(vectors[0]) == pytest.approx(27 / 2)
    assert np.isnan(vectors[1]).all()
    for wrong in (np.diag([3.0, 3.0, 3.1]), np.eye(3) + 0.1, -np.eye(3)[::-1]):
        with pytest.raises(ValueError, match="three equal edges along x, y and z"):
            octahedron_vectors(wrong)
    with pytest.raises(ValueError, match="expected shape"):
        octahedron_vectors([3.0, 3.0, 3.0])


def test_frames_without_a_box_are_not_periodic() -> None:
    positions, terms = case("dihedral", 5)
    wanted = bonded(positions, None, [terms])
    found = bonded(positions, np.stack([np.zeros((3, 3)), np.full((3, 3), np.nan)]), [terms])
    np.testing.assert_array_equal(found.forces, wanted.forces)


def test_improper_takes_the_shorter_way_round() -> None:
    random = np.random.default_rng(2)
    x = chain(4, random)
    q = torsion_about(*x)
    for turns in (-2, -1, 1, 2):
        near = one_term("improper", x.tolist(), [100.0, q + 0.1])
        far = one_term("improper", x.tolist(), [100.0, q + 0.1 + turns * 2 * math.pi])
        np.testing.assert_allclose(far.energy, 0.5, rtol=1e-9)
        np.testing.assert_allclose(far.forces, near.forces, rtol=1e-9, atol=1e-9)


def test_bad_frames_are_named() -> None:
    positions, terms = case("quartic bond", 0)
    positions[1, 5, 2] = np.nan
    with pytest.raises(FrameError, match=r"frame 1: a coordinate is NaN or infinite \(atom 5\)"):
        bonded(positions, None, [terms])
    boxes = np.zeros((2, 3, 3))
    boxes[0] = np.eye(3)
    positions = np.zeros((2, 12, 3))
    boxes[1, :2, :2] = 1.0
    with pytest.raises(FrameError, match="frame 1: the box has no volume"):
        bonded(positions, boxes, [terms])


def test_arguments_are_checked() -> None:
    positions, terms = case("improper", 0)
    form, atoms, kind, parameters = terms

    def call(*, box: Any = None, terms: Any = terms, **keywords: Any) -> None:
        bonded(positions, box, [terms], **keywords)

    for message, keywords in {
        r"box: expected shape \(2, 3, 3\), got \(3, 3\)": {"box": np.eye(3)},
        "expected one of 'quartic bond'.*, got 'bond'": {"terms": ("bond", *terms[1:])},
        "atoms: expected 0 to 11, got 0 to 12": {
            "terms": (form, atoms * 12 // 7, kind, parameters)
        },
        "atoms: expected 0 to 11, got 0 to 4294967296": {
            "terms": (form, np.array([[0, 1, 2, 2**32]]), kind[:1], parameters)
        },
        "kind: expected 0 to 1, got 0 to 2": {"terms": (form, atoms, kind * 2, parameters)},
        "expected integers, got float64": {"terms": (form, atoms * 1.0, kind, parameters)},
        "expected atoms, kind and parameters of shapes": {
            "terms": (form, atoms[:, :3], kind, parameters)
        },
        "a parameter is NaN": {"terms": (form, atoms, kind, parameters * np.nan)},
        "energy_group: expected 0 to 0, got 1 to 1": {"energy_group": np.ones(12, int)},
        r"energy_group: expected shape \(12,\), got \(3,\)": {"energy_group": [0, 0, 0]},
        "n_energy_groups: expected at least 1, got 0": {"n_energy_groups": 0},
        "add_to: expected a writeable": {"add_to": np.zeros((2, 12, 2))},
    }.items():
        with pytest.raises(ValueError, match=message):
            call(**keywords)


def bonded_energies(path: Path, n_groups: int) -> Array:
    """The table of bonded energies of an energy trajectory, shape (frames, terms, groups)."""
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()
    starts = [i for i, line in enumerate(lines) if line == "# bonded"]
    table = [
        [[float(word) for word in lines[start + 2 + group].split()] for group in range(n_groups)]
        for start in starts
    ]
    return np.array(table).transpose(0, 2, 1)


def assert_energies_equal(ours: Array, theirs: Array) -> None:
    # Ten digits are written.
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("pla2_rf", "pla2"),
        ("pla2_atomic", "pla2"),
        ("w1000", "w1000"),
        ("w1000_long", "w1000"),
        ("ch4_999spc", "ch4_999spc"),
        ("ch4_999spc_atomic_virial", "ch4_999spc"),
    ],
)
def test_energies_are_those_of_a_rerun(reference: Path, name: str, system: str) -> None:
    rerun = reference / "rerun"
    settings = load_imd(rerun / name / f"{name}.imd")
    read = frames(rerun / "systems" / f"{system}.trc.gz")
    positions = np.array([frame["positions"] for frame in read])
    boxes = np.stack([np.diag(frame["box"][1]) for frame in read])
    topology = load_topology(rerun / "systems" / f"{system}.top")
    topology = topology.with_n_atoms(positions.shape[1])
    assert topology.n_solvent_molecules == settings.n_solvent_molecules
    assert topology.force_field is not None
    group, n_groups = energy_groups(settings, topology.n_atoms)
    result = bonded(
        positions,
        boxes,
        bonded_terms(topology.force_field, settings),
        energy_group=group,
        n_energy_groups=n_groups,
    )
    theirs = bonded_energies(rerun / name / f"{name}.tre.gz", n_groups)
    assert len(theirs) == len(positions)
    assert_energies_equal(result.energy, theirs)
    if system != "ch4_999spc":
        assert (theirs[:, :2].sum(axis=2) > 0.01).all()


def mdpp_cases(reference: Path) -> Iterator[tuple[str, dict[str, Path]]]:
    for file in sorted((reference / "mdpp").glob("*/input.toml")):
        # Behind this the files have keys that are not TOML.
        text = file.read_text().partition("[reference_values]")[0]
        names = tomllib.loads(text)["input"]
        yield file.parent.name, {key: followed(file.parent / name) for key, name in names.items()}


def followed(path: Path) -> Path:
    """The file that a file stands for which holds nothing but a path."""
    text = path.read_text()
    return path if "\n" in text.strip() else path.parent / text.strip()


def test_energies_are_those_of_the_first_step_of_a_run(reference: Path) -> None:
    compared = 0
    for name, files in mdpp_cases(reference):
        if name == "aladip_solvated_em_posres":
            # Its settings are refused: it has position restraints.
            continue
        settings = load_imd(files["parameters"])
        (frame,) = frames(files["configuration"])
        positions = np.array([frame["positions"]])
        topology = load_topology(files["topology"]).with_n_atoms(positions.shape[1])
        assert topology.force_field is not None
        group, n_groups = energy_groups(settings, topology.n_atoms)
        vacuum = settings.boundary == "vacuum"
        result = bonded(
            positions,
            None if vacuum else np.diag(frame["box"][-4:][0])[None],
            bonded_terms(topology.force_field, settings),
            energy_group=group,
            n_energy_groups=n_groups,
        )
        theirs = bonded_energies(reference / "mdpp" / name / "expected/energies.tre", n_groups)
        np.testing.assert_allclose(result.energy[0], theirs[0], rtol=1e-8, atol=1e-9, err_msg=name)
        compared += bool(theirs[0].any())
    assert compared >= 12


def test_butane_feels_bonded_terms_and_one_pair(reference: Path) -> None:
    folder = reference / "mdpp/butane_vacuum"
    topology = load_topology(folder / "butane_vacuum.topo")
    field = topology.force_field
    assert field is not None
    (frame,) = frames(folder / "butane_vacuum.conf")
    positions = np.array([frame["positions"]])
    settings = load_imd(folder / "butane_vacuum.in")
    forces = bonded(positions, None, bonded_terms(field, settings)).forces[0]
    assert field.one_four_partner.tolist() == [3]
    r = positions[0, 0] - positions[0, 3]
    r2 = r @ r
    kind = field.lj_type[0], field.lj_type[3]
    force = (12 * field.cs12[kind] / r2**3 - 6 * field.cs6[kind]) / r2**4 * r
    forces[0] += force
    forces[3] -= force
    theirs = frames(folder / "expected/forces.trf")[0]["forces"]
    np.testing.assert_allclose(forces, theirs, atol=1e-6)


def test_names_of_the_terms_go_with_the_lists(reference: Path) -> None:
    topology = load_topology(reference / "rerun/systems/pla2.top")
    assert topology.force_field is not None
    settings = load_imd(reference / "rerun/pla2_rf/pla2_rf.imd")
    lists = bonded_terms(topology.force_field, settings)
    assert len(lists) == len(BONDED_TERMS)
    for name, terms in zip(BONDED_TERMS, lists, strict=True):
        assert terms.form.replace("cross dihedral", "crossdihedral").split()[-1] == name
