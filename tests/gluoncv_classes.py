"""GluonCV's class names of each data set, in the order of its networks' outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def classes_of_data_sets() -> Mapping[str, Sequence[str]]:
    """Return the classes by the name of our list, mappings/labels/<name>.txt; imports GluonCV."""
    from gluoncv import data
    from gluoncv.data.mscoco.keypoints import COCOKeyPoints

    videos = {
        "hmdb51": data.HMDB51Attr,
        "kinetics400": data.Kinetics400Attr,
        "kinetics700": data.Kinetics700Attr,
        "sthsthv2": data.SomethingSomethingV2Attr,
        "ucf101": data.UCF101Attr,
    }
    return {
        "ade20k": data.ADE20KSegmentation.CLASSES,
        "cityscapes": data.CitySegmentation.CLASSES,
        "coco": data.COCODetection.CLASSES,
        "coco_keypoints": [COCOKeyPoints.KEYPOINTS[i] for i in sorted(COCOKeyPoints.KEYPOINTS)],
        "coco_segmentation": data.COCOSegmentation.CLASSES,
        "mhpv1": data.MHPV1Segmentation.CLASSES,
        "voc": data.VOCDetection.CLASSES,
        "voc_segmentation": data.VOCSegmentation.CLASSES,
        **{name: attributes().classes for name, attributes in videos.items()},
    }
