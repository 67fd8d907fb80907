"""The blocks of a GROMOS topology that hold the parameters of its force field."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.force_field import (
    ForceField,
    PhysicalConstants,
    Terms,
    pairs_by_lower_atom,
)
from gromos_dist.topology.gromos_blocks import Block

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Kind(NamedTuple):
    """How a kind of bonded term stands in a file."""

    what: str
    width: int
    blocks: tuple[str, str]
    """With hydrogen atoms, without."""
    type_blocks: tuple[str, ...]


KINDS: Mapping[str, _Kind] = {
    "bonds": _Kind("a bond", 2, ("BONDH", "BOND"), ("BONDSTRETCHTYPE", "BONDTYPE", "HARMBONDTYPE")),
    "angles": _Kind(
        "an angle",
        3,
        ("BONDANGLEH", "BONDANGLE"),
        ("BONDANGLEBENDTYPE", "BONDANGLETYPE", "HARMBONDANGLETYPE"),
    ),
    "impropers": _Kind(
        "an improper dihedral", 4, ("IMPDIHEDRALH", "IMPDIHEDRAL"), ("IMPDIHEDRALTYPE",)
    ),
    "dihedrals": _Kind(
        "a dihedral", 4, ("DIHEDRALH", "DIHEDRAL"), ("TORSDIHEDRALTYPE", "DIHEDRALTYPE")
    ),
    "cross_dihedrals": _Kind(
        "a cross dihedral",
        8,
        ("CROSSDIHEDRALH", "CROSSDIHEDRAL"),
        ("TORSDIHEDRALTYPE", "DIHEDRALTYPE"),
    ),
}

_CONSTANTS = ("PHYSICALCONSTANTS", "TOPPHYSCON")
_OTHER_BLOCKS = (
    "TITLE",
    "TOPVERSION",
    "ATOMTYPENAME",
    "RESNAME",
    "SOLUTEATOM",
    "LJPARAMETERS",
    "LJEXCEPTIONS",
    "SOLUTEMOLECULES",
    "TEMPERATUREGROUPS",
    "PRESSUREGROUPS",
    "SOLVENTATOM",
    "SOLVENTCONSTR",
)
# Distances that a simulation may constrain: they exert no forces.
_KEPT_SILENTLY = ("CONSTRAINT",)

_USED = frozenset((*_OTHER_BLOCKS, *_CONSTANTS)).union(
    *(kind.blocks + kind.type_blocks for kind in KINDS.values())
)


class SoluteLists(NamedTuple):
    """What `read_force_field` needs of the blocks that a topology without parameters has too."""

    type_code: Integers
    """Van der Waals types, from 1, shape (atoms,)."""
    charge_group: Integers
    """Charge group numbers, from 1, shape (atoms,)."""
    exclusions: Integers
    """Pairs, from 0, shape (pairs, 2)."""
    one_four: Integers
    """Pairs, from 0, shape (pairs, 2)."""
    molecule: Integers
    """Molecule numbers, from 1, shape (atoms,)."""
    solvent_type_code: Integers
    """Van der Waals types of a solvent molecule, from 1."""
    solvent_constraints: Integers
    """Pairs, from 0, shape (constraints, 2)."""
    solvent_constraint_lengths: Floats


def read_force_field(
    path: str, blocks: Mapping[str, Block], residue_names: list[str], solute: SoluteLists
) -> ForceField | None:
    """Read the parameters of the force field; None when the file has no block LJPARAMETERS.

    Blocks that are not known are kept, and named in a warning.

    Raises
    ------
    TopologyError
        A block is missing or damaged: file, block, line.
    """
    if "LJPARAMETERS" not in blocks:
        return None
    n_atoms = len(solute.type_code)
    type_names = read_names(_needed(blocks, ("ATOMTYPENAME",), path))
    matrices = read_lj_parameters(blocks["LJPARAMETERS"], len(type_names))
    exceptions = _read_lj_exceptions(blocks.get("LJEXCEPTIONS"), n_atoms)
    exclusion_first, exclusion_partner = pairs_by_lower_atom(solute.exclusions, n_atoms)
    one_four_first, one_four_partner = pairs_by_lower_atom(solute.one_four, n_atoms)
    ends = _molecule_ends(solute.molecule)
    group_starts = np.flatnonzero(np.diff(solute.charge_group, prepend=0))
    return ForceField(
        constants=read_physical_constants(_needed(blocks, _CONSTANTS, path)),
        type_name=np.array(type_names, dtype=np.str_),
        residue_name=np.array(residue_names, dtype=np.str_),
        lj_type=(solute.type_code - 1).astype(np.int32),
        **matrices,
        exclusion_first=exclusion_first,
        exclusion_partner=exclusion_partner,
        one_four_first=one_four_first,
        one_four_partner=one_four_partner,
        charge_group_first=np.append(group_starts, n_atoms),
        bonds=read_terms("bonds", blocks, n_atoms),
        angles=read_terms("angles", blocks, n_atoms),
        impropers=read_terms("impropers", blocks, n_atoms),
        dihedrals=read_terms("dihedrals", blocks, n_atoms),
        cross_dihedrals=read_terms("cross_dihedrals", blocks, n_atoms),
        lj_exception_pairs=exceptions[0],
        lj_exception_c6=exceptions[1],
        lj_exception_c12=exceptions[2],
        molecule_end=ends,
        temperature_group_end=_read_ends(blocks.get("TEMPERATUREGROUPS"), n_atoms, ends),
        pressure_group_end=_read_ends(blocks.get("PRESSUREGROUPS"), n_atoms, ends),
        solvent_lj_type=(solute.solvent_type_code - 1).astype(np.int32),
        solvent_constraints=solute.solvent_constraints.astype(np.int32),
        solvent_constraint_lengths=solute.solvent_constraint_lengths,
        other_blocks=_other_blocks(path, blocks),
    )


def _needed(blocks: Mapping[str, Block], names: tuple[str, ...], path: str) -> Block:
    for name in names:
        if name in blocks:
            return blocks[name]
    raise TopologyError(
        f"{path}: no block {' or '.join(names)}, which a topology with a force field (a block "
        "LJPARAMETERS) has"
    )


def _other_blocks(
    path: str, blocks: Mapping[str, Block]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    others = [block for name, block in blocks.items() if name not in _USED]
    unknown = [block.name for block in others if block.name not in _KEPT_SILENTLY]
    if unknown:
        warnings.warn(
            f"{path}: blocks that are not known here are kept but not used: "
            f"{', '.join(unknown)}; forces that they define will be missing",
            stacklevel=4,
        )
    return tuple((block.name, tuple(line for _, line in block.lines)) for block in others)


def read_physical_constants(block: Block) -> PhysicalConstants:
    """Read PHYSICALCONSTANTS, or TOPPHYSCON of GROMOS96, which has the first two only."""
    tokens = block.tokens()
    coulomb = tokens.real("1/(4 pi eps0)")
    hbar = tokens.real("hbar")
    if block.name == "TOPPHYSCON" and not tokens.left:
        return PhysicalConstants(coulomb, hbar, 299792.458, 0.00831441)
    light = tokens.real("the speed of light")
    boltzmann = tokens.real("Boltzmann's constant")
    tokens.end()
    return PhysicalConstants(coulomb, hbar, light, boltzmann)


def read_names(block: Block) -> list[str]:
    """Read a block that is a count and as many names, one a line (ATOMTYPENAME, RESNAME)."""
    tokens = block.tokens()
    count = tokens.integer("the number of names", low=0)
    names = [line for _, line in block.lines[1:]]
    if count != len(names):
        hint = "; is an END missing, or the count wrong?" if len(names) > count else ""
        raise block.error(f"expected {count} names, one a line, found {len(names)} lines{hint}")
    return names


def read_term_atoms(block: Block, n_atoms: int, width: int, what: str) -> tuple[Integers, Integers]:
    """Read a block of bonded terms (BOND and its kin).

    Parameters
    ----------
    block : Block
        The block.
    n_atoms, width : int
        Number of solute atoms, and of atoms of a term.
    what : str
        What one is, with its article: ``"a bond"``.

    Returns
    -------
    (terms, width + 1) int64 array, (terms,) int64 array
        Atoms and type, from 0, and the line of each.
    """
    tokens = block.tokens()
    count = tokens.integer(f"the number of {what.partition(' ')[2]}s", low=0)
    table, lines = tokens.terms(count, n_atoms, width, what)
    tokens.end()
    table = table.reshape(-1, width + 1) - 1
    # The two angles of a cross dihedral share atoms; each of them has four of its own.
    for start in range(0, width, 4):
        atoms = np.sort(table[:, start : min(start + 4, width)], axis=1)
        bad = np.flatnonzero((atoms[:, 1:] == atoms[:, :-1]).any(axis=1))
        if len(bad):
            row = atoms[bad[0]]
            twice = int(row[1:][row[1:] == row[:-1]][0]) + 1
            problem = "bonded to itself" if width == 2 else f"twice in {what}"
            raise block.error(f"atom {twice} is {problem}", int(lines[bad[0]]))
    return table, lines


def read_terms(name: str, blocks: Mapping[str, Block], n_atoms: int) -> Terms:
    """Read all bonded terms of a kind of `KINDS`, and their parameters."""
    kind = KINDS[name]
    parameters, type_block = _read_types(name, blocks)
    tables = [np.empty((0, kind.width + 1), dtype=np.int64)]
    counts = [0, 0]
    for i, block_name in enumerate(kind.blocks):
        if block_name not in blocks:
            continue
        block = blocks[block_name]
        table, lines = read_term_atoms(block, n_atoms, kind.width, kind.what)
        beyond = np.flatnonzero(table[:, -1] >= len(parameters))
        if len(beyond):
            known = (
                f"{type_block} has {len(parameters)}"
                if type_block
                else (f"there is no block {' or '.join(kind.type_blocks)}")
            )
            found = int(table[beyond[0], -1]) + 1
            noun = kind.what.partition(" ")[2]
            raise block.error(f"{noun} type {found} is missing: {known}", int(lines[beyond[0]]))
        tables.append(table)
        counts[i] = len(table)
    together = np.concatenate(tables)
    numbers = together.astype(np.int32)
    return Terms(numbers[:, :-1], numbers[:, -1], parameters, counts[0])


def _read_types(name: str, blocks: Mapping[str, Block]) -> tuple[Floats, str]:
    """Return the parameters as `Terms` has them, and the names of the blocks they came from."""
    kind = KINDS[name]
    found = [block for block in kind.type_blocks if block in blocks]
    if name in {"bonds", "angles"}:
        modern, first, second = kind.type_blocks
        if modern in found and len(found) > 1:
            raise blocks[found[1]].error(f"there is a block {modern} too; keep one of them")
        if modern in found:
            return _read_rows(blocks[modern], ("first force constant", "second", "value")), modern
        return _merged(name, blocks.get(first), blocks.get(second)), " and ".join(found)
    if len(found) > 1:
        raise blocks[found[1]].error(f"there is a block {found[0]} too; keep one of them")
    if not found:
        return np.empty((0, 2 if name == "impropers" else 3)), ""
    block = blocks[found[0]]
    if name == "impropers":
        return _read_rows(block, ("force constant", "angle")), block.name
    rows = _read_rows(block, ("force constant", "phase", "multiplicity"))
    _check_dihedral_types(block, rows)
    if block.name == "DIHEDRALTYPE":
        # GROMOS96 has the cosine of the phase, which is 1 or -1.
        rows[:, 1] = np.where(rows[:, 1] > 0, 0.0, 180.0)
    return rows, block.name


def _check_dihedral_types(block: Block, rows: Floats) -> None:
    for i, (_, phase, multiplicity) in enumerate(rows.tolist(), start=1):
        if multiplicity != int(multiplicity) or multiplicity < 0:
            raise block.error(
                f"expected the multiplicity of type {i} to be an integer of at least 0, found "
                f"{multiplicity:g}"
            )
        if block.name == "DIHEDRALTYPE" and abs(phase) != 1:
            raise block.error(
                f"expected the cosine of the phase of type {i} to be 1 or -1, found {phase:g}; "
                "phases in degrees belong into TORSDIHEDRALTYPE"
            )


def _read_rows(block: Block, columns: tuple[str, ...]) -> Floats:
    tokens = block.tokens()
    count = tokens.integer("the number of types", low=0)
    rows = tokens.reals(count, [f"the {column} of a type" for column in columns])
    tokens.end()
    if len(rows) and (rows[:, : max(1, len(columns) - 2)] < 0).any():
        bad = int(np.flatnonzero((rows[:, : max(1, len(columns) - 2)] < 0).any(axis=1))[0])
        raise block.error(f"type {bad + 1} has a negative force constant")
    return rows


def _merged(name: str, first_block: Block | None, second_block: Block | None) -> Floats:
    """Put the older blocks, one for each form, together: first and second constant, value.

    A missing force constant of a bond follows from the other, K_harmonic = 2 K_quartic b0**2, as
    in GROMOS; there is no such relation in use for angles: NaN.
    """
    first, second = (
        None if block is None else _read_rows(block, ("force constant", "value"))
        for block in (first_block, second_block)
    )
    if first is not None and second is not None and second_block is not None:
        if len(first) != len(second) or not np.array_equal(first[:, 1], second[:, 1]):
            raise second_block.error(
                "its types differ in number or in value from those of the block with the other "
                "force constants"
            )
        return np.stack([first[:, 0], second[:, 0], first[:, 1]], axis=1)
    known = second if first is None else first
    if known is None:
        return np.empty((0, 3))
    constant, value = known.T
    other = np.full(len(known), np.nan)
    if name == "bonds":
        factor = 2.0 * value * value
        other = constant / factor if first is None else constant * factor
    columns = (other, constant) if first is None else (constant, other)
    return np.stack([*columns, value], axis=1)


def read_lj_parameters(block: Block, n_types: int) -> dict[str, Floats]:
    """Read LJPARAMETERS: a row for each pair of types, in any order.

    Returns
    -------
    dict of (types, types) float64 arrays
        ``c6``, ``c12``, ``cs6`` and ``cs12``.
    """
    tokens = block.tokens()
    n_pairs = n_types * (n_types + 1) // 2
    count = tokens.integer("the number of pairs of atom types", low=0)
    if count != n_pairs:
        tokens.fail(
            f"expected {n_pairs} pairs of the {n_types} types in ATOMTYPENAME, found {count}"
        )
    columns = ("the first atom type", "the second atom type", "C12", "C6", "CS12", "CS6")
    rows = tokens.reals(count, columns)
    tokens.end()
    types = rows[:, :2]
    bad = np.flatnonzero(((types < 1) | (types > n_types) | (types % 1 != 0)).any(axis=1))
    if len(bad):
        found = " ".join(f"{number:g}" for number in types[bad[0]])
        raise block.error(
            f"expected atom types from 1 to {n_types} in row {bad[0] + 1}, found {found}"
        )
    one, other = types.astype(np.int64).T - 1
    given = np.zeros((n_types, n_types), dtype=bool)
    given[one, other] = given[other, one] = True
    missing = np.argwhere(~given)
    if len(missing):
        raise block.error(
            f"the pair of types {missing[0][0] + 1} and {missing[0][1] + 1} is missing, another "
            "one is there twice"
        )
    matrices = {name: np.empty((n_types, n_types)) for name in ("c12", "c6", "cs12", "cs6")}
    for matrix, column in zip(matrices.values(), rows[:, 2:].T, strict=True):
        matrix[one, other] = matrix[other, one] = column
    return matrices


def _read_lj_exceptions(
    block: Block | None, n_atoms: int
) -> tuple[NDArray[np.int32], Floats, Floats]:
    if block is None:
        return np.empty((0, 2), dtype=np.int32), np.empty(0), np.empty(0)
    tokens = block.tokens()
    pairs: dict[tuple[int, int], tuple[float, float]] = {}
    for _ in range(tokens.integer("the number of exceptions", low=0)):
        first = tokens.integer("an atom of an exception", low=1, high=n_atoms)
        second = tokens.integer("an atom of an exception", low=1, high=n_atoms)
        if first == second:
            tokens.fail(f"atom {first} is an exception with itself")
        pair = min(first, second) - 1, max(first, second) - 1
        if pair in pairs:
            tokens.fail(f"the pair {first} {second} is there twice")
        c12 = tokens.real("C12")
        pairs[pair] = tokens.real("C6"), c12
    tokens.end()
    c6, c12s = np.array([*pairs.values()], dtype=np.float64).reshape(-1, 2).T
    return np.array([*pairs], dtype=np.int32).reshape(-1, 2), c6, c12s


def read_last_atoms(block: Block, n_atoms: int, what: str) -> Integers:
    """Read a block of last atoms (SOLUTEMOLECULES and its kin), from 1, rising up to `n_atoms`."""
    tokens = block.tokens()
    count = tokens.integer(f"the number of {what}s", low=0)
    last = tokens.integers(count, f"the last atom of a {what}", low=0, high=n_atoms)
    tokens.end()
    # A file without solute atoms has no molecule, or one that ends with atom 0.
    if n_atoms == 0:
        return last[:0]
    if not count or last[-1] != n_atoms or (np.diff(last, prepend=0) <= 0).any():
        raise block.error(
            f"expected last atoms that rise and end with the last solute atom, {n_atoms}; found "
            f"{', '.join(map(str, last[-3:])) or 'none'} at the end"
        )
    return last


def _read_ends(block: Block | None, n_atoms: int, default: Integers) -> Integers:
    return default if block is None else read_last_atoms(block, n_atoms, "group")


def _molecule_ends(molecule: Integers) -> Integers:
    """Return where each molecule ends; one for all when they are not one after the other."""
    n_atoms = len(molecule)
    if not n_atoms:
        return np.empty(0, dtype=np.int64)
    if (np.diff(molecule) < 0).any():
        return np.array([n_atoms], dtype=np.int64)
    return np.append(np.flatnonzero(np.diff(molecule)) + 1, n_atoms)
