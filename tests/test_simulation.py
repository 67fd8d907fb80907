"""Molecular dynamics: MD++'s own trajectories, and what mechanics conserves."""

from __future__ import annotations

import re
import shutil
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.forces.settings import ForceSettings

DATA = Path(__file__).parent / "data"

# Those of MD++'s runs whose constraints SHAKE solves. Not water_10_box: where MD++ does not exclude
# (tests/kernels/test_total_forces.py).
EXACT: dict[str, dict[str, Any]] = {
    "aladip_vacuum": {},
    "butane_vacuum": {},
    "nacl_1water_box": {},
    "nacl_3water_box": {},
    "nacl_pair": {},
    "nacl_pair_box": {},
    "nacl_water_box": {},
    "pair_lj": {},
    "pair_lj_mixed": {},
    "water_3_box": {},
    "water_single": {},
    # A list of pairs for five steps, with a twin range.
    "aladip_solvated": {"remove_com_motion": True},
    "water_216_box": {},
    "water_216_nvt": {"temperature": 300.0, "tau": 0.1},
    "water_3_box_twinrange": {},
}


def followed(path: Path) -> Path:
    """The file that a file stands for which holds nothing but a path."""
    text = path.read_text()
    return path if "\n" in text.strip() else path.parent / text.strip()


def mdpp_run(folder: Path, tmp_path: Path, **options: Any) -> gd.Simulation:
    """A run of MD++, to be done again."""
    # Behind this the files have keys that are not TOML.
    text = (folder / "input.toml").read_text().partition("[reference_values]")[0]
    names = tomllib.loads(text)["input"]
    topology, configuration, settings = (
        followed(folder / names[name]) for name in ("topology", "configuration", "parameters")
    )
    shutil.copy(configuration, tmp_path / "start.cnf")
    start = gd.open_trajectory(tmp_path / "start.cnf", dtype=np.float64)
    state = gd.State.from_frame(start.isel(frame=0))
    state.step, state.time = 0, 0.0
    calculator = gd.ForceCalculator.from_imd(settings, precision="double")
    step = re.search(r"^STEP\n(?:#.*\n)*\s*\S+\s+\S+\s+(\S+)", settings.read_text(), re.MULTILINE)
    assert step is not None
    return gd.Simulation(
        state, gd.load_topology(topology), calculator, timestep=float(step[1]), **options
    )


@pytest.mark.parametrize("case", sorted(EXACT))
def test_mdpp_trajectories_to_the_last_digit(reference: Path, tmp_path: Path, case: str) -> None:
    folder = reference / "mdpp" / case
    simulation = mdpp_run(folder, tmp_path, **EXACT[case])
    frames = gd.open_trajectory(folder / "expected/trajectory.trc", dtype=np.float64)
    energies = gd.open_energies(folder / "expected/energies.tre")
    assert frames.sizes["frame"] >= 4
    state = simulation.state
    edges = None if state.box is None else np.diag(state.box)
    for i, step in enumerate(frames.step.values):
        simulation.run(int(step) - state.step, every=1)
        assert state.time == pytest.approx(float(frames.time[i]), abs=1e-12)
        difference = state.positions() - frames.positions[i].values
        if edges is not None:
            # MD++ puts atoms into the box.
            difference -= edges * np.rint(difference / edges)
        # Half of the last digit of nine.
        assert abs(difference).max() <= 6e-10
    simulation.run(1, every=1)
    reported = np.searchsorted(simulation.energies.step.values, energies.step.values)
    ours = simulation.energies.energy.isel(frame=reported)
    theirs = energies.energy.sel(term=ours.term)
    np.testing.assert_allclose(ours, theirs, rtol=2e-9, atol=1e-9)


def test_mdpp_with_exact_constraints(reference: Path, tmp_path: Path) -> None:
    """SETTLE solves the constraints of water exactly, as SHAKE does with a small tolerance."""
    folder = reference / "mdpp/nacl_1water_settle"
    simulation = mdpp_run(folder, tmp_path, shake_tolerance=1e-12)
    frames = gd.open_trajectory(folder / "expected/trajectory.trc", dtype=np.float64)
    for i in range(1, 10):
        simulation.run(1)
        np.testing.assert_allclose(
            simulation.state.positions(), frames.positions[i], rtol=0, atol=6e-10
        )


