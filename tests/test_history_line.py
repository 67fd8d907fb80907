"""What a person sees of a result, and the record behind it, wherever attributes go."""

from __future__ import annotations

import copy
import html
import json
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import MDAnalysisTests.datafiles as files
import numpy as np
import pandas as pd
import pytest
import store_run
import xarray as xr
from dask.base import tokenize
from store_run import tree
from test_every_analysis import CASES, butane_in_water
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist import provenance
from gromos_dist.cli.application import application
from gromos_dist.provenance import InputFile, Provenance, derived, record_of
from gromos_dist.provenance.wording import call_text, files_text, shortened

DATA = Path(__file__).parent / "data"
VERSION = f"; gromos_dist {gd.__version__}"
BUTANE = (DATA / "butane.trc", DATA / "butane.top")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return gd.open_trajectory(files.DCD, files.PSF)


@pytest.fixture(scope="module")
def radius(ds: xr.Dataset) -> xr.DataArray:
    return gd.radius_of_gyration(ds, atoms="name CA").isel(frame=slice(5)).compute()


# The line


def made_by_hand() -> gd.Topology:
    return replace(gd.load_topology(files.PSF), mass=np.ones(3341))


LINES: dict[str, tuple[Callable[[xr.Dataset], Any], str]] = {
    "nothing given": (lambda ds: ds, "open_trajectory() of adk_dims.dcd with adk.psf"),
    "opened with options": (
        lambda ds: gd.open_trajectory([files.DCD], files.PSF, stride=10, atoms="name CA"),
        "open_trajectory(atoms='name CA', stride=10) of adk_dims.dcd with adk.psf",
    ),
    "defaults that are given": (
        lambda ds: gd.rmsd(ds, reference=0, atoms="name CA", fit=None, mass_weighted=False),
        "rmsd(atoms='name CA') of adk_dims.dcd with adk.psf",
    ),
    "of opened with options": (
        lambda ds: gd.rmsd(gd.open_trajectory(files.DCD, stride=np.int64(10).item()), fit=False),
        "rmsd(fit=False) of open_trajectory(stride=10) of adk_dims.dcd",
    ),
    "a chain": (
        lambda ds: gd.rmsd(gd.superpose(ds, fit="backbone"), fit=False, reference=-1),
        "rmsd(reference=-1, fit=False) of superpose(fit='backbone') of adk_dims.dcd with adk.psf",
    ),
    "an array": (
        lambda ds: gd.rmsd(ds, reference=ds.positions[3].values, atoms=range(214)),
        "rmsd(reference=<array 3341 x 3>, atoms=range(0, 214)) of adk_dims.dcd with adk.psf",
    ),
    "a long list": (
        lambda ds: gd.center_of_geometry(ds, atoms=list(range(50))),
        "center_of_geometry(atoms=[0, 1, 2, 3, 4, 5, ... 50 in all]) of adk_dims.dcd with adk.psf",
    ),
    "two trajectories": (
        lambda ds: gd.rmsd_matrix(ds, gd.open_trajectory(files.DCD2), atoms=[0, 1, 2]),
        "rmsd_matrix(other=<Dataset>, atoms=[0, 1, 2]) of adk_dims.dcd with adk.psf and "
        "adk_dims2.dcd",
    ),
    "many files": (
        lambda ds: gd.open_trajectory([files.DCD] * 5, overlap="keep"),
        "open_trajectory(overlap='keep') of adk_dims.dcd, adk_dims.dcd, adk_dims.dcd and 2 more",
    ),
    "a topology that is no file": (
        lambda ds: gd.open_trajectory(files.DCD, made_by_hand()),
        "open_trajectory(topology=<Topology>) of adk_dims.dcd",
    ),
    "no file": (
        lambda ds: gd.center_of_geometry(ds.isel(frame=[0]).compute().drop_attrs()),
        "center_of_geometry() of data in memory",
    ),
    "a history of others": (
        lambda ds: gd.center_of_geometry(ds.drop_attrs().assign_attrs(history="made by hand")),
        "center_of_geometry() of data in memory",
    ),
    "a tensor": (
        lambda ds: gd.radius_of_gyration(ds, tensor=True),
        "radius_of_gyration(tensor=True) of adk_dims.dcd with adk.psf",
    ),
    "energies": (
        lambda ds: gd.open_energies(DATA / "energies" / "small.tre", groups=["solute", "water"]),
        "open_energies(groups=['solute', 'water']) of small.tre",
    ),
    "a reference in a file": (
        lambda ds: gd.rmsd(ds, reference=str(files.PDB_small), atoms="name CA"),
        "rmsd(reference='adk_open.pdb', atoms='name CA') of adk_dims.dcd with adk.psf",
    ),
    "a topology of its own": (
        lambda ds: gd.energies(gd.open_trajectory(BUTANE[0]), BUTANE[1], cutoff=0.6),
        "energies(topology='butane.top', cutoff=0.6) of butane.trc",
    ),
    "forces": (
        lambda ds: gd.forces(gd.open_trajectory(*BUTANE), cutoff=0.6, precision="double"),
        "forces(cutoff=0.6, precision='double') of butane.trc with butane.top",
    ),
}


