"""One story in sandboxes of other kinds: the tools are the same, whatever is below them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.file_benches import box_in, settings
from support.git_server import git, repository
from support.workshops import workshop


@pytest.mark.parametrize("backend", ["process", "docker"])
async def test_a_repository_goes_in_is_changed_and_comes_back(
    tmp_path: Path, backend: str, request: pytest.FixtureRequest
) -> None:
    more: dict[str, Any] = {"sandbox_backends": (backend,), "sandbox_min_isolation": "process"}
    if backend == "docker":
        engine = request.getfixturevalue("engine")
        more |= {"docker_url": engine.url, "sandbox_image": engine.image}
    async with workshop(tmp_path, **settings(**more)) as shop:
        box = await box_in(shop)
        try:
            repository(shop.root / "lib", a__txt="one\n")
            await box.do("git_session_start", root_path="lib")
            edits = [{"old": "one", "new": "two"}]
            await box.do("file_edit", path="lib/a.txt", edits=edits)
            (shop.root / "data.csv").write_text("1,2\n")
            await box.do("file_upload", root_path="data.csv", sandbox_path="/workspace/lib/d.csv")
            found = await box.do("file_search", pattern="two", path="lib", glob="*.txt")
            assert [each["path"] for each in found["matches"]] == ["lib/a.txt"]
            await box.do("git_commit", path="lib", message="two")
            diff = await box.do("git_diff", path="lib", revision="session")
            assert [each["path"] for each in diff["files"]] == ["a.txt", "d.csv"]
            await box.do("git_session_apply", root_path="lib", sandbox_path="lib")
            assert git(shop.root / "lib", "show", "HEAD:a.txt") == "two"
            error = await box.refused("git_clone", url="https://example.org/x.git")
            if backend == "docker":
                assert "network=true" in error.remedy
        finally:
            await box.do("sandbox_destroy")
