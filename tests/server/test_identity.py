"""Who a login of a site's own is, on a real server."""

from __future__ import annotations

from pathlib import Path

from support.identities import LOGIN
from support.server import JupyterServer

POLICY = """\
subjects:
  - {who: "user:ann", roles: [admin]}
  - {who: "user:bob", roles: [operator]}
"""
XSRF = {"Cookie": "_xsrf=0123456789abcdef", "X-XSRFToken": "0123456789abcdef"}


def test_an_appointed_person_answers_in_the_browser_and_their_token_does_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    config = {
        "ServerApp": {"identity_provider_class": "support.identities.Directory"},
        "JupyterMCP": {"policy_file": str(tmp_path / "policy.yaml")},
    }
    tests = str(Path(__file__).parents[1])
    shown = {
        "ann, browser": {LOGIN: "ann", **XSRF},
        "bob, browser": {LOGIN: "bob", **XSRF},
        "ann, browser without XSRF": {LOGIN: "ann"},
        "ann, token": {"Authorization": "Bearer ann-token"},
    }
    server = JupyterServer(tmp_path, collaboration=False, config=config, env={"PYTHONPATH": tests})
    server.token = "ann-token"
    with server:
        answers = {
            who: server.request(
                "POST",
                "jupyter_mcp/api/tools/approval_list",
                headers={"Content-Type": "application/json", **headers},
                body=b"{}",
                token=False,
            ).status
            for who, headers in shown.items()
        }
    assert answers == {
        "ann, browser": 200,
        "bob, browser": 403,
        "ann, browser without XSRF": 403,
        "ann, token": 403,
    }
