"""What kernels give, and what they are given, has the declared shape and kind: else an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from memory_reader import memory_source
from numpy.typing import NDArray

from gromos_dist.io.lazy import trajectory_array
from gromos_dist.mapping import Events, Fields, Map, Pairs, Reduction, Scan, Series, Variable

Array = NDArray[Any]

DIMS = ("frame", "atom", "xyz")
SOURCE = memory_source(26, 3, 31)
VALUES = SOURCE.read(["positions"])["positions"]
INPUTS = {
    "memory": xr.DataArray(VALUES, dims=DIMS),
    "dask": xr.DataArray(da.from_array(VALUES, chunks=(7, 2, 3)), dims=DIMS),
    "files": xr.DataArray(trajectory_array(SOURCE, "positions", (1, 30, 29)), dims=DIMS),
}
V = Variable("value", ("frame",), "f", "nm", "a value")
VECTOR = Variable("value", ("frame", "xyz"), "f", "nm", "a vector")
ALL = Variable("value", (), "f", "nm", "a value")
ATOMS = Variable("value", ("atom",), "f", "nm", "of atoms")
PAIRS = Variable("value", ("frame", "other_frame"), "f", "nm", "of pairs")
KIND = Variable("kind", ("event",), "i", "", "a kind")


def counting(finish: Callable[[Any], Any], **options: Any) -> Reduction:
    return Reduction(
        lambda block: (len(block), block.sum(axis=0)),
        options.pop("combine", lambda a, b: (a[0] + b[0], a[1] + b[1])),
        finish,
        options.pop("variables", ALL),
    )


def later(carry: Array, values: Array) -> Array:
    return carry[-1] + values


BAD_KERNELS: dict[str, tuple[Any, str]] = {
    "map of one number": (Map(lambda _: 1.0, V), r"value: expected .* got one of .* shape \(\)"),
    "map of one frame": (Map(lambda block: block[0, 0], VECTOR), r"value: expected .* \(3,\)"),
    "map of nothing": (Map(lambda _: None, V), "got one of object"),
    "map of complex": (Map(lambda block: block[:, 0, 0] * 1j, V), "got one of complex"),
    "map of fractions": (Map(lambda b: b[:, 0, 0], V, dtype=int), "int64 .* got one of float"),
    "masked map": (Map(lambda b: np.ma.masked_less(b[:, 0, 0], 9), V), "value: .* masked"),
    "fields of others": (Fields(lambda b: {"w": b[:, 0, 0]}, [V]), r"value.*got \['w'\]"),
    "fields of one": (Fields(lambda _: {"value": 2.0}, [V]), r"value: .* shape \(\)"),
    "scan of one": (Scan(lambda _, __: 1, later, V), r"value: .* shape \(\)"),
    "pairs of one": (Pairs(lambda *_: np.ones((1, 1)), PAIRS), r"value: .* shape \(1, 1\)"),
    "series of one": (Series(lambda _: np.ones(1), ATOMS), r"value: .*\(5,\).* shape \(1,\)"),
    "no finalized": (counting(lambda _: {}), r"value \(finalize\): .* got \[\]"),
    "finalized complex": (counting(lambda _: 1j), "got one of complex"),
    "events of fractions": (
        Events(lambda b: {"frame": range(len(b)), "kind": np.full(len(b), 1.5)}, [KIND]),
        "events: kind: expected .* int64 .* got one of float64",
    ),
    "events without": (Events(lambda _: {"frame": []}, [KIND]), r"'kind'\], got \['frame'\]"),
    "map of atoms": (Map(lambda b: b, ATOMS), "value: expected frame as the first dim"),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", BAD_KERNELS)
def test_a_kernel_that_gives_something_else(name: str, kind: str) -> None:
    record, message = BAD_KERNELS[name]
    with pytest.raises(ValueError, match=message):
        dask.compute(record(INPUTS[kind]))


@pytest.mark.parametrize("kind", INPUTS)
def test_pairs_have_the_declared_dtype(kind: str) -> None:
    record = Pairs(lambda a, b: np.ones((len(a), len(b)), np.float32), PAIRS)
    assert record(INPUTS[kind]).compute().dtype == np.float64


def total(*blocks: Array) -> tuple[int]:
    return (sum(block.size for block in blocks),)


def added(a: Any, b: Any) -> tuple[int]:
    return (a[0] + b[0],)


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_that_do_not_go_together(kind: str) -> None:
    array = INPUTS[kind]
    of_two = Map(lambda a, _: a[:, 0, 0], V)
    size = Reduction(total, added, lambda s: s[0], ALL)
    series = Series(total, ALL, added)
    for record in (of_two, size):
        for one, other in [(9, 12), (12, 9)]:
            with pytest.raises(ValueError, match=rf"input 0 has \[{one}\].*1 has \[{other}\]"):
                record(array[:one], array[:other])
    with pytest.raises(ValueError, match=r"input 0 has \[60, 5\] and input 1 has \[60, 2\]"):
        series(array, array[:, :2])
    with pytest.raises(ValueError, match="there are no atoms"):
        series(array[:, :0])
    for record in (size, Map(lambda b: b[:, 0, 0], V), Pairs(lambda a, _: a, PAIRS)):
        with pytest.raises(ValueError, match="first dims are frame, but input 0 has atom, frame"):
            record(array.transpose("atom", "frame", "xyz"))
    with pytest.raises(ValueError, match="coords of length 3 for 'xyz', got 5"):
        Map(lambda b: b[:, 0], VECTOR)(array, coords={"xyz": np.arange(5)})


def in_place(a: Any, b: Any) -> tuple[int, Array]:
    a[1][...] += b[1]
    return a[0] + b[0], a[1]


def test_nobody_changes_what_others_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gromos_dist.mapping.reduce.PIECE_BYTES", 4 * 4 * 15)
    array = INPUTS["files"]

    def halved(state: Any) -> Any:
        state[1][...] /= 2
        return state[1].sum()

    steps = Scan(
        lambda block, _: np.cumsum(np.ones(len(block), int)),
        lambda carry, values: np.add(values, carry[-1], out=values),
        V,
    )
    for wrong in (counting(lambda s: 1, combine=in_place), counting(halved), steps):
        with pytest.raises(ValueError, match="read-only"):
            wrong(array).compute()
    with pytest.raises(TypeError, match=r"combine takes two states and gives one, .* NoneType"):
        counting(lambda _: 1, combine=lambda *_: None)(array).compute()
    average = counting(lambda s: s[1], variables=Variable("a", ("atom", "xyz"), "f", "nm", "a"))
    for made in (average(INPUTS["memory"]), average(array).compute()):
        made.values[0] = 1


def test_weights_of_other_frames() -> None:
    array = INPUTS["files"].assign_coords(time=("frame", np.arange(60.0)))
    record = Reduction(lambda _, weights: (weights.sum(),), added, lambda s: s[0], ALL)
    weights = xr.DataArray(np.arange(60.0), {"time": array.time}, ("frame",))
    assert record(array, weights=weights).compute() == 1770
    assert record(array[:30], weights=weights[:30]).compute() == 435
    with pytest.raises(ValueError, match="weights are of other frames: time differs"):
        record(array[:30], weights=weights[30:])
    with pytest.raises(ValueError, match=r"value: weights: .* first dims are frame, .* has atom"):
        record(array, weights=xr.DataArray(np.arange(60.0), dims="atom"))
