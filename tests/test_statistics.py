"""Means, fluctuations and errors: against gromos++, plain Python, and processes that are known."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import gromos_dist as gd
from gromos_dist import provenance
from gromos_dist.analysis.statistics import Data
from gromos_dist.errors import FrameError
from gromos_dist.forces.model import ForceModel

DATA = Path(__file__).parent / "data" / "energies"


def autoregressive(n: int, phi: float, seed: int) -> np.ndarray:
    """A process of variance 1 and statistical inefficiency (1 + phi) / (1 - phi)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, np.sqrt(1 - phi**2), n)
    values = np.empty(n)
    values[0] = rng.normal()
    for i in range(1, n):
        values[i] = phi * values[i - 1] + noise[i]
    return values


def frames(values: np.ndarray, *dims: str, **attrs: str) -> xr.DataArray:
    return xr.DataArray(values, dims=("frame", *dims), name="x", attrs=attrs)


def test_what_ene_ana_printed(reference: Path) -> None:
    folder = reference / "analysis" / "pla2"
    ds = gd.open_energies(folder / "pla2.tre.gz")
    names = dict(zip(ds.ene_ana_name.values.tolist(), ds.term.values.tolist(), strict=True))
    with pytest.warns(UserWarning, match="100 frames are too few"):
        found = gd.energy_statistics(ds, method="gromos")
    lines = (folder / "ene_ana.out").read_text().splitlines()[1:]
    for line in lines:
        name, mean, fluctuation, error = line.split()
        if name in ("boxvol", "pressu"):
            ours = found.volume if name == "boxvol" else found.pressure * 16.388453
        else:
            ours = found.energy.sel(term=names[name])
        ours = ours.sel(statistic=["mean", "fluctuation", "error"]).values
        np.testing.assert_allclose(ours[0], float(mean), rtol=5e-9)
        # gromos++ subtracts mean squares: 1e-5 nm3 for a volume that does not change at all.
        np.testing.assert_allclose(ours[1], float(fluctuation), rtol=1e-7, atol=2e-5)
        assert error == "-nan"
        assert np.isnan(ours[2]) or ours[1] == 0
    assert len(lines) == 11


def plain_gromos(values: list[float]) -> float:
    """The error that gromos++ prints, by its formulas and nothing else."""
    n = len(values)
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / n
    points = []
    length = 50.0
    while 4 * length < n:
        size = int(length)
        count = n // size
        blocks = [sum(values[i * size : (i + 1) * size]) / size for i in range(count)]
        spread = sum((block - mean) ** 2 for block in blocks) / count
        points.append((1 / size, size * spread / variance))
        length *= 1.07177
    slope, limit = np.polyfit(*np.array(points).T, 1)
    del slope
    return float(np.sqrt(limit / n * variance))


@pytest.mark.parametrize(("n", "phi"), [(215, 0.3), (256, 0.1), (1000, 0.9), (5003, 0.5)])
def test_the_error_of_gromos(n: int, phi: float) -> None:
    values = autoregressive(n, phi, 3) * 7 - 2000
    found = gd.energy_statistics(frames(values), method="gromos")
    np.testing.assert_allclose(found.sel(statistic="error"), plain_gromos(list(values)), rtol=1e-7)


def test_too_few_frames_for_gromos() -> None:
    values = frames(autoregressive(214, 0.3, 1))
    with pytest.warns(UserWarning, match="the error of 1 mean is NaN: 214 frames"):
        found = gd.energy_statistics(values, method="gromos")
    assert np.isnan(found.sel(statistic="error"))
    assert np.isfinite(found.sel(statistic="mean"))


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_errors_are_those_of_a_known_process(phi: float) -> None:
    n, n_series = 4096, 60
    series = np.stack([autoregressive(n, phi, seed) for seed in range(n_series)], axis=1)
    found = gd.energy_statistics(frames(series, "series"))
    exact = np.sqrt((1 + phi) / (1 - phi) / n)
    means, fluctuations, errors = found.values
    assert abs(errors.mean() / exact - 1) < 0.08
    # And they are what errors are for: the means scatter by as much about the truth, 0.
    assert abs(np.sqrt((means**2).mean()) / exact - 1) < 0.25
    np.testing.assert_allclose(fluctuations.mean(), 1, rtol=0.03)


def test_blocking_by_hand() -> None:
    values = autoregressive(64, 0.6, 5)
    blocks, length, chosen = values.copy(), 1, np.nan
    naive = values.var(ddof=1) / len(values)
    while len(blocks) > 1 and np.isnan(chosen):
        variance = blocks.var(ddof=1) / len(blocks)
        if length**3 > 2 * len(values) * (variance / naive) ** 2:
            chosen = np.sqrt(variance)
        blocks, length = blocks.reshape(-1, 2).mean(axis=1), 2 * length
    found = gd.energy_statistics(frames(values))
    np.testing.assert_allclose(found, [values.mean(), values.std(), chosen], rtol=1e-12)


def test_too_correlated() -> None:
    with pytest.warns(UserWarning, match="too few for their correlation"):
        found = gd.energy_statistics(frames(np.arange(50.0)))
    np.testing.assert_allclose(found.values, [24.5, np.sqrt((50**2 - 1) / 12), np.nan])


