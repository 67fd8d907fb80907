"""A vector in space."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class Vec3:
    """A vector in space, with components in double precision.

    Parameters
    ----------
    x, y, z : float
        Components.

    Examples
    --------
    >>> from gromos_dist import Vec3
    >>> v1, v2 = Vec3(1.0, 2.0, 3.0), Vec3(4.0, 5.0, 6.0)
    >>> v1 + v2
    Vec3(5.0000, 7.0000, 9.0000)
    >>> v1.dot(v2)
    32.0
    >>> v1.x = 5.0
    >>> round(v1.distance(v2), 6)
    4.358899
    """

    __slots__ = ("_x", "_y", "_z")

    def __init__(self, x: float, y: float, z: float) -> None:
        self._x = float(x)
        self._y = float(y)
        self._z = float(z)

    @property
    def x(self) -> float:
        """The first component."""
        return self._x

    @x.setter
    def x(self, value: float) -> None:
        self._x = float(value)

    @property
    def y(self) -> float:
        """The second component."""
        return self._y

    @y.setter
    def y(self, value: float) -> None:
        self._y = float(value)

    @property
    def z(self) -> float:
        """The third component."""
        return self._z

    @z.setter
    def z(self, value: float) -> None:
        self._z = float(value)

    def length(self) -> float:
        """Return the length."""
        return math.hypot(self._x, self._y, self._z)

    def length_squared(self) -> float:
        """Return the square of the length."""
        return self.dot(self)

    def normalize(self) -> Vec3:
        """Return the vector of length 1 in the same direction.

        Raises
        ------
        ValueError
            The length is 0, infinite or NaN: there is no direction.
        """
        length = self.length()
        if not 0.0 < length < math.inf:
            raise ValueError(f"{self!r} has no direction: its length is {length}")
        return self / length

    def dot(self, other: Vec3) -> float:
        """Return the dot product.

        Examples
        --------
        >>> Vec3(1.0, 0.0, 0.0).dot(Vec3(0.0, 1.0, 0.0))
        0.0
        """
        return self._x * other._x + self._y * other._y + self._z * other._z

    def cross(self, other: Vec3) -> Vec3:
        """Return the cross product.

        Examples
        --------
        >>> Vec3(1.0, 0.0, 0.0).cross(Vec3(0.0, 1.0, 0.0))
        Vec3(0.0000, 0.0000, 1.0000)
        """
        return Vec3(
            self._y * other._z - self._z * other._y,
            self._z * other._x - self._x * other._z,
            self._x * other._y - self._y * other._x,
        )

    def distance(self, other: Vec3) -> float:
        """Return the length of the difference."""
        return (self - other).length()

    @staticmethod
    def from_numpy(array: ArrayLike) -> Vec3:
        """Return a vector with the three numbers of an array.

        Raises
        ------
        ValueError
            The array does not have shape (3,), or not real numbers.

        Examples
        --------
        >>> import numpy as np
        >>> Vec3.from_numpy(np.array([1.0, 2.0, 3.0], dtype=np.float32))
        Vec3(1.0000, 2.0000, 3.0000)
        """
        values = np.asarray(array)
        if values.shape != (3,):
            raise ValueError(
                f"expected an array of exactly 3 elements, shape (3,), got shape {values.shape}"
            )
        if values.dtype.kind not in "fiu":
            raise ValueError(f"expected real numbers, got dtype {values.dtype}")
        return Vec3(*values.tolist())

    def to_numpy(self, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return the components as an array of shape (3,).

        Parameters
        ----------
        dtype : dtype
            Single precision unless something else is asked for: that is what most trajectories
            and `State` hold.
        """
        return np.array([self._x, self._y, self._z], dtype=dtype)

    def __add__(self, other: object) -> Vec3:
        if not isinstance(other, Vec3):
            return NotImplemented
        return Vec3(self._x + other._x, self._y + other._y, self._z + other._z)

    def __sub__(self, other: object) -> Vec3:
        if not isinstance(other, Vec3):
            return NotImplemented
        return Vec3(self._x - other._x, self._y - other._y, self._z - other._z)

    def __mul__(self, scalar: float) -> Vec3:
        if not isinstance(scalar, int | float | np.integer | np.floating):
            return NotImplemented
        factor = float(scalar)
        return Vec3(self._x * factor, self._y * factor, self._z * factor)

    __rmul__ = __mul__

    def __truediv__(self, scalar: float) -> Vec3:
        if not isinstance(scalar, int | float | np.integer | np.floating):
            return NotImplemented
        divisor = float(scalar)
        return Vec3(self._x / divisor, self._y / divisor, self._z / divisor)

    def __neg__(self) -> Vec3:
        return Vec3(-self._x, -self._y, -self._z)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vec3):
            return NotImplemented
        return (self._x, self._y, self._z) == (other._x, other._y, other._z)

    # It can change, so it is no key.
    __hash__ = None  # type: ignore[assignment]

    # NumPy's numbers leave the product with a vector to the vector.
    __array_ufunc__ = None

    def __iter__(self) -> Iterator[float]:
        return iter((self._x, self._y, self._z))

    def __reduce__(self) -> tuple[type[Vec3], tuple[float, float, float]]:
        return Vec3, (self._x, self._y, self._z)

    def __repr__(self) -> str:
        return f"Vec3({self._x:.4f}, {self._y:.4f}, {self._z:.4f})"
