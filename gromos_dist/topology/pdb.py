"""Protein Data Bank files (`.pdb`, `.ent`): atom names, residues and elements."""

from __future__ import annotations

import string
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.connectivity import molecules_of_residues, starts_of_runs
from gromos_dist.topology.elements import element_symbol, elements_of_names, masses_of_names
from gromos_dist.topology.files import TextColumns, integers, read_bytes
from gromos_dist.topology.topology import Topology

Integers = NDArray[np.int64]


def load_pdb(path: str | Path) -> Topology:
    """Read the atoms of the first model of a PDB file.

    Elements come from columns 77 and 78, or are guessed from names where these hold none
    (`elements.element_of_name`); masses are those of the elements; there are no partial charges.
    All alternate locations are atoms. Residue numbers are resSeq, without insertion codes: 52 and
    52A are both 52. Beyond 9999, numbers that wrap go on rising, hybrid-36 and VMD's hexadecimal
    are understood. Bonds are those of CONECT records; molecules follow from chains, segments, TER,
    residues and these bonds (`connectivity.molecules_of_residues`).

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
    columns = TextColumns(read_bytes(path))
    records = columns.text(slice(None), 0, 6)
    rows = _rows_of_first_model(records)
    if not len(rows):
        raise TopologyError(f"{path}: no ATOM or HETATM records; is this a PDB file?")
    name = columns.text(rows, 12, 16)
    if (name == "").any():
        row = int(rows[np.argmax(name == "")])
        raise TopologyError(
            f"{path}, line {row + 1}: expected an atom name in columns 13 to 16, found "
            f"{columns.line(row)[:60]!r}"
        )
    # Four-letter residue names (CHARMM) use column 21, which the standard leaves blank.
    residue_name = columns.text(rows, 17, 21)
    chain = columns.text(rows, 21, 22)
    segment = columns.text(rows, 72, 76)
    insertion = columns.text(rows, 26, 27)
    residue = _residue_numbers(path, columns, rows, insertion)
    ends_of_chains = np.flatnonzero(records == "TER")
    after_ter = np.searchsorted(ends_of_chains, rows)
    starts = starts_of_runs(residue, residue_name, chain, segment, insertion, after_ter)
    breaks = starts_of_runs(chain, segment, after_ter)
    bonds = _conect_bonds(path, columns, np.flatnonzero(records == "CONECT"), rows)
    element = _elements(columns.text(rows, 76, 78), name, residue_name)
    return Topology(
        atom_name=name,
        residue_name=residue_name,
        residue=residue,
        molecule=molecules_of_residues(starts, residue, residue_name, breaks, bonds),
        element=element,
        mass=masses_of_names(element, name, residue_name),
        charge=np.full(len(rows), np.nan),
        bonds=bonds,
    )


def _rows_of_first_model(records: NDArray[np.str_]) -> Integers:
    rows = np.flatnonzero((records == "ATOM") | (records == "HETATM"))
    if not len(rows):
        return rows
    # END closes a model in files of some programs that write several without MODEL.
    closing = np.flatnonzero((records == "ENDMDL") | (records == "END") | (records == "MODEL"))
    closing = closing[closing > rows[0]]
    return rows[rows < closing[0]] if len(closing) else rows


def _residue_numbers(
    path: str | Path, columns: TextColumns, rows: Integers, insertion: NDArray[np.str_]
) -> Integers:
    # A digit in the column of the insertion code belongs to a number of five digits.
    wide = np.char.isdigit(insertion)
    text = columns.text(rows, 22, 27) if wide.any() else columns.text(rows, 22, 26)
    if wide.any() and not wide.all():
        text = np.where(wide, text, columns.text(rows, 22, 26))
    # 9999 is followed by 10000, which VMD writes as hexadecimal 2710.
    hexadecimal = np.flatnonzero((text[1:] == "2710") & (text[:-1] == "9999"))
    decimal = slice(0, hexadecimal[0] + 1 if len(hexadecimal) else len(text))
    residue = np.empty(len(text), dtype=np.int64)
    residue[decimal], bad_decimal = integers(text[decimal])
    bad = np.ones(len(text), dtype=bool)
    bad[decimal] = bad_decimal
    for place in np.flatnonzero(bad):
        base = 16 if place >= decimal.stop else 36
        value = _overflowed(text[place], base)
        if value is None:
            raise TopologyError(
                f"{path}, line {rows[place] + 1}: expected a residue number in columns 23 to 26, "
                f"found {str(text[place])!r}"
            )
        residue[place] = value
    wraps = (residue[1:] <= 1) & (residue[:-1] == 9999)
    residue[1:] += 10000 * np.cumsum(wraps)
    return residue


def _overflowed(word: str, base: int) -> int | None:
    """Read a number of 4 columns that is hexadecimal (16) or hybrid-36 (36).

    Hybrid-36 goes on after 9999 with A000 to ZZZZ, then a000 to zzzz.
    """
    if base == 16:
        return int(word, 16) if word and set(word) <= set(string.hexdigits) else None
    if len(word) != 4 or not word.isalnum() or not word[0].isalpha() or not word.isascii():
        return None
    if word not in (word.upper(), word.lower()):
        return None
    first = 10 * 36**3
    capitals = 10**4 + int(word, 36) - first
    return capitals if word[0].isupper() else capitals + 26 * 36**3


def _elements(
    written: NDArray[np.str_], name: NDArray[np.str_], residue_name: NDArray[np.str_]
) -> NDArray[np.str_]:
    symbols = {text: element_symbol(text) for text in set(written.tolist())}
    element = np.array([symbols[text] for text in written.tolist()], dtype="<U2")
    unknown = element == ""
    element[unknown] = elements_of_names(name[unknown], residue_name[unknown])
    return element


def _conect_bonds(
    path: str | Path, columns: TextColumns, records: Integers, rows: Integers
) -> Integers:
    """Return the bonds of CONECT records between atoms whose serial numbers can be read."""
    none = np.empty((0, 2), dtype=np.int64)
    if not len(records):
        return none
    serial, bad = integers(columns.text(rows, 6, 11))
    places: dict[int, int] = {}
    ambiguous: set[int] = set()
    for place in np.flatnonzero(~bad).tolist():
        number = int(serial[place])
        if places.setdefault(number, place) != place:
            ambiguous.add(number)
    fields = [integers(columns.text(records, 6 + 5 * i, 11 + 5 * i)) for i in range(5)]
    first, first_bad = fields[0]
    bonds: set[tuple[int, int]] = set()
    skipped: set[int] = set()
    for second, second_bad in fields[1:]:
        usable = ~(first_bad | second_bad)
        for one, other in zip(first[usable].tolist(), second[usable].tolist(), strict=True):
            if one in ambiguous or other in ambiguous:
                skipped |= {one, other} & ambiguous
            elif one in places and other in places and one != other:
                pair = (places[one], places[other])
                bonds.add((min(pair), max(pair)))
    if skipped:
        numbers = ", ".join(map(str, sorted(skipped)[:5]))
        warnings.warn(
            f"{path}: bonds of CONECT records were skipped, since several atoms have the serial "
            f"numbers {numbers}",
            stacklevel=4,
        )
    return np.array(sorted(bonds), dtype=np.int64).reshape(-1, 2) if bonds else none
