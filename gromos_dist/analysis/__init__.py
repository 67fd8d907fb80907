"""Analyses: xarray in, xarray out, lazy."""
