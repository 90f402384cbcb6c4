"""Links in the pages lead somewhere: to a file, and to a heading or an anchor in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(page for folder in ("docs", "weights", "examples", "recipes") for page in (ROOT / folder).rglob("*.md")),
]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What `#...` may name in a page: its headings as GitHub spells them, and the `id`s in it."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)
    return {*slugs, *re.findall(r'<a id="([^"]+)">', text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_headings_are_spelt_as_github_spells_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# A page: `code`, and more\n```sh\n# no heading\n```\n<a id="here"></a>\n## 2026-11-28: LPIPS .15\n'
    )
    assert anchors(page) == {"a-page-code-and-more", "here", "2026-11-28-lpips-15"}


def test_the_tree_in_the_readme_is_the_tree() -> None:
    (block,) = re.findall(r"```text\n(most_sketch/.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names = re.findall(r"^( *)(\w+)/", block, flags=re.MULTILINE)
    rooms = {name for indent, name in names if indent}
    assert rooms == {path.parent.name for path in (ROOT / "most_sketch").glob("*/__init__.py")}
    assert all((ROOT / name).is_dir() for indent, name in names if not indent)


def test_modules_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = {path.name for folder in ("most_sketch", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")}
    named = {Path(name).name for name in re.findall(r"`([\w/]+\.py)`", text)}
    assert named - modules == set()
