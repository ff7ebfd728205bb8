"""The same with atheris, which steers towards code not yet reached.

It is not installed with the project: `pip install atheris` first.

    python -m tests.fuzz.atheris_params [-max_total_time=60] [-max_len=4096] [CORPUS]
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path


def main() -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: `pip install atheris` (Linux, CPython up to 3.12)")
    with atheris.instrument_imports(include=["gluon2torch"]):
        from gluon2torch.errors import ConversionError
        from gluon2torch.sources.params import parse_params
    from tests.fuzz.mutate import load_seeds

    def read(content: bytes) -> None:
        with contextlib.suppress(ConversionError):
            parse_params(content, "fuzz")

    with tempfile.TemporaryDirectory() as corpus:
        seeds = load_seeds()
        for number, content in enumerate([*seeds.params, *seeds.npz]):
            (Path(corpus) / str(number)).write_bytes(content)
        # what it finds goes to the first folder, what it starts from lies in all
        atheris.Setup([*sys.argv, corpus], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
