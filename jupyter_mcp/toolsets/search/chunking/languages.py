"""Which language a file is in, by its name."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mcp.toolsets.search.chunk import Kind


@dataclass(frozen=True, slots=True)
class Language:
    """What a file is.

    Args:
        name: Such as ``python``; empty for plain text.
        kind: Of its chunks.
    """

    name: str
    kind: Kind


TEXT = Language("", "text")

_CODE = """
    python .py .pyi .pyw .pyx .pxd .bzl
    javascript .js .jsx .mjs .cjs
    typescript .ts .tsx .mts .cts
    go .go
    rust .rs
    java .java
    kotlin .kt .kts
    scala .scala .sc
    groovy .groovy .gradle
    c .c .h
    cpp .cc .cpp .cxx .hh .hpp .hxx .ipp .cu .cuh .ino
    csharp .cs
    objc .m .mm
    swift .swift
    dart .dart
    php .php
    ruby .rb .rake .gemspec
    perl .pl .pm
    lua .lua
    r .r
    julia .jl
    elixir .ex .exs
    erlang .erl .hrl
    haskell .hs
    ocaml .ml .mli
    clojure .clj .cljs .cljc
    scheme .scm .ss .rkt .lisp .el
    fortran .f .f90 .f95 .f03 .for
    zig .zig
    nim .nim
    solidity .sol
    bash .sh .bash .zsh
    powershell .ps1 .psm1
    batch .bat .cmd
    sql .sql
    proto .proto
    graphql .graphql .gql
    hcl .tf .hcl
    nix .nix
    cmake .cmake
    html .html .htm
    css .css
    scss .scss .sass .less
    vue .vue
    svelte .svelte
    latex .tex .sty .cls
"""
_TEXTS = """
    json .json .json5
    yaml .yaml .yml
    toml .toml
    ini .ini .cfg .conf .properties
    xml .xml .xsd .xsl
"""
_PROSE = """
    markdown .md .markdown .mdx .qmd .rmd
    rst .rst
"""
_NAMES = {
    "dockerfile": Language("dockerfile", "code"),
    "containerfile": Language("dockerfile", "code"),
    "makefile": Language("make", "code"),
    "gnumakefile": Language("make", "code"),
    "cmakelists.txt": Language("cmake", "code"),
    "rakefile": Language("ruby", "code"),
    "gemfile": Language("ruby", "code"),
    "jenkinsfile": Language("groovy", "code"),
    "justfile": Language("make", "code"),
    "sconstruct": Language("python", "code"),
}
_STARTS = (
    ("python", "python"),
    ("bash", "bash"),
    ("/sh", "bash"),
    ("env sh", "bash"),
    ("zsh", "bash"),
    ("node", "javascript"),
    ("ruby", "ruby"),
    ("perl", "perl"),
    ("Rscript", "r"),
    ("julia", "julia"),
)


def _table(text: str, kind: Kind) -> dict[str, Language]:
    table = {}
    for name, *suffixes in (line.split() for line in text.strip().splitlines()):
        table.update(dict.fromkeys(suffixes, Language(name, kind)))
    return table


_SUFFIXES = {
    **_table(_CODE, "code"),
    **_table(_TEXTS, "text"),
    **_table(_PROSE, "markdown"),
    ".ipynb": Language("notebook", "notebook"),
}

_KNOWN = {each.name for each in (*_SUFFIXES.values(), *_NAMES.values())}
_ALSO = {
    "c++": "cpp",
    "c#": "csharp",
    "golang": "go",
    "ipython": "python",
    "objective-c": "objc",
    "shell": "bash",
}

NOTEBOOK = _SUFFIXES[".ipynb"].name


def language_of(path: str, text: str = "") -> Language:
    """Return what a file is.

    Args:
        path: The file.
        text: Its text; the first line tells where the name does not.
    """
    name = path[path.rfind("/") + 1 :].lower()
    if found := _NAMES.get(name):
        return found
    dot = name.rfind(".")
    if dot >= 0:
        return _SUFFIXES.get(name[dot:], TEXT)
    if text.startswith("#!"):
        first = text[: text.find("\n")][:100] if "\n" in text else text[:100]
        for mark, language in _STARTS:
            if mark in first:
                return Language(language, "code")
    return TEXT


def named(name: str) -> str:
    """Return the language that somebody calls so: by its name, or as its files end.

    What nobody knows stays as it is: a notebook's kernel may call its language anything.
    """
    told = name.strip().lower().removeprefix("*").removeprefix(".")
    if told in _KNOWN:
        return told
    found = _SUFFIXES.get(f".{told}")
    return found.name if found else _ALSO.get(told.rstrip("0123456789"), told)  # c++17
