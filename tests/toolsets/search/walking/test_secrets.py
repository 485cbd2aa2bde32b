from __future__ import annotations

import random
import string
import subprocess
from typing import TYPE_CHECKING

import pytest

from jupyter_mcp.toolsets.search.walking.reading import Unreadable, read
from jupyter_mcp.toolsets.search.walking.secrets import holds_secret, is_secret_name

if TYPE_CHECKING:
    from pathlib import Path

LETTERS = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=80))


@pytest.mark.parametrize(
    "start", ["ghp_", "gho_", "github_pat_", "glpat-", "sk-ant-", "sk-proj-", "AIza", "npm_"]
)
def test_tokens_are_found_where_they_stand(start: str) -> None:
    length = 60 if start in {"github_pat_", "sk-ant-", "sk-proj-"} else 36
    assert holds_secret(f'x = 1\nclient = connect("{start}{LETTERS[:length]}")\n')


def test_a_real_private_key_is_found(tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True
    )
    key = (tmp_path / "key").read_text()
    (tmp_path / "notes.md").write_text(f"# Notes\n\nmy key:\n\n{key}")
    (tmp_path / "in_code.py").write_text(f"KEY = {key!r}\n")
    for name in ("notes.md", "in_code.py"):
        with pytest.raises(Unreadable, match="may hold secrets"):
            read(tmp_path, name, 1 << 20)


@pytest.mark.parametrize(
    "text",
    [
        "def refresh_token(token: str) -> str:\n    return sign(token, SECRET_KEY)\n",
        'if line.startswith("-----BEGIN PRIVATE KEY-----"):\n    return load_pem(line)\n',
        "export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
        "password = getpass.getpass()\n",
        "risk-adjusted, task-based, disk-usage, hf_hub_download_with_a_long_function_name\n",
        'URL = "https://example.org/sk-learn"\n',
    ],
)
def test_programs_that_speak_of_secrets_stay(text: str) -> None:
    assert not holds_secret(text)


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".ENV.local", "prod.env", "DB.ENV"),
        *(".Renviron", ".my.cnf", ".pgpass", ".netrc", ".pypirc", ".htpasswd", ".dockercfg"),
        *("credentials", "credentials.toml", "kaggle.json", "kubeconfig", "staging.kubeconfig"),
        *("server.pem", "AuthKey.p8", "main.tfstate", "terraform.tfstate.backup", "prod.tfvars"),
    ],
)
def test_files_that_are_made_for_secrets_are_left_out(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(".env.sample", ".env.local.example", "example.env", "prod.template.env", "prod.env.dist"),
        *("environment.yml", "secrets.py", "credentials.py", "env.py", "my.cnf", "Renviron.site"),
    ],
)
def test_samples_of_secret_files_and_programs_stay(name: str) -> None:
    assert not is_secret_name(name)
