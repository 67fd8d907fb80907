from __future__ import annotations

import gzip
import locale
import pickle
import re
from pathlib import Path
from typing import Any

import MDAnalysisTests
import numpy as np
import plain_gromos
import pytest
import xarray as xr
from gromos_dist._core import ffi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stalls import check_that_threads_run

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError
from gromos_dist.io.formats.gromos_text import blocks, scan
from gromos_dist.io.formats.gromos_text.reader import GromosTextReader, open_gromos_text
from gromos_dist.io.reader import open_reader
from gromos_dist.io.writer import open_writer

DATA = Path(__file__).parent / "data" / "gromos"
SMALL = sorted(p for p in DATA.iterdir() if p.name.split(".")[1] in ("trc", "cnf", "trf", "trv"))
REAL = Path(MDAnalysisTests.__file__).parent / "data" / "gromos11"
VECTORS = ("positions", "velocities", "forces")

each_example = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)


def read(
    reader: GromosTextReader,
    frames: range | None = None,
    atoms: list[int] | None = None,
    dtype: Any = np.float64,
) -> dict[str, np.ndarray]:
    frames = range(reader.n_frames) if frames is None else frames
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    out = {
        name: np.full((len(frames), n_atoms, 3), 7, dtype)
        for name in VECTORS
        if name in reader.fields
    }
    out["box"] = np.full((len(frames), 3, 3), 7, dtype)
    out["time"] = np.full(len(frames), 7.0)
    out["step"] = np.full(len(frames), 7, np.int64)
    reader.read(frames, out, None if atoms is None else np.array(atoms, np.int64))
    return out


def same_bits(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def trc(*frames: str, title: str = "TITLE\na test\nEND\n") -> str:
    return title + "".join(
        f"TIMESTEP\n{i:15d}{i * 0.5:15.9f}\nEND\nPOSITIONRED\n{frame}END\n"
        for i, frame in enumerate(frames)
    )


def write(folder: Path, text: str | bytes, name: str = "a.trc") -> Path:
    path = folder / name
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data, 1) if name.endswith(".gz") else data)
    return path


def compare_with_plain(path: Path) -> None:
    expected = plain_gromos.frames(path)
    reader = open_gromos_text(path)
    got = read(reader)
    assert reader.n_frames == len(expected)
    for name in got:
        if name == "box":
            continue
        values = np.array([frame[name] for frame in expected], got[name].dtype)
        assert values.tobytes() == got[name].tobytes(), name
    assert ("box" in reader.fields) == ("box" in expected[0])
    if reader.box_shape == "rectangular":
        lengths = [frame["box"][1] for frame in expected]
        np.testing.assert_array_equal(got["box"], [np.diag(row) for row in lengths])
    single = read(reader, dtype=np.float32)
    for name in (*(n for n in VECTORS if n in got), "box"):
        assert got[name].astype(np.float32).tobytes() == single[name].tobytes()


# ---- the oracle, on files that others wrote and on ours ----


@pytest.mark.parametrize("path", SMALL, ids=lambda p: p.name)
def test_small_files_equal_plain_python(path: Path) -> None:
    compare_with_plain(path)


