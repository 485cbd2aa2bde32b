"""``jupyter mcp …``: one file for each subcommand."""
