"""The sources of the C core: what CONTRIBUTING promises of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "csrc"
SOURCES = sorted([*CORE.rglob("*.c"), *CORE.rglob("*.h")])


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_the_first_line_says_what_is_in_a_file(source: Path) -> None:
    first = source.read_text().split("*/")[0]
    assert re.match(r"/\* \w.{20}", first, re.DOTALL), first[:60]


def test_every_family_is_in_the_header_that_cffi_reads() -> None:
    included = re.findall(r'#include "(gd/.+)"', (CORE / "include/gd.h").read_text())
    there = [str(path.relative_to(CORE / "include")) for path in (CORE / "include/gd").glob("*.h")]
    assert sorted(included) == sorted(there)


def test_every_source_is_compiled() -> None:
    build = (CORE / "meson.build").read_text()
    for folder in ("kernels", "formats", "simd"):
        for source in (CORE / folder).rglob("*.c"):
            assert f"'{source.relative_to(CORE)}'" in build
