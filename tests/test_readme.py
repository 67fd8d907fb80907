"""What the README shows works as it stands there."""

import re
import shlex
import shutil
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest
from conftest import AdK

import gromos_dist as gd

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def after_demo(adk: AdK, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that `make demo` leaves in demo/."""
    folder = tmp_path / "demo"
    folder.mkdir()
    for file in adk:
        shutil.copy(file, folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_example(after_demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {"__name__": "readme"})
    number, unit = capsys.readouterr().out.splitlines()[0].split()
    assert 0.6 < float(number) < 0.8
    assert unit == "nm"
    assert (after_demo / "rmsd.nc").is_file()


def test_command_lines(after_demo: Path) -> None:
    commands = [line for line in README.splitlines() if line.startswith("gromos-dist rmsd demo/")]
    assert commands
    for command in commands:
        program = Path(sys.executable).with_name("gromos-dist")
        subprocess.run([program, *shlex.split(command)[1:]], check=True)
    assert (after_demo / "rmsd.csv").stat().st_size > 0
    assert (after_demo / "rmsd.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))])
def test_names_in_the_documentation_are_there(page: str) -> None:
    """Examples are run as the documentation is built; names in sentences are not."""
    for name in re.findall(r"(?<![\w.-])gd\.([A-Za-z_][\w.]*\w)", (ROOT / page).read_text()):
        assert attrgetter(name)(gd) is not None
