"""Addresses and code that stand in a spec as they are."""

from __future__ import annotations

import pytest

from support.specs import HEAD, told

CODE = "- {id: p, kind: processing, sandbox_id: s, code: %s}"
TELLS = "- {id: t, kind: notification, body: b, channel: %s, to: %s}"


@pytest.mark.parametrize(
    "node",
    [
        CODE % '"def run(input):\\n    return 1"',
        CODE % '"run = len"',
        CODE % '"from work import main as run"',
        CODE % '"from work import *"',
        CODE % '"if True:\\n    async  def run(input): pass"',
        CODE % r'"def run(input): return input is 1, \"\\d\""',
        CODE % f'"def run(input): return {"-" * 100_000}1"',
        TELLS % ("webhook", "'https://example.org:8443/hook?a=b'"),
        TELLS % ("webhook", "'${parameters.path}'"),
        TELLS % ("email", "'ann@example.org, Bob <bob@example.org>'"),
        TELLS % ("panel", "anybody"),
    ],
)
def test_what_can_be_reached_and_run_is_right(node: str) -> None:
    assert told(HEAD + node) == []


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            CODE % '"result = 1"',
            "code (line 8, column 44): The code defines no function run(input)",
        ),
        (CODE % '"def main(input): return 1"', "Write 'def run(input): return …'."),
        (CODE % '"import subprocess\\nsubprocess.run([])"', "defines no function"),
        (CODE % '"run(1)"', "defines no function"),
        (
            CODE % r'"def run(input):\n    return (input"',
            "code (line 8, column 44): The code is no Python: '(' was never closed (line 2 of it).",
        ),
        (CODE % r'"def run(input): pass\nreturn 1"', "'return' outside function (line 2 of it)"),
        (CODE % r'"%matplotlib inline\ndef run(input): pass"', "magics of notebooks are no Python"),
        (TELLS % ("webhook", "example.org/hook"), "'example.org/hook' is no address of the web."),
        (TELLS % ("webhook", "'ftp://example.org'"), "Write it as in 'https://example.org/hook'."),
        (TELLS % ("webhook", "'https://a b'"), "to (line 8"),
        (TELLS % ("webhook", "'http://[x'"), "is no address of the web"),
        (TELLS % ("email", "ann"), "'ann' is no mail address. Write it as in 'ann@example.org'."),
        (TELLS % ("email", "'ann@example.org, bob'"), "no mail address"),
        (TELLS % ("email", f"'{'(' * 9_000}'"), "no mail address"),
    ],
)
def test_what_is_neither_address_nor_function_is_refused(node: str, message: str) -> None:
    (found,) = told(HEAD + node)
    assert found.startswith("nodes[1].")
    assert message in found
    mapped = node.replace("- {id: p,", "{").replace("- {id: t,", "{")
    (found,) = told(f"{HEAD}- {{id: m, kind: map, over: [1], node: {mapped}}}")
    assert found.startswith("nodes[1].node.")


def test_a_webhook_to_a_host_that_is_not_listed_is_refused() -> None:
    to = "'https://Hooks.Example.org:8443/x'"
    node = TELLS % ("webhook", to)
    notice = f"notify:\n- {{channel: webhook, to: {to}, body: b}}\n"
    text = f"{HEAD}{node}\n{notice}"
    assert told(text) == [], "where nobody knows the hosts"
    assert told(text, webhooks=("*.EXAMPLE.org",)) == []
    first, second = told(text, webhooks=["example.org"])
    assert first == (
        "nodes[1].to (line 8, column 58): Notifications are not sent to 'hooks.example.org'. "
        "Let the administrator add it to c.JupyterMCP.workflow_webhook_hosts."
    )
    assert second.startswith("notify[0].to (line 10")
    (once,) = told(HEAD + TELLS % ("webhook", "example.org/hook"), webhooks=())
    assert "is no address" in once, "and that it is not listed says nothing more"
    assert told(HEAD + TELLS % ("webhook", "'${parameters.path}'"), webhooks=()) == []
    assert told(HEAD + TELLS % ("email", "ann@example.org"), webhooks=()) == []


def test_a_notice_to_no_address_is_refused() -> None:
    (found,) = told(HEAD + "notify:\n- {channel: email, to: ann, body: b}\n")
    assert found.startswith("notify[0].to (line 9")