PATTERNS = [
    "rerun/systems/*.trc.gz",
    "rerun/systems/*.cnf.gz",
    "rerun/*/*.trf.gz",
    "mdpp/*/expected/*.trc",
    "mdpp/*/expected/*.trf",
    "mdpp/*/expected/final.conf",
    "analysis/*/*.trc.gz",
    "analysis/*/*.cnf*",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_reference_files_equal_plain_python(reference: Path, pattern: str) -> None:
    paths = sorted(reference.glob(pattern))
    assert paths
    for path in paths:
        compare_with_plain(path)


GOOD = ["traj_solv", "traj_vac_1", "traj_vac_2", "traj_vac_1_whitespace", "genbox_euler"]
GOOD += ["triclinic_solv", "truncOcta_vac"]


@pytest.mark.parametrize("name", GOOD)
def test_files_of_mdanalysis_equal_plain_python(name: str) -> None:
    compare_with_plain(REAL / f"gromos11_{name}.trc.gz")


def test_frames_without_timestep_are_numbered() -> None:
    path = REAL / "gromos11_cluster_vac.trj.gz"
    compare_with_plain(path)
    got = read(open_gromos_text(path))
    np.testing.assert_array_equal(got["step"], [0, 1, 2, 3])
    np.testing.assert_array_equal(got["time"], [0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize("kind", ["extra_pos", "missing_pos"])
def test_a_frame_with_another_number_of_atoms_is_named(kind: str) -> None:
    with pytest.raises(TrajectoryError, match=r"frame 2, line \d+.* 7[24] atoms, expected 73"):
        open_gromos_text(REAL / f"gromos11_traj_vac_1_{kind}.trc.gz")


def test_mdanalysis_reads_the_same(reference: Path) -> None:
    from MDAnalysis.coordinates.TRC import TRCReader  # noqa: PLC0415

    path = reference / "rerun" / "systems" / "w1000.trc.gz"
    reader = open_gromos_text(path)
    got = read(reader)
    with TRCReader(str(path), convert_units=False) as theirs:
        assert theirs.n_frames == reader.n_frames
        for frame, timestep in enumerate(theirs):
            np.testing.assert_array_equal(
                timestep.positions, got["positions"][frame].astype(np.float32)
            )
            assert timestep.time == got["time"][frame]


# ---- boxes ----


def test_triclinic_box_has_its_lengths_and_angles(tmp_path: Path) -> None:
    box = "GENBOX\n2\n3.0 3.1 3.2\n80 95 105\n0 0 0\n0 0 0\nEND\n"
    reader = open_gromos_text(write(tmp_path, trc("1 2 3\n") + box))
    a, b, c = read(reader)["box"][0]
    assert reader.box_shape == "triclinic"
    assert a[1] == a[2] == b[2] == 0
    np.testing.assert_allclose([np.linalg.norm(v) for v in (a, b, c)], [3.0, 3.1, 3.2], rtol=1e-15)
    for degrees, u, v in ((80, b, c), (95, a, c), (105, a, b)):
        cosine = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
        assert np.degrees(np.arccos(cosine)) == pytest.approx(degrees, abs=1e-12)
    assert c[2] > 0


def test_euler_angles_turn_the_box_as_gromos_turned_the_atoms(reference: Path) -> None:
    """The same frame before and after gromos++ fitted it, box and all."""
    folder = reference / "analysis" / "pla2"
    before = read(open_gromos_text(folder / "fo_cog_00005.cnf"))
    turned = open_gromos_text(folder / "fo_cog_fit_00005.cnf")
    after = read(turned)
    assert turned.box_shape == "triclinic"
    x, y = (some["positions"][0] - some["positions"][0].mean(axis=0) for some in (before, after))
    u, _, v = np.linalg.svd(x.T @ y)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    np.testing.assert_allclose(x @ rotation, y, atol=1e-9)
    np.testing.assert_allclose(before["box"][0] @ rotation, after["box"][0], atol=1e-9)


def test_truncated_octahedron_is_the_edges_of_its_cube() -> None:
    reader = open_gromos_text(REAL / "gromos11_truncOcta_vac.trc.gz")
    assert reader.box_shape == "truncated octahedron"
    np.testing.assert_array_equal(read(reader)["box"][0], np.eye(3) * 3.855270316)


def test_vacuum_and_files_without_box_have_nan() -> None:
    reader = open_gromos_text(REAL / "gromos11_traj_vac_1.trc.gz")
    assert (reader.box_shape, "box" in reader.fields) == ("vacuum", True)
    assert np.isnan(read(reader)["box"]).all()
    reader = open_gromos_text(DATA / "vacuum.trc")
    assert (reader.box_shape, "box" in reader.fields) == ("none", False)
    assert np.isnan(read(reader)["box"]).all()


def test_old_box_block(tmp_path: Path) -> None:
    text = trc("1 2 3\n") + "BOX\n    3.0 3.1 3.2\nEND\n"
    got = read(open_gromos_text(write(tmp_path, text)))
    np.testing.assert_array_equal(got["box"][0], np.diag([3.0, 3.1, 3.2]))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("1\n3 3 3\n90 90 80\n0 0 0\n0 0 0",
         r"line 13 .*expected an angle of 90 degrees.*found '80' in '90 90 80'"),
        ("1\n3 3 3\n90 90 90\n0 1.1e-5 0\n0 0 0",
         r"line 14 .*an Euler angle of 0 degrees, unless.*found '1\.1e-5' in '0 1\.1e-5 0'"),
        ("1\n3 0 3\n90 90 90\n0 0 0\n0 0 0", "line 12 .*a length above 0; found '0' in '3 0 3'"),
        ("2\n3 3 3\n90 90 190\n0 0 0\n0 0 0", "line 13 .*above 0 and below 180.*found '190'"),
        ("2\n3 3 3\n10 20 170\n0 0 0\n0 0 0", "line 13 .*three that make a box; found '170'"),
        ("-1\n3 3 4\n90 90 90\n0 0 0\n0 0 0", "line 12 .*expected the length 3 .* found '4' in"),
        ("7\n3 3 3\n90 90 90\n0 0 0\n0 0 0", "line 11 .*type of a box: 0, 1, 2 or -1; found '7'"),
        ("1\n3 3", "line 11 .*expected a box of 10 or 13 numbers, in a vacuum 1; found 3"),
        ("1\n3 3 x\n90 90 90\n0 0 0\n0 0 0", "line 12 .*a length above 0; found 'x' in '3 3 x'"),
        ("1\n3 3 nan\n90 90 90\n0 0 0\n0 0 0", "line 12 .*a length above 0; found 'nan'"),
        ("2\n3 3 3\n90 90 90\n0 0 0\n0 x 0", "line 15 .*expected a number; found 'x' in '0 x 0'"),
        ("1\n3 3 3\n90 90 90\n0 0 0\n0 0 0 0", "line 15 .*box of 10 or 13 numbers.*found 14"),
    ],
)  # fmt: skip
def test_a_bad_box_is_an_error_when_it_is_read(tmp_path: Path, box: str, message: str) -> None:
    reader = open_gromos_text(write(tmp_path, trc("1 2 3\n") + f"GENBOX\n{box}\nEND\n"))
    assert reader.box_shape == "unknown"
    out = {"positions": np.empty((1, 1, 3))}
    reader.read(range(1), out)
    np.testing.assert_array_equal(out["positions"], [[[1, 2, 3]]])
    with pytest.raises(TrajectoryError, match=rf"frame 0, {message}"):
        reader.read(range(1), {"box": np.empty((1, 3, 3))})


@pytest.mark.parametrize("kind", [1, -1])
def test_what_rounding_leaves_of_the_angles_of_a_box(tmp_path: Path, kind: int) -> None:
    """Programs that compute angles with an arc cosine are up to 1e-6 degrees away."""
    box = f"{kind}\n3 3 3.000000001\n90.0000009 90 89.9999991\n-1e-6 0.000000854 0\n0 0 0"
    reader = open_gromos_text(write(tmp_path, trc("1 2 3\n") + f"GENBOX\n{box}\nEND\n"))
    np.testing.assert_array_equal(read(reader)["box"][0], np.diag([3.0, 3.0, 3.000000001]))


def test_a_box_of_another_shape_is_an_error(tmp_path: Path) -> None:
    frame = trc("1 2 3\n", title="")
    text = frame + "GENBOX\n1\n3 3 3\n90 90 90\n0 0 0\n0 0 0\nEND\n"
    text += frame + "GENBOX\n-1\n3 3 3\n90 90 90\n0 0 0\n0 0 0\nEND\n"
    reader = open_gromos_text(write(tmp_path, text))
    with pytest.raises(TrajectoryError, match=r"truncated octahedron.*expected rectangular"):
        read(reader)


# ---- numbers ----

NUMBER = st.one_of(
    st.floats(-9999, 9999),
    st.floats(-1, 1),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e7, max_value=1e7),
    st.sampled_from([0.0, -0.0, 1e-9, -1e-9, 0.1, 9999.999999999, -999.999999999, 2.0**53 / 1e9]),
)


