"""How results are written, and how a killed run goes on where it stopped."""

from gromos_dist.store.results import open_store, store

__all__ = ["open_store", "store"]
