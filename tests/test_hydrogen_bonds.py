"""Analyses of hydrogen bonds: criteria, who takes part, lifetimes, and other programs."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist import plot
from gromos_dist.analysis.hydrogen.existence import (
    Found,
    all_lasting,
    existence_of,
    following,
)
from gromos_dist.analysis.hydrogen.labels import labels_of_bonds, most_frequent
from gromos_dist.cli.bond_tables import of_bonds, of_events, of_lifetimes
from gromos_dist.mapping import to_pandas

Array = NDArray[Any]
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def protein(mdanalysis_data: Path) -> xr.Dataset:
    """Adenylate kinase without a box, 98 frames."""
    return gd.open_trajectory(mdanalysis_data / "adk_dims.dcd", mdanalysis_data / "adk.psf")


@pytest.fixture(scope="module")
def solvated(mdanalysis_data: Path) -> xr.Dataset:
    """The same in water, of four sites, in a rhombic dodecahedron."""
    return gd.open_trajectory(
        mdanalysis_data / "adk_oplsaa.gro", mdanalysis_data / "adk_oplsaa.gro"
    )


def triples(bonds: xr.Dataset) -> list[tuple[int, ...]]:
    names = ("frame", "donor", "hydrogen", "acceptor")
    return sorted(zip(*(bonds[name].values.tolist() for name in names), strict=True))


# ---- other programs ----


def test_against_mdanalysis(protein: xr.Dataset, mdanalysis_data: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    from MDAnalysis.analysis.hydrogenbonds import HydrogenBondAnalysis  # noqa: PLC0415

    element, bonds = protein.element.values, protein.bonds.values
    bonds = np.concatenate([bonds, bonds[:, ::-1]])
    polar = (element[bonds[:, 0]] == "H") & np.isin(element[bonds[:, 1]], ["N", "O", "S"])
    hydrogens = " ".join(map(str, np.unique(bonds[polar, 0])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = mda.Universe(mdanalysis_data / "adk.psf", mdanalysis_data / "adk_dims.dcd")
        analysis = HydrogenBondAnalysis(
            universe,
            hydrogens_sel=f"index {hydrogens}",
            acceptors_sel="name N* O* S*",
        )
        analysis.run(stop=20)
        lifetime = analysis.lifetime(tau_max=8)
    theirs = analysis.results.hbonds
    ours = gd.hydrogen_bonds(protein.isel(frame=slice(20)), criteria="mdanalysis").compute()
    assert triples(ours) == sorted(map(tuple, theirs[:, :4].astype(int).tolist()))
    order = np.lexsort(theirs[:, [3, 2, 0]].T)
    mine = np.lexsort([ours.acceptor, ours.hydrogen, ours.frame])
    np.testing.assert_allclose(ours.distance[mine], theirs[order, 4] / 10, atol=1e-6)
    np.testing.assert_allclose(ours.angle[mine], theirs[order, 5], atol=1e-3)
    # Its curve is a mean of ratios, ours a ratio of means: of nearly as many bonds in each frame.
    lasting = gd.hydrogen_bond_lifetimes(
        protein.isel(frame=slice(20)), criteria="mdanalysis", max_lag=8
    )
    np.testing.assert_allclose(lasting.continuous, lifetime[1], atol=0.02)


@pytest.mark.parametrize("criteria", ["baker_hubbard", "wernet_nilsson"])
def test_against_mdtraj(criteria: str, protein: xr.Dataset, mdanalysis_data: Path) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trajectory = mdtraj.load(mdanalysis_data / "adk_dims.dcd", top=mdanalysis_data / "adk.psf")[
            :20
        ]
    ours = gd.hydrogen_bonds(
        protein.isel(frame=slice(20)), criteria=criteria, elements=("N", "O")
    ).compute()
    if criteria == "wernet_nilsson":
        found = [frame.tolist() for frame in mdtraj.wernet_nilsson(trajectory)]
    else:
        found = [mdtraj.baker_hubbard(frame, freq=0.0).tolist() for frame in trajectory]
    theirs = {(frame, *bond) for frame, bonds in enumerate(found) for bond in bonds}
    mine = set(triples(ours))
    # It computes angles in single precision, by the law of cosines.
    assert len(theirs ^ mine) <= len(mine) // 500
    assert len(mine) > 1000


def test_of_water_by_its_density(solvated: xr.Dataset) -> None:
    number = gd.n_hydrogen_bonds(
        solvated, donors="water", acceptors="water", criteria="luzar_chandler"
    ).values
    n_waters = 11084
    # Liquid water has 3.3 to 3.7 bonds a molecule by these criteria, each of two.
    assert 1.6 < number[0] / n_waters < 1.9
    both = gd.n_hydrogen_bonds(solvated, between=("protein", "water")).values
    one_way = [
        gd.n_hydrogen_bonds(solvated, donors=donors, acceptors=acceptors).values
        for donors, acceptors in (("protein", "water"), ("water", "protein"))
    ]
    assert both[0] == sum(one_way)[0] > 300


# ---- who takes part ----


def test_numbers_replace_those_of_the_criteria(protein: xr.Dataset) -> None:
    few = protein.isel(frame=slice(3))
    plain = gd.hydrogen_bonds(few, criteria="cpptraj").compute()
    wide = gd.hydrogen_bonds(few, criteria="cpptraj", cutoff=0.35, angle=120.0).compute()
    assert set(triples(plain)) < set(triples(wide))
    inside = (wide.distance <= 0.30) & (wide.angle >= 135.0)
    assert int(inside.sum()) == plain.sizes["event"]
    assert wide.attrs["criteria"] == "cpptraj: D...A <= 0.35 nm, D-H...A >= 120 degrees"
    bent = gd.n_hydrogen_bonds(few, criteria="wernet_nilsson", curvature=1e-5)
    assert (bent > gd.n_hydrogen_bonds(few, criteria="wernet_nilsson")).all()


def test_rules(protein: xr.Dataset) -> None:
    few = protein.isel(frame=slice(3))
    by_element = gd.n_hydrogen_bonds(few)
    assert by_element.attrs["rule"] == "elements: N, O, S; donors have a bonded H"
    without_sulphur = gd.n_hydrogen_bonds(few, elements=("N", "O"))
    everything = gd.n_hydrogen_bonds(few, rule="all")
    assert (without_sulphur <= by_element).all()
    assert (everything > by_element).all()
    charged = gd.hydrogen_bonds(few, rule="charges", charges=(0.4, -0.5)).compute()
    assert (protein.charge.values[charged.hydrogen] >= 0.4).all()
    assert (protein.charge.values[charged.acceptor] <= -0.5).all()
    for exclude, name in (("residue", "residue"), ("molecule", "molecule")):
        left = gd.hydrogen_bonds(few, exclude=exclude).compute()
        own = protein[name].values
        assert (own[left.donor] != own[left.acceptor]).all()
    assert left.sizes["event"] == 0


def test_a_donor_is_chosen_by_its_hydrogen_too(protein: xr.Dataset) -> None:
    few = protein.isel(frame=slice(3))
    by_heavy = gd.n_hydrogen_bonds(few, donors="resid 2:100 and name N")
    by_hydrogen = gd.n_hydrogen_bonds(few, donors="resid 2:100 and name HN")
    np.testing.assert_array_equal(by_heavy, by_hydrogen)


def test_a_subset_of_atoms_gives_the_same(protein: xr.Dataset) -> None:
    few = protein.isel(frame=slice(4))
    polar = gd.select(few, "name N* O* S* H*")
    some = few.isel(atom=polar)
    whole, part = gd.hydrogen_bonds(few).compute(), gd.hydrogen_bonds(some).compute()
    for name in ("donor", "hydrogen", "acceptor"):
        np.testing.assert_array_equal(whole[name], polar[part[name]])
    np.testing.assert_array_equal(whole.distance, part.distance)
    labels = [gd.hydrogen_bond_occupancy(of).compute().bond.values for of in (few, some)]
    np.testing.assert_array_equal(*labels)
    in_memory = gd.hydrogen_bonds(few.compute())
    xr.testing.assert_identical(in_memory.drop_attrs(), whole.drop_attrs())


def test_a_structure_without_bonds_has_them_guessed(solvated: xr.Dataset) -> None:
    bonds = gd.hydrogen_bonds(solvated, donors="protein", acceptors="protein").compute()
    assert "guessed" in bonds.attrs["bonds"]
    assert bonds.sizes["event"] > 150


def test_the_box(solvated: xr.Dataset) -> None:
    parts = {"donors": "water", "acceptors": "water"}
    as_it_is = gd.n_hydrogen_bonds(solvated, **parts, periodic=False).compute()
    assert as_it_is.item() < gd.n_hydrogen_bonds(solvated, **parts).compute().item()
    without = gd.n_hydrogen_bonds(solvated.drop_vars("box"), **parts)
    assert without.attrs["images"] == "as they are"


def test_a_truncated_octahedron() -> None:
    # Two waters on both sides of a hexagonal face: neighbours only in the lattice of octahedra.
    edge = 3.0
    water = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [-0.03, 0.095, 0.0]])
    far = np.array([0.29, 0.0, 0.0]) - 0.5 * edge * np.ones(3)
    frame = np.concatenate([water + 0.7, water + 0.7 + far])
    names = {
        "atom_name": ["OW", "HW1", "HW2"] * 2,
        "residue_name": ["SOL"] * 6,
        "residue": [1] * 3 + [2] * 3,
        "element": ["O", "H", "H"] * 2,
    }
    ds = xr.Dataset(
        {
            "positions": (("frame", "atom", "xyz"), frame[None]),
            "box": (("frame", "box_vector", "xyz"), edge * np.eye(3)[None]),
        },
        {name: ("atom", values) for name, values in names.items()},
    )
    assert gd.n_hydrogen_bonds(ds).item() == 0
    ds.box.attrs["shape"] = "truncated octahedron"
    bonds = gd.hydrogen_bonds(ds)
    assert bonds.distance.item() == pytest.approx(0.19)
    assert gd.hydrogen_bond_occupancy(ds).bond.item() == "SOL1:OW-HW1 ... SOL2:OW"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"criteria": "baker"}, "criteria: expected one of gromos, luzar_chandler"),
        ({"cutoff": -1.0}, "cutoff: expected from 0 to inf nm, got -1.0"),
        ({"angle": 200.0}, "angle: expected from 0 to 180 degrees"),
        ({"curvature": 1e-5}, "the criteria 'gromos' have none"),
        ({"three_center": True, "cutoff": 0.3}, "limits of their own"),
        ({"three_center": True, "three_center_limits": (0.27, 90.0)}, "expected four numbers"),
        ({"rule": "names"}, "rule: expected 'elements'"),
        ({"mass_file": "mass.file"}, "mass_file is for the rule 'masses'"),
        ({"exclude": "chain"}, "exclude: expected 'donor'"),
        ({"between": "protein"}, "between: expected two selections"),
        ({"donors": "name CA"}, "no donor is among the atoms chosen, by the rule 'elements'"),
        ({"acceptors": "name CA"}, "no acceptor is among the atoms chosen"),
        ({"donors": "within 0.5 of resid 3"}, "frame"),
    ],
)
def test_what_is_refused(protein: xr.Dataset, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gd.n_hydrogen_bonds(protein, **parameters)


def test_what_is_missing(protein: xr.Dataset) -> None:
    heavy = protein.isel(atom=gd.select(protein, "heavy"))
    with pytest.raises(ValueError, match="there are no hydrogens among the 1656 atoms"):
        gd.n_hydrogen_bonds(heavy)
    alone = protein.isel(atom=gd.select(protein, "hydrogen or name O"))
    with pytest.raises(ValueError, match="none of the 1685 hydrogens is bonded to anything"):
        gd.n_hydrogen_bonds(alone)
    with pytest.raises(ValueError, match="rule 'masses' needs masses"):
        gd.n_hydrogen_bonds(protein.drop_vars("mass"), rule="masses")
    with pytest.raises(ValueError, match="rule 'charges' needs charges"):
        gd.n_hydrogen_bonds(protein.drop_vars("charge"), rule="charges")


def test_elements_are_told_by_names_and_masses(protein: xr.Dataset) -> None:
    few = protein.isel(frame=slice(2))
    expected = gd.n_hydrogen_bonds(few)
    for dropped in (["element"], ["element", "mass"]):
        np.testing.assert_array_equal(gd.n_hydrogen_bonds(few.drop_vars(dropped)), expected)


# ---- lifetimes ----


def brute_force(bonded: Array, reach: Array, n_lags: int) -> tuple[Array, Array, Array]:
    """Return how often bonds were there again, in reach again, and there all the time."""
    n_frames = bonded.shape[1]
    again, near, lasted = np.zeros((3, n_lags), np.int64)
    for lag in range(min(n_lags, n_frames)):
        first = bonded[:, : n_frames - lag]
        again[lag] = (first & bonded[:, lag:]).sum()
        near[lag] = (first & reach[:, lag:]).sum()
        lasted[lag] = sum(
            bonded[:, frame : frame + lag + 1].all(axis=1).sum() for frame in range(n_frames - lag)
        )
    return again, near, lasted


def stretch(bonded: Array, reach: Array, start: int, stop: int, n_lags: int) -> Any:
    keys, frames = np.nonzero(reach[:, start:stop])
    order = np.argsort(frames, kind="stable")
    keys, frames = keys[order], frames[order]
    return existence_of(
        Found(frames, keys * 7, bonded[:, start:stop][keys, frames]), stop - start, n_lags
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_bonds=st.integers(1, 9),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=7),
    n_lags=st.integers(1, 20),
    share=st.floats(0.02, 0.98),
)
def test_existence_against_brute_force(
    seed: int, n_bonds: int, sizes: list[int], n_lags: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    n_frames = sum(sizes)
    bonded = rng.random((n_bonds, n_frames)) < share
    reach = bonded | (rng.random(bonded.shape) < 0.3)
    ends = np.cumsum([0, *sizes])
    parts = [
        stretch(bonded, reach, start, stop, n_lags)
        for start, stop in itertools.pairwise(ends.tolist())
    ]
    while len(parts) > 1:
        place = int(rng.integers(len(parts) - 1))
        parts[place : place + 2] = [following(parts[place], parts[place + 1])]
    (found,) = parts
    again, near, lasted = brute_force(bonded, reach, n_lags)
    assert found.n_frames == n_frames
    np.testing.assert_array_equal(found.remained, again)
    np.testing.assert_array_equal(found.in_reach, near)
    np.testing.assert_array_equal(all_lasting(found), lasted)


def test_lifetimes_of_a_protein(protein: xr.Dataset) -> None:
    criteria = {"criteria": "luzar_chandler"}
    found = gd.hydrogen_bond_lifetimes(protein, **criteria, max_lag=30).compute()
    reach = gd.hydrogen_bonds(protein, **criteria, angle=180.0).compute()
    keys, place = np.unique(
        reach.hydrogen.values * 10_000 + reach.acceptor.values, return_inverse=True
    )
    near = np.zeros((len(keys), 98), bool)
    bonded = near.copy()
    near[place, reach.frame.values] = True
    bonded[place, reach.frame.values] = reach.angle.values <= 30.0
    again, in_reach, lasted = brute_force(bonded, near, 31)
    share = 98 / bonded.sum() / (98 - np.arange(31))
    np.testing.assert_allclose(found.intermittent, again * share, rtol=1e-14)
    np.testing.assert_allclose(found.continuous, lasted * share, rtol=1e-14)
    np.testing.assert_allclose(found.unbonded, (in_reach - again) * share, rtol=1e-12)
    np.testing.assert_array_equal(found.lag, np.arange(31.0))
    assert found.continuous_lifetime == pytest.approx(np.trapezoid(found.continuous))
    assert found.lag.attrs["units"] == found.continuous_lifetime.attrs["units"] == "ps"
    assert found.breaking_rate.attrs["units"] == "ps-1"


def test_rates_of_bonds_that_break_and_form() -> None:
    # A bond breaks with k, forms again with k' while in reach, and its atoms part with a third.
    from gromos_dist.analysis.hydrogen.lifetimes import _rates  # noqa: PLC0415

    breaking, forming, parting, step = 0.4, 0.25, 0.1, 0.01
    flow = np.array([[-breaking, forming], [breaking, -forming - parting]])
    state, curve = np.array([1.0, 0.0]), []
    for _ in range(1001):
        curve.append(state)
        half = state + flow @ state * step / 2
        state = state + flow @ half * step
    intermittent, unbonded = np.array(curve).T
    times = np.arange(1001) * step
    found = _rates(times, intermittent, unbonded, (0.0, np.inf))
    np.testing.assert_allclose(found, (breaking, forming), rtol=1e-3)
    late = _rates(times, intermittent, unbonded, (1.0, 5.0))
    np.testing.assert_allclose(late, (breaking, forming), rtol=1e-3)


def test_lifetimes_without_bonds_or_time(protein: xr.Dataset) -> None:
    few = protein.isel(frame=slice(8))
    none = gd.hydrogen_bond_lifetimes(few, cutoff=0.01).compute()
    assert np.isnan(none.intermittent).all()
    assert np.isnan(none.breaking_rate)
    frames = gd.hydrogen_bond_lifetimes(few.drop_vars("time")).compute()
    assert "units" not in frames.lag.attrs
    assert frames.sizes["lag"] == 5
    with pytest.raises(ValueError, match="expected at least two frames, got 1"):
        gd.hydrogen_bond_lifetimes(few.isel(frame=[0]))
    with pytest.raises(ValueError, match="max_lag: expected from 1 to 7 frames"):
        gd.hydrogen_bond_lifetimes(few, max_lag=8)
    with pytest.raises(ValueError, match="frames 1 and 2 are 3 ps apart"):
        gd.hydrogen_bond_lifetimes(few.isel(frame=[0, 1, 4, 5]))


# ---- tables, words and pictures ----


def test_occupancy_is_the_mean_of_events(protein: xr.Dataset) -> None:
    events = gd.hydrogen_bonds(protein).compute()
    table = to_pandas(events)
    grouped = table.groupby(["hydrogen", "acceptor"])
    bonds = gd.hydrogen_bond_occupancy(protein).compute()
    assert bonds.sizes["bond"] == len(grouped)
    assert (np.diff(bonds.n_frames) <= 0).all()
    index = list(zip(bonds.hydrogen.values, bonds.acceptor.values, strict=True))
    np.testing.assert_array_equal(bonds.n_frames, grouped.size()[index])
    np.testing.assert_array_equal(bonds.occupancy, grouped.size()[index] / 98)
    np.testing.assert_allclose(bonds.distance, grouped.distance.mean()[index], rtol=1e-12)
    np.testing.assert_allclose(bonds.angle, grouped.angle.mean()[index], rtol=1e-12)


def test_labels() -> None:
    names = {"atom_name": ["N", "H", "OD1", "OD2"], "residue": [5, 5, 10, 10]}
    of_names = {name: np.array(values) for name, values in names.items()}
    of_names["residue_name"] = np.array(["ARG", "ARG", "ASP", "ASP"])
    assert labels_of_bonds([0], [1], [2], names=of_names) == ["ARG5:N-H ... ASP10:OD1"]
    assert labels_of_bonds([0], [1], [2], [3], names=of_names) == [
        "ARG5:N-H ... ASP10:OD1, ASP10:OD2"
    ]
    of_names["chain"] = np.array(["A", "A", "B", "B"])
    assert labels_of_bonds([0], [1], [2], names=of_names) == ["A/ARG5:N-H ... B/ASP10:OD1"]
    assert labels_of_bonds([0], [1], [2], names={}) == ["0-1 ... 2"]


def test_words_and_pictures(protein: xr.Dataset, tmp_path: Path) -> None:
    chosen = {"donors": "backbone", "acceptors": "backbone"}
    events = gd.hydrogen_bonds(protein, **chosen).compute()
    bonds = gd.hydrogen_bond_occupancy(protein, **chosen).compute()
    top = most_frequent(events, 5)
    assert top.bond.values.tolist() == bonds.bond.values[:5].tolist()
    np.testing.assert_array_equal(top.mean("frame"), bonds.occupancy[:5])
    (title, heads, lines) = of_bonds(bonds).tables[0]
    assert title == "the most frequent hydrogen bonds"
    assert heads == ("bond", "occupancy (%)", "distance (nm)", "angle (degrees)")
    assert lines[0] == ("LYS69:N-HN ... ILE65:O", "100.0", "0.189", "164.9")
    assert of_events(events).tables[0][2][0] == ("LYS69:N-HN ... ILE65:O", "100.0")
    lifetimes = gd.hydrogen_bond_lifetimes(protein, **chosen).compute()
    rows = dict(of_lifetimes(lifetimes).rows)
    assert rows["continuous lifetime"].endswith(" ps")
    assert rows["longest lag"] == "49 ps"
    nothing = gd.hydrogen_bonds(protein, cutoff=0.01).compute()
    assert of_events(nothing).values["events"] == 0
    axes = plot.plot_timeline(top, tmp_path / "timeline.png")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == top.bond.values.tolist()
    many = xr.concat([top] * 20, "frame")
    assert plot.plot_timeline(many, tmp_path / "many.png").images[0].get_array().shape == (5, 800)
    axes = plot.plot_bars(bonds.occupancy, tmp_path / "bars.png", most=7)
    assert len(axes.patches) == 7
    assert f"{bonds.sizes['bond'] - 7} more are not shown" in axes.get_xlabel()
    curves = lifetimes[["continuous", "intermittent"]]
    axes = plot.plot_curves(curves, tmp_path / "curves.png", notes={"continuous": "9 ps"})
    assert axes.get_legend().get_texts()[0].get_text().endswith(": 9 ps")
    for wrong, call in ((top[0], plot.plot_timeline), (many, plot.plot_bars)):
        with pytest.raises(ValueError, match=r"need|rows and frames"):
            call(wrong)
    with pytest.raises(ValueError, match="curves need variables over one dim"):
        plot.plot_curves(xr.Dataset())