def test_mdpp_with_constrained_bonds(reference: Path, tmp_path: Path) -> None:
    """LINCS, of which MD++ takes four orders, leaves bonds longer than SHAKE does: by 1e-5 nm."""
    folder = reference / "mdpp/aladip_vacuum_lincs"
    simulation = mdpp_run(folder, tmp_path, shake_tolerance=1e-10)
    assert simulation.calculator.constrained_bonds == "all"
    frames = gd.open_trajectory(folder / "expected/trajectory.trc", dtype=np.float64)
    for i in range(1, 10):
        simulation.run(1)
        np.testing.assert_allclose(
            simulation.state.positions(), frames.positions[i], rtol=0, atol=3e-5
        )


def test_mdpp_scales_velocities_likewise(reference: Path, tmp_path: Path) -> None:
    """The factor itself, in the first step of a run with a bath."""
    folder = reference / "mdpp/water_216_nvt"
    simulation = mdpp_run(folder, tmp_path, temperature=300.0, tau=0.1)
    before = simulation.state.velocities().copy()
    free = simulation.calculator.calculate
    free(simulation.state, simulation.topology)
    kicked = before + 0.002 * simulation.state.forces() / simulation.topology.mass[:, None]
    simulation.run(1, every=1)
    energies = gd.open_energies(folder / "expected/energies.tre").isel(frame=0)
    factor = simulation.state.velocities() / kicked
    np.testing.assert_allclose(factor, float(energies.bath_scaling.values[0]), rtol=1e-8)
    kinetic = float(simulation.energies.energy.sel(term="kinetic")[0])
    assert kinetic == pytest.approx(float(energies.energy.sel(term="kinetic")), rel=1e-9)
    temperature = float(simulation.energies.temperature[0])
    assert temperature == pytest.approx(2.0 * kinetic / (1944 * 0.00831441), rel=1e-9)


@pytest.fixture(scope="module")
def topology() -> gd.Topology:
    return gd.load_topology(DATA / "butane.top")


def in_water(dtype: Any = np.float64) -> gd.State:
    frames = gd.open_trajectory(DATA / "butane.trc")
    moving = gd.open_trajectory(DATA / "butane.trv")
    frame = frames.assign(velocities=moving.velocities).isel(frame=0)
    return gd.State.from_frame(frame, dtype=dtype)


def alone(topology: gd.Topology, timestep: float) -> gd.Simulation:
    """Butane in a vacuum, in motion; the same at every time step."""
    state = gd.State(4, dtype=np.float64)
    state.set_positions(np.array([[0.0, 0, 0], [0.15, 0, 0], [0.21, 0.14, 0], [0.36, 0.13, 0.06]]))
    rng = np.random.default_rng(1)
    state.set_velocities(rng.normal(scale=0.4, size=(4, 3)))
    calculator = gd.ForceCalculator.from_settings(
        ForceSettings("vacuum", cutoff=1.4), precision="double"
    )
    # So far the velocities are those of the start: back by half a step.
    calculator.calculate(state, topology)
    state.velocities()[...] -= 0.5 * timestep * state.forces() / topology.mass[:, None]
    return gd.Simulation(state, topology, calculator, timestep=timestep, remove_com_motion=True)


def test_energy_is_conserved_to_the_second_order(topology: gd.Topology) -> None:
    spread = []
    for timestep in (0.001, 0.0005, 0.00025):
        simulation = alone(topology, timestep)
        simulation.run(round(0.4 / timestep), every=round(0.01 / timestep))
        total = simulation.energies.energy.sel(term="total").values
        assert len(total) == 40
        assert abs(simulation.energies.energy.sel(term="kinetic")).max() > 1.0
        spread.append(float(np.std(total)))
    assert spread[0] < 0.15
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.25)
    assert spread[1] / spread[2] == pytest.approx(4.0, rel=0.25)


