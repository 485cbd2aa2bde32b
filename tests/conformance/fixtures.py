"""The fixtures that the official conformance suite expects of a server under test.

They are a plugin like any other, installed only for the run of the suite. Names, texts and schemas
are the suite's (@modelcontextprotocol/conformance, 0.2.0-alpha.12).
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp import (
    Audio,
    Context,
    Embedded,
    Image,
    Link,
    Message,
    Text,
    ToolError,
    Toolset,
    completer,
    prompt,
    resource,
    tool,
)
from jupyter_mcp.calls import InputRequest
from jupyter_mcp.calls.events import PromptsChanged, ToolsChanged

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==")
SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
}
ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [
                {"const": "value1", "title": "First Option"},
                {"const": "value2", "title": "Second Option"},
                {"const": "value3", "title": "Third Option"},
            ],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
        },
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"const": "value1", "title": "First Choice"},
                    {"const": "value2", "title": "Second Choice"},
                    {"const": "value3", "title": "Third Choice"},
                ]
            },
        },
    },
}


def form(message: str, **fields: str) -> InputRequest:
    """Return an elicitation of required fields: their names and JSON types."""
    properties = {name: {"type": kind} for name, kind in fields.items()}
    schema = {"type": "object", "properties": properties, "required": list(fields)}
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return InputRequest("elicitation/create", params)


def sampling(text: str, tokens: int) -> InputRequest:
    """Return a request for one message of the client's model."""
    messages = [{"role": "user", "content": {"type": "text", "text": text}}]
    return InputRequest("sampling/createMessage", {"messages": messages, "maxTokens": tokens})


ROOTS = InputRequest("roots/list", {})


class Contents(Toolset):
    """Tools that return every kind of content."""

    name = "conformance_contents"

    @tool(scope="read")
    async def test_simple_text(self) -> Any:
        """Return text."""
        return Text("This is a simple text response for testing.")

    @tool(scope="read")
    async def test_image_content(self) -> Any:
        """Return an image."""
        return Image(PNG)

    @tool(scope="read")
    async def test_audio_content(self) -> Any:
        """Return a sound."""
        return Audio(WAV)

    @tool(scope="read")
    async def test_embedded_resource(self) -> Any:
        """Return an embedded resource."""
        text = "This is an embedded resource content."
        return Embedded("test://embedded-resource", text, "text/plain")

    @tool(scope="read")
    async def test_multiple_content_types(self) -> Any:
        """Return several kinds at once."""
        data = json.dumps({"test": "data", "value": 123})
        return [
            Text("Multiple content types test:"),
            Image(PNG),
            Embedded("test://mixed-content-resource", data, "application/json"),
        ]

    @tool(scope="read")
    async def test_error_handling(self) -> Any:
        """Fail."""
        raise ToolError("test", "This tool intentionally returns an error for testing")

    @tool(scope="read", input_schema=SCHEMA_2020_12)
    async def json_schema_2020_12_tool(self, **arguments: Any) -> Any:
        """Tool with JSON Schema 2020-12 features"""
        return Text(json.dumps(arguments))

    @tool(scope="read")
    async def test_x_mcp_header(
        self,
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
        query: str = "",
    ) -> Any:
        """Take an argument that is mirrored in a header."""
        return Text(f"{region} {query}")

    @resource("test://static-text", name="static-text", mime="text/plain")
    async def static_text(self) -> str:
        """A text."""
        return "This is the content of the static text resource."

    @resource("test://static-binary", name="static-binary", mime="image/png")
    async def static_binary(self) -> bytes:
        """An image."""
        return PNG

    @resource("test://watched-resource", name="watched-resource", mime="text/plain")
    async def watched(self) -> str:
        """A text to subscribe to."""
        return "Watched."

    @resource("test://template/{id}/data", name="template", mime="application/json")
    async def template(self, id: str) -> str:  # noqa: A002 - the suite's own variable
        """Data for an id."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    async def resources(self, ctx: Context) -> list[Link]:
        """List nothing beside what is decorated."""
        return await super().resources(ctx)

    @prompt()
    async def test_simple_prompt(self) -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @prompt()
    async def test_prompt_with_arguments(
        self,
        arg1: Annotated[str, Field(description="First test argument")],
        arg2: Annotated[str, Field(description="Second test argument")],
    ) -> str:
        """A prompt with two arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @prompt()
    async def test_prompt_with_embedded_resource(
        self,
        resourceUri: str,  # noqa: N803 - the suite's own name
    ) -> list[Message]:
        """A prompt that carries a resource."""
        text = "Embedded resource content for testing."
        return [
            Message(Embedded(resourceUri, text, "text/plain")),
            Message(Text("Please process the embedded resource above.")),
        ]

    @prompt()
    async def test_prompt_with_image(self) -> list[Message]:
        """A prompt that carries an image."""
        return [Message(Image(PNG)), Message(Text("Please analyze the image above."))]

    @completer("arg1")
    async def complete_arg1(self, prefix: str, given: dict[str, str]) -> list[str]:
        """Complete the first argument."""
        del given
        return [word for word in ("paris", "park", "party") if word.startswith(prefix)]