@pytest.mark.filterwarnings("ignore::gromos_dist.BrokenMoleculesWarning")
@pytest.mark.parametrize("case", LINES)
def test_the_line_is_what_a_person_would_write(ds: xr.Dataset, case: str) -> None:
    make, expected = LINES[case]
    result = make(ds)
    assert result.attrs["history"] == expected + VERSION
    # The same run gives the same bytes.
    again = make(ds)
    assert again.attrs["history"] == result.attrs["history"]
    assert again.attrs["provenance"].text == result.attrs["provenance"].text
    assert result.attrs["provenance"].line == result.attrs["history"]


def test_sets_have_one_order() -> None:
    """Python's is another one in each run, which would be refused as another run's store."""
    butane = gd.open_trajectory(*BUTANE)
    names = ["energy", "energy_bonded", "energy_nonbonded", "forces"]
    listed = gd.forces(butane, cutoff=0.6, variables=names).attrs
    for variables in (set(names), frozenset(names), dict.fromkeys(names[::-1]).keys()):
        assert gd.forces(butane, cutoff=0.6, variables=variables).attrs == listed


def test_a_history_of_others_is_kept_in_the_record(ds: xr.Dataset) -> None:
    foreign = ds.drop_attrs().assign_attrs(history="made by hand")
    record = gd.center_of_geometry(foreign).gromos.provenance()
    assert record["parameters"]["of"]["parameters"] == {"history": "made by hand"}


def test_every_file_of_two_trajectories_is_known(ds: xr.Dataset) -> None:
    record = gd.rmsd_matrix(ds, gd.open_trajectory(files.DCD2, files.PSF)).gromos.provenance()
    names = [Path(file["path"]).name for file in record["inputs"]]
    assert names == ["adk_dims.dcd", "adk.psf", "adk_dims2.dcd"]
    assert [of["call"] for of in record["parameters"]["of"]] == ["open_trajectory"] * 2


def test_topologies_that_are_no_files_tell_runs_apart() -> None:
    topology = made_by_hand()
    opened = [gd.open_trajectory(files.DCD, of, stop=1) for of in (topology, files.PSF)]
    assert opened[0].attrs["provenance"] != opened[1].attrs["provenance"]
    given = opened[0].gromos.provenance()["parameters"]["topology"]
    assert given == {"type": "Topology", "content_hash": topology.content_hash}


