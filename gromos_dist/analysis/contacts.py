"""Contacts: which residues, atoms or molecules are near each other, how often, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.groups import (
    Criteria,
    PairsOfGroups,
    check_cutoff,
    check_separation,
    groups_of,
)
from gromos_dist.analysis.per_frame import FrameSelection
from gromos_dist.analysis.residues import KINDS, By
from gromos_dist.errors import frames_from
from gromos_dist.mapping import Events, LazyEvents, Map, Reduction
from gromos_dist.variables import Variable

Array = NDArray[Any]

# Values of a map: a block of frames has one each, of 8 bytes.
_LARGEST_MAP = 10**8

NUMBER = Variable("n_contacts", ("frame",), "i", "", "number of contacts")
SMOOTH = Variable("contact_number", ("frame",), "f", "", "smooth number of contacts")
MAPS = {
    by: Variable("contact_map", (by, f"other_{by}"), "f", "", "occupancy of contacts")
    for by in KINDS
}

DISTANCE = Variable("distance", ("event",), "f", "nm", "least distance")
ATOMS = (
    Variable("atom", ("event",), "i", "", "closest atom, by its atom_number"),
    Variable("other_atom", ("event",), "i", "", "closest atom of the other, by its atom_number"),
)
COLUMNS = {
    "atom": (*ATOMS, DISTANCE),
    **{
        by: (
            Variable(by, ("event",), "i", "", f"{by} number"),
            Variable(f"other_{by}", ("event",), "i", "", f"number of the other {by}"),
            *ATOMS,
            DISTANCE,
        )
        for by in ("residue", "molecule")
    },
}


def _found(
    positions: Array,
    box: Array | None = None,
    *,
    pairs: PairsOfGroups,
    labels: Mapping[str, Array],
    numbers: Array,
    cutoff: float,
    separation: int,
) -> dict[str, Array]:
    found = pairs.contacts(positions, box, cutoff=cutoff, separation=separation, with_atoms=True)
    named = {
        name: values[found["other_group" if name.startswith("other_") else "group"]]
        for name, values in labels.items()
    }
    atoms = {name: numbers[found[name]] for name in ("atom", "other_atom")}
    return {"frame": found["frame"], **named, **atoms, "distance": found["distance"]}


class _Counts(NamedTuple):
    contacts: Array
    n_frames: int


def _counted(
    positions: Array, box: Array | None = None, *, pairs: PairsOfGroups, **limits: Any
) -> _Counts:
    found = pairs.contacts(positions, box, **limits)
    n_groups, n_others = pairs.shape
    place = found["group"] * n_others + found["other_group"]
    counts = np.bincount(place, minlength=n_groups * n_others).astype(np.int64)
    return _Counts(counts.reshape(pairs.shape), len(positions))


def _together(one: _Counts, other: _Counts) -> _Counts:
    return _Counts(one.contacts + other.contacts, one.n_frames + other.n_frames)


def _occupancy(counts: _Counts, *, pairs: PairsOfGroups, **_: Any) -> Array:
    contacts = counts.contacts
    return np.asarray(
        (contacts + contacts.T if pairs.are_of_one_set else contacts) / counts.n_frames
    )


def _numbers(
    positions: Array, box: Array | None = None, *, pairs: PairsOfGroups, **limits: Any
) -> Array:
    found = pairs.contacts(positions, box, **limits)
    return np.bincount(found["frame"], minlength=len(positions)).astype(np.int64)


def _smooth_numbers(
    positions: Array,
    box: Array | None = None,
    *,
    pairs: PairsOfGroups,
    cutoff: float,
    separation: int,
    exponents: tuple[int, int],
) -> Array:
    counts = pairs.which_count(separation)
    numbers = np.empty(len(positions))
    for frame in range(len(positions)):
        one = slice(frame, frame + 1)
        with frames_from(frame):
            distances = pairs.distances(positions[one], None if box is None else box[one])[0]
        # A group without an atom in this frame has no distance.
        numbers[frame] = np.nansum(switched(distances[counts] / cutoff, *exponents))
    return numbers


def switched(x: Array, n: int, m: int) -> Array:
    """Return (1 - x^n) / (1 - x^m): 1 at zero, n / m at one, and towards 0 beyond.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.analysis.contacts import switched
    >>> switched(np.array([0.0, 1.0, 2.0]), 6, 12).round(4)
    array([1.    , 0.5   , 0.0154])
    """
    if 2 * n == m:
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + x**n))
    # Of what is far away both powers may be infinite: it counts nothing, as a NaN in the sum.
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(x == 1.0, n / m, (1.0 - x**n) / (1.0 - x**m))


_NUMBERS = Map(_numbers, NUMBER, np.int64)
_SMOOTH = Map(_smooth_numbers, SMOOTH)


@analysis(*COLUMNS["residue"], *COLUMNS["molecule"][:2], view="contacts", topic="Contacts")
def contacts(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: FrameSelection = None,
    other: FrameSelection = None,
    by: By = "residue",
    criteria: Criteria = "closest-heavy",
    cutoff: float | None = None,
    min_separation: int = 3,
    periodic: bool = True,
) -> xr.Dataset | LazyEvents:
    r"""Contacts of every frame: which residues, atoms or molecules are near each other.

    Two residues are in contact when their closest heavy atoms are less than 0.45 nm apart, or by
    other criteria their alpha carbons (0.8 nm) or any atoms. Neighbours in the sequence do not
    count.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm and, for nearest images, ``box``.
    atoms : str or sequence of int, optional
        The atoms; all when None. Selections by distance are evaluated in every frame.
    other : str or sequence of int, optional
        A second set: the contacts of the first with it. None: those within the first, each once.
    by : {"residue", "atom", "molecule"}
        What is in contact.
    criteria : {"closest-heavy", "closest", "ca"}
        Which atoms count: heavy ones, all, or the alpha carbons of protein.
    cutoff : float, optional
        In nm: what is less than this apart is in contact. By default 0.45, for "ca" 0.8.
    min_separation : int
        How far apart in the sequence two residues of a chain are at least: 3 leaves out a residue's
        neighbours and theirs. Residues that are missing in the numbers count; a chain is what has
        one chain identifier, segment and molecule. Molecules have no sequence.
    periodic : bool
        Distances are those of nearest images, where `ds` has a box; False: of the coordinates as
        they are.

    Returns
    -------
    Dataset or LazyEvents
        A row a contact, in the order of frames, groups and other groups: ``residue`` and
        ``other_residue``, or ``molecule`` and ``other_molecule``, their numbers; ``atom`` and
        ``other_atom``, the ``atom_number`` of the closest atoms, which tell residues of the same
        number in several chains apart; ``distance`` in nm. The events of frame ``i`` are
        ``first[i]`` to ``first[i + 1]``.

    Raises
    ------
    SelectionError
        A selection cannot be read or is empty, or none of its atoms counts; residues, molecules or
        elements are not known.
    ValueError
        A choice or a number makes no sense.
    FrameError
        When computed: a frame has coordinates that are not finite, or a box without volume.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF, stop=2)
    >>> found = gd.contacts(ds, atoms="resid 1-29", other="resid 60-80").compute()
    >>> columns = ["frame", "residue", "other_residue", "distance"]
    >>> gd.mapping.to_pandas(found)[columns].round(3).head(3)
           frame  residue  other_residue  distance
    event
    0          0        1             79     0.269
    1          0        1             80     0.308
    2          0        2             80     0.438

    All contacts of a protein, with a picture of when each is there::

        gromos-dist contacts md.dcd -t protein.psf -a protein -o contacts.csv --plot contacts.png

    What a ligand touches::

        gromos-dist contacts md.xtc -t system.top -a 'resname DRG' --other protein -o ligand.csv
    """
    cutoff, separation = check_cutoff(cutoff, criteria), check_separation(ds, by, min_separation)
    groups = groups_of(ds, atoms, other, by=by, criteria=criteria, periodic=periodic)
    numbered = [variable.name for variable in COLUMNS[by] if variable.name in groups.labels]
    found: xr.Dataset | LazyEvents = Events(_found, COLUMNS[by])(
        *groups.inputs,
        labels={name: groups.labels[name][1] for name in numbered},
        numbers=groups.numbers,
        cutoff=cutoff,
        separation=separation,
        pairs=groups.pairs,
    )
    return found.assign_attrs(**groups.attrs, cutoff=cutoff, min_separation=separation)


@analysis(*MAPS.values(), view="map", topic="Contacts")
def contact_map(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: FrameSelection = None,
    other: FrameSelection = None,
    by: By = "residue",
    criteria: Criteria = "closest-heavy",
    cutoff: float | None = None,
    min_separation: int = 3,
    periodic: bool = True,
) -> xr.DataArray:
    r"""How often residues, atoms or molecules are in contact: a matrix of occupancies.

    Parameters
    ----------
    ds, atoms, other, by, criteria, cutoff, min_separation, periodic
        As for `contacts`.

    Returns
    -------
    DataArray
        ``contact_map`` (residue, other_residue), or of atoms or molecules, float64: the fraction of
        the frames in which they are in contact, from 0 to 1; pairs that do not count have 0. Of one
        set of atoms it is symmetric. Numbers, names and chains are coordinates. Lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `contacts`; the matrix would have more than 10^8 values.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> occupancy = gd.contact_map(gd.open_trajectory(DCD, PSF))
    >>> occupancy.dims, round(float(occupancy.sel(residue=1, other_residue=213)), 3)
    (('residue', 'other_residue'), 0.204)

    Of a protein::

        gromos-dist contact-map md.dcd -t protein.psf -a protein -o map.nc --plot map.png

    Where the alpha carbons are near each other::

        gromos-dist contact-map md.dcd -t protein.psf --criteria ca --cutoff 0.7 --plot carbons.png
    """
    cutoff, separation = check_cutoff(cutoff, criteria), check_separation(ds, by, min_separation)
    groups = groups_of(ds, atoms, other, by=by, criteria=criteria, periodic=periodic)
    n_groups, n_others = groups.pairs.shape
    if n_groups * n_others > _LARGEST_MAP:
        raise ValueError(
            f"contact_map: a matrix of {n_groups} {by}s and {n_others} others is too large; choose "
            "fewer, for example atoms='protein', or by='residue'"
        )
    record = Reduction(_counted, _together, _occupancy, MAPS[by], state=_Counts)
    found: xr.DataArray = record(
        *groups.inputs,
        coords=groups.labels,
        cutoff=cutoff,
        separation=separation,
        pairs=groups.pairs,
    )
    return found.assign_attrs(**groups.attrs, cutoff=cutoff, min_separation=separation)


@analysis(NUMBER, SMOOTH, view="time series", topic="Contacts")
def n_contacts(
    ds: xr.Dataset | xr.DataArray,
    *,
    atoms: FrameSelection = None,
    other: FrameSelection = None,
    by: By = "residue",
    criteria: Criteria = "closest-heavy",
    cutoff: float | None = None,
    min_separation: int = 3,
    method: Literal["count", "smooth"] = "count",
    exponents: tuple[int, int] = (2, 24),
    periodic: bool = True,
) -> xr.DataArray:
    r"""Count the contacts of every frame, or add them up smoothly.

    The smooth number is :math:`\sum (1 - x^n) / (1 - x^m)` over all pairs, with :math:`x` the least
    distance over the cutoff.

    Parameters
    ----------
    ds, atoms, other, by, criteria, cutoff, min_separation, periodic
        As for `contacts`.
    method : {"count", "smooth"}
        How many pairs are nearer than the cutoff, or the sum above of all pairs, also distant ones:
        by "atom", with the criteria "closest" and `min_separation` 0, gromos++'s contactnum (which
        counts an atom that is in both sets as 1; here it is no pair).
    exponents : (int, int)
        n and m of the smooth number; n is less than m.

    Returns
    -------
    DataArray
        ``n_contacts`` (frame,) int64, or ``contact_number`` (frame,) float64; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As for `contacts`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> gd.n_contacts(gd.open_trajectory(DCD, PSF))[[0, -1]].values
    array([570, 550])

    How a protein falls apart::

        gromos-dist n-contacts md.dcd -t protein.psf -a protein -o contacts.csv --plot contacts.png

    The smooth number of alpha carbons near each other, as gromos++ counts it::

        gromos-dist n-contacts md.dcd -t protein.psf -a 'resid 1-10 and name CA' \
            --other 'resid 20-119 and name CA' --by atom --criteria closest --cutoff 0.8 \
            --min-separation 0 --method smooth -o number.csv
    """
    cutoff, separation = check_cutoff(cutoff, criteria), check_separation(ds, by, min_separation)
    if method not in ("count", "smooth"):
        raise ValueError(f"method: expected 'count' or 'smooth', got {method!r}")
    try:
        n, m = map(index, exponents)
    except (TypeError, ValueError):
        raise ValueError(f"exponents: expected two whole numbers, got {exponents}") from None
    if not 0 < n < m:
        raise ValueError(f"exponents: expected 0 < n < m, got {exponents}")
    groups = groups_of(ds, atoms, other, by=by, criteria=criteria, periodic=periodic)
    constants: dict[str, Any] = {
        "cutoff": cutoff,
        "separation": separation,
        "pairs": groups.pairs,
    }
    attrs = {**groups.attrs, "cutoff": cutoff, "min_separation": separation, "method": method}
    if method == "count":
        return _NUMBERS(*groups.inputs, **constants).assign_attrs(**attrs)
    found = _SMOOTH(*groups.inputs, **constants, exponents=(n, m))
    return found.assign_attrs(**attrs, exponents=[n, m])
