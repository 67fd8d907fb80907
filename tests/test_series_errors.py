"""Errors of means by blocks, statistical inefficiency and equilibration of any result."""

import itertools
import json
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from test_cli import PROGRAM, refuse, succeed, words
from test_statistics import autoregressive, frames

import gromos_dist as gd
from gromos_dist import provenance
from gromos_dist.analysis.inefficiency import equilibrium_of, statistical_inefficiency_of
from gromos_dist.cli.facts import of_events, of_series
from gromos_dist.errors import FrameError
from gromos_dist.plot import plot_block_errors

DATA = Path(__file__).parent / "data" / "energies"


def quiet(function: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*arguments)


def plain_inefficiency(values: np.ndarray) -> float:
    """The sum of correlations, lag by lag."""
    n = len(values)
    deviations = values - values.mean()
    variance = (deviations**2).mean()
    g = 1.0
    for t in range(1, n - 1):
        correlation = (deviations[: n - t] * deviations[t:]).sum() / ((n - t) * variance)
        if correlation <= 0 and t > 3:
            break
        g += 2 * correlation * (1 - t / n)
    return max(g, 1.0)


def plain_worths(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inefficiency of what follows each start, and how many frames that is worth."""
    n = len(values)
    inefficiencies, worths = np.ones(n - 1), np.ones(n - 1)
    for start in range(n - 1):
        rest = values[start:]
        if np.ptp(rest) == 0:
            continue
        deviations = rest - rest.mean()
        variance = (deviations**2).mean()
        g, t, step = 1.0, 1, 1
        while t < len(rest) - 1:
            correlation = (deviations[:-t] * deviations[t:]).sum() / ((len(rest) - t) * variance)
            if correlation <= 0 and t > 3:
                break
            g += 2 * correlation * (1 - t / len(rest)) * step
            t, step = t + step, step + 1
        inefficiencies[start] = max(g, 1.0)
        worths[start] = (len(rest) + 1) / inefficiencies[start]
    return inefficiencies, worths


@given(st.integers(6, 80), st.floats(0, 0.97), st.integers(0, 2**32), st.floats(-1e4, 1e4))
def test_inefficiency_by_its_sum(n: int, phi: float, seed: int, shift: float) -> None:
    values = autoregressive(n, phi, seed) + shift
    found = gd.statistical_inefficiency(frames(values))
    np.testing.assert_allclose(found, plain_inefficiency(values), rtol=1e-8)


@given(st.integers(6, 60), st.floats(0, 0.97), st.integers(0, 2**32), st.floats(-30, 30))
def test_equilibrium_by_trying_all_starts(n: int, phi: float, seed: int, drift: float) -> None:
    values = autoregressive(n, phi, seed) + drift * np.exp(-np.arange(n) / n * 10) + 3
    start, inefficiency, n_effective = equilibrium_of(values)
    inefficiencies, worths = plain_worths(values)
    np.testing.assert_allclose(worths[start], worths.max(), rtol=1e-8)
    np.testing.assert_allclose(inefficiency, inefficiencies[start], rtol=1e-8)
    np.testing.assert_allclose(n_effective, (n - start) / inefficiency, rtol=1e-12)


def test_a_far_beginning_costs_no_digits() -> None:
    """As of a minimisation: the first values are larger by ten orders of magnitude."""
    values = autoregressive(400, 0.5, 2)
    values[:20] += 1e10 * np.exp(-np.arange(20.0))
    start, inefficiency, _ = equilibrium_of(values)
    inefficiencies, worths = plain_worths(values)
    assert start == worths.argmax() == 19
    np.testing.assert_allclose(inefficiency, inefficiencies[start], rtol=1e-10)


def test_what_pymbar_says() -> None:
    timeseries = pytest.importorskip("pymbar.timeseries")
    for n, phi, seed in itertools.product((50, 501, 1024), (0.0, 0.6, 0.95), range(3)):
        values = autoregressive(n, phi, seed) + 8 * np.exp(-np.arange(n) / 20)
        found = statistical_inefficiency_of(values - values.mean())
        np.testing.assert_allclose(found, timeseries.statistical_inefficiency(values), rtol=1e-10)
        start, inefficiency, worth = timeseries.detect_equilibration(values)
        ours = equilibrium_of(values)
        assert ours.start == start
        # Those of pymbar have single precision, and it counts one frame more than there is.
        np.testing.assert_allclose(ours.inefficiency, inefficiency, rtol=1e-6)
        np.testing.assert_allclose(ours.n_effective + 1 / ours.inefficiency, worth, rtol=1e-6)


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_a_known_process(phi: float) -> None:
    series = np.stack([autoregressive(8192, phi, seed) for seed in range(30)], axis=1)
    exact = (1 + phi) / (1 - phi)
    found = gd.statistical_inefficiency(frames(series, "series"))
    assert found.dims == ("series",)
    assert abs(float(found.mean()) / exact - 1) < 0.1
    errors = gd.block_error(frames(series, "series"))
    scatter = np.sqrt(float((series.mean(axis=0) ** 2).mean()))
    assert abs(float(errors.error.mean()) / scatter - 1) < 0.25
    # The error's own error is what errors scatter by.
    assert abs(float(errors.error.std() / errors.error_of_error.mean()) - 1) < 0.4


def test_blocks_by_hand() -> None:
    values = autoregressive(300, 0.6, 5)
    found = gd.block_error(frames(values, units="nm", long_name="length"))
    by_length = dict(zip(found.block_length.values, found.error_by_length.values, strict=True))
    # Of 9 whole blocks; what is left over at the end counts no more.
    blocks = values[:288].reshape(9, 32).mean(axis=1)
    expected = blocks.std(ddof=1) / 3
    np.testing.assert_allclose(by_length[32], expected, rtol=1e-12)
    own = found.error_of_error_by_length.sel(block_length=32)
    np.testing.assert_allclose(own, expected / 4, rtol=1e-12)
    assert found.error == found.error_by_length.sel(block_length=found.plateau)
    inefficiencies = (found.error_by_length / found.error_by_length[0]) ** 2
    enough = found.block_length**3 > 2 * 300 * inefficiencies**2
    assert found.plateau == found.block_length[enough][0]
    assert found.error.attrs["units"] == "nm"
    assert found.error.attrs["long_name"] == "error of the mean of length"


@pytest.mark.parametrize("method", ["flyvbjerg_petersen", "gromos"])
def test_the_error_is_that_of_the_statistics(method: Any) -> None:
    ds = gd.open_energies(DATA / "series.tre.gz")
    expected = quiet(lambda: gd.energy_statistics(ds, method=method)).sel(statistic="error")
    found = quiet(lambda: gd.block_error(ds, method=method))
    for name in ds:
        np.testing.assert_array_equal(found[f"{name}_error"], expected[name])
        assert found[f"{name}_error"].dims == ds[name].dims[1:]
    if method == "gromos":
        assert np.isnan(found.energy_error_of_error.sel(term="potential"))
        assert np.isnan(found.energy_plateau).all()


def test_what_gromos_tser_printed(reference: Path) -> None:
    """The footers of tser have no error, since 100 frames are too few for it: nor have we."""
    folder = reference / "analysis" / "pla2"
    text = (folder / "tser_dist_nog.out").read_text()
    rows = [line.split() for line in text.splitlines() if line[:1] not in ("#", "")]
    values = np.array(rows, float)[:, 1:]
    footers = re.findall(r"^# Dist\S+\s+(\S+)\s+(\S+)\s+-nan", text, re.M)
    assert len(footers) == values.shape[1]
    series = frames(values, "distance")
    with pytest.warns(UserWarning, match="100 frames are too few"):
        found = gd.block_error(series, method="gromos")
    assert np.isnan(found.error).all()
    statistics = quiet(lambda: gd.energy_statistics(series, method="gromos"))
    printed = np.array(footers, float).T
    # Of values with six digits.
    np.testing.assert_allclose(statistics[:2], printed, rtol=2e-5, atol=2e-6)


def test_any_shape_and_chunks_give_the_same_bits() -> None:
    values = np.stack([autoregressive(300, 0.7, seed) for seed in range(4)], 1).reshape(300, 2, 2)
    array = frames(values, "a", "b").assign_coords(time=("frame", np.arange(300) * 0.5))
    for function in (gd.block_error, gd.statistical_inefficiency, gd.equilibration):
        whole = quiet(function, array)
        for same in (array.transpose("a", "b", "frame"), array.chunk(frame=7, a=1)):
            xr.testing.assert_identical(quiet(function, same).drop_attrs(), whole.drop_attrs())
        for i, j in itertools.product(range(2), range(2)):
            one = quiet(function, array[:, i, j])
            xr.testing.assert_identical(whole.isel(a=i, b=j).drop_attrs(), one.drop_attrs())


def test_times_and_names_of_equilibration() -> None:
    values = autoregressive(500, 0.3, 1) + 20 * np.exp(-np.arange(500) / 10)
    series = frames(values, units="nm", long_name="radius")
    series = series.assign_coords(time=("frame", 5 + np.arange(500) * 2.0, {"units": "ps"}))
    found = gd.equilibration(series)
    assert 30 < int(found.start) < 120
    assert found.start_time == series.time[int(found.start)]
    assert found.start_time.attrs["units"] == "ps"
    rest = gd.statistical_inefficiency(series[int(found.start) :])
    assert abs(float(found.statistical_inefficiency / rest) - 1) < 0.5
    of_dataset = gd.equilibration(xr.Dataset({"radius": series, "other": ("x", [1.0])}))
    assert list(of_dataset) == [f"radius_{name}" for name in found]
    assert of_dataset.radius_start == found.start
    record = provenance.parse(found.attrs["provenance"])
    assert record["call"] == "equilibration"


def test_of_a_trajectory(adk: Any) -> None:
    psf, dcd = adk
    radius = gd.radius_of_gyration(gd.open_trajectory(dcd, psf), atoms="name CA")
    found = quiet(radius.gromos.block_error)
    assert found.attrs["history"].startswith("block_error() of radius_of_gyration(")
    assert found.error_by_length.attrs["units"] == "nm"


def test_constant_series_are_said() -> None:
    values = frames(np.stack([np.full(40, 0.1), autoregressive(40, 0.0, 1)], 1), "term")
    with pytest.warns(UserWarning, match="1 series does not vary.*the error is 0"):
        found = gd.block_error(values)
    assert found.error[0] == 0
    assert np.isnan(found.plateau[0])
    with pytest.warns(UserWarning, match="does not vary.*statistical inefficiency is NaN"):
        inefficiency = gd.statistical_inefficiency(values)
    assert np.isnan(inefficiency[0])
    assert inefficiency[1] >= 1
    with pytest.warns(UserWarning, match="does not vary"):
        equilibrium = gd.equilibration(values)
    assert equilibrium.start[0] == 0
    assert equilibrium.n_effective[0] == 1
    # What becomes constant is worth one frame from there on.
    values = np.concatenate([autoregressive(30, 0.0, 2), np.full(1000, 7.0)])
    assert equilibrium_of(values).start < 30


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_frames_are_said(n: int) -> None:
    values = frames(np.arange(float(n)), units="nm")
    for function in (gd.statistical_inefficiency, gd.equilibration):
        with pytest.warns(UserWarning, match=f"{n} frames are too few.*at least 6"):
            found = function(values)
        found = found if isinstance(found, xr.DataArray) else found.statistical_inefficiency
        assert np.isnan(found)
    with pytest.warns(UserWarning, match="is NaN: .* frames are too few"):
        assert np.isnan(gd.block_error(values).error)


def test_missing_values_are_refused_unless_there_are_none() -> None:
    values = np.stack([autoregressive(50, 0.1, 1), np.full(50, np.nan)], 1)
    for function in (gd.block_error, gd.statistical_inefficiency, gd.equilibration):
        found = function(frames(values, "term"))
        for array in [found] if isinstance(found, xr.DataArray) else found.values():
            assert np.isnan(array.isel(term=1)).all() or array.name == "start"
        broken = values.copy()
        broken[7, 0] = np.nan
        with pytest.raises(FrameError, match="frame 7: a value of x is NaN"):
            function(frames(broken, "term"))
        with pytest.raises(ValueError, match="with the dim 'frame'"):
            function(xr.DataArray([1.0], dims="time", name="x"))
        with pytest.raises(ValueError, match="there is no frame"):
            function(frames(np.empty(0)))
    with pytest.raises(ValueError, match="method: expected"):
        gd.block_error(frames(values, "term"), method="x")  # type: ignore[arg-type]


class TestSummaries:
    """Means of summaries carry their errors."""

    def test_a_series(self) -> None:
        series = frames(autoregressive(2000, 0.8, 4) * 0.01 + 0.3, units="nm")
        facts = of_series(series)
        error = float(gd.block_error(series).error)
        g = float(gd.statistical_inefficiency(series))
        assert facts.values["error_of_mean"] == error
        assert facts.values["statistical_inefficiency"] == g
        expected = f"{float(series.mean()):.5f} ± {error:.5f} nm"
        assert facts.rows[0] == ("mean", f"{expected} (statistical inefficiency {g:.3g} frames)")
        assert not any("error" in name for name, _ in facts.rows)

    def test_parts(self) -> None:
        values = np.stack([autoregressive(500, 0.2, seed) for seed in range(2)], 1)
        rows = of_series(frames(values, "axis", units="nm").assign_coords(axis=["x", "y"])).rows
        assert [name for name, _ in rows] == ["x", "y"]
        assert re.match(
            r"mean \S+ ± \S+ nm \(statistical inefficiency \S+ frames\), sta", rows[0][1]
        )

    def test_what_is_not_known_is_said(self) -> None:
        rising = frames(np.arange(50.0), units="nm")
        for series in (rising, rising.where(rising != 3)):
            facts = of_series(series)
            assert "±" not in facts.rows[0][1]
            assert facts.rows[1][0] == "error of the mean"
            assert facts.rows[1][1].startswith("unknown: ")
            assert np.isnan(facts.values["error_of_mean"])

    def test_a_constant(self) -> None:
        facts = of_series(frames(np.full(20, 2.5), units="nm"))
        assert facts.rows[0] == ("mean", "2.5 nm in every frame")

    def test_events(self) -> None:
        counts = np.random.default_rng(3).integers(3, 9, 400)
        first = np.concatenate([[0], np.cumsum(counts)])
        facts = of_events(xr.Dataset({"first": ("edge", first)}))
        assert facts.values["error_of_mean"] == float(gd.block_error(frames(counts)).error)
        assert "±" in dict(facts.rows)["mean in a frame"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    values = np.stack([autoregressive(400, 0.5, seed) for seed in range(2)], axis=1)
    series = frames(values, "axis", units="nm", long_name="place")
    series = series.assign_coords(
        axis=["x", "y"], time=("frame", np.arange(400) * 2.0, {"units": "ps"})
    )
    for suffix in (".csv", ".zarr", ".nc"):
        gd.store(series, folder / f"place{suffix}", progress=False)
    gd.store(series[:, 0], folder / "one.csv", progress=False)
    return folder


class TestCommands:
    """Of results that were written."""

    def test_block_error(self, folder: Path) -> None:
        expected = gd.block_error(gd.open_store(folder / "place.zarr").x)
        picture = folder / "error.png"
        for suffix in (".csv", ".zarr", ".nc"):
            text = words(succeed("block-error", folder / f"place{suffix}").stdout)
            error = float(expected.error[0])
            assert f"{error:.3f} ± " in text
            assert "nm, by blocks of" in text
        succeed("block-error", folder / "one.csv", "--plot", picture)
        assert picture.read_bytes()[:4] == b"\x89PNG"
        found = json.loads(succeed("block-error", folder / "place.nc", "--json").stdout)
        assert found["errors"]["x y"]["error"] == float(expected.error[1])

    def test_inefficiency_and_equilibration(self, folder: Path) -> None:
        series = gd.open_store(folder / "place.zarr").x
        text = succeed("statistical-inefficiency", folder / "place.csv", "--start", "100").stdout
        assert f"x x {float(gd.statistical_inefficiency(series[100:, 0])):.5g}" in words(text)
        found = json.loads(succeed("equilibration", folder / "place.zarr", "--json").stdout)
        expected = gd.equilibration(series)
        assert found["values"]["x n effective y"] == float(expected.n_effective[1])

    def test_refusals(self, folder: Path, tmp_path: Path) -> None:
        assert "first measure something" in refuse("block-error", folder / "md.dcd")
        other = tmp_path / "other.csv"
        other.write_text("a,b\n1,2\n")
        assert "found the columns a, b" in refuse("block-error", other)
        other.write_text("time,b\n1,x\n")
        assert "expected numbers" in refuse("block-error", other)
        profile = xr.DataArray([1.0, 2.0], dims="residue", name="p")
        gd.store(profile, tmp_path / "p.csv", progress=False)
        assert "with a row a frame" in refuse("block-error", tmp_path / "p.csv")

    def test_as_the_page_says(self, tmp_path: Path, adk: Any) -> None:
        psf, dcd = adk
        subprocess.run(
            [PROGRAM, "rmsd", str(dcd), "--top", str(psf), "-o", "rmsd.csv", "--quiet"],
            cwd=tmp_path,
            check=True,
        )
        run = [PROGRAM, "equilibration", "rmsd.csv"]
        shown = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert "rmsd start" in shown.stdout


def test_pictures(tmp_path: Path) -> None:
    values = np.stack([autoregressive(400, 0.5, seed) for seed in range(6)], axis=1)
    found = gd.block_error(frames(values[:, :2], "axis", units="nm"))
    axes = plot_block_errors(found, tmp_path / "a.svg")
    assert axes.get_ylabel() == "Error of the mean (nm)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1"]
    with pytest.raises(ValueError, match="6 series are too many"):
        plot_block_errors(gd.block_error(frames(values, "axis")), tmp_path / "b.svg")
    with pytest.raises(ValueError, match="expected what block_error gives"):
        plot_block_errors(found[["error"]], tmp_path / "b.svg")
    both = xr.Dataset({"a": frames(values[:, 0]), "b": frames(values[:, 1])})
    with pytest.raises(ValueError, match="choose one"):
        plot_block_errors(gd.block_error(both), tmp_path / "b.svg")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("n", range(1, 6))
def test_nothing_is_told_of_few_frames(n: int) -> None:
    series = xr.DataArray(np.arange(n) ** 2.0, dims="frame", coords={"time": ("frame", range(n))})
    found = gd.equilibration(series)
    assert int(found.start) == -1
    assert np.isnan([found.start_time, found.statistical_inefficiency, found.n_effective]).all()
    errors = gd.block_error(series)
    assert np.isnan(errors.error) == np.isnan(errors.error_of_error)
