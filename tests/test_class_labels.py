"""Names of classes against GluonCV's."""

from __future__ import annotations

import pytest

from gluon2torch.mappings.class_labels import dataset_labels
from gluon2torch.mappings.yaml_table import mapping_file
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet

from .gluoncv_classes import classes_of_data_sets

CATALOGUE = {"cifar10", "imagenet"}  # see test_predict.py


@pytest.mark.mxnet
def test_the_names_are_gluoncvs_in_its_order() -> None:
    import_mxnet()
    theirs = classes_of_data_sets()
    files = {path.stem for path in mapping_file("labels").glob("*.txt")}
    assert files == {*theirs, *CATALOGUE}
    for name, classes in theirs.items():
        assert dataset_labels(name).names == tuple(classes), name


def test_every_data_set_of_the_zoo_has_names() -> None:
    sizes = {
        entry.labels: len(dataset_labels(entry.labels).names)
        for entry in load_zoo().values()
        if entry.labels is not None
    }
    actions = {"hmdb51": 51, "kinetics400": 400, "kinetics700": 700, "sthsthv2": 174, "ucf101": 101}
    pixels = {"ade20k": 150, "cityscapes": 19, "mhpv1": 19}
    pixels |= {"coco_segmentation": 21, "voc_segmentation": 21}
    assert sizes == {"cifar10": 10, "imagenet": 1000, "coco": 80, "voc": 20} | actions | pixels
    assert dataset_labels("voc_segmentation").names[0] == "background"


def test_a_number_of_classes_has_no_names() -> None:
    for entry in load_zoo().values():
        assert (entry.labels is None) == (not isinstance(entry.classes, str))
    assert load_zoo()["custom_mask_rcnn_fpn"].labels is None
    assert load_zoo()["fcn_resnet101_voc"].labels == "voc_segmentation"
    assert load_zoo()["ssd_300_vgg16_atrous_voc"].labels == "voc"
