"""What the tutorial of py-gromos shows in Python works under the same names.

A test has the lines of one section, with ``gromos_dist`` in the place of ``gromos``.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import gromos_dist as gromos

DATA = Path(__file__).parent / "data"


def test_basic_type_wrapping_and_data_flow() -> None:
    v = gromos.Vec3(1.0, 2.0, 3.0)
    assert abs(v.length() - np.sqrt(14)) < 1e-6
    v1 = gromos.Vec3(1.0, 2.0, 3.0)
    v2 = gromos.Vec3(4.0, 5.0, 6.0)
    distance = v1.distance(v2)
    assert distance == pytest.approx(np.sqrt(27))


def test_simple_wrapper(capsys: pytest.CaptureFixture[str]) -> None:
    v1 = gromos.Vec3(1.0, 2.0, 3.0)
    v2 = gromos.Vec3(4.0, 5.0, 6.0)
    v3 = v1 + v2
    assert (v3.x, v3.y, v3.z) == (5.0, 7.0, 9.0)
    print(v1.length())
    print(v1.dot(v2))
    print(v1)
    assert capsys.readouterr().out.splitlines()[1:] == ["32.0", "Vec3(1.0000, 2.0000, 3.0000)"]


def test_properties() -> None:
    v = gromos.Vec3(1.0, 2.0, 3.0)
    assert v.x == 1.0
    v.x = 5.0
    assert v.x == 5.0


def test_static_methods() -> None:
    arr = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    v = gromos.Vec3.from_numpy(arr)
    assert np.allclose(v.to_numpy(), arr)
    with pytest.raises(ValueError, match="exactly 3 elements"):
        gromos.Vec3.from_numpy(np.zeros(4, dtype=np.float32))


def test_complex_types_and_zero_copy() -> None:
    state = gromos.State(num_atoms=1000, num_temp_groups=1, num_energy_groups=1)
    positions = state.positions()
    assert positions.shape == (1000, 3)
    positions[0, :] = [1.0, 2.0, 3.0]
    assert state.positions()[0].tolist() == [1.0, 2.0, 3.0]
    new_pos = np.random.rand(1000, 3).astype(np.float32)  # noqa: NPY002
    state.set_positions(new_pos)
    assert np.array_equal(positions, new_pos)
    positions = state.positions()
    positions[0, 0] = 5.0
    assert state.positions()[0, 0] == 5.0
    with pytest.raises(ValueError, match=r"\(1000, 3\)"):
        state.set_positions(new_pos[1:])


def test_extending_with_a_force_calculator(capsys: pytest.CaptureFixture[str]) -> None:
    calc = gromos.ForceCalculator(cutoff=1.2, use_pme=True)
    print(calc.cutoff)
    assert capsys.readouterr().out == "1.2\n"
    calc.cutoff = 1.5
    assert calc.cutoff == 1.5
    assert calc.use_pme is True
    # An empty topology has no force on 1000 atoms to tell.
    state = gromos.State(num_atoms=1000)
    topology = gromos.Topology()
    with pytest.raises(RuntimeError, match="Force calculation failed: "):
        calc.calculate(state, topology)
    calc = gromos.ForceCalculator(cutoff=0.6)
    topology = gromos.load_topology(DATA / "butane.top")
    state = gromos.State.from_frame(gromos.open_trajectory(DATA / "butane.trc").isel(frame=0))
    forces = state.forces()
    calc.calculate(state, topology)
    assert np.abs(forces).max() > 100.0


def test_a_module_function() -> None:
    pos1 = np.random.rand(100, 3).astype(np.float32)  # noqa: NPY002
    pos2 = np.random.rand(100, 3).astype(np.float32)  # noqa: NPY002
    rmsd = gromos.calculate_rmsd(pos1, pos2)
    assert isinstance(rmsd, float)
    masses = np.ones(100, dtype=np.float32)
    assert gromos.calculate_rmsd(pos1, pos2, masses) == pytest.approx(rmsd)
    with pytest.raises(ValueError, match="shape"):
        gromos.calculate_rmsd(pos1, pos2[1:])


def test_error_handling() -> None:
    with pytest.raises(IOError, match=r"missing\.top"):
        gromos.load_topology("missing.top")


def test_iterators_and_context_managers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frames = [gromos.Frame(np.full((5, 3), 0.5 * i), time=2.0 * i, step=i) for i in range(3)]
    with gromos.TrajectoryWriter("output.dcd") as writer:
        for frame in frames:
            writer.write_frame(frame)
    traj = gromos.Trajectory.load("output.dcd")
    assert [frame.time for frame in traj] == pytest.approx([0.0, 2.0, 4.0])


def test_threading_and_the_gil() -> None:
    topology = gromos.load_topology(DATA / "butane.top")
    dataset = gromos.open_trajectory(DATA / "butane.trc", dtype="float64")
    calculator = gromos.ForceCalculator(cutoff=0.6)
    states = [gromos.State.from_frame(dataset.isel(frame=0)) for _ in range(3)]
    simulations = [gromos.Simulation(state, topology, calculator) for state in states]
    threads = [threading.Thread(target=simulation.run, args=(5,)) for simulation in simulations[1:]]
    for thread in threads:
        thread.start()
    simulations[0].run(5)
    for thread in threads:
        thread.join()
    for state in states[1:]:
        assert state.step == states[0].step == 5
        np.testing.assert_array_equal(state.positions(), states[0].positions())
