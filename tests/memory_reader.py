"""A Reader of frames that are in memory, which notes what was read of it.

With a file to note it in, so do readers in other processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gromos_dist.io.source import Source

READ: list[tuple[str, range, int]] = []


@dataclass(frozen=True)
class MemoryReader:
    path: str
    seed: int
    n_frames: int
    n_atoms: int
    fields: tuple[str, ...] = ("positions", "box", "time", "step")
    single_precision: tuple[str, ...] = ()
    preferred_step: int = 1
    damage: str = ""
    notes: str = ""

    def frames(self) -> dict[str, NDArray[Any]]:
        random = np.random.default_rng(self.seed)
        return {
            "positions": random.normal(size=(self.n_frames, self.n_atoms, 3)),
            "box": np.broadcast_to(np.eye(3) * self.seed, (self.n_frames, 3, 3)),
            "time": np.arange(self.n_frames) * 2.0,
            "step": np.arange(self.n_frames) * 10,
        }

    def read(
        self, frames: range, out: Mapping[str, NDArray[Any]], atoms: NDArray[np.int64] | None = None
    ) -> None:
        if self.notes:
            with Path(self.notes).open("a") as file:
                file.write(f"{self.path},{frames.start},{frames.stop},{frames.step}\n")
        whole = self.frames()
        for name, buffer in out.items():
            values = whole[name][frames.start : frames.stop : frames.step]
            if name == "positions" and atoms is not None:
                values = values[:, atoms]
            buffer[...] = values
            READ.append((self.path, frames, buffer[0].size if len(buffer) else 0))


def memory_source(*n_frames: int, n_atoms: int = 5, notes: str = "") -> Source:
    readers = tuple(
        MemoryReader(f"file {i}", i, n, n_atoms, notes=notes) for i, n in enumerate(n_frames)
    )
    tokens = tuple(reader.path for reader in readers)
    return Source(readers, tuple(range(n) for n in n_frames), tokens)
