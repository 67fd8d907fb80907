"""How results are summed up and drawn: by their views, or by their dims."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from conftest import AdK
from test_cli import BUTANE, PROGRAM, invoke, refuse, succeed, words

import gromos_dist as gd
from gromos_dist import plot
from gromos_dist.analysis.declare import ANALYSES
from gromos_dist.cli import docstrings
from gromos_dist.cli.facts import of_events, of_matrix, of_series, of_values
from gromos_dist.cli.run import Input
from gromos_dist.cli.views import VIEWS, view_of
from gromos_dist.cli.vocabulary import weights


def profile() -> xr.DataArray:
    """Fluctuations of three atoms."""
    return xr.DataArray(
        [0.1, 0.3, 0.2],
        dims="atom",
        name="fluctuation",
        coords={
            "atom_number": ("atom", [4, 5, 9]),
            "atom_name": ("atom", ["N", "CA", "N"]),
            "residue_name": ("atom", ["LYS", "LYS", "GLY"]),
            "residue": ("atom", [7, 7, 8]),
        },
        attrs={"units": "nm", "long_name": "fluctuation"},
    )


class TestFacts:
    """Numbers, and the words for them."""

    def test_a_profile_tells_atoms(self) -> None:
        facts = of_values(profile())
        assert facts.values["maximum"] == {"value": 0.3, "atom": 5, "name": "CA of LYS 7"}
        assert ("maximum", "0.3 nm at atom 5 (CA of LYS 7)") in facts.rows
        assert not any("frame" in text for _, text in facts.rows)

    def test_a_profile_without_names(self) -> None:
        bare = profile().drop_vars(["atom_number", "atom_name", "residue_name", "residue"])
        assert ("maximum", "0.3 nm at atom 1") in of_values(bare).rows

    def test_other_dims_have_their_units(self) -> None:
        distance = xr.DataArray([0.1, 0.25], dims="distance", attrs={"units": "nm"})
        found = xr.DataArray([1.0, 3.0], {"distance": distance}, "distance", "g")
        assert ("maximum", "3 at distance 0.25 nm") in of_values(found).rows

    def test_numbers_that_are_missing_are_left_out(self) -> None:
        some = profile().where(profile() != 0.2)
        assert of_values(some).values["mean"] == pytest.approx(0.2)
        assert of_values(some * np.nan).rows == ()

    def test_parts_are_told_one_by_one(self) -> None:
        centre = xr.DataArray(
            np.arange(6.0).reshape(2, 3), {"xyz": [*"xyz"]}, ("frame", "xyz"), "c", {"units": "nm"}
        )
        facts = of_series(centre)
        assert facts.values["parts"]["y"]["mean"] == 2.5
        assert facts.rows[1] == ("y", "mean 2.5 nm, standard deviation 1.5 nm, last 4 nm")

    def test_a_number_alone(self) -> None:
        assert of_values(xr.DataArray(2.5, name="n", attrs={"units": "nm"})).rows == (
            ("value", "2.5 nm"),
        )

    def test_nothing(self) -> None:
        none = xr.DataArray(np.empty(0), dims="frame", name="n")
        assert of_series(none).rows == ()
        assert of_matrix(xr.DataArray(np.empty((0, 0)), dims=("frame", "other_frame"))).rows == ()
        events = xr.Dataset({"first": ("edge", [0])}, {"frame": ("event", np.empty(0, int))})
        assert of_events(events).values == {"events": 0}


class TestViews:
    """The table of views."""

    @pytest.mark.parametrize(
        ("dims", "expected"),
        [
            (("frame",), "time series"),
            (("frame", "xyz"), "time series"),
            (("frame", "other_frame"), "matrix"),
            (("frame", "atom", "xyz"), "trajectory"),
            (("residue",), "profile"),
            (("x", "y"), "map"),
            ((), "number"),
        ],
    )
    def test_a_view_that_is_not_known_falls_back_to_the_dims(
        self, dims: tuple[str, ...], expected: str
    ) -> None:
        result = xr.DataArray(np.ones((2,) * len(dims)), dims=dims, name="n")
        assert view_of("of my own", result) is VIEWS[expected]
        assert view_of("matrix", result) is VIEWS["matrix"]

    @pytest.mark.parametrize("view", ["map", "profile", "time series", "matrix"])
    def test_pictures(self, view: str, tmp_path: Path) -> None:
        height = ("height", [0.1, 0.2, 0.4], {"units": "nm", "long_name": "height above it"})
        dims = {"map": ("height", "residue"), "profile": ("height",)}.get(view, ("frame", "xyz"))
        sizes = {"height": 3, "residue": 2, "frame": 4, "xyz": 3}
        array = xr.DataArray(
            np.arange(float(np.prod([sizes[dim] for dim in dims]))).reshape(
                [sizes[dim] for dim in dims]
            ),
            dims=dims,
            name="density",
        )
        if "height" in dims:
            array = array.assign_coords(height=height)
        if "residue" in dims:
            array = array.assign_coords(residue=["LYS1", "GLY2"])
        path = tmp_path / "a.png"
        VIEWS[view].draw(array, path, "title", {})
        assert path.read_bytes().startswith(b"\x89PNG")

    def test_axes_have_units_and_names(self) -> None:
        array = xr.DataArray(np.ones((2, 3)), dims=("height", "residue"), name="density")
        array = array.assign_coords(
            height=("height", [0.1, 0.2], {"units": "nm"}), residue=["LYS1", "GLY2", "GLY3"]
        )
        axes = plot.plot_matrix(array)
        assert (axes.get_ylabel(), axes.get_xlabel()) == ("Height (nm)", "Residue")
        assert [text.get_text() for text in axes.get_xticklabels()] == ["LYS1", "GLY2", "GLY3"]
        (axes,) = plot.plot_profile(profile()).axes
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("Atom", "Fluctuation (nm)")
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), [4, 5, 9])
        with pytest.raises(ValueError, match="one dimension, or up to 5 curves"):
            plot.plot_profile(xr.DataArray(np.ones((6, 7)), dims=("a", "b")))

    def test_short_names_stand_with_the_variables(self) -> None:
        assert plot.name_of(xr.DataArray(name="rmsd", attrs={"long_name": "long"})) == "RMSD"
        assert ANALYSES["rmsd"].results[0].short_name == "RMSD"

    def test_what_cannot_be_drawn_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="nothing in n can be drawn"):
            VIEWS["number"].picture(xr.DataArray(1.0, name="n"), tmp_path / "a.png", "", {})


class TestOptionsThatFollowFromTheFunction:
    """Options that no one has listed for the command."""

    def test_tensor(self, tmp_path: Path) -> None:
        output, picture = tmp_path / "t.nc", tmp_path / "t.png"
        succeed("rgyr", *BUTANE, "--whole", "--tensor", "-o", output, "-p", picture)
        ds = gd.make_whole(gd.open_trajectory(BUTANE[0], BUTANE[2]))
        with xr.open_dataset(output) as written:
            expected = gd.radius_of_gyration(ds, tensor=True)
            np.testing.assert_array_equal(written["gyration_tensor"], expected)

    def test_centres(self, tmp_path: Path) -> None:
        output = tmp_path / "c.csv"
        text = words(succeed("center-of-mass", *BUTANE, "--whole", "-o", output).stdout)
        ds = gd.make_whole(gd.open_trajectory(BUTANE[0], BUTANE[2]))
        expected = gd.center_of_mass(ds)
        assert f"x mean {float(expected[:, 0].mean()):.5g} nm" in text

    def test_other(self, adk: AdK, mdanalysis_data: Path) -> None:
        other = mdanalysis_data / "adk_dims2.dcd"
        options = ("-t", adk.psf, "-a", "name CA", "--stride", "20", "--other", other, "--json")
        found = json.loads(succeed("rmsd-matrix", adk.dcd, *options).stdout)
        first = gd.open_trajectory(adk.dcd, adk.psf, stride=20)
        expected = gd.rmsd_matrix(first, gd.open_trajectory(other, adk.psf), atoms="name CA")
        assert found["maximum"]["value"] == float(expected.max())


class TestSmallFaults:
    """What went wrong once."""

    def test_a_picture_of_forces_shows_forces(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn: list[Any] = []
        monkeypatch.setattr(plot, "plot_profile", lambda *a, **_: drawn.append(a[0]))
        options = ("-c", "0.6", "-o", tmp_path / "f.zarr", "-p", tmp_path / "f.png")
        succeed("forces", *BUTANE, *options)
        forces = gd.forces(gd.open_trajectory(BUTANE[0], BUTANE[2]), cutoff=0.6).forces
        expected = ((forces.astype(float) ** 2).sum("xyz").mean("frame") ** 0.5).values
        np.testing.assert_allclose(drawn[0].values, expected)
        assert drawn[0].attrs["units"] == "kJ mol-1 nm-1"

    @pytest.mark.parametrize("option", ["--json", "--overwrite"])
    def test_nothing_can_be_printed(self, option: str, tmp_path: Path) -> None:
        command = ["sh", "-c", '"$@" >&-', "sh", PROGRAM, "rgyr", *BUTANE, option]
        finished = subprocess.run(
            list(map(os.fspath, command)), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 2
        assert finished.stderr.endswith(
            "standard output is closed, so that nothing can be printed\n"
        )

    def test_a_name_that_is_no_command_is_guessed(self) -> None:
        result = invoke("rmds")
        assert result.exit_code == 2
        assert re.search(r"Did you mean .*'rmsd'.*\?", words(result.stderr))

    def test_weights_that_are_no_numbers(self, tmp_path: Path) -> None:
        path = tmp_path / "w.csv"
        path.write_text("# of a run\ntime,weight\n0,1.5\n1,2.5\n")
        source = Input(["md.trc"])
        np.testing.assert_array_equal(weights(str(path), source), [1.5, 2.5])
        path.write_text("1.0\nmany\n")
        with pytest.raises(ValueError, match="expected a number a frame, found 'many'"):
            weights(str(path), source)

    def test_a_store_that_is_no_result(self, tmp_path: Path) -> None:
        xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        assert "a result that was written here" in refuse("info", tmp_path / "a.nc")


def test_docstrings() -> None:
    found = docstrings.parse(gd.rmsd.__doc__)
    assert found.summary == "Root-mean-square deviation of every frame from a reference."
    assert found.parameters["atoms"][0] == "str or sequence of int, optional"
    assert found.commands[0][0] == "Numbers and a picture:"
    assert docstrings.parse(None).summary == ""
    said = docstrings.in_words("Of ``x`` [2]_, :math:`a`; `fit` when None.", {"fit": "--fit"})
    assert said == "Of x, a; --fit if not given."


class TestRadialDistributions:
    """The view of what `rdf` gives."""

    def two(self) -> xr.Dataset:
        distance = (np.arange(8) + 0.5) * 0.1
        attrs = {"units": "nm"}
        return xr.Dataset(
            {
                "rdf": (
                    *(("set", "distance"),),
                    [[0, 0, 2.5, 0.5, 0.8, 1.2, 0.1, 1], [0, 0.5, 1, 1, 1, 1, 1, 1.0]],
                ),
                "coordination_number": (("set", "distance"), np.arange(16.0).reshape(2, 8)),
                "density": ("set", [30.0, 5.0]),
                "n_pairs": (("set", "distance"), np.ones((2, 8), int)),
            },
            {
                "set": ["O-O", "O-H"],
                "distance": ("distance", distance, attrs),
                "upper_edge": ("distance", distance + 0.05, attrs),
            },
        )

    def test_the_first_shell_is_told(self) -> None:
        facts = VIEWS["radial distribution"].facts(self.two().isel(set=0, drop=True))
        assert facts.values["peak"] == {"value": 2.5, "distance": pytest.approx(0.25)}
        # The lower value at 0.65 nm belongs to another shell.
        assert facts.values["first_shell"] == {"value": 3.0, "distance": pytest.approx(0.4)}
        assert facts.values["density"] == 30.0
        assert facts.values["pairs"] == 8
        assert ("first peak", "2.5 at 0.25 nm") in facts.rows

    def test_several_sets_have_their_names(self) -> None:
        facts = VIEWS["radial distribution"].facts(self.two())
        assert list(facts.values["sets"]) == ["O-O", "O-H"]
        assert ("O-H: density", "5 nm-3") in facts.rows

    def test_nothing_is_told_of_a_shell_that_is_not_there(self) -> None:
        nothing = self.two().isel(set=0, drop=True)
        facts = VIEWS["radial distribution"].facts(nothing.assign(rdf=nothing.rdf * np.nan))
        assert "peak" not in facts.values

    def test_picture(self, tmp_path: Path) -> None:
        figure = plot.plot_radial_distribution(self.two(), tmp_path / "rdf.svg", title="Two")
        g, n = figure.axes
        assert len(g.get_lines()) == 3
        assert len(n.get_lines()) == 2
        np.testing.assert_allclose(n.get_lines()[1].get_xdata(), self.two().upper_edge)
        assert g.get_xlim() == (0.0, pytest.approx(0.8))
        assert (tmp_path / "rdf.svg").stat().st_size
        many = xr.concat([self.two()] * 3, "set")
        with pytest.raises(ValueError, match="up to 5"):
            plot.plot_radial_distribution(many)


def test_pairs_of_sets_are_said_at_the_command(tmp_path: Path) -> None:
    path = tmp_path / "rdf.nc"
    asked = ("--sets", "O-O=name OW", "--sets", "O-H=name OW with name HW1 or name HW2")
    succeed("rdf", *BUTANE, *asked, "--r-max", "0.4", "--bins", "8", "-o", path)
    ds = gd.open_trajectory(BUTANE[0], BUTANE[2])
    sets = {"O-O": ("name OW", None), "O-H": ("name OW", "name HW1 or name HW2")}
    expected = gd.rdf(ds, sets=sets, r_max=0.4, bins=8).compute()
    xr.testing.assert_equal(gd.open_store(path).load(), expected)
    assert "--sets" in refuse("rdf", *BUTANE, "--sets", "name OW")
    assert "two pairs" in refuse("rdf", *BUTANE, "--sets", "a=name OW", "--sets", "a=name HW1")


def test_the_atoms_of_a_nearest_pair_are_not_summed_up() -> None:
    ds = gd.open_trajectory(BUTANE[0], BUTANE[2])
    found = gd.minimum_distance(ds, [0], "name OW", with_atoms=True).compute()
    facts = VIEWS["nearest pair"].facts(found)
    assert facts.values["quantity"] == "minimum_distance"
    # As text: of three frames the error is NaN.
    assert repr(facts) == repr(of_series(found.minimum_distance))
