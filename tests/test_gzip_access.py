"""Gzip files that are padded, cut off, or read where there is little room."""

from __future__ import annotations

import gzip
import os
import pwd
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError
from gromos_dist.io.index import gzip_access
from gromos_dist.io.index.frame_index import StoredArrays

CASES = Path(__file__).parent / "data" / "cases"


def some_text(n_numbers: int) -> bytes:
    numbers = np.random.default_rng(1).uniform(0, 9, n_numbers)
    return "".join(f"{number:15.9f}\n" for number in numbers.tolist()).encode()


@pytest.fixture(scope="module")
def text() -> bytes:
    return some_text(1_500_000)


def whole(path: Path) -> tuple[bytes, dict[str, NDArray[np.generic]]]:
    def use(read_into: gzip_access.ReadInto) -> bytes:
        pieces, buffer = [], np.empty(1_000_003, np.uint8)
        while n_bytes := read_into(buffer):
            pieces.append(buffer[:n_bytes].tobytes())
        return b"".join(pieces)

    return gzip_access.inflated(str(path), use)


def part(path: Path, arrays: dict[str, NDArray[np.generic]], begin: int, end: int) -> bytes:
    buffer = np.empty(end - begin, np.uint8)
    index = StoredArrays("index", arrays, {})
    gzip_access.check_arrays(index, path.stat().st_size)
    with gzip_access.read_range(str(path), index, begin, end) as fill:
        half = len(buffer) // 2
        fill(buffer[:half], begin)
        fill(buffer[half:], begin + half)
    return buffer.tobytes()


def places(length: int) -> list[tuple[int, int]]:
    random = np.random.default_rng(2)
    begins = random.integers(0, length - 2, 12).tolist()
    sizes = random.integers(1, 2_000_000, 12).tolist()
    some = [(i, min(length, i + size)) for i, size in zip(begins, sizes, strict=True)]
    return [*some, (0, 10), (length - 1, length), (1 << 18, 1 << 19)]


