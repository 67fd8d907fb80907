"""Torsions of amino acids, by residue, and how often they change from one minimum to another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.analysis.connections import bonds_of, box_of, lattice_of, numbers_of, one_frame
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.geometry import continued, measured
from gromos_dist.analysis.system import narrow, positions_of, selected
from gromos_dist.kernels import geometry as kernels
from gromos_dist.mapping import Map, Reduction
from gromos_dist.selection import Selection
from gromos_dist.selection.known_atoms import KnownAtoms
from gromos_dist.topology.torsions import KINDS, Kind, Torsions, torsions_of
from gromos_dist.variables import Variable

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Definition = Literal["nearest", "core", "gromos_strict"]

_LETTERS = {"phi": "φ", "psi": "ψ", "omega": "ω"} | {f"chi{i}": f"χ{i}" for i in range(1, 6)}
_EVERY = Variable("torsion", ("frame", "kind", "residue"), "f", "degree", "torsion angle")
TORSIONS: dict[str, Variable] = {
    kind: Variable(kind, ("frame", "residue"), "f", "degree", f"torsion angle {_LETTERS[kind]}")
    for kind in KINDS
}
TRANSITIONS = Variable(
    "transitions", ("kind", "residue", "state", "other_state"), "i", "", "number of transitions"
)
FRAMES = Variable("frames", ("kind", "residue", "state"), "i", "", "frames nearest to a minimum")
RATE = Variable("rate", ("kind", "residue"), "f", "ns-1", "transitions per time")
POPULATION = Variable("population", ("kind", "residue", "state"), "f", "", "fraction of frames")


def _by_kind(positions: Any, box: Any = None, *, out: Floats, **given: Any) -> Floats:
    n_frames, n_kinds, n_residues = out.shape
    return measured(positions, box, out=out.reshape(n_frames, n_kinds * n_residues), **given)


_TORSIONS = Map(_by_kind, _EVERY, fills=True)


@analysis(*TORSIONS.values(), view="torsions", topic="Geometry")
def torsions(
    ds: xr.Dataset | xr.DataArray,
    kinds: Sequence[Kind] = KINDS,
    *,
    atoms: Selection = None,
    unwrap: bool = False,
    periodic: bool = True,
) -> xr.Dataset:
    """Torsions of the backbone and the side chains of amino acids, by residue, in every frame.

    IUPAC's: phi is C-N-CA-C (C of the residue before), psi N-CA-C-N and omega CA-C-N-CA (N, CA of
    the residue after), chi1 N-CA-CB-CG and so on along the side chain. Atoms are found by their
    names, so all protonation states and modified residues have theirs: chi1 ends in CG, CG1, OG,
    OG1, SG or SE; chi2 in CD, CD1, OD1, ND1, SD, SE, ND or, of isoleucine, CD1 or CD; chi3 in NE,
    CE or OE1, chi4 in CZ or NZ, chi5 in NH1. Residues are neighbours where a bond is between C and
    N; where no bonds of these atoms are known, where they follow each other in one chain and C and
    N are nearer than 0.2 nm in the first frame. At chain breaks phi, psi and omega are NaN.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``positions`` (frame, atom, xyz) in nm, and names of atoms and residues.
    kinds : sequence of {"phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5"}
        Which torsions.
    atoms : str or sequence of int, optional
        Residues that have one of these atoms; all amino acids when None.
    unwrap : bool
        Continue in time: after the first frame, whole turns are added so that each value is the
        nearest to that of the frame before (as gromos++ does for ``t%``).
    periodic : bool
        Take nearest images where `ds` has a box and nothing says that its molecules are whole.

    Returns
    -------
    Dataset
        For each kind a variable (frame, residue) float64, degrees, in (-180, 180] unless unwrapped,
        NaN for what a residue has not; lazy if `ds` is. Residues are those that have atoms N, CA
        and C; along them are their numbers, names and, where known, chains.

    Raises
    ------
    SelectionError
        The selection cannot be read or is empty.
    ValueError
        A kind is not known, names of atoms are not, or there is no amino acid.
    FrameError
        When computed: a coordinate is not finite, or the box of a frame has no volume.

    References
    ----------
    IUPAC-IUB Commission on Biochemical Nomenclature, Biochemistry 9 (1970) 3471,
    doi:10.1021/bi00820a001.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> found = gd.torsions(gd.open_trajectory(DCD, PSF), ["phi", "psi"], atoms="resid 10")
    >>> found.phi[0].values.round(1), found.residue_name.values
    (array([-168.6]), array(['GLY'], dtype='<U3'))

    A Ramachandran plot, and the numbers::

        gromos-dist torsions md.dcd -t protein.psf --kinds phi,psi --plot ramachandran.png \
            -o torsions.zarr
    """
    chosen = _as_kinds(kinds)
    every = _all_torsions(ds, chosen, atoms, periodic)
    if unwrap:
        every = continued(every, _EVERY)
    arrays = {
        kind: every.isel(kind=place, drop=True).rename(kind).assign_attrs(TORSIONS[kind].attrs)
        for place, kind in enumerate(chosen)
    }
    return xr.Dataset(arrays)


class _Visits(NamedTuple):
    """What was counted in a block of frames, for each state that it may have begun in.

    The last of these is that nothing has been seen before.
    """

    last: Integers
    """The state it ends in, shape (begun in, ...)."""
    transitions: Integers
    """From a state to another, shape (begun in, ..., state, other_state)."""
    frames: Integers
    """Frames nearest to each minimum, shape (..., state)."""


@analysis(*(TRANSITIONS, FRAMES, RATE, POPULATION), view="transitions", topic="Geometry")
def torsion_transitions(
    ds: xr.Dataset | xr.DataArray,
    kinds: Sequence[Kind] = ("chi1", "chi2", "chi3", "chi4", "chi5"),
    *,
    atoms: Selection = None,
    minima: Sequence[float] = (60.0, 180.0, -60.0),
    definition: Definition = "nearest",
    core: float = 30.0,
    periodic: bool = True,
) -> xr.Dataset:
    """Count how often torsions change from one minimum to another.

    Of rotamers the minima are g+ (60), t (180) and g- (-60 degrees), a third of the circle each.
    Short crossings of a barrier that come back at once count twice with ``"nearest"``, not with the
    other two definitions.

    Parameters
    ----------
    ds : Dataset or DataArray
        A trajectory, as for `torsions`; or angles: what `torsions` or `dihedrals` has given.
    kinds : sequence of {"phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5"}
        Which torsions of a trajectory, or of the result of `torsions`.
    atoms : str or sequence of int, optional
        Residues that have one of these atoms; all amino acids when None.
    minima : sequence of float
        Where the states are, in degrees; for omega give 180,0.
    definition : {"nearest", "core", "gromos_strict"}
        ``nearest``: the state is the nearest minimum (gromos++ ditrans). ``core``: a state is
        entered when its minimum is nearer than `core`, and left when that of another is (N.-V.
        Buchete and G. Hummer, J. Phys. Chem. B 112 (2008) 6057, doi:10.1021/jp0761665).
        ``gromos_strict``: it is left, for the nearest minimum, when the torsion is farther from its
        minimum than the next one is (gromos++ ditrans ``@strict``).
    core : float
        How near the core of a state is, in degrees; less than half of what is between minima.
    periodic : bool
        As for `torsions`.

    Returns
    -------
    Dataset
        ``transitions`` (kind, residue, state, other_state) int64, from the one to the other;
        ``frames`` (kind, residue, state) int64, how many are nearest to each minimum; ``rate``
        (kind, residue) of all transitions, per ns, NaN for what a residue has not and without
        times; ``population`` (kind, residue, state). Of angles (frame, ...) the dims are theirs.
        Lazy if `ds` is.

    Raises
    ------
    SelectionError, ValueError, FrameError
        As `torsions`; or minima or `core` make no sense, or there are no frames.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF)
    >>> found = gd.compute(gd.torsion_transitions(ds, ["chi1"], atoms="resname LEU"))
    >>> int(found.transitions.sum()), int(found.transitions.sel(state=180, other_state=-60).sum())
    (10, 5)

    Which side chains move::

        gromos-dist torsion-transitions md.dcd -t protein.psf --kinds chi1 -o transitions.zarr \
            --plot transitions.png

    Isomers of the peptide bond::

        gromos-dist torsion-transitions md.dcd -t protein.psf --kinds omega --minima 180,0
    """
    places = np.asarray(minima, np.float64)
    spacing = _spacing(places, definition, core)
    angles = _angles_of(ds, kinds, atoms, periodic)
    dims = tuple(map(str, angles.dims[1:]))
    variables = [
        Variable(of.name, (*dims, *of.dims[2:]), of.kind, of.units, of.long_name)
        for of in (TRANSITIONS, FRAMES, RATE, POPULATION)
    ]
    record = Reduction(
        partial(_visits, minima=places, definition=definition, core=core, spacing=spacing),
        _then,
        partial(_after_the_first, duration=_duration(angles)),
        variables,
        state=_Visits,
        dtypes={TRANSITIONS.name: np.int64, FRAMES.name: np.int64},
    )
    state = (places, {"units": "degree", "long_name": "minimum"})
    coords = {"state": ("state", *state), "other_state": ("other_state", *state)}
    found: xr.Dataset = record(angles, coords=coords)
    return found.assign_attrs(definition=definition, core=core)


def _as_kinds(kinds: str | Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys([kinds] if isinstance(kinds, str) else kinds))
    wrong = [kind for kind in chosen if kind not in KINDS]
    if wrong or not chosen:
        raise ValueError(f"kinds: expected some of {', '.join(KINDS)}, got {wrong or kinds!r}")
    return chosen


def _all_torsions(
    ds: xr.Dataset | xr.DataArray, kinds: Sequence[str], atoms: Selection, periodic: bool
) -> xr.DataArray:
    """Return torsions (frame, kind, residue)."""
    positions = positions_of(ds)
    found = _torsions_of(ds, positions, kinds)
    kept = np.arange(len(found.first_atom))
    if atoms is not None:
        of_atoms = np.unique(found.residue_of_atom[selected(ds, atoms)])
        kept = of_atoms[of_atoms >= 0]
    if not len(kept):
        raise ValueError(
            f"there is no amino acid (a residue with atoms N, CA and C) among the "
            f"{'chosen ' if atoms is not None else ''}atoms"
        )
    quadruples = found.quadruples[:, kept].reshape(-1, 4)
    is_there = quadruples[:, 0] >= 0
    used = np.unique(quadruples[is_there])
    if len(used):
        positions, fewer, _ = narrow(positions, used)
        if not isinstance(fewer, slice):
            quadruples = np.where(is_there[:, None], np.searchsorted(used, quadruples), -1)
    is_whole = isinstance(ds, xr.Dataset) and ds.attrs.get("molecules") == "whole"
    box, octahedra = box_of(ds, periodic and not is_whole)
    return _TORSIONS(
        *(positions, *box),
        coords={"kind": list(kinds), **_residues(ds, found.first_atom[kept])},
        kernel=kernels.dihedrals,
        tuples=quadruples,
        octahedra=octahedra,
    )


def _torsions_of(
    ds: xr.Dataset | xr.DataArray, positions: xr.DataArray, kinds: Sequence[str]
) -> Torsions:
    atoms = KnownAtoms(positions)
    names = atoms.coordinate("atom_name")
    if names is None or all(atoms.coordinate(name) is None for name in ("residue", "residue_name")):
        raise ValueError(
            "torsions need names of atoms and residues: open the trajectory with a topology"
        )

    def look() -> tuple[Floats, Floats | None]:
        return np.asarray(one_frame(positions, 0), np.float64), lattice_of(ds, 0)

    bonds = numbers_of(ds).places(bonds_of(ds)) if len(bonds_of(ds)) else bonds_of(ds)
    return torsions_of(
        kinds, names, atoms.coordinate, bonds, look if positions.sizes["frame"] else None
    )


def _residues(ds: xr.Dataset | xr.DataArray, first_atom: Integers) -> dict[str, Any]:
    """Return the coordinates of residues."""
    found: dict[str, Any] = {}
    for name in ("residue", "residue_name", "chain"):
        if name in ds.coords:
            coordinate = ds.coords[name]
            found[name] = ("residue", coordinate.values[first_atom], coordinate.attrs)
    found.setdefault("residue", ("residue", np.arange(len(first_atom))))
    return found


def _angles_of(
    ds: xr.Dataset | xr.DataArray, kinds: Sequence[Kind], atoms: Selection, periodic: bool
) -> xr.DataArray:
    """Return the angles that were given, or those of a trajectory."""
    chosen = _as_kinds(kinds)
    if isinstance(ds, xr.DataArray) and ds.attrs.get("units") == "degree":
        return ds.transpose("frame", ...)
    if isinstance(ds, xr.Dataset) and "positions" not in ds and set(chosen) <= set(ds):
        arrays = [ds[kind] for kind in chosen]
        return xr.concat(arrays, "kind").assign_coords(kind=chosen).transpose("frame", "kind", ...)
    return _all_torsions(ds, chosen, atoms, periodic)


def _spacing(minima: Floats, definition: str, core: float) -> float:
    """Return what is between neighbouring minima, once they make sense."""
    if definition not in get_args(Definition):
        raise ValueError(
            f"definition: expected {', '.join(get_args(Definition))}, got {definition!r}"
        )
    if minima.ndim != 1 or len(minima) < 2 or not np.isfinite(minima).all():
        raise ValueError(f"minima: expected two angles or more, got {minima.tolist()}")
    around = np.sort(minima % 360.0)
    gaps = np.diff(np.append(around, around[0] + 360.0))
    if not gaps.min() > 0.0:
        raise ValueError(f"minima: two are the same: {minima.tolist()}")
    if definition == "core" and not 0.0 < core < 0.5 * gaps.min():
        raise ValueError(
            f"core: expected more than 0 and less than {0.5 * gaps.min():g} degrees, half of what "
            f"is between minima, got {core:g}"
        )
    if definition == "gromos_strict" and not np.allclose(gaps, gaps[0]):
        raise ValueError("definition: gromos_strict needs minima that are equally far apart")
    return float(gaps[0])


def _duration(angles: xr.DataArray) -> float:
    """Return the time from the first to the last frame in ns; NaN where it is not known."""
    if "time" not in angles.coords or angles.sizes["frame"] < 2:
        return np.nan
    time = np.asarray(angles["time"].values, np.float64)
    length = float(time[-1] - time[0]) / 1000.0
    return length if length > 0.0 else np.nan


def _visits(
    block: Floats, *, minima: Floats, definition: str, core: float, spacing: float
) -> _Visits:
    """Count what happens in a block."""
    n_states, shape = len(minima), block.shape[1:]
    apart = np.abs(block[:, None] - minima.reshape(-1, *(1,) * len(shape))) % 360.0
    apart = np.minimum(apart, 360.0 - apart)
    known = np.isfinite(block)
    nearest = np.where(known, np.argmin(np.where(known[:, None], apart, 0.0), axis=1), n_states)
    frames = np.stack([(nearest == state).sum(axis=0) for state in range(n_states)], axis=-1)
    # Where a torsion goes in each frame, from each state, and from none.
    stays = np.arange(n_states + 1).reshape(-1, *(1,) * len(shape))
    moves = np.repeat(known[:, None], n_states + 1, axis=1)
    if definition == "core":
        moves &= (apart.min(axis=1) < core)[:, None]
    elif definition == "gromos_strict":
        moves[:, :-1] &= apart > spacing
    goes_to = np.where(moves, nearest[:, None], stays)
    last = np.broadcast_to(stays, (n_states + 1, *shape)).copy()
    transitions = np.zeros((n_states + 1, *shape, n_states, n_states), np.int64)
    for of_frame in goes_to:
        now = np.take_along_axis(of_frame, last, axis=0)
        changed = np.nonzero((now != last) & (last < n_states))
        np.add.at(transitions, (*changed, last[changed], now[changed]), 1)
        last = now
    return _Visits(last, transitions, frames.astype(np.int64))


def _then(one: _Visits, other: _Visits) -> _Visits:
    """Return what two blocks, one after the other, have counted."""
    last = np.take_along_axis(other.last, one.last, axis=0)
    begun = one.last.reshape(*one.last.shape, 1, 1)
    later = np.take_along_axis(other.transitions, begun, axis=0)
    return _Visits(last, one.transitions + later, one.frames + other.frames)


def _after_the_first(visits: _Visits, *, duration: float) -> dict[str, Any]:
    """Return the results, of what has begun with nothing seen before."""
    transitions, seen = visits.transitions[-1], visits.frames.sum(axis=-1)
    known = np.where(seen > 0, seen, np.nan)
    return {
        "transitions": transitions,
        "frames": visits.frames,
        "rate": np.where(seen > 0, transitions.sum(axis=(-1, -2)) / duration, np.nan),
        "population": visits.frames / known[..., None],
    }
