"""Hand-over: to MDAnalysis and mdtraj and back, to pandas, .xvg and .csv."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from MDAnalysis.analysis.rms import RMSD
from MDAnalysis.auxiliary.XVG import XVGReader
from MDAnalysis.lib.distances import calc_bonds
from MDAnalysisTests import datafiles
from numpy.typing import NDArray
from test_cli import refuse, succeed

import gromos_dist as gd
from gromos_dist.exchange import dataset_reader, from_mdtraj, to_mdanalysis, to_mdtraj
from gromos_dist.exchange.contents import cells_along_axes, chain_starts, topology_of
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.mapping import Events, Variable, from_pandas, to_dataframe
from gromos_dist.topology.lattice import nearest_images

DATA = Path(__file__).parent / "data"
TRICLINIC = np.array([[3.0, 0.0, 0.0], [0.7, 2.8, 0.0], [-0.5, 0.9, 2.6]])
BOXES = {
    "none": np.full((3, 3), np.nan),
    "rectangular": np.diag([3.0, 4.0, 5.0]),
    "triclinic": TRICLINIC,
    "truncated octahedron": 4.0 * np.eye(3),
}


@pytest.fixture(autouse=True)
def quiet_libraries() -> Iterator[None]:
    """What other libraries warn of, and what they are said not to hold, does not matter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="MDAnalysis|mdtraj|pyparsing")
        warnings.filterwarnings("ignore", message=".*DCDReader.*")
        warnings.filterwarnings("ignore", message="to_md.*has no place for")
        yield


def butane() -> xr.Dataset:
    return gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")


def in_box(kind: str, n_frames: int = 4) -> xr.Dataset:
    """A few random atoms with a box that breathes."""
    rng = np.random.default_rng(3)
    breath = 1 + 0.01 * np.arange(n_frames)[:, None, None]
    attrs = {"units": "nm"} | ({"shape": kind} if kind == "truncated octahedron" else {})
    return xr.Dataset(
        {
            "positions": (
                ("frame", "atom", "xyz"),
                rng.uniform(-5, 5, (n_frames, 7, 3)).astype(np.float32),
                {"units": "nm"},
            ),
            "box": (("frame", "box_vector", "xyz"), BOXES[kind] * breath, attrs),
        },
        {"time": ("frame", np.arange(n_frames) * 0.5, {"units": "ps"})},
    )


def lattice(ds: xr.Dataset, frame: int) -> NDArray[np.float64]:
    box = ds.box.values[frame]
    return octahedron_vectors(box) if "shape" in ds.box.attrs else box


