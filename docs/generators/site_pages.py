"""All generated pages."""

from __future__ import annotations

from .catalogue_pages import catalogue_pages
from .operator_page import operator_page
from .reference_page import reference_page
from .root_documents import document_pages
from .zoo_pages import TASKS, task_page, zoo_pages


def all_pages() -> dict[str, str]:
    """The text of each generated page and drawing, by its path in the site, in their order."""
    return {
        **catalogue_pages({title: task_page(task) for task, title in TASKS.items()}),
        **zoo_pages(),
        "operators.md": operator_page(),
        "reference.md": reference_page(),
        **document_pages(),
    }
