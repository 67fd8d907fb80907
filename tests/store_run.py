"""A run that stores a result, for the tests that kill it.

``python -c "import store_run; store_run.main()" out.zarr threads 2`` stores the result with two
threads. In the environment, STORE_RUN_LOG is a folder in which each computed block leaves a file,
STORE_RUN_KILL_AT the block that kills the process STORE_RUN_PID (the process itself by default),
STORE_RUN_SECONDS how long a block takes, and STORE_RUN_RESULT=fields stores a Dataset of several
variables instead. STORE_RUN_STOP_BEFORE=os.rename stops the process before it first renames the
file of block STORE_RUN_STOP_AT, or opens it (open), and leaves ``stopped.PID`` in the log;
STORE_RUN_FACTOR is a parameter of the result. They are not arguments, so that the Dask graph is the
same in every run.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gromos_dist.distributed import scheduler
from gromos_dist.mapping import Fields
from gromos_dist.provenance import InputFile, record_of
from gromos_dist.store import store
from gromos_dist.variables import VARIABLES

FRAMES = int(os.environ.get("STORE_RUN_FRAMES", "40"))
BLOCK = 4


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stop_before(event: str, block: str) -> None:
    """Stop this process once, before it does something in the file system to a block."""
    stopped = False

    def hook(name: str, details: tuple[Any, ...]) -> None:
        nonlocal stopped
        if not stopped and name == event and str(details[0]).startswith(block):
            stopped = True
            Path(os.environ["STORE_RUN_LOG"], f"stopped.{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    sys.addaudithook(hook)


def kernel(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers that have no short text; the block of frames 8 to 11 is all zero or NaN."""
    first = int(block[0])
    if log := os.environ.get("STORE_RUN_LOG"):
        Path(log, f"{first // BLOCK}.{uuid.uuid4().hex}").touch()
    if os.environ.get("STORE_RUN_KILL_AT") == str(first // BLOCK):
        os.kill(int(os.environ.get("STORE_RUN_PID", os.getpid())), signal.SIGKILL)
        os._exit(1)
    if os.environ.get("STORE_RUN_STOP_AT") == str(first // BLOCK):
        stop_before(os.environ["STORE_RUN_STOP_BEFORE"], f"center_of_mass-{first // BLOCK}.0")
    time.sleep(float(os.environ.get("STORE_RUN_SECONDS", "0")))
    values = np.sqrt(block[:, None] * np.array([1.0, 2.0, 3.0]) + 0.1)
    if first == 8:
        values[:2], values[2:] = 0.0, np.nan
    return values


def lazy_result(**parameters: Any) -> xr.DataArray:
    frames = da.arange(float(FRAMES), chunks=BLOCK)
    values = frames.map_blocks(
        kernel,
        dtype=float,
        chunks=(frames.chunks[0], (3,)),
        new_axis=1,
        meta=np.empty((0, 0)),
    )
    if "factor" in parameters:
        values = values * parameters["factor"]
    inputs = [InputFile("md.trc", 1000, "quick:00")]
    return xr.DataArray(
        values,
        dims=("frame", "xyz"),
        coords={
            "time": ("frame", np.arange(FRAMES) * 0.1, {"units": "ps"}),
            "xyz": ["x", "y", "z"],
        },
        name="center_of_mass",
        attrs={"units": "nm", **record_of("center_of_mass", parameters, inputs).attributes},
    )


def fields_kernel(block: NDArray[np.float64], log: str) -> dict[str, NDArray[Any]]:
    """Return three values a frame of which the numbers tell the frame."""
    first = int(block[0, 0, 0])
    Path(log, f"{first // BLOCK}.{uuid.uuid4().hex}").touch()
    if os.environ.get("STORE_RUN_KILL_AT") == str(first // BLOCK):
        os.kill(int(os.environ.get("STORE_RUN_PID", os.getpid())), signal.SIGKILL)
        os._exit(1)
    return {
        "forces": np.sqrt(block + 0.1).astype(np.float32),
        "energy": np.sqrt(block[:, 0, :2] + 0.2),
        "virial": np.sqrt(block[:, :1] + np.arange(9.0).reshape(3, 3)),
    }


def lazy_fields(log: str | Path) -> xr.Dataset:
    """Return a Dataset of several variables that one kernel computes; `log` is as above."""
    values = np.broadcast_to(np.arange(float(FRAMES))[:, None, None], (FRAMES, 2, 3))
    positions = xr.DataArray(
        da.from_array(np.ascontiguousarray(values), (BLOCK, -1, -1)),
        dims=("frame", "atom", "xyz"),
        coords={
            "time": ("frame", np.arange(FRAMES) * 0.1, {"units": "ps"}),
            "atom_name": ("atom", ["CA", "CB1"]),
            "xyz": ["x", "y", "z"],
        },
    )
    variables = [VARIABLES[name] for name in ("forces", "energy", "virial")]
    result = Fields(fields_kernel, variables, {"forces": np.float32})(
        positions,
        coords={"term": ["potential", "bond"], "xyz_2": ["x", "y", "z"]},
        log=str(log),
    )
    own = record_of("forces", {}, [InputFile("md.trc", 1000, "quick:00")]).attributes
    for array in result.data_vars.values():
        array.attrs |= own
    return result.assign_attrs(own)


def main() -> None:
    os.environ.setdefault("STORE_RUN_PID", str(os.getpid()))
    fields = os.environ.get("STORE_RUN_RESULT") == "fields"
    factor = os.environ.get("STORE_RUN_FACTOR")
    parameters = {"factor": float(factor)} if factor else {}
    with scheduler(sys.argv[2], int(sys.argv[3])):
        result = lazy_fields(os.environ["STORE_RUN_LOG"]) if fields else lazy_result(**parameters)
        store(result, sys.argv[1], progress=True)
