"""The commands and Python examples of the documentation, and the files that they name."""

from __future__ import annotations

import glob
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image

from gluon2torch import convert
from gluon2torch.cli import main
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.class_labels import dataset_labels
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .conftest import random_network
from .exported import export
from .images import noise
from .recipe_networks import make_bert
from .test_graph_inputs import save_detector, saved

ROOT = Path(__file__).resolve().parents[1]
CLASSIFIER = "cifar_resnet20_v1"


def sections(path: Path) -> list[tuple[str, str]]:
    """Title and text of each section of a Markdown file that has a block of code."""
    texts = re.split(r"^##+ ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(text.splitlines()[0].lstrip("# "), text) for text in texts if "```" in text]


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of the blocks of code; commands have no language."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """The command lines in blocks of code, joined where `\\` ends a line."""
    return [line for language, block in blocks(text) if not language for line in lines_of(block)]


def lines_of(block: str) -> list[str]:
    """The command lines in a block of code, joined where `\\` ends a line."""
    words = ("git", "make", "curl", "torchrun", "python", "gluon2torch", "./gluon2torch")
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.split(" ", 1)[0] in words]


def python_blocks(text: str) -> list[str]:
    """The examples in Python."""
    return [block for language, block in blocks(text) if language == "python"]


def training_figures(title: str) -> dict[int, float]:
    """The train accuracies that the example of a section of finetune.md quotes.

    By the position of their epoch in the history; -1 is the last.
    """
    text = dict(sections(ROOT / "docs" / "finetune.md"))[title]
    (example,) = re.findall(r"`train accuracy (.*?) and takes", text, flags=re.DOTALL)
    positions = {"first": 0, "third": 2, "11th": 10, "21st": 20, "25th": 24, "last": -1}
    found = re.findall(r"(\d\.\d{4})`?\s+in\s+the\s+(\w+)", example)
    return {positions[word]: float(value) for value, word in found}


def parse(line: str) -> None:
    """Fail unless the command line takes a command of ours."""
    _, verb, *words = shlex.split(line, comments=True)
    context = main.commands[verb].make_context(verb, words)
    assert context.params


def run(line: str, stdin: bytes | None = None) -> Result | None:
    """Run a command of ours in the working directory; of `make`, only list what it would run.

    CHECKPOINT stands for a file.
    """
    words = shlex.split(line.replace("CHECKPOINT", "mine.pth"), comments=True)
    if words[0] == "make":
        subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return None
    quoted = re.findall(r"'([^']*)'", line)
    paths = [(word not in quoted and sorted(glob.glob(word))) or [word] for word in words[1:]]
    return CliRunner().invoke(main, [str(each) for path in paths for each in path], input=stdin)


def require_done(line: str, result: Result) -> None:
    """Fail unless a command of ours succeeded; what it would download cannot be reached here."""
    words = set(shlex.split(line, comments=True))
    if "convert" in words and not words & {"--params", "--init", "--list"}:
        assert (result.exit_code, "cannot be reached" in result.output) == (1, True), line
    else:
        assert result.exit_code == 0, (line, result.output)


def make_files(text: str) -> None:
    """Make the files that a section names, in the working directory."""
    for name, make in _MAKERS.items():
        if name in text and not Path(name).exists():
            make()


def _arrays() -> None:
    for name in ("my.params", "other.params"):
        write_params(name, random_network(CLASSIFIER).arrays)


def _folder() -> None:
    Path("files").mkdir()
    write_params("files/a.params", random_network(CLASSIFIER).arrays)


def _pose() -> None:
    entry = load_zoo()["simple_pose_resnet18_v1b"]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=0))
    write_params("pose.params", arrays)


def _graph() -> None:
    for path in export(CLASSIFIER, Path(), (32, 32)):
        path.rename(path.name.replace(CLASSIFIER, "net"))


def _two_inputs() -> None:
    save_detector(Path())


def _backbone() -> None:
    """A network with layers of the names that are cut at."""
    sym = import_mxnet().sym
    data = sym.Convolution(sym.var("data"), num_filter=4, kernel=(3, 3), name="conv4_3")
    data = sym.Activation(data, act_type="relu", name="relu4_3")
    data = sym.Pooling(data, kernel=(2, 2), stride=(2, 2), name="pool5")
    symbol = sym.FullyConnected(data, num_hidden=3, name="fc6")
    saved(symbol, Path(), data=(1, 3, 224, 224))


def _own_checkpoint() -> None:
    write_params("mine.params", random_network(CLASSIFIER).arrays)
    record = convert(params="mine.params", reference="none", out="mine")
    Path(record.file).rename("mine.pth")
    Path(record.file).with_suffix(".json").rename("mine.json")


def _all_checkpoints() -> None:
    write_params("mine.params", random_network(CLASSIFIER).arrays)
    convert(params="mine.params", reference="none")


def _checkpoint() -> None:
    write_params("resnet50_v1d.params", random_network("resnet50_v1d").arrays)
    convert("resnet50_v1d", params="resnet50_v1d.params", reference="none")


def _images(*folders: str) -> Callable[[], None]:
    def make() -> None:
        for number in range(4):
            folder = Path(folders[number % len(folders)])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise(40, 50, number)).save(folder / f"{number}.png")

    return make


def _image(name: str) -> Callable[[], None]:
    return lambda: Image.fromarray(noise(40, 50)).save(name)


def _listed() -> None:
    Image.fromarray(noise(40, 50)).save("listed.png")
    Path("list.txt").write_text("listed.png 3\n")


_CLASSES = dataset_labels("cifar10").ids[:2]
_MAKERS: dict[str, Callable[[], None]] = {
    "my.params": _arrays,
    "pose.params": _pose,
    "files/": _folder,
    "im_info=": _two_inputs,
    "relu4_3": _backbone,
    "net-symbol.json": _graph,
    "bert-symbol.json": make_bert,
    "weights/gluon_resnet50_v1d": _checkpoint,
    "CHECKPOINT": _own_checkpoint,
    "photo.jpg": _image("photo.jpg"),
    "rose.jpg": _image("rose.jpg"),
    "cat.jpg": _image("cat.jpg"),
    "photographs": _images("photographs"),
    "list.txt": _listed,
    "--all weights": _all_checkpoints,
    "imagenet/val": _images(*(f"imagenet/val/{name}" for name in _CLASSES)),
    "flowers": _images("flowers/rose", "flowers/tulip"),
}
