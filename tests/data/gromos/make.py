"""Make the small GROMOS files beside this script: python make.py."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

HERE = Path(__file__).parent
N_ATOMS, N_FRAMES = 23, 5


def vectors(rng: random.Random, width: int = 15, labels: bool = False, scale: float = 3.0) -> str:
    lines = []
    for atom in range(N_ATOMS):
        label = f"{atom // 3 + 1:5d} SOL   {('OW', 'HW1', 'HW2')[atom % 3]:6s}{atom + 1:6d}"
        numbers = "".join(f"{rng.uniform(-scale, scale):{width}.9f}" for _ in range(3))
        lines.append((label if labels else "") + numbers + "\n")
        if atom % 10 == 9 and not labels:
            lines.append(f"#{atom + 1:10d}\n")
    return "".join(lines)


def box(kind: int, lengths: str, angles: str, euler: str = "0 0 0") -> str:
    rows = (lengths, angles, euler, "0 0 0")
    text = "".join("".join(f"{float(x):15.9f}" for x in row.split()) + "\n" for row in rows)
    return f"GENBOX\n{kind:5d}\n{text}END\n"


def trajectory(name: str, title: str, genbox: str, blocks: dict[str, int]) -> None:
    rng = random.Random(name)
    text = f"TITLE\n\t{title}\nEND\n"
    for frame in range(N_FRAMES):
        text += f"TIMESTEP\n{frame * 50:15d}{frame * 0.1:15.9f}\nEND\n"
        for block, width in blocks.items():
            text += f"{block}\n{vectors(rng, width)}END\n"
        text += genbox
    (HERE / name).write_text(text)
    (HERE / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def configuration() -> None:
    rng = random.Random("configuration")
    comment = "# first 24 chars ignored\n"
    shifts = "".join(f"{0:10d}{1:10d}{-1:10d}\n" for _ in range(N_ATOMS))
    text = (
        "TITLE\n\ta configuration\nEND\nTIMESTEP\n"
        f"{1000:15d}{2.0:15.9f}\nEND\n"
        f"POSITION\n{comment}{vectors(rng, labels=True)}END\n"
        f"LATTICESHIFTS\n{shifts}END\n"
        f"VELOCITY\n{comment}{vectors(rng, labels=True)}END\n"
    )
    text += box(1, "3 3.1 3.2", "90 90 90")
    (HERE / "small.cnf").write_text(text)
    (HERE / "small.cnf.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    red = {"POSITIONRED": 15}
    trajectory("rectangular.trc", "rectangular box", box(1, "3 3.1 3.2", "90 90 90"), red)
    trajectory("vacuum.trc", "no box", "", red)
    trajectory("triclinic.trc", "triclinic box", box(2, "3 3.1 3.2", "80 95 105", "10 20 30"), red)
    trajectory("octahedron.trc", "truncated octahedron", box(-1, "3 3 3", "90 90 90"), red)
    trajectory("small.trf", "forces", "", {"FREEFORCERED": 18, "CONSFORCERED": 18})
    trajectory("small.trv", "velocities", "", {"VELOCITYRED": 15})
    configuration()