class TestToMDAnalysis:
    @pytest.mark.parametrize("files", [("DCD", "PSF"), ("XTC", "GRO"), ("TRR", "GRO")])
    def test_it_is_what_mdanalysis_opens(self, files: tuple[str, str]) -> None:
        trajectory, topology = (getattr(datafiles, name) for name in files)
        theirs = MDAnalysis.Universe(topology, trajectory)
        ours = gd.open_trajectory(trajectory, topology).gromos.to_mdanalysis()
        assert ours.trajectory.n_frames == theirs.trajectory.n_frames
        names = ("names", "resnames", "resids") + (("segids", "masses") if "PSF" in files else ())
        for name in names:
            np.testing.assert_array_equal(getattr(ours.atoms, name), getattr(theirs.atoms, name))
        assert len(ours.residues) == len(theirs.residues)
        if "PSF" in files:
            np.testing.assert_allclose(ours.atoms.charges, theirs.atoms.charges, atol=1e-6)
            found = {frozenset(bond) for bond in ours.bonds.indices.tolist()}
            assert found == {frozenset(bond) for bond in theirs.bonds.indices.tolist()}
        for frame in (0, 7, 3, -1):
            own, other = ours.trajectory[frame], theirs.trajectory[frame]
            np.testing.assert_allclose(own.positions, other.positions, atol=2e-5)
            np.testing.assert_allclose(own.time, other.time, rtol=1e-6)
            if other.dimensions is None or not other.dimensions.any():
                assert own.dimensions is None
            else:
                np.testing.assert_allclose(own.dimensions, other.dimensions, rtol=1e-5)
            for name in ("velocities", "forces"):
                assert getattr(own, f"has_{name}") == getattr(other, f"has_{name}")
                if getattr(own, f"has_{name}"):
                    expected = getattr(other, name)
                    np.testing.assert_allclose(getattr(own, name), expected, rtol=1e-5, atol=1e-4)

    def test_its_analyses_give_the_same(self, adk: Any) -> None:
        psf, dcd = adk
        ours = gd.open_trajectory(dcd, psf).gromos.to_mdanalysis()
        found = RMSD(ours, select="name CA").run().results.rmsd[:, 2] / 10
        expected = gd.rmsd(gd.open_trajectory(dcd, psf), atoms="name CA")
        np.testing.assert_allclose(found, expected, atol=2e-6)

    def test_frames_are_read_when_they_are_needed(
        self, monkeypatch: pytest.MonkeyPatch, adk: Any
    ) -> None:
        psf, dcd = adk
        read: list[int] = []
        compute = dataset_reader.compute
        monkeypatch.setattr(
            dataset_reader,
            "compute",
            lambda some, **how: read.append(some.sizes["frame"]) or compute(some, **how),
        )
        ds = gd.open_trajectory(dcd, psf, chunks=10)
        monkeypatch.setattr(dataset_reader, "_BLOCK_BYTES", 10 * ds.positions[0].nbytes)
        universe = to_mdanalysis(ds)
        assert sum(read) <= 10
        for _ in universe.trajectory:
            pass
        assert max(read) <= 10
        # The first frame again, since a reader begins with it.
        assert sum(read) <= 98 + 20
        # What is computed comes in whole chunks, none of them twice.
        read.clear()
        superposed = to_mdanalysis(gd.superpose(ds, fit="name CA"))
        universe_frames = [frame.positions.copy() for frame in superposed.trajectory[5:35]]
        assert set(read) == {10}
        assert len(read) <= 5
        expected = gd.superpose(ds, fit="name CA").positions[5:35] * 10.0
        np.testing.assert_allclose(universe_frames, expected, atol=1e-5)

    def test_all_that_a_frame_has(self) -> None:
        ds = butane()
        universe = to_mdanalysis(ds.assign(lambda_=("frame", [0.1, 0.2, 0.3])))
        frame = universe.trajectory[1]
        assert frame.data["lambda_"] == 0.2
        assert frame.data["step"] == int(ds.step[1])
        assert frame.dt == float(ds.time[1] - ds.time[0])
        np.testing.assert_array_equal(universe.atoms.molnums + 1, ds.molecule)
        np.testing.assert_array_equal(universe.atoms.ids, ds.atom_number + 1)
        velocities = gd.open_trajectory(DATA / "butane.trv", DATA / "butane.top")
        both = ds.assign(velocities=velocities.velocities)
        found = to_mdanalysis(both).trajectory[2].velocities
        np.testing.assert_allclose(found, both.velocities[2] * 10, rtol=1e-6)

    def test_what_has_no_place_is_said(self) -> None:
        warnings.filterwarnings("always", message="to_md")
        with pytest.warns(UserWarning, match="no place for charge_group"):
            to_mdanalysis(butane())

    @pytest.mark.parametrize("kind", BOXES)
    def test_distances_are_the_same_in_every_box(self, kind: str) -> None:
        ds = in_box(kind)
        universe = to_mdanalysis(ds)
        for frame in (0, 3):
            universe.trajectory[frame]
            a, b = universe.atoms.positions[:-1], universe.atoms.positions[1:]
            found = calc_bonds(a, b, box=universe.dimensions) / 10
            differences = np.diff(ds.positions.values[frame].astype(float), axis=0)
            nearest = nearest_images(differences, lattice(ds, frame))
            np.testing.assert_allclose(found, np.linalg.norm(nearest, axis=1), atol=2e-6)

    def test_a_box_of_another_orientation_is_refused(self) -> None:
        ds = in_box("triclinic")
        turned = ds.assign(box=ds.box[:, ::-1])
        with pytest.raises(ValueError, match=r"frame 0: the box vectors .* lie along x"):
            to_mdanalysis(turned)
        with pytest.raises(ValueError, match=r"the box vectors .* lie along x"):
            cells_along_axes(turned, turned.box.values)
        assert to_mdanalysis(turned.drop_vars("box")).dimensions is None

    def test_copies_and_pickles(self) -> None:
        universe = to_mdanalysis(butane())
        universe.trajectory[1]
        for same in (universe.copy(), pickle.loads(pickle.dumps(universe))):
            assert same.trajectory.frame == 1
            same.trajectory[2]
            assert universe.trajectory.frame == 1
            assert not np.array_equal(same.atoms.positions, universe.atoms.positions)
        assert "GROMOS_DIST" not in MDAnalysis._READERS

    def test_frames_without_positions(self) -> None:
        ds = in_box("none")
        ds = ds.assign_coords(has_positions=("frame", [True, False, True, True]))
        universe = to_mdanalysis(ds)
        has = [frame.has_positions for frame in universe.trajectory]
        assert has == [True, False, True, True]

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="no positions"):
            to_mdanalysis(butane().drop_vars("positions"))
        with pytest.raises(ValueError, match="no atoms"):
            to_mdanalysis(butane().isel(atom=slice(0)))
        with pytest.raises(TypeError, match="expected a trajectory"):
            to_mdanalysis(butane().positions)

    def test_without_mdanalysis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "MDAnalysis", None)
        with pytest.raises(ImportError, match=r"pip install 'gromos_dist\[mdanalysis\]'"):
            to_mdanalysis(butane())


