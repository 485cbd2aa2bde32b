"""The built-in toolsets, found by entry point like anybody else's."""
