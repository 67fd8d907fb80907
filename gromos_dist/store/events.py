"""Events that are still to be found: block by block, then put together."""

from __future__ import annotations

from typing import Any

import xarray as xr
from numpy.typing import NDArray

from gromos_dist.distributed import take_blocks, to_blocks
from gromos_dist.mapping import LazyEvents
from gromos_dist.progress import progress_bar


def found(events: LazyEvents, title: str, progress: bool | None) -> xr.Dataset:
    """Find all events; memory holds them, and the blocks that are being computed."""
    boxes: dict[int, NDArray[Any]] = {}
    (blocks,) = to_blocks([events.blocks])
    with progress_bar(title, sum(events.frame_chunks), show=progress) as advance:
        take_blocks(blocks, events.frame_chunks, boxes.__setitem__, advance)
    return events.made_of([boxes[i] for i in range(len(blocks))])
