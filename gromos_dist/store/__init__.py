"""How results are written, and how a killed run goes on where it stopped."""

from gromos_dist.store.results import check_storable, open_store, store

__all__ = ["check_storable", "open_store", "store"]
