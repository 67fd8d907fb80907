"""Topologies and selections of atoms."""
