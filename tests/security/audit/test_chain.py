"""Whoever changes, swaps or takes away a record is found out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jupyter_mcp.security.audit.chain import GENESIS, columns, link
from jupyter_mcp.security.audit.reader import Verification
from jupyter_mcp.security.canonical import canonical
from support.audits import auditing, ended

COUNT = 8
COLUMNS = ["id", *columns({"at": 0, "kind": ""}), "record", "hash"]


async def write(folder: Path) -> None:
    async with auditing(folder) as audit:
        for number in range(COUNT - 1):
            audit.append(ended({"text": f"{number}"}))
        audit.event("token_created", principal="user:ann", token="family")


async def verify(folder: Path) -> Verification:
    async with auditing(folder) as audit:
        return await audit.reader.verify()


def untouched() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(write(Path(folder)))
        database = sqlite3.connect(Path(folder) / "workbench.db")
        database.execute("pragma wal_checkpoint(truncate)")
        database.execute("pragma journal_mode=delete")
        database.close()
        return (Path(folder) / "workbench.db").read_bytes()


UNTOUCHED = untouched()


def tampered(statement: str, *values: Any) -> Verification:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workbench.db").write_bytes(UNTOUCHED)
        database = sqlite3.connect(folder / "workbench.db")
        with database:
            for each in statement.split(";"):
                database.execute(each, values if "?" in each else ())
        database.close()
        return asyncio.run(verify(folder))


def stored(row: int, column: str) -> Any:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "workbench.db").write_bytes(UNTOUCHED)
        database = sqlite3.connect(Path(name) / "workbench.db")
        found = database.execute(f"select {column} from audit where id = {row}").fetchone()
        database.close()
    return found[0]


def test_the_chain_is_what_it_says_it_is() -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "workbench.db").write_bytes(UNTOUCHED)
        database = sqlite3.connect(Path(name) / "workbench.db")
        rows = list(database.execute("select id, record, hash from audit order by id"))
        database.close()
    assert [row[0] for row in rows] == list(range(1, COUNT + 1))
    previous = "0" * 64
    for _id, record, hashed in rows:
        previous = hashlib.sha256((previous + record).encode()).hexdigest()
        assert hashed == previous
        assert canonical(json.loads(record)) == record


def test_what_nobody_touched_is_good() -> None:
    verdict = tampered("select 1")
    assert (verdict.records, verdict.first, verdict.last, verdict.broken) == (8, 1, 8, None)
    assert verdict.since is not None


@settings(max_examples=60, deadline=None)
@given(
    row=st.integers(1, COUNT),
    column=st.sampled_from(COLUMNS),
    value=st.one_of(st.text(max_size=20), st.floats(allow_nan=False), st.integers(100, 2**40)),
)
def test_any_changed_field_is_found(row: int, column: str, value: Any) -> None:
    if column == "id":
        value = 10**6
    assume(value != stored(row, column))
    verdict = tampered(f"update audit set {column} = ? where id = {row}", value)
    assert verdict.broken is not None
    assert verdict.broken.id == row
    assert verdict.records == row - 1


@settings(max_examples=40, deadline=None)
@given(
    row=st.integers(1, COUNT), position=st.integers(0, 10_000), letter=st.characters(codec="ascii")
)
def test_one_other_letter_in_a_record_is_found(row: int, position: int, letter: str) -> None:
    text = stored(row, "record")
    place = position % len(text)
    other = text[:place] + letter + text[place + 1 :]
    verdict = tampered(f"update audit set record = ? where id = {row}", other)
    assert (verdict.broken is None) == (other == text)


@settings(max_examples=20, deadline=None)
@given(row=st.integers(1, COUNT))
def test_a_deleted_record_is_found_the_last_one_too(row: int) -> None:
    verdict = tampered(f"delete from audit where id = {row}")
    assert verdict.broken is not None
    assert verdict.broken.id == row


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.integers(1, COUNT), min_size=2, max_size=2, unique=True))
def test_swapped_records_are_found(rows: list[int]) -> None:
    a, b = rows
    verdict = tampered(
        f"update audit set id = -1 where id = {a};"
        f"update audit set id = {a} where id = {b};"
        f"update audit set id = {b} where id = -1"
    )
    assert verdict.broken is not None
    assert verdict.broken.id == min(rows)


def test_a_cut_end_with_a_forged_head_does_not_hide_in_the_middle() -> None:
    verdict = tampered(
        f"delete from audit where id > 5;update audit_heads set id = 5, hash = '{'f' * 64}'"
    )
    assert verdict.broken is not None


def test_an_invented_anchor_does_not_hide_what_is_gone() -> None:
    verdict = tampered(
        "delete from audit where id <= 2;"
        f"insert into audit_anchors (id, hash, at) values (2, '{'0' * 64}', 1.0)"
    )
    assert verdict.broken is not None
    assert verdict.broken.id == 3


def test_a_link_depends_on_all_before() -> None:
    assert link(GENESIS, "{}") != link(link(GENESIS, "{}"), "{}")
