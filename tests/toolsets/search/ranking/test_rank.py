import time
from collections.abc import Sequence

from jupyter_mcp.toolsets.search.chunk import Chunk, Kind
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.ranking.fusion import Scores
from jupyter_mcp.toolsets.search.ranking.rank import Ranked, rank


def piece(
    path: str, text: str = "x = 1", symbol: str = "", kind: Kind = "code", ordinal: int = 1
) -> Chunk:
    return Chunk(path, kind, "python", 1, 1 + text.count("\n"), text, symbol, ordinal=ordinal)


def ranked(text: str, *chunks: Chunk, found: Scores | None = None) -> list[Ranked]:
    """Rank pieces; without scores the engines like the first best and the last least."""
    by_id = dict(enumerate(chunks))
    liked = [(number, 10.0 - number) for number in by_id]
    return list(rank(Query(text), found or {"lexical": liked, "static": liked}, by_id))


def first(text: str, *chunks: Chunk) -> Chunk:
    return chunks[ranked(text, *chunks)[0].id]


def order(answer: Sequence[Ranked]) -> list[int]:
    return [one.id for one in answer]


def test_nothing_is_found_in_nothing() -> None:
    assert list(rank(Query("x"), {"lexical": [], "static": []}, {})) == []


def test_pieces_that_are_gone_are_left_out() -> None:
    answer = rank(Query("x"), {"lexical": [(1, 2.0), (2, 1.0)]}, {2: piece("a.py")})
    assert order(list(answer)) == [2]


def test_the_definition_of_a_name_is_before_its_uses() -> None:
    use = piece("app.py", "open(TCPConnector())\n" * 5)
    other = piece("pool.py", "pool = TCPConnector")
    definition = piece("connector.py", "class TCPConnector:\n    pass", "TCPConnector")
    answer = ranked("TCPConnector", use, other, definition)
    assert answer[0].id == 2
    assert answer[0].parts["definition"] > 0


def test_the_class_that_was_named_is_before_others() -> None:
    other = piece("a.py", "def close(self): ...", "Response.close")
    asked = piece("b.py", "def close(self): ...\n\n", "Session.close")
    assert first("Session.close", other, asked) is asked


def test_the_class_that_was_named_is_found_where_short_definitions_share_a_piece() -> None:
    close = "def close(self): ...\n\n"
    other = piece("a.py", f"def open(self): ...\n{close}", "Response.open, Response.close")
    asked = piece("b.py", f"{close}def open(self): ...", "Session.close, Session.open")
    assert first("Session.close", other, asked) is asked


def test_definitions_are_seen_in_the_text_too() -> None:
    use = piece("app.go", "engine := New()\nengine.Run()")
    definition = piece("gin.go", "type Engine struct {\n}\n")
    assert first("Engine", use, definition) is definition


def test_what_stands_far_within_a_line_is_data_and_defines_nothing() -> None:
    data = piece("data.js", "walrus: tusk, " * 400_000)  # looked at whole it would take minutes
    far = piece("far.py", " " * 300 + "def walrus(): ...")
    near = piece("near.py", " " * 100 + "def walrus(): ...")
    told = {each.id: "definition" in each.parts for each in ranked("walrus", data, far, near)}
    assert told == {0: False, 1: False, 2: True}


def test_what_has_a_name_of_its_own_is_before_what_has_it_within_something() -> None:
    method = piece("menu.py", "def send(self): ...", "Kitchen.send")
    nested = piece("cook.py", "class Cook:\n    def send(self): ...", "Cook")
    asked = piece("door.py", "def send(): ...", "send")
    assert order(ranked("send", method, nested, asked)) == [2, 0, 1]
    assert first("Kitchen.send", asked, method) is method


def test_a_variable_of_a_function_is_hardly_a_definition() -> None:
    local = piece("app.py", "def run():\n    headers = {}", "run")
    constant = piece("server.py", "headers = ()")
    assert first("headers", local, constant) is constant


def test_a_file_is_found_by_its_name_when_nothing_else_has_it() -> None:
    use = piece("app.py", "def run():\n    framing = 1", "run")
    file = piece("framing.py", "def cut(): ...", "cut")
    assert first("framing", use, file) is file


def test_a_file_all_of_whose_name_is_said_is_before_one_of_whose_name_a_part_is() -> None:
    part, whole, other = map(piece, ("model_card_writer.py", "model.py", "other.py"))
    alike: Scores = {"lexical": [(0, 1.0), (1, 1.0), (2, 1.0)]}
    assert ranked("how a model is made", part, whole, other, found=alike)[0].id == 1


def test_prose_is_after_code_unless_it_is_asked_for() -> None:
    prose = piece("guide.md", "models are saved so", kind="markdown")
    code = piece("saving.py", "def save(model): ...")
    assert first("save a model", prose, code) is code
    assert first("documentation about models", prose, code) is prose


def test_a_quoted_text_goes_up() -> None:
    near = piece("a.py", "raise Missing('no kernel such')")
    exact = piece("b.py", "raise Missing('no such kernel')")
    assert first('"no such kernel"', near, exact) is exact


