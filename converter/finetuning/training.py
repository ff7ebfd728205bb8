"""State of a training, and one epoch of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ..checkpoints.torch_file import save
from ..errors import CheckpointError, TrainingError
from ..files.atomic_file import new_file
from ..inference.classification import Progress, classify
from ..inference.images.presets import make_crop
from ..inference.process_group import World
from ..inference.runner import Runner, Setup
from ..mappings.catalog import Preprocessing
from .training_data import Split, TrainBatches, epoch_batches
from .training_options import FinetuneOptions, make_optimizer, make_schedule

Row = dict[str, float]


@dataclass(frozen=True)
class Work:
    """Inputs of a training, which stay the same while it runs.

    Attributes:
        kind: That of its source.
        start: Hash of the weights that it begins with; None if the seed determines them.
    """

    model: str
    kind: str
    start: str | None
    options: FinetuneOptions
    split: Split
    preprocessing: Preprocessing
    setup: Setup
    world: World
    workers: int
    warn: Callable[[str], None]


class Training:
    """The network that is trained, and all state that is needed to resume.

    Attributes:
        history: A row for each finished epoch.
        best: The state_dict with the highest accuracy.
        best_accuracy: Its accuracy.
    """

    def __init__(self, network: nn.Module, work: Work) -> None:
        options, world = work.options, work.world
        self.work = work
        self.network = network
        # each process has its share of each batch, and running statistics of its own
        self.parallel: nn.Module = DistributedDataParallel(network) if world.joined else network
        self.ema: AveragedModel | None = None
        if options.ema is not None:
            average = get_ema_multi_avg_fn(options.ema)  # type: ignore[no-untyped-call]
            self.ema = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
        self.optimizer = make_optimizer(network, options)
        self.schedule = make_schedule(self.optimizer, options, len(self._batches(0)))
        # small gradients vanish in float16, but not in bfloat16
        scaled = work.setup.half == torch.float16
        self.scaler = torch.amp.GradScaler(work.setup.device.type, enabled=scaled)
        self.history: list[Row] = []
        self.best_accuracy = -1.0
        self.best: dict[str, torch.Tensor] = {}

    @property
    def judged(self) -> nn.Module:
        """The network that is evaluated and written: the EMA of the weights, if there is one."""
        return self.network if self.ema is None else self.ema.module

    def weights(self) -> dict[str, torch.Tensor]:
        """The evaluated network's state_dict, copied to the CPU."""
        state = self.judged.state_dict()
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def run_epoch(self, progress: Callable[[Progress], None]) -> Row:
        """Train on every image once, then evaluate, and add the row to the history."""
        epoch = len(self.history)
        rate = self.optimizer.param_groups[0]["lr"]
        row: Row = {"epoch": epoch + 1, **self._train(epoch, progress), "learning rate": rate}
        if not all(each.isfinite().all() for each in self.network.parameters()):
            raise TrainingError(
                f"the training diverged: after epoch {epoch + 1} not all weights are finite; "
                "choose a lower learning rate with `--lr`"
            )
        for network in (self.network, self.judged):  # running statistics differ by process
            self.work.world.broadcast(network.buffers())
        accuracy = row["train accuracy"]
        if self.work.split.held_out is not None:
            accuracy = row["held-out accuracy"] = self._evaluate()
        self.history.append(row)
        if accuracy >= self.best_accuracy:
            self.best_accuracy, self.best = accuracy, self.weights()
        return row

    def _train(self, epoch: int, progress: Callable[[Progress], None]) -> Row:
        work, options, world = self.work, self.work.options, self.work.world
        batches = self._batches(epoch)
        mine = [batch[world.rank :: world.size] for batch in batches]
        size = work.preprocessing.input_size
        loader: Any = DataLoader(
            TrainBatches(work.split.train, mine, size, options.min_scale, options.seed, epoch),
            batch_size=None,
            num_workers=min(work.workers, len(mine)),
        )
        # dropout uses torch's generator: each epoch reseeds it, so that no state need be saved
        seeds = np.random.SeedSequence([options.seed, epoch, world.rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        self.parallel.train()
        run = self._runner(self.parallel)
        done = right = 0
        total_loss = 0.0
        for batch, whole in zip(loader, batches, strict=True):
            for message in batch.broken:
                work.warn(message)
            if not batch.weights.any() and not world.joined:
                continue  # nothing was read; a process of several takes part in every step
            targets, weights = (
                each.to(work.setup.device) for each in (batch.targets, batch.weights)
            )
            with work.setup.autocast():
                logits = self.parallel(run.inputs(batch.pixels))
                losses = nn.functional.cross_entropy(
                    logits, targets, reduction="none", label_smoothing=options.label_smoothing
                )
            # DDP averages gradients over processes, whose shares of a batch may differ in size
            loss = (losses * weights).sum() * (world.size / len(whole))
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            scale = self.scaler.get_scale()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            # where gradients overflow float16, the scaler leaves out the step and lowers its scale
            if self.scaler.get_scale() >= scale:
                self.schedule.step()
            if self.ema is not None:
                self.ema.update_parameters(self.network)
            total_loss += float((losses.detach() * weights).sum())
            finite = logits.isfinite().all(1)  # the largest of NaN is said to be the first
            right += int(((logits.argmax(1) == targets) * finite * weights).sum())
            done += int(weights.sum())
            progress(Progress(done, sum(map(len, mine)), right))
        parts = world.gather((total_loss, right, done))
        all_loss, all_right, all_done = (sum(each) for each in zip(*parts, strict=True))
        return {
            "train loss": all_loss / max(all_done, 1),
            "train accuracy": all_right / max(all_done, 1),
        }

    def _batches(self, epoch: int) -> list[list[int]]:
        options, count = self.work.options, len(self.work.split.train.paths)
        least = 2 * self.work.world.size
        return epoch_batches(count, options.batch_size, options.seed, epoch, least)

    def _evaluate(self) -> float:
        work = self.work
        assert work.split.held_out is not None
        self.judged.eval()
        answers = classify(
            self._runner(self.judged),
            work.split.held_out,
            make_crop(work.preprocessing, work.options.preset),
            batch_size=work.options.batch_size,
            workers=work.workers,
            world=work.world,
        )
        return answers.top1 / max(answers.images, 1)

    def _runner(self, network: nn.Module) -> Runner:
        dtype = next(self.network.parameters()).dtype
        return Runner(network, self.work.setup, self.work.preprocessing, dtype)

    def save(self, path: Path) -> None:
        """Write the whole state in one step, so that a kill leaves no partial file.

        Raises:
            CheckpointError: The folder cannot be written to.
        """
        state = {
            "model": self.work.model,
            "kind": self.work.kind,
            "start": self.work.start,
            "options": asdict(self.work.options),
            "classes": list(self.work.split.labels.ids),
            "images": list(self.work.split.train.paths),
            "held_out": self._held_out(),
            "history": self.history,
            "best_accuracy": self.best_accuracy,
            "best": self.best,
            "parts": {name: part.state_dict() for name, part in self._parts().items()},
        }
        with new_file(path) as file:
            save(state, file)

    def load(self, path: Path) -> None:
        """Restore the state that `save` wrote; the number of epochs may be another one now.

        Raises:
            CheckpointError: The file belongs to another training, or cannot be read.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
            raise CheckpointError(f"{path}: is not the state of a training") from error
        if not isinstance(state, dict) or "parts" not in state:
            raise CheckpointError(f"{path}: is not the state of a training")
        options = asdict(self.work.options)
        before = {**state["options"], "epochs": options["epochs"]}
        differ = [name for name in options if before.get(name) != options[name]]
        differ += [
            name for name in ("model", "kind") if state.get(name) != getattr(self.work, name)
        ]
        if state.get("start", self.work.start) != self.work.start:  # older files do not have it
            differ.append("weights")
        if state["classes"] != list(self.work.split.labels.ids):
            differ.append("classes")
        if state["images"] != list(self.work.split.train.paths):
            differ.append("images")
        if state.get("held_out", self._held_out()) != self._held_out():
            differ.append("held-out images")
        if differ:
            raise CheckpointError(
                f"{path}: was started with different {', '.join(differ)}; resume it with the "
                "same, or choose another folder with `--out`"
            )
        if options["epochs"] < (finished := len(state["history"])):
            raise CheckpointError(
                f"{path}: {finished} epochs are finished already; resume it with at least as many, "
                "or choose another folder with `--out`"
            )
        for name, part in self._parts().items():
            if saved := state["parts"][name]:  # the scaler has no state without float16
                part.load_state_dict(saved)
        rates = zip(self.schedule.base_lrs, self.schedule.lr_lambdas, strict=True)
        for group, (rate, factor) in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor(self.schedule.last_epoch)  # of the new number of epochs
        self.history, self.best = state["history"], state["best"]
        self.best_accuracy = state["best_accuracy"]

    def _held_out(self) -> list[str]:
        held_out = self.work.split.held_out
        return [] if held_out is None else list(held_out.paths)

    def _parts(self) -> dict[str, Any]:
        parts = {
            "network": self.network,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
        }
        return parts if self.ema is None else {**parts, "ema": self.ema}
