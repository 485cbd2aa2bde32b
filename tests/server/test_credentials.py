"""Who a user of JupyterHub is here, and what is told of those who did not get in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mcp.config import Settings
from jupyter_mcp.security.principal import ALL_SCOPES
from jupyter_mcp.server.credentials import UNTOLD_LIMIT, Credentials
from jupyter_mcp.server.identity import _hub_principal, _username
from jupyter_mcp.server.refusal import Refused
from jupyter_mcp.server.starter import Starter
from support.tokens import ANN, minting

SERVER = "access:servers!user=ann"
HANDLER: Any = SimpleNamespace(request=SimpleNamespace(remote_ip="10.1.1.1", path="/mcp"))


def hub_user(name: str, *scopes: str, groups: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": name, "scopes": [SERVER, *scopes], "groups": list(groups)}


@pytest.fixture
def at_anns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")


@pytest.mark.usefixtures("at_anns")
def test_the_owner_of_a_hubs_server_owns_it() -> None:
    by_token = _hub_principal(hub_user("ann"), "token")
    assert (by_token.kind, by_token.scopes, by_token.roles) == ("owner", ALL_SCOPES, ())
    by_browser = _hub_principal(hub_user("ann", groups=("staff",)), None)
    assert (by_browser.kind, by_browser.groups) == ("person", ("staff",))
    assert by_token.credential != by_browser.credential
    narrowed = _hub_principal(hub_user("ann", "custom:mcp:read!user=ann"), "token")
    assert (narrowed.kind, narrowed.scopes) == ("owner", {"read"})


@pytest.mark.usefixtures("at_anns")
def test_a_guest_of_a_hubs_server_is_a_user_without_admin() -> None:
    guest = _hub_principal(hub_user("bob"), "token")
    assert (guest.kind, guest.roles) == ("user", ())
    assert guest.scopes == ALL_SCOPES - {"admin"}


@pytest.mark.usefixtures("at_anns")
def test_what_the_hub_granted_a_guest_they_have() -> None:
    guest = _hub_principal(hub_user("bob", "custom:mcp:read", "custom:mcp:edit"), "token")
    assert (guest.kind, guest.roles) == ("user", ("operator",))
    assert guest.scopes == {"read", "edit"}


async def test_the_authorizer_knows_a_client_by_who_answers_for_it(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        client = await mint.client(ANN, "read")
        assert _username(client) == "ann"
        assert _username(await mint.client(client, "read")) == "ann"


async def test_failures_before_the_start_are_told_after_it(tmp_path: Path) -> None:
    def settings() -> Settings:
        return Settings(state_dir=str(tmp_path))

    starter = Starter(settings, lambda: None, "0")  # type: ignore[arg-type, return-value]  # no server here
    credentials = Credentials(starter, lambda: settings().state_folder(""))
    for _ in range(UNTOLD_LIMIT + 5):
        credentials.note("login_failed", HANDLER)
    with pytest.raises(Refused) as caught:
        await credentials.principal_of("jmcp-token-made-up", HANDLER)
    assert caught.value.status == 401
    served = await starter.ready()
    try:
        counts = served.runtime.trust.signals.counts
        assert counts["login_failed"] == UNTOLD_LIMIT
        assert counts["token_refused"] == 1
    finally:
        await starter.stop()
