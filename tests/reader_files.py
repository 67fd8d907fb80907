"""A small file of every format that has a reader, and what the tests of all readers share."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import MDAnalysisTests
import numpy as np
from dcd_files import Flavour, dcd
from plain_trr import trr_frame
from plain_xtc import Group, encode, encode_small

from gromos_dist.io.reader import FRAME_FIELDS, Reader

_OURS = Path(__file__).parent / "data" / "gromos"
_THEIRS = Path(MDAnalysisTests.__file__).parent / "data"


class Format(NamedTuple):
    """A small file."""

    suffix: str
    content: bytes


def _dcd(free: tuple[int, ...] = (), flavour: Flavour | None = None) -> bytes:
    angstrom = np.random.default_rng(7).normal(scale=20, size=(6, 9, 3)).astype(np.float32)
    if free:
        fixed = [atom for atom in range(9) if atom not in free]
        angstrom[1:, fixed] = angstrom[0, fixed]
    if flavour is not None:
        return dcd(angstrom, flavour, free=free)
    cells = [(30.0 + i, 0.0, 40.0, 0.0, 0.0, 50.0) for i in range(6)]
    return dcd(angstrom, Flavour(first_step=100, step_interval=5), cells=cells, free=free)


def _water(n_molecules: int, seed: int, box: float = 3.0) -> Any:
    """Positions in nm that look like those of a simulation: molecules of three close atoms."""
    generator = np.random.default_rng(seed)
    oxygens = generator.uniform(0, box, (n_molecules, 1, 3))
    hydrogens = oxygens + generator.normal(0, 0.06, (n_molecules, 2, 3))
    return np.concatenate([oxygens, hydrogens], axis=1).reshape(-1, 3)


def _xtc_2023() -> bytes:
    groups = [Group(1, 1), Group(0, -1), Group(8), Group(3, 0), Group(7)]
    return b"".join(
        encode(np.rint(1000 * _water(8, seed)).astype(int), groups, 60, magic=2023, step=seed)
        for seed in range(3)
    )


def _xtc_of_runs() -> bytes:
    atoms = np.rint(1000 * _water(5, 0)).astype(int)
    return b"".join(encode(atoms, [Group(2)] * 5, 30, step=step) for step in range(3))


def _trr_of_forces() -> bytes:
    random = np.random.default_rng(5)
    return b"".join(
        trr_frame({"forces": random.normal(size=(2, 3))}, i, double=True, virial=True)
        for i in range(4)
    )


def _free_format() -> bytes:
    lines = (_OURS / "rectangular.trc").read_text().splitlines()
    return "\n".join(" ".join(line.split()) if line[:1] == " " else line for line in lines).encode()


def _structure(suffix: str) -> bytes:
    """A file of several models, line by line as the formats' descriptions have it."""
    random = np.random.default_rng(3)
    text = ""
    for frame in range(5):
        angstrom = random.normal(scale=20, size=(7, 3))
        if suffix == "pdb":
            text += f"TITLE     t= {frame * 2.5:.5f} step= {frame * 10}\n"
            text += f"CRYST1{30 + frame:9.3f}{40:9.3f}{50:9.3f}{80:7.2f}{90:7.2f}{100:7.2f} P 1\n"
            text += f"MODEL {frame + 1:8d}\n"
            for i, (x, y, z) in enumerate(angstrom):
                text += f"ATOM  {i + 1:5d}  CA  ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00\n"
            text += "ENDMDL\n"
        else:
            text += f"made for a test, t= {frame * 2.5:.5f} step= {frame * 10}\n7\n"
            for i, (x, y, z) in enumerate(angstrom / 10):
                text += f"{i + 1:5d}ALA     CA{i + 1:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
                text += f"{-x:8.4f}{-y:8.4f}{-z:8.4f}\n"
            text += f"{3 + frame:10.5f}{4:10.5f}{5:10.5f}\n"
    return (text + ("END\n" if suffix == "pdb" else "")).encode()


