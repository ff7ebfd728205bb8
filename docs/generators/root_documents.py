"""The documents beside `docs/`, such as the README, as pages of the site."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://github.com/gluon2torch/gluon2torch/blob/main/"
# document -> page
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
}
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def document_pages() -> dict[str, str]:
    """The text of each page, with links that lead to pages, or to the repository's files."""
    return {
        page: with_links((ROOT / name).read_text(encoding="utf-8"), page.count("/"))
        for name, page in PAGES.items()
    }


def from_page(text: str, page: str) -> str:
    """The text of a page of `docs/`, with links to the documents beside it as links to pages."""
    depth = page.count("/")
    for name, target in PAGES.items():
        text = text.replace(f"]({'../' * (depth + 1)}{name}", f"]({'../' * depth}{target}")
    return text


def with_links(text: str, depth: int) -> str:
    """A document's text as that of a page, which lies so many folders deep."""

    def link(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        if target in PAGES:
            target = "../" * depth + PAGES[target]
        elif target.startswith("docs/"):
            target = "../" * depth + target.removeprefix("docs/")
        else:
            target = ADDRESS + target
        return f"]({target}{anchor})"

    return _LINK.sub(link, text)
