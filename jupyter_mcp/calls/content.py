"""What a call answers: blocks for people and models, structured content for programs.

The classes here are plain data; each door turns them into its own form (MCP content blocks, a MIME
bundle in a notebook, JSON of the HTTP API).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from jupyter_mcp.errors import ToolError

T = TypeVar("T")

UNTRUSTED = "jupyter-mcp/untrusted"
"""The key of ``_meta`` by which a result says that it may carry what strangers wrote."""


@dataclass(frozen=True, slots=True)
class Text:
    """A block of plain text or Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image, already scaled to what a model can use.

    Args:
        data: The encoded image.
        mime: Its MIME type, such as ``image/png``.
    """

    data: bytes
    mime: str = "image/png"


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound clip.

    Args:
        data: The encoded sound.
        mime: Its MIME type, such as ``audio/wav``.
    """

    data: bytes
    mime: str = "audio/wav"


@dataclass(frozen=True, slots=True)
class Link:
    """A pointer to a resource that the client may read when it wants the whole."""

    uri: str
    name: str
    mime: str | None = None
    description: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The contents of a resource, carried in the answer itself."""

    uri: str
    data: str | bytes
    mime: str | None = None


Block = Text | Image | Audio | Link | Embedded


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    content: Block
    role: Literal["user", "assistant"] = "user"


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What a tool returns when the text for people should differ from the structured value.

    Args:
        value: The structured value; it must fit the tool's output schema.
        content: The blocks to show.
        is_error: True when the call did its work and the outcome is a failure (a cell raised).
        meta: Extra keys for the result's ``_meta``.
        job: The job by which the work goes on; empty when it is done. A client that knows MCP's
            tasks gets the job as one.
    """

    value: T
    content: Sequence[Block] = ()
    is_error: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)
    job: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the corridor returns to every door.

    Args:
        content: Blocks to show; never empty.
        structured: The JSON object that fits the output schema, if the tool has one.
        is_error: Whether the call failed.
        error: The error behind a failure of the corridor or the tool.
        value: The raw value of a resource, prompt or completion.
        meta: Extra keys for the result's ``_meta``.
        job: The job by which the work goes on; empty when it is done.
    """

    content: Sequence[Block] = ()
    structured: dict[str, Any] | None = None
    is_error: bool = False
    error: ToolError | None = None
    value: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    job: str = ""

    @property
    def is_untrusted(self) -> bool:
        """Whether it may carry what strangers wrote."""
        return bool(self.meta.get(UNTRUSTED))

    def untrusted(self) -> Result:
        """Return it with the word that it may carry what strangers wrote."""
        return self if self.is_untrusted else replace(self, meta={**self.meta, UNTRUSTED: True})

    @classmethod
    def from_error(cls, error: ToolError) -> Result:
        """Make the failed result that tells `error` to people and programs.

        A diff among the error's data is a block of its own, for clients that show text only.
        """
        diff = error.data.get("diff")
        return cls(
            content=(Text(str(error)), *((Text(diff),) if isinstance(diff, str) else ())),
            structured={"error": error.to_json()},
            is_error=True,
            error=error,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form used by the HTTP API and the job store."""
        answer: dict[str, Any] = {
            "is_error": self.is_error,
            "content": [block_to_json(block) for block in self.content],
        }
        if self.structured is not None:
            answer["structured"] = self.structured
        if self.job:
            answer["job"] = self.job
        if self.is_untrusted:
            answer["untrusted"] = True
        return answer

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Rebuild a result that `to_json` wrote."""
        return cls(
            content=tuple(block_from_json(block) for block in data["content"]),
            structured=data.get("structured"),
            is_error=bool(data["is_error"]),
            job=data.get("job", ""),
            meta={UNTRUSTED: True} if data.get("untrusted") else {},
        )


def block_to_json(block: Block) -> dict[str, Any]:
    """Return `block` in the form of MCP's ContentBlock (specification 2026-07-28, server/tools)."""
    match block:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(data, mime) | Audio(data, mime):
            kind = "image" if isinstance(block, Image) else "audio"
            return {"type": kind, "data": base64.b64encode(data).decode(), "mimeType": mime}
        case Link():
            return _link_to_json(block)
        case Embedded():
            return {"type": "resource", "resource": contents_to_json(block)}


def contents_to_json(block: Embedded) -> dict[str, Any]:
    """Return an embedded resource as MCP's ResourceContents."""
    contents: dict[str, Any] = {"uri": block.uri}
    if block.mime:
        contents["mimeType"] = block.mime
    if isinstance(block.data, str):
        return contents | {"text": block.data}
    return contents | {"blob": base64.b64encode(block.data).decode()}


def _link_to_json(link: Link) -> dict[str, Any]:
    optional = {"mimeType": link.mime, "description": link.description, "size": link.size}
    return {
        "type": "resource_link",
        "uri": link.uri,
        "name": link.name,
        **{key: value for key, value in optional.items() if value is not None},
    }


def block_from_json(data: Mapping[str, Any]) -> Block:
    """Rebuild a block that `block_to_json` wrote.

    Raises:
        ValueError: If the type is none of ours.
    """
    match data["type"]:
        case "text":
            return Text(data["text"])
        case "image":
            return Image(base64.b64decode(data["data"]), data["mimeType"])
        case "audio":
            return Audio(base64.b64decode(data["data"]), data["mimeType"])
        case "resource_link":
            return Link(
                uri=data["uri"],
                name=data["name"],
                mime=data.get("mimeType"),
                description=data.get("description"),
                size=data.get("size"),
            )
        case "resource":
            return _embedded_from_json(data["resource"])
        case other:
            msg = f"unknown content block type {other!r}"
            raise ValueError(msg)


def _embedded_from_json(contents: Mapping[str, Any]) -> Embedded:
    data = contents["text"] if "text" in contents else base64.b64decode(contents["blob"])
    return Embedded(uri=contents["uri"], data=data, mime=contents.get("mimeType"))


def text_of(value: Any) -> str:
    """Return the text that stands for a structured value where a tool gave none of its own."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
