"""Distances, angles, torsions of trajectories: against NumPy, gromos++, mdtraj and MDAnalysis."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application
from gromos_dist.cli.vocabulary import tuples
from gromos_dist.errors import FrameError, SelectionError
from gromos_dist.kernels.boxes import octahedron_vectors
from gromos_dist.topology.lattice import nearest_images

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def pla2(reference: Path) -> xr.Dataset:
    """100 frames of phospholipase A2, broken over a rectangular box."""
    folder = reference / "analysis" / "pla2"
    return gd.open_trajectory(folder / "pla2_solute.trc.gz", folder / "pla2.top", dtype=np.float64)


@pytest.fixture(scope="module")
def adk_ds(adk: Any) -> xr.Dataset:
    return gd.open_trajectory(adk.dcd, adk.psf)


def columns(path: Path) -> NDArray[np.float64]:
    """Return the columns of an output of gromos++, without the time."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return np.array([row[1:] for row in rows], float)


def footer(path: Path) -> NDArray[np.float64]:
    """Return the averages and fluctuations that gromos++ prints at the end."""
    lines = path.read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("# Averages"))
    return np.array(
        [line.split()[-3:-1] for line in lines[begin + 1 :] if len(line.split()) > 3], float
    )


def atoms_of(path: Path, sizes: set[int]) -> list[list[int]]:
    """Return the atoms of the properties in an argument file, of several molecules too."""
    starts = {1: 0, 2: 1190, 3: 1207}
    words = next(line for line in path.read_text().splitlines() if line.startswith("@prop")).split()
    found = []
    for word in words[1:]:
        atoms = []
        for part in word.partition("%")[2].split(";"):
            molecule, _, numbers = part.partition(":")
            atoms += [starts[int(molecule)] + int(number) - 1 for number in numbers.split(",")]
        found.append(atoms)
    assert {len(atoms) for atoms in found} <= sizes
    return found


# Six digits are printed.
def same_digits(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=6e-6, atol=0)


def test_gromos_distances_and_angles(pla2: xr.Dataset, reference: Path) -> None:
    folder = reference / "analysis" / "pla2"
    for method in ("cog", "nog"):
        path = folder / f"tser_dist_{method}.out"
        found = gd.distances(pla2, atoms_of(path.with_suffix(".arg"), {2})).compute()
        same_digits(found, columns(path))
        mean = np.stack([found.mean("frame"), found.std("frame")], axis=1)
        np.testing.assert_allclose(mean, footer(path), atol=1.1e-8)
        path = folder / f"tser_angle_{method}.out"
        same_digits(gd.angles(pla2, atoms_of(path.with_suffix(".arg"), {3})), columns(path))


def test_gromos_torsions_continue_in_time(pla2: xr.Dataset, reference: Path) -> None:
    folder = reference / "analysis" / "pla2"
    quadruples = atoms_of(folder / "tser_phipsi_cog.arg", {4})
    expected = columns(folder / "tser_phipsi_cog.out")
    found = gd.dihedrals(pla2, quadruples, unwrap=True)
    same_digits(found, expected)
    same_digits(found.chunk(frame=7), expected)
    t_of_residues = gd.torsions(
        pla2, ["phi", "psi"], atoms="resid 2:10 and molecule 1", unwrap=True
    )
    by_residue = np.stack([t_of_residues.phi, t_of_residues.psi], axis=-1).reshape(100, -1)
    same_digits(by_residue, expected)
    periodic, whole_turns, also_periodic = columns(folder / "tser_tp_cog.out").T
    phi, omega = atoms_of(folder / "tser_tp_cog.arg", {4})[:2]
    same_digits(gd.dihedrals(pla2, [phi])[:, 0], periodic)
    same_digits(gd.dihedrals(pla2, [omega], unwrap=True)[:, 0], whole_turns)
    same_digits(gd.dihedrals(pla2, [omega])[:, 0], also_periodic)
    side_chains = reference / "analysis" / "more" / "pla2"
    many = atoms_of(side_chains / "ditrans.arg", {4})
    unwrapped = gd.dihedrals(pla2, many, unwrap=True).values
    # It is printed from the second frame on.
    expected = columns(side_chains / "ditrans_tser.dat.gz")
    np.testing.assert_allclose(unwrapped[1:], expected, atol=1e-8)


