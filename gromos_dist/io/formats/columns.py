"""Numbers in columns of fixed width, written and read by the C core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist._core import ffi, lib
from gromos_dist.errors import check, new_where
from gromos_dist.io.read_arguments import type_of

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """Where the numbers of a frame stand in its text: ``struct gd_columns`` of the C core."""

    first: int
    row_size: int
    width: int
    decimals: int
    gap: int = 0
    n: int = 3
    power: int | None = None
    """What is written is the number times 10 to this less the decimals; None: the number."""

    def struct(self, *, parse: bool = False) -> Any:
        """Return it as the C core takes it."""
        power = self.decimals if self.power is None else self.power
        return ffi.new(
            "struct gd_columns *",
            {
                "first": self.first,
                "row_size": self.row_size,
                "gap": self.gap,
                "n": self.n,
                "width": self.width,
                "decimals": self.decimals,
                "power": power - self.decimals if parse else power,
            },
        )


class ColumnsError(ValueError):
    """A number that does not fit into its columns, or is none.

    Parameters
    ----------
    frame, row : int
        Where, of the arrays that were given.
    problem : str
        What is wrong.
    """

    def __init__(self, frame: int, row: int, problem: str) -> None:
        super().__init__(problem)
        self.frame = frame
        self.row = row
        self.problem = problem


def format_columns(
    values: NDArray[Any], columns: Columns, starts: Integers, text: NDArray[np.uint8]
) -> None:
    """Write numbers, shape (frames, rows, n), into text that is there.

    Each comes out as C's printf writes it: rounded once, halves to even.

    Parameters
    ----------
    values : array of float32 or float64
    columns : Columns
    starts : (frames,) int64 array
        Where in `text` each frame begins.
    text : array of uint8
        Changed in place.

    Raises
    ------
    ColumnsError
        A number is not finite, or too large for its columns.
    """
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    values = np.ascontiguousarray(values)
    n_frames, n_rows, _ = values.shape
    where = new_where()
    status = lib.gd_columns_format(
        ffi.from_buffer(values),
        type_of(values),
        n_frames,
        n_rows,
        columns.struct(),
        ffi.from_buffer("int64_t[]", starts),
        ffi.from_buffer("char[]", text, require_writable=True),
        len(text),
        where,
    )
    if status in (lib.GD_NOT_FINITE, lib.GD_UNSUPPORTED):
        found = values[where.frame, where.atom].tolist()
        problem = (
            f"{found} is not finite"
            if status == lib.GD_NOT_FINITE
            else f"{found} does not fit into columns of {columns.width} characters with "
            f"{columns.decimals} decimals"
        )
        raise ColumnsError(where.frame, where.atom, problem)
    check(status, where)


def parse_columns(
    text: NDArray[np.uint8],
    columns: Columns,
    starts: Integers,
    rows: Integers | None,
    out: NDArray[Any],
) -> None:
    """Read numbers into `out`, shape (frames, rows wanted, n), float32 or float64.

    Raises
    ------
    ColumnsError
        There is no number, or no finite one.
    """
    where = new_where()
    status = lib.gd_columns_parse(
        ffi.from_buffer("char[]", text),
        len(text),
        columns.struct(parse=True),
        len(starts),
        ffi.from_buffer("int64_t[]", starts),
        out.shape[1],
        ffi.NULL if rows is None else ffi.from_buffer("int64_t[]", rows),
        type_of(out),
        ffi.from_buffer(out, require_writable=True),
        where,
    )
    if status in (lib.GD_NOT_FINITE, lib.GD_CORRUPT, lib.GD_TRUNCATED):
        size = columns.n * columns.width
        place = columns.first + where.atom * columns.row_size + where.atom // 10 * columns.gap
        begin = int(starts[where.frame]) + place
        found = bytes(text[begin : begin + size]).decode("latin-1")
        raise ColumnsError(
            where.frame,
            where.atom,
            f"expected {columns.n} numbers in columns of {columns.width} characters, "
            f"found {found!r}",
        )
    check(status, where)
