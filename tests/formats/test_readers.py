"""What holds for the readers of all formats: each is a row of `reader_files.FORMATS`."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import plain_readers
import pytest
from gromos_dist._core import lib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_files import FORMATS, read, write

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError, new_where
from gromos_dist.io.reader import FRAME_FIELDS, open_reader
from gromos_dist.io.registry import READABLE

each = pytest.mark.parametrize("name", FORMATS)
some_examples = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# A line of these that is cut off is a bad line, which no reader leaves out.
STRUCTURES = [name for name in FORMATS if name.split(".")[0] in ("pdb", "ent", "gro")]
MUTATIONS = 200
GZIP = [name for name in FORMATS if name.endswith(".gz")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of all formats."""
    folder = tmp_path_factory.mktemp("readers")
    for name in FORMATS:
        write(folder, name, stem=name)
    return folder


def path_of(folder: Path, name: str) -> Path:
    return folder / f"{name}{FORMATS[name].suffix}"


def same_bits(got: np.ndarray, expected: np.ndarray) -> bool:
    return got.shape == expected.shape and got.tobytes() == expected.tobytes()


def test_every_reader_has_a_file_here() -> None:
    suffixes = {some.suffix.removesuffix(".gz") for some in FORMATS.values()}
    assert suffixes == set(READABLE)


@each
@some_examples
@given(data=st.data())
def test_any_part_equals_slicing_the_whole(folder: Path, name: str, data: st.DataObject) -> None:
    reader = open_reader(path_of(folder, name))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    whole = read(reader, dtype=dtype)
    start = data.draw(st.integers(0, reader.n_frames))
    frames = range(start, data.draw(st.integers(start, reader.n_frames)))
    frames = frames[:: data.draw(st.integers(1, reader.n_frames + 1))]
    atom = st.integers(0, reader.n_atoms - 1)
    atoms = data.draw(st.none() | st.lists(atom, min_size=1, max_size=2 * reader.n_atoms))
    if atoms is not None and data.draw(st.booleans()):
        atoms = sorted(atoms)
    fields = tuple(data.draw(st.sets(st.sampled_from(reader.fields), min_size=1)))
    got = read(reader, frames, atoms, dtype, fields)
    for field in fields:
        expected = whole[field][frames.start : frames.stop : frames.step]
        if atoms is not None and FRAME_FIELDS[field][:1] == (None,):
            expected = expected[:, atoms]
        assert same_bits(got[field], expected), field


@each
@settings(some_examples, max_examples=25)
@given(data=st.data())
def test_any_chunks_equal_slicing_the_whole(folder: Path, name: str, data: st.DataObject) -> None:
    path = path_of(folder, name)
    reader = open_reader(path)
    whole = read(reader, dtype=np.float32)
    whole |= read(reader, fields=tuple({"box", "lambda"} & set(reader.fields)))
    n_frames, n_atoms = whole["time"].size, open_reader(path).n_atoms
    bound = st.none() | st.integers(-n_frames - 1, n_frames + 1)
    start, stop = data.draw(bound), data.draw(bound)
    stride, chunks = data.draw(st.integers(1, n_frames)), data.draw(st.integers(1, n_frames + 1))
    atoms = data.draw(
        st.none() | st.lists(st.integers(0, n_atoms - 1), min_size=1, unique=True).map(sorted)
    )
    options = {"start": start, "stop": stop, "stride": stride, "atoms": atoms}
    ds = gd.open_trajectory(path, chunks=chunks, **options)
    frames = slice(data.draw(bound), data.draw(bound))
    order = data.draw(st.permutations(range(ds.sizes.get("atom", 0))))
    for field, expected in whole.items():
        array = ds[field].isel(frame=frames)
        expected = expected[start:stop:stride][frames]  # noqa: PLW2901
        if FRAME_FIELDS[field][:1] == (None,):
            array = array.isel(atom=list(order))
            chosen = np.arange(n_atoms) if atoms is None else np.array(atoms)
            expected = expected[:, chosen[list(order)]]  # noqa: PLW2901
        assert same_bits(array.values, expected), field
        assert sum(array.chunks[0] if array.chunks else [array.sizes["frame"]]) == len(expected)


@each
def test_a_reader_is_small_and_pickles(folder: Path, name: str) -> None:
    reader = open_reader(path_of(folder, name))
    pickled = pickle.dumps(reader)
    assert len(pickled) < 10_000
    assert pickle.loads(pickled) == reader
    assert reader.damage == ""
    assert reader.preferred_step == 1
    assert set(reader.single_precision) <= set(reader.fields)
    with pytest.raises(FrozenInstanceError):
        reader.path = "another"  # type: ignore[misc]


@each
def test_every_frame_is_that_of_plain_python(folder: Path, name: str) -> None:
    some = FORMATS[name]
    expected, is_whole = plain_readers.frames(some.suffix, some.content)
    assert is_whole
    got = read(open_reader(path_of(folder, name)))
    assert len(got["time"]) == len(expected)
    for i, frame in enumerate(expected):
        assert frame
        for field, values in frame.items():
            np.testing.assert_array_equal(got[field][i], values)


