from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical import ranking
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError, OtherVersionError, telling
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from support.lexical import damage_table, file_of, pieces_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LexicalStore]:
    with LexicalStore(tmp_path / "state" / "index.db") as opened:
        yield opened


def found(store: LexicalStore, text: str, wanted: Filter | None = None) -> list[str]:
    """Return the symbols of what is found, the best first."""
    ids = [number for number, _ in store.search(text, 10, wanted or Filter())]
    chunks = store.chunks(ids)
    return [chunks[number].symbol for number in ids]


def test_what_is_put_in_is_found_and_comes_out_the_same(store: LexicalStore) -> None:
    file = file_of("src/a.py", "parse the menu\n", "cook soup\nand salad\n")
    changes = store.replace([file])
    assert changes.written == 2
    assert changes.came == {chunk.digest for chunk, _ in file.pieces}
    assert found(store, "salads") == ["cook"]
    ids = store.of_files(["src/a.py", "nowhere"])["src/a.py"]
    assert list(store.chunks(ids).values()) == [chunk for chunk, _ in file.pieces]
    assert store.of_digests([file.pieces[1][0].digest, "00"]) == {
        file.pieces[1][0].digest: [ids[1]]
    }
    counts = store.counts()
    assert (counts.files, counts.chunks, counts.problems) == (1, 2, 0)


@pytest.mark.parametrize("asked", ["getUserName", "get_user_name", "user name"])
def test_an_identifier_is_found_by_its_parts_and_best_of_all_whole(
    store: LexicalStore, asked: str
) -> None:
    others = [f"set{n} user name and name of user" for n in range(5)]
    store.replace([file_of("a.py", "getUserName", "getUser of names", *others)])
    assert "getUserName" in found(store, asked)
    if asked != "user name":
        assert found(store, asked)[0] == "getUserName"


def test_of_many_digests_only_the_wanted_are_told(store: LexicalStore) -> None:
    files = [file_of(f"{each % 2}/{each}.py", f"word{each}") for each in range(1_500)]
    store.replace(files)
    digests = [file.pieces[0][0].digest for file in files]
    assert set(store.of_digests(digests, Filter(path="1"))) == set(digests[1::2])


def test_only_what_differs_is_written(store: LexicalStore) -> None:
    store.replace([file_of("a.py", "one", "two", "three")])
    before = store.of_files(["a.py"])["a.py"]
    changes = store.replace([file_of("a.py", "new\nlines", "one", "three")])
    assert changes.written == 1
    assert len(changes.came) == len(changes.gone) == 1
    after = store.of_files(["a.py"])["a.py"]
    assert after[1:] == [before[0], before[2]]
    assert [chunk.line for chunk in store.chunks(after).values() if chunk.symbol == "one"] == [3]
    assert found(store, "two") == []


def test_a_digest_is_gone_when_its_last_chunk_is(store: LexicalStore) -> None:
    same = Chunk("a.py", "code", "python", 1, 1, "shared words", "shared")
    copy = Chunk("b.py", "code", "python", 1, 1, "shared words", "shared")
    store.replace([pieces_of("a.py", [same]), pieces_of("b.py", [copy])])
    assert len(store.of_digests([same.digest])[same.digest]) == 2
    assert store.remove(["a.py"]).gone == frozenset()
    assert store.remove(["b.py", "nowhere"]).gone == {same.digest}
    assert found(store, "shared") == []
    assert store.files() == {}


def test_a_file_with_an_error_is_told(store: LexicalStore) -> None:
    store.replace([file_of("a.ipynb", error="no notebook"), file_of("b.py", "text")])
    assert store.files()["a.ipynb"].error == "no notebook"
    assert store.counts().problems == 1


def test_filters_leave_what_is_asked_for(store: LexicalStore) -> None:
    store.replace(
        [
            file_of("src/deep/a.py", "one menu"),
            file_of("src/b.js", "two menu", language="javascript"),
            file_of("srcs/c.py", "three menu"),
        ]
    )
    assert found(store, "menu", Filter(path="src")) == found(store, "menu", Filter(path="./src/"))
    assert set(found(store, "menu", Filter(path="src"))) == {"one", "two"}
    assert found(store, "menu", Filter(path="src/**/*.py")) == ["one"]
    assert set(found(store, "menu", Filter(path="*.py"))) == {"one", "three"}
    assert found(store, "menu", Filter(language="JavaScript")) == ["two"]
    assert found(store, "menu", Filter(kinds=frozenset({"markdown"}))) == []
    assert found(store, "menu", Filter(path="src/[!a-c]eep/a.py")) == ["one"]


