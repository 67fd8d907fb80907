"""Frame indices that somebody else has made: no wrong numbers, no crash, no great allocation."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reader_files import read, write

from gromos_dist.io.index import frame_index
from gromos_dist.io.index.frame_index import _VERSION, DamagedIndexError, read_index, write_index
from gromos_dist.io.reader import open_reader

pytestmark = pytest.mark.filterwarnings("ignore:.*made (anew|elsewhere):UserWarning")
NAMES = ["trc", "trc.gz", "cnf", "xtc", "trr", "trr, all fields", "pdb", "pdb.gz", "gro"]


@pytest.fixture(autouse=True)
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indices beside the files."""
    monkeypatch.delenv("GROMOS_DIST_INDEX_FOLDER")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def indexed(tmp_path: Path, name: str) -> tuple[Path, Path, dict[str, np.ndarray]]:
    path = write(tmp_path, name)
    reader = open_reader(path)
    return path, Path(reader.index_path), read(reader)  # type: ignore[attr-defined]


def same(path: Path, whole: dict[str, np.ndarray]) -> bool:
    frame_index.cached_index.cache_clear()
    got = read(open_reader(path))
    return got.keys() == whole.keys() and all(
        got[name].tobytes() == whole[name].tobytes() for name in whole
    )


def mutations(arrays: dict[str, np.ndarray], random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return arrays of which one number, one length or one array is another."""
    changed = {name: array.copy() for name, array in arrays.items()}
    name = str(random.choice(list(changed)))
    array = changed[name]
    kind = int(random.integers(5))
    if kind == 0 or not array.size:
        del changed[name]
    elif kind == 1:
        changed[name] = array[: len(array) // 2]
    elif kind == 2:
        changed[name] = np.concatenate([array, array[-1:]])
    else:
        flat = array.reshape(-1)
        numbers = flat.view(np.uint8)
        if kind == 3 and array.dtype.itemsize == 8:
            large = random.choice([-1, 2**62, -(2**63), 2**40, 0]) if array.dtype.kind == "i" else 7
            flat[int(random.integers(len(flat)))] = large
        else:
            numbers[int(random.integers(len(numbers)))] ^= 1 << int(random.integers(8))
    return changed


@pytest.mark.parametrize("name", NAMES)
def test_arrays_that_do_not_fit_the_file(tmp_path: Path, name: str) -> None:
    path, place, whole = indexed(tmp_path, name)
    key, stored = read_index(str(place))
    random = np.random.default_rng(5)
    # What an index alone knows: whoever can make it could change the file.
    trusted = {"time", "step", "line", "lambda", "box", "layout", "box_shape", "cut", "has"}
    trusted |= {"gzip_points", "gzip_windows"}
    refused = 0
    for _ in range(60):
        arrays = mutations(dict(stored), random)
        write_index(str(place), key, arrays)
        changed = {
            name
            for name in stored
            if name not in arrays
            or arrays[name].shape != stored[name].shape
            or arrays[name].tobytes() != stored[name].tobytes()
        }
        tracemalloc.start()
        try:
            assert same(path, whole) or changed <= trusted
        except OSError:
            # It fits the file, and is of no use: then it says so.
            assert changed
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000
        refused += read_index(str(place))[1].keys() == stored.keys()
    assert refused
    place.unlink()
    assert same(path, whole)


TABLES: list[Any] = [
    [],
    None,
    {"version": _VERSION},
    {"version": _VERSION, "key": [1, "x"], "grown_from": [], "arrays": [{"name": "a"}]},
    {"version": _VERSION, "key": [1, "x", 2], "grown_from": [], "arrays": {}},
    {"version": _VERSION, "key": [1, "x", 2], "grown_from": 5, "arrays": []},
    *(
        {
            "version": _VERSION,
            "key": [1, "x", 2],
            "grown_from": [],
            "arrays": [{"name": "a", "dtype": kind, "shape": shape, "at": at, "crc": 0}],
        }
        for kind in ("<i8", "O", "|O8", "V1000000000")
        for shape in ([-1], [2**62], [1, 2, 3], [2**31, 2**31], ["1"], [1.5], 7)
        for at in (0, -8, 2**63)
    ),
]


@pytest.mark.parametrize("table", TABLES)
def test_tables_that_make_no_sense(tmp_path: Path, table: Any) -> None:
    text = json.dumps(table).encode()
    head = struct.pack("<8sII", b"gdindex\x01", len(text), zlib.crc32(text))
    (tmp_path / "index").write_bytes(head + text + bytes(64))
    with pytest.raises(DamagedIndexError):
        read_index(str(tmp_path / "index"))


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"9" * 6000, b'{"version": ' + b"9" * 6000 + b"}", b"\xff", b""]
)
def test_tables_that_are_no_json(tmp_path: Path, text: bytes) -> None:
    head = struct.pack("<8sII", b"gdindex\x01", len(text), zlib.crc32(text))
    (tmp_path / "index").write_bytes(head + text)
    with pytest.raises(DamagedIndexError):
        read_index(str(tmp_path / "index"))


def test_a_huge_index_of_a_small_file(tmp_path: Path) -> None:
    path, place, whole = indexed(tmp_path, "xtc")
    with place.open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.warns(UserWarning, match=r"bytes are no index of \d+ bytes"):
        assert same(path, whole)
    assert place.stat().st_size < 10_000


def test_an_index_that_others_can_write_to(tmp_path: Path) -> None:
    path, place, whole = indexed(tmp_path, "xtc")
    before = place.read_bytes()
    place.chmod(0o666)
    with pytest.warns(UserWarning, match="more users can write to .666. than to the trajectory"):
        assert same(path, whole)
    # It is left alone; ours lies in the cache, and is used without a word from then on.
    assert place.read_bytes() == before
    kept = Path(open_reader(path).index_path)  # type: ignore[attr-defined]
    assert kept.parent == tmp_path / "cache" / "gromos_dist"
    # Who can write to the trajectory need not forge an index.
    path.chmod(0o666)
    os.utime(path, ns=(0, read_index(str(place))[0].modified))
    assert open_reader(path).index_path == str(place)  # type: ignore[attr-defined]


def test_an_index_of_somebody_else(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    path, place, whole = indexed(tmp_path, "trc.gz")
    os.chown(place, 54321, 54321)
    with pytest.warns(UserWarning, match="an index of user 54321, to whom the trajectory does not"):
        assert same(path, whole)
    kept = Path(open_reader(path).index_path)  # type: ignore[attr-defined]
    assert kept.parent == tmp_path / "cache" / "gromos_dist"
    os.chown(path, 54321, 54321)
    assert open_reader(path).index_path == str(place)  # type: ignore[attr-defined]


def test_a_pipe_in_the_place_of_an_index(tmp_path: Path) -> None:
    path, place, whole = indexed(tmp_path, "trr")
    place.unlink()
    os.mkfifo(place)
    assert same(path, whole)


def test_what_a_worker_finds_is_looked_at_too(tmp_path: Path) -> None:
    path, place, whole = indexed(tmp_path, "xtc")
    reader = open_reader(path)
    key, stored = read_index(str(place))
    arrays = {**stored, "byte": stored["byte"] * 2}
    write_index(str(place), key, arrays)
    frame_index.cached_index.cache_clear()
    got = read(reader)
    assert all(got[name].tobytes() == whole[name].tobytes() for name in whole)
