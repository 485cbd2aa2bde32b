import pytest

from jupyter_mcp.toolsets.search.ranking.paths import kinds_of, words_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("tests/test_client.py", "test"),
        ("pkg/client_test.go", "test"),
        ("src/Button.test.tsx", "test"),
        ("src/main/ClientTests.java", "test"),
        ("conftest.py", "test"),
        ("examples/serve.py", "example"),
        ("pip/_vendor/idna/core.py", "vendored"),
        ("web/node_modules/a/index.js", "vendored"),
        ("api/service_pb2.py", "generated"),
        ("api/service.pb.go", "generated"),
        ("package-lock.json", "generated"),
        ("static/app.min.js", "minified"),
        ("pydantic/deprecated/tools.py", "legacy"),
        ("types/index.d.ts", "stub"),
        ("pkg/__init__.py", "reexport"),
        ("CHANGES.rst", "notes"),
        ("LICENSE", "notes"),
    ],
)
def test_paths_that_are_seldom_looked_for(path: str, kind: str) -> None:
    assert kind in kinds_of(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/client.py",
        "fastapi/testclient.py",
        "src/contest.py",
        "src/latest.py",
        "attest/report.py",
        "src/generate.py",
        "src/compatible.py",
        "licensing/keys.py",
        "src/administration.py",
    ],
)
def test_paths_of_code(path: str) -> None:
    assert kinds_of(path) == ()


def test_words_of_a_path_are_those_of_its_name_and_folder() -> None:
    assert words_of("src/http/webSocket_reader.py") == {"http", "web", "socket", "read"}
