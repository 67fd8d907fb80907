from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import MDAnalysisTests.datafiles as mda_files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from plain_xtc import RANGES, Group, bounds, decode, encode, encode_small
from stalls import check_that_threads_run

from gromos_dist.errors import TrajectoryError
from gromos_dist.io.formats.xtc import XTCReader, encode_xtc, open_xtc, scan
from gromos_dist.io.index import frame_index
from gromos_dist.io.writer import open_writer

NAMES = (
    "AUX_EDR_XTC",
    "COORDINATES_XTC",
    "RANDOM_WALK",
    "XTC",
    "XTC_MEMPROT",
    "XTC_multi_frame",
    "XTC_sub_sol",
)
REAL_FILES = {name: Path(getattr(mda_files, name)) for name in NAMES}
PROPERTY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(
    reader: XTCReader,
    frames: range | None = None,
    atoms: list[int] | None = None,
    dtype: type = np.float32,
    fields: tuple[str, ...] = ("positions", "box", "time", "step"),
) -> dict[str, Any]:
    frames = range(reader.n_frames) if frames is None else frames
    n, n_atoms = len(frames), reader.n_atoms if atoms is None else len(atoms)
    out: dict[str, Any] = {
        "positions": np.full((n, n_atoms, 3), -77, dtype),
        "box": np.full((n, 3, 3), -77, dtype),
        "time": np.full(n, -77.0),
        "step": np.full(n, -77),
    }
    out = {name: out[name] for name in fields}
    reader.read(frames, out, None if atoms is None else np.array(atoms, np.int64))
    return out


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def water(n_molecules: int, seed: int = 0, box: float = 3.0) -> Any:
    """Positions in nm that look like those of a simulation: molecules of three close atoms."""
    generator = np.random.default_rng(seed)
    oxygens = generator.uniform(0, box, (n_molecules, 1, 3))
    hydrogens = oxygens + generator.normal(0, 0.06, (n_molecules, 2, 3))
    return np.concatenate([oxygens, hydrogens], axis=1).reshape(-1, 3).astype(np.float32)


def file_of(path: Path, frames: Any, precision: float = 1000.0, **fields: Any) -> Path:
    with open_writer(path, precision=1 / precision, overwrite=True) as writer:
        writer.write({"positions": np.asarray(frames), **fields})
    return path


def rounded(positions: Any, precision: float) -> Any:
    """The nearest integers, halves away from 0."""
    scaled = np.asarray(positions, float) * precision
    return (np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)).astype(int)


# ---- against MDAnalysis, and against plain Python ----


@pytest.mark.parametrize("name", REAL_FILES)
def test_everything_is_that_of_mdanalysis_to_the_bit(name: str) -> None:
    reader = open_xtc(REAL_FILES[name])
    ours = read(reader)
    with XTCFile(str(REAL_FILES[name])) as file:
        theirs = [(frame.x, frame.box, frame.time, frame.step, frame.prec) for frame in file]
    assert reader.n_frames == len(theirs)
    for i, (x, box, when, step, precision) in enumerate(theirs):
        np.testing.assert_array_equal(ours["positions"][i], x)
        expected = box if box.any() else np.full((3, 3), np.nan)
        np.testing.assert_array_equal(ours["box"][i], expected)
        assert np.float32(ours["time"][i]) == when
        assert ours["step"][i] == step
        assert reader.precision == (precision if reader.n_atoms > 9 else 0)


@pytest.mark.parametrize("name", ["COORDINATES_XTC", "RANDOM_WALK", "XTC_multi_frame"])
def test_everything_is_that_of_plain_python_to_the_bit(name: str) -> None:
    reader = open_xtc(REAL_FILES[name])
    single, double = read(reader), read(reader, dtype=np.float64)
    frames = decode(REAL_FILES[name].read_bytes())
    assert len(frames) == reader.n_frames
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(single["positions"][i], frame.single)
        np.testing.assert_array_equal(double["positions"][i], frame.double)
        assert np.float32(single["time"][i]) == np.float32(frame.time)
        assert single["step"][i] == frame.step


def test_double_positions_are_the_decimal_numbers_that_were_meant() -> None:
    positions = read(open_xtc(REAL_FILES["XTC"]), range(1), dtype=np.float64)["positions"]
    assert [f"{x!r}" for x in positions[0, 0].tolist()] == ["5.202", "4.356", "3.155"]
    np.testing.assert_array_equal(positions, np.round(positions, 3))


