"""The command that tells what is in a trajectory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gromos_dist.cli import options, stores
from gromos_dist.cli.tables import print_json, print_values

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

_STORES = {".zarr": "Zarr", ".nc": "netCDF"}
MOST_INPUTS = 8


def info(
    files: options.Files,
    *,
    top: options.Topology = None,
    as_json: options.AsJson = False,
    _debug: options.Debug = False,
) -> None:
    """Tell what is in a trajectory or in a result.

    Frames, times, atoms, box, and how it is read:

        gromos-dist info md.dcd --top protein.psf

    Only headers and indices are read, so it takes no longer for a large file.

    Of a .zarr or .nc that was written here, also what it was computed from, and whether it is
    complete:

        gromos-dist info rmsd.zarr

    For a program, here to have the number of frames:

        gromos-dist info 'md_*.trc.gz' --json | jq .frames
    """
    found = describe(files, top)
    if as_json:
        print_json(found)
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

    if stores.is_store(files):
        return _describe_store(files[0], topology)
    trajectory = open_trajectory(files, topology, on_truncated="drop", overlap="keep")
    # A .trv has velocities only, a .trf forces.
    vectors = next(array for array in trajectory.values() if array.dims[1:2] == ("atom",))
    origin = source_of(vectors.data)
    assert origin is not None
    readers = origin.source.readers
    sizes = [Path(reader.path).stat().st_size for reader in readers]
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
        **_contents(trajectory),
        "size": sum(sizes),
        "overlap": trajectory.attrs.get("overlap", "").splitlines(),
        # A PDB, GRO or GROMOS configuration is its own.
        "topology": _topology(topology or trajectory.attrs.get("topology"), trajectory),
        "chunks": _chunks(vectors),
    }


def _contents(data: xr.Dataset) -> dict[str, Any]:
    """Return what trajectories and results have in common."""
    return {
        "frames": data.sizes.get("frame"),
        "atoms": data.sizes.get("atom"),
        "time": _time(data["time"].values) if "frame" in data.dims and "time" in data else None,
        "box": _box(data),
        "fields": [str(name) for name in data.data_vars],
        "frames_with": {
            str(name).removeprefix("has_"): int(coordinate.sum())
            for name, coordinate in data.coords.items()
            if str(name).startswith("has_")
        },
    }


def _describe_store(path: str, topology: Path | None) -> dict[str, Any]:
    data, unfinished = stores.open_unfinished(path)
    size = stores.size(path)
    n_atoms = data.sizes.get("atom")
    if topology is not None and n_atoms is None:
        raise ValueError(f"--top: {path} has no atoms; leave this option out")
    file = {"path": path, "format": _format(path), "frames": data.sizes.get("frame"), "size": size}
    return {
        "files": [{**file, "damage": unfinished or None}],
        **_contents(data),
        "size": size,
        "overlap": [],
        "variables": [
            {
                "name": str(name),
                "sizes": {str(dim): length for dim, length in array.sizes.items()},
                "units": array.attrs.get("units"),
                "meaning": array.attrs.get("long_name"),
            }
            for name, array in data.data_vars.items()
        ],
        "computed": stores.origin(data),
        "topology": None if n_atoms is None else _topology(topology, data),
        "chunks": _chunks(max(data.data_vars.values(), key=lambda array: array.nbytes)),
    }


def _chunks(array: xr.DataArray) -> dict[str, Any] | None:
    if "frame" not in array.dims:
        return None
    frames = [int(n) for n in array.chunksizes.get("frame", (array.sizes["frame"],))]
    a_frame = array.nbytes // max(array.sizes["frame"], 1)
    return {"frames": frames, "bytes": max(frames) * a_frame}


def _format(path: str) -> str:
    from gromos_dist.input_file import suffix_of
    from gromos_dist.io.registry import READABLE

    suffix = suffix_of(path)
    name = READABLE[suffix].name if suffix in READABLE else _STORES[suffix]
    return name + (", gzip" if path.lower().endswith(".gz") else "")


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


def _topology(path: Path | str | None, data: xr.Dataset) -> dict[str, Any] | None:
    import numpy as np

    from gromos_dist.analysis.connections import topology_of_atoms
    from gromos_dist.topology import load_topology

    if path is None:
        return None
    atoms = topology_of_atoms(load_topology(path), data)
    elements = Counter(str(element) or "unknown" for element in atoms.element)
    mass = float(atoms.mass.sum())
    return {
        "path": str(path),
        "residues": int(atoms.n_residues),
        "molecules": int(atoms.n_molecules),
        "bonds": len(atoms.bonds),
        "elements": dict(elements.most_common()),
        "mass": mass if np.isfinite(mass) else None,
    }


def _print(found: dict[str, Any]) -> None:
    files = found["files"]
    first = files[0]["path"]
    rows = [
        ("format", "; ".join(dict.fromkeys(file["format"] for file in files))),
        ("size", in_bytes(found["size"])),
    ]
    if found["frames"] is not None:
        rows.append(("frames", f"{found['frames']}"))
    if len(files) > 1:
        rows += [
            ("", f"{file['frames']} in {file['path']}, {in_bytes(file['size'])}") for file in files
        ]
    fault = "unfinished" if "variables" in found else "damaged"
    rows += [(fault, _damage(file)) for file in files if file["damage"]]
    rows += [("overlap", line) for line in found["overlap"]]
    if found["frames"] is not None:
        rows.append(("time", _time_text(found["time"])))
    if found["atoms"] is not None:
        rows.append(("atoms", f"{found['atoms']}"))
    if "variables" in found:
        # The box has a row of its own.
        named = [one for one in found["variables"] if one["name"] != "box"]
        rows += [(one["name"], _variable_text(one)) for one in named]
    else:
        some = found["frames_with"]
        fields = [
            f"{name} ({some[name]} frames)" if name in some else name for name in found["fields"]
        ]
        rows.append(("fields", ", ".join(fields)))
    if found["atoms"] is not None and found["frames"] is not None:
        rows.append(("box", _box_text(found["box"])))
    if found["chunks"] is not None:
        rows.append(("read in", _chunks_text(found["chunks"])))
    title = first if len(files) == 1 else f"{first} and {len(files) - 1} more"
    print_values(
        title, [rows, _origin_rows(found.get("computed")), _topology_rows(found["topology"])]
    )


def _damage(file: dict[str, Any]) -> str:
    said, path = str(file["damage"]), file["path"]
    return said if said.startswith((path, str(Path(path).absolute()))) else f"{path}: {said}"


def _variable_text(variable: dict[str, Any]) -> str:
    sizes = ", ".join(f"{length} {dim}" for dim, length in variable["sizes"].items())
    unit = f" ({variable['units']})" if variable["units"] else ""
    return f"{variable['meaning'] or variable['name']}{unit}: {sizes}"


def _origin_rows(origin: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return by what a result was computed; what is long is in the JSON alone."""
    if origin is None:
        return []
    rows = _call_rows("computed by", origin)
    paths = origin["inputs"]
    if len(paths) > MOST_INPUTS:
        paths = [*paths[:2], f"... {len(paths) - 4} more", *paths[-2:]]
    return [*rows, *(("from", path) for path in paths), ("version", origin["version"])]


