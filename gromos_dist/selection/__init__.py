"""Selections of atoms: a language, what it means, and which atoms that is."""

from gromos_dist.selection.choice import Selection, resolve, select

__all__ = ["Selection", "resolve", "select"]
