"""What validate costs over the bare forward: images per second of both, and their ratio.

    python benchmarks/bench_validate.py [--images 320] [--model resnet50_v1d] [--rounds 3]

Generated JPEGs of 500×375 are classified by validate (reading, decoding, resizing, normalising,
counting), and batches of ready pixels by the network alone, in turns, in one process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from converter.catalog import load_catalog
from converter.classify import classify
from converter.images.labelled import LabelledImages
from converter.images.loading import default_workers
from converter.images.presets import make_crop
from converter.record import Preprocessing
from converter.running import Runner, Setup, place
from models import create_model


def main() -> None:
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
        ratios = []
        for _ in range(options.rounds):
            load = os.getloadavg()[0]
            bare = forward_rate(
                run, options.batch_size, max(2, options.images // options.batch_size // 2)
            )
            answers = classify(
                run,
                images,
                make_crop(preprocessing),
                batch_size=options.batch_size,
                workers=options.workers,
            )
            again = forward_rate(
                run, options.batch_size, max(2, options.images // options.batch_size // 2)
            )
            forward, whole = (bare + again) / 2, answers.images_per_second or 0.0
            ratios.append(whole / forward)
            print(
                f"forward {bare:.2f} and {again:.2f} images/s, validate {whole:.2f}: "
                f"{whole / forward:.3f} (load {load:.2f})",
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


def forward_rate(run: Runner, batch_size: int, batches: int) -> float:
    """Images per second of the network alone, its input ready; the first batch does not count."""
    pixels = torch.zeros(batch_size, *run.preprocessing.input_size, 3, dtype=torch.uint8)
    inputs = run.inputs(pixels)
    with torch.inference_mode(), run.setup.autocast():
        for number in range(batches + 1):
            if number == 1:
                start = time.perf_counter()
            run.network(inputs)[0, 0].item()
    return batches * batch_size / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
