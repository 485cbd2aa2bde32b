"""The doctor on a running server: does it answer, in both eras, and only to those with a token."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from jupyter_mcp.commands.checks import Check, fail, ok, warn
from jupyter_mcp.commands.socket import open_socket
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.async_client import AsyncClient
from jupyter_mcp.ipython.discovery import Server

ERAS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
"""How each era is asked for, and the revision that then has to be agreed on."""


async def server(found: Server | None) -> AsyncIterator[Check]:
    """Check a server; a missing one is no failure, it may just not be started."""
    if found is None:
        yield warn("server", "no running Jupyter server was found", "Start one: jupyter lab")
        return
    about = f", files below {found.root}" if found.root else ""
    yield ok("server", f"{found.base_url} ({found.found_by}{about})")
    for mode, revision in ERAS.items():
        yield await _endpoint(found, mode, revision)
    yield await _socket(found)
    yield await _door(found)
    if (levels := await _levels(found)) is not None:
        yield levels


async def _endpoint(found: Server, mode: str, revision: str) -> Check:
    started = time.perf_counter()
    try:
        async with AsyncClient(found.url, found.token, mode=mode, embedded=False) as client:
            count = len(await client.tools())
            agreed = client.protocol
    except ToolError as error:
        return fail(f"MCP {revision}", error.message, error.remedy)
    if agreed != revision:
        return fail(
            f"MCP {revision}",
            f"the server agreed on {agreed}",
            "Restart the server after an update of the package.",
        )
    return ok(f"MCP {revision}", f"{count} tools in {time.perf_counter() - started:.2f} s")


async def _socket(found: Server) -> Check:
    try:
        (await open_socket(found)).close()
    except ToolError as error:
        return fail("WebSocket", error.message, error.remedy or "Does a proxy let it through?")
    return ok("WebSocket", "open; 'jupyter mcp connect' and the panel use it")


async def _levels(found: Server) -> Check | None:
    """Ask which isolation sandboxes can have; None where there are none, or nobody may ask."""
    url, tools = found.url, "sandboxes"
    try:
        async with AsyncClient(url, found.token, toolsets=tools, embedded=False) as client:
            levels = (await client.call("sandbox_levels"))["levels"]
            image = await _missing_image(client, levels)
    except ToolError:
        return None  # the toolset is not loaded, or the checks above have told
    usable = [each for each in levels if each["available"]]
    missing = [each for each in levels if not each["available"]]
    why = "; ".join(f"{each['isolation']}: {each['reason']}" for each in missing)
    if not usable:
        remedy = next((each["remedy"] for each in missing if each["remedy"]), "")
        return warn(
            "sandboxes",
            f"no sandbox can be made: {why or 'no backend is allowed'}",
            remedy or "Look at c.JupyterMCP.sandbox_backends and sandbox_min_isolation.",
        )
    if image:
        return warn(
            "sandboxes",
            f"the engine answers, but has no image '{image}' for containers yet",
            f"Build it: jupyter mcp image build {image.removeprefix('jupyter-mcp/')}",
        )
    told = ", ".join(f"{each['isolation']} ({each['version']})" for each in usable)
    return ok("sandboxes", f"{told}{f'; not {why}' if why else ''}")


async def _missing_image(client: AsyncClient, levels: list[dict[str, Any]]) -> str:
    """Return the image of containers that nobody has built yet; empty when there is one."""
    if not any(each["available"] and each["isolation"] == "container" for each in levels):
        return ""
    found = await client.call("image_list")
    names = {each["name"].removesuffix(":latest") for each in found["images"]}
    return "" if found["default"].removesuffix(":latest") in names else str(found["default"])


async def _door(found: Server) -> Check:
    """Try to come in without a token."""
    if not found.token:
        return warn(
            "token",
            "this server asks for no token: everybody who reaches it may run code",
            "Start it with a token; without one it also refuses most MCP clients.",
        )
    try:
        (await open_socket(replace(found, token=""))).close()
    except ToolError as error:
        if error.code in {"unauthorized", "forbidden"}:
            return ok("token", "asked for; nobody gets in without")
        return fail("token", error.message, error.remedy)
    return fail(
        "token",
        "the server let a caller without a token in",
        "Look at its IdentityProvider: jupyter server --show-config",
    )
