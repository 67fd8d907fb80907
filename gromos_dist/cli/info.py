"""The command that tells what is in a trajectory."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gromos_dist.cli import options

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

_FORMATS = dict.fromkeys((".trc", ".trv", ".trf", ".cnf", ".conf", ".g96"), "GROMOS text")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def info(
    files: options.Files,
    *,
    top: options.Topology = None,
    as_json: Json = False,
    _debug: options.Debug = False,
) -> None:
    """Tell what is in a trajectory: frames, times, atoms, box, and how it would be read.

    Only headers and indices are read, so it takes no longer for a large file:

        gromos-dist info md.dcd --top protein.psf

    For a program, here to have the number of frames:

        gromos-dist info 'md_*.trc.gz' --json | jq .frames
    """
    found = describe(files, top)
    if as_json:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
    else:
        _print(found)


def describe(files: list[str], topology: Path | None = None) -> dict[str, Any]:
    """Return what is in trajectory files, in numbers, strings, lists and dictionaries.

    Parameters
    ----------
    files : list of str
        Paths and patterns.
    topology : Path, optional
        Where atom names, residues and masses come from.

    Returns
    -------
    dict
        Lengths in nm, times in ps, masses in u, sizes in bytes; None for what is not known.
    """
    from gromos_dist.io.graphs import source_of
    from gromos_dist.io.trajectory import open_trajectory
    from gromos_dist.topology import load_topology

    trajectory = open_trajectory(files, topology, on_truncated="drop", overlap="keep")
    # A .trv has velocities only, a .trf forces.
    vectors = next(array for array in trajectory.values() if array.dims[1:2] == ("atom",))
    origin = source_of(vectors.data)
    assert origin is not None
    readers = origin.source.readers
    n_atoms = trajectory.sizes["atom"]
    sizes = [Path(reader.path).stat().st_size for reader in readers]
    atoms = None if topology is None else load_topology(topology).with_n_atoms(n_atoms)
    return {
        "files": [
            {
                "path": reader.path,
                "format": _format(reader.path),
                "frames": reader.n_frames,
                "size": size,
                "damage": reader.damage or None,
            }
            for reader, size in zip(readers, sizes, strict=True)
        ],
        "frames": trajectory.sizes["frame"],
        "atoms": n_atoms,
        "time": _time(trajectory["time"].values),
        "box": _box(trajectory),
        "fields": [str(name) for name in trajectory.data_vars],
        "frames_with": {
            str(name).removeprefix("has_"): int(coordinate.sum())
            for name, coordinate in trajectory.coords.items()
            if str(name).startswith("has_")
        },
        "size": sum(sizes),
        "overlap": trajectory.attrs.get("overlap", "").splitlines(),
        "topology": None if topology is None else {"path": str(topology), **_topology(atoms)},
        "chunks": {
            "frames": [int(n) for n in vectors.chunksizes["frame"]],
            "bytes": int(max(vectors.chunksizes["frame"]) * n_atoms * 3 * vectors.dtype.itemsize),
        },
    }


def _format(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = suffixes[-2 if packed else -1]
    return _FORMATS.get(suffix, suffix[1:].upper()) + (", gzip" if packed else "")


def _time(time: NDArray[np.float64]) -> dict[str, float | None] | None:
    import numpy as np

    if not (time.size and np.isfinite(time).all()):
        return None
    steps = np.diff(time)
    even = steps.size > 0 and np.allclose(steps, steps.mean(), rtol=1e-4, atol=1e-6)
    return {
        "first": float(time[0]),
        "last": float(time[-1]),
        "step": float(steps.mean()) if even else None,
    }


def _box(trajectory: xr.Dataset) -> dict[str, list[float]] | None:
    """Return lengths (nm) and angles (degrees) of the first frame's box, None if it has none."""
    import numpy as np

    if "box" not in trajectory or not trajectory.sizes["frame"]:
        return None
    vectors = trajectory["box"].isel(frame=slice(0, 1)).values[0].astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(vectors).all() or not lengths.all():
        return None
    a, b, c = vectors / lengths[:, None]
    cosines = np.clip([b @ c, c @ a, a @ b], -1.0, 1.0)
    return {
        "lengths": [round(float(length), 6) for length in lengths],
        "angles": [round(float(angle), 4) for angle in np.degrees(np.arccos(cosines))],
    }


def _topology(atoms: Any) -> dict[str, Any]:
    import numpy as np

    elements = Counter(str(element) or "unknown" for element in atoms.element)
    mass = float(atoms.mass.sum())
    return {
        "residues": int(atoms.n_residues),
        "molecules": int(atoms.n_molecules),
        "bonds": len(atoms.bonds),
        "elements": dict(elements.most_common()),
        "mass": mass if np.isfinite(mass) else None,
    }


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    from gromos_dist.cli.summary import add, two_columns

    files = found["files"]
    first = files[0]["path"]
    table = two_columns(first if len(files) == 1 else f"{first} and {len(files) - 1} more")
    add(table, "format", "; ".join(dict.fromkeys(file["format"] for file in files)))
    add(table, "size", in_bytes(found["size"]))
    add(table, "frames", f"{found['frames']}")
    if len(files) > 1:
        for file in files:
            add(table, "", f"{file['frames']} in {file['path']}, {in_bytes(file['size'])}")
    for file in files:
        if file["damage"]:
            add(table, "damaged", f"{file['path']}: {file['damage']}")
    for line in found["overlap"]:
        add(table, "overlap", line)
    add(table, "time", _time_text(found["time"]))
    add(table, "atoms", f"{found['atoms']}")
    some = found["frames_with"]
    fields = (f"{name} ({some[name]} frames)" if name in some else name for name in found["fields"])
    add(table, "fields", ", ".join(fields))
    add(table, "box", _box_text(found["box"]))
    add(table, "read in", _chunks_text(found["chunks"]))
    if found["topology"] is not None:
        _add_topology(table, found["topology"])
    Console().print(table)


def _add_topology(table: Any, topology: dict[str, Any]) -> None:
    from gromos_dist.cli.summary import add

    elements = ", ".join(f"{count} {name}" for name, count in topology["elements"].items())
    mass = "not known of all atoms" if topology["mass"] is None else f"{topology['mass']:.3f} u"
    table.add_section()
    add(table, "topology", topology["path"])
    add(table, "residues", f"{topology['residues']}")
    add(table, "molecules", f"{topology['molecules']}")
    add(table, "bonds", f"{topology['bonds']}")
    add(table, "elements", elements)
    add(table, "mass", mass)


def _time_text(time: dict[str, Any] | None) -> str:
    if time is None:
        return "not known"
    step = "" if time["step"] is None else f", every {time['step']:g} ps"
    return f"{time['first']:g} to {time['last']:g} ps{step}"


def _box_text(box: dict[str, Any] | None) -> str:
    if box is None:
        return "none"
    lengths = " x ".join(f"{length:g}" for length in box["lengths"])
    angles = ", ".join(f"{angle:g}" for angle in box["angles"])
    return f"{lengths} nm, {angles} degrees (first frame)"


def _chunks_text(chunks: dict[str, Any]) -> str:
    frames = chunks["frames"]
    if len(frames) == 1:
        return f"1 chunk, {in_bytes(chunks['bytes'])} of coordinates"
    return (
        f"{len(frames)} chunks of up to {max(frames)} frames, "
        f"{in_bytes(chunks['bytes'])} of coordinates each"
    )


def in_bytes(size: float) -> str:
    """Return a size with a unit that suits it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
