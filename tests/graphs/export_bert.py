"""Export gluonnlp's BERT by MXNet, into this folder; its weights are not kept.

pip install gluonnlp==0.10.0        # compiles its tokenizer, so it needs a C compiler
python -m tests.graphs.export_bert
"""

from __future__ import annotations

import lzma
import tempfile
from pathlib import Path

from gluon2torch.sources.mxnet_compat import import_mxnet

FOLDER = Path(__file__).parent
# name -> layers, units, hidden units, heads, words
NETWORKS = {"bert_base": (12, 768, 3072, 12, 30522), "bert_tiny": (2, 128, 512, 2, 1000)}


def export(name: str) -> None:
    """Write the graph of a network with all its outputs: BERT as it is trained."""
    mx = import_mxnet()
    from gluonnlp.model.bert import BERTEncoder, BERTModel  # type: ignore[import-not-found]

    layers, units, hidden, heads, words = NETWORKS[name]
    encoder = BERTEncoder(
        num_layers=layers, units=units, hidden_size=hidden, num_heads=heads, max_length=512
    )
    net = BERTModel(
        encoder=encoder,
        vocab_size=words,
        token_type_vocab_size=2,
        units=units,
        embed_size=units,
        prefix="bert_",
    )
    net.initialize()
    net.hybridize()
    tokens, kinds, lengths = mx.nd.zeros((2, 16)), mx.nd.zeros((2, 16)), mx.nd.array([16, 9])
    net(tokens, kinds, lengths, mx.nd.zeros((2, 3)))
    with tempfile.TemporaryDirectory() as folder:
        net.export(f"{folder}/net")
        graph = Path(folder, "net-symbol.json").read_bytes()
    (FOLDER / f"{name}-symbol.json.xz").write_bytes(lzma.compress(graph, preset=9))


if __name__ == "__main__":
    for each in NETWORKS:
        export(each)
