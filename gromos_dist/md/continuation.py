"""What decides how a simulation goes on, and is in no array of its state."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.variables import VARIABLES

Floats = NDArray[np.float64]

_NUMBERS: Final[Mapping[str, Mapping[str, str]]] = {
    "com_is_fixed": {"long_name": "whether the centre of mass has no motion"},
    "origin_step": {"long_name": "step that time is counted from"},
    "origin_time": {"long_name": "time that time is counted from", "units": "ps"},
    "list_step": {"long_name": "step of the pair list"},
    "checksum": {"long_name": "CRC-32 of the positions, velocities and box that this belongs to"},
}
_LIST_POSITIONS: Final = {**VARIABLES["positions"].attrs, "long_name": "position in the pair list"}


@dataclass(frozen=True, eq=False)
class Continuation:
    """What the next step of a simulation needs beside what a `State` shows."""

    positions: Floats
    """In double precision (nm), also where the state shows them rounded."""
    velocities: Floats
    """In double precision (nm ps-1)."""
    com_is_fixed: bool
    """Whether the motion of the centre of mass was removed: degrees of freedom depend on it."""
    origin_step: int
    """Times are no sums: they are counted from this step."""
    origin_time: float
    """ps"""
    list_step: int
    """Of `list_positions`."""
    list_positions: Floats | None
    """Where the pairs were looked for (nm); None where every step looks for its own."""
    checksum: int
    """Of what it belongs to; see `checksum_of`."""

    def variables(self) -> dict[str, xr.Variable]:
        """Return it, but for positions and velocities, as variables of a Dataset of one frame."""
        found = {
            name: xr.Variable("frame", [getattr(self, name)], attrs)
            for name, attrs in _NUMBERS.items()
        }
        if self.list_positions is not None:
            found["list_positions"] = xr.Variable(
                VARIABLES["positions"].dims, self.list_positions[None].copy(), _LIST_POSITIONS
            )
        return found

    @staticmethod
    def of_frame(frame: xr.Dataset) -> Continuation | None:
        """Return what `variables` made, from a frame; None where there is nothing of it."""
        if not {*_NUMBERS, "positions", "velocities"} <= set(frame):
            return None
        vectors = {
            name: np.array(frame[name].transpose("atom", "xyz").values, np.float64, order="C")
            for name in ("positions", "velocities", "list_positions")
            if name in frame
        }
        numbers: dict[str, Any] = {name: frame[name].values.item() for name in _NUMBERS}
        return Continuation(**{"list_positions": None, **vectors, **numbers})


def checksum_of(positions: Floats, velocities: Floats, box: Floats | None) -> int:
    """Return the CRC-32 of a configuration."""
    found = 0
    for array in (positions, velocities, np.empty(0) if box is None else box):
        found = zlib.crc32(np.asarray(array, np.float64).tobytes(), found)
    return found
