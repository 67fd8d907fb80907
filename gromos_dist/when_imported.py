"""To do something as soon as another module is imported, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def when_imported(name: str, action: Callable[[], object]) -> None:
    """Call `action` once the module `name` is there: at once if it is, else after its import."""
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Watch(name, action))


class _Watch(MetaPathFinder):
    """Finds a module where it would be found anyway, to act after its execution."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self.name = name
        self.action = action

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the module that is waited for, None for others."""
        if fullname != self.name:
            return None
        others = (f for f in sys.meta_path if f is not self and hasattr(f, "find_spec"))
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader, self.done)
        return spec

    def done(self) -> None:
        """Watch no longer, and act."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            self.action()


class _Then(Loader):
    """Loads with another loader, and does something afterwards."""

    def __init__(self, loader: Loader, afterwards: Callable[[], None]) -> None:
        self.loader = loader
        self.afterwards = afterwards

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as the other loader does."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, which never learns of this loader."""
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        self.afterwards()
