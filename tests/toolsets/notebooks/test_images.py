"""Pictures for a model."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from jupyter_mcp.toolsets.notebooks import images
from jupyter_mcp.toolsets.notebooks.images import scaled


def picture(kind: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def test_a_small_picture_stays_as_it_is() -> None:
    data = picture("PNG", (640, 480))
    small = scaled(data, "image/png", 1024)
    assert small is not None
    assert (small.data, small.mime, small.whole) == (data, "image/png", True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_large_picture_is_scaled(mode: str) -> None:
    small = scaled(picture("PNG", (4000, 1000), mode), "image/png", 1024)
    assert small is not None
    assert (size_of(small.data), small.mime, small.whole) == ((1024, 256), "image/png", False)


def test_a_photo_stays_a_photo() -> None:
    small = scaled(picture("JPEG", (1000, 3000)), "image/jpeg", 300)
    assert small is not None
    assert (size_of(small.data), small.mime) == ((100, 300), "image/jpeg")


def test_a_heavy_picture_becomes_lighter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 10_000)
    buffer = io.BytesIO()
    noise = Image.effect_noise((800, 800), 80).convert("RGBA")
    noise.save(buffer, "PNG")
    small = scaled(buffer.getvalue(), "image/png", 1024)
    assert small is not None
    assert small.mime == "image/jpeg"
    assert len(small.data) < len(buffer.getvalue())


@pytest.mark.parametrize("data", [b"", b"not a picture", picture("PNG", (9, 9))[:40]])
def test_a_broken_picture_is_told(data: bytes) -> None:
    assert scaled(data, "image/png", 1024) is None


def test_a_bomb_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    assert scaled(picture("PNG", (100, 100)), "image/png", 1024) is None
