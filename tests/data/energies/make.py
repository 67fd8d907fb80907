"""Make the small energy trajectories beside this script: python make.py.

The numbers are invented, their sums are right, the layout is that of MD++ of 2023.
"""

from __future__ import annotations

import gzip
import random
from pathlib import Path

HERE = Path(__file__).parent
SPECIAL, EDS, GAMD, LAMBDA = 13, 6, 5, 12
VOLUME = 27.0
ATOMIC_MASS = 4500.0


def table(rows: list[list[float]]) -> str:
    return "".join("".join(f"{value:18.9e}" for value in row) + "\n" for row in rows)


def energies(
    rng: random.Random, n_groups: int, potential: float, *, n_eds: int = 0, n_lambdas: int = 0
) -> str:
    """Totals, baths, covalent and non-bonded terms by group, and what follows them."""
    baths = [[a + b, a, b] for a, b in [(rng.gauss(9, 1), rng.gauss(25, 2)) for _ in range(2)]]
    bonded = [[*(rng.gauss(20, 3) for _ in range(4)), 0.0] for _ in range(n_groups)]
    pairs = n_groups * (n_groups + 1) // 2
    nonbonded = [[rng.gauss(-5, 2), rng.gauss(-50, 5), 0.0, 0.0, 0.0, 0.0] for _ in range(pairs)]
    covalent = [sum(row[i] for row in bonded) for i in range(5)]
    lj, crf = (sum(row[i] for row in nonbonded) for i in range(2))
    nonbonded[-1][1] += potential - sum(covalent) - lj - crf
    crf += potential - sum(covalent) - lj - crf
    kinetic = sum(row[0] for row in baths)
    totals = [kinetic + potential, kinetic, potential, sum(covalent), *covalent]
    totals += [lj + crf, lj, crf] + [0.0] * 40
    totals[46] = totals[47] = totals[0]
    text = "# totals\n" + table([[value] for value in totals])
    text += f"# baths\n{len(baths)}\n" + table(baths)
    text += f"# bonded\n{n_groups}\n" + table(bonded) + "# nonbonded\n" + table(nonbonded)
    text += "# special\n" + table([[0.0] * SPECIAL] * n_groups)
    eds = [[rng.gauss(-30, 3) for _ in range(EDS)] for _ in range(n_eds)]
    text += f"# eds\n# numstates\n{n_eds}\n           # total\n" + table(eds)
    text += "# gamd\n# numaccelgroups\n1\n      # E_dihedral\n" + table([[0.0] * GAMD])
    lambdas = [[rng.gauss(-30, 3) for _ in range(LAMBDA)] for _ in range(n_lambdas)]
    text += f"# precalclam\n# nr_lambdas\n{n_lambdas}\n          # A_e_lj\n" + table(lambdas)
    return text + "# ABdih\n      # A_dihedral\n" + table([[1.5, 2.5]])


def volume_pressure(rng: random.Random) -> str:
    """Mass, temperatures, volume, box, and a pressure that is 2 (kinetic energy - virial) / V."""
    temperatures = [[rng.gauss(300, 5), 298.0, 302.0, 1.0] for _ in range(2)]
    edge = VOLUME ** (1 / 3)
    virial = [[rng.gauss(0, 50) for _ in range(3)] for _ in range(3)]
    kinetic = [[rng.gauss(200, 9) if i == j else 0.0 for j in range(3)] for i in range(3)]
    pressure = [[2 * (kinetic[i][j] - virial[i][j]) / VOLUME for j in range(3)] for i in range(3)]
    tensors = (pressure, virial, kinetic)
    text = "# mass\n" + table([[ATOMIC_MASS]]) + "# temperature\n2\n" + table(temperatures)
    text += "# volume\n" + table([[VOLUME]])
    text += table([[edge if i == j else 0.0 for j in range(3)] for i in range(3)])
    text += "# pressure\n" + table([[sum(rows[i][i] for i in range(3)) / 3] for rows in tensors])
    return text + "".join(table(rows) for rows in tensors)


def head(what: str) -> str:
    return f"TITLE\n\tmade by make.py\n\t{what} trajectory\nEND\nENEVERSION\n\t2023-04-15\nEND\n"


def step(frame: int) -> str:
    return f"TIMESTEP\n{frame * 50:15d}{frame * 0.1:15.9f}\nEND\n"


def energy_trajectory(name: str, n_frames: int, n_groups: int, correlation: float) -> str:
    rng = random.Random(name)
    text, away = head("energy"), 0.0
    for frame in range(n_frames):
        away = correlation * away + rng.gauss(0, 30)
        text += step(frame) + f"ENERGY03\n{energies(rng, n_groups, -6900 + away)}END\n"
        text += f"VOLUMEPRESSURE03\n{volume_pressure(rng)}END\n"
    return text


def derivative_trajectory(name: str, n_frames: int) -> str:
    rng = random.Random(name)
    text = head("free energy")
    for frame in range(n_frames):
        block = energies(rng, 2, -40 + rng.gauss(0, 9), n_eds=2, n_lambdas=3)
        text += step(frame) + f"FREEENERDERIVS03\n# lambda\n{0.25:18.9e}\n{block}END\n"
    return text


(HERE / "small.tre").write_text(energy_trajectory("small", 4, 2, 0.0))
(HERE / "small.trg").write_text(derivative_trajectory("small", 3))
series = energy_trajectory("series", 256, 1, 0.8)
(HERE / "series.tre.gz").write_bytes(gzip.compress(series.encode(), mtime=0))
