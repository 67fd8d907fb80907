"""gd.forces and gd.energies: MD++'s numbers, what physics asks for, any chunking, errors."""

from __future__ import annotations

import pickle
import shutil
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask
import MDAnalysis
import numpy as np
import pytest
import xarray as xr
from distributed import Client
from kernels.rerun import CASES, read_computed, system_of
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.cli.wording import in_options
from gromos_dist.forces.groups import Groups
from gromos_dist.forces.model import ForceModel
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.kernels import choose_mesh, ewald_splitting
from gromos_dist.topology import Topology

DATA = Path(__file__).parent / "data"
CUTOFF = 0.6
TERMS = ("lennard_jones", "reaction_field")


@pytest.fixture(scope="module")
def butane() -> xr.Dataset:
    """Butane in water, three frames."""
    return gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")


def in_memory(ds: xr.Dataset) -> xr.Dataset:
    """All digits of a text trajectory, in NumPy arrays."""
    precise = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", dtype=float)
    return precise.load()


# ---- MD++ ----


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("case", CASES)
def test_everything_is_that_of_a_rerun(reference: Path, case: str, precision: str) -> None:
    system, rerun = system_of(case), reference / "rerun"
    ds = gd.open_trajectory(rerun / f"systems/{system}.trc.gz", rerun / f"systems/{system}.top")
    result = gd.forces(ds, settings=rerun / case / f"{case}.imd", precision=precision).compute()
    theirs = read_computed(reference, case, result.sizes["group"])
    upper = np.triu_indices(result.sizes["group"])
    ours = result.energy_nonbonded.values[:, :, *upper]
    nonbonded = np.stack([theirs.lennard_jones, theirs.reaction_field], axis=1)
    covalent = result.energy.sel(term="covalent").values
    np.testing.assert_allclose(covalent, theirs.covalent, rtol=1e-9, atol=1e-9)
    if precision == "double":
        np.testing.assert_allclose(ours, nonbonded, rtol=1e-7, atol=1e-6)
        if len(theirs.forces):
            np.testing.assert_allclose(result.forces, theirs.forces, rtol=0, atol=1e-6)
        if "virial" in result:
            assert theirs.virial is not None
            largest = np.abs(theirs.virial).max()
            np.testing.assert_allclose(result.virial, theirs.virial, rtol=0, atol=1e-7 * largest)
        return
    total = np.abs(nonbonded).max(axis=2, keepdims=True)
    assert (np.abs(ours - nonbonded) <= 1e-6 * total + 1e-2 * (total < 1e4)).all()
    if len(theirs.forces):
        error = result.forces.values - theirs.forces
        assert np.sqrt((error**2).mean() / (theirs.forces**2).mean()) < 2e-6
        assert np.abs(error).max() < 1e-4 * np.abs(theirs.forces).max()


# The first has position restraints, which are refused; for the other see
# kernels/test_total_forces.py::test_where_mdpp_does_not_exclude.
LEFT_OUT = {"aladip_solvated_em_posres", "water_10_box"}
# The minimiser writes its last positions one step after their forces.
FRAMES = {"aladip_vacuum_em": 6}


def followed(path: Path) -> Path:
    """The file that a file stands for which holds nothing but a path."""
    text = path.read_text()
    return path if "\n" in text.strip() else path.parent / text.strip()


