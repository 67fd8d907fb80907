from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dcd_files import Flavour, dcd
from reader_files import _THEIRS, FORMATS, write
from typer.testing import CliRunner, Result

from gromos_dist.cli.application import application
from gromos_dist.io.check import FileReport, check_files

FRAME = "TIMESTEP\n{:15d} {:14.9f}\nEND\nPOSITIONRED\n{}\n1 2 3\nEND\n"
BOX = "GENBOX\n{}\n3 3 3\n90 90 90\n0 0 0\n0 0 0\nEND\n"


def trc(path: Path, steps: list[int], **replaced: str) -> Path:
    """A trajectory; `frame3="1 2 x"` replaces the first atom of frame 3."""
    path.write_text(
        "".join(
            FRAME.format(step, step * 0.5, replaced.get(f"frame{i}", "0 0 0"))
            for i, step in enumerate(steps)
        )
    )
    return path


def checked(*paths: Path) -> list[FileReport]:
    reports, between = check_files([str(path) for path in paths], workers=2)
    assert between == []
    return reports


def said(report: FileReport) -> list[tuple[str, int | None]]:
    assert report.unreadable == ""
    return [(problem.kind, problem.frame) for problem in report.problems]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application, ["check", *map(str, arguments)])


@pytest.mark.parametrize("name", FORMATS)
def test_good_files_are_fine(tmp_path: Path, name: str) -> None:
    (report,) = checked(write(tmp_path, name))
    # The files of others have a time that stands still.
    assert all(problem.kind == "time" for problem in report.problems)
    assert report.n_frames > 0


def test_every_damaged_frame_is_named(tmp_path: Path) -> None:
    steps = list(range(500))
    path = trc(
        tmp_path / "md.trc", steps, frame3="1 2 x", frame400="******* 0 0", frame401="nan 0 0"
    )
    (report,) = checked(path)
    assert said(report) == [("damaged", 3), ("damaged", 400), ("damaged", 401)]
    line = 1 + 7 * 3 + 4
    assert f"frame 3, line {line} (byte " in report.problems[0].message
    assert "atom 0: expected three numbers, found '1 2 x'" in report.problems[0].message


def test_numbers_that_are_not_finite(tmp_path: Path) -> None:
    angstrom = np.zeros((300, 5, 3), np.float32)
    angstrom[7, 2, 1] = np.inf
    angstrom[290] = np.nan
    path = tmp_path / "md.dcd"
    path.write_bytes(dcd(angstrom, Flavour(first_step=1)))
    (report,) = checked(path)
    assert said(report) == [("not finite", 7), ("not finite", 290)]
    assert report.problems[0].message == (
        "1 of 15 numbers of positions are NaN or infinite, the first at atom 2"
    )


def test_a_field_that_a_frame_lacks_is_no_problem() -> None:
    path = _THEIRS / "coordinates" / "test.trr"
    (report,) = checked(path)
    assert said(report) == []


@pytest.mark.parametrize(
    ("steps", "frame", "message"),
    [
        ([0, 1, 2, 5, 6, 7], 3, "has a gap: step 2, 1 ps is followed by step 5, 2.5 ps"),
        ([0, 1, 2, 2, 3, 4], 3, "stands still: step 2, 1 ps"),
        ([0, 1, 2, 1, 2, 3], 3, "goes back: step 2, 1 ps is followed by step 1, 0.5 ps"),
    ],
)
def test_time(tmp_path: Path, steps: list[int], frame: int, message: str) -> None:
    (report,) = checked(trc(tmp_path / "md.trc", steps))
    assert said(report) == [("time", frame)]
    assert message in report.problems[0].message


def test_many_of_a_kind_are_counted(tmp_path: Path) -> None:
    (report,) = checked(trc(tmp_path / "md.trc", [step // 2 * 2 for step in range(100)]))
    assert len(report.problems) == 11
    assert report.problems[-1].message == "and 40 more like these"


def test_a_box_that_changes_its_kind(tmp_path: Path) -> None:
    cells = [(30.0, 0.0, 40.0, 0.0, 0.0, 50.0)] * 6
    cells[4] = (30.0, 0.1, 40.0, 0.0, 0.0, 50.0)
    path = tmp_path / "md.dcd"
    path.write_bytes(dcd(np.zeros((6, 2, 3), np.float32), Flavour(first_step=1), cells=cells))
    (report,) = checked(path)
    assert said(report) == [("box", 4), ("box", 5)]
    assert report.problems[0].message == "a triclinic box after a rectangular box"
    text = tmp_path / "md.trc"
    text.write_text(
        "".join(FRAME.format(i, i / 2, "0 0 0") + BOX.format(2 if i == 3 else 1) for i in range(6))
    )
    (report,) = checked(text)
    assert said(report) == [("damaged", 3)]
    assert "a triclinic box (GENBOX type 2), expected rectangular" in report.problems[0].message


def test_between_files(tmp_path: Path) -> None:
    files = [
        trc(tmp_path / "a.trc", [0, 1, 2, 3]),
        trc(tmp_path / "b.trc", [3, 4, 5]),
        trc(tmp_path / "c.trc", [8, 9]),
    ]
    reports, between = check_files([str(path) for path in files])
    assert not any(report.problems for report in reports)
    assert [problem.kind for problem in between] == ["time", "time"]
    assert "a.trc: frame 3 is repeated" in between[0].message
    assert "b.trc ends at 2.5 ps" in between[1].message


def test_exit_codes(tmp_path: Path) -> None:
    good = trc(tmp_path / "good.trc", [1, 2, 3])
    cut = tmp_path / "cut.trc"
    cut.write_bytes(good.read_bytes()[:-5])
    text = tmp_path / "text.trc"
    text.write_text("hello\n")
    done = run(good)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{good}: 3 frames, 2 atoms, 0.5 to 1.5 ps: fine\n",
    )
    done = run(cut, "--progress")
    assert done.exit_code == 1
    assert "2 frames, 2 atoms, 0.5 to 1 ps: 1 problem" in done.stdout
    assert "truncated: frame 2: frame 2 left out: the file ends in line" in done.stdout
    done = run(good, text, cut)
    assert done.exit_code == 2
    assert f"{text}: cannot be read: frame 0, line 1" in done.stdout
    assert "1 problem" in done.stdout
    assert run(tmp_path / "absent.trc").exit_code == 2
    assert run(tmp_path / "absent*.trc").exit_code == 2


def test_json(tmp_path: Path) -> None:
    good = trc(tmp_path / "good.trc", [1, 2, 3])
    bad = trc(tmp_path / "bad.trc", [4, 5, 6], frame1="1 2 x")
    done = run(good, bad, tmp_path / "absent.trc", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 2
    assert [file["unreadable"] for file in found["files"]] == [
        None,
        None,
        "No such file or directory",
    ]
    assert found["files"][0] == {
        "path": str(good),
        "frames": 3,
        "atoms": 2,
        "fields": ["positions", "time", "step"],
        "frames_with": {},
        "time": [0.5, 1.5],
        "problems": [],
        "unreadable": None,
    }
    (problem,) = found["files"][1]["problems"]
    assert (problem["kind"], problem["frame"]) == ("damaged", 1)
    assert "line 12 (byte" in problem["message"]
    assert found["between"] == []
