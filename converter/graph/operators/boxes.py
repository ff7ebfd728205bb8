"""Boxes, anchors, proposals and non-maximum suppression.

MXNet stores numbers of these operators as float32.
"""

from __future__ import annotations

from torch import fx

from ..construction.builder import Values
from ..construction.call import Call
from ..layers.box_matching import BipartiteMatching, BoxDecode, BoxEncode, BoxIoU
from ..layers.box_suppression import BoxNMS
from ..layers.multibox import MultiBoxDetection, MultiBoxPrior
from ..layers.multibox_targets import MultiBoxTarget
from ..layers.proposals import Proposal

VARIANCES = (0.1, 0.1, 0.2, 0.2)
MOST_RATIOS = 32  # of a proposal's anchors, and as many scales
FORMATS = ("corner", "center")


def _is_center(call: Call, name: str, default: str = "corner") -> bool:
    return call.attributes.choice(name, default, FORMATS) == "center"


def box_iou(call: Call) -> fx.Node:
    """Intersection over union of all pairs of boxes."""
    ranks = call.rank(0), call.rank(1)
    rank = None if None in ranks else sum(rank for rank in ranks if rank is not None) - 2
    return call.module(BoxIoU(_is_center(call, "format")), call.value(0), call.value(1), rank=rank)


def box_decode(call: Call) -> fx.Node:
    """Boxes of predicted offsets from anchors; `format` is that of the anchors."""
    attributes = call.attributes
    stds = tuple(attributes.single(f"std{place}", 1.0) for place in range(4))
    layer = BoxDecode(stds, attributes.single("clip", -1.0), _is_center(call, "format", "center"))
    return call.module(layer, call.value(0), call.value(1), rank=3)


def box_encode(call: Call) -> Values:
    """Offsets of matched boxes from anchors, and a mask of the anchors that have one."""
    inputs = [call.value(index) for index in range(6)]
    return call.parts(call.module(BoxEncode(), *inputs, rank=3), (3, 3))


def bipartite_matching(call: Call) -> Values:
    """Greedy matching of rows with columns."""
    attributes = call.attributes
    layer = BipartiteMatching(
        attributes.single("threshold"),
        attributes.flag("is_ascend", False),
        attributes.integer("topk", -1),
    )
    rank = call.rank()
    rank = None if rank is None else rank - 1
    return call.parts(call.module(layer, call.value(0), rank=rank), (rank, rank))


def box_nms(call: Call) -> fx.Node:
    """Non-maximum suppression."""
    attributes = call.attributes
    first = attributes.integer("coord_start", 2)
    score, label = attributes.integer("score_index", 1), attributes.integer("id_index", -1)
    if first < 0:
        raise attributes.unsupported("coord_start")
    if score < 0 or first <= score < first + 4:
        raise attributes.unsupported("score_index")
    if label == score or first <= label < first + 4:
        raise attributes.unsupported("id_index")
    layer = BoxNMS(
        overlap=attributes.single("overlap_thresh", 0.5),
        valid=attributes.single("valid_thresh", 0.0),
        topk=attributes.integer("topk", -1),
        columns=(first, score, max(label, -1)),
        background=attributes.integer("background_id", -1),
        force=attributes.flag("force_suppress", False),
        formats=(_is_center(call, "in_format"), _is_center(call, "out_format")),
    )
    return call.module(layer, call.value(0))


def multibox_prior(call: Call) -> fx.Node:
    """SSD's anchors of each position of a feature map."""
    attributes = call.attributes
    sizes, ratios = attributes.singles("sizes", (1.0,)), attributes.singles("ratios", (1.0,))
    steps = attributes.singles("steps", (-1.0, -1.0))
    offsets = attributes.singles("offsets", (0.5, 0.5))
    if not sizes:
        raise attributes.unsupported("sizes")
    if not ratios or min(ratios) <= 0:
        raise attributes.unsupported("ratios")
    if len(steps) != 2 or steps[0] * steps[1] < 0:
        raise attributes.unsupported("steps")
    if len(offsets) != 2 or not all(0 <= offset <= 1 for offset in offsets):
        raise attributes.unsupported("offsets")
    layer = MultiBoxPrior(sizes, ratios, steps, offsets, attributes.flag("clip", False))
    return call.module(layer, call.value(0), rank=3)


