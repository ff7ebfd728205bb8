"""Operators that cannot be imported, by the reason."""

from __future__ import annotations

import re

from ..symbols.aliases import FIRST_NAMES

# reason -> patterns of whole first names
REASONS: dict[str, tuple[str, ...]] = {
    "its result is random; export the network without it": (
        r"_?(random|sample)_(?!pdf_).*",
        r"_?shuffle|_npi_shuffle|uniform|normal|_sample_unique_zipfian|_npi_random_.*",
        r"_npi_(uniform|normal)(_n)?",
        r"_npi_(bernoulli|choice|exponential|gamma|gumbel|logistic|multinomial|pareto|powerd)",
        r"_npi_(rayleigh|weibull)",
        r"(_npx_)?_image_random_.*|_image_adjust_lighting",
    ),
    "MXNet 1.9.1 leaves a part of its result unwritten, or crashes; write that layer in PyTorch": (
        r"_image_flip_(left_right|top_bottom)|_npi_(delete|insert_(scalar|slice|tensor))",
    ),
    "MXNet quantizes it in no network that it can run; export the float network": (
        r"_contrib_quantize_asym|_contrib_quantized_rnn|_sg_mkldnn_selfatt_(qk|valatt)",
    ),
    "it updates weights, which only training does": (
        r".*_update",
        r".*lamb_update_phase[12]",
        r"multi_lars|multi_sum_sq|reset_arrays",
    ),
    "it is a density of a loss, which only training uses": (
        r"_?random_pdf_.*",
        r"_contrib_hawkesll",
    ),
    "it calls code that the graph does not contain; register a function for it (`--plugin`)": (
        r"Custom|_npi_Custom|_CustomFunction|_Native|_NDArray",
    ),
    "it is a layer of BMXNet, a modified MXNet; register a function for it (`--plugin`)": (
        r"Q(Activation|Convolution|Convolution_v1|FullyConnected|Embedding|Pooling)",
        r"BinaryInference(Convolution|FullyConnected)|_contrib_(det_sign|gradcancel)",
    ),
    "it computes with sparse arrays, which torch's layers do not take": (
        r"_contrib_dgl_.*|_contrib_edge_id|_contrib_getnnz",
        r"_sparse_retain|_square_sum",
    ),
    "it writes into its input or to another device, which MXNet does not do within a graph": (
        r"_copyto|_npi_copyto|_set_value|_CrossDeviceCopy|_scatter_set_nd",
        r"fill_element_0index|_onehot_encode|_zeros_without_dtype",
        r"_npi_boolean_mask_assign_(scalar|tensor)|_npi_share_memory",
    ),
    "it decodes or resizes images outside of the network": (r"_(npi_)?cv.*|_imdecode",),
    "it calibrates a network for int8": (r"_contrib_calibrate_entropy",),
    "it belongs to a gradient, which torch computes itself": (r".*_backward.*|_NoGradient",),
}


def reason_of(op: str) -> str | None:
    """Why an operator cannot be imported, by any of its names; None if it was not written yet."""
    first = FIRST_NAMES.get(op, op)
    for reason, patterns in REASONS.items():
        if any(re.fullmatch(pattern, first) for pattern in patterns):
            return reason
    return None
