"""Torsions of amino acids: which atoms they have, and how often they change."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.topology.torsions import KINDS

Array = NDArray[Any]
CHI = KINDS[3:]

# The chains of side chains that torsions turn about, in IUPAC's names: N, CA, CB and so on.
SIDE_CHAINS = {
    "ALA": "", "GLY": "", "ARG": "CG CD NE CZ NH1", "ASN": "CG OD1", "ASP": "CG OD1", "CYS": "SG",
    "GLN": "CG CD OE1", "GLU": "CG CD OE1", "HIS": "CG ND1", "ILE": "CG1 CD1", "LEU": "CG CD1",
    "LYS": "CG CD CE NZ", "MET": "CG SD CE", "PHE": "CG CD1", "PRO": "CG CD", "SER": "OG",
    "THR": "OG1", "TRP": "CG CD1", "TYR": "CG CD1", "VAL": "CG1",
    # GROMOS, CHARMM, modified ones.
    "ILE of GROMOS": "CG1 CD", "MSE": "CG SE CE", "SEC": "SE", "ORN": "CG CD NE", "DAB": "CG ND",
}  # fmt: skip
OTHERS = {
    "ASN": "ND2", "ASP": "OD2", "GLN": "NE2", "GLU": "OE2", "HIS": "CD2 CE1 NE2", "ILE": "CG2",
    "LEU": "CD2", "PHE": "CD2 CE1 CE2 CZ", "THR": "CG2", "TRP": "CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CD2 CE1 CE2 CZ OH", "VAL": "CG2", "ARG": "NH2", "ILE of GROMOS": "CG2",
}  # fmt: skip


def system(
    names: Sequence[Sequence[str]],
    positions: Array | None = None,
    *,
    bonds: Any = None,
    **coords: Any,
) -> xr.Dataset:
    """A Dataset of residues with these atoms."""
    flat = [name for residue in names for name in residue]
    of_atom = np.repeat(np.arange(len(names)), [len(residue) for residue in names])
    if positions is None:
        positions = np.random.default_rng(1).normal(size=(3, len(flat), 3))
    known = {
        "atom_name": ("atom", np.array(flat)),
        "residue": ("atom", of_atom + 1),
        "residue_name": ("atom", np.array(["XAA"] * len(flat))),
        **{name: ("atom", np.asarray(values)[of_atom]) for name, values in coords.items()},
    }
    if bonds is not None:
        known["bonds"] = (("bond", "pair"), np.asarray(bonds).reshape(-1, 2))
    return xr.Dataset({"positions": (("frame", "atom", "xyz"), positions)}, known)


@pytest.mark.parametrize("residue", SIDE_CHAINS)
def test_side_chains(residue: str) -> None:
    along = ["N", "CA", "CB", *SIDE_CHAINS[residue].split()]
    # In an order that is not that of the chain, after the atoms that are no part of it.
    others = [*OTHERS.get(residue, "").split(), "H", "HA", "O"]
    atoms = [*others, "C", *along[::-1]]
    ds = system([atoms])
    found = gd.torsions(ds, CHI)
    place = {name: i for i, name in enumerate(atoms)}
    for i, kind in enumerate(CHI):
        expected = along[i : i + 4]
        if len(expected) < 4:
            assert np.isnan(found[kind]).all(), kind
        else:
            own = gd.dihedrals(ds, [[place[name] for name in expected]])
            np.testing.assert_array_equal(found[kind], own)


BACKBONE = ("N", "CA", "C", "O")


def chain(n: int, gap: int | None = None, apart: float = 0.133) -> Array:
    """Residues in a row whose C and N are bonded; after one of them, farther apart."""
    rng = np.random.default_rng(2)
    places, x = [], 0.0
    for residue in range(n):
        for name in BACKBONE:
            places.append([x, 0.0, 0.0] + rng.normal(0, 0.02, 3) * [0, 1, 1])
            x += 0.0 if name == "C" else 0.133 if name != "O" or residue != gap else apart
    return np.array([places])


def has(ds: xr.Dataset) -> tuple[list[bool], list[bool], list[bool]]:
    found = gd.torsions(ds, ("phi", "psi", "omega"))
    phi, psi, omega = (np.isfinite(found[kind].values[0]).tolist() for kind in found)
    return phi, psi, omega


UNBROKEN = ([False, True, True, True], [True, True, True, False], [True, True, True, False])
BROKEN = ([False, True, False, True], [True, False, True, False], [True, False, True, False])


def test_chain_breaks() -> None:
    names = [BACKBONE] * 4
    positions = chain(4)
    carbon, nitrogen = np.arange(2, 16, 4), np.arange(0, 16, 4)
    inner = [(4 * i + a, 4 * i + b) for i in range(4) for a, b in ((0, 1), (1, 2), (2, 3))]
    peptide = list(zip(carbon[:-1].tolist(), nitrogen[1:].tolist(), strict=True))
    # Bonds decide where they are known, whatever the distance is.
    assert has(system(names, 5 * positions, bonds=inner + peptide)) == UNBROKEN
    assert has(system(names, positions, bonds=[*inner, peptide[0], peptide[2]])) == BROKEN
    # Otherwise distance, chain, segment and molecule.
    assert has(system(names, positions)) == UNBROKEN
    assert has(system(names, positions, bonds=[(3, 7)])) == UNBROKEN
    assert has(system(names, chain(4, gap=1, apart=0.25))) == BROKEN
    for label in ("chain", "segment"):
        assert has(system(names, positions, **{label: ["A", "A", "B", "B"]})) == BROKEN
    assert has(system(names, positions, molecule=[1, 1, 2, 2])) == BROKEN
    # A neighbour over the box, and one that is so only with it.
    over = positions.copy()
    over[:, 8:] -= [3.0, 0.0, 0.0]
    torn = system(names, over)
    assert has(torn) == BROKEN
    torn["box"] = (("frame", "box_vector", "xyz"), 3.0 * np.eye(3)[None])
    assert has(torn) == UNBROKEN
    expected = gd.torsions(system(names, positions), ("phi",)).phi
    np.testing.assert_allclose(gd.torsions(torn, ("phi",)).phi, expected, atol=1e-9)
    # It is not asked where molecules are whole, nor where bonds tell.
    whole = torn.assign_attrs(molecules="whole").assign(box=0.3 / 3.0 * torn.box)
    np.testing.assert_array_equal(
        gd.torsions(whole.assign(positions=system(names, positions).positions), ("phi",)).phi,
        expected,
    )


def test_without_frames_numbers_tell() -> None:
    ds = system([BACKBONE] * 4, chain(4)).isel(frame=slice(0, 0))
    assert gd.torsions(ds, ("phi",)).phi.shape == (0, 4)


def test_a_ring_and_caps() -> None:
    names = [BACKBONE] * 3
    bonds = [(2, 4), (6, 8), (10, 0)]
    phi, psi, omega = has(system(names, chain(3), bonds=bonds))
    assert [*phi, *psi, *omega] == [True] * 9
    # ACE brings phi, NME brings psi; omega needs CA on both sides.
    names = [("CH3", "C", "O"), BACKBONE, ("N", "CH3")]
    ds = system(names, bonds=[(1, 3), (5, 7)])
    assert has(ds) == ([True], [True], [False])
    assert ds.sizes["atom"] == 9
    assert gd.torsions(ds).residue.values.tolist() == [2]


def test_residues_have_their_names(adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd, adk.psf)
    some = gd.torsions(ds, ["chi1"], atoms="resname LEU and name CA")
    assert set(some.residue_name.values) == {"LEU"}
    assert some.chi1.dims == ("frame", "residue")
    assert some.chi1.attrs["units"] == "degree"
    whole = gd.torsions(ds, ["chi1"])
    chosen = np.isin(whole.residue, some.residue)
    np.testing.assert_array_equal(whole.chi1[:, chosen], some.chi1)
    assert not gd.torsions(ds, "phi").phi.equals(whole.chi1)


@pytest.mark.parametrize("case", ["adk", "gro", "pdb"])
def test_mdtraj(case: str, adk: Any, mdanalysis_data: Path) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    trajectory, topology = {
        "adk": (adk.dcd, adk.psf),
        "gro": (mdanalysis_data / "adk_oplsaa.gro",) * 2,
        "pdb": (mdanalysis_data / "adk_open.pdb",) * 2,
    }[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mdtraj.load(str(trajectory), top=str(topology))
        ours = gd.torsions(gd.open_trajectory(trajectory, topology)).compute()
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, radians = getattr(mdtraj, f"compute_{kind}")(theirs, periodic=case == "gro")
        there = np.isfinite(ours[kind].values).all(axis=0)
        assert there.sum() == radians.shape[1], kind
        own = np.radians(ours[kind].values[:, there])
        np.testing.assert_allclose(np.exp(1j * own), np.exp(1j * radians), atol=2e-4)


def test_mdanalysis_ramachandran(adk: Any) -> None:
    mda = pytest.importorskip("MDAnalysis")
    dihedrals = pytest.importorskip("MDAnalysis.analysis.dihedrals")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        protein = mda.Universe(str(adk.psf), str(adk.dcd)).select_atoms("protein")
        theirs = dihedrals.Ramachandran(protein).run(stop=5).results.angles
    ours = gd.torsions(gd.open_trajectory(adk.dcd, adk.psf, stop=5), ("phi", "psi"))
    both = np.stack([ours.phi, ours.psi], axis=-1)[:, 1:-1]
    np.testing.assert_allclose((both - theirs + 180) % 360 - 180, 0, atol=1e-3)


def test_what_cannot_be_measured(adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd, adk.psf)
    with pytest.raises(ValueError, match=r"kinds: expected some of phi, psi, omega, chi1, .* got"):
        gd.torsions(ds, ["phi", "chi6"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="torsions need names of atoms and residues"):
        gd.torsions(gd.open_trajectory(adk.dcd))
    with pytest.raises(ValueError, match=r"there is no amino acid .* among the atoms"):
        gd.torsions(ds.isel(atom=slice(0, 4)))
    for wrong, message in (
        ({"definition": "nearby"}, "definition: expected nearest, core, gromos_strict"),
        ({"minima": [60]}, "minima: expected two angles or more"),
        ({"minima": [60, 420]}, "minima: two are the same"),
        ({"definition": "core", "core": 60.0}, "core: expected more than 0 and less than 60"),
        ({"definition": "gromos_strict", "minima": [0, 90]}, "equally far apart"),
        ({"kinds": ["omicron"]}, "kinds: expected some of"),
    ):
        with pytest.raises(ValueError, match=message):
            gd.torsion_transitions(ds, **wrong)


def counted(series: Array, minima: Sequence[float], definition: str, core: float) -> Array:
    """Transitions of one torsion, frame by frame."""

    def apart(one: float, other: float) -> float:
        return abs((one - other + 180.0) % 360.0 - 180.0)

    found = np.zeros((len(minima), len(minima)), int)
    state = None
    for angle in series:
        if not np.isfinite(angle):
            continue
        nearest = min(range(len(minima)), key=lambda i: apart(angle, minima[i]))
        if definition == "core" and apart(angle, minima[nearest]) >= core:
            continue
        is_strict = state is not None and definition == "gromos_strict"
        if is_strict and apart(angle, minima[state]) <= 360.0 / len(minima):
            continue
        if state is not None and nearest != state:
            found[state, nearest] += 1
        state = nearest
    return found


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.sampled_from(["nearest", "core", "gromos_strict"]),
    st.sampled_from([[60.0, 180.0, -60.0], [180.0, 0.0], [0.0, 90.0, 180.0, 270.0]]),
    st.sampled_from([5.0, 25.0, 44.0]),
)
def test_transitions_equal_a_count(
    seed: int, n: int, definition: Any, minima: list[float], core: float
) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, rng.choice([10.0, 60.0, 150.0]), (n, 4))
    angles = (steps.cumsum(axis=0) + 180.0) % 360.0 - 180.0
    angles[rng.random(angles.shape) < 0.1] = np.nan
    angles[:, 3] = np.nan
    time = ("frame", 2.0 * np.arange(n))
    array = xr.DataArray(
        angles.reshape(n, 2, 2),
        {"time": time},
        ("frame", "kind", "residue"),
        attrs={"units": "degree"},
    )
    options: Any = {"minima": minima, "definition": definition, "core": core}
    found = gd.torsion_transitions(array, **options)
    expected = np.array([counted(series, minima, definition, core) for series in angles.T])
    np.testing.assert_array_equal(found.transitions, expected.reshape(found.transitions.shape))
    assert found.frames.sum("state").values.ravel().tolist() == np.isfinite(angles).sum(0).tolist()
    if n > 1:
        rate = expected.sum((1, 2)) / (2.0 * (n - 1) / 1000.0)
        rate[np.isnan(angles).all(axis=0)] = np.nan
        np.testing.assert_allclose(found.rate.values.ravel(), rate)
    lazy = gd.torsion_transitions(array.chunk(frame=7), **options)
    xr.testing.assert_identical(lazy.compute().drop_attrs(), found.drop_attrs())


def test_transitions_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that lasts over several blocks is known in the next."""
    monkeypatch.setattr("gromos_dist.mapping.reduce.PIECE_BYTES", 64)
    angles = np.array([60.0, *[120.0] * 40, 170.0, *[121.0] * 40, 65.0])
    array = xr.DataArray(angles, dims="frame", attrs={"units": "degree"})
    found = gd.torsion_transitions(array, definition="core", core=20.0)
    assert found.transitions.values.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert np.isnan(found.rate)


def test_transitions_of_a_trajectory_and_of_its_torsions(adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd, adk.psf)
    kinds: Any = ["chi1", "chi2"]
    found = gd.compute(gd.torsion_transitions(ds, kinds))
    again = gd.compute(gd.torsion_transitions(gd.torsions(ds, kinds), kinds))
    xr.testing.assert_identical(found.drop_attrs(), again.drop_attrs())
    assert found.kind.values.tolist() == kinds
    statistics = gd.compute(gd.circular_statistics(gd.torsions(ds, kinds)))
    assert statistics.circular_mean.dims == ("kind", "residue")
    own = gd.circular_statistics(gd.torsions(ds, kinds).chi2)
    np.testing.assert_array_equal(statistics.circular_mean.sel(kind="chi2"), own.circular_mean)
