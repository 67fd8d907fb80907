"""How blocks of frames are cut, so that some frames can be read without the others."""

from __future__ import annotations

_BYTES_OF_A_CHUNK = 1024 * 1024


def frames_of_a_chunk(frames: int, frame_bytes: int) -> int:
    """Return into how many frames to cut a block of `frames`: a divisor, for about 1 MiB.

    Examples
    --------
    >>> frames_of_a_chunk(100, 100_000)
    10
    """
    most = max(1, min(frames, _BYTES_OF_A_CHUNK // max(1, frame_bytes)))
    return next(size for size in range(most, 0, -1) if frames % size == 0)
