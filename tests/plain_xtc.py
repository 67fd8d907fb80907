"""XTC in plain Python, slow and simple: the numbers are bit strings and Python's own integers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# fmt: off
RANGES = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 101, 128, 161, 203, 256,
    322, 406, 512, 645, 812, 1024, 1290, 1625, 2048, 2580, 3250, 4096, 5060, 6501, 8192, 10321,
    13003, 16384, 20642, 26007, 32768, 41285, 52015, 65536, 82570, 104031, 131072, 165140, 208063,
    262144, 330280, 416127, 524287, 660561, 832255, 1048576, 1321122, 1664510, 2097152, 2642245,
    3329021, 4194304, 5284491, 6658042, 8388607, 10568983, 13316085, 16777216,
]
# fmt: on


@dataclass
class Bits:
    """Bits in the order of a stream."""

    text: str = ""
    at: int = 0

    def take(self, n: int) -> int:
        piece = self.text[self.at : self.at + n]
        assert len(piece) == n, "the bits end"
        self.at += n
        return int(piece, 2) if n else 0

    def take_mixed(self, n: int, sizes: list[int]) -> list[int]:
        value, shift = 0, 0
        while n > 0:
            value |= self.take(min(n, 8)) << shift
            n, shift = n - 8, shift + 8
        integers = []
        for size in reversed(sizes[1:]):
            value, rest = divmod(value, size)
            integers.insert(0, rest)
        return [value, *integers]

    def put(self, value: int, n: int) -> None:
        assert 0 <= value < 1 << n
        self.text += format(value, f"0{n}b") if n else ""

    def put_mixed(self, integers: list[int], n: int, sizes: list[int]) -> None:
        value = 0
        for integer, size in zip(integers, sizes, strict=True):
            value = value * size + integer
        while n > 0:
            self.put(value & (1 << min(n, 8)) - 1, min(n, 8))
            value, n = value >> 8, n - 8

    def bytes(self) -> bytes:
        text = self.text + "0" * (-len(self.text) % 8)
        return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


def bounds(low: list[int], high: list[int]) -> tuple[list[int], int]:
    """The sizes of the ranges, and the bits of three integers mixed; 0 if they are separate."""
    sizes = [int(b) - int(a) + 1 for a, b in zip(low, high, strict=True)]
    if max(sizes) > 0xFFFFFF:
        return sizes, 0
    return sizes, (sizes[0] * sizes[1] * sizes[2]).bit_length()


@dataclass
class Frame:
    """A frame: its header, and its coordinates as integers or, uncompressed, as float32."""

    step: int
    time: float
    box: Any
    precision: float
    integers: Any
    floats: Any
    runs: list[int] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)

    @property
    def single(self) -> Any:
        if self.floats is not None:
            return self.floats
        inverse = np.float32(1) / np.float32(self.precision)
        return np.array(self.integers, np.int32).astype(np.float32) * inverse

    @property
    def double(self) -> Any:
        if self.floats is not None:
            return self.floats.astype(float)
        return np.array(self.integers, float) / self.precision


def decode(content: bytes) -> list[Frame]:
    return list(each_frame(content))


def each_frame(content: bytes) -> Iterator[Frame]:
    at = 0
    while at < len(content):
        magic, n_atoms, step, time = struct.unpack_from(">3if", content, at)
        assert magic in (1995, 2023)
        box = np.frombuffer(content, ">f4", 9, at + 16).reshape(3, 3)
        assert struct.unpack_from(">i", content, at + 52) == (n_atoms,)
        at += 56
        if n_atoms <= 9:
            floats = np.frombuffer(content, ">f4", 3 * n_atoms, at).reshape(-1, 3)
            yield Frame(step, time, box, 0, None, floats.astype(np.float32))
            at += 12 * n_atoms
            continue
        precision, *rest, small = struct.unpack_from(">f7i", content, at)
        low, high = rest[:3], rest[3:]
        size_format = ">i" if magic == 1995 else ">q"
        (size,) = struct.unpack_from(size_format, content, at + 32)
        at += 32 + struct.calcsize(size_format)
        bits = Bits("".join(format(byte, "08b") for byte in content[at : at + size]))
        frame = Frame(step, time, box, precision, [], None)
        _decode_groups(frame, bits, n_atoms, low, high, small)
        assert (bits.at + 7) // 8 == size
        yield frame
        at += size + -size % 4


def _decode_groups(
    frame: Frame, bits: Bits, n_atoms: int, low: list[int], high: list[int], small: int
) -> None:
    sizes, n_bits = bounds(low, high)
    atoms, run = frame.integers, 0
    while len(atoms) < n_atoms:
        if n_bits:
            integers = bits.take_mixed(n_bits, sizes)
        else:
            integers = [bits.take(size.bit_length()) for size in sizes]
        first = [a + b for a, b in zip(integers, low, strict=True)]
        change = 0
        if bits.take(1):
            told = bits.take(5)
            run, change = told // 3, told % 3 - 1
        before = first
        group = []
        for _ in range(run):
            some = bits.take_mixed(small, [RANGES[small]] * 3)
            before = [b + d - RANGES[small] // 2 for b, d in zip(before, some, strict=True)]
            group.append(before)
        group.insert(1, first)
        atoms += group
        frame.runs.append(run)
        frame.changes.append(change)
        small += change
    assert len(atoms) == n_atoms


@dataclass
class Group:
    """What an encoder is free to choose."""

    run: int
    change: int = 0
    told: bool = True


def encode(
    integers: Any,
    groups: list[Group],
    small: int,
    *,
    low: list[int] | None = None,
    high: list[int] | None = None,
    magic: int = 1995,
    precision: float = 1000.0,
    step: int = 0,
    time: float = 0.0,
    box: Any = None,
) -> bytes:
    """A frame with these groups; the differences have to fit the ranges."""
    atoms = np.asarray(integers).tolist()
    low = np.min(integers, axis=0).tolist() if low is None else low
    high = np.max(integers, axis=0).tolist() if high is None else high
    sizes, n_bits = bounds(low, high)
    bits, at, start = Bits(), 0, small
    for group in groups:
        members = atoms[at : at + group.run + 1]
        at += group.run + 1
        if group.run:
            members[:2] = members[1::-1]
        shifted = [a - b for a, b in zip(members[0], low, strict=True)]
        if n_bits:
            bits.put_mixed(shifted, n_bits, sizes)
        else:
            for value, size in zip(shifted, sizes, strict=True):
                bits.put(value, size.bit_length())
        bits.put(int(group.told), 1)
        if group.told:
            bits.put(3 * group.run + group.change + 1, 5)
        before = members[0]
        for member in members[1:]:
            half = RANGES[small] // 2
            shifted = [a - b + half for a, b in zip(member, before, strict=True)]
            assert all(0 <= d < RANGES[small] for d in shifted)
            bits.put_mixed(shifted, small, [RANGES[small]] * 3)
            before = member
        small += group.change
    assert at == len(atoms)
    data = bits.bytes()
    matrix = np.zeros((3, 3)) if box is None else np.asarray(box)
    head = struct.pack(">3if", magic, at, step, time) + matrix.astype(">f4").tobytes()
    head += struct.pack(">if7i", at, precision, *low, *high, start)
    head += struct.pack(">i" if magic == 1995 else ">q", len(data))
    return head + data + b"\0" * (-len(data) % 4)


def encode_small(positions: Any, step: int = 0, time: float = 0.0, magic: int = 1995) -> bytes:
    """A frame of at most 9 atoms, without a box."""
    n_atoms = len(positions)
    head = struct.pack(">3if36xi", magic, n_atoms, step, time, n_atoms)
    return head + np.asarray(positions).astype(">f4").tobytes()
