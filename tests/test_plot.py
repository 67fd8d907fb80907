"""The pictures: what is drawn, what the axes say, what the files are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gromos_dist import plot
from gromos_dist.plot.series import envelope
from gromos_dist.plot.style import VERMILION
from gromos_dist.plot.wording import MINUS


def series(n: int, spacing: float = 1.0, **attrs: Any) -> xr.DataArray:
    """A drift with noise, one value a frame, `spacing` ps apart."""
    rng = np.random.default_rng(7)
    values = 0.2 + 0.1 * np.linspace(0, 1, n) + 0.01 * rng.standard_normal(n)
    return xr.DataArray(
        values,
        dims="frame",
        coords={"time": ("frame", spacing * np.arange(n), {"units": "ps"})},
        name="rmsd",
        attrs={"units": "nm", "long_name": "root-mean-square deviation", **attrs},
    )


def matrix(n: int, m: int) -> xr.DataArray:
    """The distance of two straight walks."""
    values = 0.01 * np.abs(np.arange(n)[:, None] - np.arange(m))
    return xr.DataArray(
        values, dims=("frame", "other_frame"), name="rmsd_matrix", attrs={"units": "nm"}
    )


def texts(axes: Axes) -> list[str]:
    """What the legend says."""
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def number(text: str) -> float:
    """A number as it stands in a picture."""
    return float(text.replace(MINUS, "-"))


@pytest.mark.parametrize(
    ("suffix", "magic"),
    [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")],
)
def test_writes_the_format_of_the_suffix(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"rmsd{suffix}"
    plot.plot_time_series(series(20), path)
    assert path.read_bytes().startswith(magic)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_png_has_300_dots_an_inch(tmp_path: Path) -> None:
    path = tmp_path / "rmsd.png"
    axes = plot.plot_time_series(series(20), path)
    height, width = pyplot.imread(path).shape[:2]
    np.testing.assert_allclose([width, height], 300 * axes.figure.get_size_inches(), atol=1)


def test_pdf_embeds_its_letters_as_text(tmp_path: Path) -> None:
    path = tmp_path / "rmsd.pdf"
    plot.plot_time_series(series(20), path)
    assert b"/Type0" in path.read_bytes()
    assert b"/Type3" not in path.read_bytes()


def test_unknown_suffix_is_refused_before_drawing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rmsd\.doc.*\.png, \.pdf, \.svg"):
        plot.plot_time_series(series(20), tmp_path / "rmsd.doc")
    with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg"):
        plot.plot_matrix(matrix(3, 3), tmp_path / "matrix")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown symbol|notatexcommand"):
        plot.plot_time_series(series(20), tmp_path / "rmsd.png", title=r"$\notatexcommand$")
    assert not list(tmp_path.iterdir())


def test_axes_tell_quantity_and_units() -> None:
    axes = plot.plot_time_series(series(20), ax=Figure().add_subplot(), title="Adenylate kinase")
    assert axes.get_ylabel() == "RMSD (nm)"
    assert axes.get_xlabel() == "Time (ps)"
    assert axes.get_title(loc="left") == "Adenylate kinase"


@pytest.mark.parametrize(
    ("spacing", "label", "last"),
    [(1.0, "Time (ps)", 99.0), (100.0, "Time (ns)", 9.9), (1e5, "Time (µs)", 9.9)],
)
def test_unit_of_time_follows_its_range(spacing: float, label: str, last: float) -> None:
    axes = plot.plot_time_series(series(100, spacing), ax=Figure().add_subplot())
    assert axes.get_xlabel() == label
    np.testing.assert_allclose(axes.lines[0].get_xdata()[-1], last)


@pytest.mark.parametrize("time", [np.zeros(9), np.full(9, np.nan), np.arange(9)[::-1]])
def test_frames_are_counted_where_time_does_not_rise(time: np.ndarray) -> None:
    array = series(9).assign_coords(time=("frame", time))
    axes = plot.plot_time_series(array, ax=Figure().add_subplot())
    assert axes.get_xlabel() == "Frame"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(9))


def test_a_line_shows_every_value() -> None:
    array = series(50)
    axes = plot.plot_time_series(array, ax=Figure().add_subplot())
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), array)
    assert len(axes.lines) == 1
    assert texts(axes) == []


def test_running_average_is_that_of_its_window() -> None:
    array = series(1000, 10.0)
    axes = plot.plot_time_series(array, ax=Figure().add_subplot())
    expected = array.rolling(frame=21, center=True).mean().dropna("frame")
    np.testing.assert_allclose(axes.lines[1].get_ydata(), expected, rtol=1e-12)
    np.testing.assert_allclose(axes.lines[1].get_xdata(), 1e-3 * expected["time"], rtol=1e-12)
    assert texts(axes) == ["every frame", "running average, 21 frames (0.21 ns)"]


def test_window_has_no_duration_where_frames_are_unevenly_spaced() -> None:
    array = series(300)
    array = array.assign_coords(time=array["time"] ** 2)
    axes = plot.plot_time_series(array, ax=Figure().add_subplot())
    assert texts(axes)[-1] == "running average, 7 frames"


def test_distribution_sums_to_all_frames(tmp_path: Path) -> None:
    array = series(500)
    axes = plot.plot_time_series(array, tmp_path / "rmsd.png")
    _, distribution = axes.figure.axes
    assert distribution.get_xlabel() == "Frames (%)"
    np.testing.assert_allclose(sum(bar.get_width() for bar in distribution.patches), 100.0)
    (mean,) = distribution.lines
    np.testing.assert_allclose(mean.get_ydata(), float(array.mean()))
    assert distribution.get_title() == f"{float(array.mean()):.3f} ± {float(array.std()):.3f} nm"


def test_long_series_become_an_envelope_with_the_extremes(tmp_path: Path) -> None:
    array = series(1_000_000, 10.0)
    array[123_456] = 1.5
    array[654_321] = -0.5
    axes = plot.plot_time_series(array, tmp_path / "rmsd.png")
    (band,) = axes.collections
    outline = band.get_paths()[0].vertices
    assert len(outline) < 5000
    assert len(axes.lines[0].get_xdata()) < 10_000
    assert outline[:, 1].max() == 1.5
    assert outline[:, 1].min() == -0.5
    assert texts(axes)[0] == "range within 833 frames"


@given(
    values=npst.arrays(np.float64, st.integers(5, 300), elements=st.floats(-1e3, 1e3)),
    bins=st.integers(1, 5),
)
def test_envelope_encloses_every_value(values: np.ndarray, bins: int) -> None:
    positions = np.arange(values.size, dtype=np.float64)
    middle, low, high = envelope(positions, values, bins)
    assert low.min() == values.min()
    assert high.max() == values.max()
    assert (np.diff(middle) > 0).all()
    stretches = np.array_split(values, bins)
    if values.size % bins == 0:
        np.testing.assert_array_equal(low, [stretch.min() for stretch in stretches])
        np.testing.assert_array_equal(high, [stretch.max() for stretch in stretches])


@pytest.mark.parametrize("n", [1, 2, 5, 199, 200, 4001])
def test_any_length_can_be_drawn(tmp_path: Path, n: int) -> None:
    plot.plot_time_series(series(n), tmp_path / "rmsd.png")
    assert (tmp_path / "rmsd.png").stat().st_size > 1000


def test_constant_and_partly_missing_series_can_be_drawn(tmp_path: Path) -> None:
    constant = xr.zeros_like(series(30))
    plot.plot_time_series(constant, tmp_path / "constant.png")
    missing = series(30).where(series(30)["time"] > 10)
    axes = plot.plot_time_series(missing, tmp_path / "missing.png")
    np.testing.assert_allclose(sum(bar.get_width() for bar in axes.figure.axes[1].patches), 100.0)


def test_lazy_arrays_are_computed() -> None:
    array = series(40)
    axes = plot.plot_time_series(array.chunk(frame=7), ax=Figure().add_subplot())
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), array)


def test_without_a_path_pyplot_knows_the_figure() -> None:
    pyplot.switch_backend("Agg")
    axes = plot.plot_time_series(series(10))
    assert pyplot.gcf() is axes.figure
    pyplot.close(axes.figure)


def test_with_a_path_no_figure_stays_open(tmp_path: Path) -> None:
    before = pyplot.get_fignums()
    plot.plot_time_series(series(10), tmp_path / "rmsd.png")
    plot.plot_matrix(matrix(3, 3), tmp_path / "matrix.png")
    assert pyplot.get_fignums() == before


def test_drawing_leaves_the_users_style_alone(tmp_path: Path) -> None:
    before = dict(pyplot.rcParams)
    plot.plot_time_series(series(10), tmp_path / "rmsd.png")
    assert dict(pyplot.rcParams) == before


def test_matrix_shows_its_values_between_its_frames() -> None:
    array = matrix(8, 5)
    axes = plot.plot_matrix(array, ax=Figure().add_subplot())
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), array)
    assert image.get_extent() == [-0.5, 4.5, -0.5, 7.5]
    assert image.origin == "lower"
    assert axes.get_xlabel() == axes.get_ylabel() == "Frame"
    assert axes.figure.axes[1].get_ylabel() == "RMSD (nm)"
    assert axes.get_title(loc="left") == "RMSD of all pairs of frames"


def test_matrix_takes_each_axis_own_time() -> None:
    array = matrix(8, 5).assign_coords(
        time=("frame", 1000.0 * np.arange(8)), other_time=("other_frame", 10.0 * np.arange(5))
    )
    axes = plot.plot_matrix(array, ax=Figure().add_subplot())
    assert axes.get_ylabel() == "Time (ns)"
    assert axes.get_xlabel() == "Time (ps)"
    np.testing.assert_allclose(axes.images[0].get_extent(), [-5, 45, -0.5, 7.5])


def test_large_matrix_is_averaged_in_blocks() -> None:
    array = matrix(3000, 1500)
    axes = plot.plot_matrix(array, ax=Figure().add_subplot())
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown, array.values.reshape(1500, 2, 1500).mean(axis=1))
    assert axes.images[0].get_extent() == [-0.5, 1499.5, -0.5, 2999.5]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one dimension.*'frame': 3.*plot_matrix"):
        plot.plot_time_series(matrix(3, 3))
    with pytest.raises(ValueError, match="at least one frame"):
        plot.plot_time_series(series(0))
    with pytest.raises(ValueError, match=r"two dimensions.*plot_time_series"):
        plot.plot_matrix(series(3))


TERMS = ("potential", "bond", "improper", "lennard_jones")


def terms(n: int, names: tuple[str, ...] = TERMS) -> xr.DataArray:
    """Energies of which the improper dihedrals are zero."""
    values = np.random.default_rng(5).normal(size=(n, len(names))) + 10.0 ** np.arange(len(names))
    values[:, [name == "improper" for name in names]] = 0.0
    return xr.DataArray(
        values,
        dims=("frame", "term"),
        coords={"time": ("frame", 2.0 * np.arange(n), {"units": "ps"}), "term": list(names)},
        name="energy",
        attrs={"units": "kJ mol-1", "long_name": "energy by term"},
    )


def pairs(n_frames: int, names: list[str]) -> xr.DataArray:
    """Symmetric energies of pairs of groups."""
    values = np.random.default_rng(6).normal(size=(n_frames, 2, len(names), len(names)))
    return xr.DataArray(
        values + values.swapaxes(2, 3),
        dims=("frame", "nonbonded_term", "group", "other_group"),
        coords={
            "nonbonded_term": ["lennard_jones", "reaction_field"],
            "group": names,
            "other_group": names,
        },
        name="energy_nonbonded",
        attrs={"units": "kJ mol-1"},
    )


@pytest.mark.parametrize("spacing", [0.02, 0.98, 12.5, 250.0])
def test_times_below_panels_do_not_run_into_each_other(tmp_path: Path, spacing: float) -> None:
    array = terms(3).assign_coords(time=("frame", spacing * np.arange(3), {"units": "ps"}))
    figure = plot.plot_terms(array, tmp_path / "energy.png")
    drawn = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(drawn) >= 4
    assert all(after.x0 > before.x1 + 3 for before, after in pairwise(drawn))


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (-306515.2, 405.5, "\N{MINUS SIGN}306515 ± 406"),
        (-0.001, 0.7, "0.00 ± 0.70"),
        (-2.5, 0.0, "\N{MINUS SIGN}2.5"),
    ],
)
def test_means_have_the_minus_of_the_axes(mean: float, deviation: float, text: str) -> None:
    values = xr.DataArray([mean - deviation, mean + deviation], dims="frame", name="energy")
    array = xr.concat([values], "term").T
    figure = plot.plot_terms(array)
    assert figure.axes[0].get_title(loc="right") == text
    pyplot.close(figure)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_terms_are_drawn_each_for_itself(tmp_path: Path, suffix: str) -> None:
    array = terms(30)
    figure = plot.plot_terms(array, tmp_path / f"energy{suffix}", title="Butane")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        *("Potential", "Bond", "Lennard-Jones")
    ]
    for axes, name in zip(figure.axes, ("potential", "bond", "lennard_jones"), strict=True):
        values = array.sel(term=name)
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), array["time"])
        assert axes.get_ylabel() == "kJ mol⁻¹"
        mean, fluctuation = axes.get_title(loc="right").split(" ± ")
        np.testing.assert_allclose(number(mean), values.mean(), atol=0.051)
        np.testing.assert_allclose(float(fluctuation), values.std(), atol=0.051)
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "Time (ps)", "Time (ps)"]
    assert figure.get_suptitle() == "Butane"
    assert [each.name for each in tmp_path.iterdir()] == [f"energy{suffix}"]


def test_terms_of_many_frames_have_no_legend(tmp_path: Path) -> None:
    figure = plot.plot_terms(terms(6000).chunk(frame=500), tmp_path / "energy.png")
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert all(axes.lines[0].get_color() == VERMILION for axes in figure.axes)
    assert figure.get_suptitle() == "Energy by term"


def test_one_term_and_none(tmp_path: Path) -> None:
    figure = plot.plot_terms(terms(5).sel(term=["bond"]), tmp_path / "bond.png")
    assert [axes.get_xlabel() for axes in figure.axes] == ["Time (ps)"]
    figure = plot.plot_terms(terms(5).sel(term=["improper"]), tmp_path / "zero.png")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Improper"]


def test_terms_that_cannot_be_drawn(tmp_path: Path) -> None:
    path = tmp_path / "energy.png"
    with pytest.raises(ValueError, match=r"25 terms are not to be told apart .*at most 24"):
        plot.plot_terms(terms(3, tuple(f"term {i}" for i in range(25))), path)
    with pytest.raises(ValueError, match="at least one frame"):
        plot.plot_terms(terms(0), path)
    with pytest.raises(ValueError, match="two dimensions"):
        plot.plot_terms(series(3), path)
    with pytest.raises(ValueError, match=r"\.png, \.pdf, \.svg"):
        plot.plot_terms(terms(3), tmp_path / "energy.doc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chunks", [None, 2])
def test_groups_show_the_mean_of_the_sum(tmp_path: Path, chunks: int | None) -> None:
    array = pairs(5, ["ligand", "US$", "water"]) + 20.0 * np.eye(3)
    array.attrs["units"] = "kJ mol-1"
    given = array if chunks is None else array.chunk(frame=chunks)
    axes = plot.plot_groups(given, tmp_path / "pairs.png")
    (image,) = axes.images
    expected = array.mean("frame").sum("nonbonded_term")
    np.testing.assert_allclose(image.get_array(), expected, rtol=1e-12)
    apart = np.abs(expected.values[~np.eye(3, dtype=bool)]).max()
    np.testing.assert_allclose(image.get_clim(), (-apart, apart))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ligand", r"US\$", "water"]
    assert axes.figure.axes[1].get_ylabel() == "Mean energy (kJ mol⁻¹)"
    assert axes.get_title(loc="left") == "Non-bonded energy of pairs of groups"
    assert image.colorbar.extend == "both"


def test_groups_of_forces_show_the_mean_magnitude() -> None:
    values = np.random.default_rng(8).normal(size=(4, 2, 2, 3))
    array = xr.DataArray(
        values,
        dims=("frame", "group", "other_group", "xyz"),
        name="group_forces",
        attrs={"units": "kJ mol-1 nm-1"},
    )
    axes = plot.plot_groups(array, ax=Figure().add_subplot())
    expected = np.linalg.norm(values, axis=-1).mean(axis=0)
    np.testing.assert_allclose(axes.images[0].get_array(), expected, rtol=1e-12)
    assert axes.images[0].get_clim()[0] == 0.0
    label = "Mean magnitude of the force (kJ mol⁻¹ nm⁻¹)"
    assert axes.figure.axes[1].get_ylabel() == label
    assert axes.get_xlabel() == "Group that the force comes from"


@pytest.mark.parametrize("n", [1, 41, 130])
def test_groups_of_any_number_are_named(n: int) -> None:
    array = pairs(1, [f"ALA{i}" for i in range(n)])
    axes = plot.plot_groups(array, ax=Figure().add_subplot())
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == [f"ALA{i}" for i in range(0, n, -(-n // 40))]
    assert len(axes.get_yticks()) == len(labels) <= 40


def test_groups_that_do_not_interact() -> None:
    axes = plot.plot_groups(0.0 * pairs(2, ["a", "b"]), ax=Figure().add_subplot())
    assert axes.images[0].get_clim() == (-1.0, 1.0)
    only_within = pairs(2, ["a", "b"]) * np.eye(2)
    axes = plot.plot_groups(only_within, ax=Figure().add_subplot())
    largest = float(np.abs(only_within.mean("frame").sum("nonbonded_term")).max())
    np.testing.assert_allclose(axes.images[0].get_clim(), (-largest, largest))


def test_what_has_no_groups_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dims group and other_group .* got \{'frame': 3"):
        plot.plot_groups(terms(3))
    with pytest.raises(ValueError, match=r"got \{'frame': 0"):
        plot.plot_groups(pairs(0, ["a"]))
    with pytest.raises(ValueError, match="'atom': 2"):
        plot.plot_groups(pairs(1, ["a"]).expand_dims(atom=2))


@pytest.mark.parametrize("n_frames", [1, 30, 5000])
def test_pairs_are_drawn_each_for_itself(tmp_path: Path, n_frames: int) -> None:
    array = pairs(n_frames, ["drug", "US$"])
    figure = plot.plot_pairs(array.chunk(frame=7), tmp_path / "pairs.png", title="Pairs")
    titles = ["drug - drug", r"drug - US\$", r"US\$ - US\$"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == titles
    for axes, (one, other) in zip(figure.axes, [(0, 0), (0, 1), (1, 1)], strict=True):
        of = array.isel(group=one, other_group=other)
        (lennard_jones, field) = axes.lines
        assert lennard_jones.get_color() != field.get_color()
        if n_frames == 30:
            np.testing.assert_array_equal(lennard_jones.get_ydata(), of[:, 0])
            np.testing.assert_array_equal(field.get_ydata(), of[:, 1])
        noted = axes.get_title(loc="right")
        assert noted.startswith("sum ")  # of two curves: it is neither's
        mean = number(noted.removeprefix("sum ").split(" ± ")[0])
        np.testing.assert_allclose(mean, of.sum("nonbonded_term").mean(), rtol=0.05, atol=0.051)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["Lennard-Jones", "Reaction field"]
    assert figure.get_suptitle() == "Pairs"
    assert [each.name for each in tmp_path.iterdir()] == ["pairs.png"]


def test_of_many_groups_the_strongest_pairs_are_drawn(tmp_path: Path) -> None:
    names = [f"residue {i}" for i in range(9)]
    array = pairs(4, names)
    figure = plot.plot_pairs(array, tmp_path / "pairs.png", title="Pairs")
    strength = abs(array.sum("nonbonded_term").mean("frame")).values
    apart = sorted(
        ((strength[i, j], f"{names[i]} - {names[j]}") for i in range(9) for j in range(i + 1, 9)),
        reverse=True,
    )
    drawn = [axes.get_title(loc="left") for axes in figure.axes]
    assert drawn == [name for _, name in apart[: plot.MOST_PAIRS]]
    assert figure.get_suptitle() == "Pairs: the 12 strongest of 36 pairs"


def test_pairs_that_cannot_be_drawn_or_are_zero(tmp_path: Path) -> None:
    path = tmp_path / "pairs.png"
    with pytest.raises(ValueError, match="expected the dims frame, nonbonded_term, group"):
        plot.plot_pairs(terms(3), path)
    with pytest.raises(ValueError, match="expected the dims"):
        plot.plot_pairs(pairs(0, ["a", "b"]), path)
    assert not list(tmp_path.iterdir())
    figure = plot.plot_pairs(0.0 * pairs(3, ["a", "b"]), path)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a - a"]
    array = pairs(3, ["a", "b"])
    array[:, :, 0, 0] = 0.0
    figure = plot.plot_pairs(array, path)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a - b", "b - b"]


def test_counts_stand_on_whole_numbers(tmp_path: Path) -> None:
    counts = xr.DataArray(np.array([3, 5, 5, 4, 3, 3]), dims="frame", name="n_atoms")
    axes = plot.plot_time_series(counts, tmp_path / "counts.png")
    ticks = axes.get_yticks()
    np.testing.assert_array_equal(ticks, np.rint(ticks))
    bars = axes.figure.axes[1].patches
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == [3, 4, 5]
    np.testing.assert_allclose([bar.get_width() for bar in bars], [50, 100 / 6, 100 / 3])
