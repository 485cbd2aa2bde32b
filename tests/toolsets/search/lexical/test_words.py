from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.ranking import any_of
from jupyter_mcp.toolsets.search.lexical.words import columns, split, terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("getUserName", "get user name getusername"),
        ("get_user_name", "get user name getusername"),
        ("HTTPServer", "http server httpserver"),
        ("os.path.join", "os path join"),
        ("utf8", "utf utf8"),
        ("__init__", "init"),
        ("x1", "x1"),
        ("naïve Größe", "naive grosse"),
        ("中文字", "中文 文字"),
        ("error 404", "error 404"),
        ("a" * 65, ""),
        ("!?", ""),
    ],
)
def test_an_identifier_is_its_parts_and_itself(text: str, words: str) -> None:
    assert " ".join(split(text)) == words


def test_a_question_loses_stop_words_unless_there_is_nothing_else() -> None:
    assert terms("how do I read the file") == ["read", "file"]
    assert terms("to be or not to be") == ["not"]
    assert terms("how to") == ["how", "to"]


def test_a_word_is_asked_for_once() -> None:
    assert terms("user User user_name") == ["user", "name", "username"]


def test_the_same_chunk_gives_the_same_words() -> None:
    chunk = Chunk("src/readMenu.py", "code", "python", 1, 1, "x = 1", "readMenu", "class Menu")
    assert columns(chunk) == columns(chunk)
    assert columns(chunk).path == "src read menu readmenu py"
    assert columns(chunk).length == 12


@given(st.text())
def test_any_text_is_a_question_that_sqlite_understands(text: str) -> None:
    words = terms(text)
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(body, tokenize='porter')")
        if words:
            connection.execute("SELECT * FROM words WHERE words MATCH ?", (any_of(words),))
    connection.close()


@given(st.text())
def test_words_are_plain_and_lie_between_spaces(text: str) -> None:
    assert all(word and not word.isspace() and '"' not in word for word in split(text))
    assert " ".join(split(text)).split() == split(text)
