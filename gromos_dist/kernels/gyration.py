"""Centre, radius of gyration and gyration tensor of every frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import as_atoms, as_frames, as_weights, pointer, type_of
from gromos_dist.kernels.atom_set import AtomSet
from gromos_dist.kernels.rmsd import AtomList


def center(
    positions: ArrayLike,
    *,
    atoms: AtomList | PreparedAtoms = None,
    weights: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Compute the centre of every frame: of geometry, or with masses as weights of mass.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    atoms : array of int or bool, or what `prepare_atoms` gives, optional
        The atoms that take part; all if None. An atom listed twice counts twice.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    array of float64, shape (frames, 3)
        In nm.

    Raises
    ------
    ValueError
        Shapes that do not match, an empty selection, an index out of range, weights that are
        negative or sum to zero, or a coordinate that is NaN or infinite (which frame and atom).

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.gyration import center
    >>> center(np.array([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]]), weights=[3.0, 1.0])
    array([[0.25, 0.5 , 0.75]])
    """
    frames, atom_set = _arguments(positions, atoms, weights)
    centers = np.empty((len(frames), 3))
    _gyration(frames, atom_set, centers=centers)
    return centers


def radius_of_gyration(
    positions: ArrayLike,
    *,
    atoms: AtomList | PreparedAtoms = None,
    weights: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Compute the radius of gyration of every frame.

    .. math:: \sqrt{\frac{\sum_i w_i |x_i - c|^2}{\sum_i w_i}}
              \qquad c = \frac{\sum_i w_i x_i}{\sum_i w_i}

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    atoms : array of int or bool, or what `prepare_atoms` gives, optional
        The atoms that take part; all if None. An atom listed twice counts twice.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    array of float64, shape (frames,)
        In nm.

    Raises
    ------
    ValueError
        As `center`.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.gyration import radius_of_gyration
    >>> radius_of_gyration(np.array([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]]))
    array([1.])
    """
    frames, atom_set = _arguments(positions, atoms, weights)
    radii = np.empty(len(frames))
    _gyration(frames, atom_set, radii=radii)
    return radii


def gyration_tensor(
    positions: ArrayLike,
    *,
    atoms: AtomList | PreparedAtoms = None,
    weights: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Compute the gyration tensor of every frame.

    .. math:: \frac{\sum_i w_i (x_i - c) (x_i - c)^T}{\sum_i w_i}

    Its trace is the square of the radius of gyration.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    atoms : array of int or bool, or what `prepare_atoms` gives, optional
        The atoms that take part; all if None. An atom listed twice counts twice.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    array of float64, shape (frames, 3, 3)
        In nm^2; symmetric.

    Raises
    ------
    ValueError
        As `center`.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.gyration import gyration_tensor
    >>> gyration_tensor(np.array([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]]))[0]
    array([[1., 0., 0.],
           [0., 0., 0.],
           [0., 0., 0.]])
    """
    frames, atom_set = _arguments(positions, atoms, weights)
    tensors = np.empty((len(frames), 3, 3))
    _gyration(frames, atom_set, tensors=tensors)
    return tensors


class PreparedAtoms:
    """Atoms and their weights, laid out for many calls of the functions above.

    Made by `prepare_atoms`; immutable, picklable, and safe to share between threads.
    """

    __slots__ = ("_arguments", "atom_set", "n_atoms", "weight")

    weight: float
    """The sum of their weights."""

    def __init__(
        self, n_atoms: int, atoms: NDArray[Any] | None, weights: NDArray[np.float64] | None
    ) -> None:
        self._arguments = (n_atoms, atoms, weights)
        self.n_atoms = n_atoms
        chosen = as_atoms(atoms, n_atoms)
        self.weight = float(chosen.n if weights is None else chosen.take(weights).sum())
        self.atom_set = AtomSet(chosen, weights)

    def __reduce__(self) -> tuple[Callable[..., PreparedAtoms], tuple[Any, ...]]:
        """Pickle what it was made from; the layout for the kernels is made anew."""
        return PreparedAtoms, self._arguments


def prepare_atoms(
    n_atoms: int, *, atoms: AtomList = None, weights: ArrayLike | None = None
) -> PreparedAtoms:
    """Lay atoms out for the kernels, to be used in many calls as their `atoms`.

    Parameters
    ----------
    n_atoms : int
        How many atoms a frame has.
    atoms : array of int or bool, optional
        The atoms that take part; all if None. An atom listed twice counts twice.
    weights : array, shape (n_atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    PreparedAtoms

    Raises
    ------
    ValueError
        As `center`.
    """
    return PreparedAtoms(
        n_atoms,
        None if atoms is None else np.array(atoms),
        None if weights is None else as_weights(weights, n_atoms).copy(),
    )


def _arguments(
    positions: ArrayLike, atoms: AtomList | PreparedAtoms, weights: ArrayLike | None
) -> tuple[NDArray[np.float32] | NDArray[np.float64], AtomSet]:
    frames = as_frames(positions)
    n_atoms = frames.shape[1]
    if not isinstance(atoms, PreparedAtoms):
        atoms = prepare_atoms(n_atoms, atoms=atoms, weights=weights)
    elif weights is not None:
        raise ValueError("weights: prepared atoms have their own; pass them to prepare_atoms")
    if atoms.n_atoms != n_atoms:
        raise ValueError(
            f"positions have {n_atoms} atoms a frame, the prepared atoms are of {atoms.n_atoms}"
        )
    return frames, atoms.atom_set


def _gyration(
    frames: NDArray[np.float32] | NDArray[np.float64],
    atom_set: AtomSet,
    *,
    centers: NDArray[np.float64] | None = None,
    radii: NDArray[np.float64] | None = None,
    tensors: NDArray[np.float64] | None = None,
) -> None:
    n_frames, n_atoms, _ = frames.shape
    where = new_where()
    check(
        lib.gd_gyration(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            atom_set.struct,
            pointer(centers),
            pointer(radii),
            pointer(tensors),
            where,
        ),
        where,
    )