@each
def test_a_box_is_right_handed_or_none(folder: Path, name: str) -> None:
    """It may be asked for wherever it is; what a file has not is NaN."""
    reader = open_reader(path_of(folder, name))
    for dtype in (np.float32, np.float64):
        boxes = read(reader, dtype=dtype, fields=("box",))["box"]
        there = np.isfinite(boxes).all(axis=(1, 2))
        assert np.isnan(boxes[~there]).all()
        assert (np.linalg.det(boxes[there]) > 0).all()
        assert "box" in reader.fields or not there.any()


def cuts(name: str) -> list[int]:
    """Sizes to cut a file to: where anything in it begins or ends, beside that, and anywhere.

    Lines begin and end with a line feed; records and numbers of binary files at multiples of 4.
    """
    content = FORMATS[name].content
    random = np.random.default_rng(9)
    if name in GZIP:
        edges = {1, 2, 9, 10, 11, len(content) - 9, len(content) - 8, len(content) - 4}
    elif FORMATS[name].suffix in (".dcd", ".xtc", ".trr"):
        edges = set(random.choice(range(0, len(content), 4), min(len(content) // 4, 110), False))
    else:
        feeds = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
        edges = set(random.choice(feeds, min(len(feeds), 60), False))
        edges |= {edge - 1 for edge in sorted(edges)[::2]}
    anywhere = random.integers(0, len(content), 70)
    sizes = {0, 1, *map(int, edges), *map(int, anywhere), len(content) - 1}
    return sorted(size for size in sizes if size < len(content))


@each
def test_a_file_cut_anywhere_gives_its_whole_frames(
    folder: Path, tmp_path: Path, name: str
) -> None:
    content = FORMATS[name].content
    whole = read(open_reader(path_of(folder, name)))
    n_frames, accepted = [], []
    for size in cuts(name):
        path = write(tmp_path, name, content[:size])
        try:
            reader = open_reader(path, on_truncated="drop")
            got = read(reader)
        except TrajectoryError:
            # Of a single frame nobody knows which blocks it should have.
            is_single = len(whole["time"]) == 1
            assert is_single or not any(n_frames) or name in (*GZIP, *STRUCTURES)
            is_chain = FORMATS[name].suffix in (".xtc", ".trr") and size
            message = ".*there is no whole frame" if is_chain else ""
            with pytest.raises(TrajectoryError, match=path.name + message):
                read(open_reader(path))
            continue
        n_frames.append(reader.n_frames)
        for field, values in got.items():
            if field in whole:
                assert same_bits(values, whole[field][: reader.n_frames])
        if reader.damage:
            assert f"frame {reader.n_frames} left out" in reader.damage
            with pytest.raises(TrajectoryError, match=f"frame {reader.n_frames}"):
                open_reader(path)
            with pytest.warns(UserWarning, match=f"frame {reader.n_frames}"):
                assert open_reader(path, on_truncated="warn") == reader
            begin = re.search(r"begins at byte (\d+)", reader.damage)
            if begin and name not in GZIP and not size % 4:
                before = write(tmp_path, name, content[: int(begin[1])], "before")
                assert open_reader(before).n_frames == reader.n_frames
        elif reader.n_frames:
            assert open_reader(path) == reader
            accepted.append(size)
    assert n_frames == sorted(n_frames)
    if len(whole["time"]) > 1 and name not in GZIP:
        assert n_frames[-1] >= len(whole["time"]) - 1
    # A file is right in itself only where a frame ends, or a comment or line feed behind it.
    assert len(accepted) <= 4 * len(whole["time"]), accepted


@each
def test_an_unknown_choice_is_named(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="on_truncated: expected 'raise', 'drop' or 'warn'"):
        open_reader(path_of(folder, name), on_truncated="ignore")  # type: ignore[arg-type]


@each
def test_an_input_output_error_is_no_end_of_file(tmp_path: Path, name: str) -> None:
    """Linux answers EIO to whoever reads its own memory at address 0."""
    path = write(tmp_path, name)
    reader = open_reader(path)
    frames = range(reader.n_frames)
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(OSError) as caught:  # noqa: PT011
        read(reader, frames)
    if name in GZIP:
        # The library that inflates looks at the size first, which is 0 here.
        assert "does not fit the size" in str(caught.value)
    else:
        assert caught.value.errno == errno.EIO
        assert not isinstance(caught.value, TrajectoryError)


@pytest.mark.parametrize("scan", ["gd_xtc_scan", "gd_trr_scan"])
def test_an_input_output_error_ends_no_scan(scan: str) -> None:
    from gromos_dist._core import ffi  # noqa: PLC0415

    state = ffi.new(f"struct {scan} *", {"n_atoms": -1})
    columns = [ffi.new("int64_t[8]"), ffi.new("int64_t[8]"), ffi.new("double[8]")]
    columns += [ffi.new("double[8]")] * (scan == "gd_trr_scan")
    where, scratch = new_where(), ffi.new("unsigned char[4096]")
    file = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        status = getattr(lib, scan)(
            file, 1 << 20, state, *columns, 8, ffi.new("int64_t *"), scratch, 4096, where
        )
    finally:
        os.close(file)
    assert status == lib.GD_SYSTEM
    assert where.system_error == errno.EIO


@pytest.fixture(scope="module")
def mutated_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a process of little memory found in damaged files of all formats."""
    program = str(Path(__file__).parent / "mutations.py")
    folder = str(tmp_path_factory.mktemp("mutated"))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", program, folder, str(MUTATIONS), *FORMATS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"behind {found[-1:]}:\n{done.stderr[-2000:]}"
    return {row["format"]: row for row in found}


@each
def test_damaged_files_are_refused_or_read_as_they_are(
    mutated_files: dict[str, dict[str, Any]], name: str
) -> None:
    found = mutated_files[name]
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == MUTATIONS
    assert found["refused"] > MUTATIONS // 2
    # Numbers of one frame, twice, and the buffers of fixed size that readers scan with.
    size = len(FORMATS[name].content)
    assert found["peak"] < 2 * 16 * size + (8 << 20)
    assert found["largest"] < size


# ---- what is no file of the format, and what becomes of a file ----


@each
def test_what_the_system_refuses(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"md{FORMATS[name].suffix}"
    with pytest.raises(FileNotFoundError, match=path.name):
        open_reader(path)
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=path.name):
        open_reader(path)
    path.rmdir()
    path = write(tmp_path, name)
    path.chmod(0)
    if not os.access(path, os.R_OK):
        with pytest.raises(PermissionError, match=path.name):
            open_reader(path)


@each
@pytest.mark.parametrize("mode", ["raise", "drop"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"TITLE\n  a text file\nEND\n", b"\0" * 300, b"\xff" * 300, b"\0\1\xff" * 99],
    ids=["empty", "line feed", "text", "zeros", "ones", "bytes"],
)
def test_what_is_no_file_of_the_format(
    tmp_path: Path, name: str, content: bytes, mode: Any
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(TrajectoryError, match=rf"{path.name}.*") as caught:
        open_reader(path, on_truncated=mode)
    if not content:
        assert (
            "empty" in str(caught.value)
            or "found 0" in str(caught.value)
            or "no ATOM" in str(caught.value)
        )


def _vanish(path: Path) -> None:
    path.unlink()


def _become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def _become_empty(path: Path) -> None:
    os.truncate(path, 0)


@each
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_vanish, FileNotFoundError),
        (_become_a_folder, IsADirectoryError),
        (_shrink, TrajectoryError),
        (_become_empty, TrajectoryError),
    ],
)
def test_a_file_that_is_no_longer_what_it_was(
    tmp_path: Path, name: str, change: Callable[[Path], None], error: type[Exception]
) -> None:
    path = write(tmp_path, name)
    reader = open_reader(path)
    change(path)
    with pytest.raises(error, match=path.name):
        read(reader)


# ---- arguments ----


@each
def test_arguments_that_do_not_fit(folder: Path, name: str) -> None:
    reader = open_reader(path_of(folder, name))
    n_frames, n_atoms = reader.n_frames, reader.n_atoms
    [field, *_] = [name for name in reader.fields if FRAME_FIELDS[name] == (None, 3)]
    absent = next(name for name in FRAME_FIELDS if name not in (*reader.fields, "box"))
    shape = (1, n_atoms, 3)
    bad: list[tuple[range, dict[str, Any], Any, str]] = [
        (range(n_frames, n_frames + 1), {}, None, f"within the {n_frames} frames"),
        (range(-1, 1), {}, None, f"within the {n_frames} frames"),
        (range(1, -1, -1), {}, None, "frames: expected a rising range"),
        (range(1), {absent: np.empty(shape)}, None, f"has no '{absent}': it has"),
        (range(1), {"masses": np.empty(shape)}, None, "has no 'masses'"),
        (range(1), {field: np.empty((2, n_atoms, 3))}, None, rf"of shape \(1, {n_atoms}, 3\)"),
        (range(1), {field: np.empty(shape, int)}, None, "float32 or float64 .*got int64"),
        (range(1), {field: np.empty((1, 3, n_atoms)).swapaxes(1, 2)}, None, "C-contiguous"),
        (range(1), {"time": np.empty(1, np.float32)}, None, "got float32"),
        (range(1), {"step": np.empty(1)}, None, "expected int64 of shape"),
        (range(1), {}, np.array([n_atoms]), f"within the {n_atoms} atoms"),
        (range(1), {}, np.array([-1]), f"-1 to -1 is not within the {n_atoms} atoms"),
        (range(1), {}, np.array([0.0]), "atoms: .*int64"),
        (range(1), {}, np.array([], np.int64), "atoms: expected at least one atom"),
    ]
    for frames, out, atoms, message in bad:
        if n_atoms == 1 and "contiguous" in message:
            continue  # it is
        with pytest.raises(ValueError, match=message):
            reader.read(frames, out, atoms)
    reader.read(range(0), {field: np.empty((0, n_atoms, 3)), "time": np.empty(0)})
