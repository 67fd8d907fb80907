"""Contacts of residues, and distances of alpha carbons: of adenylate kinase in memory."""

from __future__ import annotations

from collections.abc import Iterator

import data
import mdtraj
import numpy as np
import pyztraj
import xarray as xr
from families import Row
from MDAnalysisTests.datafiles import PDB_small, PSF

import gromos_dist as gd

N_FRAMES, FEW = 2000, 40


def protein() -> xr.Dataset:
    """Return adenylate kinase with the names of its atoms."""
    frames = data.adk()[:N_FRAMES]
    topology = gd.load_topology(PSF)
    return xr.Dataset(
        {"positions": (("frame", "atom", "xyz"), frames, {"units": "nm"})}, topology.coordinates()
    )


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    ds = protein()
    frames = ds.positions.values
    structure = pyztraj.load_pdb(str(PDB_small))
    angstrom = np.ascontiguousarray(frames[:FEW] * np.float32(10))
    trajectory = mdtraj.Trajectory(frames[:FEW], mdtraj.load_psf(PSF))

    def of_pyztraj() -> list[int]:
        return [len(pyztraj.compute_contacts(structure, frame, n_threads=1)) for frame in angstrom]

    def of_mdtraj() -> np.ndarray:
        distances, _ = mdtraj.compute_contacts(
            trajectory, scheme="closest-heavy", ignore_nonprotein=False
        )
        return (distances < 0.45).sum(axis=1)

    def check() -> None:
        ours = gd.n_contacts(ds.isel(frame=slice(FEW))).values
        if (abs(ours - of_mdtraj()) > 1).any():
            raise ValueError("the numbers of contacts differ from those of mdtraj")

    few = {"pyztraj": FEW, "mdtraj": FEW}
    work = "residue contacts, closest heavy atoms < 0.45 nm, 3341 atoms"
    yield Row(
        work,
        N_FRAMES,
        lambda: gd.n_contacts(ds),
        {"pyztraj": of_pyztraj, "mdtraj": of_mdtraj},
        "5 (pyztraj)",
        few,
        check,
    )
    yield Row(
        f"list of {work}",
        N_FRAMES,
        lambda: gd.contacts(ds),
        {"pyztraj": of_pyztraj, "mdtraj": of_mdtraj},
        "5 (pyztraj)",
        few,
    )
    carbons = data.adk_alpha_carbons()
    pairs = np.array(np.triu_indices(len(carbons), 1)).T
    of_carbons = mdtraj.Trajectory(frames[:, carbons], None)
    yield Row(
        "distances of all pairs of 214 alpha carbons, mean over frames",
        N_FRAMES,
        lambda: gd.distance_matrix(ds, atoms=carbons, mean=True),
        {
            "mdtraj": lambda: mdtraj.compute_distances(of_carbons, pairs).mean(axis=0),
        },
        "3 (mdtraj)",
    )
    heavy = np.flatnonzero(ds.element.values != "H")

    def q_of_mdtraj() -> np.ndarray:
        # As the example of its documentation has it.
        residue = ds.residue.values[heavy]
        i, j = np.triu_indices(len(heavy), 1)
        apart = residue[j] - residue[i] > 3
        every = np.stack([heavy[i[apart]], heavy[j[apart]]], axis=1)
        native = mdtraj.compute_distances(trajectory[0], every)[0]
        near = native < 0.45
        r = mdtraj.compute_distances(trajectory, every[near])
        return np.mean(1.0 / (1 + np.exp(50 * (r - 1.8 * native[near]))), axis=1)

    def check_q() -> None:
        ours = gd.native_contacts(ds.isel(frame=slice(FEW))).values
        if abs(ours - q_of_mdtraj()).max() > 1e-5:
            raise ValueError("Q differs from that of mdtraj")

    yield Row(
        "fraction of native contacts, 3341 atoms",
        FEW,
        lambda: gd.native_contacts(ds.isel(frame=slice(FEW))),
        {"mdtraj": q_of_mdtraj},
        "",
        check=check_q,
    )
