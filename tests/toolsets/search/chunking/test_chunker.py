from __future__ import annotations

import ast
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunking.chunker import chunk
from jupyter_mcp.toolsets.search.chunking.definition_patterns import pattern_of
from jupyter_mcp.toolsets.search.chunking.languages import language_of
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.walking.reading import Unreadable

SUFFIXES = """
    py js ts go rs java c cpp cs rb php swift kt scala lua pl r jl ex erl hs ml clj el sql sh ps1
    proto tf toml yaml json md rst tex html css vue txt f90 zig nim sol graphql cmake dart m
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
PIECES = st.sampled_from(
    [
        *("def f(a):", "class A(B):", "    def m(self):", "        return 1", "# note", "@x", ""),
        *("function f(a) {", "}", "  run(x) {", "const f = (a) => {", "export class A {", "  }"),
        *("func (s *S) Run() error {", "type S struct {", "impl<T> Add for V<T> {", "pub fn x() {"),
        *("public class A {", "  public int get(int x) {", "int main(int c, char **v)", "{", "end"),
        *("# Title", "## Part", "Title", "=====", "-----", "```", "'''", '"""', "\\section{x}"),
        *("CREATE TABLE t (", ");", "message M {", "[section]", "key: value", "\f", "\u2028x\x85y"),
        *("    ", "\t", "x" * 300, "word " * 40, "import os", "if x:", "else:", "try:", "pass"),
    ]
)
SOURCES = st.builds(
    lambda pieces: "".join(piece + end for piece, end in pieces),
    st.lists(st.tuples(PIECES, st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])), max_size=60),
) | st.text(max_size=300)


def assert_exact(path: str, text: str) -> None:
    """The lines that a chunk cites are its text, and no line that says something is lost."""
    lines = Lines(text)
    last = 0
    told: set[int] = set()
    for number, each in enumerate(chunk(path, text)):
        assert each.ordinal == number
        assert each.text == lines.piece(each.line, each.end_line)
        assert each.line > last
        last = each.end_line
        told.update(range(each.line, each.end_line + 1))
    for number, line in enumerate(lines.texts, 1):
        if sum(letter.isalnum() for letter in line) > 3 and len(line) <= 8000:
            assert number in told, line


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(SUFFIXES), SOURCES)
def test_citations_are_exact_for_any_text_in_any_language(suffix: str, text: str) -> None:
    assert_exact(f"x.{suffix}", text)


def test_citations_are_exact_in_real_files() -> None:
    files = sorted(Path(ast.__file__).parent.glob("*.py"))[::12]
    files += sorted(Path(ast.__file__).parent.glob("idlelib/*.txt"))
    assert len(files) > 10
    for file in files:
        assert_exact(file.name, file.read_bytes().decode("utf-8", "replace"))


def test_a_line_of_a_megabyte_is_said_to_be_no_text() -> None:
    begin = time.perf_counter()
    with pytest.raises(Unreadable, match="too long"):
        chunk("app.js", "function f(){return 1};" * 50_000)
    (only,) = chunk("page.html", "<p>hello</p>\n" + "x" * 1_000_000)
    assert only.text == "<p>hello</p>"
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_line_makes_a_pattern_slow(suffix: str) -> None:
    pattern = pattern_of(language_of(f"x.{suffix}").name)
    if pattern is None:
        return
    begin = time.process_time()
    for part in (
        "public static ",
        "a ",
        "a* ",
        "  ",
        "\t",
        "((",
        "<a,",
        "x(",
        "const ",
        "=> ",
        "a::",
    ):
        for text in (part * 3000, "\n".join([part * 40] * 100)):
            list(pattern.finditer(text))
    assert time.process_time() - begin < 5


def test_empty_files_have_no_chunks() -> None:
    for name in ("x.py", "x.md", "x.rs", "x"):
        assert chunk(name, "") == chunk(name, " \n\t\n\f\n") == []


def test_plain_text_is_cut_at_paragraphs() -> None:
    paragraph = "All happy families are alike. " * 30
    chunks = chunk("book.txt", "\n\n".join([paragraph] * 5))
    assert [each.line for each in chunks] == [1, 5, 9]
    assert {(each.kind, each.language) for each in chunks} == {("text", "")}


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("Dockerfile", "", "dockerfile"),
        ("src/Makefile", "", "make"),
        ("bin/run", "#!/usr/bin/env python3\n", "python"),
        ("bin/run", "#!/bin/sh\n", "bash"),
        ("LICENSE", "MIT", ""),
        ("a/x.TSX", "", "typescript"),
    ],
)
def test_names_and_first_lines_tell_the_language(path: str, text: str, language: str) -> None:
    assert language_of(path, text).name == language


def test_a_corrupt_notebook_says_so() -> None:
    for text in ("{", json.dumps([1]), json.dumps({"cells": 3}), '{"nbformat": 4}', "[" * 100_000):
        with pytest.raises(Unreadable, match="corrupt notebook"):
            chunk("x.ipynb", text)
