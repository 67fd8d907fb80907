"""Hydrogen bonds: which there are in every frame, how many, and how often each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.hydrogen.criteria import CriteriaName, ThreeCenterLimits
from gromos_dist.analysis.hydrogen.labels import ATOMS_OF_BONDS, labels_of_bonds
from gromos_dist.analysis.hydrogen.setup import Search, setup
from gromos_dist.analysis.hydrogen.sites import (
    ACCEPTOR_CHARGE,
    HYDROGEN_CHARGE,
    Exclude,
    MassFile,
    Rule,
)
from gromos_dist.mapping import Events, Map, Table
from gromos_dist.selection import Selection
from gromos_dist.variables import Variable

Array = NDArray[Any]

NUMBER = Variable(
    *("n_hydrogen_bonds", ("frame",), "i", "", "number of hydrogen bonds", "hydrogen bonds")
)


def _columns(dim: str, mean: str = "") -> dict[str, Variable]:
    atoms = {
        name: Variable(name, (dim,), "i", "", f"{what}, place among the atoms of the trajectory")
        for name, what in (
            *(("donor", "donor"), ("hydrogen", "hydrogen"), ("acceptor", "acceptor")),
            ("other_acceptor", "second acceptor"),
        )
    }
    numbers = {
        name: Variable(name, (dim,), "f", unit, f"{mean}{what}")
        for name, unit, what in (
            ("distance", "nm", "distance to the acceptor"),
            ("angle", "degree", "angle of the bond"),
            ("other_distance", "nm", "distance to the second acceptor"),
            ("other_angle", "degree", "angle with the second acceptor"),
            ("angle_sum", "degree", "sum of the angles at the hydrogen"),
            ("plane", "degree", "angle between the planes D-A-A' and H-A-A'"),
        )
    }
    return atoms | numbers


_OF_EVENTS, _OF_BONDS = _columns("event"), _columns("bond", "mean ")
OCCUPANCY = Variable("occupancy", ("bond",), "f", "", "fraction of the frames that have the bond")
FRAMES = Variable("n_frames", ("bond",), "i", "", "number of frames that have the bond")
_TWO = ("donor", "hydrogen", "acceptor", "distance", "angle")
_THREE = (
    *("donor", "hydrogen", "acceptor", "other_acceptor", "distance", "angle"),
    *("other_distance", "other_angle", "angle_sum", "plane"),
)
_BOX: None = None


def _atoms(search: Search, atoms: Mapping[str, Array], keys: NDArray[np.int64]) -> dict[str, Array]:
    """Return the atoms of bonds, by the names of columns."""
    hydrogen, *acceptors = search.of_keys(keys)
    found = {"donor": atoms["donor"][hydrogen], "hydrogen": atoms["hydrogen"][hydrogen]}
    names = ("acceptor", "other_acceptor")
    taken = {name: atoms["acceptor"][of] for name, of in zip(names, acceptors, strict=False)}
    return found | taken


def _events(
    positions: Array, box: Array | None = _BOX, *, search: Search, atoms: Mapping[str, Array]
) -> dict[str, Array]:
    found = search.find(positions, box)
    return {
        "frame": np.repeat(np.arange(len(positions)), found["counts"]),
        **_atoms(search, atoms, search.keys(found)),
        **{name: found[name] for name in search.measured},
    }


def _number(positions: Array, box: Array | None = _BOX, *, search: Search) -> Array:
    return search.count(positions, box)


_EVENTS = Events(_events, [_OF_EVENTS[name] for name in _TWO])
_EVENTS_OF_THREE = Events(_events, [_OF_EVENTS[name] for name in _THREE])
_NUMBER = Map(_number, NUMBER, dtype=np.int64)


class Tally(NamedTuple):
    """How often each bond was there, and the sums of its numbers; bonds rise by their keys."""

    n_frames: int
    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    """(numbers of a bond, bonds)"""


def _tally(
    positions: Array, box: Array | None = _BOX, *, search: Search, atoms: Mapping[str, Array]
) -> Tally:
    del atoms
    found = search.find(positions, box)
    keys, place = np.unique(search.keys(found), return_inverse=True)
    counts = np.bincount(place, minlength=len(keys)).astype(np.int64)
    sums = [np.bincount(place, found[name], len(keys)) for name in search.measured]
    return Tally(len(positions), keys, counts, np.array(sums))


def _both(one: Tally, other: Tally) -> Tally:
    keys = np.union1d(one.keys, other.keys)
    counts = np.zeros(len(keys), np.int64)
    sums = np.zeros((len(one.sums), len(keys)))
    for part in (one, other):
        place = np.searchsorted(keys, part.keys)
        counts[place] += part.counts
        sums[:, place] += part.sums
    return Tally(one.n_frames + other.n_frames, keys, counts, sums)


def _by_occupancy(tally: Tally, search: Search, atoms: Mapping[str, Array]) -> dict[str, Array]:
    order = np.argsort(-tally.counts, kind="stable")
    counts = tally.counts[order]
    means = tally.sums[:, order] / counts
    return {
        **_atoms(search, atoms, tally.keys[order]),
        "occupancy": counts / tally.n_frames,
        "n_frames": counts,
        **dict(zip(search.measured, means, strict=True)),
    }


def _named(columns: Mapping[str, Array], search: Search, atoms: Mapping[str, Any]) -> Sequence[str]:
    del search
    found = (columns[name] for name in ATOMS_OF_BONDS if name in columns)
    return labels_of_bonds(*found, names=atoms["names"])


def _table(of: tuple[str, ...]) -> Table:
    listed = [_OF_BONDS[name] for name in of]
    n_atoms = sum(v.kind == "i" for v in listed)
    columns = [*listed[:n_atoms], OCCUPANCY, FRAMES, *listed[n_atoms:]]
    return Table(_tally, _both, _by_occupancy, columns, Tally, named=_named)


_OCCUPANCY, _OCCUPANCY_OF_THREE = _table(_TWO), _table(_THREE)


@analysis(
    *(_OF_EVENTS[name] for name in _THREE),
    view="bonds over time",
    topic="Hydrogen bonds",
)
def hydrogen_bonds(
    ds: xr.Dataset | xr.DataArray,
    *,
    donors: Selection = None,
    acceptors: Selection = None,
    between: tuple[str, str] | None = None,
    criteria: CriteriaName = "gromos",
    cutoff: float | None = None,
    angle: float | None = None,
    curvature: float | None = None,
    three_center: bool = False,
    three_center_limits: ThreeCenterLimits = (0.27, 90.0, 340.0, 15.0),
    rule: Rule = "elements",
    elements: Sequence[str] = ("N", "O", "S"),
    charges: tuple[float, float] = (HYDROGEN_CHARGE, ACCEPTOR_CHARGE),
    mass_file: MassFile = None,
    exclude: Exclude = "donor",
    periodic: bool = True,
) -> Any:
    """Hydrogen bonds of every frame: donor, hydrogen, acceptor, distance and angle.

    A bond is a hydrogen and an acceptor (a hydrogen with two acceptors counts twice) that meet the
    criteria. An acceptor counts however near it is along the chain, unless it is the donor itself:
    `exclude` can leave out more.

    Criteria are ``gromos`` (H...A <= 0.25 nm, D-H...A >= 135 degrees), ``luzar_chandler`` (D...A <=
    0.35 nm, H-D...A <= 30 degrees, as GROMACS), ``baker_hubbard`` (H...A < 0.25 nm, D-H...A > 120
    degrees, as MDTraj), ``wernet_nilsson`` (D...A < 0.33 nm - 4.4e-5 (H-D...A)^2, H-D...A < 45
    degrees), ``mdanalysis`` (D...A <= 0.30 nm, D-H...A > 150 degrees) and ``cpptraj`` (D...A <=
    0.30 nm, D-H...A >= 135 degrees).

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm, hydrogens among them, and bonds or names by
        which these are guessed.
    donors : str or sequence of int, optional
        Atoms that may give, by their heavy atoms or their hydrogens; all when None. The `rule` says
        which of them do.
    acceptors : str or sequence of int, optional
        Atoms that may take; all when None. The `rule` says which of them do.
    between : pair of selections, optional
        Only bonds from the one to the other, in both directions, such as ``("protein", "water")``.
    criteria : str
        What counts as a bond, by name.
    cutoff : float, optional
        The distance, in nm, instead of that of the criteria.
    angle : float, optional
        The angle, in degrees, instead of that of the criteria.
    curvature : float, optional
        How much less the distance may be, in nm per degree squared, instead of 4.4e-5 of
        ``wernet_nilsson``.
    three_center : bool
        Bonds of one hydrogen to two acceptors, as gromos++ finds them, instead of those to one.
    three_center_limits : tuple of four float
        Of these bonds: H...A at most (nm) and D-H...A at least, for both acceptors; the sum of the
        angles at the hydrogen at least; the angle between the planes D-A-A' and H-A-A' at most
        (degrees).
    rule : str
        Which atoms take part: by ``elements`` of acceptors, and of donors with a bonded hydrogen;
        by partial ``charges`` of hydrogens and acceptors; by ``masses``, as in gromos++; or ``all``
        that are chosen, carbon too.
    elements : sequence of str
        The elements of donors and acceptors, such as N, O, S and F.
    charges : pair of float
        The least charge of hydrogens and the highest of acceptors, in e.
    mass_file : path, optional
        Masses of hydrogens, acceptors and donors, a file as gromos++ reads it (blocks HYDROGENMASS,
        ACCEPTORMASS, DONORMASS); those of H, and of N, O and S, when None.
    exclude : str
        An acceptor is not taken where it is in the same ``molecule`` or ``residue``, or only where
        it is the ``donor`` itself, as in gromos++.
    periodic : bool
        Measure between nearest images where the trajectory has a box. False: positions as they are.

    Returns
    -------
    Dataset or LazyEvents
        A row an ``event``: ``donor``, ``hydrogen``, ``acceptor`` (places of atoms, from 0),
        ``distance`` (nm) and ``angle`` (degrees) of the criteria; the names of all atoms are
        coordinates. Of three centers also ``other_acceptor``, ``other_distance``,
        ``other_angle``, ``angle_sum`` and ``plane``. ``attrs`` tell criteria and rule.

    Raises
    ------
    SelectionError, ValueError
        A selection cannot be read or is empty; hydrogens, bonds, donors or acceptors are missing,
        and which; criteria that make no sense.
    FrameError
        When computed: a frame has coordinates that are not finite.

    References
    ----------
    E. N. Baker and R. E. Hubbard, Prog. Biophys. Mol. Biol. 44 (1984) 97; A. Luzar and D. Chandler,
    Nature 379 (1996) 55; P. Wernet et al., Science 304 (2004) 995.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> bonds = gd.hydrogen_bonds(ds, criteria="baker_hubbard").compute()
    >>> bonds.sizes["event"], round(float(bonds.distance.mean()), 3)
    (24841, 0.198)
    >>> bonds.attrs["criteria"]
    'baker_hubbard: H...A < 0.25 nm, D-H...A > 120 degrees'

    All of them in a file, and a picture of when the most frequent ones are there::

        gromos-dist hydrogen-bonds md.dcd -t protein.psf -o bonds.csv --plot bonds.png

    Of the protein with the water around it::

        gromos-dist hydrogen-bonds md.xtc -t md.gro --between protein water -o bonds.zarr
    """
    found = setup(
        ds,
        donors=donors,
        acceptors=acceptors,
        between=between,
        criteria=criteria,
        cutoff=cutoff,
        angle=angle,
        curvature=curvature,
        three_center=three_center,
        three_center_limits=three_center_limits,
        rule=rule,
        elements=elements,
        charges=charges,
        mass_file=mass_file,
        exclude=exclude,
        periodic=periodic,
    )
    record = _EVENTS_OF_THREE if three_center else _EVENTS
    events = record(*found.inputs, coords=found.names, search=found.search, atoms=found.places)
    return events.assign_attrs(**found.attrs)


@analysis(NUMBER, view="time series", topic="Hydrogen bonds")
def n_hydrogen_bonds(
    ds: xr.Dataset | xr.DataArray,
    *,
    donors: Selection = None,
    acceptors: Selection = None,
    between: tuple[str, str] | None = None,
    criteria: CriteriaName = "gromos",
    cutoff: float | None = None,
    angle: float | None = None,
    curvature: float | None = None,
    three_center: bool = False,
    three_center_limits: ThreeCenterLimits = (0.27, 90.0, 340.0, 15.0),
    rule: Rule = "elements",
    elements: Sequence[str] = ("N", "O", "S"),
    charges: tuple[float, float] = (HYDROGEN_CHARGE, ACCEPTOR_CHARGE),
    mass_file: MassFile = None,
    exclude: Exclude = "donor",
    periodic: bool = True,
) -> xr.DataArray:
    """Count the hydrogen bonds of every frame.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm, hydrogens among them, and bonds or names by
        which these are guessed.
    donors, acceptors, between, criteria, cutoff, angle, curvature, three_center
        As for `hydrogen_bonds`.
    three_center_limits, rule, elements, charges, mass_file, exclude, periodic
        As for `hydrogen_bonds`.

    Returns
    -------
    DataArray
        ``n_hydrogen_bonds`` (frame,) int64; lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError
        A selection cannot be read or is empty; hydrogens, bonds, donors or acceptors are missing,
        and which; criteria that make no sense.
    FrameError
        When computed: a frame has coordinates that are not finite.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> gd.n_hydrogen_bonds(ds, criteria="cpptraj")[:3].values
    array([118, 128, 135])

    How many there are in the protein, against time::

        gromos-dist n-hydrogen-bonds md.dcd -t protein.psf -o number.csv --plot number.png
    """
    found = setup(
        ds,
        donors=donors,
        acceptors=acceptors,
        between=between,
        criteria=criteria,
        cutoff=cutoff,
        angle=angle,
        curvature=curvature,
        three_center=three_center,
        three_center_limits=three_center_limits,
        rule=rule,
        elements=elements,
        charges=charges,
        mass_file=mass_file,
        exclude=exclude,
        periodic=periodic,
    )
    return _NUMBER(*found.inputs, search=found.search).assign_attrs(found.attrs)


@analysis(
    *(_OF_BONDS[name] for name in _THREE),
    *(OCCUPANCY, FRAMES),
    view="bars",
    topic="Hydrogen bonds",
)
def hydrogen_bond_occupancy(
    ds: xr.Dataset | xr.DataArray,
    *,
    donors: Selection = None,
    acceptors: Selection = None,
    between: tuple[str, str] | None = None,
    criteria: CriteriaName = "gromos",
    cutoff: float | None = None,
    angle: float | None = None,
    curvature: float | None = None,
    three_center: bool = False,
    three_center_limits: ThreeCenterLimits = (0.27, 90.0, 340.0, 15.0),
    rule: Rule = "elements",
    elements: Sequence[str] = ("N", "O", "S"),
    charges: tuple[float, float] = (HYDROGEN_CHARGE, ACCEPTOR_CHARGE),
    mass_file: MassFile = None,
    exclude: Exclude = "donor",
    periodic: bool = True,
) -> Any:
    """In how many frames each hydrogen bond is there, with its mean distance and angle.

    Memory holds a row for each bond that occurs, whatever the number of frames.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm, hydrogens among them, and bonds or names by
        which these are guessed.
    donors, acceptors, between, criteria, cutoff, angle, curvature, three_center
        As for `hydrogen_bonds`.
    three_center_limits, rule, elements, charges, mass_file, exclude, periodic
        As for `hydrogen_bonds`.

    Returns
    -------
    Dataset or LazyTable
        A row a ``bond``, the most frequent first: ``donor``, ``hydrogen``, ``acceptor`` (places of
        atoms, from 0), ``occupancy`` (fraction of the frames), ``n_frames``, and ``distance`` (nm)
        and ``angle`` (degrees) of the criteria, means over the frames that have the bond. The
        coordinate ``bond`` names it.

    Raises
    ------
    SelectionError, ValueError
        A selection cannot be read or is empty; hydrogens, bonds, donors or acceptors are missing,
        and which; criteria that make no sense.
    FrameError
        When computed: a frame has coordinates that are not finite.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> bonds = gd.hydrogen_bond_occupancy(ds).compute()
    >>> str(bonds.bond[0].values), float(bonds.occupancy[0])
    ('LYS23:NZ-HZ2 ... GLU210:OE2', 1.0)

    The most frequent ones as bars, all of them in a file::

        gromos-dist hydrogen-bond-occupancy md.dcd -t protein.psf -o all.csv --plot most.png
    """
    found = setup(
        ds,
        donors=donors,
        acceptors=acceptors,
        between=between,
        criteria=criteria,
        cutoff=cutoff,
        angle=angle,
        curvature=curvature,
        three_center=three_center,
        three_center_limits=three_center_limits,
        rule=rule,
        elements=elements,
        charges=charges,
        mass_file=mass_file,
        exclude=exclude,
        periodic=periodic,
    )
    record = _OCCUPANCY_OF_THREE if three_center else _OCCUPANCY
    atoms = {**found.places, "names": found.names}
    table = record(*found.inputs, search=found.search, atoms=atoms)
    return table.assign_attrs(**found.attrs)
