"""Making molecules whole that the periodic box has broken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.kernels.arrays import as_frames, pointer, type_of


def make_whole(
    positions: ArrayLike, box: ArrayLike, links: ArrayLike, points: ArrayLike | None = None
) -> NDArray[Any]:
    """Move atoms by box vectors so that bonded ones lie next to each other.

    Parameters
    ----------
    positions : array of float32 or float64, shape (frames, atoms, 3)
        Coordinates in nm; not changed.
    box : array, shape (frames, 3, 3)
        Rows are the box vectors, in nm; frames with NaN or zeros have no box and stay as they are.
    links : array of int, shape (n, 2)
        An atom and one bonded to it that is in place already; atoms follow their partners in this
        order. Molecules stay where their first atoms are. Instead of the partner, -1 - k is
        point k.
    points : array, shape (frames, points, 3), optional
        Points of each frame that atoms are brought next to, in nm.

    Returns
    -------
    array of the dtype of `positions`, shape (frames, atoms, 3)
        In nm. Right while bonds are shorter than half the shortest lattice vector, in any box.

    Raises
    ------
    ValueError
        Shapes that do not match, or a link to an atom that is not there.
    FrameError
        A box whose vectors lie in a plane, or a linked atom whose coordinates are NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels import make_whole
    >>> broken = np.array([[[0.1, 0.0, 0.0], [2.9, 0.0, 0.0]]])
    >>> make_whole(broken, 3.0 * np.eye(3)[None], [[1, 0]]).round(9)
    array([[[ 0.1,  0. ,  0. ],
            [-0.1,  0. ,  0. ]]])
    """
    whole = as_frames(positions).copy()
    n_frames, n_atoms, _ = whole.shape
    boxes = np.require(box, dtype=np.float64, requirements=("C", "A"))
    if boxes.shape != (n_frames, 3, 3):
        raise ValueError(f"box: expected shape ({n_frames}, 3, 3), got {boxes.shape}")
    pairs = np.require(links, dtype=np.int64, requirements=("C", "A"))
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"links: expected shape (n, 2), got {pairs.shape}")
    near = np.zeros((n_frames, 0, 3)) if points is None else points
    near = np.require(near, dtype=np.float64, requirements=("C", "A"))
    if near.ndim != 3 or near.shape[::2] != (n_frames, 3):
        raise ValueError(f"points: expected shape ({n_frames}, points, 3), got {near.shape}")
    if len(pairs) and not (
        pairs[:, 0].min() >= 0 and pairs[:, 1].min() >= -near.shape[1] and pairs.max() < n_atoms
    ):
        raise ValueError(
            f"links: expected atoms 0 to {n_atoms - 1}, got {pairs.min()} to {pairs.max()}"
        )
    where = new_where()
    check(
        lib.gd_make_whole(
            ffi.from_buffer(whole),
            type_of(whole),
            n_frames,
            n_atoms,
            pointer(boxes),
            pointer(pairs, "int64_t *"),
            len(pairs),
            pointer(near),
            near.shape[1],
            where,
        ),
        where,
    )
    return whole