def test_gromos_distances_of_centres(pla2: xr.Dataset, reference: Path) -> None:
    """gromos++ gathers first; its centres are those of whole molecules."""
    whole = gd.make_whole(pla2)
    path = reference / "analysis" / "more" / "pla2" / "tser_virtual.out"
    protein = "molecule 1 and resid"
    # Hydrogens and all: centres of atoms, of masses.
    pairs = [
        (f"{kind} of {protein} 1:10", f"{kind} of {protein} 50:60") for kind in ("cog", "com")
    ] + [("com of molecule 1", 1207)]
    expected = columns(path)
    found = gd.distances(whole, pairs)
    same_digits(found, expected[:, :3])
    hinge = gd.angles(whole, [(15, f"cog of {protein} 30:40", 505)])
    same_digits(hinge[:, 0], expected[:, 3])
    assert hinge.triple.values.tolist() == [
        " - ".join(
            [
                gd.distances(whole, [(15, 505)]).pair.values[0].split(" - ")[0],
                f"cog of {protein} 30:40",
                gd.distances(whole, [(15, 505)]).pair.values[0].split(" - ")[1],
            ]
        )
    ]
    assert hinge.second_atom.values.tolist() == [-1]


@pytest.mark.parametrize("definition", ["nearest", "gromos_strict"])
def test_gromos_transitions(definition: Any, pla2: xr.Dataset, reference: Path) -> None:
    folder = reference / "analysis" / "more" / "pla2"
    name = "ditrans" if definition == "nearest" else "ditrans_strict"
    lines = (folder / f"{name}.out").read_text().splitlines()
    totals = [int(line.split()[-1]) for line in lines if line.startswith("Torsion%")]
    angles = gd.dihedrals(pla2, atoms_of(folder / "ditrans.arg", {4}))
    found = gd.compute(gd.torsion_transitions(angles, definition=definition))
    each = found.transitions.sum(("state", "other_state"))
    assert each.values.tolist() == totals
    moves = [line.split() for line in lines if "transition of" in line]
    directions = np.zeros((3, 3), int)
    place = {60: 0, 180: 1, -60: 2}
    for words in moves:
        one, other = ((float(word) + 180) % 360 - 180 for word in (words[-3], words[-1]))
        directions[
            place[round(one) if round(one) != -180 else 180],
            place[round(other) if round(other) != -180 else 180],
        ] += 1
    assert found.transitions.sum("quadruple").values.tolist() == directions.tolist()


def test_mdanalysis_and_mdtraj(adk_ds: xr.Dataset, adk: Any) -> None:
    mda = pytest.importorskip("MDAnalysis")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = mda.Universe(str(adk.psf), str(adk.dcd))
    rng = np.random.default_rng(3)
    quadruples = np.array([rng.permutation(3341)[:4] for _ in range(50)])
    found = {
        2: gd.distances(adk_ds, quadruples[:, :2]).values * 10,
        3: np.radians(gd.angles(adk_ds, quadruples[:, :3]).values),
        4: np.radians(gd.dihedrals(adk_ds, quadruples).values),
    }
    calc = mda.lib.distances
    for frame in (0, 50, 97):
        universe.trajectory[frame]
        x = universe.atoms.positions
        own = [x[quadruples[:, i]] for i in range(4)]
        np.testing.assert_allclose(found[2][frame], calc.calc_bonds(*own[:2]), rtol=1e-6)
        np.testing.assert_allclose(found[3][frame], calc.calc_angles(*own[:3]), atol=2e-6)
        np.testing.assert_allclose(found[4][frame], calc.calc_dihedrals(*own), atol=2e-5)
    mdtraj = pytest.importorskip("mdtraj")
    trajectory = mdtraj.load(str(adk.dcd), top=str(adk.psf))
    for size, compute in ((2, "distances"), (3, "angles"), (4, "dihedrals")):
        theirs = getattr(mdtraj, f"compute_{compute}")(
            trajectory, quadruples[:, :size], periodic=False
        )
        ours = found[size] / (10 if size == 2 else 1)
        np.testing.assert_allclose(np.exp(1j * ours), np.exp(1j * theirs), atol=3e-4)


