"""Average precision of pose networks on COCO's persons."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import ImageError
from ..datasets.coco_annotations import read_annotations
from ..datasets.coco_images import annotation_file, image_path
from ..datasets.coco_persons import Person, coco_persons
from ..images.image_file import read_image
from ..images.linear_resize import Image
from ..images.person_input import prepare_person
from ..metrics.coco_evaluation import require_pycocotools
from ..metrics.keypoints import Keypoints
from .detector import Detector
from .evaluator import Figures, per_cent
from .pose_estimator import PERSON
from .task_network import TaskNetwork

MOST = 10_000  # persons in an image: they are numbered by image, then by score


@dataclass(frozen=True, eq=False)
class PoseImage:
    """An image and the persons that are marked in it.

    Attributes:
        place: position of the image in the data set.
        number: COCO's id.
        path: the image file.
        persons: the persons.
    """

    place: int
    number: int
    path: str
    persons: Sequence[Person]


class PoseEvaluator:
    """Average precision of keypoints, in the annotated persons' boxes or in those of a detector.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        root: The folder of the data set.
        detector: Finds the people; without it, their annotated boxes are used, as GluonCV's
            published figures do.

    Raises:
        DatasetError: A file is missing or invalid.
        MissingDependencyError: pycocotools is not installed.
    """

    def __init__(self, network: TaskNetwork, root: Path, detector: Detector | None = None) -> None:
        require_pycocotools()
        self._truth = read_annotations(annotation_file(root, "person_keypoints"))
        persons: dict[int, list[Person]] = {image.id: [] for image in self._truth.images}
        for person in coco_persons(root, self._truth):
            persons[person.image].append(person)
        self.examples = tuple(
            PoseImage(place, image.id, str(image_path(root, self._truth, image)), persons[image.id])
            for place, image in enumerate(self._truth.images)
            if detector is not None or persons[image.id]
        )
        self.data = "images of COCO val2017 with " + (
            "the detector's boxes" if detector is not None else "the annotated boxes"
        )
        self.published = detector is None
        self.notes: tuple[str, ...] = ()
        self.metric = Keypoints()
        self._network, self._detector = network, detector

    def update(self, example: PoseImage) -> None:
        """Count the persons of an image; see Evaluator."""
        image = read_image(example.path)
        found = []
        for box, score in self._boxes(image, example):
            try:
                person = prepare_person(image, box, self._network.preprocessing)
            except ImageError as error:
                raise ImageError(f"{example.path}: {error}") from error
            heat_maps = self._network(person.pixels, example.path)[0][0]
            found.append((*person.keypoints(heat_maps), score))
        for number, (points, scores, score) in enumerate(found):
            key = example.place * MOST + number
            self.metric.update(key, example.number, points, scores, score)

    def result(self, skipped: Collection[PoseImage]) -> Figures:
        """Compute the average precision and recall."""
        result = self.metric.result(self._truth.without({each.number for each in skipped}))
        return Figures(
            per_cent(
                {
                    "OKS_AP": result.ap,
                    "OKS_AP50": result.ap50,
                    "OKS_AP75": result.ap75,
                    "OKS_AP_medium": result.ap_medium,
                    "OKS_AP_large": result.ap_large,
                    "OKS_AR": result.ar,
                }
            )
        )

    def _boxes(self, image: Image, example: PoseImage) -> list[tuple[tuple[float, ...], float]]:
        if self._detector is None:
            return [(tuple(person.box.tolist()), 1.0) for person in example.persons]
        objects = self._detector.objects(image, example.path)
        return [(each.box, each.score) for each in objects if each.label == PERSON]
