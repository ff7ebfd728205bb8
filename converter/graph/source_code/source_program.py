"""The Python source of an imported module, and the state_dict that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, fx

from ...errors import GraphError
from .class_names import camel_case
from .class_text import class_lines
from .classes import SourceClass, make_classes
from .fx_operations import Flow, read_flow
from .name_groups import NameGroups
from .region_tree import body_of
from .repeated_regions import region_blocks
from .repeated_sequences import sequence_blocks
from .support_code import SupportCode, support_code


@dataclass(frozen=True)
class SourceProgram:
    """The source of a network.

    Attributes:
        code: The source without its docstring.
        network: Name of the network's class.
        keys: Keys of the source's state_dict → those of the imported module.
        classes: The number of its classes.
    """

    code: str
    network: str
    keys: dict[str, str]
    classes: int

    def with_head(self, head: str) -> str:
        """The source with a docstring."""
        return f'"""{head}"""\n\n{self.code}'


def write_source(
    module: fx.GraphModule, examples: Mapping[str, Tensor], name: str
) -> SourceProgram:
    """Write the source of an imported module.

    Equal modules have equal sources.

    Args:
        module: The module.
        examples: Its inputs by name, for the shapes and data types of its values.
        name: Name of the network, such as `resnet18_v1`.

    Raises:
        GraphError: If the module contains what has no source.
    """
    try:
        return _written(module, examples, name)
    except RecursionError as error:
        raise GraphError(
            f"{name}: its regions are nested too deeply for a source; choose another `--format`"
        ) from error


def _written(module: fx.GraphModule, examples: Mapping[str, Tensor], name: str) -> SourceProgram:
    flow = read_flow(module, examples)
    groups = NameGroups([operation.name for operation, _ in flow.operations])
    root = body_of(flow)
    blocks = list(region_blocks(root))
    blocks += sequence_blocks(root, blocks)
    carried = support_code([each for operation, _ in flow.operations for each in operation.support])
    classes = make_classes(camel_case(name), root, groups, carried.names)
    return SourceProgram(
        _code(flow, classes, carried), classes[-1].name, classes[-1].keys, len(classes)
    )


def _code(flow: Flow, classes: list[SourceClass], carried: SupportCode) -> str:
    bodies = [*carried.definitions]
    for number, made in enumerate(classes):
        is_network = number == len(classes) - 1
        lines = class_lines(made, flow if is_network else None, carried.names)
        bodies.append("\n".join(lines))
    code = "\n\n\n".join(bodies)
    imports = [
        line
        for line, used in (
            ("import torch", "torch."),
            ("import torch.nn.functional as F", "F."),
        )
        if used in code
    ]
    imports.append("from torch import Tensor, nn")
    standard = [*_sorted_imports(carried.imports), ""] if carried.imports else []
    return "\n".join([*standard, *imports, "", "", code, ""])


def _sorted_imports(imports: set[str]) -> list[str]:
    """Import statements in isort's order, with one for each module."""
    whole = sorted(each for each in imports if each.startswith("import "))
    parts: dict[str, set[str]] = {}
    for each in imports:
        if each.startswith("from "):
            module, _, name = each.removeprefix("from ").partition(" import ")
            parts.setdefault(module, set()).add(name)
    return [*whole, *(f"from {m} import {', '.join(sorted(parts[m]))}" for m in sorted(parts))]
