"""Sources of networks in the tests: their modules, files, and lines."""

from __future__ import annotations

import ast
import importlib.util
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, fx, nn

from gluon2torch import create_zoo_model, import_graph
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.source_code.source_program import SourceProgram, write_source
from gluon2torch.graph.zoo.stored_graph import load_graph
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.source import Source, load_arrays

SIZE = 64  # of the images, which the sources do not depend on
_NOT_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


@dataclass(frozen=True)
class Case:
    """A network, its source, and an example of its inputs.

    Attributes:
        module: The imported module, in float64.
        program: Its source.
        inputs: Random inputs.
    """

    module: fx.GraphModule
    program: SourceProgram
    inputs: dict[str, Tensor]

    def network(self, folder: Path) -> nn.Module:
        """The network of the source with the module's weights, in float64."""
        path = folder / "network_source.py"
        path.write_text(self.program.with_head("A network."))
        spec = importlib.util.spec_from_file_location("network_source", path)
        assert spec is not None
        assert spec.loader is not None
        source = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(source)
        network: nn.Module = getattr(source, self.program.network)().double().eval()
        own = self.module.state_dict()
        network.load_state_dict({key: own[key2] for key, key2 in self.program.keys.items()})
        return network


def stored_case(name: str, size: int = SIZE) -> Case:
    """A network of the catalogue or the zoo with random weights."""
    if name in load_zoo():
        entry = load_zoo()[name]
        shapes = entry.proof if entry.task == "detection" else {"data": (2, 3, size, size)}
        module = create_zoo_model(name, dtype="float64", inputs=shapes)
        return case_of(module, shapes, name)
    graph = load_graph(name)
    arrays = load_arrays(load_catalog()[name], Source("random", seed=0))
    side = 32 if name.startswith("cifar") else size
    shape = {"data": (2, 3, side, side)}
    module = build_module(
        graph.of_stages(list(graph.stages[-1:])), arrays, dtype="float64", inputs=shape
    )
    return case_of(module, shape, name)


def file_case(symbol: Path, params: Path, shape: tuple[int, ...]) -> Case:
    """A network of a file."""
    module = import_graph(symbol, params, dtype="float64", inputs={"data": shape})
    return case_of(module, {"data": shape}, symbol.name.removesuffix("-symbol.json"))


def case_of(module: fx.GraphModule, shapes: dict[str, tuple[int, ...]], name: str) -> Case:
    """A module with its source."""
    rng = np.random.default_rng(0)
    inputs = {key: torch.from_numpy(rng.standard_normal(each)) for key, each in shapes.items()}
    return Case(module, write_source(module, inputs, name), inputs)


def difference(one: object, other: object) -> float:
    """The largest difference of outputs, relative to the largest value of each."""
    ones = one if isinstance(one, tuple) else (one,)
    others = other if isinstance(other, tuple) else (other,)
    assert len(ones) == len(others)
    return max(
        float((a - b).abs().max() / b.abs().max()) for a, b in zip(ones, others, strict=True)
    )


def code_lines(text: str) -> int:
    """The number of lines with code: without blank lines, comments and docstrings."""
    documents: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            assert first.end_lineno is not None
            documents |= set(range(first.lineno, first.end_lineno + 1))
    used: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*_NOT_CODE, tokenize.ENDMARKER):
            used |= set(range(token.start[0], token.end[0] + 1))
    return len(used - documents)
