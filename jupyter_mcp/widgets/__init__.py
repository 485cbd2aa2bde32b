"""Live views in a notebook: the screen and the terminal of a sandbox (anywidget)."""
