"""Whole processes: a conversion, the heads of files, and the published set, over their floors.

(a) a file: `convert --params --reference none` of a ResNet-152, over `import torch`, a copy of the
    file and its SHA-256 in one process; and its peak memory over that of `import torch` alone
(d) the set: `convert --all --init random --reference none`, over the way in which timm's weights
    were made, for the same 21 networks in one process
and `detect`, `inspect` and the refusal of unknown files, which need no torch.

    python benchmarks/bench_process.py [--rounds N] [--skip-set]
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import click
from processes import Usage, busy, least, measure, python

BLOCK = 1 << 20
UNKNOWN = 400  # arrays of a file of no known network


def floor(source: str, copy: str) -> None:
    """Import torch, copy a file and hash it."""
    import torch  # noqa: F401

    digest = hashlib.sha256()
    with Path(source).open("rb") as file, Path(copy).open("wb") as target:
        while block := file.read(BLOCK):
            digest.update(block)
            target.write(block)
    digest.hexdigest()


def make_files(folder: str) -> None:
    """A ResNet-152, and files of no known network in both dialects."""
    import numpy as np
    from bench_params import make_small

    from gluon2torch.sources.params_writer import write_params

    make_small(Path(folder, "known.params"))
    names = {"structural": "stage{}.weight", "prefixed": "net_conv{}_weight"}
    for file, name in names.items():
        arrays = {name.format(index): np.ones((8, 8), np.float32) for index in range(UNKNOWN)}
        write_params(Path(folder, f"{file}.params"), arrays)


def timm_set(folder: str) -> None:
    """All networks of the set in timm's way, one after another.

    GluonCV's arrays are zipped in order into timm's network; that is saved and hashed.
    """
    import torch

    from gluon2torch.mappings.catalog import load_catalog
    from gluon2torch.mappings.layout import load_layout
    from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names
    from tests.conftest import import_client

    mxnet, timm, catalog = import_mxnet(), import_client("timm"), load_catalog()
    from gluoncv.model_zoo import get_model

    for name in catalog.published_set:
        with legacy_names():
            net = get_model(name, pretrained=False)
        net.initialize(mxnet.init.Xavier())
        net(mxnet.nd.zeros((1, 3, 224, 224)))
        network = timm.create_model(load_layout("timm").row(catalog[name]).build)
        theirs = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
        ours = [key for key in network.state_dict() if "num_batches_tracked" not in key]
        pairs = zip(ours, theirs, strict=True)
        path = Path(folder, f"{name}.pth")
        torch.save({key: torch.from_numpy(array) for key, array in pairs}, path)
        hashlib.sha256(path.read_bytes()).hexdigest()
        path.unlink()


def ratio(ours: Usage, theirs: Usage) -> str:
    return f"{ours.wall / theirs.wall:.2f} of the time, {ours.cpu / theirs.cpu:.2f} of processor"


def compare_file(folder: str, rounds: int) -> None:
    known, convert = f"{folder}/known.params", (sys.executable, "convert.py", "-q", "-o", folder)
    found = least(
        rounds,
        {
            "import torch": (sys.executable, "-c", "import torch"),
            "floor (a)": python("bench_process", f"floor({known!r}, {folder + '/copy'!r})"),
            "ours": (*convert, "--params", known, "--reference", "none"),
        },
    )
    for name, usage in found.items():
        print(f"  {name:14} {usage}")
    print(f"  ours / (a): {ratio(found['ours'], found['floor (a)'])}  (wanted: at most 1.25)")
    added = found["ours"].peak - found["import torch"].peak
    print(f"  peak above import torch alone: {added / 1e6:.0f} MB  (wanted: at most 300)")


def compare_heads(folder: str, rounds: int) -> None:
    run = python("bench_process", "command_line()")
    known = {name: (*run, name, f"{folder}/known.params") for name in ("detect", "inspect")}
    print("heads of 241 MB (wanted: at most 0.5 s):")
    for name, usage in least(rounds, known).items():
        print(f"  {name:14} {usage}")
    unknown = {
        f"{verb} {dialect}": (*run, *words, f"{folder}/{dialect}.params")
        for dialect in ("structural", "prefixed")
        for verb, words in (("detect", ("detect",)), ("convert", ("convert", "--params")))
    }
    print(f"unknown files of {UNKNOWN} arrays, refused (wanted: at most 1 s):")
    for name, usage in least(rounds, unknown, status=1).items():
        print(f"  {name:20} {usage}")


def command_line() -> None:
    """Run the command line of this checkout, whether it is installed or not."""
    import convert

    convert.load_package()
    from gluon2torch.cli import main

    main()


@click.command(help=__doc__)
@click.option("--rounds", default=5, show_default=True)
@click.option("--skip-set", is_flag=True, help="Leave out the whole set, which takes two minutes.")
def main(rounds: int, skip_set: bool) -> None:
    print(busy())
    with tempfile.TemporaryDirectory() as folder:
        measure(*python("bench_process", f"make_files({folder!r})"))
        print("ResNet-152, 241 MB:")
        compare_file(folder, rounds)
        compare_heads(folder, rounds)
        if skip_set:
            return
        random = ("convert.py", "--all", "-q", "--init", "random", "--reference", "none")
        ours = measure(sys.executable, *random, "-o", f"{folder}/set")
        theirs = measure(*python("bench_process", f"timm_set({folder!r})"))
        print(f"the published set, random weights:\n  ours           {ours}")
        print(f"  timm's way (d) {theirs}")
        print(f"  ours / (d): {ratio(ours, theirs)}  (wanted: at most 0.45)")
    print(busy())


if __name__ == "__main__":
    main()
