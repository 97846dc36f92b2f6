"""The list of what is asked of whom (`tools/matrix_table.py`), as a module: ``matrix``."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("matrix_table", Path(__file__).parents[2] / "tools" / "matrix_table.py")
assert _spec is not None
assert _spec.loader is not None
matrix = module_from_spec(_spec)
_spec.loader.exec_module(matrix)