class TestBackFromMDAnalysis:
    def test_a_file_that_mdanalysis_writes(self, tmp_path: Path) -> None:
        ds = butane()
        universe = to_mdanalysis(ds)
        path = tmp_path / "written.xtc"
        universe.atoms.write(path, frames="all")
        back = gd.open_trajectory(path)
        np.testing.assert_allclose(back.positions, ds.positions, atol=6e-4)
        np.testing.assert_allclose(back.box, ds.box, atol=1e-5)
        np.testing.assert_allclose(back.time, ds.time, atol=1e-5)

    def test_the_same_dataset(self) -> None:
        ds = butane()
        back = gd.from_mdanalysis(to_mdanalysis(ds))
        for name in ("positions", "box", "time", "step", "bonds", "atom_number"):
            xr.testing.assert_equal(back[name].variable, ds[name].variable)
        for name in ("atom_name", "residue_name", "residue", "molecule", "element", "mass"):
            np.testing.assert_array_equal(back[name], ds[name])
        assert back.positions.chunks is not None

    def test_some_atoms_renamed(self) -> None:
        some = butane().isel(atom=slice(4, 16))
        universe = to_mdanalysis(some)
        universe.atoms.names = [f"X{i}" for i in range(12)]
        back = gd.from_mdanalysis(universe.atoms[3:])
        assert back.atom_name.values.tolist() == [f"X{i}" for i in range(3, 12)]
        np.testing.assert_array_equal(back.atom_number, some.atom_number[3:])
        np.testing.assert_array_equal(back.positions, some.positions[:, 3:])
        assert set(map(tuple, back.bonds.values)) <= set(map(tuple, some.bonds.values))
        assert gd.select(back, "name X5").tolist() == [2]
        with pytest.raises(ValueError, match="guess_bonds"):
            gd.from_mdanalysis(universe, guess_bonds="auto")

    def test_transformations_are_refused(self) -> None:
        universe = to_mdanalysis(butane())
        universe.trajectory.add_transformations(lambda frame: frame)
        with pytest.raises(ValueError, match="transformations"):
            gd.from_mdanalysis(universe)


