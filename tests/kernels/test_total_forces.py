"""Bonded and non-bonded terms together: MD++'s total forces, from topology, settings and frames."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from plain_gromos import frames

from gromos_dist.errors import TopologyError
from gromos_dist.forces.bonded_terms import bonded_terms
from gromos_dist.forces.groups import energy_groups
from gromos_dist.forces.imd import load_imd
from gromos_dist.forces.nonbonded_parameters import nonbonded_parameters
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.kernels import bonded, nonbonded_plain, prepare_nonbonded, reaction_field
from gromos_dist.topology import Topology, load_topology

DATA = Path(__file__).parents[1] / "data"


class Total(NamedTuple):
    forces: NDArray[np.float64]
    bonded: NDArray[np.float64]
    """(frames, terms, groups)"""
    nonbonded: NDArray[np.float64]
    """(frames, 2, groups, groups)"""
    virial: NDArray[np.float64]


def total(topology: Topology, settings: ForceSettings, read: list[dict[str, Any]]) -> Total:
    positions = np.array([frame["positions"] for frame in read])
    topology = topology.with_n_atoms(positions.shape[1])
    assert topology.force_field is not None
    boxes = None
    if settings.boundary != "vacuum":
        assert settings.boundary == "rectangular"
        boxes = np.stack([np.diag(frame["box"][-4:][0]) for frame in read])
    group, n_groups = energy_groups(settings, topology.n_atoms)
    one = bonded(
        positions,
        boxes,
        bonded_terms(topology.force_field, settings),
        energy_group=group,
        n_energy_groups=n_groups,
    )
    field = reaction_field(
        settings.reaction_field_radius,
        settings.epsilon_rf,
        kappa=settings.kappa,
    )
    parameters = prepare_nonbonded(**nonbonded_parameters(topology, settings), field=field)
    other = nonbonded_plain(positions, boxes, parameters, virial=True)
    assert one.forces is not None
    assert other.forces is not None
    assert other.energies is not None
    assert other.virial is not None
    return Total(one.forces + other.forces, one.energy, other.energies, one.virial + other.virial)


@pytest.mark.parametrize(
    ("name", "system", "n_frames"),
    [
        ("pla2_rf", "pla2", 1),
        ("pla2_atomic", "pla2", 1),
        ("w1000", "w1000", 2),
        ("w1000_long", "w1000", 2),
        ("ch4_999spc", "ch4_999spc", 2),
    ],
)
def test_forces_are_those_of_a_rerun(
    reference: Path, name: str, system: str, n_frames: int
) -> None:
    rerun = reference / "rerun"
    settings = load_imd(rerun / name / f"{name}.imd")
    read = frames(rerun / "systems" / f"{system}.trc.gz")[:n_frames]
    ours = total(load_topology(rerun / "systems" / f"{system}.top"), settings, read)
    theirs = [frame["forces"] for frame in frames(rerun / name / f"{name}.trf.gz")[:n_frames]]
    np.testing.assert_allclose(ours.forces, theirs, rtol=0, atol=1e-8)


def followed(path: Path) -> Path:
    """The file that a file stands for which holds nothing but a path."""
    text = path.read_text()
    return path if "\n" in text.strip() else path.parent / text.strip()


def nonbonded_energies(path: Path, n_groups: int) -> NDArray[np.float64]:
    """Lennard-Jones and Coulomb of the pairs of groups (the upper triangle) in the first frame."""
    lines = path.read_text().splitlines()
    begin = lines.index("# nonbonded") + 1
    rows = lines[begin : begin + n_groups * (n_groups + 1) // 2]
    return np.array([[float(word) for word in row.split()[:2]] for row in rows]).T


# The first has position restraints, so that its settings are refused; for the other see below.
LEFT_OUT = {"aladip_solvated_em_posres", "water_10_box"}


def test_forces_and_energies_are_those_of_the_first_step_of_every_run(reference: Path) -> None:
    compared = 0
    for file in sorted((reference / "mdpp").glob("*/input.toml")):
        folder = file.parent
        if folder.name in LEFT_OUT:
            continue
        # Behind this the files have keys that are not TOML.
        text = file.read_text().partition("[reference_values]")[0]
        names = tomllib.loads(text)["input"]
        settings = load_imd(folder / names["parameters"])
        topology = load_topology(followed(folder / names["topology"]))
        ours = total(topology, settings, frames(followed(folder / names["configuration"])))
        theirs = frames(folder / "expected/forces.trf")[0]["forces"]
        np.testing.assert_allclose(ours.forces[0], theirs, rtol=0, atol=1e-6, err_msg=folder.name)
        n_groups = ours.nonbonded.shape[-1]
        upper = ours.nonbonded[0][:, *np.triu_indices(n_groups)]
        energies = nonbonded_energies(folder / "expected/energies.tre", n_groups)
        np.testing.assert_allclose(upper, energies, rtol=1e-7, atol=1e-6, err_msg=folder.name)
        compared += 1
    assert compared == 22


def test_where_mdpp_does_not_exclude(reference: Path) -> None:
    """Na and Cl of water_10_box exclude each other, but are 0.87 nm apart.

    MD++ looks for exclusions only within the inner cutoff (0.8 nm here): between there and the
    outer one an excluded pair acts in full, on top of its reaction field. No chemical exclusion
    reaches that far; this one is an artefact of the input.
    """
    folder = reference / "mdpp/water_10_box"
    settings = load_imd(folder / "water_10_box.in")
    topology = load_topology(folder / "water_10_box.topo")
    field = topology.force_field
    assert field is not None
    (frame,) = frames(folder / "water_10_box.conf")
    ours = total(topology, settings, [frame])
    d = np.subtract(*frame["positions"][:2])
    r = float(np.linalg.norm(d))
    assert settings.cutoff_short < r < settings.cutoff
    kind = field.lj_type[0], field.lj_type[1]
    c6, c12 = field.c6[kind], field.c12[kind]
    constants = reaction_field(settings.reaction_field_radius, settings.epsilon_rf)
    charges = field.constants.coulomb * topology.charge[0] * topology.charge[1]
    lennard_jones = c12 / r**12 - c6 / r**6
    coulomb = charges * (1 / r - constants.force_term * r**2 / 2 - constants.energy_term)
    push = (12 * c12 / r**12 - 6 * c6 / r**6) / r**2 * d
    push += charges * (1 / r**3 + constants.force_term) * d
    forces = ours.forces[0].copy()
    forces[0] += push
    forces[1] -= push
    theirs = frames(folder / "expected/forces.trf")[0]["forces"]
    np.testing.assert_allclose(forces, theirs, rtol=0, atol=1e-6)
    energies = nonbonded_energies(folder / "expected/energies.tre", 2)
    np.testing.assert_allclose(
        ours.nonbonded[0, :, 0, 0] + [lennard_jones, coulomb], energies[:, 0], rtol=1e-7
    )


def test_what_is_switched_off_has_no_parameters() -> None:
    topology = load_topology(DATA / "butane.top").solvate(2)
    dark = nonbonded_parameters(topology, ForceSettings("vacuum", electrostatics=False))
    assert not dark["solvent_charge"].any()
    assert dark["c6"].any()
    hard = nonbonded_parameters(topology, ForceSettings("vacuum", lennard_jones=False))
    assert hard["solvent_charge"].tolist() == [-0.82, 0.41, 0.41]
    for name in ("c6", "c12", "cs6", "cs12", "lj_exception_c6", "lj_exception_c12"):
        assert hard[name].size
        assert not hard[name].any()


def test_settings_for_another_system_are_refused() -> None:
    topology = load_topology(DATA / "butane.top").solvate(2)
    with pytest.raises(ValueError, match=r"are for 3 solvent molecules .* topology has 2"):
        nonbonded_parameters(topology, ForceSettings("vacuum", n_solvent_molecules=3))
    with pytest.raises(ValueError, match=r"without solute .* has 4 solute atoms"):
        nonbonded_parameters(topology, ForceSettings("vacuum", with_solute=False))
    with pytest.raises(ValueError, match="ends with atom 11, but there are 10 atoms"):
        nonbonded_parameters(topology, ForceSettings("vacuum", energy_group_end=(11,)))
    with pytest.raises(TopologyError, match="forces need a GROMOS topology with LJPARAMETERS"):
        nonbonded_parameters(load_topology(DATA / "diglycine.top"), ForceSettings("vacuum"))
