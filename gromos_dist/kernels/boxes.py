"""Boxes: what the kernels want of them, and the lattice of a truncated octahedron."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def as_boxes(box: ArrayLike | None, n_frames: int) -> Floats | None:
    """Return box vectors as the kernels read them; None when there is no box at all."""
    if box is None:
        return None
    boxes = np.require(box, dtype=np.float64, requirements=("C", "A"))
    if boxes.shape != (n_frames, 3, 3):
        raise ValueError(f"box: expected shape ({n_frames}, 3, 3), got {boxes.shape}")
    return boxes


def without_box(boxes: Floats) -> NDArray[np.bool_]:
    """Say of every frame whether it has no box (NaN or zeros)."""
    elements = boxes.reshape(len(boxes), 9)
    missing: NDArray[np.bool_] = ~np.isfinite(elements.sum(axis=1)) | ~elements.any(axis=1)
    return missing


def volumes(boxes: Floats) -> Floats:
    """Return the volumes of boxes, shape (frames,), in nm3."""
    first, second, third = boxes[:, 0], boxes[:, 1], boxes[:, 2]
    found: Floats = abs((first * np.cross(second, third)).sum(axis=1))
    return found


def described(box: Floats) -> str:
    """Return the lengths of box vectors, and the angles between them unless these are right."""
    lengths = np.linalg.norm(box, axis=1)
    text = " x ".join(f"{length:.6g}" for length in lengths) + " nm"
    cosines = (box / lengths[:, None]) @ (box / lengths[:, None]).T
    angles = np.degrees(np.arccos(np.clip(cosines[[1, 0, 0], [2, 2, 1]], -1.0, 1.0)))
    if (abs(angles - 90.0) < 1e-5).all():
        return text
    return f"{text}, angles {', '.join(f'{angle:.6g}' for angle in angles)} degrees"


def octahedron_vectors(cube: ArrayLike) -> Floats:
    """Return lattice vectors of truncated octahedra that are cut from cubes.

    GROMOS stores the edges of the cube. The octahedra, half as large, fill space on a
    body-centred lattice: its vectors lead to the cube's corners from its centre.

    Parameters
    ----------
    cube : array, shape (..., 3, 3)
        Edges of the cube along x, y and z, in nm.

    Returns
    -------
    array of float64, shape (..., 3, 3)
        Rows are box vectors as the kernels take them, in nm.

    Raises
    ------
    ValueError
        The vectors are not the edges of a cube along x, y and z.

    Examples
    --------
    >>> import numpy as np
    >>> from gromos_dist.kernels.boxes import octahedron_vectors
    >>> octahedron_vectors(4.0 * np.eye(3))
    array([[-2.,  2.,  2.],
           [ 2., -2.,  2.],
           [ 2.,  2., -2.]])
    """
    edges = np.asarray(cube, dtype=np.float64)
    if edges.shape[-2:] != (3, 3):
        raise ValueError(f"cube: expected shape (..., 3, 3), got {edges.shape}")
    length = edges[..., :1, :1]
    # Equal to the digits of a file; a frame without a box (NaN) stays one.
    if (abs(edges - length * np.eye(3)) > 1e-6 * abs(length)).any():
        raise ValueError(
            "cube: a truncated octahedron is cut from a cube: three equal edges along x, y and z"
        )
    return 0.5 * length * (np.ones((3, 3)) - 2.0 * np.eye(3))


@overload
def lattice_vectors(box: None, octahedra: bool) -> None: ...
@overload
def lattice_vectors(box: NDArray[Any], octahedra: bool) -> NDArray[Any]: ...
@overload
def lattice_vectors(box: NDArray[Any] | None, octahedra: bool) -> NDArray[Any] | None: ...
def lattice_vectors(box: NDArray[Any] | None, octahedra: bool) -> NDArray[Any] | None:
    """Return boxes (nm) as kernels take them: lattice vectors, also of truncated octahedra.

    Parameters
    ----------
    box : array, shape (..., 3, 3), optional
        Box vectors as a trajectory has them; None: there is no box.
    octahedra : bool
        Whether they are the cubes that truncated octahedra are cut from (`octahedron_vectors`);
        other boxes are returned as they are.
    """
    return octahedron_vectors(box) if octahedra and box is not None else box
