"""Make butane.trc: butane among 100 SPC waters, put on a lattice.

python tests/data/make_butane.py
"""

from pathlib import Path

import numpy as np

import gromos_dist as gd

HERE = Path(__file__).parent
N_WATERS = 100
EDGE = 1.6
WATER = np.array([[0.0, 0, 0], [0.1, 0, 0], [-0.0333313, 0.0942809, 0]])
BUTANE = np.array([[0.0, 0, 0], [0.153, 0, 0], [0.2041, 0.1442, 0], [0.3571, 0.1442, 0.02]])


def turned(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return WATER @ (q * np.sign(np.diag(r))).T


def frame(rng: np.random.Generator) -> np.ndarray:
    places = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    places = (places + 0.5) * EDGE / 5
    butane = BUTANE + 0.5 * EDGE - BUTANE.mean(axis=0) + rng.normal(scale=0.003, size=(4, 3))
    gap = np.linalg.norm(places[:, None] - butane, axis=-1).min(axis=1)
    free = places[np.argsort(-gap, kind="stable")[:N_WATERS]]
    waters = [place + turned(rng) + rng.normal(scale=0.01, size=3) for place in free]
    return np.concatenate([butane, *waters]).round(9)


def main() -> None:
    rng = np.random.default_rng(7)
    with gd.TrajectoryWriter(HERE / "butane.trc") as writer:
        for step in range(3):
            writer.write_frame(
                gd.Frame(frame(rng), box=EDGE * np.eye(3), time=0.5 * step, step=250 * step)
            )


if __name__ == "__main__":
    main()
