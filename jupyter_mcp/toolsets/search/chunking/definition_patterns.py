"""How lines look that define something, by language.

Each pattern has the group ``name`` (or ``name2``, ``name3``); ``box`` when other definitions can
stand in it, and ``member`` when it only counts inside of such a one. Repetitions have bounds, so
that no line, whatever stands there, takes long.
"""

from __future__ import annotations

import re

_I = r"^(?P<indent>[ \t]*)"
_N = r"(?P<name>[\w$]+)"
_MODIFIERS = (
    r"(?:(?:public|private|protected|internal|static|final|abstract|sealed|override|virtual|async"
    r"|synchronized|native|partial|open|inline|suspend|data|inner|case|implicit|lazy|readonly"
    r"|export|default|extern|unsafe|fileprivate|mutating|required|convenience|const|external|late)"
    r"[ \t]+){0,8}"
)
_BOXES = (
    r"(?P<box>class|interface|enum(?:[ \t]+class)?|record|object|trait|struct|extension|protocol"
    r"|namespace|actor|mixin|impl)"
)
_TYPED = (
    r"(?P<indent2>[ \t]+)(?:(?:public|private|protected|internal|static|final|abstract|override"
    r"|virtual|async|synchronized|native|partial)[ \t]+){1,8}(?:[\w<>\[\],.?]{1,80}[ \t]+){0,4}"
    r"(?P<name2>\w+)[ \t]*\("
)
_FAMILY = (
    rf"{_I}{_MODIFIERS}(?:{_BOXES}|fun|func|function|def|type)[ \t]+(?:<[^>\n]{{0,80}}>[ \t]*)?{_N}"
    rf"|^{_TYPED}"
)
_SCRIPT = (
    rf"{_I}(?:(?:export|default|declare|abstract|async)[ \t]+){{0,4}}"
    rf"(?:(?P<box>class|namespace|module|interface|enum)|function\*?|type)[ \t]+{_N}"
    r"|^(?:export[ \t]+)?(?:const|let|var)[ \t]+(?P<name2>[\w$]+)[^=\n]{0,200}=[ \t]*"
    r"(?:async[ \t]*)?(?:\(|function\b|[\w$]{1,80}[ \t]*=>)"
    r"|^(?P<indent3>[ \t]{1,8})(?:(?:public|private|protected|static|async|get|set|override)[ \t]+)"
    r"{0,4}(?P<name3>(?!(?:if|for|while|switch|catch|return|function|with)\b)#?[\w$]{1,80})[ \t]*"
    r"(?P<member>\()[^;\n]{0,300}\{[ \t]*$"
)
_C = (
    rf"^(?:typedef[ \t]+)?(?P<box>class|struct|enum(?:[ \t]+class)?|union|namespace)[ \t]+{_N}"
    r"(?=[^;\n()]*$)"
    r"|^(?!(?:if|for|while|switch|return|else|do|case|goto|typedef|using)\b)"
    r"(?:[\w:<>,*&~\[\]]{1,80}[ \t]+){0,6}[*&]{0,3}(?P<name2>[\w:~]{1,120})[ \t]*\([^;\n]{0,300}$"
    r"|^#[ \t]*define[ \t]+(?P<name3>\w+)\("
)
_PATTERNS = {
    "python": rf"{_I}(?:async[ \t]+)?(?:def|(?P<box>class)|cdef[ \t]+class|cpdef)[ \t]+{_N}",
    "nim": rf"{_I}(?:proc|func|method|iterator|template|macro)[ \t]+{_N}",
    "javascript": _SCRIPT,
    "go": r"^func[ \t]+(?:\((?:\w+[ \t]+)?\*?(?P<of>\w+)[^)\n]*\)[ \t]*)?(?P<name>\w+)"
    r"|^type[ \t]+(?P<name2>\w+)",
    "rust": rf"{_I}(?:pub(?:\([^)\n]*\))?[ \t]+)?(?:(?:default|async|const|unsafe)[ \t]+){{0,4}}"
    r"(?:extern[ \t]+\"[^\"\n]*\"[ \t]+)?"
    r"(?:(?P<box>impl(?:<[^>\n]{0,100}>)?(?:[ \t]+[^{\n]{1,120}?[ \t]+for)?|trait|mod)|fn|struct"
    rf"|enum|union|type|macro_rules!)[ \t]+{_N}",
    "java": _FAMILY,
    "c": _C,
    "objc": _C + r"|^[-+][ \t]*\([^)\n]{0,80}\)[ \t]*(?P<name4>\w+)",
    "ruby": rf"{_I}(?:def[ \t]+(?:self\.)?|(?P<box>class|module)[ \t]+(?:\w+::)*)"
    r"(?P<name>\w+[?!=]?)",
    "perl": rf"{_I}(?:sub|package)[ \t]+(?P<name>[\w:]+)",
    "lua": rf"{_I}(?:local[ \t]+)?function[ \t]+(?P<name>[\w.:]+)"
    r"|^(?P<name2>[\w.]+)[ \t]*=[ \t]*function\b",
    "r": r"^(?P<name>[\w.]+)[ \t]*(?:<-|=)[ \t]*function\b|^set(?:Class|Generic|Method)"
    r"\([ \t]*[\"'](?P<name2>[\w.]+)",
    "julia": rf"{_I}(?:function|macro|(?:mutable[ \t]+)?struct|abstract[ \t]+type|(?P<box>module))"
    r"[ \t]+(?P<name>[\w.!]+)|^(?P<name2>[\w!]+)\([^)\n]{0,200}\)[ \t]*=[^=]",
    "elixir": rf"{_I}(?:(?P<box>defmodule|defprotocol|defimpl)|defp?|defmacrop?)[ \t]+"
    r"(?P<name>[\w.?!]+)",
    "erlang": r"^(?P<name>[a-z]\w*)\([^\n]{0,300}->|^-(?:record|define)\((?P<name2>\w+)",
    "haskell": r"^(?P<name>[a-z_][\w']*)[ \t]*::|^(?:data|newtype|type|class|instance)[ \t]+"
    r"(?P<name2>[\w']+)",
    "ocaml": r"^(?:let(?:[ \t]+rec)?|and|type|module|class|val|external)[ \t]+(?P<name>[\w']+)",
    "clojure": r"^\((?:def\w*-?|ns)[ \t]+(?:\^\S{1,80}[ \t]+)?(?P<name>[^\s()\[\]\"]+)",
    "scheme": r"^\((?:define[\w-]*|defun|defmacro|defvar|defcustom)[ \t]+\(?(?P<name>[^\s()]+)",
    "fortran": rf"(?i){_I}(?:(?:pure|elemental|recursive|integer|real|logical)[ \t]+){{0,3}}"
    r"(?:subroutine|function|(?P<box>module|program)|type)[ \t]+(?:::[ \t]*)?(?P<name>\w+)",
    "zig": rf"{_I}(?:pub[ \t]+)?(?:fn|const)[ \t]+{_N}"
    r"(?=[ \t]*(?:\(|=[ \t]*(?:struct|enum|union)))",
    "solidity": rf"{_I}(?:(?P<box>contract|library|interface)|function|event|modifier|struct)"
    rf"[ \t]+{_N}",
    "bash": r"^(?:function[ \t]+(?P<name>[\w.:-]+)|(?P<name2>[\w.:-]+)[ \t]*\(\))",
    "powershell": r"(?i)^(?:function|filter|class)[ \t]+(?P<name>[\w:-]+)",
    "sql": r"(?i)^[ \t]*create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:temp(?:orary)?[ \t]+)?"
    r"(?:unique[ \t]+)?"
    r"(?:materialized[ \t]+)?(?:table|view|function|procedure|index|trigger|type)[ \t]+"
    r"(?:if[ \t]+not[ \t]+exists[ \t]+)?(?P<name>[\w.\"`\[\]]+)",
    "proto": rf"{_I}(?:message|enum|(?P<box>service)|rpc)[ \t]+{_N}",
    "graphql": r"^(?:extend[ \t]+)?"
    r"(?:type|input|interface|enum|union|scalar|query|mutation|fragment)"
    rf"[ \t]+{_N}",
    "hcl": r"^(?:resource|data|module|variable|output|provider)[ \t]+"
    r"(?P<name>[^{\n]{1,120}?)[ \t]*\{",
    "make": r"^(?P<name>[\w./%-]+)[ \t]*:(?!=)",
    "cmake": r"(?i)^(?:function|macro|add_library|add_executable)[ \t]*\((?P<name>[\w-]+)",
    "latex": r"^\\(?:sub)*(?:section|chapter|part)\*?\{(?P<name>[^}\n]{1,200})\}",
    "toml": r"^\[\[?(?P<name>[^\]\n]{1,120})\]",
}
_SAME = {
    "typescript": "javascript",
    "vue": "javascript",
    "svelte": "javascript",
    "cpp": "c",
    "ini": "toml",
    "kotlin": "java",
    "scala": "java",
    "groovy": "java",
    "csharp": "java",
    "swift": "java",
    "dart": "java",
    "php": "java",
}
_COMPILED: dict[str, re.Pattern[str]] = {}


def pattern_of(language: str) -> re.Pattern[str] | None:
    """Return what finds the definitions of a language; None when that is not known."""
    name = _SAME.get(language, language)
    if name not in _PATTERNS:
        return None
    if name not in _COMPILED:
        _COMPILED[name] = re.compile(_PATTERNS[name], re.MULTILINE)
    return _COMPILED[name]
