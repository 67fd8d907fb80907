"""Root-mean-square deviation of frames from a reference, and of all frames from all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import FrameError, check, new_where
from gromos_dist.kernels.arrays import (
    aligned,
    as_atoms,
    as_frames,
    as_structure,
    as_weights,
    pointer,
    type_of,
)
from gromos_dist.kernels.atom_set import AtomSet

AtomList = Sequence[int] | NDArray[Any] | None


class PreparedReference:
    """A reference structure with its atom lists and weights, ready for many calls.

    Made by `prepare_reference`; immutable, picklable, and safe to share between threads.
    """

    __slots__ = ("_arguments", "_fit", "_measure", "n_atoms")

    n_atoms: int
    """How many atoms a frame must have."""

    def __init__(
        self,
        reference: NDArray[np.float64],
        atoms: NDArray[Any] | None,
        weights: NDArray[np.float64] | None,
        fit_atoms: NDArray[Any] | None,
        fit_weights: NDArray[np.float64] | None,
        fit: bool,
    ) -> None:
        self._arguments = (reference, atoms, weights, fit_atoms, fit_weights, fit)
        self.n_atoms = len(reference)
        measured = as_atoms(atoms, self.n_atoms)
        self._fit = self._measure = None
        if not fit:
            self._measure = AtomSet(measured, weights, reference)
        elif fit_atoms is None and fit_weights is None:
            self._fit = AtomSet(measured, weights, reference)
        else:
            fitted = (
                as_atoms(fit_atoms, self.n_atoms, "fit_atoms")
                if fit_atoms is not None
                else measured
            )
            self._fit = AtomSet(fitted, weights if fit_weights is None else fit_weights, reference)
            self._measure = AtomSet(measured, weights, reference, self._fit.center)

    def __reduce__(self) -> tuple[Callable[..., PreparedReference], tuple[Any, ...]]:
        """Pickle what it was made from; the layout for the kernels is made anew."""
        return PreparedReference, self._arguments


def prepare_reference(
    reference: ArrayLike,
    *,
    atoms: AtomList = None,
    weights: ArrayLike | None = None,
    fit_atoms: AtomList = None,
    fit_weights: ArrayLike | None = None,
    fit: bool = True,
) -> PreparedReference:
    """Lay a reference out for the kernels, to be used in many calls of `rmsd` or `fit_transform`.

    Parameters
    ----------
    reference : array, shape (atoms, 3)
        Coordinates of the reference, in nm, with the same atoms as the frames.
    atoms : array of int or bool, optional
        The atoms whose deviation is measured; all if None.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.
    fit_atoms : array of int or bool, optional
        The atoms that are superposed; the measured ones if None.
    fit_weights : array, shape (atoms,), optional
        Weights for the superposition; `weights` if None.
    fit : bool
        False: compare frames as they stand.

    Returns
    -------
    PreparedReference

    Raises
    ------
    ValueError
        Shapes that do not match, an empty selection, an index out of range, weights that are
        negative or sum to zero, coordinates that are not finite.
    """
    coordinates = as_structure(reference, "reference").copy()
    n_atoms = len(coordinates)
    if n_atoms == 0:
        raise ValueError("reference: there are no atoms, shape (0, 3)")
    if not fit and (fit_atoms is not None or fit_weights is not None):
        raise ValueError("fit=False contradicts fit_atoms and fit_weights: leave them out")
    return PreparedReference(
        coordinates,
        None if atoms is None else np.array(atoms),
        None if weights is None else as_weights(weights, n_atoms).copy(),
        None if fit_atoms is None else np.array(fit_atoms),
        None if fit_weights is None else as_weights(fit_weights, n_atoms, "fit_weights").copy(),
        fit,
    )


def _prepared(reference: ArrayLike | PreparedReference, **options: Any) -> PreparedReference:
    if isinstance(reference, PreparedReference):
        given = [name for name, value in options.items() if value is not None and value is not True]
        if given:
            raise ValueError(
                f"{', '.join(given)}: a prepared reference has its own; "
                f"pass them to prepare_reference instead"
            )
        return reference
    return prepare_reference(reference, **options)


def _check_atoms(n_atoms: int, reference: PreparedReference) -> None:
    if n_atoms != reference.n_atoms:
        raise ValueError(
            f"positions have {n_atoms} atoms a frame, the reference has {reference.n_atoms}; "
            f"give both the same atoms and choose among them with atoms="
        )


def rmsd(
    positions: ArrayLike,
    reference: ArrayLike | PreparedReference,
    *,
    atoms: AtomList = None,
    weights: ArrayLike | None = None,
    fit_atoms: AtomList = None,
    fit_weights: ArrayLike | None = None,
    fit: bool = True,
) -> NDArray[np.float64]:
    r"""Compute the root-mean-square deviation of every frame from a reference.

    .. math:: \sqrt{\frac{\sum_i w_i |R x_i + t - r_i|^2}{\sum_i w_i}}

    where the proper rotation :math:`R` and the translation :math:`t` minimise the same sum over the
    fitted atoms, or are left out with ``fit=False``.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    reference : array, shape (atoms, 3), or PreparedReference
        The reference, in nm, with the same atoms as the frames.
    atoms : array of int or bool, optional
        The atoms whose deviation is measured; all if None. An atom listed twice counts twice.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.
    fit_atoms : array of int or bool, optional
        The atoms that are superposed; the measured ones if None.
    fit_weights : array, shape (atoms,), optional
        Weights for the superposition; `weights` if None.
    fit : bool
        False: compare frames as they stand.

    Returns
    -------
    array of float64, shape (frames,)
        In nm. Exactly 0 for a frame whose atoms equal the reference's.

    Raises
    ------
    ValueError
        Shapes that do not match, an empty selection, an index out of range, weights that are
        negative or sum to zero, or a coordinate that is NaN or infinite (which frame and atom).

    Notes
    -----
    Sums and the eigenvalue problem are double, also for float32 coordinates, and are done in an
    order that depends neither on the instruction set nor on how frames are cut into blocks: a
    frame's value is always the same to the bit. The largest root of the quaternion matrix is found
    as in [1]_ and [2]_; where it is close to the next one (atoms on a line, for example), by Jacobi
    rotations.

    References
    ----------
    .. [1] D. L. Theobald, "Rapid calculation of RMSDs using a quaternion-based characteristic
       polynomial", Acta Cryst. A61 (2005) 478-480.
    .. [2] P. Liu, D. K. Agrafiotis, D. L. Theobald, "Fast determination of the optimal rotational
       matrix for macromolecular superpositions", J. Comput. Chem. 31 (2010) 1561-1563.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.rmsd import rmsd
    >>> frame = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    >>> turned = frame[:, [1, 2, 0]] + 5.0
    >>> rmsd(np.stack([frame, turned]), frame).round(9)
    array([0., 0.])
    >>> rmsd(turned[None], frame, fit=False).round(3)
    array([9.055])
    """
    frames = as_frames(positions)
    prepared = _prepared(
        reference,
        atoms=atoms,
        weights=weights,
        fit_atoms=fit_atoms,
        fit_weights=fit_weights,
        fit=fit,
    )
    n_frames, n_atoms, _ = frames.shape
    _check_atoms(n_atoms, prepared)
    values = np.empty(n_frames)
    where = new_where()
    check(
        lib.gd_rmsd(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            ffi.NULL if prepared._fit is None else prepared._fit.struct,
            ffi.NULL if prepared._measure is None else prepared._measure.struct,
            ffi.from_buffer("double *", values),
            ffi.NULL,
            ffi.NULL,
            where,
        ),
        where,
    )
    return values


def fit_transform(
    positions: ArrayLike,
    reference: ArrayLike | PreparedReference,
    *,
    atoms: AtomList = None,
    weights: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the rotation and translation that superpose every frame on a reference.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm.
    reference : array, shape (atoms, 3), or PreparedReference
        The reference, in nm, with the same atoms as the frames. A prepared one is superposed with
        its fitted atoms.
    atoms : array of int or bool, optional
        The atoms that are superposed; all if None.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    rotations : array of float64, shape (frames, 3, 3)
        Proper rotations (determinant +1).
    translations : array of float64, shape (frames, 3)
        In nm: ``rotations[f] @ x + translations[f]`` lies on the reference.

    Raises
    ------
    ValueError
        As `rmsd`; and a reference that was prepared with ``fit=False``.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.rmsd import fit_transform
    >>> frame = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    >>> rotations, translations = fit_transform((frame + [1.0, 0.0, 0.0])[None], frame)
    >>> bool(np.allclose(rotations[0], np.eye(3))), translations.round(9) + 0.0
    (True, array([[-1.,  0.,  0.]]))
    """
    frames = as_frames(positions)
    prepared = _prepared(reference, atoms=atoms, weights=weights)
    if prepared._fit is None:
        raise ValueError("this reference was prepared with fit=False: prepare it with a fit")
    n_frames, n_atoms, _ = frames.shape
    _check_atoms(n_atoms, prepared)
    rotations = np.empty((n_frames, 3, 3))
    translations = np.empty((n_frames, 3))
    where = new_where()
    check(
        lib.gd_rmsd(
            ffi.from_buffer(frames),
            type_of(frames),
            n_frames,
            n_atoms,
            prepared._fit.struct,
            ffi.NULL,
            ffi.NULL,
            pointer(rotations),
            pointer(translations),
            where,
        ),
        where,
    )
    return rotations, translations


