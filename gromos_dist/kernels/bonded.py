"""Bonded terms: forces, energies and virial of bonds, angles, impropers and dihedrals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import as_frames, pointer, type_of
from gromos_dist.kernels.boxes import as_boxes


class _Form(NamedTuple):
    code: int
    n_atoms: int
    n_parameters: int


_FORMS: Final[dict[str, _Form]] = {
    "quartic bond": _Form(lib.GD_BOND_QUARTIC, 2, 2),
    "harmonic bond": _Form(lib.GD_BOND_HARMONIC, 2, 2),
    "cosine angle": _Form(lib.GD_ANGLE_COSINE, 3, 2),
    "harmonic angle": _Form(lib.GD_ANGLE_HARMONIC, 3, 2),
    "improper": _Form(lib.GD_IMPROPER, 4, 2),
    "dihedral": _Form(lib.GD_DIHEDRAL, 4, 3),
    "cross dihedral": _Form(lib.GD_CROSS_DIHEDRAL, 8, 3),
}


class Bonded(NamedTuple):
    """What `bonded` gives."""

    forces: NDArray[np.float64] | None
    """kJ mol-1 nm-1, shape (frames, atoms, 3); None when they were not asked for."""
    energy: NDArray[np.float64]
    """kJ mol-1, shape (frames, lists, energy groups)."""
    virial: NDArray[np.float64]
    """-1/2 of the sum of r f over the atoms of every term, kJ mol-1, shape (frames, 3, 3)."""


def bonded(
    positions: ArrayLike,
    box: ArrayLike | None,
    terms: Sequence[tuple[str, NDArray[Any], NDArray[Any], NDArray[Any]]],
    *,
    energy_group: ArrayLike | None = None,
    n_energy_groups: int = 1,
    forces: bool = True,
    add_to: NDArray[np.float64] | None = None,
) -> Bonded:
    """Compute bonded terms in double precision.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    box : array, shape (frames, 3, 3), optional
        Rows are the box vectors, in nm; frames without one (NaN or zeros) are not periodic. Of a
        truncated octahedron give `octahedron_vectors`.
    terms : sequence of (form, atoms, kind, parameters)
        Lists of terms of one form each. `atoms` (terms, n) count from 0; `kind` (terms,) are rows
        of `parameters`. With b a distance (nm) and t, q, r angles (radians) the forms, their
        energies and the columns of their parameters are

        ==================  ===============================  ============
        ``quartic bond``    1/4 K (b**2 - b0**2)**2          K, b0
        ``harmonic bond``   1/2 K (b - b0)**2                K, b0
        ``cosine angle``    1/2 K (cos t - cos t0)**2        K, cos t0
        ``harmonic angle``  1/2 K (t - t0)**2                K, t0
        ``improper``        1/2 K (q - q0)**2                K, q0
        ``dihedral``        K (1 + cos(m q - d))             K, d, m
        ``cross dihedral``  K (1 + cos(m (q + r) - d))       K, d, m
        ==================  ===============================  ============

        Of an improper dihedral q - q0 is taken the shorter way round.
    energy_group : array of int, shape (atoms,), optional
        Energy groups, from 0; a term counts for that of its first atom.
    n_energy_groups : int
        How many there are.
    forces : bool
        Whether forces are wanted.
    add_to : float64 array, shape (frames, atoms, 3), optional
        Forces to which these are added, in place.

    Raises
    ------
    ValueError
        Arrays that do not belong together, or an index out of range.
    FrameError
        Bad numbers, a box without volume, or two atoms at the same place.

    Notes
    -----
    W. F. van Gunsteren et al., *Biomolecular Simulation: The GROMOS96 Manual and User Guide*
    (1996). Where a force has no direction (three atoms in a line with a harmonic angle, an atom
    within 1e-5 nm of the axis of a dihedral) it is zero.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import bonded
    >>> positions = np.array([[[0.0, 0.0, 0.0], [0.11, 0.0, 0.0]]])
    >>> bond = ("harmonic bond", np.array([[0, 1]]), np.array([0]), np.array([[5e5, 0.1]]))
    >>> result = bonded(positions, None, [bond])
    >>> result.energy.round(6)
    array([[[25.]]])
    >>> result.forces[0, :, 0].round(6)
    array([ 5000., -5000.])
    """
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    boxes = as_boxes(box, n_frames)
    groups = as_energy_groups(energy_group, n_atoms, n_energy_groups)
    lists = ffi.new("struct gd_bonded_terms[]", max(1, len(terms)))
    kept = [_fill(lists[i], i, list_of_terms, n_atoms) for i, list_of_terms in enumerate(terms)]
    total = np.zeros(frames.shape, dtype=np.float64) if forces and add_to is None else add_to
    if total is not None and not (
        total.shape == frames.shape and total.dtype == np.float64 and total.flags.carray
    ):
        raise ValueError(
            f"add_to: expected a writeable C-contiguous float64 array of shape {frames.shape}, "
            f"got {total.dtype} {total.shape}"
        )
    energy = np.empty((n_frames, len(terms), n_energy_groups), dtype=np.float64)
    virial = np.empty((n_frames, 3, 3), dtype=np.float64)
    where = new_where()
    check(
        lib.gd_bonded(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            pointer(boxes),
            lists,
            len(terms),
            pointer(groups, "int32_t *"),
            n_energy_groups,
            pointer(total),
            pointer(energy),
            pointer(virial),
            where,
        ),
        where,
    )
    del kept
    return Bonded(total, energy, virial)


def as_energy_groups(
    energy_group: ArrayLike | None, n_atoms: int, n_energy_groups: int
) -> NDArray[np.int32] | None:
    """Return energy groups as the kernels read them, shape (atoms,); None for a single one."""
    if n_energy_groups < 1:
        raise ValueError(f"n_energy_groups: expected at least 1, got {n_energy_groups}")
    if energy_group is None:
        return None
    groups = _integers("energy_group", energy_group, n_energy_groups)
    if groups.shape != (n_atoms,):
        raise ValueError(f"energy_group: expected shape ({n_atoms},), got {groups.shape}")
    return groups


def _fill(
    target: Any,
    number: int,
    terms: tuple[str, NDArray[Any], NDArray[Any], NDArray[Any]],
    n_atoms: int,
) -> tuple[Any, ...]:
    """Fill a struct gd_bonded_terms; return what has to stay alive with it."""
    name, *arrays = terms
    if name not in _FORMS:
        raise ValueError(
            f"terms[{number}]: expected one of {', '.join(map(repr, _FORMS))}, got {name!r}"
        )
    form = _FORMS[name]
    place = f"terms[{number}] ({name})"
    n_kinds = len(np.atleast_1d(arrays[2]))
    atoms = _integers(f"{place}, atoms", arrays[0], n_atoms)
    kind = _integers(f"{place}, kind", arrays[1], n_kinds)
    parameters = np.require(arrays[2], dtype=np.float64, requirements=("C", "A"))
    wanted = ((len(kind), form.n_atoms), (len(kind),), (len(parameters), form.n_parameters))
    found = (atoms.shape, kind.shape, parameters.shape)
    if wanted != found:
        raise ValueError(
            f"{place}: expected atoms, kind and parameters of shapes "
            f"{', '.join(map(str, wanted))}; got {', '.join(map(str, found))}"
        )
    if not np.isfinite(parameters[np.unique(kind)]).all():
        raise ValueError(f"{place}: a parameter is NaN or infinite")
    target.form, target.n = form.code, len(kind)
    pointers = (
        pointer(atoms, "int32_t *"),
        pointer(kind, "int32_t *"),
        pointer(parameters, "double *"),
    )
    target.atoms, target.kinds, target.parameters = pointers
    return pointers


def _integers(name: str, array: ArrayLike, stop: int) -> NDArray[np.int32]:
    values = np.asarray(array)
    if values.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected integers, got {values.dtype}")
    if values.size and not (values.min() >= 0 and values.max() < stop):
        raise ValueError(f"{name}: expected 0 to {stop - 1}, got {values.min()} to {values.max()}")
    return np.require(values, dtype=np.int32, requirements=("C", "A"))
