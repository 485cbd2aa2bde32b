"""When a file was changed, by a clock that no program sets back.

What copies, unpacks or restores files sets their time to what it was elsewhere, so another text of
the same length can come with the same time. The system notes that as well, in the file's inode.
"""

from __future__ import annotations

import os


def changed_ns(state: os.stat_result) -> int:
    """Return when a file, or what the system keeps of it, was changed last.

    A file that only got other permissions counts as changed too; its digest then tells that it is
    the same. The time of the text counts where a file system keeps no other.
    """
    return max(state.st_mtime_ns, state.st_ctime_ns)