def rmsd_matrix(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    atoms: AtomList = None,
    weights: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Compute the best-fit root-mean-square deviation of every frame of `a` from every one of `b`.

    Parameters
    ----------
    a, b : array of float32 or float64, shapes (m, atoms, 3) and (n, atoms, 3)
        Coordinates in nm. ``b=None`` stands for `a` itself and takes half the time.
    atoms : array of int or bool, optional
        The atoms that are superposed and measured; all if None.
    weights : array, shape (atoms,), optional
        A weight (a mass, for example) for every atom of a frame; equal ones if None.

    Returns
    -------
    array of float64, shape (m, n)
        In nm. A pair's value has the same bits whichever of the two comes first, and whatever other
        frames are in the blocks; exactly 0 for equal frames.

    Raises
    ------
    ValueError
        As `rmsd`.

    Notes
    -----
    Every frame is centred once, which takes 24 bytes an atom and frame of working memory.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.rmsd import rmsd_matrix
    >>> frames = np.random.default_rng(1).random((5, 20, 3), dtype=np.float32)
    >>> matrix = rmsd_matrix(frames)
    >>> matrix.shape, bool((matrix == matrix.T).all()), bool((matrix.diagonal() == 0).all())
    ((5, 5), True, True)
    """
    left = as_frames(a, "a")
    right = None if b is None else as_frames(b, "b")
    n_atoms = left.shape[1]
    if right is not None and right.shape[1] != n_atoms:
        raise ValueError(
            f"a has {n_atoms} atoms a frame, b has {right.shape[1]}; give both the same atoms"
        )
    chosen = as_atoms(atoms, n_atoms)
    atom_set = AtomSet(chosen, None if weights is None else as_weights(weights, n_atoms))
    centered_a, spreads_a = _center(left, atom_set, chosen.n, "a")
    centered_b, spreads_b = (
        (centered_a, spreads_a) if right is None else _center(right, atom_set, chosen.n, "b")
    )
    values = np.empty((len(spreads_a), len(spreads_b)))
    work = aligned(lib.gd_rmsd_pairs_size())
    check(
        lib.gd_rmsd_pairs(
            pointer(centered_a),
            pointer(spreads_a),
            len(spreads_a),
            pointer(centered_b),
            pointer(spreads_b),
            len(spreads_b),
            atom_set.struct,
            pointer(work),
            pointer(values),
        )
    )
    return values


def _center(
    frames: NDArray[Any], atom_set: AtomSet, n: int, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_frames, n_atoms, _ = frames.shape
    centered = aligned(n_frames * lib.gd_centered_size(n))
    spreads = np.empty(n_frames)
    where = new_where()
    status = lib.gd_center_frames(
        ffi.from_buffer(frames),
        type_of(frames),
        n_frames,
        n_atoms,
        atom_set.struct,
        pointer(centered),
        pointer(spreads),
        where,
    )
    try:
        check(status, where)
    except FrameError as error:
        raise FrameError(
            error.problem, error.frame, argument="ab".index(name), atom=error.atom
        ) from None
    return centered, spreads


def calculate_rmsd(
    positions1: ArrayLike,
    positions2: ArrayLike,
    masses: ArrayLike | None = None,
    *,
    fit: bool = False,
) -> float:
    """Compute the root-mean-square deviation between two structures, as they stand by default.

    Parameters
    ----------
    positions1, positions2 : array, shape (atoms, 3)
        Coordinates in nm.
    masses : array, shape (atoms,), optional
        Atomic masses for weighting.
    fit : bool
        True: superpose the structures first. As in py-gromos, the default compares them as they
        are; `rmsd` superposes by default.

    Returns
    -------
    float
        In nm.

    Raises
    ------
    ValueError
        Shapes that do not match, masses that are negative or sum to zero, or a coordinate that is
        NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.rmsd import calculate_rmsd
    >>> positions = np.random.default_rng(1).random((100, 3), dtype=np.float32)
    >>> calculate_rmsd(positions, positions)
    0.0
    >>> round(calculate_rmsd(positions, positions + np.float32(0.1), np.ones(100)), 6)
    0.173205
    """
    shapes = np.shape(positions1), np.shape(positions2)
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"Position arrays must have same shape: positions1 has {shapes[0]}, "
            f"positions2 has {shapes[1]}"
        )
    first = as_structure(positions1, "positions1")
    second = as_structure(positions2, "positions2")
    if masses is not None:
        masses = as_weights(masses, len(first), "masses")
    return float(rmsd(first[None], second, weights=masses, fit=fit)[0])
