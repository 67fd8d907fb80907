"""A run that stores a result, for the tests that kill it.

``python -c "import store_run; store_run.main()" out.zarr threads 2`` stores the result with two
threads. In the environment, STORE_RUN_LOG is a folder in which each computed block leaves a file,
STORE_RUN_KILL_AT the block that kills the process STORE_RUN_PID (the process itself by default),
and STORE_RUN_SECONDS how long a block takes. They are not arguments, so that the Dask graph is the
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
from gromos_dist.provenance import InputFile, history
from gromos_dist.store import store

FRAMES = int(os.environ.get("STORE_RUN_FRAMES", "40"))
BLOCK = 4


def kernel(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers that have no short text; the block of frames 8 to 11 is all zero or NaN."""
    first = int(block[0])
    if log := os.environ.get("STORE_RUN_LOG"):
        Path(log, f"{first // BLOCK}.{uuid.uuid4().hex}").touch()
    if os.environ.get("STORE_RUN_KILL_AT") == str(first // BLOCK):
        os.kill(int(os.environ.get("STORE_RUN_PID", os.getpid())), signal.SIGKILL)
        os._exit(1)
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
    inputs = [InputFile("md.trc", 1000, "quick:00")]
    return xr.DataArray(
        values,
        dims=("frame", "xyz"),
        coords={
            "time": ("frame", np.arange(FRAMES) * 0.1, {"units": "ps"}),
            "xyz": ["x", "y", "z"],
        },
        name="center_of_mass",
        attrs={"units": "nm", "history": history("center_of_mass", parameters, inputs)},
    )


def main() -> None:
    os.environ.setdefault("STORE_RUN_PID", str(os.getpid()))
    with scheduler(sys.argv[2], int(sys.argv[3])):
        store(lazy_result(), sys.argv[1], progress=True)
