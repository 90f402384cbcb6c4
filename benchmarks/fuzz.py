"""Feed damaged files to the picture reader and to the weights loader: either may give only a picture or a network,
or its own clean error.

    python benchmarks/fuzz.py pictures|weights [--minutes 10] [--seed 0]
    python benchmarks/fuzz.py pictures --corpus DIR      # every file of a folder once, as it is

Prints what came of the files, and the first bytes of any that made trouble. Exit code 1 if any did.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from mixed_folder import KINDS, Portraits

from most_sketch.checkpoints.weights import load_weights, save_weights
from most_sketch.errors import MostSketchError
from most_sketch.network.build import build_generator
from most_sketch.network.config import ModelConfig
from most_sketch.photo.images import decode_image

PATIENCE = 20
"""Seconds that one file may take."""
MEMORY = 6 << 30
"""Bytes of address space; more than any file may need."""


Source = Callable[[random.Random], Iterator[bytes]]
Reader = Callable[[bytes], None]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to eight of: bytes changed, a part cut, doubled, overwritten with another part or an extreme number."""
    mutant = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if not mutant:
            break
        # Headers decide most.
        end = len(mutant) if rng.random() < 0.5 else min(len(mutant), 512)
        place, length = rng.randrange(end), rng.randint(1, 64)
        match rng.randrange(6):
            case 0:
                mutant[place] = rng.randrange(256)
            case 1:
                mutant[place] ^= 1 << rng.randrange(8)
            case 2:
                del mutant[place : place + length]
            case 3:
                mutant[place:place] = mutant[place : place + length]
            case 4:
                other = rng.randrange(len(mutant))
                mutant[place : place + length] = mutant[other : other + length]
            case 5:
                number = rng.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40])
                mutant[place : place + 8] = struct.pack(rng.choice("<>") + "Q", number)
    if rng.random() < 0.1:
        del mutant[rng.randrange(len(mutant) + 1) :]
    return bytes(mutant)


def pictures(rng: random.Random) -> Iterator[bytes]:
    portraits = Portraits(0)
    seeds = [maker(portraits) for _, _, maker in KINDS]
    small = portraits().resize((24, 30))
    for format_ in ("BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        try:
            small.save(buffer, format_)
        except (KeyError, OSError):
            continue
        seeds += [buffer.getvalue()] * 4  # small ones are quick, and every byte of them matters more
    while True:
        yield mutate(rng.choice(seeds), rng)


def weights(rng: random.Random) -> Iterator[bytes]:
    config = ModelConfig(channels=4, stem_channels=4, slots=2, injection_channels=2, encoder_blocks=1)
    with tempfile.TemporaryDirectory() as folder:
        save_weights(Path(folder, "tiny.safetensors"), build_generator(config), torch.float16)
        seed = Path(folder, "tiny.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", seed[:8])
    header, tensors = seed[8 : 8 + length], seed[8 + length :]
    while True:
        if rng.random() < 0.3:
            yield mutate(seed, rng)
            continue
        # With its length right again, a damaged header gets past the first look.
        damaged = json.dumps(_damage(json.loads(header), rng)).encode() if rng.random() < 0.5 else mutate(header, rng)
        yield struct.pack("<Q", len(damaged)) + damaged + tensors


def _damage(header: dict[str, object], rng: random.Random) -> dict[str, object]:
    """Well-formed JSON that says something else."""
    name = rng.choice(list(header))
    values = [None, -1, 0, 1 << 62, 1e308, "", "F16", [], [0, 1 << 62], {}, {"dtype": "F64", "shape": [1 << 40]}, True]
    inner = header[name]
    if isinstance(inner, dict) and inner and rng.random() < 0.8:
        key = rng.choice(list(inner))
        if name == "__metadata__" and isinstance(inner[key], str) and rng.random() < 0.8:
            config = json.loads(inner[key])
            config[rng.choice(list(config))] = rng.choice([*values, 1 << 13, "most-net", "pix2pix", ["a", "b"]])
            inner[key] = json.dumps(config)
        else:
            inner[key] = rng.choice(values)
    else:
        header[name] = rng.choice(values)
    return header


def read_picture(data: bytes) -> None:
    picture = decode_image(io.BytesIO(data), "fuzzed")
    if picture.mode != "RGB":
        raise TypeError(f"a picture in mode {picture.mode}")


def read_weights(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(data)
        file.flush()
        load_weights(file.name, offline=True)


def late(*_: object) -> None:
    raise TimeoutError(f"took more than {PATIENCE} seconds")


def feed(files: Iterator[bytes], read: Reader, until: float) -> tuple[Counter[str], list[str]]:
    """Read file after file; returns what came of them, and what made trouble."""
    counts: Counter[str] = Counter()
    troubles: list[str] = []
    signal.signal(signal.SIGALRM, late)
    for data in files:
        if time.monotonic() > until:
            break
        signal.alarm(PATIENCE)
        try:
            read(data)
            counts["read"] += 1
        except MostSketchError as error:
            counts["refused in one line" if "\n" not in str(error) else "refused in several lines"] += 1
        except BaseException:  # noqa: BLE001 - whatever it is, it is a finding
            counts["trouble"] += 1
            troubles.append(f"{len(data)} bytes, {data[:40]!r}...\n{traceback.format_exc(limit=-3)}")
        finally:
            signal.alarm(0)
    return counts, troubles


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pictures", "weights"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rng = random.Random(options.seed)
    source, read = (pictures, read_picture) if options.what == "pictures" else (weights, read_weights)
    until = time.monotonic() + 60 * options.minutes
    files = source(rng)
    if options.corpus:
        files = (path.read_bytes() for path in sorted(options.corpus.rglob("*")) if path.is_file())
    counts, troubles = feed(files, read, until)
    sys.stdout.write(
        f"{sum(counts.values())} files: {', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}\n"
    )
    for trouble in troubles[:20]:
        sys.stdout.write(f"{trouble}\n")
    return 1 if troubles or counts["refused in several lines"] else 0


if __name__ == "__main__":
    sys.exit(main())
