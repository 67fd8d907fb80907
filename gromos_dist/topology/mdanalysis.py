"""Topologies of MDAnalysis: of a Universe, and of the files that MDAnalysis reads (TPR)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.input_file import require_regular
from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.topology.elements import elements_of_masses, elements_of_names, masses_of_names
from gromos_dist.topology.molecules import molecules_of
from gromos_dist.topology.topology import Topology


def is_universe(value: Any) -> bool:
    """Say whether this is a Universe or an AtomGroup, without importing MDAnalysis."""
    return hasattr(value, "atoms") and hasattr(value.atoms, "universe")


def topology_of_universe(universe: Any) -> Topology:
    """Return the topology of an MDAnalysis Universe.

    Names, residues, chains, segments, elements, masses, charges and bonds are those of the
    Universe. Elements and masses that it has not are told by masses and names. Molecules are those
    of GROMACS where the Universe has them, else what its bonds connect, else they follow from
    segments and residues (`connectivity.molecules_of_residues`).

    Parameters
    ----------
    universe : MDAnalysis Universe or AtomGroup
        Of an AtomGroup, the Universe is taken, with all its atoms.

    Examples
    --------
    >>> import MDAnalysis
    >>> from MDAnalysisTests.datafiles import PRM_NCBOX, TRJ_NCBOX
    >>> topology_of_universe(MDAnalysis.Universe(PRM_NCBOX, TRJ_NCBOX))
    Topology: 1398 atoms, 465 residues, 465 molecules
    """
    atoms = universe.atoms.universe.atoms
    if not len(atoms):
        return Topology()
    name = _values(atoms, "names", np.str_, "")
    residue_name = _values(atoms, "resnames", np.str_, "")
    residue = _values(atoms, "resids", np.int64, 1)
    mass = _values(atoms, "masses", np.float64, np.nan)
    element = np.array([text.capitalize() for text in _values(atoms, "elements", np.str_, "")])
    if not hasattr(atoms, "elements"):
        known = mass if np.isfinite(mass).any() else None
        element = (
            elements_of_names(name, residue_name)
            if known is None
            else elements_of_masses(known, name, residue_name)
        )
    if not hasattr(atoms, "masses"):
        mass = masses_of_names(element, name, residue_name)
    bonds = _bonds(atoms)
    return Topology(
        atom_name=name,
        residue_name=residue_name,
        residue=residue,
        molecule=_molecules(atoms, bonds, residue, residue_name, name),
        element=element,
        mass=mass,
        charge=_values(atoms, "charges", np.float64, np.nan),
        bonds=bonds,
        chain=_labels(atoms, "chainIDs"),
        segment=_labels(atoms, "segids"),
    )


def load_with_mdanalysis(path: str | Path) -> Topology:
    """Read a topology file with MDAnalysis (an optional extra): a run input of GROMACS, ``.tpr``.

    Raises
    ------
    ModuleNotFoundError
        MDAnalysis is not installed.
    OSError
        The operating system refused.
    TopologyError
        MDAnalysis cannot read the file.

    Examples
    --------
    >>> from MDAnalysisTests.datafiles import TPR
    >>> load_with_mdanalysis(TPR)
    Topology: 47681 atoms, 11302 residues, 11089 molecules
    """
    try:
        import MDAnalysis  # noqa: PLC0415 - an optional extra that takes long to import
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path}: files of this kind are read by MDAnalysis, which is not installed: "
            "pip install 'gromos_dist[mdanalysis]'"
        ) from error
    require_regular(path)
    try:
        with warnings.catch_warnings():
            # What it guesses or has no coordinates for does not matter here.
            warnings.filterwarnings("ignore", module="MDAnalysis")
            universe = MDAnalysis.Universe(str(path), to_guess=())
    except Exception as error:
        raise TopologyError(f"{path}: MDAnalysis cannot read this file: {error}") from error
    return topology_of_universe(universe)


def _values(atoms: Any, attribute: str, dtype: Any, unknown: Any) -> NDArray[Any]:
    if not hasattr(atoms, attribute):
        return np.full(len(atoms), unknown, dtype)
    return np.array(getattr(atoms, attribute).tolist(), dtype)


def _bonds(atoms: Any) -> NDArray[np.int64]:
    if not hasattr(atoms.universe, "bonds"):
        return np.empty((0, 2), np.int64)
    return np.asarray(atoms.universe.bonds.indices, np.int64).reshape(-1, 2)


def _labels(atoms: Any, attribute: str) -> NDArray[np.str_] | None:
    """Return labels that not every file has: None if there are none."""
    labels: NDArray[np.str_] = _values(atoms, attribute, np.str_, "")
    # MDAnalysis calls the one segment of a file that has none SYSTEM.
    return labels if ((labels != "") & (labels != "SYSTEM")).any() else None


def _molecules(
    atoms: Any,
    bonds: NDArray[np.int64],
    residue: NDArray[np.int64],
    residue_name: NDArray[np.str_],
    atom_name: NDArray[np.str_],
) -> NDArray[np.int64]:
    if hasattr(atoms, "molnums"):
        return np.asarray(np.unique(atoms.molnums, return_inverse=True)[1] + 1, np.int64)
    starts = starts_of_runs(np.asarray(atoms.resindices, np.int64))
    breaks = starts_of_runs(np.asarray(atoms.segindices, np.int64))
    return molecules_of(bonds, starts, breaks, residue, residue_name, atom_name)
