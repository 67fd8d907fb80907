"""How a topology file's suffix finds its reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gromos_dist.input_file import file_state, suffix_of
from gromos_dist.topology.cnf import load_cnf
from gromos_dist.topology.gro import load_gro
from gromos_dist.topology.gromos import load_gromos
from gromos_dist.topology.mdanalysis import (
    is_universe,
    load_with_mdanalysis,
    topology_of_universe,
)
from gromos_dist.topology.pdb import load_pdb
from gromos_dist.topology.psf import load_psf
from gromos_dist.topology.topology import Topology

LOADERS: Mapping[str, Callable[[str | Path], Topology]] = {
    ".top": load_gromos,
    ".topo": load_gromos,
    ".pdb": load_pdb,
    ".ent": load_pdb,
    ".gro": load_gro,
    ".cnf": load_cnf,
    ".conf": load_cnf,
    ".g96": load_cnf,
    ".psf": load_psf,
    ".tpr": load_with_mdanalysis,
}


def load_topology(path: str | Path | Any) -> Topology:
    """Read a topology with the reader of its suffix: GROMOS, PDB, GRO, PSF or TPR.

    Parameters
    ----------
    path : str, Path or MDAnalysis Universe
        The file: ``.top`` or ``.topo`` (GROMOS), ``.cnf`` or ``.g96`` (names only), ``.pdb`` or
        ``.ent``, ``.gro``, ``.psf``; ``.gz`` may follow. ``.tpr`` (GROMACS) is read by MDAnalysis,
        an optional extra. Of a Universe, what it knows of its atoms is taken: see
        `topology_of_universe`.

    Returns
    -------
    Topology
        Atoms and what the file tells of them. A GROMOS topology holds its solvent as a template:
        see `Topology.with_n_atoms` and `Topology.solvate`.

    Raises
    ------
    ValueError
        No reader is known for the suffix.
    FileNotFoundError, IsADirectoryError, OSError
        The operating system refused.
    TopologyError
        The file is damaged: file, block or section, line, what was expected, what came.

    Examples
    --------
    >>> load_topology("tests/data/spc.top").solvate(2)
    Topology: 6 atoms, 2 residues, 2 molecules; 0 solute atoms + 2 solvent molecules of 3
    """
    if is_universe(path):
        return topology_of_universe(path)
    suffix = suffix_of(path)
    if suffix not in LOADERS:
        known = ", ".join(LOADERS)
        raise ValueError(
            f"{path}: no topology reader for {suffix or 'a file without a suffix'}; known: {known}"
        )
    # What is no file (a pipe), or is not there, is told by the reader.
    state = file_state(path) if Path(path).is_file() else None
    topology = LOADERS[suffix](path)
    if state is not None:
        # Not a field: the same content is the same topology, wherever it is from.
        object.__setattr__(topology, "_file", (str(Path(path).absolute()), state))
    return topology


def file_of(topology: Topology) -> str | None:
    """Return the path of the file that has this topology: that it was read from, unchanged since.

    None: it was not read from a file, was changed, or the file was.

    Examples
    --------
    >>> from dataclasses import replace
    >>> topology = load_topology("tests/data/spc.top").solvate(2)
    >>> Path(file_of(topology)).name
    'spc.top'
    >>> file_of(replace(topology, bond_origin="guessed")) is None
    True
    """
    path, state = topology.unsolvated.__dict__.get("_file", (None, None))
    if path is None or not Path(path).is_file() or file_state(path) != state:
        return None
    return str(path)


def as_topology(topology: Topology | str | os.PathLike[str] | Any) -> Topology:
    """Return a topology as it is, or loaded from its file or from an MDAnalysis Universe."""
    if isinstance(topology, Topology):
        return topology
    return load_topology(topology if is_universe(topology) else Path(topology))
