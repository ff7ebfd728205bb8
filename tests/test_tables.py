from __future__ import annotations

import pytest

from gluon2torch.errors import TableError
from gluon2torch.mappings.schema import Row, structure
from gluon2torch.mappings.yaml_table import parse_table, read_row, read_table


def test_a_key_that_stands_twice_is_refused_and_named() -> None:
    with pytest.raises(TableError, match=r"t\.yaml, line 4: the key 'conv1' appears twice"):
        parse_table("conv:\n  conv1: a\n  bn: b\n  conv1: c\n", "t.yaml")


def test_other_yaml_mistakes_name_the_file() -> None:
    with pytest.raises(TableError, match=r"t\.yaml"):
        parse_table("a: [1", "t.yaml")
    with pytest.raises(TableError, match="mapping is expected"):
        parse_table("- a", "t.yaml")


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(TableError, match=r"mappings/no_such\.yaml"):
        read_table("no_such.yaml")


class Inner(Row, frozen=True):
    count: int


class Outer(Row, frozen=True):
    name: str
    inner: Inner
    sizes: list[tuple[int, int]]


GOOD = {"name": "x", "inner": {"count": 1}, "sizes": [[1, 2]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inner": {}}, "t.yaml: row: inner: object missing required field `count`"),
        ({"other": 1}, "t.yaml: row: object contains unknown field `other`"),
        ({"inner": {"count": 1, "c": 2}}, "t.yaml: row: inner: object contains unknown field `c`"),
        ({"inner": {"count": "1"}}, "t.yaml: row: inner.count: expected `int`, got `str`"),
        ({"sizes": [[1, 2], [3, 4.5]]}, r"t.yaml: row: sizes[1][1]: expected `int`, got `float`"),
        ({"sizes": [[1]]}, "t.yaml: row: sizes[0]: expected `array` of length 2, got 1"),
        ({"name": None}, "t.yaml: row: name: expected `str`, got `null`"),
    ],
)
def test_a_wrong_field_is_named_with_its_path_and_what_was_expected(
    change: dict[str, object], message: str
) -> None:
    assert read_row(GOOD, Outer, "t.yaml: row").sizes == [(1, 2)]
    with pytest.raises(TableError) as caught:
        read_row(GOOD | change, Outer, "t.yaml: row")
    assert str(caught.value) == message


def test_a_place_before_the_value_begins_the_path() -> None:
    with pytest.raises(ValueError, match=r"^models\.a\.count: expected `int`"):
        structure({"count": 1.5}, Inner, "models.a")
    with pytest.raises(ValueError, match=r"^models\[0\]: expected `str`"):
        structure([1], list[str], "models")
