"""The selection language: words that choose atoms by name, residue, number, element or mass."""

from __future__ import annotations

import difflib
import operator
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NoReturn, overload

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.errors import SelectionError
from gromos_dist.topology.residue_kinds import (
    among,
    is_nucleic,
    is_protein,
    is_water,
    residue_starts,
)
from gromos_dist.topology.residue_names import ANY_SOLVENT
from gromos_dist.topology.topology import Topology

Atoms = Topology | xr.Dataset | xr.DataArray
Mask = NDArray[np.bool_]
Selection = str | Sequence[int] | Sequence[bool] | NDArray[Any] | slice | None

# Word -> the atom coordinate that it looks at.
STRINGS = {
    "name": "atom_name",
    "resname": "residue_name",
    "element": "element",
    "chain": "chain",
    "segid": "segment",
}
INTEGERS = {"resid": "residue", "molecule": "molecule", "index": "index"}
REALS = {"mass": "mass"}
SETS = ("all", "protein", "backbone", "nucleic", "water")
_OPERATORS = ("and", "or", "not")
WORDS = (*STRINGS, *INTEGERS, *REALS, *SETS, *_OPERATORS)

_BACKBONE_ATOMS = frozenset({"N", "CA", "C", "O"})
_COMPARISONS: dict[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(r'"[^"]*"|[()]|[<>=!]=?|[^\s()"<>=!]+')
_INTEGER_RANGE = re.compile(r"(-?\d+)(?:[:-](-?\d+))?")
_MOST_DIGITS = 18  # of an integer of 64 bits
_REAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_REAL_RANGE = re.compile(f"({_REAL})(?:[:-]({_REAL}))?")


@dataclass(frozen=True)
class _Token:
    text: str
    place: int

    @property
    def word(self) -> str:
        """The keyword that the text is, whatever its case; empty when it is none."""
        lower = self.text.lower()
        return lower if lower in WORDS else ""


@overload
def select(atoms: Atoms, expression: str) -> NDArray[np.int64]: ...
@overload
def select(atoms: str, expression: Atoms) -> NDArray[np.int64]: ...
def select(atoms: Atoms | str, expression: str | Atoms) -> NDArray[np.int64]:
    """Return the atoms that a selection expression chooses.

    ========================  ========================================================
    ``name CA C*``            atom names; ``*`` and ``?`` stand for any text, any letter
    ``resname ALA GLY``       residue names, likewise
    ``element C N``           chemical elements
    ``chain A B``             chain identifiers; ``chain ""`` where there is none
    ``segid PROA``            segment names, likewise
    ``resid 1:10 15 20-25``   residue numbers as in the file, ranges with both ends
    ``molecule 1``            molecule numbers, from 1
    ``index 0 5:10``          atom numbers, from 0, ranges with both ends
    ``mass > 2.5``            comparison (``< <= > >= == !=``), also of the numbers above
    ``mass 12:16``            range, both ends included
    ``protein``               residues of amino acids, their variants, and caps
    ``backbone``              atoms N, CA, C and O of ``protein``
    ``nucleic``               residues of nucleotides
    ``water``                 residues of water
    ``all``                   every atom
    ``not``, ``and``, ``or``  in this order of strength; ``( )`` group
    ========================  ========================================================

    Words of the language may be in any case; names of atoms, residues and elements are as in the
    file. Quotes take a name literally: ``name "O5*"``, ``resname "ALL"``. Residues named SOLV or
    SOL, as GROMOS and GROMACS call any solvent, are water when only O and H are in them. A residue
    whose name is in no list is protein when N, CA, C and O are in it, nucleic acid when a sugar's
    atoms are, and water when it is one O with two H.

    Parameters
    ----------
    atoms : Topology, xarray.Dataset or xarray.DataArray
        The atoms; xarray objects have the atoms' properties as coordinates on ``atom``.
    expression : str
        What to choose.

    Returns
    -------
    (n,) int64 array
        Atoms, from 0, rising.

    Raises
    ------
    SelectionError
        The expression cannot be read, asks for what is not known of the atoms, or chooses none.

    Warns
    -----
    DeprecationWarning
        The expression comes first, as it did in version 0.1.

    Examples
    --------
    >>> from gromos_dist.topology import load_topology
    >>> topology = load_topology("tests/data/spc.top").solvate(2)
    >>> select(topology, "water and not name HW*")
    array([0, 3])
    """
    if isinstance(atoms, str):
        warnings.warn(
            "select(expression, atoms) is the old order: write select(atoms, expression)",
            DeprecationWarning,
            stacklevel=2,
        )
        atoms, expression = expression, atoms
    if not isinstance(expression, str) or isinstance(atoms, str):
        raise TypeError(f"expression: expected text, got {type(expression).__name__}")
    parser = _Parser(expression, atoms)
    chosen = np.flatnonzero(parser.parse()).astype(np.int64)
    if not len(chosen):
        raise SelectionError(f"the selection {expression!r} chooses no atom{parser.what_exists()}")
    return chosen


def resolve(selection: Selection | xr.DataArray, atoms: Atoms) -> NDArray[np.int64]:
    """Return the atoms that an expression, an index array or a mask chooses.

    Parameters
    ----------
    selection : str, sequence of int, sequence of bool, slice or None
        An expression for `select`; atoms from 0, whose order is kept; True for the atoms wanted,
        one entry an atom; a slice; None for all atoms.
    atoms : Topology, xarray.Dataset or xarray.DataArray
        The atoms.

    Returns
    -------
    (n,) int64 array
        Atoms, from 0.

    Raises
    ------
    SelectionError
        As `select`, or atoms are out of range, or none is chosen, or the dtype is no choice.
    """
    if isinstance(selection, str):
        return select(atoms, selection)
    n_atoms = _n_atoms(atoms)
    if selection is None or isinstance(selection, slice):
        chosen = np.arange(n_atoms, dtype=np.int64)[selection or slice(None)]
    else:
        chosen = _indices(np.asarray(selection), n_atoms)
    if not len(chosen):
        raise SelectionError(f"the selection chooses none of the {n_atoms} atoms")
    return chosen


def _indices(array: NDArray[Any], n_atoms: int) -> NDArray[np.int64]:
    if array.ndim != 1:
        raise SelectionError(
            f"a selection has one dimension, this one has shape {array.shape}; give an "
            "expression, a list of atoms, or a mask"
        )
    if array.dtype == bool:
        if len(array) != n_atoms:
            raise SelectionError(
                f"the mask has {len(array)} entries, but there are {n_atoms} atoms; give one each"
            )
        return np.flatnonzero(array).astype(np.int64)
    if array.size and array.dtype.kind not in "iu":
        raise SelectionError(
            f"a selection is an expression, integers or a mask of bool; this one is {array.dtype}"
        )
    outside = (array < 0) | (array >= n_atoms)
    if outside.any():
        raise SelectionError(
            f"atom {array[np.argmax(outside)]} is out of range: {n_atoms} atoms count from 0 to "
            f"{n_atoms - 1}"
        )
    return array.astype(np.int64)


def _n_atoms(atoms: Atoms) -> int:
    if isinstance(atoms, Topology):
        return atoms.n_atoms
    if "atom" not in atoms.sizes:
        raise SelectionError(f"there is no dimension 'atom', only {tuple(atoms.sizes)}")
    return int(atoms.sizes["atom"])


class _Parser:
    """Recursive descent: each method takes its part of the expression and returns a mask."""

    def __init__(self, expression: str, atoms: Atoms) -> None:
        self._expression = expression
        self._atoms = atoms
        self._n_atoms = _n_atoms(atoms)
        self._used: dict[str, list[str]] = {}
        self._next = 0
        self._tokens: list[_Token] = []
        place = 0
        while place < len(expression):
            if expression[place].isspace():
                place += 1
                continue
            match = _TOKEN.match(expression, place)
            if match is None:
                self._fail("this quote is not closed", place)
            self._tokens.append(_Token(match.group(), place))
            place = match.end()

    def parse(self) -> Mask:
        mask = self._or()
        token = self._peek()
        if token:
            hint = "" if token.word or token.text in "()" else self._near(token.text, WORDS)
            self._fail(f"expected 'and', 'or' or the end, found {token.text!r}{hint}", token.place)
        return mask

    def what_exists(self) -> str:
        """Tell what the words of the expression could have chosen."""
        lines = []
        for word, asked in self._used.items():
            values = self._values(word)
            if word in STRINGS:
                names = sorted({str(value) for value in values.tolist()} - {""})
                shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" * (len(names) > 30))
                missing = [name for name in asked if name not in names]
                near = "".join(self._near(name, names) for name in missing[:1])
                lines.append(f"{word}: {shown or 'all are empty'}{near}")
            elif len(values):
                lines.append(f"{word}: from {values.min()} to {values.max()}")
        return "; these exist:" + "".join(f"\n  {line}" for line in lines) if lines else ""

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _accept(self, *words: str) -> _Token | None:
        token = self._peek()
        if token and token.text.lower() in words:
            self._next += 1
            return token
        return None

    def _fail(self, message: str, place: int | None = None) -> NoReturn:
        place = len(self._expression) if place is None else place
        # Line breaks and tabs would move the caret away from its place.
        shown = re.sub(r"\s", " ", self._expression)
        raise SelectionError(f"{message}\n  {shown}\n  {' ' * place}^")

    @staticmethod
    def _near(text: str, known: Sequence[str]) -> str:
        near = difflib.get_close_matches(text, known) or [
            name for name in known if name.lower() == text.lower()
        ]
        return f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""

    def _or(self) -> Mask:
        mask = self._and()
        while self._accept("or"):
            mask = mask | self._and()
        return mask

    def _and(self) -> Mask:
        mask = self._not()
        while self._accept("and"):
            mask = mask & self._not()
        return mask

    def _not(self) -> Mask:
        # Counted, not nested, so that no expression is too deep.
        negated = False
        while self._accept("not"):
            negated = not negated
        mask = self._primary()
        return ~mask if negated else mask

    def _primary(self) -> Mask:
        token = self._peek()
        if token is None:
            self._fail(f"expected a selection, found the end; known words: {', '.join(WORDS)}")
        self._next += 1
        if token.text == "(":
            try:
                mask = self._or()
            except RecursionError:
                self._fail("too many parentheses within each other", token.place)
            if not self._accept(")"):
                found = self._peek()
                self._fail("expected ')'", found.place if found else None)
            return mask
        if token.word in STRINGS:
            return self._names(token)
        if token.word in INTEGERS or token.word in REALS:
            return self._numbers(token)
        if token.word in SETS:
            return self._set(token)
        if token.word or token.text == ")":
            self._fail(f"expected a selection, found {token.text!r}", token.place)
        return self._fail(
            f"unknown word {token.text!r}{self._near(token.text.lower(), WORDS)}; known words: "
            f"{', '.join(WORDS)}",
            token.place,
        )

    def _values(self, word: str, asking: _Token | None = None) -> NDArray[Any]:
        """Return the atoms' property behind a word, shape (atoms,), for the word that asks."""
        if word == "index":
            return np.arange(self._n_atoms)
        coordinate = {**STRINGS, **INTEGERS, **REALS}[word]
        values = self._known(coordinate)
        if values is None:
            asked = asking.text if asking else word
            others = [
                name
                for name, other in {**STRINGS, **INTEGERS, **REALS}.items()
                if name != "index" and self._known(other) is not None
            ]
            there = f" (there are {', '.join(others)})" if others else ""
            self._fail(
                f"{asked!r} needs the atom coordinate {coordinate!r}, which is not there{there}; "
                "give a topology that has it: open_trajectory(..., topology='system.top')",
                asking.place if asking else None,
            )
        return values

    def _take_values(self) -> list[_Token]:
        taken: list[_Token] = []
        while (token := self._peek()) and not token.word and token.text[0] not in "()<>=!":
            taken.append(token)
            self._next += 1
        return taken

    def _names(self, keyword: _Token) -> Mask:
        values = self._values(keyword.word, keyword)
        wanted = self._take_values()
        if not wanted:
            found = self._peek()
            self._fail(
                f"expected names after {keyword.text!r}; a name that is also a word of the "
                f'language goes in quotes: {keyword.word} "ALL"',
                found.place if found else None,
            )
        asked = self._used.setdefault(keyword.word, [])
        unique = set(values.tolist())
        matched: set[str] = set()
        for token in wanted:
            text = token.text.strip('"')
            asked.append(text)
            if token.text.startswith('"') or not set(text) & set("*?"):
                matched |= unique & {text}
            else:
                # Brackets are part of some names, not classes of letters.
                pattern = text.replace("[", "[[]")
                matched |= {name for name in unique if fnmatchcase(name, pattern)}
        return among(values, matched)

    def _numbers(self, keyword: _Token) -> Mask:
        values = self._values(keyword.word, keyword)
        if keyword.word in REALS and np.isnan(values).any():
            atom = int(np.argmax(np.isnan(values)))
            self._fail(
                f"the {keyword.word} of {np.count_nonzero(np.isnan(values))} atoms is unknown, the "
                f"first is atom {atom}; give a topology that has it",
                keyword.place,
            )
        self._used.setdefault(keyword.word, [])
        comparison = self._accept(*_COMPARISONS)
        if comparison:
            number = self._peek()
            if number is None or not re.fullmatch(_REAL, number.text):
                self._fail("expected a number", number.place if number else None)
            self._next += 1
            compared = _COMPARISONS[comparison.text](values, float(number.text))
            return np.asarray(compared, dtype=bool)
        ranges = self._take_values()
        if not ranges:
            found = self._peek()
            self._fail(
                f"expected numbers, ranges (1:10) or a comparison after {keyword.text!r}",
                found.place if found else None,
            )
        mask = np.zeros(self._n_atoms, dtype=bool)
        for token in ranges:
            first, last = self._range(keyword.word, token)
            mask |= (values >= first) & (values <= last)
        return mask

    def _range(self, word: str, token: _Token) -> tuple[float, float]:
        pattern = _INTEGER_RANGE if word in INTEGERS else _REAL_RANGE
        match = pattern.fullmatch(token.text)
        if match is None:
            kind = "an integer or a range like 1:10" if word in INTEGERS else "a number or a range"
            self._fail(
                f"expected {kind}, found {token.text!r}{self._near(token.text.lower(), WORDS)}",
                token.place,
            )
        if word in INTEGERS and max(map(len, re.findall(r"\d+", token.text))) > _MOST_DIGITS:
            self._fail(f"expected a number of at most {_MOST_DIGITS} digits", token.place)
        convert = int if word in INTEGERS else float
        first = convert(match.group(1))
        last = convert(match.group(2)) if match.group(2) else first
        if last < first:
            self._fail(f"the range ends before it begins; write {last}:{first}", token.place)
        return first, last

    def _set(self, keyword: _Token) -> Mask:
        if keyword.word == "all":
            return np.ones(self._n_atoms, dtype=bool)
        residue_names = self._values("resname", keyword)
        self._used.setdefault("resname", [])
        starts = residue_starts(self._known)
        if keyword.word == "water":
            water = is_water(starts, residue_names, self._known("element"))
            return water & ~among(residue_names, self._solvents_that_are_not_water())
        if keyword.word == "nucleic":
            return is_nucleic(starts, residue_names, self._known("atom_name"))
        mask = is_protein(starts, residue_names, self._known("atom_name"))
        if keyword.word == "backbone":
            self._used.setdefault("name", [])
            mask = mask & among(self._values("name", keyword), _BACKBONE_ATOMS)
        return mask

    def _known(self, coordinate: str) -> NDArray[Any] | None:
        """Return a property of the atoms, None where it is not known."""
        if isinstance(self._atoms, Topology):
            values = getattr(self._atoms, coordinate)
            return None if values is None else np.asarray(values)
        if coordinate not in self._atoms.coords:
            return None
        return np.asarray(self._atoms.coords[coordinate].values)

    def _solvents_that_are_not_water(self) -> frozenset[str]:
        elements = self._known("element")
        if elements is None:
            return frozenset()
        other = ~among(elements, {"O", "H", "D", ""})
        names = self._values("resname")
        return frozenset(name for name in ANY_SOLVENT if (other & (names == name)).any())