def test_words_for_values() -> None:
    values = {
        "path": Path("a/reference.pdb"),
        "slice": slice(0, 10),
        "text": "resid " + " ".join(map(str, range(100))),
        "groups": {"protein": "protein", "rest": [1, 2]},
        "number": np.float64(0.5),
        "scalar": np.array(2),
        "data": xr.Dataset(),
        "same": np.int64(3),
    }
    defaults = dict.fromkeys(values) | {"same": 3, "absent": None}
    assert call_text("f", values, defaults) == (
        "f(path='reference.pdb', slice=slice(0, 10, None), "
        "text='resid 0 1 2 3 4 5 6 7 8 9 10 ... 91 92 93 94 95 96 97 98 99', "
        "groups={'protein': 'protein', 'rest': [1, 2]}, number=0.5, scalar=2, data=<Dataset>)"
    )
    assert call_text("f", {"a": 1, "hidden": 2}, {"a": call_text}) == "f(a=1)"
    assert files_text(list("abcd"), ["x/t.top"]) == "a, b, c and 1 more with t.top"
    assert len(shortened("x" * 1000, 99)) == 99
    assert shortened("x" * 99, 99) == "x" * 99


# Short on the screen


def shown_lengths(data: xr.Dataset | xr.DataArray) -> Iterator[int]:
    """Yield how long each attribute is, as text and in a notebook."""
    _, _, attributes = repr(data).partition("Attributes:")
    yield from map(len, attributes.splitlines())
    with xr.set_options(display_width=10_000):
        _, _, attributes = repr(data).partition("Attributes:")
        yield from map(len, attributes.splitlines())
    for name, value in re.findall(r"<dt><span>(.*?)</span></dt><dd>(.*?)</dd>", data._repr_html_()):
        yield len(html.unescape(f"{name} {value}"))


def everything(tmp_path: Path) -> Iterator[xr.Dataset | xr.DataArray]:
    for names in (
        (files.DCD, files.PSF),
        (files.XTC, files.GRO),
        (files.TRR, files.GRO),
        (files.PDB_small, None),
        (files.GRO, None),
        BUTANE,
    ):
        yield gd.open_trajectory(*names)
    yield xr.open_dataset(files.DCD, engine="gromos", topology=files.PSF)
    yield gd.open_energies(DATA / "energies" / "small.tre")
    ds = gd.make_whole(
        gd.superpose(gd.make_whole(gd.open_trajectory(files.XTC, files.GRO))).assign(
            box=gd.open_trajectory(files.XTC).box
        )
    )
    yield ds
    ds = gd.open_trajectory(
        files.DCD, files.PSF, atoms="name CA or " + "resid 1:200 or " * 20 + "all"
    )
    ds = gd.superpose(gd.superpose(ds, fit="name CA"), fit="backbone", reference=ds.positions[1])
    atoms = "name CA and not (resid 1:3 or resid 5 7 9 11 13 15)"
    yield ds
    yield gd.rmsd(ds, atoms=atoms)
    yield gd.rmsd_matrix(ds, ds, atoms=atoms)
    for name in ("radius_of_gyration", "center_of_mass", "center_of_geometry"):
        yield getattr(gd, name)(ds, atoms=atoms)
    result = gd.radius_of_gyration(ds, atoms=atoms)
    yield quiet(result)
    yield quiet(result, gd.block_error)
    yield gd.statistical_inefficiency(result)
    yield gd.equilibration(result)
    yield gd.open_store(gd.store(result, tmp_path / "result.zarr"))
    yield gd.open_store(gd.store(result, tmp_path / "result.zarr")).radius_of_gyration
    yield gd.open_store(gd.store(result, tmp_path / "result.nc")).radius_of_gyration
    butane = gd.open_trajectory(*BUTANE)
    for name in ("forces", "energies"):
        result = getattr(gd, name)(butane, cutoff=0.6, groups="residue")
        yield result
        yield result.energy


def test_no_attribute_fills_the_screen(tmp_path: Path) -> None:
    calls = set()
    for data in everything(tmp_path):
        lengths = list(shown_lengths(data))
        assert lengths
        assert max(lengths) <= 200, data.attrs
        calls.add(data.gromos.provenance()["call"])
    assert {"open_trajectory", "open_energies", "rmsd", "forces", "make_whole"} <= calls
    many = butane_in_water(tmp_path)
    for name in sorted(set(CASES) - calls):
        data = CASES[name](many).compute()
        assert max(shown_lengths(data)) <= 200, data.attrs
        assert data.gromos.provenance()["call"] == name


