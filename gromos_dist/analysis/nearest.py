"""The least distance of two sets of atoms, and of a molecule to its own periodic images."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.connections import box_of, is_octahedron, numbers_of
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BOX, WHOLE
from gromos_dist.analysis.per_frame import (
    ChosenInFrames,
    FrameSelection,
    atoms_of_frames,
    chosen_in_frames,
    read_only_needed,
)
from gromos_dist.analysis.system import positions_of
from gromos_dist.errors import frames_from
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.mapping import Fields
from gromos_dist.selection import Selection, resolve
from gromos_dist.variables import Variable

Integers = NDArray[np.int64]
Chosen = Integers | ChosenInFrames

MINIMUM = Variable("minimum_distance", ("frame",), "f", "nm", "least distance")
IMAGE = Variable("image_distance", ("frame",), "f", "nm", "least distance to a periodic image")
ATOM = Variable("nearest_atom", ("frame",), "i", "", "the nearest atom, by its atom_number")
OTHER = Variable(
    *("nearest_other_atom", ("frame",), "i", "", "the atom it is nearest to, by its atom_number")
)


def _least(
    positions: NDArray[Any],
    box: NDArray[Any] | None = None,
    *,
    atoms: Chosen,
    other: Chosen,
    octahedra: bool,
    numbers: Integers,
) -> dict[str, NDArray[Any]]:
    boxes = lattice_vectors(box, octahedra)
    if isinstance(atoms, ChosenInFrames) or isinstance(other, ChosenInFrames):
        sets = zip(
            atoms_of_frames(atoms, positions, box),
            atoms_of_frames(other, positions, box),
            strict=True,
        )
        found = []
        for frame, (first, second) in enumerate(sets):
            one = slice(frame, frame + 1)
            own = None if boxes is None else boxes[one]
            with frames_from(frame):
                found.append(kernels.minimum_distances(positions[one], own, first, second))
        distances, pairs = (np.concatenate(values) for values in zip(*found, strict=True))
    else:
        distances, pairs = kernels.minimum_distances(positions, boxes, atoms, other)
    return _named(MINIMUM, np.where(np.isinf(distances), np.nan, distances), pairs, numbers)


def _least_to_image(
    positions: NDArray[Any],
    box: NDArray[Any],
    *,
    atoms: Integers,
    octahedra: bool,
    numbers: Integers,
) -> dict[str, NDArray[Any]]:
    boxes = lattice_vectors(box, octahedra)
    return _named(IMAGE, *kernels.image_distances(positions, boxes, atoms), numbers)


def _named(
    variable: Variable, distances: NDArray[np.float64], pairs: Integers, numbers: Integers
) -> dict[str, NDArray[Any]]:
    atoms = np.where(pairs < 0, -1, numbers[pairs])
    return {variable.name: distances, ATOM.name: atoms[:, 0], OTHER.name: atoms[:, 1]}


_INTEGERS = {ATOM.name: np.int64, OTHER.name: np.int64}
_MINIMUM = Fields(_least, [MINIMUM, ATOM, OTHER], _INTEGERS)
_IMAGE = Fields(_least_to_image, [IMAGE, ATOM, OTHER], _INTEGERS)


@analysis(MINIMUM, ATOM, OTHER, view="nearest pair", topic="Distances")
def minimum_distance(
    ds: xr.Dataset | xr.DataArray,
    atoms: FrameSelection,
    other: FrameSelection,
    *,
    periodic: bool = True,
    with_atoms: bool = False,
) -> xr.DataArray | xr.Dataset:
    """Least distance between an atom of one set and an atom of another, in every frame.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    atoms, other : str or sequence of int
        The two sets of atoms; selections by distance are evaluated in every frame. An atom that is
        in both is no pair with itself.
    periodic : bool
        Distances are those of nearest images, where `ds` has a box; False: of the coordinates as
        they are.
    with_atoms : bool
        Say which atoms these are as well.

    Returns
    -------
    DataArray or Dataset
        ``minimum_distance`` (frame,) float64, nm; NaN where a set is empty. With `with_atoms` a
        Dataset that has ``nearest_atom`` and ``nearest_other_atom`` (frame,) int64 as well: the
        ``atom_number`` of both; of several pairs as near the one whose first atom, then second, is
        lowest; -1 where a set is empty. Lazy if `ds` is.

    Raises
    ------
    SelectionError
        A selection cannot be read or is empty.
    FrameError
        When computed: a frame has coordinates that are not finite, or a box without volume.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> gd.minimum_distance(ds, "resid 1-29", "resid 60-80")[[0, -1]].values.round(3)
    array([0.192, 0.208])

    How near water comes to a solute::

        gromos-dist minimum-distance butane.trc -t butane.top --atoms 'resname BUT' --other water \
            -o near.csv --plot near.png
    """
    positions = positions_of(ds)
    first, second = chosen_in_frames(ds, atoms), chosen_in_frames(ds, other)
    fewer, (first, second) = read_only_needed(positions, first, second)
    box, octahedra = box_of(ds, periodic)
    found = _MINIMUM(
        fewer,
        *box,
        atoms=first,
        other=second,
        octahedra=octahedra,
        numbers=numbers_of(fewer).of_atoms,
    ).assign_attrs(periodic=len(box))
    return found if with_atoms else found[MINIMUM.name].assign_attrs(periodic=len(box))


@analysis(IMAGE, ATOM, OTHER, view="nearest pair", topic="Distances", needs=[BOX, WHOLE])
def image_distance(
    ds: xr.Dataset, *, atoms: Selection = None, with_atoms: bool = False
) -> xr.DataArray | xr.Dataset:
    """Least distance of atoms to their own periodic images, in every frame.

    Whether a molecule sees itself through the box: it should be more than the cutoff of the
    simulation. Positions say which image an atom is of, so molecules must be whole.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` in nm. Molecules must be whole.
    atoms : str or sequence of int, optional
        The atoms, such as ``protein``; all when None.
    with_atoms : bool
        Say which atoms these are as well.

    Returns
    -------
    DataArray or Dataset
        ``image_distance`` (frame,) float64, nm: no more than the shortest lattice vector, which an
        atom is away from its own image. With `with_atoms` a Dataset that has ``nearest_atom`` and
        ``nearest_other_atom`` (frame,) int64 as well, as `minimum_distance`; the same atom twice
        where it is its own image. Lazy if `ds` is.

    Raises
    ------
    SelectionError
        The selection cannot be read or is empty.
    FrameError
        When computed: a frame has coordinates that are not finite, or no box.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken the molecules, as a look at the first, the middle and the last frame
        shows: see `make_whole`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.make_whole(gd.open_trajectory(XTC, GRO, stop=2))
    >>> gd.image_distance(ds, atoms="protein").values.round(3)
    array([2.194, 1.887])

    Of a protein, in nm::

        gromos-dist image-distance md.xtc -t md.gro --whole --atoms protein --plot images.png
    """
    positions = positions_of(ds)
    require_in_all_frames(ds, "box")
    fewer, (chosen,) = read_only_needed(positions, resolve(atoms, ds))
    found = _IMAGE(
        fewer,
        ds["box"],
        atoms=chosen,
        octahedra=is_octahedron(ds),
        numbers=numbers_of(fewer).of_atoms,
    )
    return found if with_atoms else found[IMAGE.name]