# ---- any stream that the format allows ----


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A frame with any bounds, ranges, runs and changes, told when they need be or always."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scales = [draw(st.integers(0, 31)) for _ in range(3)]
    low = [-int(generator.integers(0, 2**30)) for _ in scales]
    high = [
        a + int(generator.integers(0, 2**scale, endpoint=True))
        for a, scale in zip(low, scales, strict=True)
    ]
    high = [min(h, 2**31 - 1) for h in high]
    small = start = draw(st.integers(9, 72))
    always_told = draw(st.booleans())
    atoms: list[list[int]] = []
    groups: list[Group] = []
    run = 0
    for _ in range(draw(st.integers(1, 40))):
        first = [
            int(generator.integers(a, b, endpoint=True)) for a, b in zip(low, high, strict=True)
        ]
        before = run
        run = int(generator.integers(0, 11)) if generator.random() < 0.5 else run
        change = int(generator.integers(-1, 2)) if generator.random() < 0.5 else 0
        change = 0 if not 9 <= small + change <= 72 or (run == 10 and change == 1) else change
        told = always_told or run != before or change != 0
        group, at = [], first
        half = RANGES[small] // 2
        for _ in range(run):
            at = [
                int(generator.integers(max(a, x - half), min(b, x + half - 1), endpoint=True))
                for a, b, x in zip(low, high, at, strict=True)
            ]
            group.append(at)
        group.insert(1, first)
        atoms += group
        groups.append(Group(run, change, told))
        small += change
    if len(atoms) < 10:
        atoms += [first] * 10
        groups += [Group(0, 0)] * 10
    magic = draw(st.sampled_from([1995, 2023]))
    precision = draw(st.sampled_from([1.0, 100.0, 1000.0, 12345.0, 1e6]))
    return encode(
        atoms, groups, start, low=low, high=high, magic=magic, precision=precision, step=7, time=2.5
    )


@settings(PROPERTY, max_examples=300)
@given(data=st.data())
def test_any_stream_is_read_as_by_plain_python(tmp_path: Path, data: st.DataObject) -> None:
    content = data.draw(streams(), "frame")
    [frame] = decode(content)
    reader = open_xtc(written(tmp_path / "file.xtc", 2 * content))
    assert reader.n_frames == 2
    for dtype, expected in ((np.float32, frame.single), (np.float64, frame.double)):
        got = read(reader, dtype=dtype)
        np.testing.assert_array_equal(got["positions"], np.stack([expected, expected]))
        n = data.draw(st.integers(1, reader.n_atoms), "prefix")
        got = read(reader, range(1), list(range(n)), dtype)
        np.testing.assert_array_equal(got["positions"][0], expected[:n])
    assert got["step"].tolist() == [7]
    assert got["time"].tolist() == [2.5]


@settings(PROPERTY, max_examples=50)
@given(content=streams())
def test_mdanalysis_reads_the_streams_of_plain_python_the_same(
    tmp_path: Path, content: bytes
) -> None:
    content = struct.pack(">i", 1995) + content[4:]
    [frame] = decode(content) if content[88:92] != b"\0\0\0\0" else [None]
    if frame is None:  # it was a frame of 2023, with a size of 8 bytes
        content = content[:88] + content[92:]
        [frame] = decode(content)
    with XTCFile(str(written(tmp_path / "file.xtc", content))) as file:
        np.testing.assert_array_equal(file.read().x, frame.single)


@pytest.mark.parametrize(
    "atoms",
    [[0], [47680], list(range(1000)), list(range(46000, 47681)), [47000, 3, 3, 20000]],
    ids=["first", "last", "beginning", "end", "unsorted"],
)
def test_atoms_of_a_large_system(atoms: list[int]) -> None:
    reader = open_xtc(REAL_FILES["XTC"])
    whole = read(reader)["positions"]
    np.testing.assert_array_equal(read(reader, atoms=atoms)["positions"], whole[:, atoms])
    double = read(reader, range(1, 10, 3), atoms, np.float64)["positions"]
    assert np.abs(double - whole[1:10:3, atoms]).max() < 1e-6
    np.testing.assert_array_equal(double, np.round(double, 3))