# Without a jump of the energy at the cutoff, but for that of Lennard-Jones.
@pytest.mark.parametrize("options", [{"epsilon_rf": np.inf}, {"use_pme": True}])
def test_energy_of_a_box_drifts_little(topology: gd.Topology, options: dict[str, Any]) -> None:
    state = in_water()
    calculator = gd.ForceCalculator(0.74, cutoff_kind="atom", precision="double", **options)
    simulation = gd.Simulation(
        state, topology, calculator, timestep=0.0005, remove_com_motion=True, shake_tolerance=1e-10
    )
    simulation.run(400, every=10)
    energy = simulation.energies.energy
    kinetic, total = (energy.sel(term=term).values for term in ("kinetic", "total"))
    assert np.ptp(kinetic) > 20.0
    assert np.ptp(total) < 0.02 * np.ptp(kinetic)
    calculator.use_pme = not calculator.use_pme
    simulation.run(1, every=1)
    terms = simulation.energies.energy.sel(term=["reaction_field", "lattice_sum"])
    assert np.isnan(terms).sum() == len(energy) + 1


@pytest.mark.parametrize("system", ["vacuum", "box"])
def test_time_can_be_turned_round(topology: gd.Topology, system: str) -> None:
    if system == "vacuum":
        simulation = alone(topology, 0.001)
    else:
        calculator = gd.ForceCalculator(0.7, precision="double", constrained_bonds="all")
        simulation = gd.Simulation(
            in_water(), topology, calculator, timestep=0.002, shake_tolerance=1e-13
        )
    state = simulation.state
    simulation.run(1)
    first = state.positions().copy()
    simulation.run(20)
    last = state.velocities().copy()
    here = state.positions().copy()
    simulation.run(1)
    # Half a step before the turned motion begins is half a step behind here.
    turned = -state.velocities()
    assert abs(turned + last).max() > 1e-3
    state.set_positions(here)
    state.set_velocities(turned)
    simulation.run(20)
    assert abs(here - first).max() > 0.003
    np.testing.assert_allclose(state.positions(), first, rtol=0, atol=1e-9)


def test_momentum_is_conserved_and_constraints_are_kept(topology: gd.Topology) -> None:
    state = in_water()
    calculator = gd.ForceCalculator(0.7, precision="double", constrained_bonds="all")
    simulation = gd.Simulation(state, topology, calculator, remove_com_motion=True)
    mass = simulation.topology.mass[:, None]
    start = state.positions().copy()
    simulation.run(50)
    assert abs(state.positions() - start).max() > 0.01
    assert abs((mass * state.velocities()).sum(axis=0)).max() < 1e-9
    bonds = np.linalg.norm(np.diff(state.positions()[:4], axis=0), axis=1)
    np.testing.assert_allclose(bonds, 0.153, rtol=1.01e-4)
    waters = state.positions()[4:].reshape(-1, 3, 3)
    for i, j, length in ((0, 1, 0.1), (0, 2, 0.1), (1, 2, 0.163299)):
        distances = np.linalg.norm(waters[:, i] - waters[:, j], axis=1)
        np.testing.assert_allclose(distances, length, rtol=1.01e-4)
    assert simulation.degrees_of_freedom == 3 * 304 - 303 - 3
    # Constraint forces are no part of the forces.
    forces = state.forces().copy()
    calculator.calculate(state, topology)
    np.testing.assert_array_equal(forces, state.forces())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_runs_can_be_cut_anywhere(topology: gd.Topology, dtype: type) -> None:
    calculator = gd.ForceCalculator(0.7)
    whole, parts = (
        gd.Simulation(in_water(dtype), topology, calculator, temperature=290.0) for _ in range(2)
    )
    whole.run(12, every=4)
    for n in (1, 0, 5, 6):
        parts.run(n, every=2)
    for name in ("positions", "velocities", "forces"):
        of_whole, of_parts = (getattr(one.state, name)() for one in (whole, parts))
        assert of_whole.dtype == dtype
        np.testing.assert_array_equal(of_whole, of_parts)
    assert (whole.state.step, whole.state.time) == (parts.state.step, parts.state.time)
    assert whole.energies.step.values.tolist() == [0, 4, 8]
    assert parts.energies.step.values.tolist() == [0, 2, 4, 6, 8, 10]
    assert whole.energies.equals(parts.energies.isel(frame=[0, 2, 4]))
    assert dict(whole.state.energy) == dict(parts.state.energy)


