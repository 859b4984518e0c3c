"""Arrow without its stubs, which take most arrays made from numpy for arrays of booleans."""

from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

pa: Any = pyarrow
"""The pyarrow package, with ``compute``, ``csv`` and ``parquet`` imported."""
Arrow = Any
"""An Arrow array, table or type."""
