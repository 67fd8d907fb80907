"""Positions in the periodic box: out of it in time, into a cell, centred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist import kernels
from gromos_dist.analysis.connections import is_octahedron
from gromos_dist.analysis.declare import analysis
from gromos_dist.analysis.needs import BOX, MASSES, WHOLE
from gromos_dist.analysis.residues import By, check_by
from gromos_dist.analysis.system import masses_of, positions_of, selected
from gromos_dist.analysis.together import moving_together
from gromos_dist.analysis.treatment import (
    CENTERED,
    GATHERED,
    MOLECULES,
    UNWRAPPED,
    WRAPPED,
    treated,
)
from gromos_dist.io.presence import require_in_all_frames
from gromos_dist.kernels.boxes import lattice_vectors
from gromos_dist.kernels.periodic import SCHEMES, Scheme, add_states, unwrap_begin, unwrap_total
from gromos_dist.mapping import Map, Scan
from gromos_dist.selection import Selection
from gromos_dist.variables import VARIABLES

Array = NDArray[Any]
Point = Sequence[float] | None

Cell = Literal["auto", "box", "compact"]
_CELLS = ("auto", "box", "compact")


@analysis(VARIABLES["positions"], view="trajectory", topic="Periodicity", needs=[BOX])
def unwrap(ds: xr.Dataset, *, by: By = "molecule", scheme: Scheme = "toroidal") -> xr.Dataset:
    """Follow molecules out of the periodic box, so that none jumps from one side to the other.

    Diffusion and other motion through time are measured on unwrapped positions. In each frame a
    molecule is put at the image that is nearest to where it was one frame before; in the first
    frame it stays where it is. Molecules move as wholes, by their centres of geometry, and are made
    whole before, if they are not.

    Frames have to be so close in time that nothing moves by half the box between them: a longer
    way cannot be told from a shorter one to another image. Nothing warns of that.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` (frame, box_vector, xyz) in nm. All its
        frames are followed: choose frames afterwards, not before.
    by : {"molecule", "residue", "atom"}
        What is followed: the centre of each molecule or residue, or every atom alone. With
        "atom", molecules that are whole in the first frame stay so as long as the box keeps its
        size, and nothing needs to be known of bonds.
    scheme : {"toroidal", "lattice"}
        What something that has crossed the box is moved by. They differ where the box changes its
        size (constant pressure). "toroidal": the box vectors at the time of each crossing, so that
        steps are those of the wrapped positions and diffusion is right, however far things have
        come [1]_ [2]_. "lattice": the vectors of each frame's own box, once for each crossing:
        positions stay images of the wrapped ones, to which they can be wrapped again [3]_, but far
        away they swell and shrink with the box, and diffusion seems too fast.

    Returns
    -------
    Dataset
        `ds` with unwrapped positions, lazy if `ds` is, the same bits for any chunks;
        ``attrs["unwrapped"]`` says how.

    Raises
    ------
    ValueError
        There is no box, or nothing tells which atoms are a molecule.
    FrameError
        When computed: a frame has no box, or a coordinate that is not finite.

    Warns
    -----
    BrokenMoleculesWarning
        As `make_whole`.

    References
    ----------
    .. [1] S. von Buelow, J. T. Bullerjahn, G. Hummer, J. Chem. Phys. 153 (2020) 021101.
    .. [2] J. T. Bullerjahn, S. von Buelow, M. Heidari, J. Henin, G. Hummer, J. Chem. Theory
       Comput. 19 (2023) 3406.
    .. [3] M. Kulke, J. V. Vermaas, J. Chem. Theory Comput. 18 (2022) 6161.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.unwrap(gd.open_trajectory(XTC, GRO), by="atom")
    >>> ds.attrs["unwrapped"]
    'by atom, toroidal'

    A trajectory of whole molecules that do not jump::

        gromos-dist unwrap md.xtc -t system.top -o unwrapped.xtc
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {', '.join(SCHEMES)}, got {scheme!r}")
    _require_box(ds)
    together, group = moving_together(ds, by)
    moved = _UNWRAP(
        positions_of(together),
        together["box"],
        scheme=scheme,
        group=group,
        octahedron=is_octahedron(ds),
    )
    undone = (WRAPPED, GATHERED, *((MOLECULES,) if by != "molecule" else ()))
    done = {UNWRAPPED: f"by {by}, {scheme}"}
    return treated(together.assign(positions=moved), *undone, **done)


@analysis(VARIABLES["positions"], view="trajectory", topic="Periodicity", needs=[BOX])
def wrap(
    ds: xr.Dataset, *, by: By = "molecule", center: Point = None, cell: Cell = "auto"
) -> xr.Dataset:
    """Put everything into one cell of the periodic box.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` (frame, box_vector, xyz) in nm.
    by : {"molecule", "residue", "atom"}
        What is in the cell afterwards: the centre of geometry of each molecule or residue, which
        move as wholes and are made whole before, or every atom. "residue" and "atom" break
        molecules.
    center : sequence of three float, optional
        The middle of the cell, in nm; half the sum of the box vectors when None, so that a box
        begins at the origin.
    cell : {"auto", "box", "compact"}
        "box": the cell that the box vectors span. "compact": the points that are nearer to the
        middle than to its images, which is the rounder one in skewed boxes. "auto": compact for
        truncated octahedra, else box.

    Returns
    -------
    Dataset
        `ds` with wrapped positions, lazy if `ds` is; ``attrs["wrapped"]`` says by what.

    Raises
    ------
    ValueError
        There is no box, or nothing tells which atoms are a molecule.
    FrameError
        When computed: a frame has no box, or a coordinate that is not finite.

    Warns
    -----
    BrokenMoleculesWarning
        As `make_whole`.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.wrap(gd.open_trajectory(XTC, GRO), by="atom", center=(0, 0, 0), cell="compact")
    >>> ds.attrs["wrapped"]
    'by atom'

    Whole molecules, each with its centre in the box::

        gromos-dist wrap md.xtc -t system.top -o wrapped.xtc
    """
    _require_box(ds)
    middle = _point("center", center)
    together, group = moving_together(ds, by)
    moved = _WRAP(
        positions_of(together),
        together["box"],
        group=group,
        middle=middle,
        compact=_is_compact(cell, ds),
        octahedron=is_octahedron(ds),
    )
    undone = (UNWRAPPED, GATHERED, *((MOLECULES,) if by != "molecule" else ()))
    return treated(together.assign(positions=moved), *undone, **{WRAPPED: f"by {by}"})


@analysis(
    VARIABLES["positions"], view="trajectory", topic="Periodicity", needs=[BOX, MASSES, WHOLE]
)
def center(
    ds: xr.Dataset,
    *,
    atoms: Selection = None,
    mass_weighted: bool = False,
    point: Point = None,
    wrap: Literal["atom", "residue", "molecule"] | None = None,
    cell: Cell = "auto",
) -> xr.Dataset:
    """Move every frame so that the centre of some atoms is in the middle of the box.

    Parameters
    ----------
    ds : Dataset
        With ``positions`` (frame, atom, xyz) and ``box`` (frame, box_vector, xyz) in nm. The
        chosen atoms have to be whole, and next to each other: see `make_whole` and `gather`.
    atoms : str or sequence of int, optional
        The atoms whose centre is meant; all when None.
    mass_weighted : bool
        The centre of mass, instead of that of geometry.
    point : sequence of three float, optional
        Where the centre is put, in nm; half the sum of the box vectors when None.
    wrap : {"molecule", "residue", "atom"}, optional
        Put everything into the cell around that point afterwards, as `gromos_dist.wrap` does.
    cell : {"auto", "box", "compact"}
        The cell for that.

    Returns
    -------
    Dataset
        `ds` with moved positions, lazy if `ds` is; ``attrs["centered"]`` says so.

    Raises
    ------
    SelectionError, ValueError
        The selection cannot be read or is empty; there is no box; masses are needed but not known.
    FrameError
        When computed: a frame has no box, or a coordinate that is not finite.

    Warns
    -----
    BrokenMoleculesWarning
        The box has broken the molecules of the chosen atoms.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import GRO, XTC
    >>> ds = gd.make_whole(gd.open_trajectory(XTC, GRO))
    >>> centered = gd.center(ds, atoms="protein", point=(0, 0, 0))
    >>> bool(abs(gd.center_of_geometry(centered, atoms="protein")).max() < 1e-5)
    True

    The protein in the middle, whole molecules of water around it::

        gromos-dist center md.xtc -t system.top --whole -a protein --wrap molecule -o centered.xtc
    """
    if wrap is not None:
        check_by(wrap)
    _require_box(ds)
    target = _point("point", point)
    group = None
    together = ds
    if wrap is not None:
        together, group = moving_together(ds, wrap)
    positions = positions_of(together)
    indices = selected(ds, atoms)
    moved = _CENTER(
        positions,
        together["box"],
        atoms=kernels.prepare_atoms(
            positions.sizes["atom"],
            atoms=indices,
            weights=masses_of(positions, indices) if mass_weighted else None,
        ),
        point=target,
        wrapped=wrap is not None,
        group=group,
        compact=_is_compact(cell, ds),
        octahedron=is_octahedron(ds),
    )
    undone: tuple[str, ...] = (WRAPPED,)
    done = {
        CENTERED: "in the middle of the box"
        if point is None
        else f"at {', '.join(map(str, point))} nm"
    }
    if wrap is not None:
        undone = (UNWRAPPED, GATHERED, *((MOLECULES,) if wrap != "molecule" else ()))
        done[WRAPPED] = f"by {wrap}"
    return treated(together.assign(positions=moved), *undone, **done)


# ---- what is computed of a block ----


def _start(first: Array, box: Array, *, octahedron: bool, **how: Any) -> Array:
    return unwrap_begin(first, lattice_vectors(box, octahedron), **how)


def total(
    positions: Array,
    box: Array,
    previous: Array,
    previous_box: Array,
    *,
    octahedron: bool,
    **how: Any,
) -> Array:
    """Return what a block adds to the state of unwrapping."""
    boxes, box_before = (lattice_vectors(of, octahedron) for of in (box, previous_box))
    return unwrap_total(positions, boxes, previous, box_before, **how)


def unwrapped(
    positions: Array,
    box: Array,
    previous: Array,
    previous_box: Array,
    *,
    state: Array,
    octahedron: bool,
    **how: Any,
) -> Array:
    """Return the unwrapped positions of a block."""
    boxes, box_before = (lattice_vectors(of, octahedron) for of in (box, previous_box))
    return kernels.unwrap(positions, boxes, previous, box_before, state, **how)


_UNWRAP = Scan(unwrapped, add_states, VARIABLES["positions"], None, start=_start, total=total)


def _middles(point: Array | None, box: Array) -> Array:
    """Return the middle of the cell in each frame, shape (frame, xyz)."""
    if point is None:
        middle: Array = 0.5 * np.asarray(box, np.float64).sum(axis=1)
        return middle
    return np.tile(point, (len(box), 1))


def _wrapped(
    positions: Array,
    box: Array,
    *,
    group: Array | None,
    middle: Array | None,
    compact: bool,
    octahedron: bool,
) -> Array:
    lattice = lattice_vectors(box, octahedron)
    return kernels.wrap(positions, lattice, _middles(middle, box), group=group, compact=compact)


_WRAP = Map(_wrapped, VARIABLES["positions"], dtype=None)


def _centered(
    positions: Array,
    box: Array,
    *,
    atoms: Any,
    point: Array | None,
    wrapped: bool,
    group: Array | None,
    compact: bool,
    octahedron: bool,
) -> Array:
    middles = _middles(point, box)
    turns = np.broadcast_to(np.eye(3), (len(positions), 3, 3))
    moved = kernels.transform(positions, turns, middles - kernels.center(positions, atoms=atoms))
    if not wrapped:
        return moved
    lattice = lattice_vectors(box, octahedron)
    return kernels.wrap(moved, lattice, middles, group=group, compact=compact)


_CENTER = Map(_centered, VARIABLES["positions"], dtype=None)


# ---- what is asked for ----


def _require_box(ds: xr.Dataset) -> None:
    positions_of(ds)
    require_in_all_frames(ds, "box")


def _point(name: str, given: Point) -> Array | None:
    if given is None:
        return None
    point = np.asarray(given, np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise ValueError(f"{name}: expected three numbers in nm, got {given!r}")
    return point


def _is_compact(cell: str, ds: xr.Dataset) -> bool:
    if cell not in _CELLS:
        raise ValueError(f"cell: expected one of {', '.join(_CELLS)}, got {cell!r}")
    return is_octahedron(ds) if cell == "auto" else cell == "compact"