@pytest.mark.parametrize("n_atoms", range(1, 13))
def test_systems_of_few_atoms(tmp_path: Path, n_atoms: int) -> None:
    frames = np.stack([water(4, seed)[:n_atoms] for seed in range(3)])
    boxes = np.stack([np.diag([3.0, 4, 5 + i]) for i in range(3)])
    path = file_of(tmp_path / "file.xtc", frames, box=boxes, step=np.array([0, 5, 10]))
    got = read(open_xtc(path))
    expected = [frame.single for frame in decode(path.read_bytes())]
    np.testing.assert_array_equal(got["positions"], expected)
    np.testing.assert_allclose(got["positions"], frames, atol=0.00051 if n_atoms > 9 else 0)
    np.testing.assert_array_equal(got["box"], boxes)
    np.testing.assert_array_equal(got["step"], [0, 5, 10])
    with XTCFile(str(path)) as file:
        np.testing.assert_array_equal(got["positions"], [frame.x for frame in file])


@pytest.mark.parametrize("magic", [1995, 2023])
def test_few_atoms_under_either_magic_number(tmp_path: Path, magic: int) -> None:
    positions = water(3)
    path = written(tmp_path / "file.xtc", encode_small(positions, magic=magic) * 2)
    got = read(open_xtc(path))
    np.testing.assert_array_equal(got["positions"], [positions, positions])
    assert np.isnan(got["box"]).all()


def test_a_million_atoms(tmp_path: Path) -> None:
    frame = np.concatenate([water(333_333, box=30.0), np.zeros((1, 3), np.float32)])
    path = file_of(tmp_path / "file.xtc", frame[np.newaxis], box=30 * np.eye(3)[np.newaxis])
    reader = open_xtc(path)
    got = read(reader)["positions"][0]
    expected = rounded(frame, 1000.0).astype(np.float32) * (1 / np.float32(1000))
    np.testing.assert_array_equal(got, expected)
    with XTCFile(str(path)) as file:
        np.testing.assert_array_equal(file.read().x, got)
    atoms = [999_999, 0, 500_000]
    np.testing.assert_array_equal(read(reader, atoms=atoms)["positions"][0], got[atoms])


@pytest.mark.parametrize("flat", [(2,), (1, 2), (0, 1, 2), (0,)], ids=str)
def test_atoms_in_a_plane_a_line_and_a_point(tmp_path: Path, flat: tuple[int, ...]) -> None:
    frame = water(20)
    frame[:, flat] = 1.5
    path = file_of(tmp_path / "file.xtc", frame[np.newaxis])
    got = read(open_xtc(path))["positions"][0]
    np.testing.assert_array_equal(got, decode(path.read_bytes())[0].single)
    np.testing.assert_allclose(got, frame, atol=0.00051)


# ---- the index ----


def test_second_opening_reads_the_index_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tmp_path / "file.xtc", np.stack([water(5, seed) for seed in range(5)]))
    first = open_xtc(path)
    frame_index.cached_index.cache_clear()
    monkeypatch.setattr("gromos_dist.io.formats.xtc.scan", None)
    assert open_xtc(path) == first
    assert read(first)["step"].tolist() == [0, 1, 2, 3, 4]


def test_index_of_many_frames_is_that_of_the_headers(tmp_path: Path) -> None:
    small = [encode_small(water(1, seed), seed, seed / 4) for seed in range(10_000)]
    path = written(tmp_path / "file.xtc", b"".join(small))
    arrays = scan(str(path))
    np.testing.assert_array_equal(arrays["byte"], np.arange(10_001) * len(small[0]))
    np.testing.assert_array_equal(arrays["step"], np.arange(10_000))
    np.testing.assert_array_equal(arrays["time"], np.arange(10_000) / 4)
    assert arrays["cut"].tolist() == [0, 0]
    got = read(open_xtc(path), range(3, 10_000, 77))
    np.testing.assert_array_equal(got["step"], range(3, 10_000, 77))
    expected = np.stack([water(1, seed) for seed in range(3, 10_000, 77)])
    np.testing.assert_array_equal(got["positions"], expected)


# ---- damage ----


def three_frames() -> bytes:
    atoms = np.rint(1000 * water(5)).astype(int)
    groups = [Group(2) for _ in range(5)]
    return b"".join(encode(atoms, groups, 30, step=step) for step in range(3))


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="this is no XTC file"):
        open_xtc(written(tmp_path / "file.xtc", b"TITLE\n" + 100 * b"a"))