@pytest.mark.parametrize("width", [15, 18])
@pytest.mark.parametrize("labelled", [False, True])
@each_example
@given(rows=st.lists(st.tuples(NUMBER, NUMBER, NUMBER), min_size=1, max_size=25))
def test_fixed_columns_are_read_as_float_reads_them(
    tmp_path: Path, width: int, labelled: bool, rows: list[tuple[float, ...]]
) -> None:
    texts = [[f"{x:{width}.9f}" for x in row] for row in rows]
    if any(len(word) > width for row in texts for word in row):
        texts = [[" " + word for word in row] for row in texts]  # columns too wide: free format
    label = "    1 SOL   OW         1" if labelled else ""
    lines = "".join(label + "".join(row) + "\n" for row in texts)
    block = "POSITION" if labelled else "POSITIONRED"
    got = read(open_gromos_text(write(tmp_path, f"{block}\n{lines}END\n")))["positions"][0]
    assert got.tobytes() == np.array([[float(word) for word in row] for row in texts]).tobytes()


FREE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e3, 1e3).map(lambda x: f"{x:.30f}"),
    st.floats(-1e3, 1e3).map(lambda x: f"{x:+.5e}"),
    st.integers(-(10**25), 10**25).map(str),
    st.sampled_from(["1.", ".5", "-.5", "+3", "00012.50", "1E5", "1e-5", "123456789012345678901"]),
    st.from_regex(r"[+-]?[0-9]{1,25}\.[0-9]{0,25}(e[+-]?[0-9]{1,2})?", fullmatch=True),
)
SPACE = st.sampled_from([" ", "  ", "\t", " \t ", "                "])


