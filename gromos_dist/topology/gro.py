"""GROMACS structures (`.gro`): atom names and residues of the first frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gromos_dist.errors import TopologyError
from gromos_dist.topology.files import read_first_lines
from gromos_dist.topology.named_atoms import topology_of_names
from gromos_dist.topology.numbering import read_numbers
from gromos_dist.topology.topology import Topology

_SHORTEST_ATOM_LINE = 20  # residue number and name, atom name and number: %5d%-5s%5s%5d
_RESIDUE_WIDTH = 5

_MOST_DIGITS = 18  # of a number of atoms


def load_gro(path: str | Path) -> Topology:
    """Read the atoms of the first frame of a `.gro` file.

    The file has neither elements, masses, charges nor bonds: elements are guessed from names
    (`elements.element_of_name`), masses are theirs, molecules follow from residues
    (`connectivity.molecules_of_residues`). Residue numbers that wrap from 99999 to 0 go on
    rising.

    Parameters
    ----------
    path : str or Path
        The file; gzip is unpacked.

    Raises
    ------
    OSError
        The operating system refused.
    TopologyError
        The file is damaged: file, line, what was expected, what came.
    """
    columns = read_first_lines(path, 2)
    second = columns.line(1).split() if len(columns) > 1 else []
    if not second or not second[0].isdecimal() or len(second[0]) > _MOST_DIGITS:
        found = columns.line(1)[:60] if len(columns) > 1 else "the end of the file"
        raise TopologyError(f"{path}, line 2: expected the number of atoms, found {found!r}")
    n_atoms = int(second[0])
    columns = read_first_lines(path, 2 + n_atoms)
    if n_atoms > len(columns) - 2:
        raise TopologyError(
            f"{path}, line {len(columns)}: expected {n_atoms} atoms (line 2), but the file ends "
            f"after {len(columns) - 2}; it is cut off"
        )
    rows = slice(2, 2 + n_atoms)
    lengths = columns.lengths(rows)
    no_breaks = np.zeros(n_atoms, dtype=bool)
    numbers = read_numbers(columns.text(rows, 0, 5), _RESIDUE_WIDTH, no_breaks)
    residue_name = columns.text(rows, 5, 10)
    name = columns.text(rows, 10, 15)
    bad = numbers.bad | (lengths < _SHORTEST_ATOM_LINE) | (name == "") | (residue_name == "")
    if bad.any():
        row = 2 + int(np.argmax(bad))
        raise TopologyError(
            f"{path}, line {row + 1}: expected an atom (residue number, residue name, atom name, "
            f"atom number in columns of 5, then a position), found {columns.line(row)[:60]!r}"
        )
    return topology_of_names(name, residue_name, numbers.values)
