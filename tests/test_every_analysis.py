"""Every analysis, and a record of each shape: the same bits however it runs; stopped, it goes on.

An analysis that is declared needs a line in `CASES`: how it is called.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client
from numpy.typing import NDArray
from store_run import tree

import gromos_dist as gd
from gromos_dist import mapping
from gromos_dist.analysis.declare import ANALYSES
from gromos_dist.mapping import (
    Events,
    Fields,
    LazyRows,
    Map,
    Pairs,
    Reduction,
    Scan,
    Series,
    Table,
    Variable,
)
from gromos_dist.store import open_store, partial_states, store, zarr_blocks

Array = NDArray[Any]
Case = Callable[[xr.Dataset], Any]

DATA = Path(__file__).parent / "data"
N_FRAMES = 23
SOLUTE = [0, 1, 2, 3]


def as_peptide(ds: xr.Dataset) -> xr.Dataset:
    """Call some atoms those of eight residues in a chain."""
    n_residues, names = 8, ["N", "CA", "CB", "CG", "C"]
    some = ds.isel(atom=slice(0, n_residues * len(names))).drop_vars("bonds")
    peptide_bonds = [[5 * i + 4, 5 * i + 5] for i in range(n_residues - 1)]
    return some.assign_coords(
        atom_name=("atom", np.array(names * n_residues)),
        residue=("atom", np.repeat(np.arange(n_residues), len(names))),
        molecule=("atom", np.ones(some.sizes["atom"], int)),
        bonds=(("bond", "pair"), peptide_bonds),
    )


CASES: dict[str, Case] = {
    "forces": lambda ds: gd.forces(ds, cutoff=0.6, groups="residue", virial="molecular"),
    "energies": lambda ds: gd.energies(ds, cutoff=0.6),
    "rmsd": lambda ds: gd.rmsd(ds, fit=SOLUTE, atoms=range(40), mass_weighted=True),
    "superpose": lambda ds: gd.superpose(ds, fit=SOLUTE).positions,
    "rmsd_matrix": lambda ds: gd.rmsd_matrix(ds, atoms=range(40), mass_weighted=True),
    "radius_of_gyration": lambda ds: gd.radius_of_gyration(ds, atoms=SOLUTE, tensor=True),
    "center_of_mass": lambda ds: gd.center_of_mass(ds, atoms=SOLUTE),
    "center_of_geometry": lambda ds: gd.center_of_geometry(ds, atoms=SOLUTE),
    "shape_descriptors": lambda ds: gd.shape_descriptors(ds, atoms=SOLUTE),
    "inertia_tensor": lambda ds: gd.inertia_tensor(ds, atoms=SOLUTE),
    "principal_axes": lambda ds: gd.principal_axes(ds, atoms=range(40), mass_weighted=False),
    "dipole_moment": lambda ds: gd.dipole_moment(ds, atoms=range(40), center="geometry"),
    "box_series": gd.box_series,
    "rmsf": lambda ds: gd.rmsf(ds, atoms=range(40), fit=SOLUTE, mass_weighted=True, by="residue"),
    "bfactors": lambda ds: gd.bfactors(ds, atoms=range(40), reference=1, units="angstrom2"),
    "average_structure": lambda ds: gd.average_structure(ds, fit=SOLUTE, rounds=6).positions,
    "energy_statistics": lambda ds: gd.energy_statistics(gd.center_of_mass(ds, atoms=SOLUTE)),
    "block_error": lambda ds: gd.block_error(gd.center_of_mass(ds, atoms=SOLUTE)),
    "statistical_inefficiency": lambda ds: gd.statistical_inefficiency(
        gd.center_of_mass(ds, atoms=SOLUTE)
    ),
    "equilibration": lambda ds: gd.equilibration(gd.center_of_mass(ds, atoms=SOLUTE)),
    "n_atoms": lambda ds: gd.n_atoms(ds, atoms="byres around 0.4 of resname BUT", by="residue"),
    "distances": lambda ds: gd.distances(ds, [[0, 3], [40, 2], [7, 200]], vectors=True),
    "angles": lambda ds: gd.angles(ds, [("com of index 0:3", 10, 20), (40, 50, 60)]),
    "dihedrals": lambda ds: gd.dihedrals(ds, [SOLUTE, [0, 10, 20, 30]], unwrap=True),
    "torsions": lambda ds: gd.torsions(as_peptide(ds), ["phi", "omega", "chi1"], unwrap=True),
    "torsion_transitions": lambda ds: gd.torsion_transitions(as_peptide(ds), ["chi1", "psi"]),
    "circular_statistics": lambda ds: gd.circular_statistics(gd.dihedrals(ds, [SOLUTE])),
    "rdf": lambda ds: gd.rdf(ds, "name OW", "name HW1", r_max=0.5, bins=20),
    "minimum_distance": lambda ds: gd.minimum_distance(ds, SOLUTE, "name OW", with_atoms=True),
    "image_distance": lambda ds: gd.image_distance(ds, atoms=SOLUTE, with_atoms=True),
    "contacts": lambda ds: gd.contacts(
        ds, atoms=SOLUTE, other="water and within 0.6 of resname BUT", cutoff=0.5
    ),
    "contact_map": lambda ds: gd.contact_map(ds, atoms=range(40), criteria="closest", cutoff=0.5),
    "n_contacts": lambda ds: gd.n_contacts(ds, atoms=SOLUTE, other=range(4, 90), cutoff=0.5),
    "native_contacts": lambda ds: gd.native_contacts(ds, atoms=range(90), cutoff=0.5),
    "distance_matrix": lambda ds: gd.distance_matrix(ds, atoms=range(20), mean=True),
    "make_whole": lambda ds: gd.make_whole(ds).positions,
    "unwrap": lambda ds: gd.unwrap(ds).positions,
    "wrap": lambda ds: gd.wrap(ds, by="residue", cell="compact").positions,
    "center": lambda ds: gd.center(ds, atoms=SOLUTE, wrap="molecule").positions,
    "gather": lambda ds: gd.gather(ds, "gtime").positions,
    "hydrogen_bonds": lambda ds: gd.hydrogen_bonds(ds, cutoff=0.3, three_center=False),
    "n_hydrogen_bonds": lambda ds: gd.n_hydrogen_bonds(ds, criteria="luzar_chandler"),
    "hydrogen_bond_occupancy": lambda ds: gd.hydrogen_bond_occupancy(ds, three_center=True),
    "hydrogen_bond_lifetimes": lambda ds: gd.hydrogen_bond_lifetimes(
        ds.drop_vars("time"), max_lag=9
    ),
}

SCALAR = Variable("scalar", ("frame",), "f", "nm", "a scalar")
AVERAGE = Variable("average", ("atom", "xyz"), "f", "nm", "mean position")


class Sums(NamedTuple):
    count: int
    total: Array


def sums(block: Array) -> Sums:
    return Sums(len(block), block.astype(float).sum(axis=0) / 3)


def high(block: Array) -> dict[str, Array]:
    frame, atom = np.nonzero(block[..., 2] > 1.5)
    return {"frame": frame, "height": block[frame, atom, 2]}


def upward(block: Array, previous: Array) -> Array:
    heights = np.concatenate([previous, block])[:, 0, 2]
    return np.cumsum(np.diff(heights) > 0)


def lags(series: Array) -> tuple[Array]:
    wide = series.astype(float)
    return (np.array([(wide[: len(wide) - k] * wide[k:]).sum() for k in range(3)]),)


RECORDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Map": (Map(lambda block: np.sqrt(block[:, 0].astype(float) ** 2).sum(axis=1), SCALAR), {}),
    "Fields": (
        Fields(
            lambda block: {"scalar": block[:, 0, 0] / 3, "other": block[:, 1] * 2},
            [SCALAR, Variable("other", ("frame", "xyz"), "f", "nm", "another")],
            {"scalar": np.float32},
        ),
        {},
    ),
    "Pairs": (
        Pairs(
            lambda a, b: np.abs(a[:, None, 0, 0] - b[None, :, 0, 0]).astype(float),
            Variable("matrix", ("frame", "other_frame"), "f", "nm", "a matrix"),
        ),
        {},
    ),
    "Reduction": (
        Reduction(
            sums,
            lambda a, b: Sums(a.count + b.count, a.total + b.total),
            lambda state: state.total / state.count,
            AVERAGE,
            state=Sums,
        ),
        {},
    ),
    "Table": (
        Table(
            lambda block: Sums(len(block), np.unique(block[..., 0].astype(float).round(1))),
            lambda a, b: Sums(a.count + b.count, np.union1d(a.total, b.total)),
            lambda state: {"place": state.total, "frames": np.full(len(state.total), state.count)},
            [
                Variable("place", ("row",), "f", "nm", "a place that occurs"),
                Variable("frames", ("row",), "i", "", "number of frames"),
            ],
            Sums,
            named=lambda columns: [f"at {place:.1f}" for place in columns["place"]],
        ),
        {},
    ),
    "Scan": (
        Scan(
            upward,
            lambda carry, values: carry[-1] + values,
            Variable("steps", ("frame",), "i", "", "steps upward so far"),
        ),
        {},
    ),
    "Events": (Events(high, [Variable("height", ("event",), "f", "nm", "height")]), {}),
    "Series": (
        Series(
            lags,
            Variable("correlation", ("lag",), "f", "nm2", "correlation"),
            lambda a, b: (a[0] + b[0],),
            lambda state: state[0],
        ),
        {"lag": range(3)},
    ),
}


def of_record(name: str) -> Case:
    record, coords = RECORDS[name]
    if not coords:
        return lambda ds: record(ds.positions)
    return lambda ds: record(ds.positions, coords=coords)


# What makes several passes over the frames has layers for each.
PASSES = {"rmsf": 10, "average_structure": 6}
# Their results are computed at once.
IN_MEMORY = ("energy_statistics", "block_error", "statistical_inefficiency", "equilibration")
EVERY = CASES | {name: of_record(name) for name in RECORDS}


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    return butane_in_water(tmp_path_factory.mktemp("butane"))


def butane_in_water(folder: Path) -> xr.Dataset:
    """Return butane in water, over and over, of a file that is read anew."""
    short = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")
    frames = short.isel(frame=np.arange(N_FRAMES) % 3)
    shift = np.random.default_rng(1).normal(0, 0.05, (N_FRAMES, 1, 1))
    positions = (frames.positions.astype(float) + shift).assign_attrs(short.positions.attrs)
    frames = frames.assign(positions=positions).drop_vars("step", errors="ignore")
    frames = frames.assign_coords(time=("frame", np.arange(N_FRAMES) * 2.0, short.time.attrs))
    path = store(frames, folder / "butane.trc", progress=False)
    return gd.open_trajectory(path, DATA / "butane.top", dtype=np.float64)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take few frames, or atoms, at a time, so that trees of states have some depth."""
    monkeypatch.setattr("gromos_dist.mapping.reduce.PIECE_BYTES", 2**14)
    monkeypatch.setattr("gromos_dist.mapping.series.PIECE_BYTES", 2**17)


