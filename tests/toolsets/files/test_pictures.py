from __future__ import annotations

import io

from PIL import Image

from jupyter_mcp.toolsets.files.pictures import MOST_PIXELS, scaled


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


def test_a_small_file_that_unpacks_to_a_huge_picture_is_not_opened() -> None:
    data = png(10_000, MOST_PIXELS // 10_000 + 1)
    assert len(data) < 1_000_000
    assert scaled(data, 1000) is None


def test_a_picture_is_made_as_small_as_was_asked() -> None:
    found = scaled(png(4000, 2000), 1000)
    assert found is not None
    with Image.open(io.BytesIO(found[0])) as image:
        assert image.size == (1000, 500)