FORMATS = {
    "dcd": Format(".dcd", _dcd()),
    "dcd with fixed atoms": Format(".dcd", _dcd((1, 4, 5))),
    "dcd, big-endian": Format(".dcd", _dcd((1, 2, 6), Flavour(">", "q"))),
    "trc": Format(".trc", (_OURS / "triclinic.trc").read_bytes()),
    "trc, free format": Format(".trc", _free_format()),
    "trc, octahedron": Format(".trc", (_OURS / "octahedron.trc").read_bytes()),
    "trc, no box": Format(".trc", (_OURS / "vacuum.trc").read_bytes()),
    "trc.gz": Format(".trc.gz", (_OURS / "rectangular.trc.gz").read_bytes()),
    "trv": Format(".trv", (_OURS / "small.trv").read_bytes()),
    "trf": Format(".trf", (_OURS / "small.trf").read_bytes()),
    "trf.gz": Format(".trf.gz", (_OURS / "small.trf.gz").read_bytes()),
    "cnf": Format(".cnf", (_OURS / "small.cnf").read_bytes()),
    "conf": Format(".conf", (_OURS / "small.cnf").read_bytes()),
    "g96.gz": Format(".g96.gz", (_OURS / "small.cnf.gz").read_bytes()),
    "xtc": Format(".xtc", (_THEIRS / "xtc_test_only_10_frame_10_atoms.xtc").read_bytes()),
    "xtc, uncompressed": Format(".xtc", (_THEIRS / "coordinates" / "test.xtc").read_bytes()),
    "xtc, runs": Format(".xtc", _xtc_of_runs()),
    "xtc, 2023": Format(".xtc", _xtc_2023()),
    "xtc, 2023, few atoms": Format(".xtc", encode_small(_water(2, 1), magic=2023) * 3),
    "trr": Format(".trr", (_THEIRS / "trr_test_only_10_frame_10_atoms.trr").read_bytes()),
    "trr, all fields": Format(".trr", (_THEIRS / "coordinates" / "test.trr").read_bytes()),
    "trr, forces in double": Format(".trr", _trr_of_forces()),
    "pdb": Format(".pdb", _structure("pdb")),
    "pdb.gz": Format(".pdb.gz", gzip.compress(_structure("pdb"), mtime=0)),
    "ent": Format(".ent", _structure("pdb")),
    "gro": Format(".gro", _structure("gro")),
    "gro.gz": Format(".gro.gz", gzip.compress(_structure("gro"), mtime=0)),
}


def write(folder: Path, name: str, content: bytes | None = None, stem: str = "md") -> Path:
    """Write the file of a format, or other content under its suffix."""
    some = FORMATS[name]
    path = folder / f"{stem}{some.suffix}"
    path.write_bytes(some.content if content is None else content)
    return path


def read(
    reader: Reader,
    frames: range | None = None,
    atoms: Any = None,
    dtype: Any = np.float64,
    fields: tuple[str, ...] | None = None,
) -> dict[str, np.ndarray]:
    """Read frames into buffers that held something else before."""
    frames = range(reader.n_frames) if frames is None else frames
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    out = {}
    for name in reader.fields if fields is None else fields:
        kind = {"time": np.float64, "step": np.int64}.get(name, dtype)
        shape = [n_atoms if size is None else size for size in FRAME_FIELDS[name]]
        out[name] = np.full((len(frames), *shape), 7, kind)
    reader.read(frames, out, None if atoms is None else np.array(atoms, np.int64))
    return out


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Return content with a few bytes other than they were, gone, or there twice."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        if not data:
            break
        at = int(random.integers(len(data)))
        length = int(random.integers(1, 9))
        kind = int(random.integers(6))
        if kind == 0:
            data[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[at : at + length] = random.bytes(length)
        elif kind == 2:
            data[at : at + 4] = random.choice(
                [
                    b"\xff\xff\xff\xff",
                    b"\x7f\xff\xff\xff",
                    b"\x80\0\0\0",
                    b"\0\0\0\0",
                    b"\xff\xff\xff\x7f",
                ]
            )
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[max(0, at - 50 * length) : at]
        else:
            del data[at:]
    return bytes(data)