def plain(result: Any) -> xr.Dataset:
    """Return a result in memory, without what differs by origin."""
    computed = result.compute()
    dataset = computed if isinstance(computed, xr.Dataset) else computed.to_dataset()
    return dataset.drop_attrs()


def assert_same_bits(result: Any, expected: xr.Dataset) -> None:
    found = plain(result)
    xr.testing.assert_identical(found, expected)
    for name, array in expected.variables.items():
        if array.dtype.kind not in "OU":
            assert found[name].dtype == array.dtype
            assert found[name].values.tobytes() == array.values.tobytes(), name


def test_every_analysis_has_a_case() -> None:
    assert CASES.keys() == ANALYSES.keys()
    shapes = {name for name in mapping.__all__ if isinstance(getattr(mapping, name), type)}
    assert RECORDS.keys() == shapes - {"LazyEvents", "LazyRows", "LazyTable", "Variable"}


@pytest.mark.parametrize("name", EVERY)
def test_the_same_bits_however_it_runs(name: str, ds: xr.Dataset, client: Client) -> None:
    make = EVERY[name]
    expected = plain(make(ds.compute()))
    with dask.config.set(scheduler="threads", num_workers=3):
        for chunks in (1, 7, N_FRAMES):
            assert_same_bits(make(ds.chunk(frame=chunks)), expected)
        # An ordinary Dask array, chunked along atoms too, that knows nothing of files.
        assert_same_bits(make(ds.compute().chunk(frame=5, atom=100)), expected)
    with client.as_current():
        assert_same_bits(make(ds.chunk(frame=7)), expected)