def test_common_words_are_looked_for_in_the_company_of_rarer_ones(
    store: LexicalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"name{n} file of things" for n in range(60)]
    store.replace([file_of("a.py", *texts, "rare zebra file", "both file line", "line only")])
    exact = store.search("zebra file line", 60)
    monkeypatch.setattr(ranking, "ROWS", 3)
    pruned = store.search("zebra file line", 60)
    assert [number for number, _ in pruned] == [number for number, _ in exact][: len(pruned)]
    for (_, one), (_, other) in zip(exact, pruned, strict=False):
        assert one == pytest.approx(other)


def test_what_defines_a_name_is_found_among_all_that_say_it(store: LexicalStore) -> None:
    said = [Chunk("a.py", "code", "python", n, n, f"case, cases {n}", f"C{n}") for n in range(30)]
    parts = [Chunk("b.py", "code", "python", 1, 1, "def case(): ...", "other, Menu.case")]
    whole = [Chunk("c.py", "code", "python", 1, 1, f"class Case: # {'so ' * 99}", "Case")]
    for path, chunks in (("a.py", said), ("b.py", parts), ("c.py", whole)):
        store.replace([pieces_of(path, chunks)])
    assert found(store, "Case")[-2:] == ["Case", "other, Menu.case"]
    assert len(found(store, "Menu.case")) == 10
    assert "Case" not in found(store, "Case", Filter(path="a.py"))
    assert "Case" not in found(store, "case and cases")


