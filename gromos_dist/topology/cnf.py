"""GROMOS configurations (`.cnf`, `.g96`): atom names and residues of the first block POSITION."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gromos_dist.errors import TopologyError
from gromos_dist.topology.files import damaged_gzip, is_gzip
from gromos_dist.topology.named_atoms import topology_of_names
from gromos_dist.topology.numbering import read_numbers
from gromos_dist.topology.topology import Topology

_WORDS = 7  # residue number and name, atom name and number, position
_LABELS = 24  # columns before the position
_RESIDUE_WIDTH = 5


def load_cnf(path: str | Path) -> Topology:
    """Read the atoms of the first block POSITION of a GROMOS configuration.

    As of a `.gro` file, elements are guessed from names, masses are theirs, and molecules follow
    from residues; residue numbers that wrap from 99999 to 0 go on rising.

    Parameters
    ----------
    path : str or Path
        The file; gzip is unpacked.

    Raises
    ------
    OSError
        The operating system refused.
    TopologyError
        There is no block POSITION, or a line of it names no atom: file, line, what was found.
    """
    numbers: list[str] = []
    residues: list[str] = []
    names: list[str] = []
    lines: list[int] = []
    for number, line in _position_lines(path):
        words = line.split()
        labels = words[:3]
        if len(words) != _WORDS:
            # Numbers touch: then columns tell.
            labels = [line[:5].strip(), line[5:11].strip(), line[11:17].strip()]
        if not all(labels) or (len(words) != _WORDS and len(line) <= _LABELS):
            raise TopologyError(
                f"{path}, line {number}: expected an atom (residue number, residue name, atom "
                f"name, atom number, position), found {line[:60]!r}"
            )
        for column, word in zip((numbers, residues, names), labels, strict=True):
            column.append(word)
        lines.append(number)
    if not names:
        raise TopologyError(
            f"{path}: no block POSITION with atoms before POSITIONRED or the end of the file"
        )
    no_breaks = np.zeros(len(names), dtype=bool)
    found = read_numbers(np.array(numbers, dtype=np.str_), _RESIDUE_WIDTH, no_breaks)
    if found.bad.any():
        atom = int(np.argmax(found.bad))
        raise TopologyError(
            f"{path}, line {lines[atom]}: expected a residue number, found {numbers[atom]!r}"
        )
    residue_name, name = np.array(residues, dtype=np.str_), np.array(names, dtype=np.str_)
    return topology_of_names(name, residue_name, found.values)


def names_atoms(path: str | Path) -> bool:
    """Tell whether the first positions of a GROMOS file are a block with names (POSITION)."""
    return next(_position_lines(path), None) is not None


def _position_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of the first block POSITION, without comments, and their numbers from 1."""
    is_inside = False
    try:
        with gzip.open(path, "rb") if is_gzip(path) else Path(path).open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.decode("latin-1").rstrip("\r\n")
                text = line.strip()
                if is_inside and text == "END":
                    return
                if is_inside and text and not text.startswith("#"):
                    yield number, line
                if text == "POSITIONRED":
                    return
                is_inside = is_inside or text == "POSITION"
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged_gzip(path, error) from error
    if is_inside:
        raise TopologyError(f"{path}: the block POSITION has no END; the file is cut off")
