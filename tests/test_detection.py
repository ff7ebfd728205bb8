"""Detection of a file's network in a small catalogue, by names, shapes and prefix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gluon2torch.errors import KeyMapError, UnknownModelError
from gluon2torch.mapping import detection
from gluon2torch.mapping.assignment import ArraySpec, gluon_names
from gluon2torch.mapping.detection import Detection, detect, require_one
from gluon2torch.mapping.dialects import prefixed_names, translate
from gluon2torch.mapping.fit import MAX_SIZE, fit
from gluon2torch.mapping.network_spec import describe_network, empty_network
from gluon2torch.mappings.catalog import Catalog, load_catalog
from gluon2torch.mappings.key_map import load_keymap

CATALOG = load_catalog()
NAMES = ["resnet18_v1b", "resnet18_v2", "cifar_resnet20_v1", "cifar_resnet20_v2"]
# their prefixed names and shapes are the same
TWINS = ["resnet50_v1c", "resnet50_v1d"]
Specs = dict[str, ArraySpec]


@pytest.fixture(autouse=True)
def _small_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Catalog([CATALOG[name] for name in [*NAMES, *TWINS]], [], "", "")
    monkeypatch.setattr(detection, "load_catalog", lambda: few)


def structural(name: str, classes: int | None = None, in_chans: int = 3) -> Specs:
    """The arrays of a network of the catalogue, by structural name."""
    entry = CATALOG[name]
    classes = entry.dataset.num_classes if classes is None else classes
    targets = describe_network(empty_network(name, classes, in_chans))
    shapes = [spec for target, spec in targets.items() if not target.endswith("_tracked")]
    names = [each for each, _ in gluon_names(load_keymap(entry.family), targets)]
    return dict(zip(names, shapes, strict=True))


def prefixed(name: str, prefix: str) -> Specs:
    """The same by Gluon's prefixed names."""
    specs = structural(name)
    targets = describe_network(empty_network(name, CATALOG[name].dataset.num_classes, 3))
    known = prefixed_names(load_keymap(CATALOG[name].family), targets)
    return {f"{prefix}{key}": specs[value] for key, value in known.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_detected_with_its_classes_and_channels(name: str) -> None:
    found = detect(structural(name, classes=7, in_chans=4))
    assert (found.models, found.num_classes, found.in_chans) == ((name,), 7, 4)
    assert (found.dialect, found.prefix) == ("structural", "")
    assert (found.nearest, found.differs) == (None, ())
    assert require_one(found, "x").name == name
    assert detect(prefixed(name, "mine_")).prefix == "mine_"


def test_what_a_match_is_based_on() -> None:
    count = len(structural("cifar_resnet20_v1"))
    assert detect(structural("cifar_resnet20_v1")).why == (
        f"{count} arrays; block basic, stem cifar_linear, stem width 16, widths 16-32-64, "
        "layers 3-3-3"
    )


def test_a_match_tells_the_blocks_options() -> None:
    assert detection._describe(CATALOG["se_resnext50_32x4d"], 5) == (
        "5 arrays; block bottleneck, stem conv7, layers 3-4-6-3, cardinality 32, base width 4, "
        "gate biased"
    )


def test_twins_are_distinguished_by_the_prefix_alone() -> None:
    assert detect(structural("resnet50_v1d")).models == ("resnet50_v1d",)
    found = detect(prefixed("resnet50_v1d", "mine_"))
    assert found.models == tuple(TWINS)
    message = "my.params: fits resnet50_v1c and resnet50_v1d equally: prefixed names do not"
    with pytest.raises(UnknownModelError, match=message):
        require_one(found, "my.params")
    for name in TWINS:
        prefix = CATALOG[name].prefix
        assert prefix is not None
        one = detect(prefixed(name, prefix))
        assert (one.models, one.prefix) == ((name,), prefix)


def test_a_trunk_is_detected_without_its_classifier() -> None:
    specs = {k: v for k, v in structural("resnet18_v1b").items() if not k.startswith("fc.")}
    found = detect(specs, headless=True)
    assert (found.models, found.num_classes, found.in_chans) == (("resnet18_v1b",), 0, 3)
    assert detect(specs).models == ()
    assert detect(specs).nearest == "resnet18_v1b"


def test_the_nearest_network_has_the_smallest_share_of_differences() -> None:
    specs = structural("cifar_resnet20_v1")
    gone = next(iter(specs))
    del specs[gone]
    found = detect(specs)
    assert found == Detection(
        models=(),
        dialect="structural",
        prefix="",
        num_classes=None,
        in_chans=None,
        why=f"{len(specs)} arrays that match no known network",
        nearest="cifar_resnet20_v1",
        differs=found.differs,
    )
    assert len(found.differs) == 2
    assert list(found.differs) == sorted(found.differs)
    message = "my.params: .* match no known network; the nearest is cifar_resnet20_v1, with 2 diff"
    with pytest.raises(UnknownModelError, match=message):
        require_one(found, "my.params")
    far = detect({"fc1_weight": ArraySpec((4, 4), "float32")})
    assert (far.nearest, far.differs, far.dialect, far.prefix) == (None, (), "prefixed", "")
    with pytest.raises(
        UnknownModelError, match="1 arrays that match no known network; to convert .*`--symbol`"
    ):
        require_one(far, "my.params")


@pytest.mark.parametrize(
    ("shape", "classes"), [((0, 64), 10), ((MAX_SIZE, 64), 10), ((MAX_SIZE - 1, 64), MAX_SIZE - 1)]
)
def test_an_implausible_number_of_classes_is_a_wrong_shape(
    shape: tuple[int, int], classes: int
) -> None:
    specs = structural("cifar_resnet20_v1") | {"output.weight": ArraySpec(shape, "float32")}
    found = fit(CATALOG["cifar_resnet20_v1"], specs)
    assert found.num_classes == classes
    expected = f"output.weight: has shape {shape}; fc.weight needs ({classes}, 64)"
    assert (expected in found.problems) is (classes == 10)


@pytest.mark.parametrize(
    ("shape", "in_chans"),
    [((16, 0, 3, 3), 3), ((16, MAX_SIZE, 3, 3), 3), ((16, 5, 3), 3), ((16, 5, 3, 3), 5)],
)
def test_an_implausible_number_of_channels_is_a_wrong_shape(
    shape: tuple[int, ...], in_chans: int
) -> None:
    specs = structural("cifar_resnet20_v1") | {"features.0.weight": ArraySpec(shape, "float32")}
    found = fit(CATALOG["cifar_resnet20_v1"], specs)
    assert found.in_chans == in_chans
    expected = f"features.0.weight: has shape {shape}; conv1.weight needs (16, {in_chans}, 3, 3)"
    assert (expected in found.problems) is (in_chans == 3)


def test_what_a_fit_says() -> None:
    entry = CATALOG["cifar_resnet20_v1"]
    specs = structural("cifar_resnet20_v1", classes=7)
    found = fit(entry, specs)
    assert found.require() is found
    assert (found.entry, found.keymap.family) == (entry, "cifar_resnet_v1")
    assert found.translation.names == {name: name for name in specs}
    network = empty_network("cifar_resnet20_v1", 7, 3)
    assert found.targets == describe_network(network)
    assert found.parameters == sum(each.numel() for each in network.parameters())
    assert len(found.assignments) == len(specs)
    with pytest.raises(KeyMapError, match="the arrays are not those of cifar_resnet20_v1"):
        fit(entry, {**specs, "more.weight": ArraySpec((1,), "float32")}).require()


def test_another_networks_prefix_is_a_problem_and_a_users_own_is_not() -> None:
    entry = CATALOG["resnet50_v1d"]
    assert entry.prefix is not None
    for prefix, wrong in ((entry.prefix, False), ("mine_", False), ("", False)):
        assert bool(fit(entry, prefixed("resnet50_v1d", prefix)).problems) is wrong
    other = CATALOG["resnet50_v1c"].prefix
    assert fit(entry, prefixed("resnet50_v1d", f"{other}")).problems == (
        f"the names begin with {other}, the prefix of another network in GluonCV",
    )
    assert fit(replace(entry, prefix=None), prefixed("resnet50_v1d", f"{other}")).problems == ()


def test_a_replaced_classifier_is_only_taken_where_it_is_the_only_one() -> None:
    known = {"conv0_weight": "a.weight", "norm0_beta": "b.bias"}
    known |= {"dense0_weight": "o.weight", "dense0_bias": "o.bias"}
    trunk = ["net_conv0_weight", "net_norm0_beta"]
    one = ["net_dense1_weight", "net_dense1_bias"]
    assert translate([*trunk, *one], known).names == dict(
        zip([*trunk, *one], known.values(), strict=True)
    )
    # two of them, or one without its bias, are left as they are
    more = [*trunk, *one, "net_dense2_weight", "net_dense2_bias"]
    assert translate(more, known).names["net_dense1_weight"] == "net_dense1_weight"
    without = translate([*trunk, one[0]], known).names
    assert without["net_dense1_weight"] == "net_dense1_weight"
    found = translate([*trunk, *one, "net_dense0_weight", "net_dense0_bias"], known).names
    assert found["net_dense0_weight"] == "o.weight"
    assert found["net_dense1_weight"] == "net_dense1_weight"