class StoppedError(Exception):
    """What ends a run in the middle."""


def written(path: Path, result: Any, monkeypatch: pytest.MonkeyPatch, most: int | None) -> int:
    """Store a result, stopped before more files are written by workers; return how many were."""
    counted = itertools.count()
    n_written = 0

    def stage(*arguments: Any) -> None:
        nonlocal n_written
        if next(counted) == most:
            raise StoppedError
        zarr_blocks_stage(*arguments)
        n_written += 1

    zarr_blocks_stage = zarr_blocks.stage
    with monkeypatch.context() as patch, dask.config.set(scheduler="synchronous"):
        for module in (zarr_blocks, partial_states):
            patch.setattr(module, "stage", stage)
        try:
            store(result, path, progress=False)
        except StoppedError:
            assert most is not None
    return n_written


@pytest.mark.parametrize("name", EVERY)
def test_stopped_it_goes_on(
    name: str, ds: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = EVERY[name](ds.chunk(frame=7))
    undisturbed = tmp_path / "undisturbed.zarr"
    total = written(undisturbed, result, monkeypatch, None)
    is_lazy = isinstance(result, LazyRows) or bool(result.chunks)
    assert (total > 1) == is_lazy
    opened = open_store(undisturbed)
    assert_same_bits(opened, plain(result))
    path = tmp_path / "result.zarr"
    first = written(path, result, monkeypatch, 2)
    assert first == min(2, total)
    second = written(path, result, monkeypatch, None)
    # What was written is not written again.
    assert second == total - first
    assert tree(path) == tree(undisturbed)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in IN_MEMORY])
def test_a_graph_of_many_chunks_has_few_layers(name: str, ds: xr.Dataset) -> None:
    # The graph of pairs is as large as its square.
    n_frames = 100 if name in ("Pairs", "rmsd_matrix") else 10_000
    if name in CASES:
        many = ds.isel(frame=np.zeros(min(n_frames, 1000), int)).compute().chunk(frame=1)
    else:
        data = da.zeros((n_frames, 5, 3), chunks=(1, 5, 3), dtype=np.float32)
        many = xr.Dataset({"positions": (("frame", "atom", "xyz"), data)})
    result = EVERY[name](many)
    if isinstance(result, LazyRows):
        arrays = [result.blocks]
    else:
        arrays = [
            one.data for one in (result.values() if isinstance(result, xr.Dataset) else [result])
        ]
    for array in arrays:
        assert len(array.dask.layers) <= 12 * PASSES.get(name, 1)
