"""Radial distribution functions and least distances."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import MDAnalysis
import numpy as np
import xarray as xr
from families import Row
from MDAnalysis.analysis.rdf import InterRDF
from MDAnalysis.lib.distances import distance_array
from MDAnalysisTests.datafiles import GRO, XTC

import gromos_dist as gd

R_MAX, BINS = 1.0, 200


def rows() -> Iterator[Row]:
    """Yield water around water, and a protein and its ions, of 10 frames of 47681 atoms."""
    ds = gd.open_trajectory(XTC, GRO).load()
    yield _oxygens(ds)
    yield _ions(ds)


def _oxygens(ds: xr.Dataset) -> Row:
    import freud  # noqa: PLC0415

    freud.parallel.set_num_threads(1)
    water = gd.select(ds, "name OW")
    box = ds.box.values
    oxygens = np.ascontiguousarray(ds.positions.values[:, water])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(GRO, XTC, in_memory=True)
    group = universe.select_atoms("name OW")

    def ours() -> xr.Dataset:
        return gd.rdf(ds, water, r_max=R_MAX, bins=BINS)

    def freuds() -> freud.density.RDF:
        found = freud.density.RDF(BINS, R_MAX, normalization_mode="finite_size")
        for frame, vectors in zip(oxygens, box, strict=True):
            cell = freud.box.Box.from_matrix(vectors.T)
            found.compute((cell, cell.wrap(frame)), reset=False)
        return found

    def mdanalysis() -> InterRDF:
        return InterRDF(
            group, group, nbins=BINS, range=(0.0, 10 * R_MAX), exclude_same="residue"
        ).run(stop=1)

    def check() -> None:
        np.testing.assert_allclose(ours().rdf, freuds().rdf, rtol=0.01, atol=1e-3)

    return Row(
        "rdf O-O to 1 nm, 11084 waters",
        ds.sizes["frame"],
        ours,
        {"freud": freuds, "MDAnalysis": mdanalysis},
        goal="10x freud",
        rival_frames={"MDAnalysis": 1},
        check=check,
    )


def _ions(ds: xr.Dataset) -> Row:
    protein, ions = gd.select(ds, "protein"), gd.select(ds, "resname NA+")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(GRO, XTC, in_memory=True)
    frames = [(step.positions.copy(), step.dimensions.copy()) for step in universe.trajectory]

    def ours() -> xr.DataArray:
        return gd.minimum_distance(ds, protein, ions)

    def mdanalysis() -> np.ndarray:
        return np.array(
            [distance_array(x[protein], x[ions], box=box).min() / 10.0 for x, box in frames]
        )

    def check() -> None:
        np.testing.assert_allclose(ours(), mdanalysis(), rtol=1e-5)

    return Row(
        "least distance, 3341 and 4 atoms",
        ds.sizes["frame"],
        ours,
        {"MDAnalysis": mdanalysis},
        goal="",
        check=check,
    )
