"""Export gluonts' DeepAR by MXNet, into this folder; its weights are not kept.

pip install gluonts==0.14.4 'pydantic<2'
python -m tests.graphs.export_deepar
"""

from __future__ import annotations

import lzma
import tempfile
import warnings
from pathlib import Path

import numpy as np

from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

FOLDER = Path(__file__).parent
GRAPH = FOLDER / "deepar-symbol.json.xz"
# time steps that the network sees, steps that it predicts, and samples of each
CONTEXT, PREDICTION, SAMPLES = 2, 2, 3


def export() -> None:
    """Write the graph of the prediction network as a SymbolBlockPredictor serializes it."""
    import_mxnet()
    with legacy_names(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of gluonts, for newer versions of pandas
        from gluonts.dataset.common import ListDataset  # type: ignore[import-not-found]
        from gluonts.mx.model.deepar import DeepAREstimator  # type: ignore[import-not-found]
        from gluonts.mx.trainer import Trainer  # type: ignore[import-not-found]

        series = {"target": np.sin(np.arange(40)) + 3, "start": "2020-01-01"}
        data = ListDataset([series], freq="D")
        estimator = DeepAREstimator(
            freq="D",
            prediction_length=PREDICTION,
            context_length=CONTEXT,
            num_cells=6,
            lags_seq=[1, 2, 7],
            num_parallel_samples=SAMPLES,
            batch_size=2,
            trainer=Trainer(epochs=1, num_batches_per_epoch=1, hybridize=False),
        )
        predictor = estimator.train(data).as_symbol_block_predictor(dataset=data)
        predictor.serialize(Path(folder))
        graph = Path(folder, "prediction_net-symbol.json").read_bytes()
    GRAPH.write_bytes(lzma.compress(graph, preset=9))


if __name__ == "__main__":
    export()
