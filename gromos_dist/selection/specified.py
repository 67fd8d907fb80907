"""Atoms by the numbers and names that they have within molecules, as GROMOS counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import SelectionError
from gromos_dist.selection.known_atoms import KnownAtoms
from gromos_dist.selection.look_up import error_at, is_text, values_for
from gromos_dist.selection.tree import Between, Specified, Test
from gromos_dist.topology.residue_kinds import among, residue_starts
from gromos_dist.topology.topology import SOLVENT_RESIDUE_NAME

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_UNKNOWN = -1


def specified_atoms(node: Specified, atoms: KnownAtoms) -> Integers:
    """Return the atoms that a specifier means, each once, in its order.

    Raises
    ------
    SelectionError
        It asks for what is not known of the atoms, or for a molecule, residue or number of an atom
        that is not there. Names that no atom has choose none.
    """
    counted = _Counted(node, atoms)
    found = counted.of_solvent() if node.molecules == "s" else list(counted.of_solute())
    if not found:
        return np.empty(0, np.int64)
    every = np.concatenate(found)
    _, first = np.unique(every, return_index=True)
    return every[np.sort(first)]


@dataclass(frozen=True, eq=False)
class _Counted:
    """Atoms of a Dataset, counted within molecules, for a specifier."""

    node: Specified
    known: KnownAtoms

    def of_solute(self) -> Iterator[Integers]:
        """Go through what is asked of the solute."""
        for molecule, members in self._asked_molecules():
            what = f"molecule {molecule}"
            numbers = self._numbers(members, is_first=molecule == 1)
            if self.node.residues is None:
                yield from self._asked_atoms(members, numbers, what)
                continue
            for residue, name in self._asked_residues(members, numbers, what):
                yield from self._asked_atoms(
                    members[residue],
                    numbers[residue] - numbers[residue[0]] + 1,
                    f"{name} of {what}",
                )

    def of_solvent(self) -> list[Integers]:
        """Return what is asked of the solvent: names molecule by molecule, or numbers."""
        members = np.flatnonzero(self._solvent)
        members = members[np.argsort(self._file_numbers[members], kind="stable")]
        if not len(members):
            raise error_at(
                self.node,
                "no solvent is known here: it is what a GROMOS topology has as its solvent "
                f"(residues {SOLVENT_RESIDUE_NAME}); choose by other words, such as 'water'",
            )
        if any(isinstance(test, Between) for test in self.node.atoms):
            return list(self._asked_atoms(members, self._numbers(members), "the solvent"))
        rank = np.full(len(members), len(self.node.atoms))
        for number, test in reversed(list(enumerate(self.node.atoms))):
            rank[self._named(members, test)] = number
        molecule = self._molecules[members]
        chosen = np.lexsort((np.arange(len(members)), rank, molecule))
        return [members[chosen[rank[chosen] < len(self.node.atoms)]]]

    # ---- what is asked ----

    def _asked_molecules(self) -> Iterator[tuple[int, Integers]]:
        """Go through numbers of molecules and their atoms, in the order of the file."""
        atoms, numbers, starts = self._solute
        if isinstance(self.node.molecules, str):
            for number, start, stop in zip(numbers, starts, [*starts[1:], None], strict=False):
                yield int(number), atoms[start:stop]
            return
        for between in self.node.molecules:
            for number in range(int(between.first), int(between.last) + 1):
                place = int(np.searchsorted(numbers, number))
                if place == len(numbers) or numbers[place] != number:
                    known = (
                        f"there are {numbers[0]} to {numbers[-1]}" if len(numbers) else "none is"
                    )
                    raise error_at(
                        self.node, f"there is no molecule {number} of the solute here; {known}"
                    )
                stop = starts[place + 1] if place + 1 < len(starts) else None
                yield number, atoms[starts[place] : stop]

    def _asked_residues(
        self, members: Integers, numbers: Integers, what: str
    ) -> Iterator[tuple[Integers, str]]:
        """Go through residues of a molecule: places among its atoms, and what to call them."""
        assert self.node.residues is not None, "the caller looks"
        if self.known.property("resname") is None:
            values_for(self.node, "resid", self.known)
        run = np.cumsum(residue_starts(lambda name: self._label(name, members)))
        is_there = np.logical_and.accumulate(numbers == np.arange(1, len(numbers) + 1))
        residues = np.where(is_there, run, _UNKNOWN)
        for test in self.node.residues:
            if isinstance(test, Between):
                for number in range(int(test.first), int(test.last) + 1):
                    residue = np.flatnonzero(residues == number)
                    if not len(residue):
                        raise self._missing(residues, f"residue {number}", what, "residues")
                    yield residue, f"residue {number}"
                continue
            names = values_for(self.node, "resname", self.known)[members]
            fits = self._are(names, test)
            for one in np.unique(run[fits]).tolist():
                residue = np.flatnonzero(run == one)
                yield residue, f"residue {names[residue[0]]}"

    def _label(self, name: str, members: Integers) -> NDArray[Any] | None:
        values = self.known.coordinate(name)
        return None if values is None else values[members]

    def _asked_atoms(self, members: Integers, numbers: Integers, what: str) -> Iterator[Integers]:
        for test in self.node.atoms:
            if not isinstance(test, Between):
                yield members[self._named(members, test)]
                continue
            chosen = members[(numbers >= test.first) & (numbers <= test.last)]
            if len(chosen) != test.last - test.first + 1:
                there = np.unique(numbers[(numbers >= test.first) & (numbers <= test.last)])
                in_order = int(test.first) + np.arange(len(there))
                first = int(test.first) + int((there == in_order).sum())
                raise self._missing(numbers, f"atom {first}", what, "atoms")
            yield chosen

    def _named(self, members: Integers, test: Test | None) -> Mask:
        if test is None:
            return np.ones(len(members), bool)
        return self._are(values_for(self.node, "name", self.known)[members], test)

    def _are(self, names: NDArray[Any], test: Test | None) -> Mask:
        if test is None:
            return np.ones(len(names), bool)
        return among(names, {text for text in set(names.tolist()) if is_text(text, test)})

    def _missing(self, numbers: Integers, asked: str, what: str, kind: str) -> SelectionError:
        known = numbers[numbers != _UNKNOWN]
        if len(known) < len(numbers):
            return error_at(
                self.node,
                f"which {kind} of {what} are here is not known: some before them were left out; "
                "choose by number from the whole trajectory, or by name",
            )
        return error_at(
            self.node,
            f"{what} has no {asked} here; its {kind} are {known.min()} to {known.max()}",
        )

    # ---- what is known ----

    @cached_property
    def _molecules(self) -> Integers:
        return np.asarray(values_for(self.node, "molecule", self.known), np.int64)

    @cached_property
    def _solvent(self) -> Mask:
        names = self.known.property("resname")
        if names is None:
            return np.zeros(self.known.n_atoms, bool)
        return np.asarray(names == SOLVENT_RESIDUE_NAME, bool)

    @cached_property
    def _solute(self) -> tuple[Integers, Integers, Integers]:
        """Atoms in the order of the file by molecule, molecules, and where these begin."""
        solute = np.flatnonzero(~self._solvent)
        molecules = self._molecules[solute]
        order = np.lexsort((self._file_numbers[solute], molecules))
        numbers, starts = np.unique(molecules[order], return_index=True)
        return solute[order], numbers, starts

    @cached_property
    def _file_numbers(self) -> Integers:
        numbers = self.known.coordinate("atom_number") if self.known.is_dataset else None
        return np.arange(self.known.n_atoms) if numbers is None else np.asarray(numbers, np.int64)

    def _numbers(self, members: Integers, *, is_first: bool = False) -> Integers:
        """Return the numbers of the atoms of a molecule, from 1, in the order of the file.

        They are not known where the beginning was left out: an atom is the first if the one before
        it in the file is there, and is of another molecule.
        """
        numbers = self._file_numbers[members]
        if is_first or numbers[0] == 0 or (self._file_numbers == numbers[0] - 1).any():
            return numbers - (0 if is_first else numbers[0]) + 1
        return np.full(len(members), _UNKNOWN)