class TestMDTraj:
    @pytest.fixture(autouse=True)
    def mdtraj(self) -> Any:
        return pytest.importorskip("mdtraj")

    def test_there_and_back(self, mdtraj: Any) -> None:
        theirs = mdtraj.load(datafiles.XTC, top=datafiles.GRO)[:3]
        ds = from_mdtraj(theirs)
        own = gd.open_trajectory(datafiles.XTC, datafiles.GRO, stop=3)
        np.testing.assert_allclose(ds.positions, own.positions, atol=2e-6)
        np.testing.assert_allclose(ds.box, own.box, atol=1e-5)
        np.testing.assert_allclose(ds.time, own.time)
        np.testing.assert_array_equal(ds.residue, own.residue)
        # mdtraj takes sodium ions for nitrogen.
        same = ds.element.values == own.element.values
        assert own.residue_name[~same].values.tolist() == ["NA+"] * 4
        ours = to_mdtraj(ds)
        np.testing.assert_array_equal(ours.xyz, theirs.xyz)
        np.testing.assert_array_equal(ours.time, theirs.time)
        np.testing.assert_allclose(ours.unitcell_vectors, theirs.unitcell_vectors, atol=1e-5)
        atoms, bonds = ours.topology.to_dataframe()
        expected, expected_bonds = theirs.topology.to_dataframe()
        columns = ["name", "element", "resSeq", "resName"]
        pd.testing.assert_frame_equal(atoms[columns], expected[columns])
        np.testing.assert_array_equal(bonds[:, :2], expected_bonds[:, :2])

    def test_of_a_psf(self, mdtraj: Any, adk: Any) -> None:
        psf, dcd = adk
        ds = gd.open_trajectory(dcd, psf)
        ours, theirs = ds.gromos.to_mdtraj(), mdtraj.load(str(dcd), top=str(psf))
        atoms, bonds = ours.topology.to_dataframe()
        expected, expected_bonds = theirs.topology.to_dataframe()
        # It calls atoms and residues otherwise than the file does.
        columns = ["element", "resSeq", "chainID", "segmentID"]
        pd.testing.assert_frame_equal(atoms[columns], expected[columns])
        found = set(map(frozenset, bonds[:, :2].astype(int).tolist()))
        assert found == set(map(frozenset, expected_bonds[:, :2].astype(int).tolist()))
        assert atoms.name.tolist() == ds.atom_name.values.tolist()
        np.testing.assert_allclose(ours.xyz, theirs.xyz, atol=1e-6)
        found = mdtraj.rmsd(ours, ours, 0, ours.topology.select("name CA"))
        np.testing.assert_allclose(found, gd.rmsd(ds, atoms="name CA"), atol=2e-5)

    def test_of_gromos(self) -> None:
        ds = butane()
        ours = to_mdtraj(ds)
        assert ours.n_chains == 1
        assert ours.topology.n_bonds == len(ds.bonds)
        assert [atom.element.symbol for atom in ours.topology.atoms] == ds.element.values.tolist()
        back = from_mdtraj(ours)
        for name in ("positions", "time", "atom_name", "residue_name", "residue", "molecule"):
            np.testing.assert_array_equal(back[name], ds[name])
        np.testing.assert_allclose(back.box, ds.box, atol=1e-6)
        assert set(map(tuple, back.bonds.values)) == set(map(tuple, ds.bonds.values))

    def test_what_has_no_place_is_said(self) -> None:
        warnings.filterwarnings("always", message="to_md")
        with pytest.warns(UserWarning, match="no place for charge, charge_group, masses other"):
            to_mdtraj(butane())

    @pytest.mark.parametrize("kind", BOXES)
    def test_distances_are_the_same_in_every_box(self, mdtraj: Any, kind: str) -> None:
        ds = in_box(kind)
        ours = to_mdtraj(ds.assign_coords(element=("atom", ["C"] * 7)))
        pairs = np.column_stack([np.arange(6), np.arange(1, 7)])
        found = mdtraj.compute_distances(ours, pairs, periodic=kind != "none", opt=False)
        for frame in range(4):
            differences = np.diff(ds.positions.values[frame].astype(float), axis=0)
            nearest = nearest_images(differences, lattice(ds, frame))
            np.testing.assert_allclose(found[frame], np.linalg.norm(nearest, axis=1), atol=2e-6)
        assert (ours.unitcell_vectors is None) == (kind == "none")

    def test_refusals(self) -> None:
        ds = in_box("rectangular")
        with pytest.warns(UserWarning, match="7 atoms without an element.*virtual sites"):
            to_mdtraj(ds)
        ds = ds.assign_coords(element=("atom", ["C"] * 7))
        with pytest.raises(ValueError, match="frame 2 has no box"):
            to_mdtraj(ds.assign(box=ds.box.where(ds.time != 1.0)))
        gaps = ds.assign_coords(has_positions=("frame", [True, True, False, True]))
        with pytest.raises(ValueError, match="1 of 4 frames have no positions"):
            to_mdtraj(gaps)
        with pytest.raises(TypeError, match="expected a trajectory of mdtraj, got int"):
            from_mdtraj(3)

    def test_an_array_of_its_own(self, mdtraj: Any) -> None:
        theirs = mdtraj.load(datafiles.GRO)
        ds = from_mdtraj(theirs)
        theirs.xyz[:] = 0
        assert float(abs(ds.positions).max()) > 0

    def test_without_a_topology(self, mdtraj: Any) -> None:
        ds = from_mdtraj(mdtraj.Trajectory(np.ones((2, 3, 3)), None))
        assert set(ds.coords) == {"xyz", "atom_number", "time"}
        assert ds.positions.shape == (2, 3, 3)

    def test_without_mdtraj(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "mdtraj", None)
        with pytest.raises(ImportError, match=r"pip install 'gromos_dist\[mdtraj\]'"):
            to_mdtraj(butane())


def test_chains_where_nothing_tells_them() -> None:
    starts = chain_starts(topology_of(butane()))
    # The butane is one residue, and so is each water: nothing is a chain of several residues.
    assert starts.sum() in (1, 2)


