"""What a tool is and how a call travels. Pure asyncio: no Jupyter, no Tornado, no MCP SDK."""

from jupyter_mcp.calls.call import Call, Channel, InputRequest, Scope, SilentChannel
from jupyter_mcp.calls.content import (
    Audio,
    Block,
    Embedded,
    Image,
    Link,
    Message,
    Reply,
    Result,
    Text,
)
from jupyter_mcp.calls.context import Answer, Context
from jupyter_mcp.calls.jobs import JobContext
from jupyter_mcp.calls.tool import completer, prompt, resource, tool
from jupyter_mcp.calls.toolset import Host, JupyterServices, Panel, Toolset

__all__ = [
    "Answer",
    "Audio",
    "Block",
    "Call",
    "Channel",
    "Context",
    "Embedded",
    "Host",
    "Image",
    "InputRequest",
    "JobContext",
    "JupyterServices",
    "Link",
    "Message",
    "Panel",
    "Reply",
    "Result",
    "Scope",
    "SilentChannel",
    "Text",
    "Toolset",
    "completer",
    "prompt",
    "resource",
    "tool",
]
