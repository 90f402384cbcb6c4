"""The same as fuzz.py, guided by coverage: atheris watches which lines of Pillow and of our readers a file reaches.

    pip install atheris
    python benchmarks/fuzz_atheris.py pictures|weights CORPUS_DIR -max_total_time=600

The corpus folder is filled with good files first and grows. The arguments after it are libFuzzer's.
"""

from __future__ import annotations

import random
import resource
import sys
from itertools import islice
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "most_sketch", "safetensors"]):
    import fuzz

    from most_sketch.errors import MostSketchError

what, corpus = sys.argv[1], Path(sys.argv[2])
source, read = (fuzz.pictures, fuzz.read_picture) if what == "pictures" else (fuzz.weights, fuzz.read_weights)


def read_or_refuse(data: bytes) -> None:
    try:
        read(data)
    except MostSketchError as error:
        if "\n" in str(error):
            raise ValueError("refused in several lines") from error


corpus.mkdir(parents=True, exist_ok=True)
for number, data in enumerate(islice(source(random.Random(0)), 300)):
    (corpus / f"seed-{number}").write_bytes(data)
resource.setrlimit(resource.RLIMIT_AS, (fuzz.MEMORY, fuzz.MEMORY))
atheris.Setup([sys.argv[0], str(corpus), f"-timeout={fuzz.PATIENCE}", *sys.argv[3:]], read_or_refuse)
atheris.Fuzz()
