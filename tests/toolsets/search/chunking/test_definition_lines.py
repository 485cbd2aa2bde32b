from __future__ import annotations

import importlib.util

import pytest

from jupyter_mcp.toolsets.search.chunking.definition_lines import found_by_lines
from jupyter_mcp.toolsets.search.chunking.definitions import Definition
from jupyter_mcp.toolsets.search.chunking.grammars import found_by_grammar
from jupyter_mcp.toolsets.search.chunking.lines import Lines

JAVASCRIPT = """\
import x from "x";

// Runs it.
export async function run(a) {
  const inner = () => {
    return 1;
  };
  if (a) {
    go();
  }
}

class Box extends Base {
  constructor(a) {
    this.a = a;
  }

  async open(key) {
    return key;
  }
}

export const close = (box) => {
  return box;
};
"""
GO = """\
package main

type Server struct {
	port int
}

func (s *Server) Run(x int) error {
	return nil
}

func main() {
	run()
}
"""
RUST = """\
pub struct Point {
    x: i32,
}

impl<T> Display for Point {
    pub fn show(&self) -> String {
        format!("{}", self.x)
    }
}

fn main() {
}
"""
JAVA = """\
package a;

public class Shop extends Base {
    private final int size = 3;

    public Shop(int size) {
        this.size = size;
    }

    @Override
    public static Map<String, List<Integer>> stock(String name) {
        return null;
    }
}
"""
C = """\
#include <stdio.h>

struct point {
    int x;
};

static int add(int a, int b)
{
    return a + b;
}

int main(int argc, char **argv) {
    return add(1, 2);
}
"""
RUBY = """\
module Shop
  class Till
    def open!(key)
      key
    end

    def self.make
      new
    end
  end
end
"""
SHAPES = {
    "javascript": (
        JAVASCRIPT,
        {"run": (4, 11), "Box": (13, 21), "Box.constructor": (14, 16), "Box.open": (18, 20)}
        | {"close": (23, 25)},
    ),
    "rust": (RUST, {"Point": (1, 3), "Point.show": (6, 8), "main": (11, 12)}),
    "java": (JAVA, {"Shop": (3, 14), "Shop.Shop": (6, 8), "Shop.stock": (11, 13)}),
    "c": (C, {"point": (3, 5), "add": (7, 10), "main": (12, 14)}),
    "ruby": (
        RUBY,
        {
            "Shop": (1, 11),
            "Shop.Till": (2, 10),
            "Shop.Till.open!": (3, 5),
            "Shop.Till.make": (7, 9),
        },
    ),
    "go": (GO, {"Server": (3, 5), "Server.Run": (7, 9), "main": (11, 13)}),
}


def told(found: list[Definition], before: str = "") -> dict[str, tuple[int, int]]:
    shape: dict[str, tuple[int, int]] = {}
    for each in found:
        name = f"{before}{each.name}"
        shape.setdefault(name, (each.line, each.end_line))
        shape |= told(each.inside, f"{name}.")
    return shape


@pytest.mark.parametrize("language", SHAPES)
def test_lines_tell_what_is_defined_and_where_it_ends(language: str) -> None:
    source, expected = SHAPES[language]
    assert told(found_by_lines(language, Lines(source))) == expected


@pytest.mark.skipif(
    importlib.util.find_spec("semble_grammars") is None,
    reason="no grammars here: pip install 'jupyter-mcp-workbench[search-languages]'",
)
@pytest.mark.parametrize("language", SHAPES)
def test_grammars_tell_the_same(language: str) -> None:
    source, expected = SHAPES[language]
    if language == "java":
        expected = expected | {"Shop.stock": (10, 13)}  # with its annotation
    found = told(found_by_grammar(language, Lines(source)) or [])
    assert {name: found.get(name) for name in expected} == expected


def test_a_language_that_is_not_known_has_no_definitions() -> None:
    assert found_by_lines("klingon", Lines("function f() {}")) == []
    assert found_by_grammar("klingon", Lines("function f() {}")) is None
