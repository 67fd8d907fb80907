"""Hydrogen bonds of a protein, and of all water of a solvated system."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import data
import MDAnalysis
import mdtraj
import numpy as np
from families import Row
from MDAnalysis.analysis.hydrogenbonds import HydrogenBondAnalysis
from MDAnalysisTests.datafiles import GRO, PSF

import gromos_dist as gd

N_PROTEIN, N_PROTEIN_MDTRAJ, N_WATER, N_WATER_MDANALYSIS = 20000, 500, 200, 2


def rows() -> Iterator[Row]:
    """Yield what is timed."""
    yield Row(
        "hydrogen bonds (Baker-Hubbard) of a protein, 3341 atoms, DCD: occupancy",
        N_PROTEIN,
        lambda: gd.hydrogen_bond_occupancy(_protein(), criteria="baker_hubbard").compute(),
        {"mdtraj baker_hubbard": _mdtraj},
        "3x cpptraj (1.1x as fast as mdtraj in an earlier run)",
        {"mdtraj baker_hubbard": N_PROTEIN_MDTRAJ},
        _check_protein,
    )
    yield Row(
        "the same, their number in every frame",
        N_PROTEIN,
        lambda: gd.n_hydrogen_bonds(_protein(), criteria="baker_hubbard").compute(),
        {"mdtraj baker_hubbard": _mdtraj},
        "3x cpptraj",
        {"mdtraj baker_hubbard": N_PROTEIN_MDTRAJ},
    )
    yield Row(
        "all hydrogen bonds of water (Luzar-Chandler), 47681 atoms, DCD",
        N_WATER,
        lambda: gd.n_hydrogen_bonds(_solvated(), **_WATER).compute(),
        {"MDAnalysis": _mdanalysis},
        "10x gmx (twice as fast as MDAnalysis in an earlier run)",
        {"MDAnalysis": N_WATER_MDANALYSIS},
    )


_WATER: dict[str, Any] = {
    "donors": "water",
    "acceptors": "water",
    "criteria": "luzar_chandler",
}


@cache
def _protein() -> Any:
    return gd.open_trajectory(data.adk_dcd(), PSF, stop=N_PROTEIN)


@cache
def _solvated() -> Any:
    return gd.open_trajectory(data.solvated_dcd(), GRO, stop=N_WATER)


@cache
def _of_mdtraj() -> Any:
    topology = mdtraj.load_topology(PSF)
    return mdtraj.Trajectory(data.adk()[:N_PROTEIN_MDTRAJ], topology)


def _mdtraj() -> Any:
    return mdtraj.baker_hubbard(_of_mdtraj(), freq=0.0, periodic=False)


@cache
def _of_mdanalysis() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MDAnalysis.Universe(GRO, data.solvated_dcd())


def _mdanalysis() -> Any:
    analysis = HydrogenBondAnalysis(
        _of_mdanalysis(),
        donors_sel="resname SOL and name OW",
        hydrogens_sel="resname SOL and name HW*",
        acceptors_sel="resname SOL and name OW",
        d_a_cutoff=3.5,
    )
    return analysis.run(stop=N_WATER_MDANALYSIS).results.hbonds


def _check_protein() -> None:
    ours = gd.hydrogen_bond_occupancy(
        gd.open_trajectory(data.adk_dcd(), PSF, stop=N_PROTEIN_MDTRAJ),
        criteria="baker_hubbard",
        elements=("N", "O"),
    ).compute()
    found = set(zip(ours.hydrogen.values.tolist(), ours.acceptor.values.tolist(), strict=True))
    theirs = set(map(tuple, np.asarray(_mdtraj())[:, 1:].tolist()))
    differing = len(found ^ theirs)
    if differing > len(found) // 100:
        raise ValueError(f"{differing} of {len(found)} bonds differ from those of mdtraj")
