from __future__ import annotations

import numpy as np
import pytest

from gluon2torch.errors import KeyMapError, TableError
from gluon2torch.mapping.assignment import (
    ArraySpec,
    Assignment,
    array_specs,
    check,
    refuse,
    rename,
)
from gluon2torch.mappings.key_map import KINDS, parse_keymap, select

HEAD = """
source: here
first_conv: stem
classifier: fc
index: {stage: {4: 1, 5: 2}, block: same}
stages: {stem: [a, b]}
scopes: {}
residual_end: {}
"""
MAP = (
    HEAD
    + """
conv:
  features.{stage}.{block}.body.0: layer{stage}.{block}.conv1
norm:
  features.1: bn1
dense:
  output: fc
"""
)
NAMES = [
    "features.4.0.body.0.weight",
    "features.5.11.body.0.weight",
    *(f"features.1.{parameter}" for parameter in KINDS["norm"].parameters),
    "output.weight",
    "output.bias",
]


def test_layers_expand_to_their_parameters() -> None:
    assignments, problems = rename(parse_keymap(MAP, "m"), NAMES)
    assert problems == []
    assert {a.source: a.target for a in assignments} == {
        "features.4.0.body.0.weight": "layer1.0.conv1.weight",
        "features.5.11.body.0.weight": "layer2.11.conv1.weight",
        "features.1.gamma": "bn1.weight",
        "features.1.beta": "bn1.bias",
        "features.1.running_mean": "bn1.running_mean",
        "features.1.running_var": "bn1.running_var",
        "output.weight": "fc.weight",
        "output.bias": "fc.bias",
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("features.6.0.body.0.weight", "a stage that the index does not have"),
        ("xfeatures.4.0.body.0.weight", "a longer name in front"),
        ("features.4.0.body.0.weight.x", "a longer name behind"),
        ("featuresX4.0.body.0.weight", "a dot is a dot"),
        ("features.4.0.body.0.bias", "a parameter that the kind does not have"),
        ("weight", "no layer at all"),
    ],
)
def test_a_name_without_a_rule_is_a_problem(name: str, why: str) -> None:
    _, problems = rename(parse_keymap(MAP, "m"), [*NAMES, name])
    assert problems == [f"{name}: no rule of mappings/m.yaml matches it"], why


def test_two_rules_for_one_name_are_a_problem() -> None:
    keymap = parse_keymap(MAP + "conv_bias:\n  output: other\n", "m")
    _, problems = rename(keymap, NAMES)
    assert sorted(problems) == [
        "output.bias: two rules of mappings/m.yaml match it: "
        "`conv_bias: output → other` and `dense: output → fc`",
        "output.weight: two rules of mappings/m.yaml match it: "
        "`conv_bias: output → other` and `dense: output → fc`",
    ]


def test_two_names_for_one_target_are_a_problem() -> None:
    keymap = parse_keymap(MAP.replace("{4: 1, 5: 2}", "{4: 1, 5: 1}"), "m")
    names = [*NAMES, "features.5.0.body.0.weight"]
    _, problems = rename(keymap, names)
    assert problems == [
        "layer1.0.conv1.weight: assigned more than once, here from features.4.0.body.0.weight",
        "layer1.0.conv1.weight: assigned more than once, here from features.5.0.body.0.weight",
    ]


def test_a_dense_layer_can_become_a_convolution_of_size_1() -> None:
    assert Assignment("a", "b", "", as_conv=True).shape((4, 2)) == (4, 2, 1, 1)
    assert Assignment("a", "b", "").shape((4, 2)) == (4, 2)
    table = MAP.replace("dense:\n", "dense_as_conv:\n")
    (weight,) = rename(parse_keymap(table, "m"), ["output.weight"])[0]
    assert weight.as_conv
    sources = {"output.weight": ArraySpec((4, 2), "float32")}
    for shape, fits in (((4, 2, 1, 1), True), ((4, 2), False), ((4, 2, 1, 2), False)):
        targets = {"fc.weight": ArraySpec(shape, "float32")}
        assert (check([weight], sources, targets) == []) is fits, shape


def test_a_rule_that_never_fires_is_a_problem() -> None:
    _, problems = rename(parse_keymap(MAP, "m"), NAMES[2:])
    assert problems == [
        "rule `conv: features.{stage}.{block}.body.0 → layer{stage}.{block}.conv1` of "
        "mappings/m.yaml: no array has a matching name"
    ]


def test_shapes_dtypes_and_targets_are_checked_all_at_once() -> None:
    assignments, _ = rename(parse_keymap(MAP, "m"), NAMES)
    good = ArraySpec((3, 2), "float32")
    sources = dict.fromkeys(NAMES, good)
    targets = {a.target: good for a in assignments} | {"bn1.num_batches_tracked": good}
    assert check(assignments, sources, targets) == []

    sources["output.weight"] = ArraySpec((2, 3), "float32")
    sources["output.bias"] = ArraySpec((3, 2), "int8")
    del targets["bn1.weight"]
    targets["extra.weight"] = good
    problems = check(assignments, sources, targets)
    assert problems == [
        "features.1.gamma: maps to bn1.weight, which the network does not have",
        "output.weight: has shape (2, 3); fc.weight needs (3, 2)",
        "output.bias: has dtype int8; supported are float16, float32, float64",
        "extra.weight: no array maps to it",
    ]
    with pytest.raises(KeyMapError) as error:
        refuse("no", problems)
    assert error.value.problems == tuple(sorted(problems))
    assert all(problem in str(error.value) for problem in problems)


def test_an_array_without_values_has_no_dtype_that_fits() -> None:
    specs = array_specs({"output.weight": None, "output.bias": np.zeros(3, np.float16)})
    assert specs == {
        "output.weight": ArraySpec((), "none"),
        "output.bias": ArraySpec((3,), "float16"),
    }
    assignments, _ = rename(parse_keymap(MAP, "m"), specs)
    targets = {"fc.weight": ArraySpec((3, 2), "float32"), "fc.bias": ArraySpec((3,), "float32")}
    assert check(assignments, specs, targets) == [
        "output.weight: has shape (); fc.weight needs (3, 2)",
        "output.weight: has dtype none; supported are float16, float32, float64",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAP + "\nlstm: {}", "unknown field `lstm`"),
        (MAP.replace("source: here", ""), "missing required field `source`"),
        (MAP.replace("{block}.conv1", "0.conv1"), "appear exactly once on each side"),
        (MAP.replace("output: fc", "out{depth}: fc{depth}"), "depth is not in the index"),
        (MAP.replace("  output: fc", "  output: fc\n  output: fc2"), "'output' appears twice"),
    ],
)
def test_a_wrong_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message) as error:
        parse_keymap(text, "m")
    assert "mappings/m.yaml" in str(error.value)


def test_patterns_select_whole_names() -> None:
    names = [
        "layer1.0.bn3.gamma",
        "layer1.10.bn3.gamma",
        "xlayer1.0.bn3.gamma",
        "layer1.0.bn2.gamma",
    ]
    assert select("layer{stage}.{block}.bn3.gamma", names) == names[:2]