def changed(content: bytes, frame: int, at: int, value: int) -> bytes:
    at += frame * (len(content) // 3)
    return content[:at] + struct.pack(">i", value) + content[at + 4 :]


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 1994, "expected a frame, which begins with 1995 or 2023, found 1994"),
        (4, 16, "expected 16 atoms, found 15"),
        (4, 0, "expected at least one atom, found 0"),
        (4, -5, "expected at least one atom"),
        (52, 14, "expected 15 atoms, found 14"),
        (56, 0, "expected a precision above 0"),
        (56, 0x7F800000, "expected a precision above 0"),
        (56, 1, "expected a precision above 0"),
        (60, 2**31 - 1, "expected bounds of the coordinates"),
        (84, 8, "expected a range of small differences from 9 to 72, found 8"),
        (84, 73, "found 73"),
        (88, 1, "1 bytes of coordinates, which so many atoms cannot have"),
        (88, -1, "-1 bytes of coordinates"),
        (88, 2**31 - 1, "bytes of coordinates, which so many atoms cannot have"),
    ],
)
def test_damaged_header(tmp_path: Path, at: int, value: int, message: str) -> None:
    content = three_frames()
    path = written(tmp_path / "file.xtc", changed(content, 1, at, value))
    with pytest.raises(TrajectoryError, match=message) as caught:
        open_xtc(path)
    assert "frame 1, byte" in str(caught.value)
    with pytest.raises(TrajectoryError, match=message):
        open_xtc(path, on_truncated="drop")


def test_other_number_of_atoms_in_a_later_frame(tmp_path: Path) -> None:
    content = encode_small(water(2)) * 2 + encode_small(water(1))
    with pytest.raises(TrajectoryError, match=r"frame 2, byte .*: expected 6 atoms, found 3"):
        open_xtc(written(tmp_path / "file.xtc", content))


def test_damaged_data_are_found_or_stay_within_the_bounds(tmp_path: Path) -> None:
    content = three_frames()
    size = len(content) // 3
    path = written(tmp_path / "file.xtc", content)
    good = read(open_xtc(path))["positions"]
    low, high = good[1].min(axis=0), good[1].max(axis=0)
    refused = 0
    for at in range(size + 92, 2 * size):
        for mask in (0x01, 0x10, 0xA5):
            path.write_bytes(content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :])
            reader = open_xtc(path)
            try:
                got = read(reader)["positions"]
            except TrajectoryError as error:
                assert f"frame 1, byte {size + 92}" in str(error)  # noqa: PT017
                refused += 1
                np.testing.assert_array_equal(read(reader, range(0, 3, 2))["positions"], good[::2])
                continue
            assert (got[1] >= low).all()
            assert (got[1] <= high).all()
    assert refused > 20


def test_data_that_end_early_or_late(tmp_path: Path) -> None:
    atoms = np.rint(1000 * water(5)).astype(int)
    frame = encode(atoms, [Group(2) for _ in range(5)], 30)
    (size,) = struct.unpack(">i", frame[88:92])
    short = frame[:88] + struct.pack(">i", size - 8) + frame[92 : 92 + size - 8]
    long = frame[:88] + struct.pack(">i", size + 8) + frame[92:] + bytes(8)
    for content in (short, long):
        padding = b"\0" * (-len(content) % 4)
        reader = open_xtc(written(tmp_path / "file.xtc", content + padding))
        with pytest.raises(TrajectoryError, match=r"compressed coordinates .* are damaged"):
            read(reader)


def test_group_that_goes_beyond_the_last_atom(tmp_path: Path) -> None:
    atoms = np.rint(1000 * water(4)).astype(int)
    frame = bytearray(encode(atoms, [Group(2) for _ in range(4)], 30))
    frame[7] = frame[55] = 11
    reader = open_xtc(written(tmp_path / "file.xtc", bytes(frame)))
    with pytest.raises(TrajectoryError, match=r"compressed coordinates .* are damaged"):
        read(reader)


def test_file_that_changes_after_it_was_opened(tmp_path: Path) -> None:
    content = three_frames()
    path = written(tmp_path / "file.xtc", content)
    reader = open_xtc(path)
    path.write_bytes(changed(content, 1, 8, 99))
    with pytest.raises(TrajectoryError, match=r"frame 1, .*the file has changed since"):
        read(reader)
    os.truncate(path, len(content) - 4)
    with pytest.raises(TrajectoryError, match="frame 2: it has become shorter"):
        read(reader, range(2, 3))
    frame_index.cached_index.cache_clear()
    with pytest.raises(TrajectoryError, match=r"file\.xtc"):
        read(reader, range(2, 3))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read(reader)


# ---- writing ----