# Whole wherever attributes go


def test_copies_and_pickles_are_whole(radius: xr.DataArray) -> None:
    record = radius.attrs["provenance"]
    copies = [pickle.loads(pickle.dumps(record, protocol)) for protocol in range(6)]
    copies += [pickle.loads(cloudpickle.dumps(record)), copy.copy(record), copy.deepcopy(record)]
    copies.append(radius.copy(deep=True).attrs["provenance"])
    copies.append(pickle.loads(pickle.dumps(radius)).attrs["provenance"])
    for of in copies:
        assert isinstance(of, Provenance)
        assert of.text == record.text
        assert hash(of) == hash(record)
        assert (of != record) is False
    assert json.loads(json.dumps({"provenance": record}))["provenance"] == [record.text]
    assert str(record) == repr(record) == f"{record}"
    assert str(record) == "<provenance of radius_of_gyration: .gromos.provenance()>"


def test_tokens_tell_records_apart(radius: xr.DataArray) -> None:
    other = radius.assign_attrs(provenance=record_of("radius_of_gyration", {"atoms": 1}, []))
    assert str(other.attrs["provenance"]) == str(radius.attrs["provenance"])
    assert other.attrs["provenance"] != radius.attrs["provenance"]
    assert not other.identical(radius)
    assert tokenize(other) != tokenize(radius)
    assert tokenize(radius) == tokenize(radius.copy())


