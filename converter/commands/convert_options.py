"""The options of `convert`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..mappings.choices import (
    DTYPES,
    FOLDER,
    GRAPH_FORMATS,
    INITS,
    INPUT_DTYPES,
    LAYOUTS,
    OURS,
    PROOFS,
    SAVED,
)
from .option_types import InputPath, OutputFile, OutputFolder, ReferenceType, ShardType, SizeType
from .shared_options import JSON, PLUGIN

_OPTIONS = (
    click.argument("models", metavar="[MODEL]...", nargs=-1),
    click.option("--all", "everything", is_flag=True, help="Convert the 21 networks of a release."),
    click.option(
        "--list",
        "listing",
        is_flag=True,
        help="List the known models, and convert nothing; or only those that MODEL names: "
        "'resnet50*', a family, a task such as detection, or published.",
    ),
    click.option(
        "--wide",
        is_flag=True,
        help="With --list: also the costs of each network, for one input of its size.",
    ),
    click.option(
        "--init",
        type=click.Choice(INITS),
        default="pretrained",
        show_default=True,
        help="Source of the weights: the published file, or random numbers.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Seed of random weights and images.",
    ),
    click.option(
        "--params",
        type=InputPath(),
        multiple=True,
        metavar="FILE|DIR|@LIST",
        help="Convert your own .params file, with any number of classes; repeatable. A folder "
        "stands for the .params files in it, @LIST for the files that LIST names, one per line.",
    ),
    click.option(
        "--symbol",
        type=InputPath(),
        metavar="FILE|auto",
        help="The -symbol.json of --params: convert its graph, of any network. auto: the "
        "one beside it, such as net-symbol.json beside net-0000.params; if none is there, a note "
        "says so.",
    ),
    click.option(
        "--dequantize",
        is_flag=True,
        help="The graph of --symbol is quantized: convert the float network that it stands for.",
    ),
    click.option(
        "-o",
        "--out",
        type=OutputFolder(),
        default="weights",
        show_default=True,
        metavar="DIR",
        help="Output folder.",
    ),
    click.option(
        "--format",
        "formats",
        type=click.Choice(GRAPH_FORMATS),
        multiple=True,
        help="File format; repeatable. Default: pth, and pt2 of networks that are converted as "
        "graphs.",
    ),
    click.option(
        "--layout",
        type=click.Choice((*LAYOUTS, FOLDER)),
        default=OURS,
        show_default=True,
        help="Key names of the state_dict; ours are timm's. timm loads a timm-folder directly.",
    ),
    click.option(
        "--labels",
        type=InputPath(),
        metavar="FILE",
        help="File with the class names, one per line.",
    ),
    click.option(
        "--report",
        type=OutputFolder(),
        metavar="DIR",
        help="Write an HTML report of parity, layer by layer, to this folder.",
    ),
    click.option(
        "--reference",
        type=ReferenceType(),
        default="auto",
        show_default=True,
        help="Reference for parity: GluonCV's network on MXNet, its graph without MXNet, or a file "
        "that --save-reference wrote on another machine.",
    ),
    click.option(
        "--save-reference",
        type=OutputFile(suffix=SAVED),
        metavar="FILE.npz",
        help="Save the reference's outputs, to measure parity where MXNet is not installed.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(DTYPES),
        default="keep",
        show_default=True,
        help="Keep half-precision weights, or widen them to float32.",
    ),
    click.option(
        "--backbone",
        is_flag=True,
        help="FILE belongs to a segmentation, detection or pose network: convert its backbone.",
    ),
    click.option(
        "--allow-nonfinite",
        is_flag=True,
        help="Convert arrays with NaN or Inf; needs --reference none, as parity cannot pass.",
    ),
    click.option(
        "--size",
        "sizes",
        type=SizeType(),
        multiple=True,
        help="Image size for parity; repeatable. Default: the model's own size and an odd one.",
    ),
    click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME=SHAPE[:DTYPE]",
        help="Shape of an input of the graph of --symbol, with the batch, such as "
        "data=1,3,224,224 or ids=1,128:int32; repeatable, and needed for each of several inputs. "
        f"DTYPE: {', '.join(INPUT_DTYPES)} (float32 of zeros and ones).",
    ),
    click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="NODE",
        help="Convert the graph up to this node, or NODE:1 for its second output, NODE@2 for the "
        "second node of this name; repeatable. "
        "`gluon2torch graph` shows the last ones before an operator that is not supported.",
    ),
    PLUGIN,
    click.option(
        "--nms-thresh",
        type=float,
        metavar="SHARE",
        help="Detectors: overlap above which non-maximum suppression (NMS) removes a box. This and "
        "the next options default to GluonCV's settings.",
    ),
    click.option(
        "--score-thresh",
        type=float,
        metavar="SCORE",
        help="Detectors: lowest score of a detection.",
    ),
    click.option(
        "--topk",
        "nms_topk",
        type=int,
        metavar="N",
        help="Detectors: number of boxes that NMS looks at, the best first; -1 for all. In "
        "CenterNet, the number of detections.",
    ),
    click.option(
        "--post-nms",
        type=int,
        metavar="N",
        help="Detectors: number of detections returned, the best first; -1 for all.",
    ),
    click.option(
        "--nms/--no-nms",
        default=True,
        help="Detectors: without NMS, the outputs are all boxes with their classes and scores.",
    ),
    click.option(
        "--prove",
        type=click.Choice(PROOFS),
        multiple=True,
        help="Beside the forward passes: gradients, running statistics and three steps of SGD.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Convert N networks at a time, each in a process of its own.",
    ),
    click.option(
        "--shard",
        type=ShardType(),
        help="Convert only every N-th of the networks, beginning with the I-th (1 to N), so that "
        "machines can share them.",
    ),
    JSON,
    click.option("-q", "--quiet", is_flag=True, help="Print only errors."),
    click.option(
        "-v", "--verbose", is_flag=True, help="Print a line for each stage to stderr, for a log."
    ),
)


def convert_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all options to a command, in the order in which `--help` lists them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
