from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from gromos_dist.io.formats.gromos_text.reader import open_gromos_text
from gromos_dist.io.index import frame_index
from gromos_dist.io.index.frame_index import (
    DamagedIndexError,
    FileKey,
    StoredArrays,
    cached_index,
    file_key,
    index_paths,
    open_index,
    read_index,
    write_index,
)

DATA = Path(__file__).parent / "data" / "gromos"
ARRAYS = {
    "step": np.arange(7, dtype="<i8"),
    "time": np.linspace(0, 1, 7),
    "empty": np.empty((0, 40), "|u1"),
    "rows": np.arange(60, dtype="|u1").reshape(6, 10),
}
KEY = FileKey(123, "abc")


@pytest.fixture
def trajectory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trajectory of its own, with the user's cache beside it."""
    monkeypatch.delenv("GROMOS_DIST_INDEX_FOLDER")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "md.trc.gz"
    path.write_bytes((DATA / "rectangular.trc.gz").read_bytes())
    return path


def steps(path: Path) -> list[int]:
    reader = open_gromos_text(path)
    out = np.empty(reader.n_frames, np.int64)
    reader.read(range(reader.n_frames), {"step": out})
    return out.tolist()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "a" / "index")
    write_index(path, KEY, ARRAYS)
    key, arrays = read_index(path)
    assert key == KEY
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    assert [p.name for p in Path(path).parent.iterdir()] == ["index"]


def test_arrays_left_in_the_file_are_read_by_rows(tmp_path: Path) -> None:
    path = str(tmp_path / "index")
    write_index(path, KEY, ARRAYS)
    _, arrays = read_index(path, frozenset({"rows"}))
    assert set(arrays) == set(ARRAYS) - {"rows"}
    for begin, end in ((0, 6), (2, 5), (3, 3)):
        np.testing.assert_array_equal(arrays.rows("rows", begin, end), ARRAYS["rows"][begin:end])


def test_every_damaged_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    write_index(str(path), KEY, ARRAYS)
    good = path.read_bytes()
    _, arrays = read_index(str(path))
    used = np.zeros(len(good), bool)
    used[: min(offset for offset, _, _ in arrays.places.values())] = True
    for name, (offset, _, _) in arrays.places.items():
        used[offset : offset + ARRAYS[name].nbytes] = True
    for at in np.flatnonzero(used):
        bad = bytearray(good)
        bad[at] ^= 0x10
        path.write_bytes(bad)
        with pytest.raises(DamagedIndexError, match="index"):
            read_index(str(path))
    for cut in range(0, len(good), 5):
        path.write_bytes(good[:cut])
        with pytest.raises(DamagedIndexError):
            read_index(str(path))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with pytest.raises(OSError, match="index"):
        write_index(str(tmp_path / "index"), KEY, ARRAYS)
    assert [p.name for p in tmp_path.iterdir()] == ["index"]


