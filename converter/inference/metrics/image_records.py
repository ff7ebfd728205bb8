"""What a metric keeps of each image, until the images of all processes are there."""

from __future__ import annotations

from typing import Generic, TypeVar

Record = TypeVar("Record")


class ImageRecords(Generic[Record]):
    """One record for each image.

    They are read in the order of the images' numbers. So a metric is the same, whichever process
    evaluated an image and when: where scores are equal, the order decides.
    """

    def __init__(self) -> None:
        self._records: dict[int, Record] = {}

    def add(self, image: int, record: Record) -> None:
        """Store the record of an image.

        Raises:
            ValueError: The image already has one.
        """
        if image in self._records:
            raise ValueError(f"image {image} was already counted; count each image once")
        self._records[image] = record

    def merge(self, other: ImageRecords[Record]) -> None:
        """Add the records of another process.

        Raises:
            ValueError: Both have a record of the same image; nothing was added.
        """
        both = self._records.keys() & other._records.keys()
        if both:
            raise ValueError(f"image {min(both)} was counted twice; count each image once")
        self._records |= other._records

    def in_order(self) -> list[tuple[int, Record]]:
        """List the images' numbers and records, ascending."""
        return sorted(self._records.items(), key=lambda item: item[0])