@each_example
@given(
    rows=st.lists(st.tuples(SPACE, FREE, SPACE, FREE, SPACE, FREE), min_size=1, max_size=25),
    ends=st.lists(st.sampled_from(["\n", "\r\n", " \n", " # x 1 2\n", "\n#  10\n", "\n\n"])),
)
def test_free_format_is_read_as_float_reads_it(
    tmp_path: Path, rows: list[tuple[str, ...]], ends: list[str]
) -> None:
    ends = (ends + ["\n"] * len(rows))[: len(rows)]
    lines = "".join("".join(row) + end for row, end in zip(rows, ends, strict=True))
    expected = np.array([[float(row[i]) for i in (1, 3, 5)] for row in rows])
    reader = open_gromos_text(write(tmp_path, f"POSITIONRED\n{lines}END\n"))
    assert read(reader)["positions"][0].tobytes() == expected.tobytes()
    atoms = [len(rows) - 1, 0, len(rows) // 2]
    assert read(reader, atoms=atoms)["positions"][0].tobytes() == expected[atoms].tobytes()


def test_numbers_behind_a_comment_sign_are_no_atom(tmp_path: Path) -> None:
    atom = f"    1 SOL   OW         1{1:15.9f}{2:15.9f}{3:15.9f}\n"
    for comment in (f"#{atom[1:]}", f"  # 24 characters, then   {4:15.9f}{5:15.9f}{6:15.9f}\n"):
        text = f"POSITION\n{comment}{atom}{comment}{atom}END\n"
        got = read(open_gromos_text(write(tmp_path, text)))["positions"][0]
        np.testing.assert_array_equal(got, [[1, 2, 3], [1, 2, 3]])


def test_numbers_do_not_depend_on_the_locale(tmp_path: Path) -> None:
    old = locale.setlocale(locale.LC_NUMERIC)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8"):
            try:
                locale.setlocale(locale.LC_NUMERIC, name)
            except locale.Error:
                continue
            break
        else:
            pytest.skip("no locale with a decimal comma here")
        text = trc("0.1234567890123456789012345 1.5 -0.25\n")
        got = read(open_gromos_text(write(tmp_path, text)))["positions"][0]
        np.testing.assert_array_equal(got, [[0.1234567890123456789012345, 1.5, -0.25]])
    finally:
        locale.setlocale(locale.LC_NUMERIC, old)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nan 1 2", "no finite number"),
        ("1 -inf 2", "no finite number"),
        ("    1.000000000***************    1.000000000", "too large for its columns"),
        ("1 2", "expected three numbers, found '1 2'"),
        ("1 2 3 4", "expected three numbers"),
        ("1 2 3x", "expected three numbers"),
        ("1 2 0x10", "expected three numbers"),
        ("1 2 1e", "expected three numbers"),
        ("1 2 1e999", "expected three numbers"),
        ("1 2 --3", "expected three numbers"),
        ("    1.000000000    1.00000000 0   1.000000000", "expected three numbers"),
        ("    1.000000000    1.00000000-    1.000000000", "expected three numbers"),
    ],
)
@pytest.mark.parametrize("name", ["a.trc", "a.trc.gz"])
def test_a_bad_number_is_named(tmp_path: Path, line: str, message: str, name: str) -> None:
    good = f"{1:15.9f}{2:15.9f}{3:15.9f}\n"
    frame = good * 10 + "#        10\n" + good
    text = trc(frame, good * 10 + "#        10\n" + line + "\n", frame)
    reader = open_gromos_text(write(tmp_path, text, name))
    n_line = text[: text.index("\n" + line + "\n") + 1].count("\n") + 1
    for atoms in (None, [10], [10, 2, 10]):
        with pytest.raises(TrajectoryError, match=message) as caught:
            read(reader, atoms=atoms)
        assert f"frame 1, line {n_line} (byte " in str(caught.value)
        assert ", atom 10:" in str(caught.value)
    assert same_bits(read(reader, range(0, 3, 2)), read(reader, range(0, 3, 2)))