OPERATIONS: dict[str, Callable[[xr.DataArray], Any]] = {
    "isel": lambda of: of.isel(frame=slice(2)),
    "load": lambda of: of.chunk(frame=1).load(),
    "persist": lambda of: of.chunk(frame=1).persist(),
    "assign": lambda of: of.to_dataset().assign(other=of).other,
    "arithmetic": lambda of: of * 2,
    "to_dict": lambda of: xr.DataArray.from_dict(of.to_dict()),
    **{
        f"{name.__name__} {how}": lambda of, name=name, how=how: name(of, how)
        for name in (
            lambda of, how: xr.concat([of, of], "frame", combine_attrs=how),
            lambda of, how: xr.merge([of, of], combine_attrs="override")[of.name],
        )
        for how in ("identical", "drop_conflicts", "no_conflicts", "override")
    },
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_of_xarray_keep_it_whole(radius: xr.DataArray, operation: str) -> None:
    with xr.set_options(keep_attrs=True):
        result = OPERATIONS[operation](radius)
    assert isinstance(result.attrs["provenance"], Provenance)
    assert result.attrs["provenance"].text == radius.attrs["provenance"].text
    assert result.gromos.provenance() == radius.gromos.provenance()


@pytest.mark.parametrize("how", ["identical", "no_conflicts"])
def test_different_records_are_a_conflict(radius: xr.DataArray, how: Any) -> None:
    other = radius.assign_attrs(provenance=record_of("radius_of_gyration", {"atoms": 1}, []))
    with pytest.raises(xr.MergeError):
        xr.concat([radius, other], "frame", combine_attrs=how)
    joined = xr.concat([radius, other], "frame", combine_attrs="drop_conflicts")
    assert "provenance" not in joined.attrs
    assert "units" in joined.attrs


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_files_of_xarray_itself_keep_it_whole(
    radius: xr.DataArray, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    dataset = radius.to_dataset().assign_attrs(radius.attrs)
    if kind == "netcdf":
        dataset.to_netcdf(path, engine="h5netcdf")
        opened = xr.open_dataset(path, engine="h5netcdf").load()
        assert opened.attrs["provenance"] == radius.attrs["provenance"].text
    else:
        dataset.to_zarr(path, zarr_format=3, consolidated=False)
        opened = xr.open_zarr(path, consolidated=False).load()
        assert opened.attrs["provenance"] == [radius.attrs["provenance"].text]
    opened.close()
    assert opened.attrs["provenance"] == radius.attrs["provenance"]
    assert (opened.attrs["provenance"] != radius.attrs["provenance"]) is False
    again = opened.radius_of_gyration
    assert again.gromos.provenance() == opened.gromos.provenance() == radius.gromos.provenance()
    assert again.identical(radius)
    # Everything that reads it takes it so: analyses, and stores.
    statistics = [quiet(data).attrs["provenance"].text for data in (again, radius)]
    assert statistics[0] == statistics[1]
    written = [gd.store(data, tmp_path / f"{i}.zarr") for i, data in enumerate((again, radius))]
    assert tree(written[0]) == tree(written[1])


def quiet(data: xr.DataArray, of: Any = gd.energy_statistics) -> Any:
    with pytest.warns(UserWarning, match="the error of"):
        return of(data)


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_our_stores_hold_plain_text_and_give_it_back(
    ds: xr.Dataset, radius: xr.DataArray, tmp_path: Path, suffix: str
) -> None:
    dataset = radius.chunk(frame=2).to_dataset().assign_attrs(ds.attrs)
    path = gd.store(dataset, tmp_path / f"result{suffix}")
    engine: Any = "h5netcdf" if suffix == ".nc" else "zarr"
    with xr.open_dataset(path, engine=engine) as plain:
        assert type(plain.attrs["provenance"]) is str
        assert plain.attrs["provenance"] == ds.attrs["provenance"].text
        assert type(plain.radius_of_gyration.attrs["provenance"]) is str
        assert plain.attrs["history"] == ds.attrs["history"]
    opened = gd.open_store(path)
    for of, expected in ((opened, ds), (opened.radius_of_gyration, radius)):
        assert isinstance(of.attrs["provenance"], Provenance)
        assert of.attrs["provenance"].text == expected.attrs["provenance"].text
        assert of.attrs["history"] == expected.attrs["history"]


def test_a_csv_begins_with_the_line(radius: xr.DataArray, tmp_path: Path) -> None:
    path = gd.store(radius, tmp_path / "radius.csv")
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert header[0] == f"# history: {radius.attrs['history']}"
    assert header[1].startswith("# units: time=ps, ")
    assert header[2] == f"# provenance: {radius.attrs['provenance'].text}"
    assert len(header) == 3
    table = pd.read_csv(path, comment="#")
    assert table.radius_of_gyration.to_numpy().tobytes() == radius.values.tobytes()


# What is asked for


def test_a_dataset_has_the_record_of_its_variables(radius: xr.DataArray) -> None:
    alone = radius.to_dataset()
    assert not alone.attrs
    assert alone.gromos.provenance() == radius.gromos.provenance()
    other = radius.rename("other").assign_attrs(provenance=record_of("other", {}, []))
    with pytest.raises(ValueError, match=r"radius_of_gyration, other have .*ds\['radius_of_gyr"):
        alone.assign(other=other).gromos.provenance()


def test_what_has_none_says_so(ds: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"positions has no provenance: .*ds\.gromos\.prov"):
        ds.positions.gromos.provenance()
    with pytest.raises(ValueError, match="this Dataset has no provenance"):
        xr.Dataset(attrs={"history": "by hand", "provenance": "{}"}).gromos.provenance()
    with pytest.raises(ValueError, match="this array has no provenance"):
        xr.DataArray([1.0], attrs={"history": 3}).gromos.provenance()


def test_arrays_have_the_analyses_too(ds: xr.Dataset) -> None:
    by_method = ds.positions.gromos.radius_of_gyration(atoms="name CA", mass_weighted=False)
    assert by_method.identical(
        gd.radius_of_gyration(ds.positions, atoms="name CA", mass_weighted=False)
    )
    assert len(ds.positions.gromos.select("name CA")) == 214


def test_a_variable_that_was_put_in_keeps_its_own_record(ds: xr.Dataset) -> None:
    put_in = ds.assign(positions=gd.superpose(ds, fit="name CA").positions)
    line = gd.center_of_geometry(put_in).attrs["history"]
    assert line.startswith("center_of_geometry() of superpose(fit='name CA') of adk_dims.dcd")


def test_derived_computes_nothing_and_takes_datasets(ds: xr.Dataset) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("computed")

    with dask.config.set(scheduler=refuse):
        for data in (ds, ds.isel(frame=slice(5))):
            attrs = derived([data], "f", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 1})
            assert attrs["history"] == f"f(b=2) of adk_dims.dcd with adk.psf{VERSION}"
        lazily = xr.open_dataset(files.DCD, engine="gromos")
        derived([lazily], "f", {}, {})
    record = provenance.parse(attrs["provenance"])
    assert record["parameters"]["c"] == 3
    names = {
        derived([data], "f", {}, {})["provenance"]
        for data in (ds, ds.isel(frame=slice(5)), ds.isel(frame=slice(6)))
    }
    assert len(names) == 3


# Stores of the version before


@pytest.fixture
def previous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of stores that have the whole record in ``history``; the version has not changed."""
    folder = tmp_path / "previous"
    shutil.copytree(DATA / "previous_version", folder)
    monkeypatch.setattr("gromos_dist.provenance.record.__version__", "0.1.0")
    return folder


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_stores_of_the_version_before_open(previous: Path, suffix: str) -> None:
    opened = gd.open_store(previous / f"result{suffix}").center_of_mass
    lazy = store_run.lazy_result(reference=0)
    np.testing.assert_array_equal(opened, lazy)
    assert opened.attrs["history"] == "center_of_mass(...) of md.trc; gromos_dist 0.1.0"
    expected = lazy.gromos.provenance()
    del expected["written"]
    assert opened.gromos.provenance() == expected
    as_plain = xr.open_dataset(previous / "result.nc", engine="h5netcdf").center_of_mass
    assert as_plain.gromos.provenance() == expected
    as_plain.close()


def test_stores_of_the_version_before_go_on(
    previous: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    log.mkdir()
    lazy = store_run.lazy_result(reference=0)
    path = previous / "result.zarr"
    before = tree(path)
    gd.store(lazy, path)
    assert tree(path) == before
    for block in (8, 9):
        (path / "center_of_mass" / "c" / str(block) / "0").unlink()
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["complete"] = False
    (path / "zarr.json").write_text(json.dumps(root, indent=2))
    monkeypatch.setenv("STORE_RUN_LOG", str(log))
    gd.store(lazy, path)
    # Another Dask may name the graph otherwise: then the first and the last block are compared.
    assert {name.name.split(".")[0] for name in log.iterdir()} - {"0", "7"} == {"8", "9"}
    opened = gd.open_store(path).center_of_mass
    assert opened.attrs["history"] == lazy.attrs["history"]
    assert isinstance(opened.attrs["provenance"], Provenance)
    with pytest.raises(FileExistsError, match=r"parameters\.reference: in the store 0, now 5"):
        gd.store(store_run.lazy_result(reference=5), path)


def test_another_name_of_the_file_is_the_same_run(tmp_path: Path) -> None:
    here, there = (
        store_run.lazy_result(reference=0).assign_attrs(
            record_of("f", {}, [InputFile(path, 1000, "quick:00")], defaults={}).attributes
        )
        for path in ("here/md.trc", "there/other.trc")
    )
    assert here.attrs["history"] != there.attrs["history"]
    path = gd.store(here, tmp_path / "result.zarr")
    before = tree(path)
    gd.store(there, path)
    assert tree(path) == before


def test_info_tells_of_both_trajectories(ds: xr.Dataset, tmp_path: Path) -> None:
    some = ds.isel(frame=slice(3))
    other = gd.open_trajectory(files.DCD2, files.PSF, stop=2)
    path = gd.store(gd.rmsd_matrix(some, other, atoms="name CA"), tmp_path / "matrix.zarr")
    result = CliRunner().invoke(application, ["info", str(path)])
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert re.search(r"computed by rmsd_matrix.* of open_trajectory.* of open_trajectory", words)
    assert "stop = 2" in words
    assert "adk_dims2.dcd" in result.output