def test_long_chunks_do_not_win_by_their_length(store: LexicalStore) -> None:
    filler = " ".join(f"word{n}x" for n in range(300))
    store.replace(
        [file_of("a.py", f"long soup {filler}", "short soup", *[f"other{n}" for n in range(20)])]
    )
    assert found(store, "soup")[0] == "short"


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_kept_found_and_removed(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("store") / "index.db"
    with LexicalStore(path) as store:
        chunk = Chunk("a", "text", "", 1, 1, text, "", text)
        store.replace([pieces_of("a", [chunk])])
        assert store.chunks([1]) == {1: chunk}
        store.search(text, 10)
        assert store.scan(text or "x", 10, is_regex=False).is_cut is False or text == ""
        assert store.remove(["a"]).gone == {chunk.digest}
        assert store.search(text, 10) == []


def test_a_reader_does_not_wait_for_a_writer(store: LexicalStore) -> None:
    store.replace([file_of("a.py", "soup")])
    with store._connections.writing() as connection:
        connection.execute("UPDATE files SET size = 7")
        answers: list[list[str]] = []
        thread = threading.Thread(target=lambda: answers.append(found(store, "soup")))
        thread.start()
        thread.join(30)
        assert answers == [["soup"]]


def test_another_process_reads_while_this_one_has_it_open(store: LexicalStore) -> None:
    store.replace([file_of("a.py", "soup")])
    code = (
        "import sys, pathlib\n"
        "from jupyter_mcp.toolsets.search.lexical.store import LexicalStore\n"
        "with LexicalStore(pathlib.Path(sys.argv[1]), read_only=True) as s:\n"
        "    print(len(s.search('soup', 5)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


def test_a_read_only_store_refuses_to_write(store: LexicalStore) -> None:
    with (
        LexicalStore(store.path, read_only=True) as reader,
        pytest.raises(ToolError, match="reading only"),
    ):
        reader.remove(["a"])


def test_a_failed_write_leaves_everything_as_it_was(store: LexicalStore) -> None:
    store.replace([file_of("a.py", "soup")])

    def broken() -> Iterator[object]:
        yield file_of("a.py", "salad")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.replace(broken())  # type: ignore[arg-type]
    assert found(store, "soup") == ["soup"]
    assert found(store, "salad") == []


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"no database, but long enough to be one" * 100)
    with pytest.raises(CorruptStoreError, match=r"index\.db"):
        LexicalStore(path)


def test_damage_is_found_by_the_check(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with LexicalStore(path) as store:
        store.replace([file_of(f"{n}.py", *(f"name{k} text" for k in range(50))) for n in range(9)])
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    with pytest.raises(CorruptStoreError), LexicalStore(path) as store:
        store.check()


@pytest.mark.parametrize("table", ["words_config", "words_data", "lengths", "sqlite_sequence"])
def test_damage_of_a_table_is_found_by_the_check(tmp_path: Path, table: str) -> None:
    path = tmp_path / "index.db"
    with LexicalStore(path) as store:
        store.replace([file_of("a.py", "name text")])
    damage_table(path, table)
    with pytest.raises(CorruptStoreError), LexicalStore(path) as store:
        store.check()


def test_a_table_of_words_that_cannot_be_opened_just_now_is_not_damaged(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("vtable constructor failed: words")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    with pytest.raises(ToolError, match="vtable") as told, telling(tmp_path / "index.db"):
        raise error
    assert told.value.code == "unavailable"


@pytest.mark.parametrize(
    "change",
    ["kind = CAST(x'636fff' AS TEXT)", "packed = x'00ff00ff'"],
)
def test_a_damaged_text_is_told_as_damage(store: LexicalStore, change: str) -> None:
    store.replace([file_of("a.py", "name text")])
    with store._connections.writing() as connection:
        connection.execute(f"UPDATE chunks SET {change}")
    with pytest.raises(CorruptStoreError):
        store.chunks([1])
    if change.startswith("packed"):
        with pytest.raises(CorruptStoreError):
            store.scan("name", 5, is_regex=False)


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    with pytest.raises(CorruptStoreError, match="a folder is in its place"):
        LexicalStore(tmp_path / "index.db")


@pytest.mark.parametrize("version", ["0-old", "99-new"])
def test_another_version_is_told(tmp_path: Path, version: str) -> None:
    path = tmp_path / "index.db"
    with LexicalStore(path) as store:
        store.check()
        store.set("version", version)
    with pytest.raises(OtherVersionError, match=version):
        LexicalStore(path)


def test_a_full_disk_is_told_in_one_line(store: LexicalStore) -> None:
    store._connections.writer().execute("PRAGMA max_page_count = 1")
    with pytest.raises(ToolError, match="disk is full") as told:
        store.replace([file_of(f"{n}.py", os.urandom(5000).hex()) for n in range(20)])
    assert told.value.code == "unavailable"
    store._connections.writer().execute("PRAGMA max_page_count = 100000")
    assert store.counts().files == 0


def test_notes_are_kept(store: LexicalStore) -> None:
    assert store.get("updated", "never") == "never"
    store.set("updated", "now")
    assert store.get("updated") == "now"


def test_closing_leaves_no_open_file(tmp_path: Path) -> None:
    store = LexicalStore(tmp_path / "index.db")
    threads = [threading.Thread(target=store.counts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    links = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not [each for each in links if str(tmp_path) in str(each.readlink())]
    with pytest.raises(ToolError, match="closed"):
        store.counts()


def test_tidying_changes_no_answer(store: LexicalStore) -> None:
    for n in range(12):
        store.replace([file_of(f"{n}.py", f"name{n} soup")])
    before = store.search("soup name3", 20)
    store.tidy()
    assert store.search("soup name3", 20) == before


def test_what_is_removed_leaves_no_word_behind(store: LexicalStore) -> None:
    store.replace([file_of("a.py", "getUserName größe 中文字 x1", "two")])
    store.remove(["a.py"])
    store.tidy()
    with sqlite3.connect(store.path) as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, words, row)")
        assert connection.execute("SELECT term FROM temp.v").fetchall() == []
    connection.close()


def test_what_was_replaced_and_removed_leaves_nothing_in_the_scores(tmp_path: Path) -> None:
    menu, soup = file_of("a.py", "parse the menu"), file_of("b.py", "cook soup\nand salad\n")
    with LexicalStore(tmp_path / "old.db") as old, LexicalStore(tmp_path / "new.db") as new:
        long = "a long text about other things " * 20
        old.replace([file_of("a.py", long, long), soup, file_of("gone.py", long)])
        old.replace([menu])
        old.remove(["gone.py"])
        new.replace([menu, soup])
        scores = [[score for _, score in each.search("menu or soup", 10)] for each in (old, new)]
    assert len(scores[0]) == 2
    assert scores[0] == pytest.approx(scores[1])
