"""GROMOS text read in plain Python, line by line with float(): the oracle of the reader in C."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

FIELDS = {
    "POSITION": "positions",
    "POSITIONRED": "positions",
    "VELOCITY": "velocities",
    "VELOCITYRED": "velocities",
    "FREEFORCE": "forces",
    "FREEFORCERED": "forces",
    "CONSFORCE": "constraint_forces",
    "CONSFORCERED": "constraint_forces",
    "GENBOX": "box",
    "BOX": "box",
}
LABELLED = {"POSITION", "VELOCITY", "FREEFORCE", "CONSFORCE"}


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """Return name and lines of each block, without comments."""
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in text.split("\n"):
        if inside and line.strip() == "END":
            inside = False
        elif inside:
            name, lines = found[-1]
            start = 24 if name in LABELLED and not line.lstrip().startswith("#") else 0
            data = line[start:].split("#")[0]
            if data.strip():
                lines.append(data)
        elif line.strip() and not line.startswith("#"):
            found.append((line.strip(), []))
            inside = True
    return found


def frames(path: Path) -> list[dict[str, Any]]:
    """Return the frames of a file, each a dict of lists of numbers; the box as it is written."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        return [numbers_of(lines) for lines in lines_of_frames(file.read())]


def lines_of_frames(text: str) -> list[dict[str, Any]]:
    """Return the lines of each field of each frame; step and time where no block tells them."""
    found: list[dict[str, Any]] = []
    for name, lines in blocks(text):
        if name == "TIMESTEP":
            found.append({name: lines})
        elif name in FIELDS:
            if not found or FIELDS[name] in found[-1]:
                found.append({"step": len(found), "time": float(len(found))})
            found[-1][FIELDS[name]] = lines
    return found


def numbers_of(lines: dict[str, Any]) -> dict[str, Any]:
    """Return a frame, as `frames` has it."""
    frame = dict(lines)
    if "TIMESTEP" in frame:
        [words] = [" ".join(frame.pop("TIMESTEP")).split()]
        frame["step"], frame["time"] = int(words[0]), float(words[1])
    for name in frame.keys() - {"step", "time"}:
        frame[name] = [[float(word) for word in line.split()] for line in frame[name]]
    return frame