def test_every_written_step_of_every_run(reference: Path) -> None:
    """Positions were rounded to 1e-9 nm when they were written: stiff bonds tell by 1e-3."""
    compared = 0
    for file in sorted((reference / "mdpp").glob("*/input.toml")):
        folder = file.parent
        if folder.name in LEFT_OUT:
            continue
        # Behind this the files have keys that are not TOML.
        names = tomllib.loads(file.read_text().partition("[reference_values]")[0])["input"]
        topology = gd.load_topology(followed(folder / names["topology"]))
        ds = gd.open_trajectory(folder / "expected/trajectory.trc")
        settings = folder / names["parameters"]
        result = gd.forces(ds, topology, settings=settings, precision="double")
        n = FRAMES.get(folder.name, result.sizes["frame"])
        result = result.isel(frame=slice(n)).compute()
        theirs = gd.open_trajectory(folder / "expected/forces.trf", dtype=float, stop=n)
        energies = gd.open_energies(folder / "expected/energies.tre").isel(frame=slice(n))
        np.testing.assert_array_equal(result.time, theirs.time)
        np.testing.assert_array_equal(result.time, energies.time)
        named = {"rtol": 0, "err_msg": folder.name}
        np.testing.assert_allclose(result.forces[0], theirs.forces[0], atol=1e-8, **named)
        np.testing.assert_allclose(result.forces, theirs.forces, atol=1e-3, **named)
        for ours, known in (
            (result.energy_nonbonded, energies.energy_nonbonded.sel(nonbonded_term=list(TERMS))),
            (result.energy.sel(term="covalent"), energies.energy.sel(term="covalent")),
        ):
            np.testing.assert_allclose(ours, known, rtol=1e-7, atol=1e-4, err_msg=folder.name)
        if "virial" in result:
            largest = float(np.abs(energies.virial).max())
            # One pressure group of all atoms: only at the start is it as whole as for MD++.
            np.testing.assert_allclose(
                result.virial[0], energies.virial[0], rtol=0, atol=1e-6 * largest
            )
        compared += 1
    assert compared == 22


# ---- parts and wholes ----


def test_parts_sum_to_the_whole(butane: xr.Dataset) -> None:
    groups = {"butane": "resname BUT", "first": "resid 2:40"}
    result = gd.forces(butane, cutoff=CUTOFF, groups=groups, precision="double").compute()
    assert result.group.values.tolist() == ["butane", "first", "rest"]
    energy = {str(term): result.energy.sel(term=term).values for term in result.term.values}
    upper = np.triu_indices(3)
    for term in TERMS:
        parts = result.energy_nonbonded.sel(nonbonded_term=term).values
        np.testing.assert_array_equal(parts, parts.swapaxes(1, 2))
        np.testing.assert_allclose(parts[:, *upper].sum(axis=1), energy[term], rtol=1e-12)
    bonded = result.energy_bonded.sum("group")
    for term in bonded.bonded_term.values:
        np.testing.assert_allclose(bonded.sel(bonded_term=term), energy[str(term)], rtol=1e-12)
    np.testing.assert_allclose(energy["covalent"], bonded.sum("bonded_term"), rtol=1e-12)
    np.testing.assert_allclose(energy["nonbonded"], sum(energy[term] for term in TERMS))
    np.testing.assert_allclose(energy["potential"], energy["covalent"] + energy["nonbonded"])
    np.testing.assert_allclose(result.forces.sum("atom"), 0, atol=1e-8)


def test_forces_between_two_groups(butane: xr.Dataset) -> None:
    groups = {"butane": "resname BUT", "first": "resid 2:40"}
    options: dict[str, Any] = {"cutoff": CUTOFF, "groups": groups, "precision": "double"}
    names = ["butane", "first", "rest"]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    whole = gd.forces(butane, variables=["forces", "energy", "group_forces"], **options).compute()
    parts = {
        pair: gd.forces(
            butane, between=pair, variables=["forces", "energy", "group_forces"], **options
        ).compute()
        for pair in pairs
    }
    kind = butane.residue.values
    of_atom = np.where(kind == 1, 0, np.where(kind <= 40, 1, 2))
    for (one, other), part in parts.items():
        i, j = names.index(one), names.index(other)
        assert not part.forces.values[:, (of_atom != i) & (of_atom != j)].any()
        assert not part.energy.sel(term="covalent").any()
        if one != other:
            net = part.forces.values[:, of_atom == i].sum(axis=1)
            np.testing.assert_allclose(whole.group_forces[:, i, j], net, rtol=0, atol=1e-9)
            np.testing.assert_array_equal(
                part.group_forces, whole.group_forces.where(part.group_forces != 0, 0.0)
            )
    nonbonded = sum(part.energy.sel(term="potential") for part in parts.values())
    np.testing.assert_allclose(nonbonded, whole.energy.sel(term="nonbonded"), rtol=1e-12)
    bonded = whole.forces - sum(part.forces for part in parts.values())
    # What is left acts within butane alone.
    np.testing.assert_allclose(bonded.values[:, 4:], 0, atol=1e-9)
    np.testing.assert_allclose(whole.group_forces, -whole.group_forces.values.swapaxes(1, 2))


