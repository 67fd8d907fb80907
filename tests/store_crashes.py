"""Kill a run before each single step that it takes in the file system, and let it go on.

``python store_crashes.py folder first every`` kills before the steps ``range(first, steps, every)``
and prints how many steps there are. Each run is a forked process
in which the n-th operation on the store's files is preceded by SIGKILL; a second one, undisturbed,
must end in the same files as a run that was never killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import dask
import zarr
from store_run import lazy_result, tree

from gromos_dist.store import store

assert zarr.__version__
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
# Which argument of the event is the descriptor of a folder.
FOLDERS = {"os.rename": 2, "os.mkdir": 2, "os.remove": 1, "os.rmdir": 1}


def run(path: Path, kill_before: int | None, count: int | None = None, **arguments: Any) -> bool:
    """Store the result in a process of its own; return whether it ended well."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    steps = 0

    def hook(event: str, details: tuple[Any, ...]) -> None:
        nonlocal steps
        # With the descriptor of a folder, the name alone is given; only stores are written so.
        by_descriptor = event in FOLDERS and details[FOLDERS[event]] != -1
        staged = event == "open" and "center_of_mass" in str(details[0])
        if event in EVENTS and (path.name in str(details[0]) or by_descriptor or staged):
            if steps == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1

    sys.addaudithook(hook)
    try:
        with dask.config.set(scheduler="synchronous"):
            store(lazy_result(), path, **arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    if count is not None:
        os.write(count, str(steps).encode())
    os._exit(0)


def main(folder: Path, first: int, every: int) -> None:
    undisturbed = folder / "undisturbed" / "result.zarr"
    undisturbed.parent.mkdir()
    receive, send = os.pipe()
    assert run(undisturbed, None, send)
    steps = int(os.read(receive, 100))
    expected = tree(undisturbed)
    for step in range(first, steps, every):
        path = folder / str(step) / "result.zarr"
        path.parent.mkdir()
        assert not run(path, step), f"step {step}: not killed"
        assert run(path, None), f"step {step}: did not go on"
        assert tree(path) == expected, f"step {step}: other files"
        assert [found.name for found in path.parent.iterdir()] == [path.name], f"step {step}"
        # The same while an older store is being replaced.
        run(path, step, overwrite=True)
        assert run(path, None), f"step {step}, overwriting: did not go on"
        assert tree(path) == expected, f"step {step}, overwriting: other files"
        shutil.rmtree(path.parent)
    print(steps)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