# How a simulation can be set up: what decides how it goes on has to be in its state.
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it is": ({}, {}),
    "bath": ({}, {"temperature": 290.0}),
    "bath, centre of mass fixed": ({}, {"temperature": 290.0, "remove_com_motion": True}),
    "bath, velocities drawn": ({}, {"temperature": 290.0, "initial_temperature": 280.0, "seed": 3}),
    "centre of mass fixed": ({}, {"remove_com_motion": True}),
    "constraints": ({"constrained_bonds": "all"}, {"temperature": 290.0, "timestep": 0.0017}),
    "double": ({"precision": "double"}, {"temperature": 290.0}),
    "list of pairs": ({"list_steps": 5}, {"temperature": 290.0}),
    "twin range": (
        {"list_steps": 5, "cutoff_short": 0.5},
        {"temperature": 290.0, "remove_com_motion": True},
    ),
    "twin range between atoms": (
        {"list_steps": 4, "cutoff_short": 0.5, "cutoff_kind": "atom", "precision": "double"},
        {"temperature": 290.0},
    ),
    "mesh": ({"use_pme": True}, {"temperature": 290.0, "remove_com_motion": True}),
    "mesh, list of pairs": ({"use_pme": True, "list_steps": 3}, {"temperature": 290.0}),
    "truncated octahedron": ({"cutoff": 0.6}, {"temperature": 290.0}),
    "vacuum": ({"boundary": "vacuum", "list_steps": 3, "cutoff_short": 0.4}, {}),
}


def through_memory(state: gd.State, folder: Path) -> xr.Dataset:
    return state.to_dataset()


def through_zarr(state: gd.State, folder: Path) -> xr.Dataset:
    return gd.open_store(gd.store(state.to_dataset(), folder / "state.zarr"))


def through_netcdf(state: gd.State, folder: Path) -> xr.Dataset:
    return gd.open_store(gd.store(state.to_dataset(), folder / "state.nc"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "stored"),
    [
        *((name, through_memory) for name in SETTINGS),
        *(
            (name, stored)
            for name in ("as it is", "twin range", "truncated octahedron", "vacuum")
            for stored in (through_zarr, through_netcdf)
        ),
    ],
)
def test_a_restart_goes_on_to_the_bit(
    topology: gd.Topology, tmp_path: Path, name: str, stored: Any, dtype: type
) -> None:
    force_options, options = SETTINGS[name]
    at_the_restart = {
        key: options[key] for key in options if key not in ("initial_temperature", "seed")
    }
    calculator = gd.ForceCalculator(**{"cutoff": 0.7, **force_options})

    def begin() -> gd.State:
        state = in_water(dtype)
        assert state.box is not None
        state.step, state.time = 3, 0.1
        if name in ("truncated octahedron", "vacuum"):
            # Whole molecules side by side: what another box, or none, leaves as it is.
            edges = np.diag(state.box)
            x = state.positions()
            first = np.repeat([0, *range(4, 304, 3)], [4, *[3] * 100])
            x -= edges * np.rint((x - x[first]) / edges)
            x -= edges * np.floor(x[first] / edges)
        if name == "truncated octahedron":
            state.box = 3.4 * np.eye(3)
            state.box_shape = "truncated octahedron"
        return state

    undisturbed = gd.Simulation(begin(), topology, calculator, **options)
    undisturbed.run(12)
    expected = undisturbed.state
    stopped = gd.Simulation(begin(), topology, calculator, **options)
    # Then within a list of pairs.
    stopped.run(7)
    frame = stored(stopped.state, tmp_path).isel(frame=0)
    again = gd.Simulation(gd.State.from_frame(frame), topology, calculator, **at_the_restart)
    assert again.degrees_of_freedom == undisturbed.degrees_of_freedom
    again.run(5, every=1)
    state = again.state
    assert (state.step, state.time) == (expected.step, expected.time)
    for vectors in ("positions", "velocities"):
        np.testing.assert_array_equal(
            state.exact(vectors),  # type: ignore[arg-type]
            expected.exact(vectors),  # type: ignore[arg-type]
        )
    np.testing.assert_array_equal(state.forces().astype(dtype), expected.forces())
    assert dict(state.energy) == dict(expected.energy)
    # Restarted once more, where it ended: neither of them knows of the other.
    assert stopped.state.step == 10
    stopped.run(5)
    np.testing.assert_array_equal(stopped.state.positions(), expected.positions())


