"""The floors that CONTRIBUTING describes are the layers that import-linter enforces."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The package itself, which imports from all floors what its names stand for.
ABOVE_ALL = {"__init__"}


def layers() -> list[set[str]]:
    """The layers of pyproject.toml, from the top; each the names of its modules."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    [contract] = [some for some in contracts if some["name"] == "imports point down the floors"]
    return [set(re.findall(r"gromos_dist\.(\w+)", layer)) for layer in contract["layers"]]


def floors() -> dict[int, set[str]]:
    """The table of CONTRIBUTING.md: the number of a floor, and the modules on it."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split("## The floors")[1].split("\n## ")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines() if re.match(r"\| \d", row)]
    found = {int(number): set(re.findall(r"`(\w+)(?:/|\.py)`", where)) for number, where in rows}
    csrc = found.pop(min(found))
    assert csrc == {"csrc"}
    return found


def modules() -> set[str]:
    """The modules and packages of gromos_dist."""
    package = ROOT / "gromos_dist"
    found = {path.stem for path in package.glob("*.py")}
    found |= {path.parent.name for path in package.glob("*/__init__.py")}
    return found - ABOVE_ALL


def test_every_module_stands_on_one_floor() -> None:
    described = [name for names in floors().values() for name in names]
    enforced = [name for names in layers() for name in names]
    assert sorted(described) == sorted(modules())
    assert sorted(enforced) == sorted(modules())


def test_the_floors_are_in_the_order_of_the_layers() -> None:
    height = {name: -i for i, names in enumerate(layers()) for name in names}
    table = floors()
    for upper, lower in zip(sorted(table)[1:], sorted(table), strict=False):
        assert lower < upper
        assert min(height[name] for name in table[upper]) > max(
            height[name] for name in table[lower]
        ), (upper, lower)
