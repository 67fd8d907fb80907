"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil
import warnings
from pathlib import Path

import pytest

import gromos_dist

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def _examples() -> list[doctest.DocTest]:
    modules = [gromos_dist]
    for info in pkgutil.walk_packages(gromos_dist.__path__, "gromos_dist."):
        if info.name.rpartition(".")[2] not in {"_core", "__main__"}:
            modules.append(importlib.import_module(info.name))
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for module in modules for test in finder.find(module) if test.examples]
    assert found, "no docstring has an example"
    return found


@pytest.mark.parametrize("example", _examples(), ids=lambda example: str(example.name))
def test_docstring(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests").mkdir()
    Path("tests/data").symlink_to(Path(__file__).parent / "data")
    with warnings.catch_warnings():
        # MDAnalysisTests, where examples get their files from, warns about itself.
        warnings.filterwarnings("default", module="MDAnalysis")
        result = doctest.DocTestRunner(optionflags=FLAGS).run(example)
    assert result.failed == 0, "see the doctest report above"
