"""Writing GROMOS topologies."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.beside import file_beside
from gromos_dist.topology.force_field import ForceField, Terms
from gromos_dist.topology.gromos_force_field import KINDS
from gromos_dist.topology.topology import Topology

_PER_LINE = 6


def write_topology(
    topology: Topology, path: str | Path, *, title: str | None = None, overwrite: bool = False
) -> None:
    """Write a GROMOS topology (`.top`).

    Numbers are written with all their digits: reading the file gives an equal topology. The
    solvent is written as one molecule; how many of them there are is not part of a GROMOS
    topology.

    Parameters
    ----------
    topology : Topology
        One with a force field.
    path : str or Path
        The file; with the suffix ``.gz`` it is packed. It appears whole or not at all.
    title : str, optional
        For the block TITLE.
    overwrite : bool
        Whether a file that exists may be replaced.

    Raises
    ------
    ValueError
        The topology has no force field, or says of its atoms something else than that.
    FileExistsError
        The file exists.
    OSError
        The operating system refused.

    Examples
    --------
    >>> from gromos_dist.topology import load_topology, write_topology
    >>> topology = load_topology("tests/data/butane.top")
    >>> write_topology(topology, "copy.top")
    >>> load_topology("copy.top") == topology
    True
    """
    target = Path(path)
    force_field = topology.force_field
    if force_field is None:
        raise ValueError(
            "the topology has no force field: only one that was read from a GROMOS topology with "
            "LJPARAMETERS can be written"
        )
    _check_same(topology, force_field)
    text = "".join(
        f"{name}\n{''.join(line + chr(10) for line in lines)}END\n"
        for name, lines in _blocks(topology, force_field, title)
    )
    data = text.encode()
    if target.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    with file_beside(target, overwrite) as beside:
        beside.write_bytes(data)


def _check_same(topology: Topology, force_field: ForceField) -> None:
    n_atoms = topology.n_solute_atoms
    residue = topology.residue[:n_atoms]
    names = force_field.residue_name
    known = bool(((residue >= 1) & (residue <= len(names))).all())
    charge_group = topology.charge_group
    first = (
        None
        if charge_group is None
        else np.append(np.flatnonzero(np.diff(charge_group[:n_atoms], prepend=0)), n_atoms)
    )
    bonds = topology.bonds[(topology.bonds < n_atoms).all(axis=1)]
    same = {
        "residues": known and np.array_equal(names[residue - 1], topology.residue_name[:n_atoms]),
        "charge groups": first is not None
        and np.array_equal(first, force_field.charge_group_first),
        "bonds": np.array_equal(bonds, force_field.bonds.atoms),
        "masses and charges": np.isfinite(topology.mass).all()
        and np.isfinite(topology.charge).all(),
    }
    wrong = [what for what, is_same in same.items() if not is_same]
    if wrong:
        raise ValueError(f"the topology's {', '.join(wrong)} are not those of its force field")


def _blocks(
    topology: Topology, force_field: ForceField, title: str | None
) -> Iterator[tuple[str, Iterable[str]]]:
    n_atoms = topology.n_solute_atoms
    yield "TITLE", (title or "written by gromos_dist").replace("\nEND", "\n END").splitlines()
    yield (
        "PHYSICALCONSTANTS",
        [
            "# 1/(4 pi eps0), hbar, speed of light, Boltzmann's constant",
            *map(_real, force_field.constants),
        ],
    )
    yield "TOPVERSION", ["2.0"]
    yield "ATOMTYPENAME", _counted(force_field.type_name.tolist())
    yield "RESNAME", _counted(force_field.residue_name.tolist())
    yield "SOLUTEATOM", _solute_atoms(topology, force_field)
    for name in ("bonds", "angles", "impropers", "dihedrals", "cross_dihedrals"):
        yield from _term_blocks(name, getattr(force_field, name), force_field)
    yield "LJPARAMETERS", _lj_parameters(force_field)
    ends = force_field.molecule_end
    molecule = np.searchsorted(ends, np.arange(n_atoms), side="right") + 1
    # Otherwise molecules are not one after the other: the bonds tell them apart.
    if np.array_equal(molecule, topology.molecule[:n_atoms]):
        yield "SOLUTEMOLECULES", _ends(ends)
    yield "TEMPERATUREGROUPS", _ends(force_field.temperature_group_end)
    yield "PRESSUREGROUPS", _ends(force_field.pressure_group_end)
    yield (
        "LJEXCEPTIONS",
        _counted(
            [
                f"{i + 1:7} {j + 1:7} {_real(c12)} {_real(c6)}"
                for (i, j), c12, c6 in zip(
                    force_field.lj_exception_pairs.tolist(),
                    force_field.lj_exception_c12.tolist(),
                    force_field.lj_exception_c6.tolist(),
                    strict=True,
                )
            ],
            "#  AT1     AT2  C12  C6",
        ),
    )
    yield from _solvent_blocks(topology, force_field)
    yield from force_field.other_blocks


def _real(value: float) -> str:
    """Return the shortest text that gives the number back."""
    return f"{float(value)!r:>22}"


def _counted(lines: Sequence[str], heading: str | None = None) -> list[str]:
    return [str(len(lines)), *([heading] if heading else []), *lines]


def _ends(ends: NDArray[np.int64]) -> list[str]:
    return [str(len(ends)), *(f"{end:7}" for end in ends.tolist())]


def _solute_atoms(topology: Topology, force_field: ForceField) -> list[str]:
    n_atoms = topology.n_solute_atoms
    closes = np.zeros(n_atoms, dtype=np.int64)
    closes[force_field.charge_group_first[1:] - 1] = 1
    neighbours = [
        (first.tolist(), (partner + 1).tolist())
        for first, partner in (
            (force_field.exclusion_first, force_field.exclusion_partner),
            (force_field.one_four_first, force_field.one_four_partner),
        )
    ]
    lines = [str(n_atoms), "# ATNM MRES PANM IAC MASS CG CGC; INE and INE14 with their atoms"]
    columns = zip(
        topology.residue.tolist(),
        topology.atom_name.tolist(),
        (force_field.lj_type + 1).tolist(),
        topology.mass.tolist(),
        topology.charge.tolist(),
        closes.tolist(),
        strict=False,
    )
    for atom, (residue, name, kind, mass, charge, close) in enumerate(columns):
        lines.append(
            f"{atom + 1:7} {residue:6} {name:>5} {kind:4} {_real(mass)} {_real(charge)} {close}"
        )
        for first, partner in neighbours:
            others = partner[first[atom] : first[atom + 1]]
            lines.append(f"{'':24} {len(others)}")
            lines += [
                f"{'':26} {' '.join(map(str, others[i : i + _PER_LINE]))}"
                for i in range(0, len(others), _PER_LINE)
            ]
    return lines


def _term_blocks(
    name: str, terms: Terms, force_field: ForceField
) -> Iterator[tuple[str, list[str]]]:
    kind = KINDS[name]
    if name == "cross_dihedrals":
        # They share the types of the dihedrals.
        if not np.array_equal(terms.parameters, force_field.dihedrals.parameters):
            raise ValueError("cross dihedrals and dihedrals need the same parameters")
    else:
        yield from _type_blocks(kind.type_blocks, name, terms.parameters)
    rows = (np.column_stack([terms.atoms, terms.kind]) + 1).tolist()
    lines = ["".join(f"{number:7}" for number in row) for row in rows]
    for block, chosen in zip(
        kind.blocks, (lines[: terms.n_with_hydrogen], lines[terms.n_with_hydrogen :]), strict=True
    ):
        yield block, _counted(chosen)


def _type_blocks(
    blocks: Sequence[str], name: str, parameters: NDArray[np.float64]
) -> Iterator[tuple[str, list[str]]]:
    missing = np.isnan(parameters).any(axis=0)
    if name == "angles" and missing.any():
        # One form only, in the blocks that have one form.
        for block, column in zip(blocks[1:], (0, 1), strict=True):
            if not np.isnan(parameters[:, column]).any():
                yield block, _rows(parameters[:, [column, 2]])
        return
    yield blocks[0], _rows(parameters, last_is_integer="dihedrals" in name)


def _rows(table: NDArray[Any], last_is_integer: bool = False) -> list[str]:
    lines = []
    for row in table.tolist():
        words = [_real(value) for value in row]
        if last_is_integer:
            words[-1] = f"{int(row[-1]):3}"
        lines.append(" ".join(words))
    return _counted(lines)


def _lj_parameters(force_field: ForceField) -> list[str]:
    matrices = [getattr(force_field, name).tolist() for name in ("c12", "c6", "cs12", "cs6")]
    lines = [
        f"{i + 1:5} {j + 1:4} {' '.join(_real(matrix[i][j]) for matrix in matrices)}"
        for j in range(len(force_field.type_name))
        for i in range(j + 1)
    ]
    return _counted(lines, "# IAC JAC C12 C6 CS12 CS6")


def _solvent_blocks(topology: Topology, force_field: ForceField) -> Iterator[tuple[str, list[str]]]:
    solvent = topology.solvent
    atoms = (
        []
        if solvent is None
        else [
            f"{i:5} {name:>5} {kind + 1:4} {_real(mass)} {_real(charge)}"
            for i, (name, kind, mass, charge) in enumerate(
                zip(
                    solvent.atom_name.tolist(),
                    force_field.solvent_lj_type.tolist(),
                    solvent.mass.tolist(),
                    solvent.charge.tolist(),
                    strict=True,
                ),
                start=1,
            )
        ]
    )
    constraints = [
        f"{i + 1:5} {j + 1:5} {_real(length)}"
        for (i, j), length in zip(
            force_field.solvent_constraints.tolist(),
            force_field.solvent_constraint_lengths.tolist(),
            strict=True,
        )
    ]
    yield "SOLVENTATOM", _counted(atoms, "# I ANMS IACS MASS CGS")
    yield "SOLVENTCONSTR", _counted(constraints, "# ICONS JCONS CONS")
