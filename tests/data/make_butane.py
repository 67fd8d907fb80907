"""Make butane.trc and butane.trv, butane among 100 SPC waters: python tests/data/make_butane.py.

From a lattice: 2 ps to relax, 60 ps to equilibrate at 300 K, then a frame every 5 ps.
"""

import contextlib
from pathlib import Path

import numpy as np

import gromos_dist as gd

HERE = Path(__file__).parent
N_WATERS = 100
EDGE = 1.5
N_FRAMES = 3
RELAXING, EQUILIBRATING, BETWEEN = 4000, 30000, 2500
OH, HOH = 0.1, np.radians(109.47122)
WATER = OH * np.array([[0.0, 0, 0], [1, 0, 0], [np.cos(HOH), np.sin(HOH), 0]])
BUTANE = np.array([[0.0, 0, 0], [0.153, 0, 0], [0.2041, 0.1442, 0], [0.3571, 0.1442, 0.02]])


def turned(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return WATER @ (q * np.sign(np.diag(r))).T


def on_a_lattice(rng: np.random.Generator) -> np.ndarray:
    places = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    places = (places + 0.5) * EDGE / 5
    butane = BUTANE + 0.5 * EDGE - BUTANE.mean(axis=0)
    gap = np.linalg.norm(places[:, None] - butane, axis=-1).min(axis=1)
    free = places[np.argsort(-gap, kind="stable")[:N_WATERS]]
    return np.concatenate([butane, *(place + turned(rng) for place in free)])


def simulation(state: gd.State, timestep: float, **options: float) -> gd.Simulation:
    calculator = gd.ForceCalculator(cutoff=0.7, epsilon_rf=61.0, precision="double")
    topology = gd.load_topology(HERE / "butane.top")
    return gd.Simulation(
        state, topology, calculator, timestep=timestep, temperature=300.0, **options
    )


def main() -> None:
    positions = on_a_lattice(np.random.default_rng(7))
    state = gd.State(len(positions), dtype=np.float64)
    state.set_positions(positions)
    state.box = EDGE * np.eye(3)
    simulation(state, 0.0005, tau=0.01, initial_temperature=50.0, seed=7).run(RELAXING)
    state.time, state.step = 0.0, 0
    equilibration = simulation(state, 0.002, remove_com_motion=True)
    equilibration.run(EQUILIBRATING, every=1000, progress=None)
    energy, temperature = equilibration.energies.energy, equilibration.energies.temperature
    print(energy.sel(term="potential").values.round(), temperature.values.round())
    state.time, state.step = 0.0, 0
    with contextlib.ExitStack() as files:
        trc = files.enter_context(gd.TrajectoryWriter(HERE / "butane.trc", overwrite=True))
        trv = files.enter_context(gd.TrajectoryWriter(HERE / "butane.trv", overwrite=True))
        for _ in range(N_FRAMES):
            frame = {"time": state.time, "step": state.step}
            trc.write_frame(gd.Frame(state.positions(), box=state.box, **frame))
            trv.write_frame(gd.Frame(None, velocities=state.velocities(), **frame))
            equilibration.run(BETWEEN)


if __name__ == "__main__":
    main()
