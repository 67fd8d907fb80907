"""Make the seeds of the fuzz targets: python make_corpus.py FOLDER.

They are the small files of tests/data, cut to a frame or two, and DCD and XTC files that are made
here: all flavours of them, a few atoms each.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
sys.path.insert(0, str(ROOT / "tests"))

from dcd_files import Flavour  # noqa: E402
from dcd_files import dcd as dcd_file  # noqa: E402

N_ATOMS, N_FRAMES = 13, 2


def walk(n_atoms: int) -> np.ndarray:
    """Positions of a chain in Å, shape (frame, atom, xyz)."""
    rng = np.random.default_rng(n_atoms)
    steps = rng.normal(0, 1, (N_FRAMES, n_atoms, 3))
    return (20 + steps.cumsum(axis=1)).astype(np.float32)


def gromos_text() -> dict[str, bytes]:
    """Trajectories and a configuration; one frame of each, and two."""
    seeds = {}
    for path in sorted((DATA / "gromos").glob("small.*")) + sorted((DATA / "gromos").glob("*.trc")):
        if path.suffix == ".gz":
            continue
        data = path.read_bytes()
        starts = [i for i in range(len(data)) if data.startswith(b"TIMESTEP", i)]
        for n_frames in (1, 2):
            end = starts[n_frames] if len(starts) > n_frames else len(data)
            seeds[f"{path.name}-{n_frames}"] = data[:end]
    touching = f"TIMESTEP\n{5_000_000:15d}{10_000:15.9f}\nEND\nPOSITIONRED\n1 2 3\nEND\n"
    seeds["touching"] = touching.encode()
    few = "".join(f"{x:15.9f}" for x in (1.0, -2.5, 30.125))
    seeds["tiny"] = f"POSITIONRED\n{few}\n1 2\t3e0 # free\nEND\nBOX\n3 4 5\nEND\n".encode()
    seeds["many"] = b"POSITIONRED\n1 2 3\nEND\n" * 65 + b"VELOCITYRED\nNOT_END\n"
    return seeds


def gromos_numbers() -> dict[str, bytes]:
    """Energies, pressure and derivatives, and a few blocks of all kinds of numbers."""
    seeds = {}
    for name in ("small.tre", "small.trg"):
        data = (DATA / "energies" / name).read_bytes()
        starts = [i for i in range(len(data)) if data.startswith(b"TIMESTEP", i)]
        seeds[name] = data[: starts[1]]
    seeds["touching"] = b"TIMESTEP\n        500000010000.000000000\nEND\n"
    seeds["numbers"] = b"A_B\n1 -2. +.5 1e5 -3E-07\n\t1e-320 12345678901234567890.5\nEND\n"
    seeds["comments"] = (
        b"# all\nTITLE\nEN\nEND\nENERGY03\n# totals\n0.1 # first\n#\n1e22\r\nEND\r\n"
    )
    return seeds


def dcd() -> dict[str, bytes]:
    """Both byte orders and markers, with and without a cell, fixed atoms, a fourth dimension."""
    positions = walk(N_ATOMS)
    cells = [(30.0, 0.0, 31.0, 0.1, -0.1, 32.0)] * N_FRAMES
    return {
        "plain": dcd_file(positions),
        "cell": dcd_file(positions, cells=cells),
        "charmm": dcd_file(
            positions, Flavour(version=38), cells=[(30, 90, 30, 90, 90, 30)] * N_FRAMES
        ),
        "xplor": dcd_file(positions, Flavour(version=0)),
        "big": dcd_file(positions, Flavour(order=">"), cells=cells),
        "wide": dcd_file(positions, Flavour(marker="q")),
        "fourth": dcd_file(positions, Flavour(fourth_dimension=True), cells=cells),
        "fixed": dcd_file(positions, cells=cells, free=(1, 4, 5)),
    }


def xtc() -> dict[str, bytes]:
    """Both magic numbers; compressed as another program compresses, and too few atoms for it."""
    seeds = {}
    box = np.diag([3.0, 3.1, 3.2]).astype(np.float32)
    for n_atoms, precision in ((5, 1000), (9, 100), (10, 1000), (13, 1000), (40, 10), (40, 1e5)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "seed.xtc"
            with XTCFile(str(path), "w") as file:
                for step, frame in enumerate(walk(n_atoms) / 10):
                    file.write(frame, box, step, 0.5 * step, precision)
            seeds[f"{n_atoms}-{precision:g}"] = path.read_bytes()
    old = seeds["13-1000"]
    size = len(old) // N_FRAMES
    # The magic number of 2023 has the count of bytes in eight, not four.
    seeds["2023"] = b"".join(
        struct.pack(">i", 2023) + frame[4:88] + bytes(4) + frame[88:]
        for frame in (old[:size], old[size:])
    )
    return seeds


def trr_frame(positions: np.ndarray, step: int, kind: str, blocks: str) -> bytes:
    """Return a frame with some of b(ox), x, v and f, in numbers of struct's format `kind`."""
    real = struct.calcsize(kind)
    n_atoms = len(positions)
    sizes = {
        "b": 9 * real,
        "x": 3 * real * n_atoms,
        "v": 3 * real * n_atoms,
        "f": 3 * real * n_atoms,
    }
    shown = [sizes[name] if name in blocks else 0 for name in "bxvf"]
    head = struct.pack(">iii", 1993, 13, 12) + b"GMX_trn_file"
    head += struct.pack(
        ">13i", 0, 0, shown[0], 0, 0, 0, 0, *shown[1:], n_atoms, step, 0
    ) + struct.pack(f">2{kind}", 0.5 * step, 0.25)
    values = {"b": 3.0 * np.eye(3), "x": positions, "v": positions / 7, "f": positions * 9}
    order = f">f{real}"
    return head + b"".join(values[name].astype(order).tobytes() for name in blocks)