# ---- ranges and selections ----


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compressed text of several access points: 40 frames of 9000 atoms, 17 MB of text."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("long")
    frames = []
    for _ in range(40):
        rows = [f"{x:15.9f}{y:15.9f}{z:15.9f}\n" for x, y, z in rng.uniform(0, 9, (9000, 3))]
        rows[9::10] = [f"{row}#{10 * i + 10:10d}\n" for i, row in enumerate(rows[9::10])]
        frames.append("".join(rows))
    box = "GENBOX\n    1\n    9 9 9\n 90 90 90\n 0 0 0\n 0 0 0\nEND\n"
    text = trc(*frames).replace("END\nTIMESTEP", f"END\n{box}TIMESTEP") + box
    text = text.replace(f"a test\nEND\n{box}", "a test\nEND\n")
    write(folder, text, "long.trc")
    write(folder, text, "long.trc.gz")
    return folder


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_compressed_frames_are_read_from_any_place(long_file: Path, data: st.DataObject) -> None:
    plain = open_gromos_text(long_file / "long.trc")
    packed = open_gromos_text(long_file / "long.trc.gz")
    assert (plain.n_frames, plain.n_atoms, plain.fields) == (40, 9000, packed.fields)
    start = data.draw(st.integers(0, 39))
    frames = range(start, data.draw(st.integers(start + 1, 40)), data.draw(st.integers(1, 13)))
    atoms = data.draw(st.none() | st.lists(st.integers(0, 8999), min_size=1, max_size=9))
    assert same_bits(read(plain, frames, atoms), read(packed, frames, atoms))


