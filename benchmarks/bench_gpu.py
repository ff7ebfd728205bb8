"""What validate costs over the bare forward on a GPU: images per second of both, and their ratio.

    python benchmarks/bench_gpu.py [--images 4096] [--workers 8 --workers 16] [--json FILE]

Generated JPEGs of 500×375 are classified by validate (reading, decoding, resizing, normalising,
counting), and one batch of ready pixels on the GPU by the network alone, in one process, in each
precision and memory format. The rate of reading alone shows which of the two limits validate.
--tests reads the figures that the tests marked `cuda` left in their report.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from bench_validate import make_photographs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PRECISIONS = "float32", "TF32", "AMP float16", "AMP bfloat16"
Points = list[tuple[float, int]]  # time, and images done until then


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50_v1d")
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--files", type=int, default=512, help="different ones among them")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--workers", type=int, action="append", help="default: that of validate")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tests", type=Path, help="the tests' report, by pytest --junitxml")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("bench_gpu: torch finds no GPU")
        return
    facts: dict[str, Any] = {"machine": machine(options.device)}
    if options.tests is not None:
        facts["parity"] = parity(options.tests)
        for line in parity_lines(facts["parity"]):
            print(line)
    facts |= measure(options)
    if options.json is not None:
        options.json.write_text(json.dumps(facts, indent=1) + "\n")


def machine(device: str) -> dict[str, Any]:
    is_gpu = device.startswith("cuda")
    found = {
        "device": torch.cuda.get_device_name() if is_gpu else device,
        "cores": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version() if is_gpu else None,
    }
    print(", ".join(f"{name} {value}" for name, value in found.items()), flush=True)
    return found


def parity(report: Path) -> dict[str, Any]:
    """The largest difference of each kind in the tests' report, and the network that has it."""
    cases = [
        (case, {each.get("name"): each.get("value") for each in case.iter("property")})
        for case in ElementTree.parse(report).iter("testcase")
    ]
    found: dict[str, Any] = {
        "tests": len(cases),
        "failed": [
            f"{case.get('classname')}::{case.get('name')}"
            for case, _ in cases
            if case.find("failure") is not None or case.find("error") is not None
        ],
        "skipped": sum(case.find("skipped") is not None for case, _ in cases),
    }
    for module in ("networks", "graphs"):
        mine = {
            figures.get("network", str(case.get("name")).partition("[")[2].rstrip("]")): figures
            for case, figures in cases
            if str(case.get("classname")).endswith(f"test_cuda_{module}") and "float64" in figures
        }
        found[module] = {"count": len(mine)}
        for kind in ("float64", "float32", "tf32"):
            values = [(float(each[kind]), name) for name, each in mine.items() if kind in each]
            if values:
                found[module][kind] = max(values)
        references = [each["reference"] for each in mine.values() if "reference" in each]
        if references:
            found[module]["references"] = {each: references.count(each) for each in references}
    return found


