"""How a topology file's suffix finds its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gromos_dist.topology.cnf import load_cnf
from gromos_dist.topology.gro import load_gro
from gromos_dist.topology.gromos import load_gromos
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
}


def load_topology(path: str | Path) -> Topology:
    """Read a topology with the reader of its suffix: GROMOS, PDB, GRO or PSF.

    Parameters
    ----------
    path : str or Path
        The file: ``.top`` or ``.topo`` (GROMOS), ``.cnf`` or ``.g96`` (names only), ``.pdb`` or
        ``.ent``, ``.gro``, ``.psf``; ``.gz`` may follow.

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
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in LOADERS:
        known = ", ".join(LOADERS)
        raise ValueError(
            f"{path}: no topology reader for {suffix or 'a file without a suffix'}; known: {known}"
        )
    return LOADERS[suffix](path)
