"""How long bonds last: correlations of their existence, exact, of any number of frames.

What is kept of a stretch of frames are sums for each lag, the bonds of its first and last frames
(as many as there are lags), and how long those were there that reach its ends. So memory depends on
the longest lag, not on the number of frames; all sums are of whole numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

# So many numbers are transformed at a time.
_AT_ONCE = 2**21


class Found(NamedTuple):
    """Pairs that are in reach of each other, in some frames; all arrays have one dim."""

    frames: Integers
    keys: Integers
    bonded: NDArray[np.bool_]

    def kept(self, mask: NDArray[np.bool_]) -> Found:
        """Return some of them."""
        return Found(self.frames[mask], self.keys[mask], self.bonded[mask])

    def shifted(self, n_frames: int) -> Found:
        """Return them in later frames."""
        return self._replace(frames=self.frames + n_frames)


class Existence(NamedTuple):
    """What is known of a stretch of frames."""

    n_frames: int
    remained: Integers
    """(lag,): how often a bond was there in two frames, by how far these are apart."""
    in_reach: Integers
    """(lag,): how often a pair was bonded in one and in reach in the later one."""
    lasted: Integers
    """(lag,): how often a bond was there all the time, but for those that reach an end."""
    first_frames: Integers
    first_keys: Integers
    first_bonded: NDArray[np.bool_]
    """Pairs in the first frames, as many as there are lags."""
    last_frames: Integers
    last_keys: Integers
    last_bonded: NDArray[np.bool_]
    """Pairs in the last frames."""
    begun_keys: Integers
    begun_lengths: Integers
    """Bonds of the first frame, and for how many frames they are there, if not for all."""
    ending_keys: Integers
    ending_lengths: Integers
    """Bonds of the last frame, likewise."""
    whole_keys: Integers
    """Bonds that are there in all frames."""

    @property
    def first(self) -> Found:
        """Pairs in the first frames."""
        return Found(self.first_frames, self.first_keys, self.first_bonded)

    @property
    def last(self) -> Found:
        """Pairs in the last frames."""
        return Found(self.last_frames, self.last_keys, self.last_bonded)


def existence_of(found: Found, n_frames: int, n_lags: int) -> Existence:
    """Return what is known of a block of frames: `found` rise by frames, lags count from 0."""
    bonded = found.kept(found.bonded)
    order = np.lexsort((bonded.frames, bonded.keys))
    keys, frames = bonded.keys[order], bonded.frames[order]
    begins = np.ones(len(keys), bool)
    begins[1:] = (keys[1:] != keys[:-1]) | (frames[1:] != frames[:-1] + 1)
    start = np.flatnonzero(begins)
    lengths = np.diff(np.append(start, len(keys)))
    run_keys, run_frames = keys[start], frames[start]
    at_start, at_end = run_frames == 0, run_frames + lengths == n_frames
    begun, ending, whole = at_start & ~at_end, at_end & ~at_start, at_start & at_end
    remained, in_reach = _correlations(found, found, n_frames, n_frames, n_lags, within=True)
    in_first, in_last = found.frames < n_lags, found.frames >= n_frames - n_lags
    return Existence(
        n_frames,
        remained,
        in_reach,
        _lasting(lengths[~at_start & ~at_end], n_lags),
        *found.kept(in_first),
        *found.kept(in_last),
        *(run_keys[begun], lengths[begun], run_keys[ending], lengths[ending], run_keys[whole]),
    )


def following(one: Existence, other: Existence) -> Existence:
    """Return what is known of two stretches, the second right after the first."""
    n_lags = len(one.remained)
    n_frames = one.n_frames + other.n_frames
    sizes = min(n_lags, one.n_frames), min(n_lags, other.n_frames)
    earlier = one.last.shifted(sizes[0] - one.n_frames)
    across = _correlations(earlier, other.first, *sizes, n_lags, within=False)
    first, last = one.first, other.last.shifted(one.n_frames)
    after = other.first.shifted(one.n_frames)
    first = _joined(first, after.kept(after.frames < n_lags))
    last = _joined(one.last.kept(one.last.frames >= n_frames - n_lags), last)
    runs, closed = _runs_of_both(one, other)
    lasted = one.lasted + other.lasted + _lasting(closed, n_lags)
    remained, in_reach = one.remained + across[0], one.in_reach + across[1]
    return Existence(
        n_frames,
        remained + other.remained,
        in_reach + other.in_reach,
        lasted,
        *first,
        *last,
        *runs,
    )


def all_lasting(of_all: Existence) -> Integers:
    """Return how often a bond was there all the time, by lag, also of those that reach an end."""
    n_lags = len(of_all.lasted)
    whole = np.full(len(of_all.whole_keys), of_all.n_frames)
    lengths = np.concatenate([of_all.begun_lengths, of_all.ending_lengths, whole])
    return of_all.lasted + _lasting(lengths, n_lags)


def _joined(one: Found, other: Found) -> Found:
    return Found(
        np.concatenate([one.frames, other.frames]),
        np.concatenate([one.keys, other.keys]),
        np.concatenate([one.bonded, other.bonded]),
    )


def _lasting(lengths: NDArray[Any], n_lags: int) -> Integers:
    """Return for each lag from how many frames on bonds of these lengths are there so long."""
    length, number = np.unique(lengths, return_counts=True)
    lags = np.arange(n_lags)
    total = np.zeros(n_lags, np.int64)
    for frames, times in zip(length.tolist(), number.tolist(), strict=True):
        total += times * np.maximum(frames - lags, 0)
    return total


def _runs_of_both(one: Existence, other: Existence) -> tuple[list[Integers], Integers]:
    """Return bonds that reach the ends of two stretches together, and the lengths of others."""
    before = np.concatenate([one.ending_keys, one.whole_keys])
    lengths_before = np.concatenate(
        [one.ending_lengths, np.full(len(one.whole_keys), one.n_frames)]
    )
    after = np.concatenate([other.begun_keys, other.whole_keys])
    lengths_after = np.concatenate(
        [other.begun_lengths, np.full(len(other.whole_keys), other.n_frames)]
    )
    keys = np.union1d(before, after)
    length = np.zeros(len(keys), np.int64)
    for part, lengths in ((before, lengths_before), (after, lengths_after)):
        length[np.searchsorted(keys, part)] += lengths
    # A bond that is there in a whole stretch goes on beyond it, if there was anything to join.
    reaches_start = np.isin(keys, one.whole_keys)
    reaches_end = np.isin(keys, other.whole_keys)
    whole = reaches_start & reaches_end
    begun, ending = reaches_start & ~whole, reaches_end & ~whole
    runs = [
        np.concatenate([one.begun_keys, keys[begun]]),
        np.concatenate([one.begun_lengths, length[begun]]),
        np.concatenate([other.ending_keys, keys[ending]]),
        np.concatenate([other.ending_lengths, length[ending]]),
        keys[whole],
    ]
    return runs, length[~reaches_start & ~reaches_end]


def _correlations(
    earlier: Found, later: Found, n_earlier: int, n_later: int, n_lags: int, *, within: bool
) -> tuple[Integers, Integers]:
    """Count pairs of frames, by lag, in which a pair of atoms is bonded, and bonded or in reach.

    Frames of `earlier` and `later` count from 0; `within`: they are the same, else the later ones
    follow the earlier.
    """
    bonded = earlier.kept(earlier.bonded)
    keys = np.intersect1d(bonded.keys, later.keys)
    size = 1 << int(n_earlier + n_later - 1).bit_length()
    sums = np.zeros((2, size // 2 + 1), complex)
    step = max(1, _AT_ONCE // size)
    # Backwards, so that a product of transforms counts by the sum of the frames' places.
    place = np.searchsorted(keys, bonded.keys)
    of_earlier = _those_of(keys, place, bonded.keys)
    of_later = _those_of(keys, np.searchsorted(keys, later.keys), later.keys)
    for start in range(0, len(keys), step):
        stop = min(start + step, len(keys))
        one = _transform(
            *of_earlier.chosen(n_earlier - 1 - bonded.frames, start, stop), (stop - start, size)
        )
        rows, frames = of_later.chosen(later.frames, start, stop)
        both = _transform(rows, frames, (stop - start, size))
        rows, frames = of_later.chosen(later.frames, start, stop, later.bonded)
        again = _transform(rows, frames, (stop - start, size))
        sums[0] += (one * again).sum(axis=0)
        sums[1] += (one * both).sum(axis=0)
    counted = np.rint(np.fft.irfft(sums, size)).astype(np.int64)
    found = np.zeros((2, n_lags), np.int64)
    if within:
        # A lag of nothing is where the places add up to the last frame.
        by_lag = counted[:, n_earlier - 1 : n_earlier + n_later - 1][:, :n_lags]
        found[:, : by_lag.shape[1]] = by_lag
    else:
        by_lag = counted[:, : min(n_lags - 1, n_earlier + n_later - 1)]
        found[:, 1 : 1 + by_lag.shape[1]] = by_lag
    return found[0], found[1]


class _Those(NamedTuple):
    """Which of some rows have one of the keys, and which key that is."""

    are_of: NDArray[np.bool_]
    place: Integers

    def chosen(
        self,
        frames: Integers,
        start: int,
        stop: int,
        mask: NDArray[np.bool_] | None = None,
    ) -> tuple[Integers, Integers]:
        """Return keys, from `start`, and frames of the rows with keys from `start` to `stop`."""
        rows = self.are_of & (self.place >= start) & (self.place < stop)
        rows = rows if mask is None else rows & mask
        return self.place[rows] - start, frames[rows]


def _those_of(keys: Integers, place: Integers, of: Integers) -> _Those:
    inside = np.minimum(place, max(0, len(keys) - 1))
    are_of = keys[inside] == of if len(keys) else np.zeros(len(of), bool)
    return _Those(are_of, inside)


def _transform(rows: Integers, frames: Integers, shape: tuple[int, int]) -> NDArray[Any]:
    existence = np.zeros(shape)
    existence[rows, frames] = 1.0
    return np.fft.rfft(existence, axis=1)