def test_the_long_file_has_several_access_points(long_file: Path) -> None:
    arrays = scan.scan(str(long_file / "long.trc.gz"))
    assert len(arrays["gzip_points"]) > 3
    compare_with_plain(long_file / "long.trc.gz")


def test_reader_is_small_and_pickles(long_file: Path) -> None:
    reader = open_reader(long_file / "long.trc.gz")
    copy = pickle.loads(pickle.dumps(reader))
    assert len(pickle.dumps(reader)) < 2000
    assert copy == reader
    assert same_bits(read(copy, range(3)), read(reader, range(3)))


def test_other_threads_run_while_the_reader_reads(long_file: Path) -> None:
    for name in ("long.trc", "long.trc.gz"):
        reader = open_gromos_text(long_file / name)
        out = {"positions": np.zeros((40, 9000, 3), np.float32)}
        check_that_threads_run(lambda reader=reader, out=out: reader.read(range(40), out))


# ---- step and time ----

# From 10000 ps on the columns of a TIMESTEP, %15d%15.9f, touch.
TOUCHING = [(5_000_000, 1e4), (50_000_123, 123456.789012345), (7, 99999.5), (-3, 1e7), (8, -1e3)]


def touching(step: int, time: float) -> str:
    return f"TIMESTEP\n{step:15d}{time:15.9f}\nEND\n"


@pytest.mark.parametrize("name", ["a.trc", "a.trc.gz"])
def test_step_and_time_that_touch(tmp_path: Path, name: str) -> None:
    steps = [(4_999_999, 9999.998), *TOUCHING]
    text = "".join(touching(*both) + f"POSITIONRED\n{i} 2 3\nEND\n" for i, both in enumerate(steps))
    assert " 500000010000.000000000\n" in text
    path = write(tmp_path, text, name)
    for _ in range(2):  # the index is made, then read
        got = read(open_gromos_text(path))
        assert list(zip(got["step"], got["time"], strict=True)) == steps
        assert got["positions"][:, 0, 0].tolist() == list(range(len(steps)))
    reader = open_gromos_text(write(tmp_path, text.replace("\n", "\r\n"), "crlf_" + name))
    assert read(reader, frames=range(1, 4))["time"].tolist() == [time for _, time in steps[1:4]]


@pytest.mark.parametrize(("step", "time"), [*TOUCHING, (10**14, 1e9)])
def test_a_written_step_and_time_never_touch(tmp_path: Path, step: int, time: float) -> None:
    path = tmp_path / "a.trc"
    with open_writer(path) as writer:
        frame = {"positions": np.zeros((1, 1, 3)), "step": np.array([step])}
        writer.write(frame | {"time": np.array([time])})
    words = path.read_text().split("TIMESTEP\n")[1].split()[:2]
    assert (int(words[0]), float(words[1])) == (step, time)
    got = read(open_gromos_text(path))
    assert (got["step"][0], got["time"][0]) == (step, time)


@pytest.mark.parametrize(
    "line",
    [
        "500000010000.000000000",  # one number, which does not stand in the columns
        "        50000.010000.000000000",
        "        500000010000.000000000 1",
        "        500000010000.00000000",
        "        5000000inf.000000000000",
    ],
)
def test_a_line_that_is_not_quite_two_columns_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"TIMESTEP\n{line}\nEND\nPOSITIONRED\n1 2 3\nEND\n")
    with pytest.raises(TrajectoryError, match=f"expected TIMESTEP to hold .*{re.escape(line)}"):
        open_gromos_text(path)


# ---- damage ----


