"""``python -m jupyter_mcp.commands``: the same as ``jupyter mcp``."""

import sys

from jupyter_mcp.commands.app import main

sys.exit(main())
