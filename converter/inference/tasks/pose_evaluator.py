"""Average precision of pose networks on COCO's persons."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..datasets.coco_annotations import read_annotations
from ..datasets.coco_images import annotation_file
from ..datasets.coco_persons import PersonImage, coco_persons
from ..images.image_file import read_image
from ..metrics.coco_evaluation import require_pycocotools
from ..metrics.keypoints import Keypoints
from .detector import Detector
from .evaluator import Figures, per_cent
from .person_poses import PERSON, poses_in
from .task_network import TaskNetwork


class PoseEvaluator:
    """Average precision of keypoints, in the annotated persons' boxes or in those of a detector.

    Args:
        network: The network, with GluonCV's preprocessing of evaluations.
        root: The folder of the data set.
        detector: Finds the people; without it, their annotated boxes are used, as GluonCV's
            published figures do.

    Raises:
        DatasetError: A file is missing or invalid.
        MissingDependencyError: Pycocotools is not installed.
    """

    def __init__(self, network: TaskNetwork, root: Path, detector: Detector | None = None) -> None:
        require_pycocotools()
        self._truth = read_annotations(annotation_file(root, "person_keypoints"))
        self._truth.require_names((PERSON,))
        self.examples = tuple(
            image
            for image in coco_persons(root, self._truth)
            if detector is not None or image.persons
        )
        self.data = "images of COCO val2017 with " + (
            "the detector's boxes" if detector is not None else "the annotated boxes"
        )
        self.published = detector is None
        self.notes: tuple[str, ...] = ()
        self.metric = Keypoints()
        self._network, self._detector = network, detector

    def update(self, example: PersonImage) -> None:
        """Count the persons of an image; see Evaluator."""
        image = read_image(example.path, upright=False)
        boxes = [each.box.tolist() for each in example.persons]
        poses = poses_in(image, example.path, self._network, boxes, self._detector)
        found = [(pose.points, pose.confidences, pose.score) for pose in poses]
        self.metric.update(example.number, found)

    def result(self, skipped: Collection[PersonImage]) -> Figures:
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
