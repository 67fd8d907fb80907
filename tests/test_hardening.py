"""How the extension is linked: what an overrun could overwrite is read-only once it is loaded."""

import struct
from pathlib import Path

from gromos_dist import _core

_DYNAMIC, _RELRO = 2, 0x6474E552
_BIND_NOW, _FLAGS, _FLAGS_1 = 24, 30, 0x6FFFFFFB


def program_headers(elf: bytes) -> dict[int, tuple[int, int]]:
    """Return offset and size of each kind of segment of a 64-bit little-endian file."""
    assert elf[:6] == b"\x7fELF\x02\x01"
    start, size, count = struct.unpack_from("<Q14xHH", elf, 32)
    headers = [struct.unpack_from("<I4xQ16xQ", elf, start + size * i) for i in range(count)]
    return {kind: (offset, length) for kind, offset, length in headers}


def test_what_is_linked_is_bound_at_once_and_read_only() -> None:
    elf = Path(_core.__file__).read_bytes()
    segments = program_headers(elf)
    assert _RELRO in segments
    offset, length = segments[_DYNAMIC]
    entries = dict(struct.iter_unpack("<qQ", elf[offset : offset + length]))
    now = entries.get(_FLAGS, 0) & 8 or entries.get(_FLAGS_1, 0) & 1 or _BIND_NOW in entries
    assert now


def test_functions_with_buffers_look_after_their_stack() -> None:
    assert b"__stack_chk_fail" in Path(_core.__file__).read_bytes()
