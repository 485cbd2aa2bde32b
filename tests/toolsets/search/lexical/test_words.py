from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
from random import Random

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
        ("使用pandas读取CSV文件", "使用 pandas 读取 csv 文件"),
        ("getUserName関数を2026年に", "get user name getusername 関数 数を 2026 年に"),
        ("error 404", "error 404"),
        ("a" * 65, ""),
        ("!?", ""),
    ],
)
def test_an_identifier_is_its_parts_and_itself(text: str, words: str) -> None:
    assert " ".join(split(text)) == words


LONG_NAMES = [
    "test_vectors_that_still_wait_are_not_noted_as_stored_when_an_update_ends_meanwhile",
    "test_it_ends_by_itself_when_no_server_comes_back_and_its_files_stay_as_5_is",
    "AbstractSingletonProxyFactoryBeanThatIsNamedAfterEveryPatternItOnceHeardOf",
    "MOST_SECONDS_UNTIL_A_SERVER_THAT_NOBODY_ASKS_ANYTHING_IS_TAKEN_FOR_A_DEAD_ONE",
]


@pytest.mark.parametrize("name", LONG_NAMES)
def test_a_long_name_is_its_parts_and_itself(name: str) -> None:
    assert split(name)[-1] == name.replace("_", "").lower()
    for part in re.findall("[A-Z]?[a-z]{2,}|[A-Z]{2,}", name):
        assert part.lower() in split(name)


def test_what_is_long_and_no_name_has_no_words() -> None:
    random = Random(7)
    data = random.randbytes(45_000)
    hashes = [hashlib.sha512(data[at : at + 9]).hexdigest() for at in range(0, 4500, 9)]
    # Of base64 only the pieces are data: characters of it that are no letters end a word.
    pictures = [
        re.sub(r"\W", "A", encode(data[at : at + 90]).decode())
        for at in range(0, 45_000, 90)
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
    ]
    genes = "".join(random.choices("ACGT", k=200))
    for each in [*hashes, *pictures, genes, "x" * 100, "1" * 100, "_" * 100, "so_long_" * 100]:
        assert split(each) == [], each


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