@pytest.mark.parametrize("name", REAL_FILES)
def test_written_again_it_is_the_same(tmp_path: Path, name: str) -> None:
    reader = open_xtc(REAL_FILES[name])
    frames = read(reader)
    path = tmp_path / "again.xtc"
    with open_writer(path, precision=1 / (reader.precision or 1000)) as writer:
        half = reader.n_frames // 2
        writer.write({key: array[:half] for key, array in frames.items()})
        writer.write({key: array[half:] for key, array in frames.items()})
    again = read(open_xtc(path))
    for key, array in frames.items():
        np.testing.assert_array_equal(again[key], array)
    with XTCFile(str(path)) as ours, XTCFile(str(REAL_FILES[name])) as original:
        for a, b in zip(ours, original, strict=True):
            np.testing.assert_array_equal(a.x, b.x)
            np.testing.assert_array_equal(a.box, b.box)
            assert (a.step, a.time, a.prec) == (b.step, b.time, b.prec)
    assert path.stat().st_size <= REAL_FILES[name].stat().st_size


@settings(PROPERTY, max_examples=200)
@given(data=st.data())
def test_any_positions_are_rounded_to_the_precision(tmp_path: Path, data: st.DataObject) -> None:
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n_atoms = data.draw(st.integers(10, 120))
    scale = 10.0 ** data.draw(st.integers(-3, 2))
    close = data.draw(st.sampled_from([0.0, 0.01, 0.5, 1.0]))
    precision = data.draw(st.sampled_from([10.0, 1000.0, 54321.0, 1e6]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    frame = generator.normal(0, scale, (n_atoms, 3))
    frame = (close * frame + (1 - close) * np.repeat(frame[::10], 10, axis=0)[:n_atoms]).astype(
        dtype
    )
    path = file_of(tmp_path / "file.xtc", frame[np.newaxis], precision)
    [plain] = decode(path.read_bytes())
    np.testing.assert_array_equal(plain.integers, rounded(frame, precision))
    assert max(plain.runs) <= 8
    np.testing.assert_array_equal(read(open_xtc(path))["positions"][0], plain.single)
    with XTCFile(str(path)) as file:
        np.testing.assert_array_equal(file.read().x, plain.single)


def test_what_xtc_cannot_hold(tmp_path: Path) -> None:
    frame = water(5)[np.newaxis]
    path = tmp_path / "file.xtc"
    for value in (np.nan, np.inf):
        bad = frame.copy()
        bad[0, 7, 1] = value
        with pytest.raises(ValueError, match="frame 0, atom 7: a position is NaN or infinite"):
            file_of(path, bad)
    bad = frame.copy()
    bad[0, 7, 1] = 3e6
    with pytest.raises(ValueError, match="atom 7: positions are too large for a precision of 1000"):
        file_of(path, bad)
    bad[0, 7, 1], bad[0, 8, 1] = 1.5e6, -1.5e6
    with pytest.raises(ValueError, match="frame 0: positions are too large"):
        file_of(path, bad)
    with pytest.raises(ValueError, match="step 4294967296 does not fit"):
        file_of(path, frame, step=np.array([2**32]))
    with pytest.raises(ValueError, match="no room for 'velocities'"):
        file_of(path, frame, velocities=frame)
    for precision in (0, -1, np.inf, np.nan, 1e-45):
        with pytest.raises(ValueError, match="precision: expected a number above 0"):
            encode_xtc(precision=precision)
    assert list(tmp_path.iterdir()) == []


def test_large_ranges_are_not_mixed(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).uniform(-1e6, 1e6, (1, 50, 3))
    path = file_of(tmp_path / "file.xtc", frame)
    [plain] = decode(path.read_bytes())
    sizes, n_bits = bounds(np.min(plain.integers, axis=0), np.max(plain.integers, axis=0))
    assert n_bits == 0
    assert min(sizes) > 0xFFFFFF
    np.testing.assert_array_equal(plain.integers, np.rint(frame[0] * 1000))
    got = read(open_xtc(path), dtype=np.float64)["positions"]
    np.testing.assert_array_equal(got, np.rint(frame * 1000) / 1000)


# ---- other threads ----


def test_other_threads_run_while_the_reader_reads(tmp_path: Path) -> None:
    path = tmp_path / "long.xtc"
    path.write_bytes(REAL_FILES["XTC"].read_bytes() * 20)
    reader = open_xtc(path)
    atoms = np.array([0, reader.n_atoms - 1])
    out = {"positions": np.empty((reader.n_frames, 2, 3), np.float32)}
    frames = range(reader.n_frames)
    check_that_threads_run(lambda: reader.read(frames, out, atoms))
