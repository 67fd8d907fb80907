"""Atoms chosen by distance in every frame."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import MDAnalysis
import numpy as np
from data import solvated
from families import Row
from MDAnalysis.coordinates.memory import MemoryReader
from MDAnalysisTests.datafiles import GRO

import gromos_dist as gd

N_FRAMES = 20


def rows() -> Iterator[Row]:
    """Return what is timed: water near a protein, and a ligand's neighbours among all atoms."""
    positions = solvated()[:N_FRAMES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(GRO)
        dimensions = np.tile(universe.dimensions, (N_FRAMES, 1))
        universe.load_new(positions * np.float32(10), format=MemoryReader, dimensions=dimensions)
    one = gd.open_trajectory(GRO, GRO).compute()
    ds = one.isel(frame=np.zeros(N_FRAMES, int)).drop_vars(["time", "step"], errors="ignore")
    ds = ds.assign(positions=ds.positions.copy(data=positions))
    for work, ours, theirs in (
        (
            "water within 0.5 nm of a protein",
            "name OW and around 0.5 of protein",
            "name OW and around 5 protein",
        ),
        (
            "residues within 0.5 nm of one",
            "byres around 0.5 of resid 100",
            "byres around 5 resid 100",
        ),
    ):

        def count(expression: str = ours) -> np.ndarray:
            return gd.n_atoms(ds, atoms=expression).values

        def select(expression: str = theirs) -> np.ndarray:
            chosen = universe.select_atoms(expression, updating=True)
            return np.array([len(chosen) for _ in universe.trajectory])

        def check(ours: object = count, theirs: object = select) -> None:
            np.testing.assert_allclose(ours(), theirs(), atol=1)  # type: ignore[operator]

        yield Row(
            f"{work}, in {ds.sizes['atom']} atoms",
            N_FRAMES,
            count,
            {f"MDAnalysis {MDAnalysis.__version__}": select},
            "1x MDAnalysis",
            check=check,
        )