def series() -> xr.DataArray:
    return xr.DataArray(
        [0.1, 0.25, 1 / 3],
        {"time": ("frame", [0.0, 2.0, 4.0], {"units": "ps"}), "threshold": 0.5},
        ("frame",),
        "rmsd",
        {"units": "nm", "long_name": "root-mean-square deviation"},
    )


def pairs() -> xr.DataArray:
    return xr.DataArray(
        np.arange(6.0).reshape(3, 2),
        {
            "time": ("frame", [0.0, 2.0, 4.0]),
            "pair": ["N1 - O7", "N2 - O9"],
            "residue_name": ("pair", ["ALA", "GLY"]),
        },
        ("frame", "pair"),
        "distance",
        {"units": "nm"},
    )


class TestDataFrames:
    def test_a_series(self) -> None:
        table = series().gromos.to_dataframe()
        assert table.index.name == "frame"
        assert list(table.columns) == ["time", "threshold", "rmsd"]
        np.testing.assert_array_equal(table.rmsd, series())
        assert table.attrs["units"] == {"rmsd": "nm", "time": "ps"}
        by_time = to_dataframe(series(), index="time", units="columns")
        assert by_time.index.tolist() == [0.0, 2.0, 4.0]
        assert list(by_time.columns) == ["threshold", "rmsd (nm)"]

    def test_pairs_have_levels_and_names(self) -> None:
        table = pairs().chunk(frame=1).gromos.to_dataframe()
        assert table.index.names == ["frame", "pair"]
        assert table.distance[(2, "N2 - O9")] == 5.0
        assert table.residue_name[(0, "N2 - O9")] == "GLY"
        wide = table.distance.unstack("pair")
        np.testing.assert_array_equal(wide, pairs())

    def test_a_result_says_where_it_is_from(self, adk: Any) -> None:
        psf, dcd = adk
        radius = gd.radius_of_gyration(gd.open_trajectory(dcd, psf, stop=4), atoms="name CA")
        table = radius.gromos.to_dataframe()
        assert table.attrs["history"].startswith("radius_of_gyration(atoms='name CA')")
        np.testing.assert_array_equal(table.radius_of_gyration, radius)

    def test_several_variables(self) -> None:
        both = xr.Dataset({"a": series(), "b": 2 * series(), "n": 3})
        table = to_dataframe(both)
        assert list(table.columns) == ["time", "threshold", "a", "b", "n"]
        assert (table.n == 3).all()
        number = to_dataframe(xr.DataArray(2.0, name="x"))
        assert number.x.tolist() == [2.0]
        with pytest.raises(ValueError, match=r"not a \('frame',\), d \('frame', 'pair'\): choose"):
            to_dataframe(xr.Dataset({"a": series(), "d": pairs()}))
        with pytest.raises(ValueError, match="no time for each frame"):
            to_dataframe(series().drop_vars("time"), index="time")
        with pytest.raises(ValueError, match="index: expected"):
            to_dataframe(series(), index="x")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="units: expected"):
            to_dataframe(series(), units="x")  # type: ignore[arg-type]

    def test_events_keep_their_units(self) -> None:
        found = HIGH(butane().positions, above=1.2)
        table = found.to_dataframe()
        assert table.columns[0] == "frame"
        assert table.attrs["units"]["height"] == "nm"
        events = found.compute()
        back = from_pandas(table.sample(frac=1, random_state=1).sort_index(), 3)
        xr.testing.assert_identical(back[["height", "first"]], events[["height", "first"]])
        assert back.time.attrs == events.time.attrs
        assert "time" in back.coords
        assert list(found.to_dataframe(units="columns"))[1] == "height (nm)"
        pd.testing.assert_frame_equal(events.gromos.to_dataframe(), table)

    def test_lazy_events_show_themselves(self) -> None:
        text = HIGH(butane().positions, above=1.2)._repr_html_()
        assert "<b>height</b></td><td>nm</td><td>how &lt;high&gt;" in text
        assert "3 frames" in text


def high(block: NDArray[Any], above: float) -> dict[str, NDArray[Any]]:
    frame, atom = np.nonzero(block[..., 2] > above)
    return {"frame": frame, "height": block[frame, atom, 2]}


HIGH = Events(high, [Variable("height", ("event",), "f", "nm", "how <high>")])


def sets_of(path: Path) -> NDArray[np.float64]:
    return np.loadtxt(path, comments=("#", "@"), ndmin=2)