def test_key_tells_files_apart(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytearray(1 << 20)
    path.write_bytes(content)
    keys = {file_key(str(path))}
    for at in (0, 5000, len(content) - 1):
        content[at] = 1
        path.write_bytes(content)
        keys.add(file_key(str(path)))
    path.write_bytes(content + b"x")
    keys.add(file_key(str(path)))
    assert len(keys) == 5
    assert file_key(str(path)) in keys


def test_index_is_hidden_beside_the_file_and_used_again(
    trajectory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_gromos_text(trajectory)
    assert first.index_path == str(trajectory.parent / ".md.trc.gz.gdindex")
    assert sorted(p.name for p in trajectory.parent.iterdir()) == [
        ".md.trc.gz.gdindex",
        "md.trc.gz",
    ]

    def no_scan(path: str) -> None:
        raise AssertionError("scanned again")

    monkeypatch.setattr("gromos_dist.io.formats.gromos_text.reader.scan", no_scan)
    assert open_gromos_text(trajectory) == first


def test_index_of_a_file_that_was_changed_since_is_made_anew(trajectory: Path) -> None:
    """Whatever its size and the samples say."""
    first = open_gromos_text(trajectory)
    os.utime(trajectory, ns=(0, first.key.modified + 1))
    again = open_gromos_text(trajectory)
    assert again.key.modified == first.key.modified + 1
    assert read_index(again.index_path)[0] == again.key


def test_index_goes_to_the_cache_when_its_place_cannot_be_written(trajectory: Path) -> None:
    Path(index_paths(str(trajectory))[0]).mkdir()
    reader = open_gromos_text(trajectory)
    cache = trajectory.parents[1] / "cache" / "gromos_dist"
    assert Path(reader.index_path).parent == cache
    assert steps(trajectory) == [0, 50, 100, 150, 200]


def test_index_goes_where_it_is_told(
    trajectory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = open_gromos_text(trajectory, index_folder=tmp_path / "one")
    assert Path(reader.index_path).parent == tmp_path / "one"
    monkeypatch.setenv("GROMOS_DIST_INDEX_FOLDER", str(tmp_path / "two"))
    assert Path(open_gromos_text(trajectory).index_path).parent == tmp_path / "two"
    assert [p.name for p in trajectory.parent.iterdir()] == ["md.trc.gz"]


def test_without_any_place_there_is_a_warning_and_it_works(trajectory: Path) -> None:
    for place in index_paths(str(trajectory)):
        Path(place).mkdir(parents=True)
    with pytest.warns(UserWarning, match="no place to keep its frame index"):
        assert steps(trajectory) == [0, 50, 100, 150, 200]


def test_stale_index_is_made_anew_silently(trajectory: Path) -> None:
    plain = trajectory.with_suffix("")
    text = (DATA / "rectangular.trc").read_text()
    plain.write_text(text)
    assert steps(plain) == [0, 50, 100, 150, 200]
    plain.write_text(text + text)
    assert steps(plain) == [0, 50, 100, 150, 200] * 2
    plain.write_text(text.replace(" 50 ", " 60 "))
    assert steps(plain) == [0, 60, 100, 150, 200]


def test_damaged_index_is_made_anew_with_a_warning(trajectory: Path) -> None:
    place = Path(open_gromos_text(trajectory).index_path)
    good = place.read_bytes()
    for bad in (b"", b"junk" * 100, good[:200], good.replace(b"grown_from", b"grown_From")):
        place.write_bytes(bad)
        with pytest.warns(UserWarning, match="made anew"):
            assert steps(trajectory) == [0, 50, 100, 150, 200]
        assert place.read_bytes() == good


def test_a_worker_without_the_index_scans_into_memory(trajectory: Path) -> None:
    reader = open_gromos_text(trajectory)
    Path(reader.index_path).unlink()
    cached_index.cache_clear()
    out = np.empty((5, 23, 3))
    reader.read(range(5), {"positions": out})
    assert np.isfinite(out).all()
    assert [p.name for p in trajectory.parent.iterdir()] == ["md.trc.gz"]


def test_damaged_access_points_are_noticed_when_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    lines = "".join(f"{x:15.9f}{y:15.9f}{z:15.9f}\n" for x, y, z in rng.uniform(0, 9, (9000, 3)))
    path = tmp_path / "a.trc.gz"
    import gzip  # noqa: PLC0415

    path.write_bytes(gzip.compress(f"POSITIONRED\n{lines}END\n".encode() * 30, 1))
    reader = open_gromos_text(path, index_folder=tmp_path)
    place = Path(reader.index_path)
    _, arrays = read_index(str(place), frozenset({"gzip_windows"}))
    offset, _, shape = arrays.places["gzip_windows"]
    assert shape[0] > 1
    content = bytearray(place.read_bytes())
    for window in range(shape[0]):
        content[offset + window * shape[1] + 1000] ^= 1
    place.write_bytes(content)
    cached_index.cache_clear()
    with pytest.raises(OSError, match="gone or damaged"):
        reader.read(range(29, 30), {"positions": np.empty((1, 9000, 3))})


def test_many_threads_may_make_the_same_index(trajectory: Path) -> None:
    results: list[list[int]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [
            threading.Thread(target=lambda: results.append(steps(trajectory))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [[0, 50, 100, 150, 200]] * 8
    assert len(list(trajectory.parent.iterdir())) == 2


def test_open_index_makes_and_keeps(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    calls = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return ARRAYS

    def check(path: str, size: int, arrays: StoredArrays) -> None:
        assert (path, size, set(arrays)) == (str(tmp_path / "file"), 7, set(ARRAYS))

    for _ in range(3):
        place, key, arrays = open_index(str(path), make, check=check, folder=tmp_path)
        np.testing.assert_array_equal(arrays["step"], ARRAYS["step"])
    assert len(calls) == 1
    assert key == file_key(str(path))
    assert Path(place).parent == tmp_path
    assert frame_index.read_index(place)[0] == key
