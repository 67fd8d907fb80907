"""Distances of all pairs of alpha carbons, and torsions of a protein."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import data
import MDAnalysis
import mdtraj
import numpy as np
import xarray as xr
from families import Row
from MDAnalysisTests.datafiles import DCD, PSF
from numpy.typing import NDArray

import gromos_dist as gd

N_FRAMES = 1000
KINDS: Any = ("phi", "psi", "chi1", "chi2", "chi3", "chi4", "chi5")


def in_memory(frames: NDArray[np.float32]) -> xr.Dataset:
    """Return frames of adk as a Dataset that has its names and bonds."""
    named = gd.open_trajectory(DCD, PSF)
    coords = {name: of for name, of in named.coords.items() if "frame" not in of.dims}
    return xr.Dataset({"positions": (("frame", "atom", "xyz"), frames, {"units": "nm"})}, coords)


def rows() -> Iterator[Row]:
    """Yield the rows of this family."""
    frames = data.adk(N_FRAMES)
    ds = in_memory(frames)
    carbons = data.adk_alpha_carbons()
    pairs = np.array(list(combinations(carbons.tolist(), 2)))
    trajectory = mdtraj.Trajectory(frames, mdtraj.load_topology(PSF))
    alpha = frames[:, carbons].copy()

    def of_mdanalysis() -> None:
        for frame in alpha:
            MDAnalysis.lib.distances.self_distance_array(frame, backend="serial")

    def check_distances() -> None:
        theirs = mdtraj.compute_distances(trajectory[:3], pairs, periodic=False)
        ours = gd.distances(ds.isel(frame=slice(0, 3)), pairs)
        np.testing.assert_allclose(ours, theirs, atol=1e-6)

    yield Row(
        f"distances of {len(pairs)} pairs, in memory",
        N_FRAMES,
        lambda: gd.distances(ds, pairs),
        {
            "mdtraj compute_distances (float32)": lambda: mdtraj.compute_distances(
                trajectory, pairs, periodic=False
            ),
            "MDAnalysis self_distance_array": of_mdanalysis,
        },
        "3 (mdtraj)",
        check=check_distances,
    )

    def of_mdtraj() -> list[Any]:
        return [getattr(mdtraj, f"compute_{kind}")(trajectory, periodic=False)[1] for kind in KINDS]

    def check_torsions() -> None:
        ours = gd.torsions(ds, KINDS)
        for kind, theirs in zip(KINDS, of_mdtraj(), strict=True):
            found = ours[kind].values[:, np.isfinite(ours[kind].values).all(axis=0)]
            turned = np.exp(1j * np.radians(found))
            np.testing.assert_allclose(turned, np.exp(1j * theirs), atol=2e-3)

    yield Row(
        "torsions phi, psi, chi1 to chi5 of 214 residues, in memory",
        N_FRAMES,
        lambda: gd.torsions(ds, KINDS),
        {"mdtraj compute_phi, ..., compute_chi5": of_mdtraj},
        "3 (mdtraj)",
        check=check_torsions,
    )
