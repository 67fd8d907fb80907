"""Files that grow while they are read, as those of a simulation that is still running."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from dcd_files import dcd
from reader_files import _THEIRS, read

import gromos_dist as gd
from gromos_dist.io.index.frame_index import _VERSION, file_key, read_index
from gromos_dist.io.reader import Reader, open_reader


def text(n_frames: int, n_atoms: int = 50) -> bytes:
    random = np.random.default_rng(3)
    parts = ["TITLE\nto grow\nEND\n"]
    for i in range(n_frames):
        vectors = random.normal(size=(n_atoms, 3)).tolist()
        lines = "".join(f"{x:15.9f}{y:15.9f}{z:15.9f}\n" for x, y, z in vectors)
        parts.append(f"TIMESTEP\n{i * 10:15d} {i * 0.02:14.9f}\nEND\nPOSITIONRED\n{lines}END\n")
        parts.append("GENBOX\n    1\n 3 3 3\n 90 90 90\n 0 0 0\n 0 0 0\nEND\n")
    return "".join(parts).encode()


def content(suffix: str, n: int = 1) -> bytes:
    """About `n` times 100 frames."""
    if suffix == ".trc":
        return text(100 * n)
    if suffix == ".dcd":
        return dcd(np.random.default_rng(3).normal(size=(100 * n, 20, 3)).astype(np.float32))
    if suffix == ".trr":
        return (_THEIRS / "trr_test_only_10_frame_10_atoms.trr").read_bytes() * (10 * n)
    return (_THEIRS / "xyz_random_walk.xtc").read_bytes() * n


INDEXED = [".trc", ".xtc", ".trr"]


@pytest.fixture(autouse=True)
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indices beside the files."""
    monkeypatch.delenv("GROMOS_DIST_INDEX_FOLDER")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the bytes that this thread reads, from the page cache or not."""
    place = Path("/proc/thread-self/io")
    if not place.exists():
        pytest.skip("this system does not count what a thread reads")
    total: list[int] = []

    def so_far() -> int:
        return int(place.read_text().split()[1])

    before = so_far()
    own = so_far() - before
    before = so_far()
    yield total
    total.append(so_far() - before - own)


def same(reader: Reader, whole: dict[str, np.ndarray]) -> bool:
    got = read(reader)
    return all(got[name].tobytes() == whole[name][: reader.n_frames].tobytes() for name in got)


@pytest.mark.parametrize("suffix", [*INDEXED, ".dcd"])
def test_a_growing_file_is_read_up_to_its_last_whole_frame(tmp_path: Path, suffix: str) -> None:
    data = content(suffix)
    (tmp_path / f"whole{suffix}").write_bytes(data)
    whole = read(open_reader(tmp_path / f"whole{suffix}"))
    path = tmp_path / f"md{suffix}"
    random = np.random.default_rng(11)
    sizes = [len(data) // 7, *sorted(random.integers(len(data) // 7, len(data), 20)), len(data)]
    n_frames = []
    for size in sizes:
        path.write_bytes(data[:size])
        reader = open_reader(path, on_truncated="drop")
        n_frames.append(reader.n_frames)
        assert same(reader, whole)
        assert bool(reader.damage) == (f"frame {reader.n_frames} left out" in reader.damage)
    assert n_frames == sorted(n_frames)
    assert n_frames[-1] == len(whole["time"])
    assert reader.damage == ""
    if suffix in INDEXED:
        path.with_name(f".{path.name}.gdindex").unlink()
        assert open_reader(path) == reader


@pytest.mark.parametrize("suffix", INDEXED)
def test_only_what_was_added_is_scanned(tmp_path: Path, suffix: str) -> None:
    data = content(suffix, 60)
    path = tmp_path / f"md{suffix}"
    path.write_bytes(data[: len(data) * 9 // 10])
    with counted() as first:
        before = open_reader(path, on_truncated="drop")
    index = path.with_name(f".{path.name}.gdindex")
    old_key, old = read_index(str(index))
    path.write_bytes(data)
    with counted() as again:
        after = open_reader(path)
    # What tells the old part's content, twice, and the index itself are read as well.
    fixed = 4 * 8 * (1 << 14) + 2 * index.stat().st_size
    assert first[0] > len(data) * 8 // 10
    assert again[0] < len(data) // 10 + fixed < len(data) // 2
    key, new = read_index(str(index))
    assert new.former == (old_key,)
    assert key == file_key(str(path))
    for name in ("step", "time"):
        np.testing.assert_array_equal(new[name][: before.n_frames], old[name])
    assert after.n_frames > before.n_frames
    with counted() as nothing:
        assert open_reader(path) == after
    assert nothing[0] < fixed


@pytest.mark.parametrize("suffix", INDEXED)
def test_a_reader_made_before_the_file_grew_goes_on(tmp_path: Path, suffix: str) -> None:
    data = content(suffix, 20)
    path = tmp_path / f"md{suffix}"
    path.write_bytes(data[: len(data) // 2])
    before = open_reader(path, on_truncated="drop")
    path.write_bytes(data)
    whole = read(open_reader(path))
    with counted() as scanned:
        out = read(before, range(before.n_frames - 1, before.n_frames))
    assert scanned[0] < len(data) // 2
    assert out["time"][0] == whole["time"][before.n_frames - 1]
    assert same(before, whole)


@pytest.mark.parametrize("suffix", INDEXED)
def test_a_file_of_other_content_is_scanned_anew(tmp_path: Path, suffix: str) -> None:
    """Silently: it is stale, not damaged."""
    data = content(suffix, 20)
    path = tmp_path / f"md{suffix}"
    path.write_bytes(data[: len(data) // 2])
    open_reader(path, on_truncated="drop")
    if suffix == ".trc":
        other = text(2000, n_atoms=51)
    else:
        names = {".xtc": "xtc_test_only_10_frame_10_atoms.xtc", ".trr": "coordinates/test.trr"}
        other = (_THEIRS / names[suffix]).read_bytes() * (1 + len(data) // 500)
    path.write_bytes(other)
    reader = open_reader(path)
    (tmp_path / f"other{suffix}").write_bytes(other)
    assert same(reader, read(open_reader(tmp_path / f"other{suffix}")))
    _, index = read_index(str(path.with_name(f".{path.name}.gdindex")))
    assert index.former == ()


@pytest.mark.parametrize("suffix", INDEXED)
def test_a_damaged_index_of_a_grown_file_is_made_anew(tmp_path: Path, suffix: str) -> None:
    data = content(suffix)
    path = tmp_path / f"md{suffix}"
    path.write_bytes(data[: len(data) // 2])
    open_reader(path, on_truncated="drop")
    index = path.with_name(f".{path.name}.gdindex")
    index.write_bytes(index.read_bytes()[:-20])
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="is made anew"):
        reader = open_reader(path)
    (tmp_path / f"whole{suffix}").write_bytes(data)
    assert same(reader, read(open_reader(tmp_path / f"whole{suffix}")))


def test_an_index_of_another_version_is_made_anew_silently(tmp_path: Path) -> None:
    path = tmp_path / "md.trc"
    path.write_bytes(text(3))
    reader = open_reader(path)
    index = Path(reader.index_path)  # type: ignore[attr-defined]
    data = index.read_bytes()
    at = data.index(f'"version": {_VERSION}'.encode())
    table = bytearray(data)
    table[at + 11 : at + 12] = b"1"
    length = int.from_bytes(table[8:12], "little")
    import zlib  # noqa: PLC0415

    table[12:16] = zlib.crc32(bytes(table[16 : 16 + length])).to_bytes(4, "little")
    index.write_bytes(table)
    assert open_reader(path) == reader
    assert index.read_bytes() == data


def test_a_first_frame_that_was_not_whole_is_found_so(tmp_path: Path) -> None:
    """Nothing tells that a frame lacks its box until a second one comes."""
    path = tmp_path / "md.trc"
    data = text(3)
    path.write_bytes(data[: data.index(b"GENBOX")])
    assert open_reader(path).fields == ("positions", "time", "step")
    path.write_bytes(data)
    assert open_reader(path).fields == ("positions", "box", "time", "step")


@pytest.fixture(scope="module")
def long_text() -> bytes:
    return text(3000)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.8, 0.999, 1])
def test_a_compressed_file_cut_off(tmp_path: Path, long_text: bytes, share: float) -> None:
    packed = gzip.compress(long_text, 1)
    (tmp_path / "whole.trc").write_bytes(long_text)
    whole = read(open_reader(tmp_path / "whole.trc"))
    path = tmp_path / "md.trc.gz"
    path.write_bytes(packed[: int(len(packed) * share) - 4])
    with pytest.raises(OSError, match=r"the file ends .*inside frame"):
        open_reader(path)
    reader = open_reader(path, on_truncated="drop")
    assert reader.n_frames > 2900 * share - 5
    assert same(reader, whole)
    last = reader.n_frames - 1
    for frames in (range(last, last + 1), range(0, last, 7), range(last // 2, last // 2 + 1)):
        got = read(reader, frames, [3, 1])
        for name in ("positions", "time"):
            expected = whole[name][frames.start : frames.stop : frames.step]
            expected = expected[:, [3, 1]] if name == "positions" else expected
            assert got[name].tobytes() == expected.tobytes()


def test_the_dataset_says_what_was_left_out(tmp_path: Path) -> None:
    data = text(5)
    for i in range(2):
        (tmp_path / f"md_{i}.trc").write_bytes(data[: -200 * i] if i else data)
    files = [tmp_path / "md_0.trc", tmp_path / "md_1.trc"]
    with pytest.raises(OSError, match=r"md_1\.trc: the file ends"):
        gd.open_trajectory(files)
    ds = gd.open_trajectory(files, on_truncated="drop")
    assert ds.sizes["frame"] == 9
    assert ds.attrs["damage"].startswith(f"{files[1]}: frame 4 left out: the file ends in line")
    assert "begins at byte" in ds.attrs["damage"]
    assert "on_truncated='drop'" in ds.attrs["history"]
    assert '"on_truncated":"drop"' in gd.radius_of_gyration(ds, mass_weighted=False).provenance.text
    with pytest.warns(UserWarning, match=r"md_1\.trc: frame 4 left out"):
        warned = gd.open_trajectory(files, on_truncated="warn")
    assert warned.attrs["damage"] == ds.attrs["damage"]
    assert "damage" not in gd.open_trajectory(files[0]).attrs
