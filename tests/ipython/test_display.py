from __future__ import annotations

import base64
from typing import Any

from jupyter_mcp.ipython.display import Markdown, Table
from jupyter_mcp.ipython.result import CallResult

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()


def shown(*content: dict[str, Any], **options: Any) -> dict[str, Any]:
    return CallResult("probe", content, **options)._repr_mimebundle_()


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_plain_text_stays_plain() -> None:
    assert shown(text("a < b")) == {"text/plain": "a < b"}


def test_markdown_is_rendered() -> None:
    assert shown(text("# Title\n\n- one"))["text/markdown"] == "# Title\n\n- one"


def test_records_become_a_table() -> None:
    structured = {"path": "a.ipynb", "cells": [{"id": "x", "n": 1}, {"id": "<b>", "m": None}]}
    import json

    bundle = shown(text(json.dumps(structured)), structured=structured)
    html = bundle["text/html"]
    assert "<th style='text-align:left'>id</th>" in html
    assert "&lt;b&gt;" in html
    assert "a.ipynb" in html
    assert "<b>" not in html


def test_the_text_of_people_wins_over_structured_data() -> None:
    assert shown(text("3 cells"), structured={"cells": [{"id": "x"}]}) == {"text/plain": "3 cells"}


def test_images_are_shown_and_reachable() -> None:
    image = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
    html = shown(text("<script>"), image)["text/html"]
    assert f'src="data:image/png;base64,{PIXEL}"' in html
    assert "<script>" not in html
    (picture,) = CallResult("probe", (image,)).images
    assert picture.data == b"\x89PNG pixel"
    assert picture._repr_mimebundle_()["image/png"] == PIXEL


def test_images_of_unknown_kinds_are_not_shown() -> None:
    html = shown({"type": "image", "data": PIXEL, "mimeType": 'image/x" onerror="evil()'})
    assert "evil" not in html["text/html"]


def test_errors_are_coloured_and_escaped() -> None:
    html = shown(text("KeyError: <x>"), is_error=True)["text/html"]
    assert "--jp-error-color1" in html
    assert "&lt;x&gt;" in html


def test_links_and_embedded_text_are_shown() -> None:
    link = {"type": "resource_link", "uri": "notebook://a?x=<", "name": "whole"}
    embedded = {"type": "resource", "resource": {"uri": "x://", "text": "inside"}}
    html = shown(link, embedded)["text/html"]
    assert "notebook://a?x=&lt;" in html
    assert "inside" in html
    result = CallResult("probe", (link, embedded))
    assert result.links == ["notebook://a?x=<"]
    assert result.text == "inside"


def test_a_result_gives_its_values() -> None:
    result = CallResult("probe", (), {"cell_id": "x"})
    assert result["cell_id"] == "x"


def test_tables_line_up_in_a_terminal() -> None:
    table = Table([["a", 1], ["long", None]], ["name", "n"], "Things")
    assert repr(table) == "Things\nname  n\na     1\nlong"


def test_long_tables_are_cut_in_the_page_only() -> None:
    table = Table([[n] for n in range(500)])
    assert "… and 300 more rows" in table.to_html()
    assert table.to_text().count("\n") == 499


def test_markdown_shows_itself() -> None:
    assert Markdown("# x")._repr_mimebundle_() == {"text/plain": "# x", "text/markdown": "# x"}