def test_a_restart_with_what_was_changed(topology: gd.Topology) -> None:
    """Other velocities are no longer without motion as a whole, a list not one for other atoms."""
    calculator = gd.ForceCalculator(0.7, list_steps=5, precision="double")
    options: dict[str, Any] = {"temperature": 290.0, "remove_com_motion": True}
    simulation = gd.Simulation(in_water(), topology, calculator, **options)
    simulation.run(2)
    frame = simulation.state.to_dataset().isel(frame=0)
    frame["velocities"] = frame.velocities + 0.1
    again = gd.Simulation(gd.State.from_frame(frame), topology, calculator, **options)
    mass = again.topology.mass[:, None]
    assert abs((mass * again.state.velocities()).sum(axis=0)).max() < 1e-9
    assert again.state.continuation is not None
    assert again.state.continuation.list_positions is None
    # Neither is what a state shows replaced by what it held before.
    state = simulation.state
    state.positions()[0] += 0.01
    np.testing.assert_array_equal(state.exact("positions"), state.positions())
    moved = gd.Simulation(state, topology, calculator, **options)
    assert moved.degrees_of_freedom == simulation.degrees_of_freedom
    assert state.continuation is not None
    assert state.continuation.list_positions is None
    again.run(1)
    state.time = 7.0
    restarted = gd.Simulation(state, topology, calculator)
    restarted.run(2)
    assert state.time == 7.0 + 2 * 0.002


def test_what_a_list_of_pairs_leaves_alone(topology: gd.Topology) -> None:
    """Between its steps forces are those of other pairs; where it is made they are none other."""
    free, listed = (
        gd.Simulation(
            in_water(),
            topology,
            gd.ForceCalculator(0.7, precision="double", **options),
        )
        for options in ({}, {"list_steps": 4, "cutoff_short": 0.5})
    )
    for simulation in (free, listed):
        simulation.run(0)
    scale = abs(free.state.forces()).max()
    np.testing.assert_allclose(
        listed.state.forces(), free.state.forces(), rtol=0, atol=1e-12 * scale
    )
    for term, energy in free.state.energy.items():
        assert listed.state.energy[term] == pytest.approx(energy, rel=1e-11, abs=1e-10)
    model = listed.calculator.model(listed.state, topology)
    positions = listed.state.positions().copy()
    assert listed.state.box is not None
    pairs = model.list_pairs(positions[None], listed.state.box[None])
    moved = positions + np.random.default_rng(2).normal(scale=0.02, size=positions.shape)
    found = model(moved[None], listed.state.box[None], listed=pairs, wanted=["forces", "virial"])
    inner = gd.ForceCalculator(0.5, precision="double", reaction_field_radius=0.7)
    state = in_water()
    state.set_positions(moved)
    inner.calculate(state, topology)
    beyond = found["forces"][0] - state.forces()
    # All but the pairs that crossed the shorter cutoff: none of most atoms.
    assert pairs.beyond.forces is not None
    same = abs(beyond - pairs.beyond.forces[0]).max(axis=1) < 1e-9
    assert 0.02 < same.mean() < 1.0
    assert abs(pairs.beyond.forces).max() > 1.0


def test_particle_mesh_ewald_has_no_twin_range(topology: gd.Topology) -> None:
    calculator = gd.ForceCalculator(0.7, True, list_steps=5, cutoff_short=0.5)
    simulation = gd.Simulation(in_water(), topology, calculator)
    with pytest.raises(gd.SimulationError, match=r"no twin range: the shorter cutoff \(0\.5 nm\)"):
        simulation.run(1)
    calculator.cutoff_short = 0.7
    simulation.run(1)