def test_groups_of_residues_and_molecules(reference: Path) -> None:
    folder = reference / "rerun/systems"
    ds = gd.open_trajectory(folder / "pla2.trc.gz", folder / "pla2.top", stop=1)
    whole = gd.energies(ds, cutoff=1.4).compute()
    solute = ds.isel(atom=ds.residue_name != "SOLV")
    for kind in ("residue", "molecule"):
        parts = gd.energies(ds, cutoff=1.4, groups=kind).compute()
        names = parts.group.values.tolist()
        assert len(set(names)) == len(names) == len(np.unique(solute[kind])) + 1
        assert names[-1] == "solvent"
        upper = np.triu_indices(len(names))
        total = parts.energy_nonbonded.values[0][:, *upper].sum(axis=1)
        np.testing.assert_allclose(total, whole.energy_nonbonded.values[0].ravel(), rtol=1e-6)


def test_pressure_is_from_virial_and_velocities(butane: xr.Dataset) -> None:
    rng = np.random.default_rng(3)
    velocities = rng.normal(size=butane.positions.shape)
    moving = butane.assign(velocities=(("frame", "atom", "xyz"), velocities))
    masses = butane.mass.values
    for kind in ("atomic", "molecular"):
        result = gd.forces(moving, cutoff=CUTOFF, virial=kind).compute()
        molecule = butane.molecule.values if kind == "molecular" else np.arange(len(masses))
        kinetic = np.zeros((3, 3, 3))
        for frame, of_frame in enumerate(velocities):
            for one in np.unique(molecule):
                own = molecule == one
                mass = masses[own].sum()
                mean = (masses[own, None] * of_frame[own]).sum(axis=0) / mass
                kinetic[frame] += 0.5 * mass * np.outer(mean, mean)
        volume = np.linalg.det(butane.box)[:, None, None]
        expected = 2 / volume * (kinetic - result.virial)
        np.testing.assert_allclose(result.pressure_tensor, expected, rtol=1e-6, atol=1e-9)
        third = np.trace(result.pressure_tensor.values, axis1=1, axis2=2) / 3
        np.testing.assert_allclose(result.pressure, third)
        assert result.pressure.attrs["units"] == "kJ mol-1 nm-3"


# ---- what physics asks for ----


def model(topology: Topology, **options: Any) -> ForceModel:
    how = {"cutoff": CUTOFF, "reaction_field_radius": CUTOFF, "epsilon_rf": 61.0}
    boundary = options.pop("boundary", "rectangular")
    settings = ForceSettings(boundary, virial="atomic", precision="double", **{**how, **options})
    return ForceModel(topology, settings)


WANTED = ("forces", "energy", "virial")


@pytest.fixture(scope="module")
def frame(butane: xr.Dataset) -> tuple[Topology, NDArray[Any], NDArray[Any]]:
    loaded = in_memory(butane).isel(frame=[1])
    topology = gd.load_topology(DATA / "butane.top").with_n_atoms(loaded.sizes["atom"])
    return topology, loaded.positions.values, loaded.box.values


def test_forces_are_the_gradient_of_the_energy(
    frame: tuple[Topology, NDArray[Any], NDArray[Any]],
) -> None:
    topology, positions, box = frame
    compute = model(topology)
    forces = compute(positions, box, wanted=WANTED)["forces"][0]
    step = 1e-6
    # Rigid solvent molecules move as a whole: within them there are energies, but no forces.
    parts = [slice(0, 1), slice(1, 2), slice(2, 3), slice(40, 43), slice(100, 103)]
    places = [(atoms, axis) for atoms in parts for axis in range(3)]
    moved = np.concatenate([positions] * (2 * len(places)))
    for k, (atoms, axis) in enumerate(places):
        moved[2 * k, atoms, axis] += step
        moved[2 * k + 1, atoms, axis] -= step
    boxes = np.concatenate([box] * len(moved))
    energy = compute(moved, boxes, wanted=["energy"])["energy"][:, 0]
    slope = (energy[::2] - energy[1::2]) / (2 * step)
    ours = [-forces[place].sum() for place in places]
    # No pair of charge groups may cross the cutoff on the way: its energy jumps there.
    assert np.abs(slope - ours).max() < 1e-7 * np.abs(forces).max()


