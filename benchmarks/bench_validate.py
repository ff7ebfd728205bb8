"""What validate costs over the bare forward: images per second of both, and their ratio.

    python benchmarks/bench_validate.py [--images 320] [--model resnet50_v1d] [--rounds 3]

Generated JPEGs of 500×375 are classified by validate (reading, decoding, resizing, normalising,
counting), and batches of ready pixels by the network alone, in turns, in one process.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    from gluon2torch.inference.classification import classify
    from gluon2torch.inference.images.batches import default_workers
    from gluon2torch.inference.images.labelled_images import LabelledImages
    from gluon2torch.inference.images.presets import make_crop
    from gluon2torch.inference.runner import Runner, Setup, place
    from gluon2torch.mappings.catalog import Preprocessing, load_catalog
    from gluon2torch.models import create_model

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50_v1d")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    dataset = load_catalog()[options.model].dataset
    preprocessing = Preprocessing(
        dataset.input_size, dataset.mean, dataset.std, dataset.crop_pct, dataset.interpolation
    )
    setup = Setup(torch.device(options.device), channels_last=options.channels_last)
    torch.manual_seed(0)
    network = create_model(options.model).eval().requires_grad_(False)
    place(network, setup)
    run = Runner(network, setup, preprocessing)
    with tempfile.TemporaryDirectory() as folder:
        paths = make_photographs(Path(folder), options.images)
        images = LabelledImages(paths, (0,) * len(paths), "")
        crop, batch_size = make_crop(preprocessing), options.batch_size
        ratios = []
        for _ in range(options.rounds):
            load = os.getloadavg()[0]
            forward, forward_cpu = forward_alone(run, batch_size, -(-options.images // batch_size))
            start = cpu_seconds()
            answers = classify(run, images, crop, batch_size=batch_size, workers=options.workers)
            cpu = (cpu_seconds() - start) / options.images
            rate = answers.images_per_second or 0.0
            ratios.append(rate / forward)
            print(
                f"forward {forward:.2f} images/s, validate {rate:.2f}: {rate / forward:.3f}; "
                f"processor time an image {forward_cpu:.4f} and {cpu:.4f} s: "
                f"{forward_cpu / cpu:.3f} (load before: {load:.2f})",
                flush=True,
            )
    print(f"median ratio {statistics.median(ratios):.3f}, {torch.get_num_threads()} threads")


def make_photographs(folder: Path, count: int) -> tuple[str, ...]:
    """JPEGs of 500×375 with the detail of photographs: some 60 kB each."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        grain = rng.integers(-16, 16, (375, 500, 1))
        pixels = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC)) + grain
        path = folder / f"{number:05}.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(str(path))
    return tuple(paths)


def forward_alone(run: Any, batch_size: int, batches: int) -> tuple[float, float]:
    """Images per second of the network alone, and processor time an image; its input is ready.

    The first batch does not count.
    """
    pixels = torch.zeros(batch_size, *run.preprocessing.input_size, 3, dtype=torch.uint8)
    inputs = run.inputs(pixels)
    start = cpu = 0.0
    with torch.inference_mode(), run.setup.autocast():
        for number in range(batches + 1):
            if number == 1:
                start, cpu = time.perf_counter(), cpu_seconds()
            run.network(inputs)[0, 0].item()
    images = batches * batch_size
    return images / (time.perf_counter() - start), (cpu_seconds() - cpu) / images


def cpu_seconds() -> float:
    """Of this process and the workers that it has ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
