"""Pictures of results: series, matrices, profiles, bars, radial distributions, energies."""

from gromos_dist.plot.bars import plot_bars
from gromos_dist.plot.blocks import plot_block_errors
from gromos_dist.plot.contacts import plot_contacts
from gromos_dist.plot.curves import plot_curves
from gromos_dist.plot.events import number_of_events
from gromos_dist.plot.groups import MOST_PAIRS, plot_groups, plot_pairs
from gromos_dist.plot.matrix import plot_matrix
from gromos_dist.plot.panels import MOST_TERMS, plot_parts, plot_terms
from gromos_dist.plot.profile import plot_profile
from gromos_dist.plot.radial import plot_radial_distribution
from gromos_dist.plot.series import plot_time_series
from gromos_dist.plot.style import SUFFIXES
from gromos_dist.plot.timeline import MOST_ROWS, plot_timeline
from gromos_dist.plot.torsions import plot_torsions, plot_transitions
from gromos_dist.plot.wording import name_of

__all__ = [
    "MOST_PAIRS",
    "MOST_ROWS",
    "MOST_TERMS",
    "SUFFIXES",
    "name_of",
    "number_of_events",
    "plot_bars",
    "plot_block_errors",
    "plot_contacts",
    "plot_curves",
    "plot_groups",
    "plot_matrix",
    "plot_pairs",
    "plot_parts",
    "plot_profile",
    "plot_radial_distribution",
    "plot_terms",
    "plot_time_series",
    "plot_timeline",
    "plot_torsions",
    "plot_transitions",
]
