"""Protein Data Bank files (`.pdb`, `.ent`): atom names, residues and elements."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.conect import conect_bonds
from gromos_dist.topology.connectivity import molecules_of_residues, starts_of_runs
from gromos_dist.topology.elements import element_symbol, elements_of_columns, masses_of_names
from gromos_dist.topology.files import TextColumns, read_ends
from gromos_dist.topology.numbering import read_numbers
from gromos_dist.topology.pdb_records import disguise, is_disguised
from gromos_dist.topology.residue_kinds import is_polymer
from gromos_dist.topology.topology import Topology

Integers = NDArray[np.int64]

_RESIDUE_WIDTH = 4


def load_pdb(path: str | Path) -> Topology:
    """Read the atoms of the first model of a PDB file.

    Elements come from columns 77 and 78, or are guessed from the columns of the names where these
    hold none (`elements.element_of_columns`); masses are those of the elements; there are no
    partial charges. All alternate locations are atoms. Residue numbers are resSeq; insertion codes
    stand beside them. Beyond 9999, numbers that wrap go on rising, and hybrid-36 and the
    hexadecimals of OpenMM and VMD are understood, whichever explains the whole file
    (`numbering.read_numbers`). Bonds are those of CONECT records (`conect.conect_bonds`); molecules
    follow from chains, segments, TER, residues and these bonds
    (`connectivity.molecules_of_residues`).

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

    Warns
    -----
    UserWarning
        Residue numbers can be read in two ways; CONECT records name no atom, or several.
    """
    columns = read_ends(path, b"ENDMDL")
    records = np.char.rstrip(columns.padded_text(slice(None), 0, 6))
    _refuse_disguised(path, columns, records)
    rows = _rows_of_first_model(records)
    if not len(rows):
        raise TopologyError(f"{path}: no ATOM or HETATM records; is this a PDB file?")
    padded_name = columns.padded_text(rows, 12, 16)
    name = np.asarray(np.char.strip(padded_name))
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
    ends_of_chains = np.flatnonzero(records == "TER")
    after_ter = np.searchsorted(ends_of_chains, rows)
    breaks = starts_of_runs(chain, segment, after_ter)
    residue, insertion_code = _residue_numbers(path, columns, rows, breaks)
    starts = starts_of_runs(residue, residue_name, insertion_code) | breaks
    bonds = conect_bonds(
        path,
        columns,
        np.flatnonzero(records == "CONECT"),
        _serials(columns, rows),
        frozenset(_serials(columns, ends_of_chains).tolist()),
    )
    element = _elements(columns.text(rows, 76, 78), padded_name, residue_name)
    polymer = is_polymer(starts, residue_name, name)
    return Topology(
        atom_name=name,
        residue_name=residue_name,
        residue=residue,
        molecule=molecules_of_residues(starts, residue, polymer, breaks, bonds),
        element=element,
        mass=masses_of_names(element, name, residue_name),
        charge=np.full(len(rows), np.nan),
        bonds=bonds,
        chain=_if_any(chain),
        segment=_if_any(segment),
        insertion_code=_if_any(insertion_code),
    )


def _refuse_disguised(path: str | Path, columns: TextColumns, records: NDArray[np.str_]) -> None:
    """Raise a TopologyError for a line that would be passed over and must not be."""
    others = np.flatnonzero(~_is_atom(records))
    odd = [
        record
        for record in np.unique(records[others]).tolist()
        if is_disguised(record.encode("latin-1"))
    ]
    rows = others[np.isin(records[others], odd) | (others == 0)]
    found = disguise(rows.tolist(), lambda row: columns.line(row).encode("latin-1"))
    if found is not None:
        raise TopologyError(f"{path}, line {columns.number(found[0])}: {found[1]}")


def _if_any(text: NDArray[np.str_]) -> NDArray[np.str_] | None:
    return text if (text != "").any() else None


def _rows_of_first_model(records: NDArray[np.str_]) -> Integers:
    rows = np.flatnonzero(_is_atom(records))
    if not len(rows):
        return rows
    # END closes a model in files of some programs that write several without MODEL.
    closing = np.flatnonzero((records == "ENDMDL") | (records == "END") | (records == "MODEL"))
    closing = closing[closing > rows[0]]
    return rows[rows < closing[0]] if len(closing) else rows


def _is_atom(records: NDArray[np.str_]) -> NDArray[np.bool_]:
    # Serial numbers of six digits begin in the blank behind ATOM.
    is_wide = np.char.startswith(records, "ATOM ")
    return np.asarray((records == "ATOM") | (records == "HETATM") | is_wide)


def _serials(columns: TextColumns, rows: Integers) -> NDArray[np.str_]:
    begins_early = np.char.isdigit(columns.text(rows, 5, 6))
    return np.where(begins_early, columns.text(rows, 5, 11), columns.text(rows, 6, 11))


def _residue_numbers(
    path: str | Path, columns: TextColumns, rows: Integers, breaks: NDArray[np.bool_]
) -> tuple[Integers, NDArray[np.str_]]:
    """Return residue numbers and insertion codes."""
    text, insertion_code = columns.text(rows, 22, 26), columns.text(rows, 26, 27)
    # A digit in the column of the insertion code belongs to a number of five digits.
    wide = np.char.isdigit(insertion_code)
    if wide.any():
        text = np.where(wide, columns.text(rows, 22, 27), text)
        insertion_code = np.where(wide, "", insertion_code)
    numbers = read_numbers(text, _RESIDUE_WIDTH, breaks)
    if numbers.bad.any():
        place = int(np.argmax(numbers.bad))
        raise TopologyError(
            f"{path}, line {rows[place] + 1}: expected a residue number in columns 23 to 26, "
            f"found {str(text[place])!r}"
        )
    if numbers.ambiguous is not None:
        place = numbers.ambiguous
        warnings.warn(
            f"{path}, line {rows[place] + 1}: the residue number {str(text[place])!r} is read as "
            f"{numbers.values[place]} ({numbers.way}), but it may be {numbers.other_way}: nothing "
            "in the file tells; write it with residue numbers below 10000",
            stacklevel=4,
        )
    return numbers.values, insertion_code


def _elements(
    written: NDArray[np.str_], padded_name: NDArray[np.str_], residue_name: NDArray[np.str_]
) -> NDArray[np.str_]:
    symbols = {text: element_symbol(text) for text in set(written.tolist())}
    element = np.array([symbols[text] for text in written.tolist()], dtype="<U2")
    unknown = element == ""
    if unknown.any():
        guessed = elements_of_columns(padded_name, residue_name)
        element[unknown] = guessed[unknown]
    return element