class TestXvg:
    def test_a_series(self, tmp_path: Path) -> None:
        path = gd.store(series(), tmp_path / "rmsd.xvg", progress=False)
        text = path.read_text()
        for line in (
            '@    title "Root-mean-square deviation"',
            '@    xaxis  label "Time (ps)"',
            '@    yaxis  label "Root-mean-square deviation (nm)"',
            "@TYPE xy",
            "# threshold = 0.5",
        ):
            assert line in text.splitlines()
        assert "legend" not in text
        np.testing.assert_array_equal(sets_of(path), np.column_stack([series().time, series()]))
        with pytest.raises(FileExistsError):
            gd.store(series(), path, progress=False)

    def test_mdanalysis_reads_it(self, tmp_path: Path) -> None:
        path = gd.store(pairs(), tmp_path / "d.xvg", progress=False)
        steps = [step.data.copy() for step in XVGReader(str(path))]
        np.testing.assert_array_equal(np.array(steps)[:, 1:], pairs())

    def test_a_few_curves_have_legends(self, tmp_path: Path) -> None:
        path = gd.store(pairs(), tmp_path / "d.xvg", progress=False)
        text = path.read_text()
        assert '@ s0 legend "N1 - O7"\n@ s1 legend "N2 - O9"' in text
        np.testing.assert_array_equal(sets_of(path)[:, 1:], pairs())

    def test_profiles_of_several_units(self, tmp_path: Path) -> None:
        middle = xr.DataArray([0.1, 0.3], dims="distance", attrs={"units": "nm"})
        both = xr.Dataset(
            {
                "rdf": ("distance", [0.0, np.nan]),
                "density": ("distance", [1, 2], {"units": "nm-3"}),
            },
            {"distance": middle},
        ).chunk()
        path = gd.store(both, tmp_path / "rdf.xvg", progress=False)
        text = path.read_text()
        assert '@    xaxis  label "Distance (nm)"' in text
        assert r'@ s1 legend "density (nm\S-3\N)"' in text
        np.testing.assert_array_equal(sets_of(path), [[0.1, 0.0, 1], [0.3, np.nan, 2]])

    def test_atoms_have_their_numbers(self, tmp_path: Path) -> None:
        profile = xr.DataArray([1.0, 2.0], {"atom_number": ("atom", [4, 9])}, "atom", "fluctuation")
        path = gd.store(profile, tmp_path / "p.xvg", progress=False)
        np.testing.assert_array_equal(sets_of(path), [[4, 1], [9, 2]])

    def test_refusals(self, tmp_path: Path) -> None:
        path = tmp_path / "no.xvg"
        matrix = xr.DataArray(np.eye(3), dims=("frame", "other_frame"), name="m")
        events = HIGH(butane().positions.compute(), above=1.2)
        terms = xr.DataArray([1.0, 2.0], {"term": ["a", "b"]}, "term", "e")
        for result, message in (
            (matrix, "m {'frame': 3, 'other_frame': 3} is a map"),
            (butane().positions, "at most 60 curves"),
            (events, "events are none"),
            (HIGH(butane().positions, above=1.2), "events are none"),
            (xr.DataArray(1.0, name="x"), "one number"),
            (terms, "has none but names, such as 'a'"),
            (xr.Dataset({"a": series(), "p": terms}), "p has no dim 'frame'"),
        ):
            with pytest.raises(ValueError, match=message):
                gd.store(result, path, progress=False)
            assert not path.exists()

    def test_on_the_command_line(self, tmp_path: Path, adk: Any) -> None:
        psf, dcd = adk
        path = tmp_path / "rmsd.xvg"
        succeed("rmsd", dcd, "--top", psf, "-a", "name CA", "-o", path)
        expected = gd.rmsd(gd.open_trajectory(dcd, psf), atoms="name CA")
        np.testing.assert_array_equal(sets_of(path)[:, 1], expected)
        said = refuse("rmsd-matrix", dcd, "-t", psf, "-a", "name CA", "-o", tmp_path / "m.xvg")
        assert "is a map" in said


def test_scalar_coordinates_stay_in_csv(tmp_path: Path) -> None:
    path = gd.store(series(), tmp_path / "rmsd.csv", progress=False)
    assert "# threshold = 0.5" in path.read_text().splitlines()
    table = pd.read_csv(path, comment="#")
    assert list(table.columns) == ["time", "rmsd"]
    alone = series().isel(frame=1).drop_vars("rmsd", errors="ignore")
    text = gd.store(alone, tmp_path / "one.csv", progress=False).read_text()
    assert "# time = 2.0" in text.splitlines()
