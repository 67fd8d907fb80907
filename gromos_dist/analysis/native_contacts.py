"""The fraction of native contacts: of the contacts of a reference, those that are there."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from gromos_dist import kernels
from gromos_dist.analysis.connections import box_of, lattice_of
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.groups import (
    Criteria,
    check_cutoff,
    check_separation,
    counted,
    sequence_of,
)
from gromos_dist.analysis.per_frame import read_only_needed
from gromos_dist.analysis.system import (
    Reference,
    positions_of,
    reference_positions,
)
from gromos_dist.errors import SelectionError, frames_from
from gromos_dist.io.trajectory import open_trajectory
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.kernels.geometry import distances
from gromos_dist.mapping import Map
from gromos_dist.selection import Selection, resolve
from gromos_dist.variables import Variable

Array = NDArray[Any]

Q = Variable("native_contacts", ("frame",), "f", "", "fraction of native contacts", "Q")

# What is native, and how it counts: atoms, least separation in the sequence.
_METHODS: dict[str, tuple[Criteria, int]] = {
    "best-hummer": ("closest-heavy", 4),
    "hard": ("closest-heavy", 4),
    "soft": ("closest", 0),
}

# Distances of many pairs are not kept for more frames.
_FRAMES_AT_ONCE = 16


def _fraction(
    positions: Array,
    box: Array | None = None,
    *,
    places: Array,
    half: Array,
    limit: float | None,
    beta: float,
    octahedra: bool,
) -> Array:
    boxes = lattice_vectors(box, octahedra)
    found = np.empty(len(positions))
    for start in range(0, len(positions), _FRAMES_AT_ONCE):
        some = slice(start, start + _FRAMES_AT_ONCE)
        with frames_from(start):
            distance = distances(positions[some], places.T, None if boxes is None else boxes[some])
        there = distance < limit if limit is not None else expit(beta * (half - distance))
        found[some] = there.mean(axis=1)
    return found


_FRACTION = Map(_fraction, Q)


@analysis(Q, view="time series", topic="Contacts")
def native_contacts(
    ds: xr.Dataset | xr.DataArray,
    *,
    reference: Reference = 0,
    atoms: Selection = None,
    other: Selection = None,
    method: Literal["best-hummer", "hard", "soft"] = "best-hummer",
    cutoff: float = 0.45,
    min_separation: int | None = None,
    beta: float = 50.0,
    lambda_: float = 1.8,
    periodic: bool = True,
) -> xr.DataArray:
    r"""Fraction of native contacts Q in every frame: of those in a reference, how many are there.

    Native are the pairs of atoms that are less than the cutoff apart in the reference,
    :math:`r_0`. By default (Best, Hummer and Eaton), of heavy atoms more than three residues apart,
    and Q is the mean of :math:`1 / (1 + \exp(\beta (r - \lambda r_0)))` over them.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    reference : int, path, Dataset, DataArray or array
        Where contacts are native: a frame number (negative ones count from the end), a file, of
        which the first frame is taken, or positions (atom, xyz) in nm, which have no box.
    atoms : str or sequence of int, optional
        The atoms; all when None.
    other : str or sequence of int, optional
        A second set: contacts of the first with it. None: those within the first.
    method : {"best-hummer", "hard", "soft"}
        "best-hummer": as above. "hard": the same pairs, there while less than the cutoff apart.
        "soft": the formula above for all pairs of atoms, hydrogens and neighbours too, as of two
        sets of atoms.
    cutoff : float
        In nm: what is less than this apart in the reference is native.
    min_separation : int, optional
        How far apart in the sequence two residues of a chain are at least; as for `contacts`. By
        default 4, for "soft" 0.
    beta : float
        How sharply contacts end, in nm-1.
    lambda_ : float
        Contacts are half there at so many times their distance in the reference.
    periodic : bool
        Distances are those of nearest images, where there is a box; False: of the coordinates as
        they are.

    Returns
    -------
    DataArray
        ``native_contacts`` (frame,) float64, from 0 to 1; lazy if `ds` is. The number of native
        contacts is in its attributes.

    Raises
    ------
    SelectionError
        A selection cannot be read or is empty, none of its atoms counts, or the reference has no
        contact.
    ValueError
        There is no such reference; a choice or a number makes no sense.
    FrameError
        When computed: a frame has coordinates that are not finite, or a box without volume.

    References
    ----------
    R. B. Best, G. Hummer, W. A. Eaton, PNAS 110 (2013) 17874.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> gd.native_contacts(gd.open_trajectory(DCD, PSF))[[0, -1]].values.round(4)
    array([1.    , 0.9188])

    How much of its structure a protein keeps::

        gromos-dist native-contacts md.dcd -t protein.psf -a protein -o q.csv --plot q.png

    Compared with the crystal, with a hard cutoff::

        gromos-dist native-contacts md.dcd -t protein.psf -r crystal.cnf --method hard -o q.csv
    """
    if method not in _METHODS:
        expected = ", ".join(map(repr, _METHODS))
        raise ValueError(f"method: expected one of {expected}, got {method!r}")
    if not (np.isfinite(beta) and beta > 0.0 and np.isfinite(lambda_) and lambda_ > 0.0):
        raise ValueError(f"beta, lambda_: expected positive numbers, got {beta}, {lambda_}")
    criteria, separation = _METHODS[method]
    separation = separation if min_separation is None else min_separation
    separation = check_separation(ds, "atom", separation)
    cutoff = check_cutoff(cutoff, criteria)
    positions = positions_of(ds)
    first = counted(ds, resolve(atoms, ds), criteria, "atoms")
    second = None if other is None else counted(ds, resolve(other, ds), criteria, "other")
    both = first if second is None else np.union1d(first, second)
    box = _box_of(ds, reference) if periodic else None
    if box is not None and isinstance(reference, xr.Dataset):
        # Broken molecules do not matter to nearest images: nobody has to be warned.
        reference = reference["positions"]
    target = reference_positions(positions, reference, both)
    sequence = sequence_of(ds)
    pairs = kernels.GroupPairs(
        *(
            kernels.Groups(own, np.ones(len(own), np.int64), own, sequence[own])
            for own in (first, second)
            if own is not None
        )
    )
    boxes = None if box is None else box[None]
    found = kernels.contacts(target[None], pairs, cutoff, separation=separation, box=boxes)
    if not len(found["frame"]):
        raise SelectionError(
            f"native_contacts: no two of the chosen atoms are less than {cutoff:g} nm apart in the "
            "reference; is it that of this trajectory, and in nm?"
        )
    # A pair of atoms that are in both sets is there twice.
    both_ways = np.sort(np.stack([found["atom"], found["other_atom"]], axis=1), axis=1)
    native, kept = np.unique(both_ways, axis=0, return_index=True)
    read, places = read_only_needed(positions, native[:, 0], native[:, 1])
    own_box, octahedra = box_of(ds, periodic)
    result = _FRACTION(
        read,
        *own_box,
        places=np.stack(places),
        half=lambda_ * found["distance"][kept],
        limit=cutoff if method == "hard" else None,
        beta=float(beta),
        octahedra=octahedra,
    )
    soft = {} if method == "hard" else {"beta": float(beta), "lambda": float(lambda_)}
    return result.assign_attrs(
        method=method,
        criteria=criteria,
        cutoff=cutoff,
        min_separation=separation,
        **soft,
        periodic=len(own_box),
        native_pairs=len(native),
    )


def _box_of(ds: xr.Dataset | xr.DataArray, reference: Reference) -> Array | None:
    """Return the box of the reference: an array of positions has none."""
    if isinstance(reference, int | np.integer):
        frame = int(reference) % max(1, ds.sizes["frame"])
        return lattice_of(ds, frame)
    if isinstance(reference, str | os.PathLike):
        reference = open_trajectory(reference, stop=1)
    if not isinstance(reference, xr.Dataset):
        return None
    return lattice_of(reference if "frame" in reference.dims else reference.expand_dims("frame"), 0)
