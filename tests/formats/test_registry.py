"""The registry of formats, and what else names formats: help and documentation."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from gromos_dist.cli import options
from gromos_dist.io.registry import ENGINES, FORMATS, READABLE, WRITABLE, Format, load
from gromos_dist.io.writer import writable_format

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("some", FORMATS, ids=lambda some: some.name)


def test_every_suffix_stands_once() -> None:
    suffixes = [suffix for some in FORMATS for suffix in some.suffixes]
    assert sorted(suffixes) == sorted(READABLE) == sorted(set(suffixes))
    assert set(WRITABLE) == set(READABLE) - {".conf"}


@each
def test_what_reads_and_what_writes_stand_in_one_place(some: Format) -> None:
    """One module, or one package."""
    places = [load(reference).__module__ for reference in (some.opener, some.encoder)]
    packages = {place.rpartition(".")[0] for place in places}
    assert places[0] == places[1] or packages not in ({"gromos_dist.io.formats"}, set())
    assert len(packages) == 1


def test_every_engine_is_there() -> None:
    assert all(callable(load(reference)) for reference in ENGINES.values())


@each
def test_gz_may_follow_where_it_is_said(some: Format) -> None:
    for suffix in some.suffixes:
        is_written = suffix not in some.read_only
        assert (writable_format(f"MD{suffix.upper()}") is some) == is_written
        is_packed = writable_format(f"md{suffix}.gz") is some
        assert is_packed == (is_written and some.compressible)


@each
@pytest.mark.parametrize("argument", [options.Files, options.FilesToCheck])
def test_the_help_names_every_format(some: Format, argument: object) -> None:
    text = get_args(argument)[1].help
    assert some.name in text
    if len(some.suffixes) > 2:
        assert all(suffix in text for suffix in some.suffixes)


@each
def test_the_documentation_names_every_suffix(some: Format) -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    assert all(f"`{suffix}`" in text for suffix in some.suffixes)
