"""What differs between the instances of a block: parameters, and what follows from them."""

from __future__ import annotations

from gluon2torch.graph.source_code.name_groups import NameGroups
from gluon2torch.graph.source_code.operations import ABSENT
from gluon2torch.graph.source_code.parameters import Code, Parameters, stored_text
from gluon2torch.graph.source_code.text_layout import CallExpression, lines


def test_equal_values_are_literals_and_others_parameters() -> None:
    found = Parameters(3)
    assert found.expression([3, 3, 3], "kernel_size", "kernel_size") == 3
    assert found.expression([64, 64, 128], "in_channels", "in_channels") == Code("in_channels")
    assert found.expression([64, 64, 128], "num_features", "channels") == Code("in_channels")
    assert found.expression([True, 1, 1], "bias", "bias") == Code("bias")  # of different types


def test_what_follows_from_parameters_is_written_so() -> None:
    found = Parameters(3)
    found.expression([1, 3, 5], "kernel_size", "kernel_size")
    found.expression([16, 24, 32], "in_channels", "in_channels")
    found.expression([8, 10, 64], "out_channels", "out_channels")
    assert found.expression([0, 1, 2], "padding", "padding") == Code("kernel_size // 2")
    assert found.expression([96, 144, 192], "out_channels", "mid") == Code("in_channels * 6")
    assert found.expression([4, 6, 8], "out_channels", "mid") == Code("in_channels // 4")
    assert found.expression([24, 34, 96], "out_channels", "mid") == Code(
        "in_channels + out_channels"
    )
    assert found.expression([96, 144, 193], "out_channels", "mid") == Code("mid")
    assert found.expression([96, 144, 192], "stride", "stride") == Code("stride")  # by chance equal


def test_two_instances_do_not_prove_a_sum() -> None:
    found = Parameters(2)
    found.expression([16, 24], "in_channels", "in_channels")
    found.expression([8, 10], "out_channels", "out_channels")
    assert found.expression([24, 34], "out_channels", "mid") == Code("mid")


def test_missing_values_take_those_of_a_parameter() -> None:
    found = Parameters(3)
    found.expression([1, 2, 2], "stride", "stride")
    assert found.expression([ABSENT, 2, 2], "stride", "stride2") == Code("stride")
    assert found.expression([ABSENT, 1, 1], "kernel_size", "kernel_size") == 1


def test_conditions_are_comparisons_or_a_parameter() -> None:
    found = Parameters(3)
    found.expression([64, 64, 128], "in_channels", "in_channels")
    found.expression([64, 128, 128], "out_channels", "out_channels")
    found.expression([1, 1, 2], "stride", "stride")
    assert found.condition([False, True, False], "has") == "in_channels != out_channels"
    assert found.condition([False, False, True], "has") == "stride != 1"
    both = "stride != 1 or in_channels != out_channels"
    assert found.condition([False, True, True], "has") == both
    assert found.condition([True, False, False], "has") == "has"


def test_the_most_common_value_is_the_default_and_comes_last() -> None:
    found = Parameters(3)
    found.expression([1, 1, 2], "stride", "stride")
    found.expression([64, 64, 128], "in_channels", "in_channels")
    found.finish()
    assert [(each.name, each.default) for each in found.items][1] == ("stride", 1)
    assert found.items[0].name == "in_channels"
    assert found.items[0].annotation == "int"


def test_parameters_of_calls_are_attributes() -> None:
    assert stored_text(Code("mid * 4"), ["mid"]) == "self.mid * 4"
    assert stored_text((1, 2), []) == "(1, 2)"


def test_groups_are_not_cut() -> None:
    groups = NameGroups(["conv0", "unit1_conv0", "unit1_bn0", "unit2_conv0", "unit2_bn0"])
    assert groups.is_whole(["unit1_conv0", "unit1_bn0"])
    assert groups.is_whole(["unit1_conv0", "unit1_bn0", "unit2_conv0", "unit2_bn0"])
    assert not groups.is_whole(["unit1_bn0", "unit2_conv0"])
    assert not groups.is_whole(["conv0", "unit1_conv0"])


def test_long_calls_are_broken_as_ruff_breaks_them() -> None:
    arguments = [f"argument_{number}=1" for number in range(6)]
    broken = lines(CallExpression("call", arguments), 2, "value = ")
    assert broken[0] == "        value = call("
    assert broken[-1] == "        )"
    assert len(broken) == 3
    assert lines(CallExpression("call", arguments[:2]), 2) == [
        "        call(argument_0=1, argument_1=1)"
    ]
    many = lines(CallExpression("call", arguments * 2), 2)
    assert many[1] == "            argument_0=1,"
