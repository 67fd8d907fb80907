"""Fluctuations and shapes of adenylate kinase in memory."""

from __future__ import annotations

from data import adk, adk_alpha_carbons

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import MDAnalysis
import mdtraj
import numpy as np
from families import Row
from MDAnalysis.analysis import rms
from MDAnalysisTests.datafiles import DCD, PSF

import gromos_dist as gd

_FEW = 1000
"""Frames that MDAnalysis does."""


def rows(n_frames: int = 20000) -> Iterator[Row]:
    """Yield the rows; fewer frames are for a try."""
    frames = adk()[:n_frames]
    known = gd.open_trajectory(DCD, PSF, stop=1)
    ds = known.isel(frame=np.zeros(n_frames, int)).compute()
    ds = ds.drop_vars(["time", "step"], errors="ignore").assign(
        positions=(("frame", "atom", "xyz"), frames, known.positions.attrs)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trajectory = mdtraj.Trajectory(frames, mdtraj.load_psf(str(Path(PSF))))
        centered = mdtraj.Trajectory(frames.copy(), trajectory.topology)
        centered.center_coordinates()
        few = MDAnalysis.Universe(PSF, frames[:_FEW] * np.float32(10))
    masses = ds.mass.values

    yield Row(
        "RMSF of 3341 atoms, fit to a frame",
        n_frames,
        lambda: gd.rmsf(ds, reference=0),
        {
            "mdtraj.rmsf, precentered": lambda: _mdtraj_rmsf(centered, True),
            "mdtraj.rmsf": lambda: _mdtraj_rmsf(trajectory, False),
            "MDAnalysis RMSF, no fit": lambda: rms.RMSF(few.atoms).run(),
        },
        "3 x mdtraj",
        {"MDAnalysis RMSF, no fit": min(_FEW, n_frames)},
        lambda: np.testing.assert_allclose(
            gd.rmsf(ds, reference=0), _mdtraj_rmsf(centered, True), rtol=0, atol=1e-4
        ),
    )
    alpha_carbons = adk_alpha_carbons()
    yield Row(
        "RMSF of 214 alpha carbons, fit to a frame",
        n_frames,
        lambda: gd.rmsf(ds, atoms=alpha_carbons, reference=0),
        {
            "mdtraj.rmsf": lambda: mdtraj.rmsf(
                trajectory, trajectory, 0, atom_indices=alpha_carbons, parallel=False
            )
        },
        "",
    )
    yield Row(
        "RMSF of 3341 atoms, fit to the average, all rounds",
        n_frames,
        lambda: gd.rmsf(ds),
        {"mdtraj.rmsf, precentered, one pass": lambda: _mdtraj_rmsf(centered, True)},
        "",
    )
    yield Row(
        "radius of gyration, 3341 atoms",
        n_frames,
        lambda: gd.radius_of_gyration(ds),
        {"mdtraj.compute_rg": lambda: mdtraj.compute_rg(trajectory, masses)},
        "2 x cpptraj, which is not here: 50k frames/s on a Zen 4",
    )
    yield Row(
        "shape descriptors, 3341 atoms",
        n_frames,
        lambda: gd.shape_descriptors(ds),
        {"mdtraj.asphericity": lambda: mdtraj.asphericity(trajectory[:_FEW])},
        "",
        {"mdtraj.asphericity": min(_FEW, n_frames)},
    )
    yield Row(
        "dipole moment, 3341 atoms",
        n_frames,
        lambda: gd.dipole_moment(ds, center="mass"),
        {"mdtraj.dipole_moments": lambda: mdtraj.dipole_moments(trajectory, ds.charge.values)},
        "",
    )


def _mdtraj_rmsf(trajectory: Any, precentered: bool) -> Any:
    return mdtraj.rmsf(trajectory, trajectory, 0, parallel=False, precentered=precentered)