def test_nothing_changes_by_what_must_not_matter(
    frame: tuple[Topology, NDArray[Any], NDArray[Any]],
) -> None:
    topology, positions, box = frame
    compute = model(topology)
    before = compute(positions, box, wanted=WANTED)
    rng = np.random.default_rng(1)
    shifted = positions + rng.normal(size=3)
    by_molecule = rng.integers(-2, 3, (topology.n_molecules, 3)) * np.diag(box[0])
    elsewhere = positions + by_molecule[topology.molecule - 1]
    order = np.concatenate(
        [np.arange(4), (4 + 3 * rng.permutation(100)[:, None] + range(3)).ravel()]
    )
    swapped = compute(positions[:, order], box, wanted=WANTED)
    swapped["forces"] = swapped["forces"][:, np.argsort(order)]
    for after in (
        compute(shifted, box, wanted=WANTED),
        compute(elsewhere, box, wanted=WANTED),
        swapped,
    ):
        for name in WANTED:
            scale = np.abs(before[name]).max()
            np.testing.assert_allclose(after[name], before[name], rtol=0, atol=1e-10 * scale)


def test_rotation_in_vacuum(frame: tuple[Topology, NDArray[Any], NDArray[Any]]) -> None:
    topology, positions, _ = frame
    compute = model(topology, boundary="vacuum")
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    before = compute(positions, wanted=WANTED)
    after = compute(positions @ turn.T, wanted=WANTED)
    np.testing.assert_allclose(after["energy"], before["energy"], rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(after["forces"], before["forces"] @ turn.T, atol=1e-8)
    np.testing.assert_allclose(after["virial"], turn @ before["virial"] @ turn.T, atol=1e-7)


def test_the_octahedron_is_its_lattice(frame: tuple[Topology, NDArray[Any], NDArray[Any]]) -> None:
    topology, positions, _ = frame
    edge = 2.4
    cube = edge * np.eye(3)[None]
    whole = model(topology, boundary="truncated octahedron")(positions, cube, wanted=WANTED)
    lattice = edge / 2 * (np.ones((3, 3)) - 2 * np.eye(3))
    triclinic = model(topology, boundary="triclinic")(positions, lattice[None], wanted=WANTED)
    for name in WANTED:
        np.testing.assert_array_equal(whole[name], triclinic[name])


# ---- any chunking, any scheduler ----


def test_the_same_bits_however_it_is_cut(butane: xr.Dataset, client: Client) -> None:
    moving = butane.assign(velocities=butane.positions.astype(float) * 0.1)
    options: dict[str, Any] = {"cutoff": CUTOFF, "groups": "residue", "virial": "molecular"}
    now = gd.forces(in_memory(butane).assign(velocities=moving.velocities.compute()), **options)
    assert isinstance(now.forces.data, np.ndarray)
    for chunks in (1, 2, 3):
        lazy = gd.forces(moving.chunk(frame=chunks), **options)
        assert lazy.forces.chunks is not None
        assert lazy.forces.chunks[0][0] == chunks
        with dask.config.set(scheduler="threads"):
            xr.testing.assert_equal(lazy.compute(), now)
        xr.testing.assert_equal(client.compute(lazy).result(), now)


def test_an_engine_of_xarray_gives_the_same(butane: xr.Dataset) -> None:
    opened = xr.open_dataset(
        DATA / "butane.trc", engine="gromos", topology=DATA / "butane.top", dtype=np.float64
    )
    expected = gd.energies(butane, cutoff=CUTOFF).compute()
    xr.testing.assert_equal(gd.energies(opened, cutoff=CUTOFF), expected)
    xr.testing.assert_equal(opened.gromos.energies(cutoff=CUTOFF), expected)


def test_nothing_is_computed_that_was_not_asked_for(butane: xr.Dataset) -> None:
    result = gd.forces(butane, cutoff=CUTOFF, variables=["energy"])
    assert list(result.data_vars) == ["energy"]
    assert list(gd.energies(butane, cutoff=CUTOFF).data_vars) == [
        "energy",
        "energy_bonded",
        "energy_nonbonded",
    ]
    assert "virial" in gd.energies(butane, cutoff=CUTOFF, virial="atomic")
    assert "virial" not in gd.forces(butane, cutoff=CUTOFF, boundary="vacuum")


def test_bonded_energies_alone_need_no_pairs(butane: xr.Dataset) -> None:
    expected = gd.energies(butane, cutoff=CUTOFF).energy_bonded
    # Such a cutoff would be an error of the pairs.
    alone = gd.forces(butane, cutoff=50.0, variables=["energy_bonded"]).energy_bonded
    np.testing.assert_array_equal(alone, expected)


def test_results_are_labelled(butane: xr.Dataset) -> None:
    result = gd.forces(butane, cutoff=CUTOFF)
    assert result.forces.dtype == np.float32
    assert gd.forces(butane, cutoff=CUTOFF, precision="double").forces.dtype == np.float64
    assert result.forces.attrs["units"] == "kJ mol-1 nm-1"
    np.testing.assert_array_equal(result.forces.atom_name, butane.atom_name)
    np.testing.assert_array_equal(result.time, butane.time)
    record = gd.provenance.parse(result.attrs["provenance"])
    assert record["call"] == "forces"
    assert record["parameters"]["cutoff"] == CUTOFF
    other = gd.forces(butane, cutoff=CUTOFF, epsilon_rf=1.0)
    assert other.attrs["provenance"] != result.attrs["provenance"]


def test_a_model_is_pickled_small(butane: xr.Dataset) -> None:
    topology = gd.load_topology(DATA / "butane.top").solvate(100_000)
    whole = ForceModel(topology, ForceSettings("rectangular", cutoff=1.4))
    data = pickle.dumps(whole)
    assert len(data) < 50_000
    assert pickle.loads(data).n_groups == 1


# ---- bad input ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "forces need a cutoff"),
        ({"cutoff": -1.0}, "cutoff: expected a number above 0"),
        ({"cutoff": CUTOFF, "cutoff_kind": "atoms"}, "cutoff_kind: expected one of 'charge group'"),
        ({"cutoff": CUTOFF, "boundary": "cubic"}, "boundary: expected one of 'vacuum'"),
        ({"cutoff": CUTOFF, "precision": "single"}, "precision: expected one of 'mixed', 'double'"),
        *(
            (
                {"cutoff": CUTOFF, "use_pme": True, "pme_spacing": wrong},
                "pme_spacing: expected a number above 0",
            )
            for wrong in (0, -0.1, np.nan, np.inf)
        ),
        *(
            ({"cutoff": CUTOFF, "use_pme": True, "pme_order": wrong}, "pme_order: expected 4, 6, 8")
            for wrong in (5, 4.0, "4", True)
        ),
        ({"cutoff": CUTOFF, "variables": ["force"]}, "variables: expected some of .* got force"),
        ({"cutoff": CUTOFF, "variables": []}, "variables: expected some of"),
        ({"cutoff": CUTOFF, "variables": ["pressure"]}, "the pressure needs a box and velocities"),
        ({"cutoff": CUTOFF, "variables": ["virial"], "virial": "none"}, "the virial is wanted"),
        ({"cutoff": CUTOFF, "groups": "atoms"}, "groups: expected 'residue', 'molecule'"),
        ({"cutoff": CUTOFF, "groups": ["resid 1", "resid 1:2"]}, "atom 0 is in 'resid 1' and in"),
        ({"cutoff": CUTOFF, "groups": ["resname WAT"]}, "WAT"),
        ({"cutoff": CUTOFF, "between": ("a", "b")}, "between: expected two of the groups"),
        ({"cutoff": CUTOFF, "groups": {"rest": "resid 1"}}, "'rest' is the name of the atoms"),
    ],
)
def test_arguments_that_make_no_sense(
    butane: xr.Dataset, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        gd.forces(butane, **options)


def test_what_is_missing_is_named(butane: xr.Dataset) -> None:
    bare = gd.open_trajectory(DATA / "butane.trc")
    with pytest.raises(ValueError, match="forces need a topology") as caught:
        gd.forces(bare, cutoff=CUTOFF)
    assert in_options(str(caught.value), {}) == "forces need a topology: give one with --top"
    topology = gd.load_topology(DATA / "butane.top")
    made = gd.open_trajectory(DATA / "butane.trc", replace(topology, bond_origin="made here"))
    with pytest.raises(ValueError, match="give it as the argument 'topology'"):
        gd.forces(made, cutoff=CUTOFF)
    xr.testing.assert_equal(
        gd.forces(made, topology, cutoff=CUTOFF), gd.forces(butane, cutoff=CUTOFF)
    )
    with pytest.raises(ValueError, match="the trajectory has no box"):
        gd.forces(butane.drop_vars("box"), cutoff=CUTOFF, boundary="rectangular")
    some = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", atoms="resname BUT")
    with pytest.raises(ValueError, match="forces need all 304 atoms, but only 4"):
        gd.forces(some, cutoff=CUTOFF)
    known = replace(gd.load_topology(DATA / "butane.top"), force_field=None)
    with pytest.raises(gd.TopologyError, match="has no force field"):
        gd.forces(butane, known, cutoff=CUTOFF)
    universe = MDAnalysis.Universe.empty(304, trajectory=True)
    universe.add_TopologyAttr("names", ["C"] * 304)
    with pytest.raises(gd.TopologyError, match="no force field"):
        gd.forces(butane, universe, cutoff=CUTOFF)  # type: ignore[arg-type]


def test_a_topology_that_was_read_before_is_known_by_its_file(
    butane: xr.Dataset, tmp_path: Path
) -> None:
    path = Path(shutil.copy(DATA / "butane.top", tmp_path))
    topology = gd.load_topology(path)
    expected = gd.forces(butane, cutoff=CUTOFF).compute()
    for given in (topology, topology.solvate(100)):
        opened = gd.open_trajectory(DATA / "butane.trc", given)
        assert opened.attrs["topology"] == str(path)
        assert opened.attrs == gd.open_trajectory(DATA / "butane.trc", path).attrs
        xr.testing.assert_equal(gd.forces(opened, cutoff=CUTOFF).compute(), expected)
    path.write_text(path.read_text().replace("TITLE\n", "TITLE\nchanged\n"))
    with pytest.raises(ValueError, match="give it as the argument 'topology'"):
        gd.forces(gd.open_trajectory(DATA / "butane.trc", topology), cutoff=CUTOFF)


def test_a_bad_frame_is_named(butane: xr.Dataset) -> None:
    with pytest.raises(gd.FrameError, match=r"butane.trc: frame 0: the cutoff is longer than half"):
        gd.energies(butane, cutoff=1.0).compute()
    box = butane.box.compute().copy()
    box[2] = np.nan
    with pytest.raises(gd.FrameError, match="frame 2: it has no box, but the settings"):
        gd.energies(butane.assign(box=box), cutoff=CUTOFF).compute()


def test_groups_of_a_model_are_checked() -> None:
    topology = gd.load_topology(DATA / "butane.top")
    with pytest.raises(ValueError, match="energy_group: expected shape"):
        ForceModel(
            topology, ForceSettings("vacuum", cutoff=1.4), groups=Groups(np.zeros(3, np.int32))
        )


# ---- particle-mesh Ewald ----


def test_particle_mesh_ewald_is_split_as_one_likes(butane: xr.Dataset) -> None:
    # Lennard-Jones stops at the cutoff, so that the cutoff stays; the tolerance moves the split.
    options: dict[str, Any] = {
        "cutoff": 0.75,
        "use_pme": True,
        "precision": "double",
    }
    one = gd.forces(butane, pme_tolerance=1e-9, virial="atomic", **options).compute()
    other = gd.forces(butane, pme_tolerance=1e-10, virial="atomic", **options).compute()
    terms = one.energy.sel(term=["lattice_sum_real", "lattice_sum_reciprocal"])
    np.testing.assert_allclose(terms.sum("term"), one.energy.sel(term="lattice_sum"), rtol=1e-12)
    scale = float(np.abs(one.forces).max())
    np.testing.assert_allclose(one.forces, other.forces, rtol=0, atol=1e-5 * scale)
    sums = [result.energy.sel(term="potential").values for result in (one, other)]
    np.testing.assert_allclose(*sums, rtol=0, atol=1e-4)
    np.testing.assert_allclose(one.virial, other.virial, rtol=0, atol=1e-4 * scale)
    assert not np.allclose(terms[0], other.energy.sel(term=terms.term)[0], rtol=1e-3)


def test_particle_mesh_ewald_does_not_depend_on_chunks(butane: xr.Dataset) -> None:
    options: dict[str, Any] = {"cutoff": CUTOFF, "use_pme": True}
    now = gd.forces(in_memory(butane), **options)
    for chunks in (1, 2, 3):
        xr.testing.assert_equal(gd.forces(butane.chunk(frame=chunks), **options).compute(), now)


def test_particle_mesh_ewald_needs_a_box_and_knows_no_groups(butane: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="needs a periodic system"):
        gd.forces(butane, cutoff=CUTOFF, use_pme=True, boundary="vacuum")
    groups = {"butane": "resname BUT"}
    with pytest.raises(ValueError, match="no forces between two groups alone"):
        gd.forces(butane, cutoff=CUTOFF, use_pme=True, groups=groups, between=("butane", "rest"))
    with pytest.raises(ValueError, match="the mesh of particle-mesh Ewald knows no groups"):
        gd.forces(butane, cutoff=CUTOFF, use_pme=True, variables=["group_forces"])


# ---- particle-mesh Ewald: what a tolerance gives ----


def pme_errors(precision: str, **options: Any) -> float:
    """The error of forces in water (kJ mol-1 nm-1, root mean square) of a tolerance."""
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", stop=1)
    common: dict[str, Any] = {"cutoff": 0.7, "use_pme": True, "variables": ["forces"]}
    exact, found = (
        gd.forces(ds, **common, **one).forces.values
        for one in (
            {"precision": "double", "pme_tolerance": 1e-10},
            {"precision": precision, **options},
        )
    )
    return float(np.sqrt(((found - exact) ** 2).sum(axis=-1).mean()))


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_a_stricter_tolerance_makes_forces_better(precision: str) -> None:
    errors = {
        tolerance: pme_errors(precision, pme_tolerance=tolerance)
        for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    }
    for tolerance, error in errors.items():
        mesh = choose_mesh(ewald_splitting(0.7, tolerance).alpha, 0.7)
        # Of the cutoff and of the mesh together, estimated for water.
        assert error < 2.0 * mesh.allowed
    # A tenth each time, but for the pairs near the cutoff.
    for one, other in pairwise(errors.values()):
        assert other < 0.35 * one


def test_what_cannot_reach_the_tolerance_is_named() -> None:
    with pytest.warns(UserWarning, match=r"spacing 0\.12 nm and order 4 leaves .* 14 kJ.* 0\.065"):
        error = pme_errors("mixed", pme_spacing=0.12, pme_order=4)
    # Estimates are for charges that do not know of each other: water has less.
    assert 1.0 < error < 14.0
    with pytest.warns(UserWarning, match=r"spacing 0\.2 nm and order 12 leaves errors"):
        pme_errors("double", pme_spacing=0.2)
    with pytest.warns(UserWarning, match="rounding in mixed precision .* precision='double'"):
        error = pme_errors("mixed", pme_tolerance=1e-8)
    assert error < 1e-2
    calculator = gd.ForceCalculator(0.7, True, pme_spacing=0.12, pme_order=4)
    ds = gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top", stop=1)
    state = gd.State.from_frame(ds.isel(frame=0))
    topology = gd.load_topology(DATA / "butane.top")
    with pytest.warns(UserWarning, match=r"order 4 leaves errors of forces"):
        calculator.calculate(state, topology)
    calculator.pme_tolerance = 1e-2
    calculator.calculate(state, topology)