def test_only_the_atoms_are_read(adk_ds: xr.Dataset) -> None:
    """What names distances stays that of the whole file."""
    pairs = [("name CA and resid 1", "name CA and resid 214"), (3, "com of resid 5")]
    found = gd.distances(adk_ds, pairs)
    assert found.first_atom.values.tolist() == [4, 3]
    assert found.second_atom.values.tolist() == [3335, -1]
    some = adk_ds.isel(atom=slice(4, None))
    again = gd.distances(some, [[0, 3331]])
    assert again.first_atom.values == 4
    assert again.values.tobytes() == found[:, :1].values.tobytes()
    in_memory = gd.distances(adk_ds.compute(), pairs)
    assert in_memory.values.tobytes() == found.values.tobytes()
    assert found.units == "nm"
    assert found.pair.values[0] == "MET1:CA - GLY214:CA"


@pytest.mark.parametrize("shape", ["rectangular", "octahedron"])
def test_nearest_images_or_not(shape: str) -> None:
    rng = np.random.default_rng(4)
    positions = rng.uniform(0, 3, (9, 12, 3))
    cube = np.tile(3.0 * np.eye(3), (9, 1, 1))
    attrs = {"shape": "truncated octahedron"} if shape == "octahedron" else {}
    ds = xr.Dataset(
        {
            "positions": (("frame", "atom", "xyz"), positions, {"units": "nm"}),
            "box": (("frame", "box_vector", "xyz"), cube, attrs),
        }
    )
    pairs = np.array([[0, 1], [5, 2], [11, 3]])
    lattice = octahedron_vectors(cube[0]) if attrs else cube[0]
    apart = positions[:, pairs[:, 1]] - positions[:, pairs[:, 0]]
    images = nearest_images(apart.reshape(-1, 3), lattice).reshape(apart.shape)
    vectors = gd.distances(ds, pairs, vectors=True)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), np.linalg.norm(images, axis=-1))
    np.testing.assert_allclose(vectors, images, atol=1e-12)
    lengths = gd.distances(ds, pairs)
    np.testing.assert_allclose(lengths, np.linalg.norm(images, axis=-1))
    as_they_are = gd.distances(ds, pairs, vectors=True, periodic=False)
    np.testing.assert_array_equal(as_they_are, apart)
    np.testing.assert_array_equal(gd.distances(ds.positions, pairs, vectors=True), apart)
    assert lengths.pair.values.tolist() == [
        "atom 0 - atom 1",
        "atom 5 - atom 2",
        "atom 11 - atom 3",
    ]
    with_centre = gd.distances(ds, [("cog of index 0 1 2", 5)], periodic=False)[:, 0]
    centre = positions[:, :3].mean(axis=1)
    np.testing.assert_allclose(with_centre, np.linalg.norm(positions[:, 5] - centre, axis=-1))


def test_turns_of_a_wheel() -> None:
    """A torsion that goes round several times, with frames in which it is not known."""
    turned = np.cumsum(np.random.default_rng(5).uniform(-60, 170, 200))
    radians = np.radians(turned)
    positions = np.zeros((200, 4, 3))
    positions[:, 0, 0] = positions[:, 2, 2] = positions[:, 3, 2] = 1.0
    positions[:, 3, 0], positions[:, 3, 1] = np.cos(radians), np.sin(radians)
    ds = xr.Dataset({"positions": (("frame", "atom", "xyz"), positions)})
    found = gd.dihedrals(ds, [[0, 1, 2, 3]], unwrap=True)[:, 0]
    first = (turned[0] + 180) % 360 - 180
    np.testing.assert_allclose(found, turned - turned[0] + first, atol=1e-9)
    for chunk in (1, 3, 64):
        lazy = gd.dihedrals(ds.chunk(frame=chunk), [[0, 1, 2, 3]], unwrap=True)[:, 0]
        assert lazy.values.tobytes() == found.values.tobytes()


def test_what_cannot_be_measured(adk_ds: xr.Dataset) -> None:
    for wrong, error, message in (
        ([("name CA", 3)], SelectionError, r"pairs\[0\]: 'name CA' chooses 214 atoms, not one"),
        ([(0, 1), (0, 3341)], SelectionError, "pairs: atom 3341 is out of range"),
        ([(0, -1)], SelectionError, "pairs: atom -1 is out of range"),
        ([], ValueError, "pairs: expected at least one pair of 2 atoms"),
        ("name CA", ValueError, "pairs: expected at least one pair of 2 atoms"),
        ([(0, 1, 2)], ValueError, "pairs: expected 2 atoms in each pair, got 3"),
        ([(0, 1), 5], ValueError, "pairs: expected 2 atoms in each pair, got 1, 2"),
        ([("nme CA", 1)], SelectionError, "unknown word 'nme'"),
    ):
        with pytest.raises(error, match=message):
            gd.distances(adk_ds, wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="quadruples: expected 4 atoms in each quadruple, got 3"):
        gd.dihedrals(adk_ds, [[0, 1, 2]])
    broken = adk_ds.isel(frame=slice(0, 5)).compute()
    broken.positions.values[3, 7] = np.nan
    with pytest.raises(FrameError, match="frame 3: a coordinate is NaN or infinite"):
        gd.distances(broken, [[7, 8]])
    gd.distances(broken, [[6, 8]])