def trr() -> dict[str, bytes]:
    """Both precisions; frames with all blocks, with some, and with a box alone."""
    seeds = {}
    for kind in "fd":
        for blocks in ("b", "bx", "bxv", "bxvf", "x", "vf"):
            frames = [trr_frame(p / 10, i, kind, blocks) for i, p in enumerate(walk(7))]
            seeds[f"{kind}-{blocks}"] = b"".join(frames)
        mixed = [
            trr_frame(walk(7)[0] / 10, i, kind, blocks) for i, blocks in enumerate(("bx", "bxv"))
        ]
        seeds[f"{kind}-mixed"] = b"".join(mixed)
    return seeds


def columns() -> dict[str, bytes]:
    """Six bytes of layout (see fuzz_columns.c), then text: GROMOS, GRO, PDB, and odd numbers."""
    rows = walk(25)[0].astype(float)
    seeds = {}
    for name, width, decimals, power, tail, gap in (
        ("gromos", 15, 9, 0, "\n", "#        10\n"),
        ("gro", 8, 3, 0, "", ""),
        ("pdb", 8, 3, 1, "  1.00  0.00\r\n", ""),
    ):
        lines = ["".join(f"{x:{width}.{decimals}f}" for x in row) + tail for row in rows]
        text = "".join(line + gap * (i % 10 == 9) for i, line in enumerate(lines))
        layout = bytes((2, width - 1, decimals, power, len(tail), len(gap)))
        seeds[name] = layout + text.encode()
    words = ("0", "-0.0", "+.5", "5.", "1.2.3", "-", "nan", "-inf", "1e5", "8" * 16, "9" * 15)
    seeds["words"] = bytes((0, 19, 9, 10, 0, 0)) + "".join(f"{w:>20}" for w in words).encode()
    seeds["left"] = bytes((0, 19, 0, 0, 0, 0)) + "".join(f"{w:<20}" for w in words).encode()
    return seeds


TARGETS = {
    "columns": columns,
    "dcd": dcd,
    "gromos_text": gromos_text,
    "gromos_numbers": gromos_numbers,
    "trr": trr,
    "xtc": xtc,
}


def main(folder: Path) -> None:
    """Write the seeds of each target to a folder of its name."""
    for target, seeds in TARGETS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, data in seeds().items():
            (folder / target / f"seed-{name}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