@pytest.mark.parametrize("name", ["a.trc", "a.trc.gz"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "no frame in 1 lines"),
        ("hello\nworld\n", "line 1 .*expected the name of a block, found 'hello'.*not GROMOS"),
        (b"\x00\x01\xff" * 50, "not GROMOS"),
        (b"\x00" * (3 << 20), "longer than 1048576 bytes.*not GROMOS"),
        ("TITLE\nx\nEND\n", "no frame in 3 lines"),
        ("TIMESTEP\n1 2.0\nEND\nENERGY03\n1\nEND\n", "only TIMESTEP.*not a GROMOS traj"),
        ("TITLE\nx\n", "ends in line 3, inside frame 0.*more of a block.*no whole frame"),
        (trc("1 2 3\n") + "1 2 3\n", "frame 0.*line 10 .*name of a block, found '1 2 3'"),
        (trc("1 2 3\n", "")[:-4] + "GENBOX\n1\nEND\n", "frame 1.*line 14 .*END, found 'GENBOX'"),
        (trc("", "1 2 3\n"), "before its first atom"),
        (trc("1 2 3\n", "1 2 3\n4 5 6\n"), r"frame 1, line 16 .*has 2 atoms, expected 1"),
        (trc("1 2 3\n").replace("0.0", "x"), "line 5 .*step .*and a time, found"),
        (trc("1 2 3\n").replace(" 0 ", " 0.5 "), "line 5 .*an integer"),
        ("TIMESTEP\n1\nEND\n", "an integer"),
        (trc("1 2 3\n", "1 2 3\n") + "BOX\n1 1 1\nEND\n" + trc("1 2 3\n"), "blocks of the first"),
    ],
)
def test_text_that_is_none_is_named(
    tmp_path: Path, text: str | bytes, message: str, name: str
) -> None:
    text = text.replace(" 0 ", " 0.5 ") if isinstance(text, str) and "0.5" in message else text
    path = write(tmp_path, text, name)
    with pytest.raises(TrajectoryError, match=message) as caught:
        open_gromos_text(path)
    assert str(path) in str(caught.value)


def test_a_killed_run_s_last_frame_is_named(tmp_path: Path) -> None:
    text = trc("1 2 3\n", "1 2 3\n", "1 2 3\n")
    path = write(tmp_path, text[: text.rindex("2 3")])
    message = (
        "the file ends in line 20, inside frame 2, which begins at byte "
        f"{text.rindex('TIMESTEP')}: expected more of block POSITION, or its END"
    )
    with pytest.raises(TrajectoryError, match=f"{message}.*'drop' or 'warn' reads the 2 before it"):
        open_gromos_text(path)
    with pytest.warns(UserWarning, match=f"frame 2 left out: {message}"):
        reader = open_gromos_text(path, on_truncated="warn")
    assert reader == open_gromos_text(path, on_truncated="drop")
    assert reader.n_frames == 2
    assert re.fullmatch(f"frame 2 left out: {message}", reader.damage)


def test_a_long_compressed_file_cut_short_is_an_error(tmp_path: Path, long_file: Path) -> None:
    data = (long_file / "long.trc.gz").read_bytes()
    for share in (0.3, 0.6, 0.9):
        path = tmp_path / "cut.trc.gz"
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(TrajectoryError, match=r"cut\.trc\.gz"):
            open_gromos_text(path)


def test_text_named_gz_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.trc.gz"
    path.write_text(trc("1 2 3\n"))
    with pytest.raises(TrajectoryError, match="not a gzip file"):
        open_gromos_text(path)


def test_every_frame_of_gzip_by_itself(tmp_path: Path) -> None:
    """Whatever lies near the end: rapidgzip checks its CRC-32 where it thinks that it read all."""
    rng = np.random.default_rng(1)
    for n_frames in range(36, 48, 2):
        positions = rng.uniform(0, 9, (n_frames, 1600, 3)).round(9)
        path = tmp_path / f"{n_frames}.trc.gz"
        with open_writer(path) as writer:
            writer.write({"positions": positions})
        reader = open_gromos_text(path)
        for frame in range(n_frames - 20, n_frames):
            got = read(reader, range(frame, frame + 1))["positions"][0]
            np.testing.assert_allclose(got, positions[frame], rtol=0, atol=2e-9)