@pytest.mark.parametrize("is_quick", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 511, 100_000])
@pytest.mark.parametrize("n_members", [1, 3])
def test_any_part_of_padded_files(
    tmp_path: Path,
    text: bytes,
    monkeypatch: pytest.MonkeyPatch,
    *,
    n_members: int,
    padding: int,
    is_quick: bool,
) -> None:
    size = -(-len(text) // n_members)
    members = [text[i : i + size] for i in range(0, len(text), size)]
    path = tmp_path / "text.gz"
    path.write_bytes(b"".join(gzip.compress(some, 1) for some in members) + bytes(padding))
    found, arrays = whole(path)
    assert found == text
    assert gzip_access.CUT not in arrays
    assert len(arrays["gzip_points"]) > 3
    # With zlib from the points that rapidgzip found, in the middle of bytes.
    monkeypatch.setattr(gzip_access, "_has_room", lambda: is_quick)
    for begin, end in places(len(text)):
        assert part(path, arrays, begin, end) == text[begin:end]


def synchronised(text: bytes) -> bytes:
    """Compress as pigz does: every stretch ends with a stored block of nothing."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = []
    for i in range(0, len(text), 131_072):
        parts += [compressor.compress(text[i : i + 131_072]), compressor.flush(zlib.Z_SYNC_FLUSH)]
    return b"".join([*parts, compressor.flush()])


@pytest.mark.parametrize("is_quick", [True, False])
def test_streams_with_stored_blocks(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch, *, is_quick: bool
) -> None:
    random = np.random.default_rng(3).bytes(10_000_000)
    path = tmp_path / "text.gz"
    for content, packed in (
        (text, synchronised(text)),
        (random, gzip.compress(random)),
        (random, gzip.compress(random, 0)),
    ):
        path.write_bytes(packed)
        monkeypatch.setattr(gzip_access, "_has_room", lambda: True)
        found, arrays = whole(path)
        assert found == content
        assert gzip_access.CUT not in arrays
        monkeypatch.setattr(gzip_access, "_has_room", lambda: is_quick)
        for begin, end in places(len(content)):
            assert part(path, arrays, begin, end) == content[begin:end]


@pytest.mark.parametrize("n_bits", range(8))
def test_streams_that_begin_within_a_byte(n_bits: int) -> None:
    """What fills the byte leaves the window as it was, and stored blocks in their place."""
    window = np.random.default_rng(n_bits).bytes(32768)
    bits, dictionary, n_before = gzip_access._filler(n_bits, window)
    assert len(bits) % 8 == n_bits
    # A block of fixed codes that repeats what stood 32768 bytes before, a stored one.
    bits += [0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, *(1,) * 13, *(0,) * 7, 1, 0, 0]
    stored = b"\3\0\xfc\xffend"
    inflater = zlib.decompressobj(-15, zdict=dictionary)
    found = inflater.decompress(np.packbits(bits, bitorder="little").tobytes() + stored)
    assert inflater.eof
    assert found == window[len(window) - n_before :] + window[:3] + b"end"


@pytest.mark.parametrize(
    "behind", [b"garbage", b"\0\0\0x", b"\x1f\x8b", b"\x1f\x8b\x08nonsense...."]
)
def test_what_else_stands_behind_the_last_member(tmp_path: Path, behind: bytes) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(some_text(1000)) + behind)
    if behind == b"\x1f\x8b":
        assert gzip_access.CUT in whole(path)[1]
        return
    with pytest.raises(TrajectoryError, match=r"found b'(garbage|x)'|damaged"):
        whole(path)


def test_without_room_everything_is_read_all_the_same(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(text, 1))
    monkeypatch.setattr(gzip_access, "_has_room", lambda: False)
    found, arrays = whole(path)
    assert found == text
    for begin, end in places(len(text)):
        assert part(path, arrays, begin, end) == text[begin:end]


def test_checksums_are_of_stretches(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(text, 1))
    _, arrays = whole(path)
    expected = [zlib.crc32(text[i : i + (1 << 18)]) for i in range(0, len(text), 1 << 18)]
    assert arrays["gzip_text_crc"].tolist() == expected
    arrays["gzip_text_crc"] = arrays["gzip_text_crc"] ^ np.uint32(1)
    with pytest.raises(TrajectoryError, match="not those that were there"):
        part(path, arrays, 5, 10)


def test_zeros_behind_a_trajectory() -> None:
    ds = gd.open_trajectory(CASES / "zeros_behind.trc.gz")
    assert "damage" not in ds.attrs
    assert ds.positions.values[:, 0].tolist() == [[1, 2, 3], [2, 2, 3]]
    assert ds.time.values.tolist() == [0, 0.1]


def test_zeros_behind_energies_and_a_topology(tmp_path: Path) -> None:
    data = Path(__file__).parent / "data"
    for source, suffix in ((data / "energies" / "small.tre", ".tre.gz"), (data / "spc.top", "")):
        target = tmp_path / f"file{suffix or '.top'}"
        target.write_bytes(gzip.compress(source.read_bytes()) + bytes(512))
    assert gd.open_energies(tmp_path / "file.tre.gz").sizes["frame"] == 4
    assert gd.load_topology(tmp_path / "file.top").with_n_atoms(3).n_atoms == 3


def test_energies_that_are_cut_off(tmp_path: Path) -> None:
    source = Path(__file__).parent / "data" / "energies" / "small.tre"
    packed = gzip.compress(source.read_bytes())
    path = tmp_path / "file.tre.gz"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(TrajectoryError, match="cut off"):
        gd.open_energies(path)
    kept = gd.open_energies(path, on_truncated="drop")
    assert 0 < kept.sizes["frame"] < 4
    path.write_bytes(packed[:-8])
    with pytest.raises(TrajectoryError, match="the gzip stream is cut off"):
        gd.open_energies(path)
    assert gd.open_energies(path, on_truncated="drop").sizes["frame"] == 4


READ = """
import os, sys, warnings
import numpy as np
import gromos_dist.io.formats.gromos_text.reader as gromos_text
if sys.argv[2:]:
    os.environ.clear()
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    reader = gromos_text.open_gromos_text(sys.argv[1])
    out = np.empty((1, reader.n_atoms, 3))
    reader.read(range(reader.n_frames - 1, reader.n_frames), {"positions": out})
print(float(out.sum()), reader.index_path, *(str(some.message) for some in said), sep="\\n")
"""


def large(path: Path) -> Path:
    lines = "".join(
        f"{x:15.9f}{y:15.9f}{z:15.9f}\n"
        for x, y, z in np.random.default_rng(1).uniform(0, 9, (9000, 3))
    )
    path.write_bytes(gzip.compress(f"POSITIONRED\n{lines}END\n".encode() * 30, 1))
    return path


def test_one_gigabyte_of_addresses_is_enough(tmp_path: Path) -> None:
    path = large(tmp_path / "a.trc.gz")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", READ, str(path)]
    for limit in ("unlimited", "1000000"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'ulimit -v {limit}; exec "$@"', "sh", *command],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        total, _, *said = done.stdout.splitlines()
        assert bool(said) == (limit != "unlimited")
        assert all("read with zlib" in line for line in said)
        assert float(total) == pytest.approx(9000 * 3 * 4.5, rel=0.1)


def test_a_user_without_home_and_without_name() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    user = 54321
    with pytest.raises(KeyError):
        pwd.getpwuid(user)
    # Others may not look into what pytest makes, and each run sees to that anew.
    with tempfile.TemporaryDirectory() as temporary:
        look_as(user, Path(temporary))


def look_as(user: int, folder: Path) -> None:
    path = large(folder / "a.trc.gz")
    for mode, there in ((0o755, ""), (0o777, str(folder / ".a.trc.gz.gdindex"))):
        folder.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path), str(user)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        _, index, *said = done.stdout.splitlines()
        assert index == there
        assert bool(said) == (not there)
        assert all("no place to keep its frame index" in line for line in said)
