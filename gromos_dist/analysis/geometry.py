"""Distances, angles and torsions between atoms or centres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import box_of, numbers_of
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.per_frame import Points, names_of_atoms, points_of, read_only_needed
from gromos_dist.analysis.system import positions_of
from gromos_dist.errors import SelectionError
from gromos_dist.kernels import geometry as kernels
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.mapping import Map, Scan
from gromos_dist.variables import Variable

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Tuples = Sequence[Sequence[Any]] | NDArray[np.integer]
"""Atoms that belong together: numbers from 0, or specifiers of one point each."""

DISTANCE = Variable("distance", ("frame", "pair"), "f", "nm", "distance")
DISPLACEMENT = Variable("displacement", ("frame", "pair", "xyz"), "f", "nm", "displacement")
ANGLE = Variable("angle", ("frame", "triple"), "f", "degree", "angle")
DIHEDRAL = Variable("dihedral", ("frame", "quadruple"), "f", "degree", "dihedral angle")

_MEMBERS = ("first_atom", "second_atom", "third_atom", "fourth_atom")
_FULL_TURN = 360.0
# From the warning to who has called the analysis.
_CALLER = 6


def measured(
    positions: NDArray[Any],
    box: NDArray[Any] | None = None,
    *,
    kernel: Callable[..., Floats],
    tuples: Integers,
    points: Points | None = None,
    octahedra: bool = False,
    out: Floats,
) -> Floats:
    """Measure tuples of atoms, or of points, in a block of frames.

    Parameters
    ----------
    positions, box
        A block of the Dataset's.
    kernel : callable
        Of `gromos_dist.kernels.geometry`.
    tuples : (n, ...) int64 array
        Atoms of the block, or places in `points`.
    points : Points, optional
        What they are tuples of, if not of atoms.
    octahedra : bool
        Whether boxes are the cubes that truncated octahedra are cut from.
    out : array
        Where the values are written.

    Returns
    -------
    array
        `out`.
    """
    if points is not None:
        positions = points.positions(positions, box)
    return kernel(positions, tuples, lattice_vectors(box, octahedra), out=out)


_DISTANCE = Map(measured, DISTANCE, fills=True)
_DISPLACEMENT = Map(measured, DISPLACEMENT, fills=True)
_ANGLE = Map(measured, ANGLE, fills=True)
_DIHEDRAL = Map(measured, DIHEDRAL, fills=True)


@analysis(DISTANCE, DISPLACEMENT, view="time series", topic="Geometry")
def distances(
    ds: xr.Dataset | xr.DataArray, pairs: Tuples, *, vectors: bool = False, periodic: bool = True
) -> xr.DataArray:
    """Distances of pairs of atoms or centres in every frame.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    pairs : (n, 2) array of int, or sequence of pairs
        Atoms from 0; or what chooses one point each: a number, a selection of one atom, or a
        centre such as ``"com of resname LIG"`` (see `points`).
    vectors : bool
        Return vectors from the first to the second.
    periodic : bool
        Take nearest images, in any box, where `ds` has one; otherwise coordinates as they are.

    Returns
    -------
    DataArray
        ``distance`` (frame, pair) or ``displacement`` (frame, pair, xyz), float64, nm; lazy if `ds`
        is. Along ``pair``: what each is called, and the numbers of its atoms in the file
        (``first_atom``, ``second_atom``; -1 for a centre).

    Raises
    ------
    SelectionError
        A text cannot be read, chooses no atom or several, or an atom is out of range.
    ValueError
        These are no pairs.
    FrameError
        When computed: a coordinate is not finite, or the box of a frame has no volume.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken molecules of which centres are asked.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> ends = gd.distances(ds, [("name CA and resid 1", "name CA and resid 214")])
    >>> ends.pair.item(), round(float(ends[0, 0]), 4)
    ('MET1:CA - GLY214:CA', 1.0938)
    >>> gd.distances(ds, [[0, 10], [0, 20]]).shape
    (98, 2)

    Two distances over time::

        gromos-dist distances md.dcd -t protein.psf \
            --pair 'name CA and resid 1; name CA and resid 214' \
            --pair 'com of resid 1:10; com of resid 120:130' -o distances.csv --plot distances.png
    """
    record, kernel = (
        (_DISPLACEMENT, kernels.displacements) if vectors else (_DISTANCE, kernels.distances)
    )
    return _measure(record, kernel, ds, pairs, 2, periodic)


@analysis(ANGLE, view="time series", topic="Geometry")
def angles(
    ds: xr.Dataset | xr.DataArray, triples: Tuples, *, periodic: bool = True
) -> xr.DataArray:
    r"""Angles at the second of three atoms or centres in every frame.

    :math:`\operatorname{atan2}(|a \times b|, a \cdot b)` of the vectors to the first and to the
    third.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    triples : (n, 3) array of int, or sequence of triples
        Atoms from 0, or what chooses one point each, as the pairs of `distances`.
    periodic : bool
        Take nearest images, in any box, where `ds` has one; otherwise coordinates as they are.

    Returns
    -------
    DataArray
        ``angle`` (frame, triple) float64, degrees, 0 to 180, NaN where two of the atoms lie in one
        place; lazy if `ds` is. Along ``triple`` are names and numbers of atoms, as of `distances`.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As `distances`.

    Warns
    -----
    BrokenMoleculesWarning
        As `distances`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> parts = ["com of resid 115:125", "com of resid 90:100", "com of resid 35:55"]
    >>> hinge = gd.angles(ds, [parts])
    >>> f"{float(hinge[0, 0]):.1f} {float(hinge[-1, 0]):.1f}"
    '46.2 73.8'

    How far a hinge opens::

        gromos-dist angles md.dcd -t protein.psf --plot hinge.png \
            --triple 'com of resid 115:125; com of resid 90:100; com of resid 35:55'
    """
    return _measure(_ANGLE, kernels.angles, ds, triples, 3, periodic)


@analysis(DIHEDRAL, view="dihedrals", topic="Geometry")
def dihedrals(
    ds: xr.Dataset | xr.DataArray,
    quadruples: Tuples,
    *,
    unwrap: bool = False,
    periodic: bool = True,
) -> xr.DataArray:
    r"""Torsion angles of four atoms or centres in every frame.

    :math:`\operatorname{atan2}(|b| \, a \cdot (b \times c), (a \times b) \cdot (b \times c))` of
    the vectors from each to the next: clockwise, seen from the second to the third, is positive,
    trans is 180 degrees (IUPAC).

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    quadruples : (n, 4) array of int, or sequence of quadruples
        Atoms from 0, or what chooses one point each, as the pairs of `distances`.
    unwrap : bool
        Continue in time: after the first frame, whole turns are added so that each value is the
        nearest to that of the frame before (as gromos++ does for ``t%``).
    periodic : bool
        Take nearest images, in any box, where `ds` has one; otherwise coordinates as they are.

    Returns
    -------
    DataArray
        ``dihedral`` (frame, quadruple) float64, degrees, in (-180, 180] unless unwrapped, NaN where
        three neighbours lie in a line; lazy if `ds` is. Along ``quadruple`` are names and numbers
        of atoms, as of `distances`.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As `distances`.

    Warns
    -----
    BrokenMoleculesWarning
        As `distances`.

    References
    ----------
    IUPAC-IUB Commission on Biochemical Nomenclature, Biochemistry 9 (1970) 3471,
    doi:10.1021/bi00820a001.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> phi = ["name C and resid 9", *(f"name {name} and resid 10" for name in ("N", "CA", "C"))]
    >>> float(gd.dihedrals(ds, [phi])[0, 0].round(1))
    -168.6

    One torsion, also beyond half a turn::

        gromos-dist dihedrals md.dcd -t protein.psf --dihedrals-unwrap --plot chi.png --quadruple \
            'index 0; index 4; name CB and resid 1; name CG and resid 1'
    """
    found = _measure(_DIHEDRAL, kernels.dihedrals, ds, quadruples, 4, periodic)
    return continued(found, DIHEDRAL) if unwrap else found


def continued(angles: xr.DataArray, variable: Variable) -> xr.DataArray:
    """Return angles (frame, ...) with whole turns added, so that they continue in time."""
    turns = Variable("turns", variable.dims, "i", "", "whole turns")
    counted = Scan(_turns, _with_turns_before, turns)(angles)
    return Map(_turned, variable)(angles, counted)


def _turns(block: Floats, previous: Floats) -> Integers:
    steps = np.diff(np.concatenate([previous, block]), axis=0) / _FULL_TURN
    back = np.rint(np.where(np.isfinite(steps), steps, 0.0)).astype(np.int64)
    turns: Integers = np.cumsum(-back, axis=0)
    return turns


def _with_turns_before(before: Integers, turns: Integers) -> Integers:
    since_the_first: Integers = before[-1] + turns
    return since_the_first


def _turned(angles: Floats, turns: Integers) -> Floats:
    return angles + _FULL_TURN * turns


def _measure(
    record: Map,
    kernel: Callable[..., Floats],
    ds: xr.Dataset | xr.DataArray,
    given: Tuples,
    size: int,
    periodic: bool,
) -> xr.DataArray:
    positions = positions_of(ds)
    dim = record.variable.dims[1]
    atoms = _as_atoms(given, size, dim, positions.sizes["atom"])
    points = None
    if atoms is None:
        points = _points(ds, given, size, dim)
        atoms = points.numbers.reshape(-1, size)
    coords = _coordinates(positions, dim, atoms, points)
    if points is not None and (atoms < 0).any():
        positions, [points] = read_only_needed(positions, points)
        tuples = np.arange(atoms.size).reshape(atoms.shape)
    else:
        positions, [flat] = read_only_needed(positions, atoms.ravel())
        tuples, points = flat.reshape(atoms.shape), None
    box, octahedra = box_of(ds, periodic)
    return record(
        *(positions, *box),
        coords=coords,
        kernel=kernel,
        tuples=tuples,
        points=points,
        octahedra=octahedra,
    )


def _as_atoms(given: Tuples, size: int, dim: str, n_atoms: int) -> Integers | None:
    """Return tuples of numbers of atoms; None if these are specifiers."""
    if isinstance(given, str) or not len(given):
        raise ValueError(f"{dim}s: expected at least one {dim} of {size} atoms, got {given!r}")
    if isinstance(given, np.ndarray) and given.ndim == 2:
        lengths = {given.shape[1]}
    else:
        lengths = set(map(_length, given))
    if lengths != {size}:
        raise ValueError(
            f"{dim}s: expected {size} atoms in each {dim}, got "
            f"{', '.join(map(str, sorted(lengths)))}"
        )
    array = np.asarray(given)
    if array.dtype.kind not in "iuOUS":
        raise ValueError(
            f"{dim}s: expected numbers of atoms from 0, integers, or texts, got {array.dtype}"
        )
    if array.ndim != 2 or array.dtype.kind not in "iu":
        return None
    outside = (array < 0) | (array >= n_atoms)
    if outside.any():
        raise SelectionError(
            f"{dim}s: atom {array[outside][0]} is out of range: {n_atoms} atoms count from 0 to "
            f"{n_atoms - 1}"
        )
    return array.astype(np.int64)


def _length(one: Any) -> int:
    return 1 if isinstance(one, str) or not hasattr(one, "__len__") else len(one)


def _points(ds: xr.Dataset | xr.DataArray, given: Tuples, size: int, dim: str) -> Points:
    specifiers = [specifier for one in given for specifier in one]
    points = points_of(ds, specifiers, stacklevel=_CALLER + 1)
    for place, (count, specifier) in enumerate(zip(points.counts, specifiers, strict=True)):
        if count != 1:
            raise SelectionError(
                f"{dim}s[{place // size}]: {specifier!r} chooses {count} atoms, not one; name one "
                "atom, or a centre such as 'com of resid 5' or 'va(com,1:res(5:a))'"
            )
    return points


def _coordinates(
    positions: xr.DataArray,
    dim: str,
    atoms: Integers,
    points: Points | None,
) -> dict[str, Any]:
    """Return what tuples are called, and the numbers of their atoms in the file."""
    if points is None:
        used, places = np.unique(atoms, return_inverse=True)
        names = np.array(names_of_atoms(positions, used), object)[places.reshape(atoms.shape)]
    else:
        names = np.array(points.labels, object).reshape(atoms.shape)
    in_file = np.where(atoms >= 0, numbers_of(positions).of_atoms[atoms], -1)
    labels = [" - ".join(of) for of in names.tolist()]
    numbers = {
        member: (dim, of, {"long_name": "number of the atom in its file, from 0"})
        for member, of in zip(_MEMBERS, in_file.T, strict=False)
    }
    return {dim: (dim, np.array(labels)), **numbers}
