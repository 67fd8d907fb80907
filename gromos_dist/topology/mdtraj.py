"""Topologies of mdtraj."""

from __future__ import annotations

from typing import Any

import numpy as np

from gromos_dist.topology.connectivity import starts_of_runs
from gromos_dist.topology.molecules import molecules_of
from gromos_dist.topology.topology import Topology

_VIRTUAL = "VS"


def topology_of_mdtraj(topology: Any) -> Topology:
    """Return the topology of an mdtraj Topology.

    Names, residues, chains, segments, elements and bonds are its own; masses are those of the
    elements, charges are not known. Molecules are what the bonds connect; where there are few of
    these, they follow from chains and residues.
    """
    atoms = list(topology.atoms)
    elements = [atom.element for atom in atoms]
    symbols = [element.symbol if element is not None else "" for element in elements]
    name = np.array([atom.name for atom in atoms], np.str_)
    residue_name = np.array([atom.residue.name for atom in atoms], np.str_)
    residue = np.array([atom.residue.resSeq for atom in atoms], np.int64)
    chains = np.array([atom.residue.chain.index for atom in atoms], np.int64)
    bonds = np.array([(one.index, other.index) for one, other in topology.bonds], np.int64)
    bonds = bonds.reshape(-1, 2)
    starts = starts_of_runs(np.array([atom.residue.index for atom in atoms], np.int64))
    labels = [getattr(atom.residue.chain, "chain_id", None) or "" for atom in atoms]
    segments = [getattr(atom.residue, "segment_id", "") or "" for atom in atoms]
    return Topology(
        atom_name=name,
        residue_name=residue_name,
        residue=residue,
        molecule=molecules_of(bonds, starts, starts_of_runs(chains), residue, residue_name, name),
        element=np.array(["" if symbol == _VIRTUAL else symbol for symbol in symbols], np.str_),
        mass=np.array([np.nan if of is None else of.mass for of in elements], np.float64),
        charge=np.full(len(atoms), np.nan),
        bonds=bonds,
        chain=np.array(labels, np.str_) if any(labels) else None,
        segment=np.array(segments, np.str_) if any(segments) else None,
    )
