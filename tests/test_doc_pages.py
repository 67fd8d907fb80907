"""The pages of the documentation that are made from declarations."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import gromos_dist.analysis  # noqa: F401
from gromos_dist.analysis.declare import ANALYSES

PAGES = Path(__file__).parent.parent / "docs" / "pages.py"


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", PAGES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ANALYSES)
def test_a_page_has_all_that_is_declared(pages: ModuleType, name: str) -> None:
    analysis = ANALYSES[name]
    drawn = pages.commands_with_pictures(analysis)
    page = pages.page_of(analysis, lambda command: f"help of {command}\n", pictures=drawn)
    assert page.startswith(f"# {name}\n")
    assert f".. autofunction:: {analysis.function.__module__}.{name}" in page
    for variable in analysis.results:
        assert f"| `{variable.name}` | {', '.join(variable.dims)} |" in page
    assert (f"help of {analysis.command}" in page) == (analysis.command is not None)
    for command, picture in drawn.items():
        assert f"![{command}]({picture})" in page


def test_pictures_are_drawn_by_the_commands_of_docstrings(pages: ModuleType) -> None:
    assert list(pages.commands_with_pictures(ANALYSES["rmsd"]).values()) == ["rmsd.png"]


def test_a_command_of_several_lines_is_one(pages: ModuleType) -> None:
    # One docstring is raw, the other is not.
    for name, option in (("angles", "--triple"), ("distances", "--pair")):
        (command,) = pages.commands_with_pictures(ANALYSES[name])
        assert f".psf {option} 'name CA" in command or f".png {option} 'com of" in command
        assert "\\" not in command
        assert "  " not in command


def test_the_index_lists_every_analysis_once(pages: ModuleType) -> None:
    index = pages.index_of(ANALYSES.values())
    for name in ANALYSES:
        assert index.count(f"[`{name}`]({name}.md)") == 1
