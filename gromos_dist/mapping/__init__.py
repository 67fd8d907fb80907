"""The one mechanism: kernels over blocks of frames.

Each analysis is a record of one of the shapes here: pure data, and callable on DataArrays.
NumPy-backed input is computed at once, Dask-backed input stays lazy; both give the same bits, for
every chunking and every scheduler.
"""

from gromos_dist.mapping.data_frames import from_pandas, to_dataframe, to_pandas
from gromos_dist.mapping.events import Events, LazyEvents
from gromos_dist.mapping.map import Fields, Map
from gromos_dist.mapping.pairs import Pairs
from gromos_dist.mapping.reduce import Reduction, reduction_block
from gromos_dist.mapping.rows import LazyRows
from gromos_dist.mapping.scan import Scan
from gromos_dist.mapping.series import Series
from gromos_dist.mapping.table import LazyTable, Table
from gromos_dist.variables import Variable

__all__ = [
    "Events",
    "Fields",
    "LazyEvents",
    "LazyRows",
    "LazyTable",
    "Map",
    "Pairs",
    "Reduction",
    "Scan",
    "Series",
    "Table",
    "Variable",
    "from_pandas",
    "reduction_block",
    "to_dataframe",
    "to_pandas",
]
