"""Commands and terminals, as a client calls them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import Principal
from support.runtimes import PERSON
from support.sandboxes import sandbox_runtime
from support.workshops import Client

BOB = Principal(
    id="user:bob",
    name="bob",
    scopes=frozenset({"read", "edit", "execute"}),
    kind="user",
    roles=("operator",),
)


class Room:
    """A sandbox and the tools around it."""

    def __init__(self, runtime: Runtime, sandbox: str) -> None:
        self.runtime = runtime
        self.sandbox = sandbox

    async def ask(
        self,
        tool: str,
        *,
        channel: Client | None = None,
        principal: Principal = PERSON,
        **arguments: Any,
    ) -> Result:
        selection = self.runtime.catalog.selection("all")
        return await self.runtime.call_tool(
            tool, arguments, principal, "test", selection=selection, channel=channel
        )

    async def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.ask(tool, **arguments)
        assert result.error is None, result.error
        assert result.structured is not None
        return result.structured

    async def refused(self, tool: str, **arguments: Any) -> ToolError:
        result = await self.ask(tool, **arguments)
        assert result.error is not None, result
        assert result.error.remedy
        return result.error

    async def run(self, command: str, **arguments: Any) -> dict[str, Any]:
        return await self.do("terminal_run", command=command, sandbox_id=self.sandbox, **arguments)

    async def until(self, terminal: str, text: str, offset: int = 0) -> tuple[str, int]:
        """Read a terminal until it has written `text`."""
        seen = ""
        async with asyncio.timeout(20):
            while text not in seen:
                news = await self.do("terminal_read", terminal_id=terminal, offset=offset, wait=5)
                seen, offset = seen + news["text"], news["offset"]
                assert news["is_open"] or text in seen, seen
        return seen, offset


@pytest.fixture(params=["process", "bubblewrap", "docker"])
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    settings: dict[str, Any] = {"toolsets": ("sandboxes", "jobs"), "output_bytes": 1000}
    if request.param == "docker":
        settings["docker_url"] = request.getfixturevalue("engine").url
    async with sandbox_runtime(tmp_path, request.param, **settings) as runtime:
        made = await Room(runtime, "").do("sandbox_create")
        yield Room(runtime, made["sandbox_id"])


@pytest.fixture
async def plain_room(tmp_path: Path) -> AsyncIterator[Room]:
    """A sandbox of a plain process, for what does not depend on the backend."""
    settings = {"toolsets": ("sandboxes", "jobs"), "output_bytes": 1000}
    async with sandbox_runtime(tmp_path, "process", **settings) as runtime:
        made = await Room(runtime, "").do("sandbox_create")
        yield Room(runtime, made["sandbox_id"])


async def test_a_command_tells_its_exit_code_and_both_streams(room: Room) -> None:
    ran = await room.run("echo out; echo err >&2; exit 3")
    assert (ran["exit_code"], ran["stdout"], ran["stderr"]) == (3, "out\n", "err\n")
    assert ran["timed_out"] is False
    assert ran["sandbox_id"] == room.sandbox


async def test_folder_variables_and_text_arrive_as_they_are(room: Room) -> None:
    ran = await room.run(
        "mkdir -p 'a b' && cd 'a b' && printf '%s|%s' \"$GREETING\" \"${PWD##*/}\"",
        env={"GREETING": "Grüße $HOME `id` '\""},
    )
    assert ran["stdout"] == "Grüße $HOME `id` '\"|a b"
    assert (await room.run("pwd", cwd="a b"))["stdout"].strip().endswith("/a b")


async def test_a_command_that_takes_too_long_is_killed_with_its_children(room: Room) -> None:
    began = time.monotonic()
    result = await room.ask(
        "terminal_run",
        command="echo begun; sleep 77.123 & sleep 77.123",
        sandbox_id=room.sandbox,
        timeout=0.5,
    )
    assert time.monotonic() - began < 30
    assert result.structured is not None
    assert result.structured["timed_out"]
    assert result.structured["stdout"] == "begun\n"
    assert result.is_error
    assert "background" in result.structured["remedy"]
    await _gone(room, "77.123")


async def test_cancelling_kills_the_whole_group_at_once(room: Room) -> None:
    client = Client()
    call = asyncio.create_task(
        room.ask(
            "terminal_run",
            channel=client,
            command="echo begun; sh -c 'sleep 66.456' ; true",
            sandbox_id=room.sandbox,
        )
    )
    async with asyncio.timeout(30):
        await client.heard.wait()
    call.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(call, return_exceptions=True)
        await _gone(room, "66.456")


async def _gone(room: Room, mark: str) -> None:
    """Wait until no process has `mark` among its arguments: the one that looks does not count."""
    spelled = f"{mark[:1]}[{mark[1:2]}]{mark[2:]}"
    async with asyncio.timeout(30):
        looked = f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'sleep {spelled}'"
        while (await room.run(looked))["stdout"].strip() != "0":
            pass


async def _runs(room: Room, command: str) -> None:
    spelled = f"[{command[0]}]{command[1:]}"
    looked = f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '{spelled}'"
    async with asyncio.timeout(30):
        while (await room.run(looked))["stdout"].strip() == "0":
            pass


async def test_output_streams_while_it_runs(room: Room) -> None:
    client = Client()
    command = "echo first; while [ ! -e go ]; do sleep 0.02; done; echo second"
    call = asyncio.create_task(
        room.ask(
            "terminal_run", channel=client, command=command, sandbox_id=room.sandbox, timeout=30
        )
    )
    await asyncio.wait_for(client.heard.wait(), 20)
    assert "first" in client.text
    assert not call.done()
    await room.run("touch go")
    result = await asyncio.wait_for(call, 20)
    assert result.structured is not None
    assert result.structured["stdout"] == "first\nsecond\n"


async def test_long_output_is_cut_and_the_whole_is_in_a_file(room: Room) -> None:
    ran = await room.run("seq 1 20000")
    text = ran["stdout"]
    assert text.startswith("1\n2\n")
    assert text.endswith("19999\n20000\n")
    assert "bytes left out" in text
    assert len(text) < 1100
    counted = await room.run(f"wc -lc < {ran['output_path']}; tail -n 1 {ran['output_path']}")
    assert counted["stdout"].split() == ["20000", str(ran["output_bytes"]), "20000"]


async def test_a_command_that_is_not_there_has_a_remedy(room: Room) -> None:
    result = await room.ask("terminal_run", command="nosuchthing --x", sandbox_id=room.sandbox)
    assert result.structured is not None
    assert result.structured["exit_code"] == 127
    assert result.is_error
    assert "install" in result.structured["remedy"]


async def test_what_a_command_leaves_in_the_background_goes_on(room: Room) -> None:
    began = time.monotonic()
    ran = await room.run("(while [ ! -e stop ]; do sleep 0.05; done; echo done > left) & echo ok")
    assert ran["stdout"] == "ok\n"
    assert time.monotonic() - began < 20
    await room.run("touch stop")
    await room.run("while [ ! -s left ]; do sleep 0.02; done", timeout=10)


async def test_colours_are_removed_for_a_model(plain_room: Room) -> None:
    ran = await plain_room.run(r"printf '\033[1;31mred\033[0m 10%%\r99%%\n'")

    assert "\x1b" not in ran["stdout"]
    assert ran["stdout"] == "99% 10%\n"


async def test_a_command_in_the_background_is_a_job(plain_room: Room) -> None:
    begun = await plain_room.run("echo working; echo done", background=True)
    assert begun["job_id"]
    job = await plain_room.do("job_get", job_id=begun["job_id"], wait=20)
    assert job["status"] == "succeeded"
    assert job["result"]["stdout"] == "working\ndone\n"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ({"command": "  "}, "invalid_arguments", "empty"),
        ({"command": "echo \0"}, "invalid_arguments", "NUL"),
        ({"command": "x" * 200_000}, "invalid_arguments", "longer"),
        ({"command": "true", "env": {"A=B": "c"}}, "invalid_arguments", "variable"),
        ({"command": "true", "cwd": "no/such"}, "not_found", "no/such"),
    ],
)
async def test_bad_commands_are_refused_in_a_line(
    plain_room: Room, arguments: dict[str, Any], code: str, told: str
) -> None:
    error = await plain_room.refused("terminal_run", sandbox_id=plain_room.sandbox, **arguments)
    assert error.code == code
    assert told in error.message


async def test_a_shell_keeps_its_state_between_calls(room: Room) -> None:
    opened = await room.do("terminal_open", sandbox_id=room.sandbox, rows=30, columns=100)
    terminal = opened["terminal_id"]
    await room.do("terminal_send", terminal_id=terminal, text="X=4; stty size", keys=["enter"])
    _, offset = await room.until(terminal, "30 100")
    await room.do("terminal_resize", terminal_id=terminal, rows=50, columns=120)
    line = "echo $((X+1))-; stty size"
    await room.do("terminal_send", terminal_id=terminal, text=line, keys=["enter"])
    seen, _ = await room.until(terminal, "50 120", offset)
    assert "5-" in seen
    listed = (await room.do("terminal_list", sandbox_id=room.sandbox))["terminals"]
    assert [(each["terminal_id"], each["rows"]) for each in listed] == [(terminal, 50)]
    await room.do("terminal_close", terminal_id=terminal)
    assert (await room.refused("terminal_read", terminal_id=terminal)).code == "not_found"


async def test_ctrl_c_interrupts_what_runs_in_a_terminal(room: Room) -> None:
    opened = await room.do("terminal_open", sandbox_id=room.sandbox)
    terminal = opened["terminal_id"]
    await room.do(
        "terminal_send", terminal_id=terminal, text="sleep 600.789; echo o''ver", keys=["enter"]
    )
    await _runs(room, "sleep 600.789")
    await room.do("terminal_send", terminal_id=terminal, keys=["ctrl-c"])
    await _gone(room, "600.789")
    assert "over\r" not in (await room.do("terminal_read", terminal_id=terminal))["text"]


async def test_a_program_that_catches_ctrl_c_goes_on(room: Room) -> None:
    caught = "trap 'echo cau''ght; exit 9' INT; echo be''gun; while :; do sleep 0.05; done"
    opened = await room.do("terminal_open", sandbox_id=room.sandbox, command=caught)
    terminal = opened["terminal_id"]
    await room.until(terminal, "begun")
    await room.do("terminal_send", terminal_id=terminal, keys=["ctrl-c"])
    await room.until(terminal, "caught")


async def test_a_terminal_with_a_command_ends_with_its_exit_code(room: Room) -> None:
    opened = await room.do(
        "terminal_open", sandbox_id=room.sandbox, command="read x; echo got $x; exit 7"
    )
    terminal = opened["terminal_id"]
    await room.do("terminal_send", terminal_id=terminal, text="it", keys=["enter"])
    await room.until(terminal, "got it")
    async with asyncio.timeout(30):
        offset = 0
        while True:
            news = await room.do("terminal_read", terminal_id=terminal, offset=offset, wait=5)
            offset = news["offset"]
            if not news["is_open"]:
                break
    assert news["exit_code"] == 7
    error = await room.refused("terminal_send", terminal_id=terminal, text="x")
    assert error.code == "conflict"


async def test_two_readers_get_the_same(plain_room: Room) -> None:
    opened = await plain_room.do(
        "terminal_open", sandbox_id=plain_room.sandbox, command="seq 1 5000", rows=10
    )

    async def read() -> str:
        text, offset = "", 0
        while True:
            news = await plain_room.do(
                "terminal_read", terminal_id=opened["terminal_id"], offset=offset, wait=5
            )
            assert news["dropped"] == 0
            text, offset = text + news["text"], news["offset"]
            if not news["is_open"]:
                return text

    first, second = await asyncio.wait_for(asyncio.gather(read(), read()), 30)
    assert first == second
    assert first.split() == [str(number) for number in range(1, 5001)]


async def test_what_was_dropped_is_told(plain_room: Room) -> None:
    opened = await plain_room.do(
        "terminal_open",
        sandbox_id=plain_room.sandbox,
        command="head -c 1500000 /dev/zero | tr '\\0' x; echo; echo end",
    )
    terminal = opened["terminal_id"]
    async with asyncio.timeout(30):
        offset, is_open = 1 << 40, True  # whoever is ahead begins at the end
        while is_open:
            news = await plain_room.do("terminal_read", terminal_id=terminal, offset=offset, wait=5)
            offset, is_open = news["offset"], news["is_open"]
    news = await plain_room.do("terminal_read", terminal_id=terminal)
    assert news["dropped"] > 400_000
    assert news["offset"] == news["dropped"] + 1000


async def test_unknown_keys_are_refused_and_nothing_is_typed(plain_room: Room) -> None:
    opened = await plain_room.do("terminal_open", sandbox_id=plain_room.sandbox, command="cat")
    terminal = opened["terminal_id"]
    error = await plain_room.refused(
        "terminal_send", terminal_id=terminal, text="x", keys=["enter", "hyper-q"]
    )
    assert (error.code, "hyper-q" in error.message) == ("invalid_arguments", True)
    assert (await plain_room.refused("terminal_send", terminal_id=terminal)).code == (
        "invalid_arguments"
    )
    assert (await plain_room.do("terminal_read", terminal_id=terminal))["text"] == ""


async def test_nobody_else_gets_at_a_terminal(plain_room: Room) -> None:
    opened = await plain_room.do("terminal_open", sandbox_id=plain_room.sandbox)
    terminal = opened["terminal_id"]
    for tool, more in (
        ("terminal_read", {}),
        ("terminal_send", {"text": "x"}),
        ("terminal_resize", {"rows": 5, "columns": 5}),
        ("terminal_close", {}),
    ):
        error = await plain_room.refused(tool, principal=BOB, terminal_id=terminal, **more)
        assert error.code == "not_found", tool
    assert (await plain_room.do("terminal_list", principal=BOB))["terminals"] == []
    error = await plain_room.refused(
        "terminal_run", principal=BOB, command="true", sandbox_id=plain_room.sandbox
    )
    assert error.code == "not_found"


async def test_terminals_go_with_their_sandbox_and_are_limited(plain_room: Room) -> None:
    ids = [
        (await plain_room.do("terminal_open", sandbox_id=plain_room.sandbox, command="cat"))[
            "terminal_id"
        ]
        for _ in range(16)
    ]
    error = await plain_room.refused("terminal_open", sandbox_id=plain_room.sandbox)
    assert error.code == "limit_reached"
    waiting = asyncio.create_task(
        plain_room.ask("terminal_read", terminal_id=ids[0], offset=0, wait=50)
    )
    result = await plain_room.ask("sandbox_destroy", sandbox_id=plain_room.sandbox)
    assert result.error is None, result.error
    assert (await asyncio.wait_for(waiting, 30)).structured["is_open"] is False  # type: ignore[index]
    assert (await plain_room.do("terminal_list"))["terminals"] == []
