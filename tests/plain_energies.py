"""Energy trajectories read with nothing but str.split and float: what the reader must equal."""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Block(NamedTuple):
    name: str
    numbers: list[float]


def blocks(path: Path) -> list[Block]:
    """Every block of numbers, in the order of the file."""
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()
    found: list[Block] = []
    name = ""
    for line in lines:
        if not name:
            name = line.strip()
            numbers: list[float] = []
        elif line.startswith("END"):
            if name not in ("TITLE", "ENEVERSION"):
                found.append(Block(name, numbers))
            name = ""
        elif name not in ("TITLE", "ENEVERSION"):
            numbers += [float(word) for word in line.partition("#")[0].split()]
    return found


def matrix(path: Path, name: str) -> np.ndarray:
    """The numbers of all blocks of a name, shape (frame, number)."""
    return np.array([block.numbers for block in blocks(path) if block.name == name])