class Conversations(Toolset):
    """Tools that tell and ask while they run."""

    name = "conformance_conversations"

    @tool(scope="read")
    async def test_tool_with_logging(self, ctx: Context) -> Any:
        """Log three lines."""
        await ctx.log("info", "Tool execution started")
        await asyncio.sleep(0.05)
        await ctx.log("info", "Tool processing data")
        await asyncio.sleep(0.05)
        await ctx.log("info", "Tool execution completed")
        return Text("Logged.")

    @tool(scope="read")
    async def test_logging_tool(self, ctx: Context) -> Any:
        """Log a line."""
        await ctx.log("info", "A line of log")
        return Text("Logged.")

    @tool(scope="read")
    async def test_tool_with_progress(self, ctx: Context) -> Any:
        """Tell progress three times."""
        for done in (0, 50, 100):
            await ctx.progress(done, 100)
            await asyncio.sleep(0.05)
        return Text("Done.")

    @tool(scope="read")
    async def test_reconnection(self, ctx: Context) -> Any:
        """Answer after the stream was closed and resumed."""
        await ctx.progress(0, 1)
        await asyncio.sleep(0.1)
        return Text("Reconnection test completed.")

    @tool(scope="read")
    async def test_sampling(self, ctx: Context, prompt: str) -> Any:
        """Ask the client's model."""
        answer = await ctx.request("sampling/createMessage", sampling(prompt, 100).params)
        return Text(f"LLM response: {answer['content']['text']}")

    @tool(scope="read")
    async def test_missing_capability(self, ctx: Context) -> Any:
        """Need a client that can sample."""
        answer = await ctx.request("sampling/createMessage", sampling("Hello", 10).params)
        return Text(str(answer))

    @tool(scope="read")
    async def test_elicitation(self, ctx: Context, message: str) -> Any:
        """Ask the person."""
        answer = await ctx.ask(
            message, form("", username="string", email="string").params["requestedSchema"]
        )
        return Text(f"User response: action={answer.action}, content={dict(answer.content)}")

    @tool(scope="read")
    async def test_streaming_elicitation(self, ctx: Context) -> Any:
        """Tell progress, then ask."""
        await ctx.progress(0, 1)
        answer = await ctx.request_all({"user_name": form("What is your name?", name="string")})
        return Text(str(dict(answer)))

    @tool(scope="read")
    async def test_elicitation_sep1034_defaults(self, ctx: Context) -> Any:
        """Ask with defaults."""
        return await self._ask(ctx, DEFAULTS)

    @tool(scope="read")
    async def test_elicitation_sep1330_enums(self, ctx: Context) -> Any:
        """Ask with choices."""
        return await self._ask(ctx, ENUMS)

    @tool(scope="read")
    async def test_trigger_tool_change(self) -> Any:
        """Tell that the tools changed."""
        self.host.events.publish(ToolsChanged())
        return Text("Told.")

    @tool(scope="read")
    async def test_trigger_prompt_change(self) -> Any:
        """Tell that the prompts changed."""
        self.host.events.publish(PromptsChanged())
        return Text("Told.")

    @staticmethod
    async def _ask(ctx: Context, schema: dict[str, Any]) -> Text:
        answer = await ctx.ask("Please fill in the form.", schema)
        content = json.dumps(dict(answer.content))
        return Text(f"Elicitation completed: action={answer.action}, content={content}")


class Rounds(Toolset):
    """Tools and prompts that need several round trips (SEP-2322)."""

    name = "conformance_rounds"

    @tool(scope="read")
    async def test_input_required_result_elicitation(self, ctx: Context) -> Any:
        """Ask for a name."""
        answers = await ctx.request_all({"user_name": form("What is your name?", name="string")})
        return Text(f"Hello, {answers['user_name']['content']['name']}!")

    @tool(scope="read")
    async def test_input_required_result_sampling(self, ctx: Context) -> Any:
        """Ask the client's model."""
        question = sampling("What is the capital of France?", 100)
        answers = await ctx.request_all({"capital_question": question})
        return Text(answers["capital_question"]["content"]["text"])

    @tool(scope="read")
    async def test_input_required_result_list_roots(self, ctx: Context) -> Any:
        """Ask for the client's roots."""
        answers = await ctx.request_all({"client_roots": ROOTS})
        return Text(json.dumps(answers["client_roots"]["roots"]))

    @tool(scope="read")
    async def test_input_required_result_request_state(self, ctx: Context) -> Any:
        """Ask for a confirmation; only the right state comes back here."""
        await ctx.request_all({"confirm": form("Please confirm", ok="boolean")})
        return Text("state-ok")

    @tool(scope="read")
    async def test_input_required_result_tampered_state(self, ctx: Context) -> Any:
        """Ask for a confirmation."""
        await ctx.request_all({"confirm": form("Please confirm", ok="boolean")})
        return Text("state-ok")

    @tool(scope="read")
    async def test_input_required_result_multiple_inputs(self, ctx: Context) -> Any:
        """Ask for three things at once."""
        answers = await ctx.request_all(
            {
                "user_name": form("What is your name?", name="string"),
                "greeting": sampling("Generate a greeting", 50),
                "client_roots": ROOTS,
            }
        )
        return Text(json.dumps(sorted(answers)))

    @tool(scope="read")
    async def test_input_required_result_multi_round(self, ctx: Context) -> Any:
        """Ask twice."""
        first = await ctx.request_all({"step1": form("Step 1: What is your name?", name="string")})
        second = await ctx.request_all(
            {"step2": form("Step 2: What is your favorite color?", color="string")}
        )
        name, color = first["step1"]["content"]["name"], second["step2"]["content"]["color"]
        return Text(f"{name} likes {color}.")

    @tool(scope="read")
    async def test_input_required_result_capabilities(self, ctx: Context) -> Any:
        """Ask only what the client said it can answer."""
        asked = form("What is your name?", name="string") if ctx.can_ask else sampling("Hi", 10)
        return Text(str(dict(await ctx.request_all({"question": asked}))))

    @prompt()
    async def test_input_required_result_prompt(self, ctx: Context) -> str:
        """A prompt that asks for its context."""
        question = form("What context should the prompt use?", context="string")
        answers = await ctx.request_all({"user_context": question})
        return f"Use the context {answers['user_context']['content']['context']}."
