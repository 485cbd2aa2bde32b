"""What runs inside the sandbox: sent as text (`bundle.py`), never imported here but by tests.

Needs Xvfb, a window manager, python3-xlib and python3-pil inside, python3-gi with Atspi for clicks
by name. The files know each other and the standard library, and work from Python 3.9 on.
"""