def test_what_is_changed_between_runs_counts(topology: gd.Topology) -> None:
    calculator = gd.ForceCalculator(0.7, precision="double")
    simulation = gd.Simulation(in_water(), topology, calculator)
    state = simulation.state
    simulation.run(2)
    box = state.box
    assert box is not None
    changed = [state.forces().copy()]

    def forces() -> NDArray[np.float64]:
        simulation.run(0)
        return state.forces().copy()

    state.positions()[0] += 0.01
    changed.append(forces())
    calculator.epsilon_rf = 2.0
    changed.append(forces())
    box[0, 0] = 1.6
    changed.append(forces())
    state.box = None
    changed.append(forces())
    for one, other in pairwise(changed):
        assert abs(one - other).max() > 1e-3
    state.velocities()[...] = 0.0
    start = state.positions().copy()
    simulation.timestep = 1e-5
    simulation.run(1)
    assert abs(state.positions() - start).max() < 1e-6


def test_a_bath_heats_and_cools(topology: gd.Topology) -> None:
    calculator = gd.ForceCalculator(0.7)
    for bath in (200.0, 400.0):
        simulation = gd.Simulation(
            in_water(), topology, calculator, temperature=bath, tau=0.02, remove_com_motion=True
        )
        simulation.run(200, every=10)
        assert simulation.energies.temperature.values[0] == pytest.approx(300.0, abs=40.0)
        assert simulation.energies.temperature.values[-8:].mean() == pytest.approx(bath, abs=20.0)


def test_maxwell_velocities(topology: gd.Topology) -> None:
    calculator = gd.ForceCalculator(0.7, constrained_bonds="all")
    found = []
    for seed in range(12):
        simulation = gd.Simulation(
            in_water(), topology, calculator, initial_temperature=250.0, seed=seed
        )
        velocities, mass = simulation.state.velocities(), simulation.topology.mass[:, None]
        assert abs((mass * velocities).sum(axis=0)).max() < 1e-9
        # The constraints hold where the velocities come from.
        waters = (simulation.state.positions() - 0.002 * velocities)[4:].reshape(-1, 3, 3)
        distances = np.linalg.norm(waters[:, 1] - waters[:, 2], axis=1)
        np.testing.assert_allclose(distances, 0.163299, rtol=1.01e-4)
        kinetic = 0.5 * float((mass * velocities**2).sum())
        found.append(2.0 * kinetic / (simulation.degrees_of_freedom * 0.00831441))
    # The temperature of 606 degrees of freedom fluctuates by 14 K: the mean of 12 by 4 K.
    assert np.mean(found) == pytest.approx(250.0, abs=13.0)
    assert np.std(found) == pytest.approx(14.4, rel=0.6)
    again = gd.Simulation(in_water(), topology, calculator, initial_temperature=250.0, seed=11)
    np.testing.assert_array_equal(again.state.velocities(), velocities)


def test_frames_and_reports(topology: gd.Topology, tmp_path: Path) -> None:
    simulation = gd.Simulation(in_water(), topology, gd.ForceCalculator(0.7, precision="double"))
    reports = []
    with gd.TrajectoryWriter(tmp_path / "run.g96") as writer:
        simulation.run(
            9,
            every=3,
            writer=writer,
            fields=("positions", "velocities", "forces"),
            reporter=reports.append,
        )
    frames = gd.open_trajectory(tmp_path / "run.g96", topology, dtype=np.float64)
    assert frames.step.values.tolist() == [0, 3, 6]
    assert frames.time.values.tolist() == pytest.approx([0.0, 0.006, 0.012])
    frame = gd.forces(frames, topology, cutoff=0.7, precision="double").compute()
    energies = simulation.energies
    assert [report.step for report in reports] == energies.step.values.tolist() == [0, 3, 6]
    assert energies.energy.attrs["units"] == "kJ mol-1"
    assert energies.temperature.attrs["units"] == "K"
    for term in frame.term.values:
        ours, theirs = energies.energy.sel(term=term), frame.energy.sel(term=term)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        assert [report.energy[term] for report in reports] == ours.values.tolist()
    # Of frames in a file the kinetic energy is that of half a step before alone.
    np.testing.assert_allclose(energies.pressure, frame.pressure, rtol=0, atol=15.0)
    assert np.std(energies.pressure) > 0.0
    np.testing.assert_allclose(frames.forces, frame.forces, rtol=0, atol=1e-2)


