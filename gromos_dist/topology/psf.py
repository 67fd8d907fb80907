"""Protein structure files (`.psf`) of CHARMM, X-PLOR and NAMD: atoms and bonds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.connectivity import (
    molecules_of_bonds,
    molecules_of_residues,
    starts_of_runs,
)
from gromos_dist.topology.elements import elements_of_masses
from gromos_dist.topology.files import read_lines
from gromos_dist.topology.numbering import DECIMAL, read_numbers
from gromos_dist.topology.residue_kinds import is_polymer
from gromos_dist.topology.topology import Topology

_SECTION = re.compile(r"\s*(\d{1,18})\s+!(\w+)")
_RESIDUE_NUMBER = re.compile(r"([+-]?[0-9]{1,18})([A-Za-z]?)")  # a letter is an insertion code
_RESIDUE_WIDTH = 4  # of the PDB files that segments are built from
_WIDE_RESIDUE_NUMBER = re.compile(r"[0-9A-Za-z]{4}")  # hybrid-36 or hexadecimal
_ATOM = "an atom: number, segment, residue number, residue, name, type, charge, mass"


def load_psf(path: str | Path) -> Topology:
    """Read atoms and bonds of a PSF file, in fixed columns (also EXT) or free format.

    Masses and charges are the file's; elements follow from masses and names
    (`elements.element_of_mass`). Molecules are what the bonds connect, or follow from segments
    and residues (`connectivity.molecules_of_residues`) when the file has no bonds section. Residue
    numbers that come from PDB files (hybrid-36, hexadecimal) are read as there.

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
    lines = read_lines(path)
    if not lines[0].startswith("PSF"):
        raise TopologyError(
            f"{path}, line 1: expected a line that begins with PSF, found {lines[0][:60]!r}"
        )
    sections = {
        match.group(2): (row + 1, int(match.group(1)))
        for row, line in enumerate(lines)
        if "!" in line and (match := _SECTION.match(line))
    }
    if "NATOM" not in sections:
        raise TopologyError(f"{path}: no section !NATOM, which a PSF file has")
    first, n_atoms = sections["NATOM"]
    if n_atoms > len(lines) - first:
        raise TopologyError(
            f"{path}, line {first}: expected {n_atoms} atoms, but the file ends after "
            f"{len(lines) - first} lines; it is cut off"
        )
    segment_columns = slice(11, 19) if "EXT" in lines[0].split() else slice(9, 13)
    atoms = [
        _atom_words(path, row + 1, lines[row], segment_columns)
        for row in range(first, first + n_atoms)
    ]
    segment, residue_text, residue_name, name = (
        np.array([atom[i] for atom in atoms], dtype=np.str_) for i in range(4)
    )
    residue, insertion_code = _residue_numbers(path, first, residue_text, starts_of_runs(segment))
    charge, mass = (_numbers(path, first, [atom[i] for atom in atoms]) for i in (5, 6))
    if "NBOND" in sections:
        bonds = _read_bonds(path, lines, *sections["NBOND"], n_atoms)
        molecule = molecules_of_bonds(bonds, n_atoms)
    else:
        bonds = np.empty((0, 2), dtype=np.int64)
        starts = starts_of_runs(residue_text, residue_name, segment)
        polymer = is_polymer(starts, residue_name, name)
        molecule = molecules_of_residues(starts, residue, polymer, starts_of_runs(segment), bonds)
    return Topology(
        atom_name=name,
        residue_name=residue_name,
        residue=residue,
        molecule=molecule,
        element=elements_of_masses(mass, name, residue_name),
        mass=mass,
        charge=charge,
        bonds=bonds,
        segment=segment if (segment != "").any() else None,
        insertion_code=insertion_code if (insertion_code != "").any() else None,
    )


def _atom_words(path: str | Path, number: int, line: str, segment_columns: slice) -> list[str]:
    """Return segment, residue number, residue name, name, type, charge and mass of a line."""
    words = line.split()
    # Only in fixed columns can a segment be blank: a residue number comes second then.
    if (
        len(words) > 2
        and not line[segment_columns].strip()
        and _RESIDUE_NUMBER.fullmatch(words[1])
        and not _RESIDUE_NUMBER.fullmatch(words[2])
    ):
        words.insert(1, "")
    if len(words) < 8 or not (
        _RESIDUE_NUMBER.fullmatch(words[2]) or _WIDE_RESIDUE_NUMBER.fullmatch(words[2])
    ):
        raise TopologyError(f"{path}, line {number}: expected {_ATOM}; found {line[:70]!r}")
    return words[1:8]


def _residue_numbers(
    path: str | Path, first: int, text: NDArray[np.str_], begins: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return residue numbers and insertion codes; `begins` says where segments do."""
    matches = [_RESIDUE_NUMBER.fullmatch(word) for word in text.tolist()]
    plain = np.array([match[1] if match else "" for match in matches], dtype=np.str_)
    codes = np.array([match[2] if match else "" for match in matches], dtype=np.str_)
    numbers = read_numbers(plain, _RESIDUE_WIDTH, begins)
    if numbers.bad.any() or numbers.way != DECIMAL:
        # Then a letter behind digits is one of these, too.
        is_wide = np.char.str_len(text) == _RESIDUE_WIDTH
        plain, codes = np.where(is_wide, text, plain), np.where(is_wide, "", codes)
        numbers = read_numbers(plain, _RESIDUE_WIDTH, begins)
    step = np.diff(numbers.values, prepend=0)
    # Any word of four letters could be a number of this kind: only one that goes on is.
    strange = np.array([not match for match in matches]) & (begins | (step < 0) | (step > 1))
    if (numbers.bad | strange).any():
        atom = int(np.argmax(numbers.bad | strange))
        raise TopologyError(
            f"{path}, line {first + atom + 1}: expected {_ATOM}; found {str(text[atom])!r} as a "
            "residue number"
        )
    return numbers.values, codes


def _numbers(path: str | Path, first: int, words: list[str]) -> NDArray[np.float64]:
    try:
        values = np.array(words, dtype=np.str_).astype(np.float64)
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    for row, word in enumerate(words, start=first + 1):
        try:
            if np.isfinite(float(word)):
                continue
        except ValueError:
            pass
        raise TopologyError(f"{path}, line {row}: expected {_ATOM}; found {word!r} as a number")
    return np.empty(0)


def _read_bonds(
    path: str | Path, lines: list[str], first: int, count: int, n_atoms: int
) -> NDArray[np.int64]:
    words: list[str] = []
    row = first
    while len(words) < 2 * count and row < len(lines) and "!" not in lines[row]:
        words += lines[row].split()
        row += 1
    where = f"{path}, section !NBOND, lines {first} to {row}"
    try:
        pairs = np.array(words, dtype=np.str_).astype(np.int64) if words else np.empty(0, np.int64)
    except (ValueError, OverflowError) as error:
        raise TopologyError(f"{where}: expected {count} pairs of atom numbers; {error}") from error
    if len(pairs) != 2 * count:
        raise TopologyError(
            f"{where}: expected {count} pairs of atom numbers, found {len(pairs) / 2:g}"
        )
    if pairs.size and not (pairs.min() >= 1 and pairs.max() <= n_atoms):
        raise TopologyError(
            f"{where}: expected atoms from 1 to {n_atoms}, found {pairs.min()} to {pairs.max()}"
        )
    return pairs.reshape(-1, 2) - 1
