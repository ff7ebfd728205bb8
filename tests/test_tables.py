from __future__ import annotations

import pytest

from converter.errors import TableError
from converter.tables import check_keys, parse_table, read_table


def test_a_key_that_stands_twice_is_refused_and_named() -> None:
    with pytest.raises(TableError, match=r"t\.yaml, line 4: the key 'conv1' stands"):
        parse_table("conv:\n  conv1: a\n  bn: b\n  conv1: c\n", "t.yaml")


def test_other_yaml_mistakes_name_the_file() -> None:
    with pytest.raises(TableError, match=r"t\.yaml"):
        parse_table("a: [1", "t.yaml")
    with pytest.raises(TableError, match="mapping is expected"):
        parse_table("- a", "t.yaml")


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(TableError, match=r"mappings/no_such\.yaml"):
        read_table("no_such.yaml")


def test_missing_and_unknown_keys_are_told_together() -> None:
    with pytest.raises(TableError, match="b is missing, c is unknown"):
        check_keys({"a": 1, "c": 2}, "t", required=["a", "b"])
