"""Tells files that hold secrets from files that only speak of them.

A file is left out for its name (``prod.env``, ``id_rsa``, ``*.pem``) or because of a line in the
form that a vendor gave its tokens. Words such as "password" or "token" mean nothing here: half of
all programs have them.
"""

from __future__ import annotations

import re

_NAMES = frozenset(
    """
    .authinfo .bash_history .boto .databrickscfg .dockercfg .dockerconfigjson .envrc
    .git-credentials .htpasswd .my.cnf .mylogin.cnf .mysql_history .netrc .npmrc .pgpass
    .psql_history .pypirc .renviron .s3cfg .secrets .smbcredentials .terraformrc .vault-token
    .vault_pass .zsh_history _netrc application_default_credentials.json client_secret.json
    credentials credentials.json credentials.toml credentials.yaml credentials.yml htpasswd id_dsa
    id_ecdsa id_ecdsa_sk id_ed25519 id_ed25519_sk id_rsa kaggle.json kubeconfig pgpass.conf
    rclone.conf secrets.json secrets.toml secrets.yaml secrets.yml service-account.json
    service_account.json
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
)
_SUFFIXES = tuple(
    """
    .gpg .jks .kdb .kdbx .key .keystore .kubeconfig .ovpn .p12 .p8 .pem .pfx .pgp .ppk .tfstate
    .tfstate.backup .tfvars .tfvars.json
    """.split()  # noqa: SIM905
)
_ENVIRONMENT = ".env"
"""``prod.env`` has what ``.env`` has: variables of a process, and passwords among them."""

_SAMPLES = ("example", "sample", "template", "dist")
"""What stands last in the name of a file of variables that is there to be copied."""

_LETTERS = 10
"""Different characters that a real token has at least; ``ghp_xxxxxxxx`` is an example."""

_TOKENS = tuple(
    (start, re.compile(re.escape(start) + rest))
    for start, rest in (
        (
            "PRIVATE KEY",
            r"(?: BLOCK)?-----(?:[A-Z][\w-]*: [^\r\n]*|\\[nr]|[\s\"'+,\\])*([\w+/=]{40,})",
        ),
        ("AKIA", r"([A-Z0-9]{16})\b(?<!EXAMPLE)"),
        ("ghp_", r"(\w{36})"),
        ("gho_", r"(\w{36})"),
        ("ghu_", r"(\w{36})"),
        ("ghs_", r"(\w{36})"),
        ("ghr_", r"(\w{36})"),
        ("github_pat_", r"(\w{60,})"),
        ("glpat-", r"([\w-]{20,})"),
        ("xox", r"[abprs]-(\d{8,}-[\w-]{16,})"),
        ("k_live_", r"(\w{20,})"),
        ("AIza", r"([\w-]{35})"),
        ("sk-ant-", r"([\w-]{32,})"),
        ("sk-proj-", r"([\w-]{40,})"),
        ("sk-", r"([A-Za-z0-9]{48})\b"),
        ("hf_", r"([A-Za-z]{34})\b"),
        ("npm_", r"([A-Za-z0-9]{36})\b"),
        ("pypi-AgEIcHlwaS", r"([\w-]{50,})"),
        ("SG.", r"([\w-]{22}\.[\w-]{43})"),
    )
)


def is_secret_name(name: str) -> bool:
    """Return whether a file of this name is left out unread."""
    name = name.lower()
    if name in _NAMES or name.endswith(_SUFFIXES):
        return True
    if not (name.endswith(_ENVIRONMENT) or name.startswith(f"{_ENVIRONMENT}.")):
        return False
    return not name.removesuffix(_ENVIRONMENT).endswith(_SAMPLES)


def holds_secret(text: str) -> bool:
    """Return whether something in a text has the form of a private key or of a vendor's token."""
    return any(start in text and _is_real(token, text) for start, token in _TOKENS)


def _is_real(token: re.Pattern[str], text: str) -> bool:
    return any(len(set(found[1])) >= _LETTERS for found in token.finditer(text))
