"""Bonds of a PDB file's CONECT records."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gromos_dist.topology.files import TextColumns

Integers = NDArray[np.int64]

_PARTNERS = 4
_WIDTH = 5
_FIELDS = 11  # of a line of 61 columns
_SHOWN = 5


def conect_bonds(
    path: str | Path,
    columns: TextColumns,
    records: Integers,
    serials: NDArray[np.str_],
    others: frozenset[str] = frozenset(),
) -> Integers:
    """Return the bonds of CONECT records, each once, shape (bonds, 2).

    An atom is named as in its own line, in whatever way numbers beyond 99999 are written. A fifth
    partner and more are taken when the four before are there; otherwise these columns are those of
    hydrogen bonds and salt bridges in old files, which are no bonds.

    Parameters
    ----------
    path : str or Path
        The file, for messages.
    columns : TextColumns
        Its text.
    records : (n,) int64 array
        The lines of its CONECT records.
    serials : (atoms,) array of str
        The serial numbers of the atoms, stripped.
    others : frozenset of str
        Serial numbers of what is no atom: TER.

    Warns
    -----
    UserWarning
        Records name atoms that are not there, or numbers that several atoms have.
    """
    places: dict[str, int] = {}
    repeated: set[str] = set()
    for place, serial in enumerate(map(_canonical, serials.tolist())):
        if places.setdefault(serial, place) != place:
            repeated.add(serial)
    fields = [
        columns.text(records, 6 + _WIDTH * i, 6 + _WIDTH * (i + 1)).tolist() for i in range(_FIELDS)
    ]
    bonds: set[tuple[int, int]] = set()
    ambiguous: dict[str, int] = {}
    missing: dict[str, int] = {}
    for row, (first, *partners) in zip(records.tolist(), zip(*fields, strict=True), strict=True):
        taken = partners if all(partners[:_PARTNERS]) else partners[:_PARTNERS]
        named = [_canonical(first), *(_canonical(text) for text in taken if text)]
        known = []
        for serial in named:
            if serial in repeated:
                ambiguous.setdefault(serial, row)
            elif serial in places:
                known.append(serial)
            elif serial not in others:
                missing.setdefault(serial, row)
        if known[:1] != named[:1]:
            continue
        one = places[named[0]]
        for serial in known[1:]:
            other = places[serial]
            if one != other:
                bonds.add((min(one, other), max(one, other)))
    for unsafe, why in (
        (ambiguous, "several atoms have the serial numbers"),
        (missing, "no atom of the first model has the serial numbers"),
    ):
        if unsafe:
            shown = ", ".join(map(repr, list(unsafe)[:_SHOWN]))
            more = f" and {len(unsafe) - _SHOWN} more" if len(unsafe) > _SHOWN else ""
            line = columns.number(min(unsafe.values()))
            warnings.warn(
                f"{path}, line {line}: bonds of CONECT records were left out, since {why} "
                f"{shown}{more}",
                stacklevel=5,
            )
    return np.array(sorted(bonds), dtype=np.int64).reshape(-1, 2)


def _canonical(serial: str) -> str:
    return serial.lstrip("0") or "0"
