import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.ranking.question import stem, understand


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("getUserName", ["getUserName"]),
        ("where is getUserName called", ["getUserName"]),
        ("session", ["session"]),
        ("how does Session.close work", ["Session.close"]),
        ("std::vector::push_back", ["std.vector.push_back"]),
        ("why does read_file() fail", ["read_file"]),
        ("the `engine` setting", ["engine"]),
        ("OAuth2PasswordBearer tokens", ["OAuth2PasswordBearer"]),
        ("how is a connection opened", []),
        ("parse JSON with an HTTP client", []),
        ("files such as e.g. main.py", []),
        ("Connection pooling", []),
        ("", []),
    ],
)
def test_names_of_code_are_told_from_words(text: str, names: list[str]) -> None:
    assert [name.full for name in understand(text).names] == names


def test_only_a_question_of_one_name_is_one() -> None:
    assert understand("TCPConnector").is_name
    assert understand(" Session.close() ").is_name
    assert not understand("how TCPConnector works").is_name


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ('raises "no such kernel" when', ["no such kernel"]),
        ("the text 'not found'", ["not found"]),
        ("don't ask for the user's name", []),
    ],
)
def test_quoted_texts(text: str, quotes: list[str]) -> None:
    assert list(understand(text).quotes) == quotes


def test_words_are_stems_without_stop_words() -> None:
    assert understand("how are the validators of a field run").words == {"valid", "field", "run"}
    assert stem("validators") == stem("validation") == stem("validate")


def test_a_question_may_ask_for_tests() -> None:
    assert understand("tests of the connector").asks_for == {"test"}
    assert not understand("connector").asks_for


@given(st.text(max_size=200))
def test_any_text_is_a_question(text: str) -> None:
    understand(text)
