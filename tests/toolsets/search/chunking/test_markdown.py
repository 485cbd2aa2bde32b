from __future__ import annotations

from jupyter_mcp.toolsets.search.chunking.chunker import chunk

TEXT = "A sentence that says something about the matter at hand. " * 6


def test_each_section_is_a_chunk_below_its_headings() -> None:
    source = (
        f"# Guide\n\n{TEXT}\n\n## Install ##\n\n{TEXT}\n\n### On Linux\n\n{TEXT}\n"
        f"\n```sh\n# not a heading\n```\n\n## Use\n\n{TEXT}\n\nOld style\n---------\n\n{TEXT}\n"
    )
    chunks = chunk("docs/guide.md", source)
    assert [(each.symbol, each.extra) for each in chunks] == [
        ("Guide", ""),
        ("Install", "Guide"),
        ("On Linux", "Guide > Install"),
        ("Use", "Guide"),
        ("Old style", "Guide"),
    ]
    assert "# not a heading" in chunks[2].text
    assert {(each.kind, each.language) for each in chunks} == {("markdown", "markdown")}


def test_a_heading_alone_goes_with_what_follows() -> None:
    (only,) = chunk("x.md", f"# Guide\n\n## Install\n\n{TEXT}")
    assert (only.symbol, only.extra, only.line) == ("Install", "Guide", 1)


def test_rules_tables_and_front_matter_are_no_headings() -> None:
    source = f"---\ntitle: x\n---\n\n{TEXT}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- item\n---\n"
    assert [each.symbol for each in chunk("x.md", source)] == [""]


def test_a_long_section_is_cut_and_each_part_tells_its_heading() -> None:
    parts = chunk("x.md", "# Long\n\n" + f"{TEXT}\n\n" * 20)
    assert len(parts) > 2
    assert {each.symbol for each in parts} == {"Long"}
    assert all(len(each.text) <= 2500 for each in parts)


def test_rst_has_sections_by_the_style_of_their_lines() -> None:
    source = (
        f"=====\nTitle\n=====\n\n{TEXT}\n\nPart\n====\n\n{TEXT}\n\nDetail\n------\n\n{TEXT}\n\n"
        f"Other\n=====\n\n{TEXT}\n\ntoo long for it\n===\n"
    )
    assert [(each.symbol, each.extra) for each in chunk("x.rst", source)] == [
        ("Title", ""),
        ("Part", "Title"),
        ("Detail", "Title > Part"),
        ("Other", "Title"),
    ]
