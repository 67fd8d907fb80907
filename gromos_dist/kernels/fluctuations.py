"""Mean positions over frames that are put onto a reference, and how far atoms stray from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import aligned, as_frames, pointer, type_of
from gromos_dist.kernels.rmsd import PreparedReference


class Fluctuations(NamedTuple):
    """The moments of the positions of some frames."""

    weight: float
    """The sum of the weights of the frames."""
    mean: NDArray[np.float64]
    """Mean positions, shape (3, atoms), in nm."""
    squares: NDArray[np.float64]
    """The sum over frames of their weight times the square of the distance from the mean, shape
    (atoms,), in nm2."""


def fluctuations(
    positions: ArrayLike,
    reference: PreparedReference | None = None,
    *,
    weights: ArrayLike | None = None,
) -> Fluctuations:
    r"""Compute the moments of the positions of all atoms, after superposition.

    :math:`\langle r \rangle = \sum_f w_f (R_f x_f + t_f) / \sum_f w_f` and
    :math:`\sum_f w_f |R_f x_f + t_f - \langle r \rangle|^2` of every atom, where :math:`R_f` and
    :math:`t_f` put frame :math:`f` onto the reference.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm; at least one frame.
    reference : PreparedReference, optional
        What frames are put onto; None: they are taken as they stand.
    weights : array, shape (frames,), optional
        How much each frame counts, not negative; equally when None.

    Returns
    -------
    Fluctuations
        Computed in double, relative to the first frame, so that nothing cancels.

    Raises
    ------
    ValueError
        Shapes that do not match; a coordinate that is NaN or infinite (which frame and atom).

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.fluctuations import fluctuations
    >>> moments = fluctuations(np.array([[[0.0, 0.0, 0.0]], [[2.0, 0.0, 0.0]]]))
    >>> moments.mean, moments.squares / moments.weight
    (array([[1.],
           [0.],
           [0.]]), array([1.]))
    """
    frames = as_frames(positions)
    n_frames, n_atoms, _ = frames.shape
    if n_frames == 0:
        raise ValueError(f"positions: there are no frames, shape {frames.shape}")
    if reference is not None and reference.n_atoms != n_atoms:
        raise ValueError(
            f"positions have {n_atoms} atoms a frame, the reference has {reference.n_atoms}"
        )
    if reference is not None and reference._fit is None:
        raise ValueError("this reference was prepared with fit=False: prepare it with a fit")
    of_frames = np.require(
        np.ones(n_frames) if weights is None else weights, np.float64, ("C", "A")
    )
    if of_frames.shape != (n_frames,):
        raise ValueError(f"weights: expected shape ({n_frames},), got {of_frames.shape}")
    weight, means, squares = np.empty(1), np.empty((3, n_atoms)), np.empty(n_atoms)
    where = new_where()
    check(
        lib.gd_fluctuations(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            ffi.NULL if reference is None or reference._fit is None else reference._fit.struct,
            pointer(of_frames),
            pointer(aligned(lib.gd_fluctuations_size(n_atoms))),
            *map(pointer, (weight, means, squares)),
            where,
        ),
        where,
    )
    return Fluctuations(float(weight[0]), means, squares)


def together(one: Fluctuations, other: Fluctuations) -> Fluctuations:
    """Return the moments of both (T. F. Chan, G. H. Golub, R. J. LeVeque, COMPSTAT 1982, 30)."""
    weight = one.weight + other.weight
    if not one.weight or not other.weight:
        return other if not one.weight else one
    apart = other.mean - one.mean
    mean = one.mean + apart * (other.weight / weight)
    between = _length_squared(apart) * (one.weight * other.weight / weight)
    return Fluctuations(weight, mean, one.squares + other.squares + between)


def _length_squared(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = vectors
    squares: NDArray[np.float64] = x * x + y * y + z * z
    return squares
