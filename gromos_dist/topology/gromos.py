"""GROMOS topologies (`.top`, `.topo`): atoms, bonds, molecules and the solvent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.connectivity import molecules_of_bonds
from gromos_dist.topology.elements import elements_of_masses
from gromos_dist.topology.gromos_blocks import Block, read_blocks
from gromos_dist.topology.gromos_force_field import (
    SoluteLists,
    read_force_field,
    read_last_atoms,
    read_names,
    read_term_atoms,
)
from gromos_dist.topology.topology import SOLVENT_RESIDUE_NAME, Solvent, Topology

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SoluteAtoms:
    """The block SOLUTEATOM; arrays have shape (atoms,)."""

    name: NDArray[np.str_]
    residue: Integers
    """Residue numbers, from 1, into RESNAME."""
    type_code: Integers
    """Van der Waals types, from 1, into ATOMTYPENAME."""
    mass: Floats
    charge: Floats
    charge_group: Integers
    """Charge group numbers, from 1."""
    exclusions: Integers
    """Excluded pairs (i < j), from 0, shape (pairs, 2)."""
    one_four: Integers
    """1-4 pairs (i < j), from 0, shape (pairs, 2)."""


def load_gromos(path: str | Path) -> Topology:
    """Read a GROMOS topology, with its solvent molecule as a template.

    With a block LJPARAMETERS it is a topology with a force field, which needs ATOMTYPENAME,
    PHYSICALCONSTANTS and the types of its bonded terms too; without one `Topology.force_field` is
    None. Blocks that are not known are kept, and named in a warning.

    Atoms get their elements from masses and names (`elements.element_of_mass`): united atoms
    (CH1 to CH4) are carbon. Without a block SOLUTEMOLECULES the bonds tell molecules apart.

    Parameters
    ----------
    path : str or Path
        The file; gzip is unpacked.

    Raises
    ------
    OSError
        The operating system refused.
    TopologyError
        The file is damaged: file, block, line, what was expected, what came.
    """
    blocks = read_blocks(path)
    n_types = len(read_names(blocks["ATOMTYPENAME"])) if "ATOMTYPENAME" in blocks else None
    residue_names = read_names(_needed(blocks, "RESNAME", path))
    solute_block = _needed(blocks, "SOLUTEATOM", path)
    solute = read_solute_atoms(solute_block, len(residue_names), n_types)
    n_atoms = len(solute.name)
    bonds = [
        read_term_atoms(blocks[name], n_atoms, 2, "a bond")[0][:, :2]
        for name in ("BONDH", "BOND")
        if name in blocks
    ]
    pairs = np.concatenate([*bonds, np.empty((0, 2), dtype=np.int64)])
    if "SOLUTEMOLECULES" in blocks:
        last = read_last_atoms(blocks["SOLUTEMOLECULES"], n_atoms, "molecule")
        molecule = np.searchsorted(last, np.arange(1, n_atoms + 1)) + 1
    else:
        molecule = molecules_of_bonds(pairs, n_atoms)
    residue_name = np.array(residue_names, dtype=np.str_)[solute.residue - 1]
    solvent, solvent_lists = _read_solvent(blocks, n_types)
    lists = SoluteLists(
        solute.type_code,
        solute.charge_group,
        solute.exclusions,
        solute.one_four,
        molecule,
        *solvent_lists,
    )
    return Topology(
        atom_name=solute.name,
        residue_name=residue_name,
        residue=solute.residue,
        molecule=molecule,
        element=elements_of_masses(solute.mass, solute.name, residue_name),
        mass=solute.mass,
        charge=solute.charge,
        bonds=pairs,
        charge_group=solute.charge_group,
        solvent=solvent,
        force_field=read_force_field(str(path), blocks, residue_names, lists),
    )


def _needed(blocks: Mapping[str, Block], name: str, path: str | Path) -> Block:
    if name not in blocks:
        found = ", ".join(blocks) or "none"
        raise TopologyError(
            f"{path}: no block {name}, which a GROMOS topology has; blocks found: {found}"
        )
    return blocks[name]


def read_solute_atoms(block: Block, n_residues: int, n_types: int | None = None) -> SoluteAtoms:
    """Read SOLUTEATOM.

    Parameters
    ----------
    block : Block
        The block.
    n_residues : int
        Number of names in RESNAME.
    n_types : int, optional
        Number of names in ATOMTYPENAME.

    Raises
    ------
    TopologyError
        A count is wrong, a number is out of range, or the last charge group is not closed.
    """
    tokens = block.tokens()
    n_atoms = tokens.integer("the number of solute atoms", low=0)
    names: list[str] = []
    numbers: list[tuple[int, int, int]] = []
    reals: list[tuple[float, float]] = []
    exclusions: list[tuple[int, int]] = []
    one_four: list[tuple[int, int]] = []
    for atom in range(n_atoms):
        tokens.integer("the atom number", low=atom + 1, high=atom + 1)
        residue = tokens.integer("the residue number", low=1, high=n_residues)
        names.append(tokens.word("the atom name"))
        type_code = tokens.integer("the atom type", low=1, high=n_types)
        mass = tokens.real("the mass")
        if mass < 0:
            tokens.fail(f"expected a mass of at least 0, found {mass}")
        charge = tokens.real("the charge")
        closes = tokens.integer("the charge group code", low=0, high=1)
        for _ in range(tokens.integer("the number of excluded atoms", low=0)):
            other = tokens.integer("an excluded atom", low=atom + 2, high=n_atoms)
            exclusions.append((atom, other - 1))
        for _ in range(tokens.integer("the number of 1-4 neighbours", low=0)):
            other = tokens.integer("a 1-4 neighbour", low=atom + 2, high=n_atoms)
            one_four.append((atom, other - 1))
        numbers.append((residue, type_code, closes))
        reals.append((mass, charge))
    tokens.end()
    if numbers and not numbers[-1][2]:
        tokens.fail(
            "the last charge group is not closed: the charge group code of the last atom must be 1"
        )
    table = np.array(numbers, dtype=np.int64).reshape(-1, 3)
    mass_charge = np.array(reals, dtype=np.float64).reshape(-1, 2)
    return SoluteAtoms(
        name=np.array(names, dtype=np.str_),
        residue=table[:, 0],
        type_code=table[:, 1],
        mass=mass_charge[:, 0],
        charge=mass_charge[:, 1],
        charge_group=np.cumsum(table[:, 2]) - table[:, 2] + 1,
        exclusions=np.array(exclusions, dtype=np.int64).reshape(-1, 2),
        one_four=np.array(one_four, dtype=np.int64).reshape(-1, 2),
    )


def _read_solvent(
    blocks: Mapping[str, Block], n_types: int | None
) -> tuple[Solvent | None, tuple[Integers, Integers, Floats]]:
    """Return the solvent molecule; its types, from 1, and its constraints with their lengths."""
    nothing = np.empty(0, np.int64), np.empty((0, 2), np.int64), np.empty(0)
    if "SOLVENTATOM" not in blocks:
        return None, nothing
    tokens = blocks["SOLVENTATOM"].tokens()
    n_atoms = tokens.integer("the number of atoms of a solvent molecule", low=0)
    names: list[str] = []
    types: list[int] = []
    reals: list[tuple[float, float]] = []
    for atom in range(n_atoms):
        tokens.integer("the atom number", low=atom + 1, high=atom + 1)
        names.append(tokens.word("the atom name"))
        types.append(tokens.integer("the atom type", low=1, high=n_types))
        reals.append((tokens.real("the mass"), tokens.real("the charge")))
        if reals[-1][0] < 0:
            tokens.fail(f"expected a mass of at least 0, found {reals[-1][0]}")
    tokens.end()
    if not n_atoms:
        return None, nothing
    mass, charge = np.array(reals, dtype=np.float64).T
    name = np.array(names, dtype=np.str_)
    pairs, lengths = nothing[1:]
    if "SOLVENTCONSTR" in blocks:
        pairs, lengths = _read_constraints(blocks["SOLVENTCONSTR"], n_atoms)
    element = elements_of_masses(mass, name, np.full(n_atoms, SOLVENT_RESIDUE_NAME))
    bonds = _shortest_that_connect(pairs, lengths, n_atoms)
    solvent = Solvent(atom_name=name, element=element, mass=mass, charge=charge, bonds=bonds)
    return solvent, (np.array(types, dtype=np.int64), pairs, lengths)


def _read_constraints(block: Block, n_atoms: int) -> tuple[Integers, Floats]:
    tokens = block.tokens()
    pairs: list[tuple[int, int]] = []
    lengths: list[float] = []
    for _ in range(tokens.integer("the number of constraints", low=0)):
        first = tokens.integer("an atom of a constraint", low=1, high=n_atoms)
        second = tokens.integer("an atom of a constraint", low=1, high=n_atoms)
        pairs.append((first - 1, second - 1))
        lengths.append(tokens.real("the constraint length"))
    tokens.end()
    return np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array(lengths, dtype=np.float64)


def _shortest_that_connect(pairs: Integers, lengths: Floats, n_atoms: int) -> Integers:
    """Take as bonds the shortest constraints that connect the molecule.

    Constraints hold bonds and, being longer, angles (the H-H distance of water): a spanning tree
    of least length keeps the bonds. A ring would lose one of its bonds.
    """
    part = list(range(n_atoms))
    bonds: list[tuple[int, int]] = []
    for _, (first, second) in sorted(zip(lengths.tolist(), pairs.tolist(), strict=True)):
        one, other = part[first], part[second]
        if one != other:
            part = [one if label == other else label for label in part]
            bonds.append((first, second))
    return np.array(sorted(bonds), dtype=np.int64).reshape(-1, 2)
