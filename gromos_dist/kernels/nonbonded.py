"""Non-bonded forces, energies and virials: Lennard-Jones, Coulomb with reaction field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import FrameError, check, new_where
from gromos_dist.kernels.arrays import aligned, as_frames, as_weights, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes, described
from gromos_dist.kernels.nonbonded_field import NonbondedField

Floats = NDArray[np.float64]

_PRECISIONS = {"mixed": lib.GD_MIXED, "double": lib.GD_DOUBLE}


class Nonbonded(NamedTuple):
    """What `nonbonded` computes; None what was not asked for."""

    forces: Floats | None
    """kJ mol-1 nm-1, shape (frames, atoms, 3)."""
    energies: Floats | None
    """kJ mol-1, shape (frames, 2, groups, groups): Lennard-Jones, and Coulomb with reaction
    field, between two energy groups; the same either way round, so that the total is the sum of
    the upper triangle with the diagonal."""
    virial: Floats | None
    """kJ mol-1, shape (frames, 3, 3): -1/2 of the sum over pairs of r f."""
    group_forces: Floats | None
    """kJ mol-1 nm-1, shape (frames, groups, groups, 3): the sum of the forces on the atoms of one
    energy group from those of another."""


def nonbonded(
    positions: ArrayLike,
    box: ArrayLike | None,
    field: NonbondedField,
    *,
    forces: bool = True,
    energies: bool = True,
    virial: bool = False,
    group_forces: bool = False,
    listed: ArrayLike | None = None,
    precision: str = "mixed",
) -> Nonbonded:
    """Compute non-bonded forces, energies and virials of every frame.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Rows are the box vectors, in nm; frames with NaN or zeros, and all without an array, are
        not periodic.
    field : NonbondedField
        From `prepare_nonbonded`.
    forces, energies, virial, group_forces : bool
        What is wanted; energies alone take two thirds of the time of forces and energies. With
        `group_forces` come the forces.
    listed : array, shape (frames, atoms, 3), optional
        Where the atoms were (nm) when the list of pairs was made: the pairs that were within the
        cutoff there interact, wherever they are now. Where the cutoff holds between atoms, the
        field has to be one that was prepared for it. None: every frame has its own pairs.
    precision : {"mixed", "double"}
        ``"mixed"``: pairs in single precision, of positions relative to a point nearby, and sums
        in double.

    Returns
    -------
    Nonbonded
        Forces, energies and (atomic) virials; see `molecular_virial`.

    Raises
    ------
    ValueError
        Shapes or precisions that do not fit.
    FrameError
        A coordinate that is NaN or infinite, a box without volume or with a vector shorter than
        twice the cutoff, or two interacting atoms in one place.

    Notes
    -----
    A pair of charge groups whose distance is exactly the cutoff interacts. The same pairs interact
    in both precisions and on all instruction sets, but for distances that differ from the cutoff
    by the rounding of a double. Results are equal to the bit for any split of the frames, on one
    instruction set.

    Examples
    --------
    Two charges at a distance of 1 nm.

    >>> import numpy as np
    >>> from gromos_dist.kernels import nonbonded, prepare_nonbonded, reaction_field
    >>> field = prepare_nonbonded(charge=[1, -1], lj_type=[0, 0], c6=[[0]], c12=[[0]], cutoff=2,
    ...                           field=reaction_field(0, 1), coulomb=138.9354)
    >>> result = nonbonded(np.array([[[0.0, 0, 0], [1, 0, 0]]]), None, field, precision="double")
    >>> result.energies[0, 1].round(4), result.forces[0].round(4) + 0.0
    (array([[-138.9354]]), array([[ 138.9354,    0.    ,    0.    ],
           [-138.9354,    0.    ,    0.    ]]))
    """
    if precision not in _PRECISIONS:
        raise ValueError(f"precision: expected 'mixed' or 'double', got {precision!r}")
    frames, boxes, out = _prepared(positions, box, field, forces, energies, virial, group_forces)
    if listed is not None and not field.for_lists:
        raise ValueError("listed: expected a field that was prepared with for_lists=True")
    code = _PRECISIONS[precision]
    work = aligned(-(-lib.gd_nonbonded_size(field.struct, code) // 8))
    compute = partial(lib.gd_nonbonded_forces, field.struct, code)
    _fill(compute, frames, listed, boxes, out, work, field.struct.cutoff)
    return out


def nonbonded_plain(
    positions: ArrayLike,
    box: ArrayLike | None,
    field: NonbondedField,
    *,
    forces: bool = True,
    energies: bool = True,
    virial: bool = False,
    group_forces: bool = False,
    listed: ArrayLike | None = None,
) -> Nonbonded:
    """Compute non-bonded interactions by going over all pairs: the yardstick for `nonbonded`.

    Parameters, results and errors are those of `nonbonded`; all arithmetic is double.
    """
    frames, boxes, out = _prepared(positions, box, field, forces, energies, virial, group_forces)
    work = aligned(lib.gd_nonbonded_plain_size(field.struct))
    compute = partial(lib.gd_nonbonded_plain, field.struct)
    _fill(compute, frames, listed, boxes, out, work, field.struct.cutoff)
    return out


def molecular_virial(
    virial: ArrayLike,
    positions: ArrayLike,
    box: ArrayLike | None,
    forces: ArrayLike,
    *,
    molecule_end: ArrayLike,
    masses: ArrayLike,
) -> Floats:
    """Turn atomic virials into molecular ones.

    Parameters
    ----------
    virial : array, shape (frames, 3, 3)
        Atomic virials, -1/2 of the sum over pairs of r f (kJ mol-1).
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Rows are the box vectors, in nm.
    forces : array, shape (frames, atoms, 3)
        The forces that the virials belong to (kJ mol-1 nm-1).
    molecule_end : array of int
        For each molecule (GROMOS: pressure group) the atom after its last.
    masses : array, shape (atoms,)
        In u.

    Returns
    -------
    array of float64, shape (frames, 3, 3)
        The virials of the forces between molecules, acting on their centres of mass.

    Raises
    ------
    ValueError
        Shapes that do not match, or a molecule without mass.

    Examples
    --------
    Only forces within a molecule act: no molecular virial.

    >>> import numpy as np
    >>> from gromos_dist.kernels import molecular_virial
    >>> positions = np.array([[[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]])
    >>> forces = np.array([[[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]])
    >>> atomic = np.zeros((1, 3, 3))
    >>> atomic[0, 0, 0] = -0.5 * (-0.1 * 1.0)
    >>> float(molecular_virial(atomic, positions, None, forces, molecule_end=[2],
    ...                        masses=[1.0, 1.0]).sum())
    0.0
    """
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    boxes = as_boxes(box, n_frames)
    acting = np.require(forces, dtype=np.float64, requirements=("C", "A"))
    result = np.array(virial, dtype=np.float64, order="C")
    for name, array, shape in (
        ("forces", acting, frames.shape),
        ("virial", result, (n_frames, 3, 3)),
    ):
        if array.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    molecules = np.concatenate([[0], np.asarray(molecule_end)]).astype(np.int64)
    if molecules[-1] != n_atoms or (np.diff(molecules) < 1).any():
        raise ValueError(f"molecule_end: expected to rise to the number of atoms, {n_atoms}")
    where = new_where()
    check(
        lib.gd_molecular_virial(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            pointer(boxes),
            pointer(acting),
            pointer(molecules, "int64_t *"),
            len(molecules) - 1,
            pointer(as_weights(masses, n_atoms, "masses")),
            pointer(result),
            where,
        ),
        where,
    )
    return result


def _prepared(
    positions: ArrayLike,
    box: ArrayLike | None,
    field: NonbondedField,
    forces: bool,
    energies: bool,
    virial: bool,
    group_forces: bool,
) -> tuple[NDArray[Any], Floats | None, Nonbonded]:
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    if n_atoms != field.n_atoms:
        raise ValueError(
            f"positions have {n_atoms} atoms a frame, the force field is for {field.n_atoms}"
        )
    n_groups = field.n_energy_groups
    results = Nonbonded(
        np.empty((n_frames, n_atoms, 3)) if forces or group_forces else None,
        np.empty((n_frames, 2, n_groups, n_groups)) if energies else None,
        np.empty((n_frames, 3, 3)) if virial else None,
        np.empty((n_frames, n_groups, n_groups, 3)) if group_forces else None,
    )
    return frames, as_boxes(box, n_frames), results


def _fill(
    compute: Callable[..., int],
    frames: NDArray[Any],
    listed: ArrayLike | None,
    boxes: Floats | None,
    out: Nonbonded,
    work: Floats,
    cutoff: float,
) -> None:
    then = None if listed is None else np.require(listed, np.float64, ("C", "A"))
    if then is not None and then.shape != frames.shape:
        raise ValueError(f"listed: expected shape {frames.shape}, got {then.shape}")
    where = new_where()
    results = [pointer(array) for array in out]
    status = compute(
        ffi.from_buffer(frames),
        pointer(then),
        type_of(frames),
        len(frames),
        pointer(boxes),
        *results,
        pointer(work),
        where,
    )
    if status == lib.GD_SMALL_BOX and boxes is not None:
        raise FrameError(
            f"the cutoff is longer than half the shortest vector of the box: {cutoff:.6g} nm in a "
            f"box of {described(boxes[where.frame])}; use a shorter one",
            where.frame,
        )
    check(status, where)