def test_tuples_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("# two pairs\n0 5\n\nname CA and resid 1; com of resid 2 # a centre\n")
    assert tuples([f"@{path}"]) == [[0, 5], ["name CA and resid 1", "com of resid 2"]]
    assert tuples(["1:CA;va(com,1:1;2:1)", "name 'A;B'; 3"]) == [
        ["1:CA", "va(com,1:1;2:1)"],
        ["name 'A;B'", 3],
    ]


@pytest.mark.parametrize(
    ("data", "mean", "variance"),
    [
        ([179.0, -179.0], 180.0, 1 - np.cos(np.radians(1))),
        ([0.0, 90.0], 45.0, 1 - np.sqrt(0.5)),
        ([10.0, np.nan, 370.0], 10.0, 0.0),
        ([-180.0, -180.0], 180.0, 0.0),
    ],
)
def test_circular_statistics(data: list[float], mean: float, variance: float) -> None:
    angles = xr.DataArray(
        np.array(data)[:, None], dims=("frame", "quadruple"), attrs={"units": "degree"}
    )
    found = gd.circular_statistics(angles)
    np.testing.assert_allclose(found.circular_mean, [mean], atol=1e-12)
    np.testing.assert_allclose(found.circular_variance, [variance], atol=1e-15)
    narrow = xr.DataArray(
        np.random.default_rng(6).normal(175, 3, 5000), dims="frame", attrs=angles.attrs
    )
    of_narrow = gd.circular_statistics(narrow)
    assert abs(float(of_narrow.circular_deviation) - narrow.std()) < 0.01
    with pytest.raises(ValueError, match="expected angles in degrees"):
        gd.circular_statistics(narrow.assign_attrs(units="nm"))


def told(*arguments: Any) -> dict[str, Any]:
    """Run a command, which has to end well; return what it tells programs."""
    result = CliRunner().invoke(application, [*map(str, arguments), "--json", "--no-progress"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_commands(adk: Any, tmp_path: Path, adk_ds: xr.Dataset) -> None:
    trajectory = (adk.dcd, "--top", adk.psf)
    ends = ("--pair", "name CA and resid 1; name CA and resid 214")
    pictures = [tmp_path / f"{i}.png" for i in range(5)]
    found = told("distances", *trajectory, *ends, "--plot", pictures[0])
    expected = gd.distances(adk_ds, [("name CA and resid 1", "name CA and resid 214")])
    (part,) = found["parts"].values()
    assert part["mean"] == pytest.approx(float(expected.mean()), rel=1e-12)
    many = [word for i in range(30) for word in ("--pair", f"{i};{i + 100}")]
    told("distances", *trajectory, *many, "--plot", pictures[1], "-o", tmp_path / "many.csv")
    found = told("torsions", *trajectory, "--kinds", "phi,psi,chi1", "--plot", pictures[2])
    omega = told("torsions", *trajectory, "--kinds", "omega", "--atoms", "resid 10:12")
    parts = omega["variables"]["omega"]["parts"]
    assert {round(abs(part["circular_mean"])) for part in parts.values()} <= set(range(170, 181))
    assert found["variables"]["phi"]["count"] == 213
    moved = told("torsion-transitions", *trajectory, "--kinds", "chi1", "--plot", pictures[3])
    own = gd.compute(gd.torsion_transitions(adk_ds, ["chi1"]))
    assert moved["chi1"]["transitions"] == int(own.transitions.sum())
    four = ("--quadruple", "0;4;6;9")
    told("dihedrals", *trajectory, *four, "--dihedrals-unwrap", "--plot", pictures[4])
    assert all(picture.stat().st_size > 10_000 for picture in pictures)
    refused = CliRunner().invoke(application, ["distances", *map(str, trajectory), "--pair", "0"])
    assert refused.exit_code == 2
    assert "expected 2 atoms in each pair, got 1" in refused.output