def test_a_file_that_is_named_like_the_question_goes_up() -> None:
    other, named = piece("pkg/misc.py"), piece("pkg/websocket_reader.py")
    assert first("reading of websockets", other, named) is named


def test_the_name_of_the_package_tells_nothing() -> None:
    first_liked, second = piece("fastapi/params.py"), piece("fastapi/responses.py")
    answer = ranked("how fastapi sends bytes", first_liked, second)
    assert answer[0].id == 0
    assert "path" not in answer[0].parts


def test_files_with_more_that_fits_go_up() -> None:
    alone = piece("a.py", "a = 1")
    many = [piece("b.py", f"b = {number}") for number in range(6)]
    liked = [(0, 1.0), *((number, 0.9) for number in range(1, 7)), (7, 0.0)]
    answer = ranked("what fits", alone, *many, piece("c.py", "c"), found={"lexical": liked})
    assert answer[0].id != 0


def test_further_pieces_of_a_file_make_room_for_others() -> None:
    same = [piece("a.py", f"a = {number}") for number in range(4)]
    answer = ranked("what fits", *same, piece("b.py", "b = 1"), piece("c.py", "c = 1"))
    assert 4 in order(answer)[:3]


def test_tests_are_after_code_unless_they_are_asked_for() -> None:
    test, code = piece("tests/test_pool.py", "a = 1"), piece("pkg/misc.py", "b = 1")
    assert first("pooling of connections", test, code) is code
    assert first("tests of pooling", test, code) is test


def test_generated_and_minified_code_is_last() -> None:
    generated = piece("a.py", "# Code generated by a tool. DO NOT EDIT.\nx = 1", ordinal=0)
    minified = piece("b.js", "var a=1;" * 200)
    code = piece("c.py", "x = 2")
    answer = ranked("connection", generated, minified, code)
    assert answer[0].id == 2
    assert answer[1].parts["low_value"] < 1


def test_a_repeated_text_is_shown_once_before_others() -> None:
    texts = [piece("a/one.py", "same = 1"), piece("b/one.py", "same = 1"), piece("c.py", "d = 1")]
    answer = ranked("what fits", *texts, piece("z.py", "z"))
    assert order(answer)[:2] == [0, 2]


def test_documents_and_cells_are_not_judged_by_their_place() -> None:
    kinds: tuple[Kind, ...] = ("document", "notebook", "docs")
    for kind in kinds:
        given = [piece("tests/test_a.py", f"a = {at}", kind=kind, ordinal=at) for at in range(3)]
        answer = ranked("what fits", *given)
        assert order(answer) == [0, 1, 2]
        assert not {"path", "file", "low_value", "same_file"} & set(answer[0].parts)


def test_a_small_unit_with_all_words_is_before_one_that_repeats_a_rare_one() -> None:
    repeats = piece("", "median median median", kind="document")
    has_all = piece("", "def f(figsize): savefig(median)", kind="document")
    found = {"lexical": [(0, 2.0), (1, 1.8), (2, 0.0)]}
    answer = ranked(
        "save figure of median", repeats, has_all, piece("", "", kind="document"), found=found
    )
    assert answer[0].id == 1


def test_the_parts_explain_the_score() -> None:
    chunks = [piece("pkg/pool.py", "a"), piece("tests/pool.py", "b"), piece("pkg/pool.py", "c")]
    factors = {"low_value", "same_file", "repeated"}
    for one in ranked("connection pool", *chunks):
        score = sum(value for name, value in one.parts.items() if name not in factors)
        for name in factors & set(one.parts):
            score *= one.parts[name]
        assert abs(one.score - score) < 1e-9


def test_the_order_does_not_depend_on_the_order_of_what_was_found() -> None:
    chunks = [piece(f"pkg/m{number % 7}.py", f"v = {number}") for number in range(40)]
    liked = [(number, float(number % 5)) for number in range(40)]
    one = ranked("what fits", *chunks, found={"lexical": liked, "static": liked})
    other = ranked("what fits", *chunks, found={"static": liked[::-1], "lexical": liked[::-1]})
    assert [(each.id, round(each.score, 9)) for each in one] == [
        (each.id, round(each.score, 9)) for each in other
    ]


def test_two_hundred_pieces_cost_little() -> None:
    text = "\n".join(f"    value_{line} = compute(item, {line})" for line in range(40))
    chunks = [piece(f"pkg/part{n % 60}/m{n}.py", f"{text}{n}", f"Part{n}.run") for n in range(200)]
    liked = [(number, float(number)) for number in range(200)]
    query = "where are items computed for getUserName"
    ranked(query, *chunks, found={"lexical": liked, "static": liked})
    before = time.process_time()
    for _ in range(10):
        ranked(query, *chunks, found={"lexical": liked, "static": liked})
    assert (time.process_time() - before) / 10 < 0.02  # measured: 2 ms; CI is no quiet place