def _variances(call: Call) -> tuple[float, ...]:
    variances = call.attributes.singles("variances", VARIANCES)
    if len(variances) != 4 or 0 in variances:
        raise call.attributes.unsupported("variances")
    return variances


def multibox_target(call: Call) -> Values:
    """SSD's training targets: offsets, their mask, and classes.

    MXNet does not read `minimum_negative_samples`.
    """
    attributes = call.attributes
    ratio = attributes.single("negative_mining_ratio", -1.0)
    negative = attributes.single("negative_mining_thresh", 0.5)
    if ratio > 0 and negative <= 0:
        raise attributes.unsupported("negative_mining_thresh")
    attributes.integer("minimum_negative_samples", 0)
    layer = MultiBoxTarget(
        overlap=attributes.single("overlap_threshold", 0.5),
        ignored=attributes.single("ignore_label", -1.0),
        ratio=ratio,
        negative=negative,
        variances=_variances(call),
    )
    parts = call.module(layer, *(call.value(index) for index in range(3)), rank=2)
    return call.parts(parts, (2, 2, 2))


def multibox_detection(call: Call) -> fx.Node:
    """SSD's detections. MXNet does not read `background_id`; the background is class 0."""
    attributes = call.attributes
    attributes.integer("background_id", 0)
    layer = MultiBoxDetection(
        threshold=attributes.single("threshold", 0.01),
        overlap=attributes.single("nms_threshold", 0.5),
        topk=attributes.integer("nms_topk", -1),
        force=attributes.flag("force_suppress", False),
        clip=attributes.flag("clip", True),
        variances=_variances(call),
    )
    return call.module(layer, *(call.value(index) for index in range(3)), rank=3)


def proposal(call: Call) -> fx.Node | Values:
    """Proposals of a region proposal network, and their scores with `output_score`."""
    attributes = call.attributes
    ratios = attributes.singles("ratios", (0.5, 1.0, 2.0))
    scales = attributes.singles("scales", (4.0, 8.0, 16.0, 32.0))
    for name, values in (("ratios", ratios), ("scales", scales)):
        if not 0 < len(values) <= MOST_RATIOS or min(values) <= 0:
            raise attributes.unsupported(name)
    stride = attributes.count("feature_stride", 16)
    with_scores = attributes.flag("output_score", False)
    if stride > 1 << 16:
        raise attributes.unsupported("feature_stride")
    layer = Proposal(
        stride,
        ratios,
        scales,
        before=attributes.integer("rpn_pre_nms_top_n", 6000),
        count=attributes.count("rpn_post_nms_top_n", 300),
        overlap=attributes.single("threshold", 0.7),
        smallest=attributes.integer("rpn_min_size", 16),
        by_sides=attributes.flag("iou_loss", False),
        with_scores=with_scores,
    )
    found = call.module(layer, *(call.value(index) for index in range(3)), rank=2)
    return call.parts(found, (2, 2)) if with_scores else found


OPERATORS = {
    "_contrib_box_iou": box_iou,
    "_contrib_box_decode": box_decode,
    "_contrib_box_encode": box_encode,
    "_contrib_bipartite_matching": bipartite_matching,
    "_contrib_box_nms": box_nms,
    "_contrib_MultiBoxPrior": multibox_prior,
    "_contrib_MultiBoxTarget": multibox_target,
    "_contrib_MultiBoxDetection": multibox_detection,
    **dict.fromkeys(("_contrib_Proposal", "_contrib_MultiProposal"), proposal),
}
