"""Files that end inside a frame: what ``on_truncated`` of every reader's opener does."""

from __future__ import annotations

import warnings
from typing import Literal, get_args

from gromos_dist.errors import TrajectoryError

OnTruncated = Literal["raise", "drop", "warn"]
"""Refuse the file; leave the frame that is cut out; leave it out and warn."""


def check_on_truncated(on_truncated: OnTruncated) -> None:
    """Raise a ValueError for anything but the three choices."""
    if on_truncated not in get_args(OnTruncated):
        raise ValueError(f"on_truncated: expected 'raise', 'drop' or 'warn', got {on_truncated!r}")


def handle_truncated(
    path: str, on_truncated: OnTruncated, *, n_frames: int, byte: int, expected: int, found: int
) -> str:
    """Do with a file that ends inside a frame what the caller asked for.

    Parameters
    ----------
    path : str
        The file.
    on_truncated : {"raise", "drop", "warn"}
        What to do with it.
    n_frames : int
        Whole frames, so the number of the one that is cut.
    byte, expected, found : int
        Where that begins, how many bytes it needs at least, how many there are.

    Returns
    -------
    str
        What was left out, for the reader's `damage`.

    Raises
    ------
    TrajectoryError
        When asked to raise, or when there is no whole frame.

    Warns
    -----
    UserWarning
        When asked to warn.
    """
    return handle_cut(
        path,
        on_truncated,
        n_frames=n_frames,
        cut=f"the file ends inside frame {n_frames}, which begins at byte {byte}: expected at "
        f"least {expected} bytes of it, found {found}",
    )


def handle_cut(path: str, on_truncated: OnTruncated, *, n_frames: int, cut: str) -> str:
    """Do the same as `handle_truncated`, with the format's own words for the damage, `cut`."""
    if n_frames == 0:
        raise TrajectoryError(f"{path}: {cut}; there is no whole frame")
    if on_truncated == "raise":
        raise TrajectoryError(
            f"{path}: {cut}; on_truncated='drop' or 'warn' reads the {n_frames} before it"
        )
    damage = f"frame {n_frames} left out: {cut}"
    if on_truncated == "warn":
        warnings.warn(f"{path}: {damage}", stacklevel=3)
    return damage
