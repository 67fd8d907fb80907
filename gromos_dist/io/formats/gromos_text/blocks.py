"""The blocks of GROMOS text as the C core finds and parses them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib

STORED = ("positions", "velocities", "forces", "box", "constraint_forces")
BLOCK_NAMES = {
    lib.GD_GROMOS_POSITIONS: "POSITION",
    lib.GD_GROMOS_VELOCITIES: "VELOCITY",
    lib.GD_GROMOS_FORCES: "FREEFORCE",
    lib.GD_GROMOS_BOX: "GENBOX",
    lib.GD_GROMOS_CONSTRAINT_FORCES: "CONSFORCE",
    lib.GD_GROMOS_TIMESTEP: "TIMESTEP",
}
BOX_SHAPES = {0: "vacuum", 1: "rectangular", 2: "triclinic", -1: "truncated octahedron"}
UNREAD_BOX = 99

BLOCK = np.dtype(
    [
        ("byte", "<i8"),
        ("size", "<i8"),
        ("line", "<i8"),
        ("first", "<i4"),
        ("line_size", "<i4"),
        ("comment_size", "<i4"),
        ("labelled", "<i4"),
    ]
)
FRAME = np.dtype(
    [
        ("byte", "<i8"),
        ("line", "<i8"),
        ("step", "<i8"),
        ("time", "<f8"),
        ("fields", "<i8"),
        ("blocks", BLOCK, (len(STORED),)),
    ]
)

# Text is read and parsed in pieces that stay in the processor's cache.
PIECE = 1 << 20


class Text(NamedTuple):
    """A stretch of the stream, and where in it that begins."""

    data: NDArray[np.uint8]
    origin: int


class Selection(NamedTuple):
    """Atoms wanted, never falling, and the row of the result for each."""

    atoms: NDArray[np.int64]
    rows: NDArray[np.int64]


def line_at(text: NDArray[np.uint8], begin: int) -> str:
    """Return the line that begins there, for a message."""
    return bytes(text[begin : begin + 80]).split(b"\n", 1)[0].decode("ascii", "replace").rstrip()


def parse_vectors(
    text: Text,
    blocks: NDArray[Any],
    n_atoms: int,
    selection: Selection | None,
    *,
    out: NDArray[Any],
    where: Any,
) -> int:
    """Parse the vectors of the atoms of some blocks into ``out``; return the C core's status."""
    wanted = rows = ffi.NULL
    if selection is not None:
        wanted, rows = (ffi.from_buffer("int64_t[]", array) for array in selection)
    return int(
        lib.gd_gromos_vectors(
            ffi.from_buffer("char[]", text.data),
            len(text.data),
            text.origin,
            len(blocks),
            ffi.from_buffer("struct gd_gromos_block[]", blocks),
            n_atoms,
            out.shape[1],
            wanted,
            rows,
            out.dtype == np.float64,
            ffi.from_buffer("char[]", out.reshape(-1).view(np.uint8), require_writable=True),
            where,
        )
    )


def parse_boxes(
    text: Text,
    blocks: NDArray[Any],
    kinds: NDArray[np.int32],
    out: NDArray[np.float64],
    where: Any,
) -> int:
    """Parse the box of some blocks, its type and its vectors; return the C core's status."""
    return int(
        lib.gd_gromos_boxes(
            ffi.from_buffer("char[]", text.data),
            len(text.data),
            text.origin,
            len(blocks),
            ffi.from_buffer("struct gd_gromos_block[]", blocks),
            ffi.from_buffer("int32_t[]", kinds, require_writable=True),
            ffi.from_buffer("double[]", out, require_writable=True),
            where,
        )
    )
