"""Kernels of the C core: NumPy in, NumPy out."""
