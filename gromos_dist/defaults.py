"""What holds for files that are opened, at every door, unless something else is asked for."""

from typing import Final, Literal

ON_TRUNCATED: Final[Literal["raise"]] = "raise"
OVERLAP: Final[Literal["warn"]] = "warn"
