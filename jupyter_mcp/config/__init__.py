"""Settings: traitlets at the edge, where Jupyter reads them; one frozen dataclass inside."""

from jupyter_mcp.config.settings import Settings, state_name
from jupyter_mcp.config.traits import SettingsTraits

__all__ = ["Settings", "SettingsTraits", "state_name"]
