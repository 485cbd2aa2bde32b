"""Notebooks that a person has open in JupyterLab."""

from __future__ import annotations

import nbformat.v4
from playwright.async_api import Page, expect

from support.server import JupyterServer

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(server: JupyterServer, name: str, *cells: nbformat.NotebookNode | str) -> str:
    """Write a notebook with these cells, of which a text is one of code, and return its name."""
    made = [nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    whole = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": KERNEL})
    nbformat.write(whole, server.root / name)
    return name


async def run(page: Page, *numbers: int) -> None:
    """Run cells by their number from 1, as a person does."""
    await page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    for number in numbers:
        cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number - 1)
        await cell.locator(".cm-content").click()
        await page.keyboard.press("Control+Enter")
        prompt = cell.locator(".jp-InputArea-prompt")
        await expect(prompt).to_have_text(f"[{number}]:", timeout=60_000)
