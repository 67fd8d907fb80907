"""Hydrogen bonds: by which criteria, between which atoms, how often and how long."""
