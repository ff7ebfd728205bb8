"""Translation of MXNet's naming dialects to the structural names that key maps use.

structural  `layer1.0.conv1.weight`            net.save_parameters
prefixed    `resnetv1b_layers1_conv0_weight`   net.save_params, collect_params().save; the net's
                                               own prefix may be stripped
exported    `arg:resnetv1b_layers1_conv0_weight`, `aux:…_running_mean`   net.export, Module

MXNet's own rule is that a file without a dot in its names is not structural. Prefixed names number
the layers of a scope by kind, in order of creation. Our networks have the same order, so the names
of a network are generated from it and looked up; the order in the file does not matter.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..errors import KeyMapError
from ..mappings.key_map import KINDS, KeyMap
from ..sources.arrays import bare_name
from .assignment import gluon_names

_MOVING = re.compile(r"(?<=[_.])moving_(?=(mean|var)$)")
_BATCH_NORMS = re.compile(r"(batchnormcudnnoff|syncbatchnorm)(?=[0-9]+_\w+$)")
_CLASSIFIER = re.compile(r".*dense[0-9]+_(weight|bias)")


@dataclass(frozen=True)
class Translation:
    """A file's names in structural form.

    Attributes:
        dialect: `structural`, `prefixed` or `exported`.
        prefix: The network's own prefix, in front of every name; empty if there is none.
        names: Name in the file → structural name; names without one are kept.
    """

    dialect: str
    prefix: str
    names: dict[str, str]


def prefixed_names(keymap: KeyMap, targets: Iterable[str]) -> dict[str, str]:
    """Map Gluon's prefixed names of a network, without its own prefix, to the structural ones.

    Args:
        targets: Our state_dict's names, in its order.
    """
    names: dict[str, str] = {}
    numbers: dict[str, int] = {}
    counters: Counter[str] = Counter()
    for structural, kind in gluon_names(keymap, targets):
        layer, _, parameter = structural.rpartition(".")
        group = _scope(keymap, layer) + KINDS[kind].word
        if layer not in numbers:
            numbers[layer] = counters[group]
            counters[group] += 1
        names[f"{group}{numbers[layer]}_{parameter}"] = structural
    return names


def _scope(keymap: KeyMap, layer: str) -> str:
    """Return the innermost scope of a layer; the network's own scope is the empty string."""
    parts = layer.split(".")
    for length in range(len(parts) - 1, 0, -1):
        for scope in keymap.scopes:
            if (name := scope.apply(".".join(parts[:length]))) is not None:
                return name
    return ""


def dialect_of(names: Collection[str]) -> str:
    """Return the dialect of a file's names: `structural`, `prefixed` or `exported`."""
    if any(name.startswith(("arg:", "aux:")) for name in names):
        return "exported"
    return "structural" if any("." in name for name in names) else "prefixed"


def plain_name(name: str) -> str:
    """Remove `arg:` or `aux:` from a name, and replace MXNet's synonyms by Gluon's words."""
    return _BATCH_NORMS.sub("batchnorm", _with_own_layer(name))


def _with_own_layer(name: str) -> str:
    """A plain name, but with the file's own word for the kind of the layer."""
    return _MOVING.sub("running_", bare_name(name))


def plain_names(names: Collection[str]) -> dict[str, str]:
    """Names in a file → plain ones; kinds of layers keep their own word if the file has several."""
    plain = {name: plain_name(name) for name in names}
    counts = Counter(plain.values())
    return {
        name: _with_own_layer(name) if counts[short] > 1 else short for name, short in plain.items()
    }


def translate(names: Collection[str], known: Mapping[str, str]) -> Translation:
    """Translate a file's names to structural ones.

    A replaced classifier has the next number (`dense1` instead of `dense0`) or lies outside the
    network's scope. As it is the only one, it is still recognised.

    Args:
        names: As in the file.
        known: The network's names, from `prefixed_names`.

    Raises:
        KeyMapError: Two names in the file mean the same parameter.
    """
    bare = plain_names(names)
    dialect = dialect_of(names)
    prefix = ""
    if not any("." in name for name in bare.values()):
        # a network's names have no common start of their own, so any common prefix is the network's
        inner = [short for short in bare.values() if not _CLASSIFIER.fullmatch(short)]
        prefix = os.path.commonprefix(inner)  # noqa: RUF071 (letters, not folders)
        bare = {name: known.get(short.removeprefix(prefix), short) for name, short in bare.items()}
        bare |= _replaced_classifier(bare, known)
    counts = Counter(bare.values())
    if duplicates := sorted(name for name, short in bare.items() if counts[short] > 1):
        raise KeyMapError("two names in the file mean the same parameter:", duplicates)
    return Translation(dialect, prefix, bare)


def _replaced_classifier(bare: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    missing = {k: s for k, s in known.items() if _CLASSIFIER.fullmatch(k)}
    missing = {key: s for key, s in missing.items() if s not in bare.values()}
    leftover = [name for name, short in bare.items() if _CLASSIFIER.fullmatch(short)]
    by_parameter = {key.rpartition("_")[2]: structural for key, structural in missing.items()}
    if len(leftover) != len(missing) or len(by_parameter) != len(missing):
        return {}
    return {name: by_parameter[name.rpartition("_")[2]] for name in leftover}