def test_a_vacuum_has_no_pressure(topology: gd.Topology) -> None:
    simulation = alone(topology, 0.001)
    simulation.run(1, every=1)
    assert np.isnan(simulation.energies.pressure.values).all()


def test_a_failure_says_where(topology: gd.Topology, tmp_path: Path) -> None:
    simulation = gd.Simulation(in_water(), topology, gd.ForceCalculator(0.7))
    simulation.run(2)
    before = simulation.state.positions().copy()
    simulation.state.velocities()[5] = 3.0 * (before[4] - before[5]) / 0.002
    message = r"step 2, 0.004 ps: SHAKE did not converge: .* atoms \d and \d .*\(molecule 2\)"
    with pytest.raises(RuntimeError, match=message) as caught:
        simulation.run(5)
    assert isinstance(caught.value, gd.SimulationError)
    assert isinstance(caught.value.__cause__, gd.ConstraintError)
    np.testing.assert_array_equal(simulation.state.positions(), before)
    simulation.state.velocities()[5] = np.nan
    with pytest.raises(gd.SimulationError, match=r"step 2, 0\.004 ps: SHAKE"):
        simulation.run(5)
    simulation.state.velocities()[...] = 0.0
    simulation.calculator.cutoff = 1.0
    with pytest.raises(gd.SimulationError, match=r"step 2.*calculation failed: the cutoff is"):
        simulation.run(1)


def test_a_wrong_topology_is_refused(topology: gd.Topology) -> None:
    with pytest.raises(gd.ForceError, match="the state has 305 atoms"):
        gd.Simulation(gd.State(305), topology, gd.ForceCalculator(0.7))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"timestep": 0.0}, "timestep: expected a number above 0, got 0"),
        ({"timestep": np.nan}, "timestep: expected a number above 0, got nan"),
        ({"temperature": -1.0}, "temperature: expected a number of at least 0, got -1"),
        ({"tau": 0.0}, "tau: expected a number above 0"),
        ({"initial_temperature": np.inf}, "initial_temperature: expected a number of at least 0"),
        ({"shake_tolerance": 0.0}, "shake_tolerance: expected a number above 0"),
    ],
)
def test_arguments_are_checked(
    topology: gd.Topology, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        gd.Simulation(in_water(), topology, gd.ForceCalculator(0.7), **changed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_steps": -1}, "num_steps: expected an integer of at least 0, got -1"),
        ({"num_steps": 1.5}, "num_steps: expected an integer"),
        ({"num_steps": 1, "every": 0}, "every: expected an integer of at least 1, got 0"),
        ({"num_steps": 1, "reporter": print}, "a writer and a reporter need every"),
        ({"num_steps": 1, "fields": ("box",)}, "fields: expected positions, velocities, forces"),
    ],
)
def test_arguments_of_a_run_are_checked(
    topology: gd.Topology, arguments: dict[str, Any], message: str
) -> None:
    simulation = gd.Simulation(in_water(), topology, gd.ForceCalculator(0.7))
    with pytest.raises(ValueError, match=message):
        simulation.run(**arguments)


def test_progress_is_shown(topology: gd.Topology, capsys: pytest.CaptureFixture[str]) -> None:
    simulation = gd.Simulation(in_water(), topology, gd.ForceCalculator(0.7))
    simulation.run(2)
    assert capsys.readouterr().err == ""
    simulation.run(3, progress=True)
    assert "3/3 steps" in capsys.readouterr().err
    assert repr(simulation) == ("Simulation: 304 atoms, step 5, time 0.01 ps, timestep 0.002 ps")
