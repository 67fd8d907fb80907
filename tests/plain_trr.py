"""TRR in plain Python, written and read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

VECTORS = ("positions", "velocities", "forces")


def trr_frame(
    vectors: dict[str, Any],
    step: int = 0,
    when: float = 0.0,
    coupling: float = 0.0,
    box: Any = None,
    *,
    double: bool = False,
    virial: bool = False,
) -> bytes:
    """A frame in plain Python."""
    real, size = (">f8", 8) if double else (">f4", 4)
    n_atoms = len(next(iter(vectors.values())))
    sizes = [0, 0, 0 if box is None else 9 * size, 9 * size * virial, 9 * size * virial, 0, 0]
    sizes += [3 * n_atoms * size if name in vectors else 0 for name in VECTORS]
    head = struct.pack(">3i12s", 1993, 13, 12, b"GMX_trn_file")
    head += struct.pack(">13i", *sizes, n_atoms, step, 0)
    head += np.array([when, coupling], real).tobytes()
    blocks = [] if box is None else [box]
    blocks += [np.full((3, 3), 5.0)] * 2 * virial
    blocks += [vectors[name] for name in VECTORS if name in vectors]
    return head + b"".join(np.asarray(block).astype(real).tobytes() for block in blocks)


def frames(content: bytes) -> Iterator[dict[str, Any]]:
    at = 0
    while at < len(content):
        assert struct.unpack_from(">3i12s", content, at) == (1993, 13, 12, b"GMX_trn_file")
        sizes = struct.unpack_from(">10i", content, at + 24)
        n_atoms, step = struct.unpack_from(">2i", content, at + 64)
        vectors = dict(zip(VECTORS, sizes[7:], strict=True))
        largest = max(vectors.values())
        real = sizes[2] // 9 if sizes[2] else largest // (3 * n_atoms)
        kind = {4: ">f4", 8: ">f8"}[real]
        at += 76 + 2 * real + sum(sizes[:7])
        frame: dict[str, Any] = {"step": step}
        for name, size in vectors.items():
            if size:
                assert size == 3 * n_atoms * real
                numbers = np.frombuffer(content, kind, 3 * n_atoms, at)
                frame[name] = numbers.astype(float).reshape(-1, 3)
                at += size
        yield frame