@given(
    st.integers(5, 60),
    st.integers(1, 4),
    st.integers(0, 2**32),
    st.floats(-1e6, 1e6),
    st.booleans(),
)
def test_any_shape_gives_the_same_bits(
    n: int, k: int, seed: int, shift: float, frame_last: bool
) -> None:
    values = np.random.default_rng(seed).normal(shift, 1, (n, k))
    array = frames(values, "term")
    if frame_last:
        array = array.transpose("term", "frame")
    together = quiet(array)
    for i in range(k):
        np.testing.assert_array_equal(together.isel(term=i), quiet(frames(values[:, i])))
    np.testing.assert_array_equal(together, quiet(array.chunk(frame=3)))
    np.testing.assert_allclose(together.sel(statistic="mean"), values.mean(axis=0), rtol=1e-12)


def quiet(array: Data) -> Data:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gd.energy_statistics(array)


def test_constants_and_what_is_not_there() -> None:
    values = np.stack([np.full(40, 0.1), np.full(40, np.nan), np.zeros(40)], axis=1)
    found = gd.energy_statistics(frames(values, "term"))
    expected = [[0.1, np.nan, 0], [0, np.nan, 0], [0, np.nan, 0]]
    np.testing.assert_array_equal(found.values, expected)
    whole_numbers = gd.energy_statistics(frames(np.arange(40) % 2))
    np.testing.assert_array_equal(whole_numbers[:2], [0.5, 0.5])


def test_one_frame() -> None:
    with pytest.warns(UserWarning, match="1 frames are too few"):
        found = gd.energy_statistics(frames(np.array([3.0])))
    np.testing.assert_array_equal(found, [3, 0, np.nan])


def test_a_dataset_and_its_provenance() -> None:
    ds = gd.open_energies(DATA / "series.tre.gz")
    found = gd.energy_statistics(ds)
    assert set(found) == set(ds)
    for name in ds:
        alone = quiet(ds[name])
        assert alone.attrs.pop("history")
        assert alone.attrs.pop("provenance")
        assert found[name].attrs.pop("history") == found.attrs["history"]
        assert found[name].attrs.pop("provenance") == found.attrs["provenance"]
        assert alone.identical(found[name])
        assert found[name].attrs == ds[name].attrs
        assert "time" not in found[name].coords
    record = provenance.parse(found.attrs["provenance"])
    assert record["call"] == "energy_statistics"
    assert record["inputs"][0]["path"].endswith("series.tre.gz")
    assert record["parameters"]["of"]["call"] == "open_energies"


def test_of_a_trajectory(adk: tuple[Path, Path]) -> None:
    psf, dcd = adk
    radius = gd.radius_of_gyration(gd.open_trajectory(dcd, psf), atoms="name CA")
    found = quiet(radius)
    np.testing.assert_allclose(found[0], radius.mean(), rtol=1e-12)
    assert found.attrs["units"] == "nm"
    assert provenance.parse(found.attrs["provenance"])["inputs"][0]["path"] == str(dcd)


def test_of_energies_that_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    model = ForceModel.__call__
    monkeypatch.setattr(
        ForceModel, "__call__", lambda *given, **named: calls.append(1) or model(*given, **named)
    )
    data = DATA.parent
    ds = gd.open_trajectory(data / "butane.trc", data / "butane.top")
    energies = gd.energies(ds, cutoff=0.6, groups="residue", virial="atomic")
    calls.clear()
    found = quiet(energies)
    assert len(calls) == 1
    assert set(found) == {"energy", "energy_bonded", "energy_nonbonded", "virial"}
    loaded = energies.compute()
    for name, array in loaded.items():
        np.testing.assert_allclose(found[name][0], array.mean("frame"), rtol=1e-12)
        np.testing.assert_allclose(found[name][1], array.std("frame"), rtol=1e-12)
        assert found[name].attrs["units"] == "kJ mol-1"
    assert list(found.group.values) == ["BUT1", "solvent"]
    assert provenance.parse(found.attrs["provenance"])["parameters"]["of"]["call"] == "energies"
    # The names are those of an energy trajectory.
    written = gd.open_energies(DATA / "small.tre")
    assert set(found.term.values) <= set(written.term.values)
    assert set(found.bonded_term.values) <= set(written.bonded_term.values)
    assert set(found.nonbonded_term.values) <= set(written.nonbonded_term.values)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="method: expected flyvbjerg_petersen or gromos, got 'x'"):
        gd.energy_statistics(frames(np.zeros(3)), method="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x: expected real numbers with the dim 'frame'"):
        gd.energy_statistics(xr.DataArray([1.0], dims="time", name="x"))
    with pytest.raises(ValueError, match="no variable has the dim 'frame'"):
        gd.energy_statistics(xr.Dataset({"x": ("time", [1.0])}))
    with pytest.raises(ValueError, match="there is no frame"):
        gd.energy_statistics(frames(np.empty((0, 2)), "term"))
    with pytest.raises(FrameError, match="frame 2: a value of x is NaN or infinite"):
        gd.energy_statistics(frames(np.array([1.0, 2, np.inf, 3])))
