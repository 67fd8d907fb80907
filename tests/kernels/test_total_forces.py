"""Bonded and non-bonded terms together: MD++'s total forces, from topology, settings and frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plain_gromos import frames

from gromos_dist.kernels import (
    PairList,
    bonded,
    nonbonded_plain,
    prepare_nonbonded,
    reaction_field,
)
from gromos_dist.topology import bonded_terms, load_imd, load_topology


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
def test_forces_are_those_of_mdpp(reference: Path, name: str, system: str, n_frames: int) -> None:
    rerun = reference / "rerun"
    settings = load_imd(rerun / name / f"{name}.imd")
    read = frames(rerun / "systems" / f"{system}.trc.gz")[:n_frames]
    positions = np.array([frame["positions"] for frame in read])
    boxes = np.stack([np.diag(frame["box"][1]) for frame in read])
    topology = load_topology(rerun / "systems" / f"{system}.top")
    topology = topology.with_n_atoms(positions.shape[1])
    field = topology.force_field
    assert field is not None
    result = bonded(positions, boxes, bonded_terms(field, settings))
    parameters = prepare_nonbonded(
        charge=topology.charge[: topology.n_solute_atoms],
        lj_type=field.lj_type,
        c6=field.c6,
        c12=field.c12,
        cs6=field.cs6,
        cs12=field.cs12,
        coulomb=field.constants.coulomb,
        cutoff=settings.cutoff,
        field=reaction_field(settings.reaction_field_radius, settings.reaction_field_epsilon),
        charge_group_first=field.charge_group_first,
        exclusions=PairList(field.exclusion_first, field.exclusion_partner),
        one_four=PairList(field.one_four_first, field.one_four_partner),
        solvent_charge=topology.solvent.charge if topology.solvent else [],
        solvent_lj_type=field.solvent_lj_type,
        n_solvent_molecules=topology.n_solvent_molecules,
        atomic_cutoff=settings.cutoff_kind == "atom",
    )
    forces = nonbonded_plain(positions, boxes, parameters).forces
    assert forces is not None
    theirs = [frame["forces"] for frame in frames(rerun / name / f"{name}.trf.gz")[:n_frames]]
    np.testing.assert_allclose(result.forces + forces, theirs, rtol=0, atol=1e-8)