def parity_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['tests']} tests, {len(found['failed'])} failed, {found['skipped']} skipped"
    for module in ("networks", "graphs"):
        figures = found[module]
        against = figures.get("references", {"CPU": figures["count"]})
        text = ", ".join(f"{count} against {name}" for name, count in against.items())
        worst = ", ".join(
            f"{kind} {figures[kind][0]:.1e} ({figures[kind][1]})"
            for kind in ("float64", "float32", "tf32")
            if kind in figures
        )
        yield f"{module}: {text}; largest differences of the largest output: {worst}"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Rates of reading alone, of the network alone and of validate; prints a table."""
    from gluon2torch.inference.images.batches import default_workers
    from gluon2torch.inference.images.labelled_images import LabelledImages
    from gluon2torch.inference.images.presets import make_crop
    from gluon2torch.inference.runner import find_device
    from gluon2torch.mappings.catalog import load_catalog

    device, batch = find_device(options.device), options.batch_size
    crop = make_crop(load_catalog()[options.model].dataset.preprocessing)
    workers = options.workers or [default_workers()]
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        paths = make_photographs(Path(folder), min(options.files, options.images))
        paths = (paths * -(-options.images // len(paths)))[: options.images]
        images = LabelledImages(paths, (0,) * len(paths), "")
        reading = {count: read_alone(images, crop, batch, count) for count in workers}
        for count, rate in reading.items():
            print(f"reading alone, {count} workers: {rate:.0f} images/s", flush=True)
        print("| precision | channels-last | forward | workers | validate | ratio |")
        print("|---|---|---|---|---|---|", flush=True)
        for precision, channels_last in itertools.product(PRECISIONS, (False, True)):
            run = make_run(options.model, device, precision, channels_last)
            with tf32(precision == "TF32"):
                forward = forward_alone(run, batch, max(options.images // batch, 8))
                found = {count: validate_rate(run, images, crop, batch, count) for count in workers}
            for count, rate in found.items():
                print(
                    f"| {precision} | {'yes' if channels_last else 'no'} | {forward:.0f} | {count} "
                    f"| {rate:.0f} | {rate / forward:.2f} |",
                    flush=True,
                )
                rates.append(
                    {
                        "precision": precision,
                        "channels_last": channels_last,
                        "forward": forward,
                        "workers": count,
                        "validate": rate,
                    }
                )
    return {"model": options.model, "batch_size": batch, "reading": reading, "rates": rates}


def make_run(model: str, device: torch.device, precision: str, channels_last: bool) -> Any:
    """The network, as validate runs it."""
    from gluon2torch.inference.runner import Runner, Setup, place
    from gluon2torch.mappings.catalog import load_catalog
    from gluon2torch.models import create_model

    half = getattr(torch, precision[4:]) if precision.startswith("AMP") else None
    setup = Setup(device, half is not None, channels_last, half)
    torch.manual_seed(0)
    network = create_model(model).eval().requires_grad_(False)
    place(network, setup)
    return Runner(network, setup, load_catalog()[model].dataset.preprocessing)


def read_alone(images: Any, crop: Any, batch_size: int, workers: int) -> float:
    """Images per second that the workers read, with no network to wait for."""
    from gluon2torch.inference.images.batches import load_batches

    points: Points = []
    done = 0
    for batch in load_batches(images.paths, crop, batch_size=batch_size, workers=workers):
        done += len(batch.indices)
        points.append((time.perf_counter(), done))
    return steady(points)


def validate_rate(run: Any, images: Any, crop: Any, batch_size: int, workers: int) -> float:
    """Images per second of validate's loop."""
    from gluon2torch.inference.classification import Progress, classify

    points: Points = []

    def note(progress: Progress) -> None:
        points.append((time.perf_counter(), progress.done))

    classify(run, images, crop, batch_size=batch_size, workers=workers, progress=note)
    return steady(points)


def steady(points: Points) -> float:
    """Images per second after the first quarter, when all workers are at work."""
    (start, before), (end, after) = points[len(points) // 4], points[-1]
    return (after - before) / (end - start)


def forward_alone(run: Any, batch_size: int, batches: int) -> float:
    """Images per second of the network alone, on one batch that is on its device."""
    size = run.preprocessing.input_size
    inputs = run.inputs(torch.randint(256, (batch_size, *size, 3), dtype=torch.uint8))
    start = 0.0
    with torch.inference_mode(), run.setup.autocast():
        for number in range(-4, batches):
            if number == 0:
                run.network(inputs)[0, 0].item()  # waits for the device
                start = time.perf_counter()
            last = run.network(inputs)
        last[0, 0].item()
    return batches * batch_size / (time.perf_counter() - start)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether float32 products may be computed in TF32, as they may not in validate."""
    switches = torch.backends.cudnn, torch.backends.cuda.matmul
    for each in switches:
        each.allow_tf32 = allowed
    try:
        yield
    finally:
        for each in switches:
            each.allow_tf32 = False


if __name__ == "__main__":
    main()
