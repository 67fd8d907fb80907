"""Constraints: distances between atoms that a step in time must not change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import as_structure, as_weights, pointer


class Constraints(NamedTuple):
    """Constrained distances of molecules that are alike and follow one another."""

    first: int
    """The atom that the first molecule begins with."""
    n_molecules: int
    n_atoms: int
    """Of each molecule."""
    pairs: NDArray[np.int32]
    """Atoms of the molecule, from 0, shape (constraints, 2)."""
    lengths: NDArray[np.float64]
    """nm, shape (constraints,)."""

    @property
    def n_constraints(self) -> int:
        """How many distances are constrained, of all molecules."""
        return self.n_molecules * len(self.lengths)

    def check(self) -> None:
        """Raise a ValueError when these are not constraints of molecules."""
        pairs, lengths = np.asarray(self.pairs), np.asarray(self.lengths)
        if lengths.ndim != 1 or pairs.shape != (len(lengths), 2):
            raise ValueError(
                f"constraints: expected pairs (n, 2) and lengths (n,), got {pairs.shape} and "
                f"{lengths.shape}"
            )
        if not (np.isfinite(lengths).all() and (lengths > 0.0).all()):
            raise ValueError("constraints: expected lengths above 0")
        if pairs.size and not (
            pairs.min() >= 0 and pairs.max() < self.n_atoms and (pairs[:, 0] != pairs[:, 1]).all()
        ):
            raise ValueError(
                f"constraints: expected pairs of different atoms from 0 to {self.n_atoms - 1}"
            )


def shake(
    positions: NDArray[np.float64],
    before: ArrayLike,
    constraints: Constraints,
    *,
    inverse_masses: ArrayLike,
    box: ArrayLike | None = None,
    tolerance: float = 1e-4,
    max_rounds: int = 1000,
) -> None:
    """Move atoms so that constrained distances are what they should be.

    Parameters
    ----------
    positions : float64 array, shape (atoms, 3)
        After a step without constraints (nm); changed in place.
    before : array, shape (atoms, 3)
        Before the step (nm), where the constraints held. Atoms are moved along their constraints'
        directions then, so that linear and angular momentum do not change.
    constraints : Constraints
        The distances.
    inverse_masses : array, shape (atoms,)
        u-1.
    box : array, shape (3, 3), optional
        Rows are the box vectors (nm): nearest images are taken.
    tolerance : float
        Largest relative error of a length.
    max_rounds : int
        How many times all constraints of a molecule are gone through, at most.

    Raises
    ------
    ConstraintError
        The constraints cannot be met, or numbers are not finite; `positions` hold nothing of use.
    ValueError
        Arrays that do not belong together.

    Notes
    -----
    SHAKE [1]_: one constraint after the other, in their order, in double precision.

    References
    ----------
    .. [1] J.-P. Ryckaert, G. Ciccotti and H. J. C. Berendsen, J. Comput. Phys. 23 (1977) 327.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import Constraints, shake
    >>> before = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
    >>> positions = np.array([[0.0, 0.0, 0.0], [0.12, 0.03, 0.0]])
    >>> bond = Constraints(0, 1, 2, np.array([[0, 1]]), np.array([0.1]))
    >>> shake(positions, before, bond, inverse_masses=[1.0, 1.0], tolerance=1e-12)
    >>> round(float(np.linalg.norm(positions[1] - positions[0])), 9)
    0.1
    >>> positions.sum(axis=0).round(9).tolist()
    [0.12, 0.03, 0.0]
    """
    then = as_structure(before, "before")
    if positions.shape != then.shape or positions.dtype != np.float64 or not positions.flags.carray:
        raise ValueError(
            f"positions: expected a writeable C-contiguous float64 array of shape {then.shape}, "
            f"got {positions.dtype} {positions.shape}"
        )
    if not tolerance > 0.0 or max_rounds < 1:
        raise ValueError(
            f"expected a tolerance above 0 and at least 1 round, got {tolerance} and {max_rounds}"
        )
    constraints.check()
    weights = as_weights(inverse_masses, len(positions), "inverse_masses")
    vectors = None if box is None else np.require(box, np.float64, ("C", "A"))
    if vectors is not None and vectors.shape != (3, 3):
        raise ValueError(f"box: expected shape (3, 3), got {vectors.shape}")
    pairs = np.require(constraints.pairs, np.int32, ("C", "A"))
    lengths = np.require(constraints.lengths, np.float64, ("C", "A"))
    argument = ffi.new("struct gd_constraints *")
    argument.first = constraints.first
    argument.n_copies = constraints.n_molecules
    argument.n_atoms = constraints.n_atoms
    argument.n = len(lengths)
    kept = pointer(pairs, "int32_t *"), pointer(lengths)
    argument.pairs, argument.lengths = kept
    argument.tolerance, argument.max_rounds = tolerance, max_rounds
    where = new_where()
    check(
        lib.gd_shake(
            pointer(positions),
            pointer(then),
            len(positions),
            pointer(vectors),
            pointer(weights),
            argument,
            where,
        ),
        where,
    )
    del kept
