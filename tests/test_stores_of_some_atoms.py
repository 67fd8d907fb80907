"""A store of some atoms, with the topology of the whole file or of these atoms alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.analysis.connections import labelled_by
from gromos_dist.cli.application import application
from gromos_dist.errors import TopologyError
from gromos_dist.topology import load_topology


@pytest.fixture(scope="module")
def chosen(adk: AdK) -> xr.Dataset:
    return gd.open_trajectory(adk.dcd, adk.psf, atoms="resid 100:120", stop=3)


@pytest.fixture(scope="module")
def path(chosen: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gd.store(chosen, tmp_path_factory.mktemp("some") / "some.zarr", progress=False)


def test_the_topology_of_the_whole_file_names_the_right_atoms(
    chosen: xr.Dataset, path: Path, adk: AdK
) -> None:
    bare = gd.open_store(path)
    bare = bare.drop_vars([name for name in bare.coords if name not in ("time", "atom_number")])
    labelled = labelled_by(load_topology(adk.psf), bare)
    for name in ("atom_name", "residue", "mass", "atom_number", "bonds"):
        np.testing.assert_array_equal(labelled[name], chosen[name])
    other = load_topology(adk.psf).with_n_atoms(3341)
    with pytest.raises(TopologyError, match="3341"):
        labelled_by(other, bare.isel(atom=slice(3)).drop_vars("atom_number"))


def test_commands_with_the_topology_of_the_whole_file(
    chosen: xr.Dataset, path: Path, adk: AdK, tmp_path: Path
) -> None:
    csv = tmp_path / "rgyr.csv"
    command = ["rgyr", str(path), "--top", str(adk.psf), "--atoms", "resid 105:110"]
    result = CliRunner().invoke(application, [*command, "-o", str(csv)])
    assert result.exit_code == 0, result.output
    rows = np.loadtxt(csv, delimiter=",", skiprows=sum(line[0] in "#t" for line in csv.open()))
    radius = gd.radius_of_gyration(chosen, atoms="resid 105:110")
    np.testing.assert_array_equal(rows[:, 1], radius)
    result = CliRunner().invoke(application, ["info", str(path), "--top", str(adk.psf), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)["topology"]
    assert told["residues"] == 21
    assert told["mass"] == pytest.approx(float(chosen.mass.sum()))