def _call_rows(title: str, call: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a call with its parameters, and those that it was made of."""
    parameters = dict(call.get("parameters", {}))
    of = parameters.pop("of", [])
    rows = [(title, str(call.get("call"))), *_parameter_rows(parameters)]
    for before in of if isinstance(of, list) else [of]:
        rows += _call_rows("of", before)
    return rows


def _parameter_rows(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the parameters that are not what they are unless given."""
    from gromos_dist.forces.settings import SETTINGS
    from gromos_dist.io.trajectory import DEFAULTS

    given = dict(parameters)
    settings = given.pop("settings", None)
    # Of a file there is a hash.
    if isinstance(settings, dict) and "content_hash" not in settings:
        usual = {name: setting.default for name, setting in SETTINGS.items()}
        given |= {name: value for name, value in settings.items() if usual.get(name) != value}
    groups = given.get("groups")
    if isinstance(groups, dict):
        given["groups"] = [f"{name}: {selection}" for name, selection in groups.items()]
    rows = []
    for name, value in given.items():
        is_short = isinstance(value, list) and 0 < len(value) <= MOST_INPUTS
        told = ", ".join(map(str, value)) if is_short else value
        if isinstance(told, (str, int, float)) and DEFAULTS.get(name) != told:
            unit = SETTINGS[name].told.unit if name in SETTINGS else ""
            rows.append(("", f"{name} = {told} {unit}".rstrip()))
    return rows


def _topology_rows(topology: dict[str, Any] | None) -> list[tuple[str, str]]:
    if topology is None:
        return []
    elements = ", ".join(f"{count} {name}" for name, count in topology["elements"].items())
    mass = "not known of all atoms" if topology["mass"] is None else f"{topology['mass']:.3f} u"
    return [
        ("topology", topology["path"]),
        ("residues", f"{topology['residues']}"),
        ("molecules", f"{topology['molecules']}"),
        ("bonds", f"{topology['bonds']}"),
        ("elements", elements),
        ("mass", mass),
    ]


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
        return f"1 chunk, {in_bytes(chunks['bytes'])}"
    most = "1 frame" if max(frames) == 1 else f"up to {max(frames)} frames"
    return f"{len(frames)} chunks of {most}, {in_bytes(chunks['bytes'])} each"


def in_bytes(size: float) -> str:
    """Return a size with a unit that suits it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
