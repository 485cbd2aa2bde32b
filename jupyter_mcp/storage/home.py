"""Whose workflows are whose, where several servers keep theirs in one database.

A run's tools are called at the server that it was started on, with files that lie there. So a run
has a home, which no other server or worker looks at: the state folder, which stands for the root,
and below JupyterHub the user. Replicas of a server have one home, as do a user's named servers with
one root.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_HUB_VARIABLES = ("JUPYTERHUB_BASE_URL", "JUPYTERHUB_USER")


def home_of(state: Path, database_url: str) -> str:
    """Return the home of what is begun with a state folder; empty where the database is its own."""
    if not database_url:
        return ""
    whose = "\n".join(os.environ.get(name, "") for name in _HUB_VARIABLES)
    return hashlib.sha256(f"{state.name}\n{whose}".encode()).hexdigest()[:16]
