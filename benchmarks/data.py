"""Trajectories in memory: real structures, made long, and kept in benchmarks/.cache."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
from MDAnalysis.lib.mdamath import triclinic_vectors
from MDAnalysisTests.datafiles import DCD, GRO, PSF
from numpy.typing import NDArray

CACHE = Path(__file__).parent / ".cache"


def rotations(n: int, rng: np.random.Generator, largest: float) -> NDArray[np.float64]:
    """Return n rotation matrices about random axes, by angles up to `largest` (radians)."""
    axes = rng.normal(size=(n, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = rng.uniform(0, largest, n)[:, None, None]
    cross = np.zeros((n, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[:, j, k], cross[:, k, j] = -axes[:, i], axes[:, i]
    # Rodrigues' formula.
    return np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * (cross @ cross)


def lengthen(frames: NDArray[np.float32], n_frames: int, seed: int = 1) -> NDArray[np.float32]:
    """Return the given frames (nm) over and over, each turned a little, with noise of 0.005 nm."""
    rng = np.random.default_rng(seed)
    turns = rotations(n_frames, rng, 0.3).astype(np.float32)
    long = np.empty((n_frames, *frames.shape[1:]), np.float32)
    for i, turn in enumerate(turns):
        noise = rng.standard_normal(frames.shape[1:], dtype=np.float32)
        noise *= np.float32(0.005)
        long[i] = frames[i % len(frames)] @ turn.T + noise
    return long


def _cached(name: str, frames: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"{name}_{n_frames}.npy"
    if not path.exists():
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.save(file, lengthen(frames, n_frames))
        beside.rename(path)
    return np.load(path)


def adk(n_frames: int = 20000) -> NDArray[np.float32]:
    """Return adenylate kinase, 3341 atoms, from MDAnalysisTests' PSF and DCD (nm)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(PSF, DCD)
        frames = np.array([step.positions for step in universe.trajectory]) / np.float32(10)
    return _cached("adk", frames, n_frames)


def adk_alpha_carbons() -> NDArray[np.int64]:
    """Return which of adk's atoms are the 214 alpha carbons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MDAnalysis.Universe(PSF, DCD).select_atoms("name CA").indices.astype(np.int64)


def solvated(n_frames: int = 500) -> NDArray[np.float32]:
    """Return adenylate kinase in water, 47681 atoms, from MDAnalysisTests' GRO (nm)."""
    frame = MDAnalysis.Universe(GRO).atoms.positions / np.float32(10)
    return _cached("solvated", frame[None], n_frames)


def _write_dcd(path: Path, frames: NDArray[np.float32], *, cell: bool) -> None:
    """Write frames (Å) in NAMD's flavour."""
    n_frames, n_atoms, _ = frames.shape
    time_step = struct.unpack("<i", struct.pack("<f", 20.454828))[0]
    control = [n_frames, 0, 1, n_frames, 0, 0, 0, 0, 0, time_step, int(cell), *[0] * 8, 24]
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(struct.pack("<i4s20ii", 84, b"CORD", *control, 84))
        file.write(struct.pack("<ii80si", 84, 1, b"benchmark".ljust(80), 84))
        file.write(struct.pack("<iii", 4, n_atoms, 4))
        marker = struct.pack("<i", 4 * n_atoms)
        for frame in frames:
            if cell:
                file.write(struct.pack("<i6di", 48, 80.0, 0.0, 80.0, 0.0, 0.0, 80.0, 48))
            for plane in frame.T:
                file.write(marker + plane.tobytes() + marker)
    beside.rename(path)


def _dcd(name: str, frames: NDArray[np.float32], *, cell: bool) -> Path:
    path = CACHE / f"{name}.dcd"
    if not path.exists():
        _write_dcd(path, frames * np.float32(10), cell=cell)
    return path


def adk_dcd() -> Path:
    """Return a DCD of `adk`, 0.8 GB, without cell."""
    return _dcd("adk", adk(), cell=False)


def solvated_dcd() -> Path:
    """Return a DCD of `solvated`, 0.3 GB, with cell."""
    return _dcd("solvated", solvated(), cell=True)


def _written(name: str, frames: NDArray[np.float32], **fields: NDArray[np.float32]) -> Path:
    """Write frames with our own writer of the suffix."""
    from gromos_dist.io.writer import open_writer

    path = CACHE / name
    if not path.exists():
        size = max(1, 200_000_000 // frames[0].nbytes)
        with open_writer(path) as writer:
            for first in range(0, len(frames), size):
                part = slice(first, first + size)
                block: dict[str, NDArray[Any]] = {"positions": frames[part]}
                block |= {field: values[part] for field, values in fields.items()}
                block["step"] = np.arange(first, first + len(frames[part]))
                block["time"] = block["step"] * 2.0
                writer.write(block)
    return path


def adk_xtc() -> Path:
    """Return an XTC of 5000 frames of `adk`."""
    return _written("adk.xtc", adk()[:5000])


def solvated_xtc() -> Path:
    """Return an XTC of 300 frames of `solvated`."""
    return _written("solvated.xtc", solvated()[:300])


def solvated_xtc_with_box() -> Path:
    """Return an XTC of 300 frames of `solvated`, in the GRO's box."""
    vectors = triclinic_vectors(MDAnalysis.Universe(GRO).dimensions) / np.float32(10)
    frames = solvated()[:300]
    boxes = np.repeat(vectors[None], len(frames), axis=0)
    return _written("solvated_with_box.xtc", frames, box=boxes)


def solvated_trr() -> Path:
    """Return a TRR of 200 frames of `solvated`, with velocities."""
    return _written("solvated.trr", solvated()[:200], velocities=solvated()[200:400])


def solvated_text(suffix: str) -> Path:
    """Return a GROMOS ``.trc`` or ``.trc.gz`` of 100 frames of `solvated`, 225 MB of text."""
    return _written(f"solvated_100{suffix}", solvated()[:100])
