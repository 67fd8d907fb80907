"""Trajectory files: one module a format behind the Reader protocol."""
