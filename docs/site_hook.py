"""The pages that `mkdocs build` adds to those of this folder, and the entries of the navigation."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
from generators.root_documents import from_page  # noqa: E402
from generators.site_pages import all_pages  # noqa: E402

_package = tempfile.TemporaryDirectory()
_PICTURE = re.compile(r"!\[([^\]]*)\]\((pictures/[\w-]+\.svg)\)")


def on_startup(command: str, dirty: bool) -> None:
    """Show mkdocstrings the package's folders where it looks for them: below its name."""
    folder = Path(_package.name, "gluon2torch")
    folder.mkdir(exist_ok=True)
    root = DOCS.parent
    for path in (*(root / "converter").iterdir(), root / "models", root / "mappings"):
        (folder / path.name).symlink_to(path)
    sys.path.insert(0, _package.name)


def on_shutdown() -> None:
    """Remove the links."""
    sys.path.remove(_package.name)
    _package.cleanup()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and complete the navigation."""
    for path, text in all_pages().items():
        files.append(File.generated(config, path, content=text))
    config.nav = _complete(config.nav or [], files)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put drawings into the page, where they have the colours of the theme; lead links to pages."""

    def drawing(found: re.Match[str]) -> str:
        text = (DOCS / found[2]).read_text(encoding="utf-8")
        return f'<figure class="drawing">{"".join(text.splitlines())}</figure>'

    return from_page(_PICTURE.sub(drawing, markdown), page.file.src_uri)


def _complete(nav: list[Any], files: Files) -> list[Any]:
    """The navigation, with the pages of a folder in place of an entry that ends in a slash.

    An entry of a folder without pages is left out.
    """
    entries = [{title: _entry(value, files) for title, value in item.items()} for item in nav]
    return [entry for entry in entries if all(entry.values())]


def _entry(value: Any, files: Files) -> Any:
    if isinstance(value, list):
        return _complete(value, files)
    if not value.endswith("/"):
        return value
    pages = [file.src_uri for file in files.documentation_pages()]
    return [page for page in pages if page.startswith(value)]