def test_a_file_that_changed_since_it_was_opened_is_no_wrong_frame(tmp_path: Path) -> None:
    path = write(tmp_path, trc(*["1 2 3\n"] * 5))
    reader = open_gromos_text(path)
    path.write_text(path.read_text().replace("1 2 3\n", "1 2\n3\n", 1))
    with pytest.raises(TrajectoryError, match=r"frame 0, line 8 .*three numbers"):
        read(reader)


# ---- scanning ----


def test_layouts_are_those_of_the_c_core() -> None:
    for dtype, name in (
        (blocks.BLOCK, "gd_gromos_block"),
        (blocks.FRAME, "gd_gromos_frame"),
    ):
        assert dtype.itemsize == ffi.sizeof(f"struct {name}")
        for field in dtype.names or ():
            assert dtype.fields[field][1] == ffi.offsetof(f"struct {name}", field)


def test_scan_does_not_depend_on_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = scan.scan(str(DATA / "rectangular.trc"))
    for piece in (64, 65, 100, 1000):
        monkeypatch.setattr(scan, "PIECE", piece)
        for frames in (1, 2, 1024):
            monkeypatch.setattr(scan, "_FRAMES_A_CALL", frames)
            for suffix in ("", ".gz"):
                got = scan.scan(str(DATA / f"rectangular.trc{suffix}"))
                assert all(got[x].tobytes() == expected[x].tobytes() for x in expected)


def test_files_of_one_run_join(tmp_path: Path) -> None:
    """Positions, velocities and forces, each in a file of its own."""
    paths = [tmp_path / f"md.{suffix}" for suffix in ("trc", "trv", "trf")]
    for path, name in zip(paths, ("rectangular.trc", "small.trv", "small.trf"), strict=True):
        path.write_bytes((DATA / name).read_bytes())
    parts = [gd.open_trajectory(path) for path in paths]
    ds = xr.merge(parts, join="exact", compat="equals", combine_attrs="drop_conflicts")
    fields = {"positions", "velocities", "forces", "constraint_forces", "box"}
    assert set(ds.data_vars) == fields
    assert ds.constraint_forces.attrs["units"] == "kJ mol-1 nm-1"
    for name in fields:
        part = next(part for part in parts if name in part)
        assert ds[name].values.tobytes() == part[name].values.tobytes()
    shifted = parts[1].assign_coords(time=parts[1].time + 1)
    with pytest.raises(xr.MergeError, match="time"):
        xr.merge([parts[0], shifted], join="exact", compat="equals")


@pytest.mark.parametrize("suffix", [".conf", ".conf.gz", ".CONF"])
def test_a_configuration_may_be_called_conf(tmp_path: Path, suffix: str) -> None:
    text = trc("1 2 3\n") + "GENBOX\n1\n3 3 3\n90 90 90\n0 0 0\n0 0 0\nEND\n"
    path = tmp_path / f"start{suffix}"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    opened = gd.open_trajectory(path)
    assert opened.positions.values.tolist() == [[[1.0, 2.0, 3.0]]]
    assert xr.open_dataset(path, engine="gromos").box.values[0, 0, 0] == 3.0


def test_a_conf_is_a_topology_as_a_cnf_is(reference: Path, tmp_path: Path) -> None:
    conf = reference / "mdpp/butane_vacuum/butane_vacuum.conf"
    cnf = tmp_path / "butane.cnf"
    cnf.write_bytes(conf.read_bytes())
    for one, other in (
        (gd.load_topology(conf).atom_name, gd.load_topology(cnf).atom_name),
        (gd.open_trajectory(conf).atom_name.values, gd.open_trajectory(cnf).atom_name.values),
    ):
        assert len(one) == 4
        np.testing.assert_array_equal(one, other)
