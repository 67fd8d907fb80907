"""Gathering as GROMOS does it: molecules put together, and next to each other, by named methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.connections import is_octahedron, one_frame
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BOX
from gromos_dist.analysis.periodic import total, unwrapped
from gromos_dist.analysis.system import Reference, positions_of, reference_positions
from gromos_dist.analysis.together import molecules_of
from gromos_dist.analysis.treatment import GATHERED, MOLECULES, UNWRAPPED, WRAPPED, treated
from gromos_dist.analysis.whole import bonded_atoms, make_whole
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.kernels.periodic import add_states, state_of_images, unwrap_begin
from gromos_dist.mapping import Map, Scan
from gromos_dist.selection import Selection, resolve
from gromos_dist.topology.connectivity import links_along_bonds
from gromos_dist.topology.residue_kinds import RESIDUE_LABELS, is_water, residue_starts
from gromos_dist.variables import VARIABLES

Array = NDArray[Any]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

Method = Literal["cog", "gbond", "glist", "gref", "gtime", "grtime", "gltime", "gfit", "nog"]
METHODS = ("cog", "gbond", "glist", "gref", "gtime", "grtime", "gltime", "gfit", "nog")
_WITH_REFERENCE = ("gref", "grtime", "gfit")
_WITH_PAIRS = ("glist", "gltime")
_IN_TIME = ("gtime", "grtime", "gltime")

_POINT = -1  # as the partner in a link: the first point of a stage


class Stage(NamedTuple):
    """Atoms that are brought next to others, one after the other."""

    links: Integers
    """An atom, and the one (or, negative, the point) that it goes next to."""
    middle_of: Integers | None = None
    """The atoms whose centre of geometry is the one point, as they are when the stage begins."""
    points: Floats | None = None
    """Points that are the same in all frames."""


class _System(NamedTuple):
    """The molecules, and which of them are solvent; atoms in their order."""

    solute: list[Integers]
    solvent: list[Integers]

    @property
    def molecules(self) -> list[Integers]:
        return [*self.solute, *self.solvent]

    @property
    def solute_atoms(self) -> Integers:
        return np.concatenate(self.solute or [np.empty(0, np.int64)])

    @property
    def solvent_atoms(self) -> Integers:
        return np.concatenate(self.solvent or [np.empty(0, np.int64)])


@analysis(VARIABLES["positions"], view="trajectory", topic="Periodicity", needs=[BOX])
def gather(
    ds: xr.Dataset,
    method: Method = "cog",
    *,
    reference: Reference | None = None,
    pairs: Sequence[int] | Sequence[tuple[int, int]] | None = None,
    molecules: Sequence[int] = (1,),
    solvent: Selection = None,
) -> xr.Dataset:
    """Put molecules together, and next to each other, by the methods that GROMOS has names for.

    In every frame, atoms are moved by box vectors. Most methods go through a molecule in the order
    of its atoms and put each next to the one before.

    cog: the first atom of the first molecule goes to the image nearest the origin; those of other
    molecules, solvent included, nearest the centre of geometry of the first molecule; further atoms
    next to the atom before.

    gbond: molecules of the solute are put together along their bonds and stay where their first
    atoms are, as `make_whole` does it; solvent goes nearest the centre of geometry of the solute.

    glist: the first molecule stays where its first atom is; of each other molecule of the solute
    one atom goes nearest an atom of an earlier one, as `pairs` says, without that to the first atom
    of the molecule before; solvent as gbond.

    gref: each atom of the solute goes nearest the same atom of a reference; solvent nearest the
    centre of geometry of the reference's solvent. A reference that is itself broken leaves the
    molecules broken.

    gtime, grtime, gltime: each atom of the solute goes nearest to where it was one frame before. In
    the first frame it stays where it is (gtime), goes nearest a reference (grtime), or is gathered
    as glist does (gltime). Solvent as gbond.

    gfit: some molecules are put together along their bonds, with their first atoms nearest those
    of a reference that is first superposed on them, in the first frame; all others nearest their
    centre of geometry.

    nog: nothing is moved.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` (frame, box_vector, xyz) in nm.
    method : str
        One of the names above.
    reference : int, path, Dataset, DataArray or array, optional
        For gref, grtime and gfit (gtime with a reference is grtime): a frame number of the
        trajectory, a file of which the first frame is taken, or positions in nm.
    pairs : sequence of int, or of pairs of int, optional
        For glist and gltime: an atom of a molecule, and the atom that it goes next to, from 0; and
        so on for other molecules.
    molecules : sequence of int
        For gfit: the molecules that are superposed, from 1, in the order of their first atoms.
    solvent : str or sequence of int, optional
        What is solvent: whole molecules; water when None.

    Returns
    -------
    Dataset
        `ds` with gathered positions, lazy if `ds` is, the same bits for any chunks;
        ``attrs["gathered"]`` is the method.

    Raises
    ------
    SelectionError, ValueError
        There is no box, nothing tells which atoms are a molecule, or the method is not known or
        lacks its reference.
    FrameError
        When computed: a frame has a box without volume, or by time none at all.

    Warns
    -----
    BrokenMoleculesWarning
        As `make_whole`, for gbond and gfit; or the reference is broken.

    Notes
    -----
    The numbers are those of gromos++ 1.6.0, but for solvent in the methods by time: there it goes
    nearest the centre of the solvent one frame before, which is not exact in chunks of frames.
    Where the box changes, gromos++ compares positions far outside the box with those before as they
    stand, and so invents jumps; here ways through the box decide, as for `unwrap` with the scheme
    "lattice".

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.gather(gd.open_trajectory(XTC, GRO), "cog")
    >>> ds.attrs["gathered"]
    'cog'

    A complex of several molecules, together in every frame::

        gromos-dist gather md.xtc -t system.top --method cog -o gathered.xtc
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if method == "gtime" and reference is not None:
        method = "grtime"
    _check_arguments(method, reference, pairs is not None)
    if method == "nog":
        return treated(ds, **{GATHERED: method})
    positions_of(ds)
    require_in_all_frames(ds, "box")
    if method in ("gbond", "gfit") and MOLECULES not in ds.attrs:
        ds = make_whole(ds)
    positions = positions_of(ds)
    system = _system(ds, solvent)
    target = None if reference is None else reference_positions(positions, reference)
    if method == "gfit" and target is not None:
        target = _superposed(ds, positions, system, molecules, target)
    stages = _stages(method, ds, system, target, _in_pairs(pairs), molecules)
    around = _solvent_around_solute(system)
    octahedron = is_octahedron(ds)
    if method not in _IN_TIME:
        if method in ("glist", "gbond"):
            stages += around
        moved = _GATHER(positions, ds["box"], stages=stages, octahedron=octahedron)
    else:
        how: dict[str, Any] = {"scheme": "lattice", "group": None, "octahedron": octahedron}
        moved = _FOLLOW(positions, ds["box"], stages=stages, **how)
        if around:
            moved = _GATHER(moved, ds["box"], stages=around, octahedron=octahedron)
    done = {GATHERED: method}
    return treated(ds.assign(positions=moved), UNWRAPPED, WRAPPED, MOLECULES, **done)


# ---- what is computed of a block ----


def _gathered(positions: Array, box: Array, *, stages: Sequence[Stage], octahedron: bool) -> Array:
    lattice = lattice_vectors(box, octahedron)
    n_frames = len(positions)
    for links, middle_of, fixed in stages:
        points = None
        if middle_of is not None:
            points = positions[:, middle_of].mean(axis=1, dtype=np.float64, keepdims=True)
        elif fixed is not None:
            points = np.broadcast_to(fixed, (n_frames, *fixed.shape))
        positions = kernels.make_whole(positions, lattice, links, points)
    return positions


_GATHER = Map(_gathered, VARIABLES["positions"], dtype=None)


def _start(
    first: Array, box: Array, *, stages: Sequence[Stage], octahedron: bool, **how: Any
) -> Array:
    """Return the state with which the first frame is gathered."""
    lattice = lattice_vectors(box, octahedron)
    gathered = _gathered(first, box, stages=stages, octahedron=octahedron)
    cells = np.rint((gathered - first.astype(np.float64)) @ np.linalg.inv(lattice[0]))
    return add_states(unwrap_begin(first, lattice, **how), state_of_images(cells[0]))


def _total(*arrays: Array, **how: Any) -> Array:
    del how["stages"]
    return total(*arrays, **how)


def _followed(*arrays: Array, **how: Any) -> Array:
    del how["stages"]
    return unwrapped(*arrays, **how)


_FOLLOW = Scan(_followed, add_states, VARIABLES["positions"], None, start=_start, total=_total)


# ---- the methods ----


def _stages(
    method: str,
    ds: xr.Dataset,
    system: _System,
    target: Floats | None,
    pairs: Integers,
    molecules: Sequence[int],
) -> list[Stage]:
    """Return what is done in every frame, or by time in the first one."""
    if method == "cog":
        return _around_the_first(system)
    if method in _WITH_PAIRS:
        return _by_list(system, pairs)
    if target is None:  # Along bonds, which was done already; or where atoms are.
        return []
    if method == "gfit":
        return _by_fit(ds, system, target, molecules)
    return _by_reference(system, target, with_solvent=method == "gref")


def _around_the_first(system: _System) -> list[Stage]:
    first, *others = system.molecules
    stages = [
        Stage(np.concatenate([_to_point(first[:1]), _in_sequence(first)]), None, np.zeros((1, 3)))
    ]
    if others:
        stages.append(Stage(_each(others), first))
    return stages


def _solvent_around_solute(system: _System) -> list[Stage]:
    if not system.solute or not system.solvent:
        return []
    return [Stage(_each(system.solvent), system.solute_atoms)]


def _by_list(system: _System, pairs: Integers) -> list[Stage]:
    molecules = system.solute
    if not molecules:
        raise ValueError("gather: everything here is solvent; say what is not (solvent=)")
    n_atoms = sum(map(len, system.molecules))
    molecule = np.full(n_atoms, -1, np.int64)
    for number, atoms in enumerate(molecules):
        molecule[atoms] = number
    listed = {
        number: (atoms[0], molecules[number - 1][0]) for number, atoms in enumerate(molecules)
    }
    for atom, partner in pairs.tolist():
        if not (0 <= atom < n_atoms and 0 <= partner < n_atoms):
            raise ValueError(f"pairs: expected atoms 0 to {n_atoms - 1}, got ({atom}, {partner})")
        if not -1 < molecule[partner] < molecule[atom]:
            raise ValueError(
                f"pairs: atom {atom} has to be of a later molecule of the solute than atom "
                f"{partner}, next to which it goes"
            )
        listed[int(molecule[atom])] = (atom, partner)
    links = [_in_sequence(molecules[0])]
    for number, atoms in enumerate(molecules[1:], 1):
        atom, partner = listed[number]
        links += [np.array([[atom, partner]], np.int64), _from(atoms, atom)]
    return [Stage(np.concatenate(links))]


def _by_reference(system: _System, target: Floats, *, with_solvent: bool) -> list[Stage]:
    solute = system.solute_atoms
    stages = []
    if len(solute):
        links = np.stack([solute, -1 - np.arange(len(solute))], axis=1)
        stages.append(Stage(links, None, target[solute]))
    if system.solvent and with_solvent:
        center = target[system.solvent_atoms].mean(axis=0, keepdims=True)
        stages.append(Stage(_each(system.solvent), None, center))
    return stages


def _by_fit(
    ds: xr.Dataset, system: _System, target: Floats, molecules: Sequence[int]
) -> list[Stage]:
    chosen = {number - 1 for number in molecules}
    together = links_along_bonds(bonded_atoms(ds), ds.sizes["atom"])
    fitted = [system.molecules[number] for number in sorted(chosen)]
    others = [atoms for number, atoms in enumerate(system.molecules) if number not in chosen]
    first = np.array([atoms[0] for atoms in fitted])
    to_reference = np.stack([first, -1 - np.arange(len(first))], axis=1)
    stages = [Stage(np.concatenate([to_reference, together]), None, target[first])]
    if others:
        starts = _to_point(np.array([atoms[0] for atoms in others]))
        stages.append(Stage(np.concatenate([starts, together]), np.concatenate(fitted)))
    return stages


def _superposed(
    ds: xr.Dataset,
    positions: xr.DataArray,
    system: _System,
    molecules: Sequence[int],
    target: Floats,
) -> Floats:
    """Return the reference, superposed on the molecules of the first frame."""
    n_molecules = len(system.molecules)
    if not molecules or not all(1 <= number <= n_molecules for number in molecules):
        raise ValueError(f"molecules: expected numbers 1 to {n_molecules}, got {molecules!r}")
    if not ds.sizes["frame"]:
        return target
    atoms = np.concatenate([system.molecules[number - 1] for number in molecules])
    first = np.asarray(one_frame(positions, 0), np.float64)
    fitted: Floats = kernels.superpose(target[None], first, atoms=atoms)[0]
    return fitted


# ---- molecules and links ----


def _system(ds: xr.Dataset, solvent: Selection) -> _System:
    labels = molecules_of(ds)
    order = np.argsort(labels, kind="stable")
    molecules = np.split(order, np.cumsum(np.bincount(labels))[:-1])
    molecules.sort(key=lambda atoms: int(atoms[0]))
    is_solvent = np.zeros(ds.sizes["atom"], bool)
    is_solvent[_solvent_atoms(ds, solvent)] = True
    system = _System([], [])
    for atoms in molecules:
        inside = is_solvent[atoms]
        if inside.any() != inside.all():
            raise ValueError(
                f"solvent: it has {inside.sum()} of the {len(atoms)} atoms of the molecule of atom "
                f"{atoms[0]}; choose whole molecules"
            )
        (system.solvent if inside.all() else system.solute).append(atoms)
    return system


def _solvent_atoms(ds: xr.Dataset, solvent: Selection) -> Integers:
    if solvent is not None:
        return resolve(solvent, ds)
    if "residue_name" not in ds.coords:
        return np.empty(0, np.int64)
    labels = {name: np.asarray(ds[name].values) for name in RESIDUE_LABELS if name in ds.coords}
    element = ds["element"].values if "element" in ds.coords else None
    water = is_water(residue_starts(labels.get), ds["residue_name"].values, element)
    found: Integers = np.flatnonzero(water)
    return found


def _to_point(atoms: Integers) -> Integers:
    return np.stack([atoms, np.full(len(atoms), _POINT)], axis=1)


def _in_sequence(atoms: Integers) -> Integers:
    return np.stack([atoms[1:], atoms[:-1]], axis=1)


def _from(atoms: Integers, start: int) -> Integers:
    """Return links through a molecule, from one of its atoms on in both directions."""
    place = int(np.flatnonzero(atoms == start)[0])
    forward = _in_sequence(atoms[place:])
    return np.concatenate([forward, _in_sequence(atoms[place::-1])])


def _each(molecules: Sequence[Integers]) -> Integers:
    """Return links of molecules that begin at the point and go on in sequence."""
    atoms = np.concatenate(molecules)
    links = np.stack([atoms, np.roll(atoms, 1)], axis=1)
    starts = np.cumsum([0, *map(len, molecules)])[:-1]
    links[starts, 1] = _POINT
    return links


def _in_pairs(given: Sequence[int] | Sequence[tuple[int, int]] | None) -> Integers:
    flat = np.ravel(np.asarray([] if given is None else given, np.int64))
    if len(flat) % 2:
        raise ValueError(f"pairs: expected two atoms for each molecule, got {given!r}")
    return flat.reshape(-1, 2)


def _check_arguments(method: str, reference: Reference | None, has_pairs: bool) -> None:
    if method in _WITH_REFERENCE and reference is None:
        raise ValueError(f"gather: {method} needs a reference, a file or positions: reference=")
    if method not in _WITH_REFERENCE and reference is not None:
        raise ValueError(f"gather: {method} takes no reference; leave it out, or choose gref")
    if method not in _WITH_PAIRS and has_pairs:
        raise ValueError(f"gather: {method} takes no pairs; leave them out, or choose glist")
