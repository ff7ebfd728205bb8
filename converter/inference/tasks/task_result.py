"""What a network finds in one image or video."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..images.image_file import require_pillow


@dataclass(frozen=True)
class TaskResult:
    """The result of one image or video.

    Attributes:
        image: Its path.
        facts: The result, in the form that `--json` writes, without the path.
        lines: The result as lines of text.
        pictures: Functions that draw it, by the end of the file's name; each returns a Pillow
            image, or pixels (H, W, 3).
    """

    image: str
    facts: Mapping[str, Any]
    lines: tuple[str, ...]
    pictures: Mapping[str, Callable[[], Any]] = field(default_factory=dict, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The result, in the form that `--json` writes."""
        return {"image": self.image, **self.facts}


def png(picture: Any) -> bytes:
    """Encode a picture, which is a Pillow image or pixels (H, W, 3), as PNG."""
    pillow = require_pillow()
    content = io.BytesIO()
    image = pillow.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    image.save(content, "PNG")
    return content.getvalue()
