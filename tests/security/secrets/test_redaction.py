from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jupyter_mcp.security.secrets.log_redaction import LogRedaction
from jupyter_mcp.security.secrets.redaction import Redactor, gather
from jupyter_mcp.security.tokens.access_token import Signer

SECRET = 'hunter2/"correct horse"+ä'


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.learn(value)
    return redactor


FORMS = {
    "plain": lambda value: value,
    "json": json.dumps,
    "json in unicode": lambda value: json.dumps(value, ensure_ascii=False),
    "json in json": lambda value: json.dumps(json.dumps({"a": value})),
    "repr": repr,
    "url": lambda value: f"https://h/?k={quote(value, safe='')}&x=1",
    "url path": quote,
    "url form": quote_plus,
    "basic authentication": lambda v: base64.b64encode(f"ann:{v}".encode()).decode(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 among others": lambda v: base64.b64encode(f"a b{v} c".encode()).decode(),
    "base64 for urls": lambda v: base64.urlsafe_b64encode(f"xy{v}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_taken_out_in_each_form(form: str) -> None:
    written = FORMS[form](SECRET)
    cleaned = knowing(SECRET).text(f"before {written} after")
    assert "[redacted]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    _assert_gone(SECRET, cleaned)


def _assert_gone(secret: str, text: str) -> None:
    for form in FORMS.values():
        core = form(secret).strip("\"'")
        assert core not in text


secrets = st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6)


@given(st.lists(secrets, min_size=1, max_size=4), st.sampled_from(sorted(FORMS)), st.text())
def test_no_secret_is_left_in_any_form(values: list[str], form: str, around: str) -> None:
    redactor = knowing(*values)
    written = around + around.join(FORMS[form](value) for value in values) + around
    cleaned = redactor.text(written)
    for value in values:
        assert value not in cleaned
        assert FORMS[form](value).strip("\"'") not in cleaned


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(nested, secrets)
def test_nested_values_are_cleaned_wherever_the_secret_is(value: Any, secret: str) -> None:
    redactor = knowing(secret)
    planted = {"a": [value, {secret: [f"x{secret}y"]}], "b": value}
    strings: list[str] = []  # digits of a number are no secret
    gather(redactor.clean(planted), strings)
    assert secret not in "\n".join(strings)


@given(nested, secrets)
def test_what_holds_no_secret_is_the_same_object(value: Any, secret: str) -> None:
    assume(secret not in json.dumps(value, ensure_ascii=False))
    redactor = knowing("a secret that is nowhere else 7f3a")
    assert redactor.clean(value) is value


@given(st.text())
def test_text_without_a_secret_is_the_same(text: str) -> None:
    assert knowing(SECRET).text(text) is text


def test_short_values_and_those_of_the_marker_are_no_trouble() -> None:
    redactor = knowing("short", "redacted")
    assert redactor.text("a short text") == "a short text"
    assert redactor.text("it was redacted here") == "it was [•••] here"


def test_a_longer_secret_goes_whole() -> None:
    assert knowing("abcdef", "abcdef-ghi").text("x abcdef-ghi y") == "x [redacted] y"


def test_many_secrets_are_found() -> None:
    values = [f"value-{number:04}-of-many" for number in range(40)]
    redactor = knowing(*values)
    assert redactor.text(f"a {values[-1]} b {values[0]}") == "a [redacted] b [redacted]"
    assert redactor.is_clean("nothing of this kind")


def test_lines_of_a_private_key_are_found_by_themselves() -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
    key = f"-----BEGIN PRIVATE KEY-----\n{line}\nshort\n-----END PRIVATE KEY-----\n"
    redactor = knowing(key)
    assert redactor.text(f"  {line}") == "  [redacted]"
    assert redactor.text("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_tokens_of_ours_are_found_and_those_of_others_are_not() -> None:
    jwt = pytest.importorskip("jwt")
    ours = Signer("0123456789abcdef", b"k" * 32, lambda: 0.0).sign("family", frozenset(), 10)
    other = jwt.encode({"iss": "elsewhere"}, "k" * 32, algorithm="HS256")
    redactor = Redactor()
    for kind in ("token", "refresh", "person"):
        assert redactor.text(f"t=jmcp-{kind}-abcDEF_123-xyz;") == "t=[redacted];"
    assert redactor.text(f"Bearer {ours}, {other}") == f"Bearer [redacted], {other}"
    assert redactor.text("jmcp-token-…") == "jmcp-token-…"


def test_a_token_of_ours_is_found_among_what_looks_like_its_parts() -> None:
    token = Signer("0123456789abcdef", b"k" * 32, lambda: 1e9).sign("x", frozenset({"read"}), 2e9)
    other = "eyJhbGciOiJub25lIn0.eyJhIjoxfQ."
    for text in (f"xyz{token}", f"eyJhIjoxfQ.{token}", f"eyJ{token} {token}", f"{other}\n{token}"):
        cleaned = knowing().text(text)
        assert token not in cleaned
        assert token.split(".")[1] not in cleaned
        assert "[redacted]" in cleaned
    assert other in knowing().text(f"{other}\n{token}")


@pytest.mark.parametrize("piece", ["eyJ", "eyJ.", ".eyJa", "eyJaaaaaaaaaaaa.eyJaa", "jmcp-token-"])
def test_a_long_text_of_their_beginnings_takes_no_time(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    began = time.process_time()
    knowing(SECRET).text(text)
    assert time.process_time() - began < 2


@given(st.text(alphabet="eyJ.jmcp-token-abc123_", max_size=200))
def test_what_looks_like_a_token_is_no_trouble(text: str) -> None:
    assert isinstance(Redactor().text(text), str)


@pytest.fixture
def logger() -> Any:
    redaction = LogRedaction(knowing("hunter2-correct"))
    redaction.install()
    yield logging.getLogger("jupyter_mcp.somewhere.deep")
    redaction.remove()


def _log_failure(logger: logging.Logger, text: str) -> None:
    try:
        int(text)
    except ValueError:
        logger.exception("it was %s", text)


def test_our_records_are_redacted_with_their_exceptions(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    _log_failure(logger, "hunter2-correct")
    assert "hunter2" not in caplog.text
    assert "[redacted]'" in caplog.text


def test_harmless_records_keep_their_exception(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    _log_failure(logger, "nothing")
    assert caplog.records[0].exc_info
    assert caplog.records[0].args == ("nothing",)


def test_without_another_handler_warnings_still_reach_stderr(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logger.warning("seen hunter2-correct")
    logger.info("not seen")
    assert capsys.readouterr().err == "seen [redacted]\n"
