"""Other settings of NMS in a detector's stored graph, as GluonCV's `set_nms` makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from ..errors import GraphError
from ..mappings.heads import Head
from .graph_edits import find_nodes, with_nodes, with_number, without_nodes
from .symbol import Graph, Node

NO_LIMIT = -1
COUNTS = ("nms_topk", "post_nms")


@dataclass(frozen=True)
class NmsSettings:
    """Settings of non-maximum suppression; None keeps the graph's.

    Attributes:
        nms_thresh: Boxes of a class that overlap by more than this share (intersection over union)
            are suppressed, but for the one with the highest score.
        score_thresh: Detections of lower scores are left out.
        nms_topk: Number of boxes of each image, or of each class in R-CNN, that NMS looks at, the
            best first; −1 for all. In CenterNet, the number of detections.
        post_nms: Number of detections that are returned, the best first; −1 for all.
        nms: Whether there is NMS at all. Without it the outputs are all boxes with their classes
            and scores, in the order of the anchors; `nms_topk` and `post_nms` have no use then.
    """

    nms_thresh: float | None = None
    score_thresh: float | None = None
    nms_topk: int | None = None
    post_nms: int | None = None
    nms: bool = True

    def __post_init__(self) -> None:
        for name in ("nms_thresh", "score_thresh"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and 0 <= value < 1):
                raise ValueError(f"{name}={value}: expected a number from 0 to below 1")
        if self.nms_thresh == 0:
            raise ValueError(
                "nms_thresh=0: GluonCV's networks would leave out NMS; give nms=False for that"
            )
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1 and value != NO_LIMIT:
                raise ValueError(f"{name}={value}: expected 1 or more, or {NO_LIMIT} for all")
        if not self.nms and (others := [n for n in self.given() if n != "score_thresh"]):
            raise ValueError(f"nms=False leaves out NMS: omit {', '.join(others)}")

    def note(self) -> str | None:
        """A sentence on the changed settings, for the record; None if there are none."""
        if not self.nms:
            return "the outputs are those before NMS, which the graph has in GluonCV"
        given = ", ".join(f"{name} = {value}" for name, value in self.given().items())
        return f"settings of detections that were changed in the graph: {given}" if given else None

    def given(self) -> dict[str, float]:
        """The settings that are not None, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        del values["nms"]
        return {name: value for name, value in values.items() if value is not None}


def check_settings(where: str, head: Head | None, settings: NmsSettings) -> None:
    """Require that a network has the settings that are given.

    Args:
        where: The network, for errors.
        head: What its settings are in the graph; None if it has none.

    Raises:
        GraphError: If it does not have one; names those that it has.
    """
    known = list(head.settings) if head is not None else []
    unknown = [name for name in settings.given() if name not in known]
    if not settings.nms and not (head is not None and head.nms):
        unknown.append("outputs before NMS (nms=False)")
    if unknown:
        has = f"its settings are {', '.join(known)}" if known else "it is not a detector"
        raise GraphError(
            f"{where}: this network of GluonCV has no {' and no '.join(unknown)}; {has}"
        )


def with_settings(graph: Graph, head: Head | None, settings: NmsSettings) -> Graph:
    """Change the settings of NMS in a stored graph.

    Args:
        head: What the network's settings are in the graph; None if it has none.

    Returns:
        The graph that MXNet traces of GluonCV's network with these settings.

    Raises:
        GraphError: If the network does not have one of the settings; names those that it has.
    """
    check_settings(graph.where, head, settings)
    if head is None:
        return graph
    passed: list[int] = []
    changed: dict[int, Node] = {}
    for name, value in settings.given().items():
        for place in head.settings[name]:
            for number in find_nodes(graph, place):
                if name == "post_nms" and value == NO_LIMIT:
                    passed.append(number)
                else:
                    node = changed.get(number, graph.nodes[number])
                    changed[number] = with_number(node, place, value)
    if not settings.nms:
        passed += [number for nodes in head.nms for number in find_nodes(graph, nodes)]
    return without_nodes(with_nodes(graph, changed), passed)
