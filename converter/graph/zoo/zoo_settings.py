"""Other settings of NMS in a detector's stored graph, as GluonCV's `set_nms` makes them."""

from __future__ import annotations

from ...errors import GraphError
from ...mappings.heads import Head
from ..symbols.graph_edits import find_nodes, with_nodes, with_number, without_nodes
from ..symbols.symbol import Graph, Node
from .nms_settings import NO_LIMIT, NmsSettings, spellings


def check_settings(where: str, head: Head | None, settings: NmsSettings) -> None:
    """Require that a network has the settings that are given.

    Args:
        where: The network, for errors.
        head: What its settings are in the graph; None if it has none.

    Raises:
        GraphError: If it does not have one; names those that it has.
    """
    if (template := missing_settings(head, settings)) is not None:
        raise GraphError(f"{where}: {template.format(**spellings())}")


def missing_settings(head: Head | None, settings: NmsSettings) -> str | None:
    """Say which of the given settings a network does not have; None if it has all.

    Returns:
        The message, with the names of settings in braces, as those of `SettingError`.
    """
    known = [f"{{{name}}}" for name in head.settings] if head is not None else []
    unknown = [name for name in (f"{{{each}}}" for each in settings.given()) if name not in known]
    if not settings.nms and not (head is not None and head.nms):
        unknown.append("outputs before NMS ({no_nms})")
    if not unknown:
        return None
    has = f"its settings are {', '.join(known)}" if known else "it is not a detector"
    return f"this network of GluonCV has no {' and no '.join(unknown)}; {has}"


def with_settings(graph: Graph, head: Head | None, settings: NmsSettings) -> Graph:
    """Change the settings of NMS in a stored graph.

    Args:
        head: What the network's settings are in the graph; None if it has none.

    Returns:
        The graph that MXNet traces of GluonCV's network with these settings.

    Raises:
        GraphError: If the network does not have one of the settings, or it cannot have that value.
    """
    check_settings(graph.where, head, settings)
    if head is None:
        return graph
    passed: list[int] = []
    changed: dict[int, Node] = {}
    for name, value in settings.given().items():
        for place in head.settings[name]:
            for number in find_nodes(graph, place):
                node = changed.get(number, graph.nodes[number])
                if value == NO_LIMIT and node.op == "slice_axis":
                    passed.append(number)
                elif value == NO_LIMIT and node.op != "_contrib_box_nms":
                    raise GraphError(
                        f"{graph.where}: {name}={NO_LIMIT}: this network needs a number; give 1 or "
                        "more"
                    )
                else:
                    changed[number] = with_number(node, place, value)
    if not settings.nms:
        passed += [number for nodes in head.nms for number in find_nodes(graph, nodes)]
    return without_nodes(with_nodes(graph, changed), passed)
