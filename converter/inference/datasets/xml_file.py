"""XML files from untrusted sources."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from ...errors import DatasetError

MAX_BYTES = 16 * 2**20  # Pascal VOC's annotations have a few kilobytes


def read_xml(path: Path) -> ET.Element:
    """Read an XML file in UTF-8 and return its root.

    A document type declaration is refused: with it, a small file can expand to gigabytes, or refer
    to other files.

    Raises:
        DatasetError: The file cannot be read, is too large, has a document type declaration, or is
            not valid XML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be read ({error.strerror or error}); expected an XML file"
        ) from error
    if len(content) > MAX_BYTES:
        raise DatasetError(f"{path}: is larger than {MAX_BYTES} bytes, the most for annotations")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path}: is not text in UTF-8 (byte {error.start}); save it in that encoding"
        ) from error
    if "<!DOCTYPE" in text:
        raise DatasetError(
            f"{path}: has a document type declaration (<!DOCTYPE …>), which is not read; remove it"
        )
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        raise DatasetError(f"{path}: is not valid XML ({error})") from error
