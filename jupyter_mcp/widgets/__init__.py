"""Live views in a notebook: the screen and the terminal of a sandbox.

They are anywidgets, so they work in JupyterLab, Notebook, VS Code and Colab alike. A view talks to
its widget in the kernel in messages, and the widget to the server as any other client does: what
the person types or clicks becomes calls of the same tools that agents use.
"""
