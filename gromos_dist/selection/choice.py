"""What functions take as `atoms=`: an expression, indices or a mask."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.errors import SelectionError
from gromos_dist.selection.evaluate import evaluate
from gromos_dist.selection.kinds import KINDS
from gromos_dist.selection.known_atoms import TEXTS, Atoms, KnownAtoms
from gromos_dist.selection.languages import read
from gromos_dist.selection.syntax import did_you_mean
from gromos_dist.selection.tree import Exactly, Kind, Like, Property, Tree, nodes_of

Selection = str | Sequence[int] | Sequence[bool] | NDArray[Any] | slice | None


@overload
def select(atoms: Atoms, expression: str) -> NDArray[np.int64]: ...
@overload
def select(atoms: str, expression: Atoms) -> NDArray[np.int64]: ...
def select(atoms: Atoms | str, expression: str | Atoms) -> NDArray[np.int64]:
    """Return the atoms that a selection expression chooses.

    =========================  ========================================================
    ``name CA C*``             atom names; ``*`` and ``?`` stand for any text, any letter
    ``name /C[AB]|H.*/``       a regular expression, of the whole name
    ``resname ALA GLY``        residue names, likewise
    ``element C N``            chemical elements
    ``chain A B``              chain identifiers; ``chain ""`` where there is none
    ``segid PROA``             segment names, likewise
    ``resid 1:10 15 20-25``    residue numbers as in the file, ranges with both ends
    ``molecule 1``             molecule numbers, from 1
    ``index 0 5:10``           atom numbers, from 0, ranges with both ends
    ``mass > 2.5``             comparison (``< <= > >= == !=``), also of the numbers above
    ``charge -0.5:0.5``        range, both ends included
    ``protein``                residues of amino acids, their variants, and caps
    ``backbone``               atoms N, CA, C and O of ``protein``
    ``sidechain``              the others, without H at N and CA and the oxygens of an end
    ``nucleic``                residues of nucleotides
    ``water``                  residues of water
    ``ion``                    ions of one atom
    ``lipid``                  residues of lipids and sterols, by their names
    ``hydrogen``, ``heavy``    elements H and D; all other elements
    ``all``                    every atom
    ``byres X``                all atoms of residues that have one of X
    ``same residue as X``      likewise; also ``same molecule as``, ``same chain as``,
                               ``segid``, ``resid``, ``resname``, ``name``, ``element``
    ``bonded to X``            atoms bonded to one of X
    ``within 0.5 of X``        atoms at most 0.5 nm from one of X; ``around 0.5 of X`` leaves
                               out X itself
    ``sphere 1.0 at 2 2 2``    atoms at most 1 nm from a point; ``sphere 1.0 of X``: from the
                               centre of geometry of X
    ``box 0:2 0:2 1:3``        atoms with x, y and z in ranges (nm)
    ``not``, ``and``, ``or``   in this order of strength; ``( )`` group
    =========================  ========================================================

    X is any selection; what stands before it binds as strongly as ``not``: ``byres name CA and
    water`` is ``(byres name CA) and water``. The last three kinds, by distance, count periodic
    images and choose other atoms in every frame: functions that need the same atoms in all frames
    refuse them.

    Words of the language may be in any case; names of atoms, residues and elements are as in the
    file. Quotes take a name literally: ``name "O5*"``, ``resname "ALL"``. Residues named SOLV or
    SOL, as GROMOS and GROMACS call any solvent, are water when only O and H are in them. A residue
    whose name is in no list is protein when N, CA, C and O are in it, nucleic acid when a sugar's
    atoms are, water when it is one O with two H, and ion when it is a metal or a halogen alone.

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
        The expression cannot be read, asks for what is not known of the atoms, chooses none, or
        chooses by distance.

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
    tree = read(expression)
    chosen = evaluate(tree, atoms)
    if not len(chosen):
        raise nothing_chosen(expression, tree, atoms)
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
    n_atoms = KnownAtoms(atoms).n_atoms
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


def nothing_chosen(expression: str, tree: Tree, atoms: Atoms) -> SelectionError:
    """Return the error of a selection that chooses no atom."""
    there = _what_exists(tree, KnownAtoms(atoms))
    return SelectionError(f"the selection {expression!r} chooses no atom{there}")


def _what_exists(tree: Tree, atoms: KnownAtoms) -> str:
    """Tell what the words of a selection could have chosen."""
    asked: dict[str, list[str]] = {}
    for node in nodes_of(tree):
        match node:
            case Property(name=name, tests=tests):
                asked.setdefault(name, []).extend(
                    test.text if isinstance(test, Exactly) else test.pattern
                    for test in tests
                    if isinstance(test, Exactly | Like)
                )
            case Kind(name=name):
                for needed in KINDS[name].needs:
                    asked.setdefault(needed, [])
    lines = []
    for name, texts in asked.items():
        values = atoms.property(name)
        if values is None or not len(values):
            continue
        if name in TEXTS:
            names = sorted({str(value) for value in values.tolist()} - {""})
            shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" * (len(names) > 30))
            missing = [text for text in texts if text not in names]
            near = did_you_mean(missing[0], names) if missing else ""
            lines.append(f"{name}: {shown or 'all are empty'}{near}")
        else:
            lines.append(f"{name}: from {values.min()} to {values.max()}")
    return "; these exist:" + "".join(f"\n  {line}" for line in lines) if lines else ""
