"""Memory for a body that is still to come: cheap to fill, returned to the system at once, and only claimed until then.

Anonymous maps cost nothing before a byte lies in them, so a client that declares 64 MiB and sends nothing takes none.
Large ones ask for huge pages: four page faults instead of two thousand for 8 MB, which cost more than the copy.
"""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress
from typing import Final

_HUGE: Final = 2 * 1024 * 1024


def body_memory(length: int) -> memoryview:
    """Room for ``length`` bytes, which must be more than none. Raises OSError where the system refuses."""
    # The last page is huge only if the body fills half of it. Kernels align only whole multiples of the page.
    huge = (length + _HUGE // 2) // _HUGE * _HUGE
    size = -(-length // _HUGE) * _HUGE if huge else length
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if huge and sys.platform == "linux":
        with suppress(OSError):  # a kernel without them
            area.madvise(mmap.MADV_HUGEPAGE, 0, huge)
    return memoryview(area)[:length]
