"""A site to draw with: the page's own files, and what it needs of some weights. No torch, but for taught styles."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from most_sketch import __version__
from most_sketch.checkpoints.arrays import read_arrays
from most_sketch.checkpoints.find import find_style, find_weights
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.manifest import checksum, read_manifest
from most_sketch.checkpoints.onnx_files import (
    CASCADE_FILES,
    PERSON_PARTS,
    cached_graph,
    find_graph,
    graphs_folder,
    person_graph,
)
from most_sketch.checkpoints.onnx_whole import whole_model
from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.errors import InputError
from most_sketch.network.config import LARGEST
from most_sketch.page.examples import example_files
from most_sketch.photo.images import write_bytes
from most_sketch.photo.mtcnn_weights import read_cascade_weights

STATIC, ROOT = (Path(__file__).parent / name for name in ("static", "root"))
"""Files of the page. Those in `root` keep their address when the site changes, and are filled in; those in `static` lie
in a folder that is named for what it holds: a browser may keep them for ever, and never mixes those of two sites."""

NETWORK = "network.json"
FACE_NETWORKS = ("pNet", "rNet", "oNet")
GENERATOR, PERSON = "generator.bin", "person.bin"
PACK = "networks.bin"
RUNTIME, VENDORED_RUNTIME = "runtime.bin", "ort/ort-wasm-simd-threaded.wasm.gz"
SQUEEZED = ".bin"
"""How the names of files end that are compressed here: few hosts compress files whose type they do not know. No name
that says gzip, which some hosts tell the browser to undo."""
GZIP = 31
"""zlib's number for its widest window in a file of gzip."""
WHITE = 255
VERSION_DIGITS = 12
ON_DEMAND = (".jpg", ".png", ".txt")
"""How the names of files end that most visits do not need: a service worker keeps them once they were asked for."""


@dataclass(frozen=True)
class Style:
    """A style that the page draws in."""

    name: str
    description: str
    paper: int
    """Grey level of its paper."""
    generator: str
    """The file of the network that draws in it."""
    index: int
    """Its place among that network's styles."""


def make_site(weights: str | Path, styles: Sequence[str | Path] = (), *, offline: bool = False) -> dict[str, bytes]:
    """All files of a site that draws with weights, and in styles that were taught to them, by their paths in it.

    With taught styles, the first of them is the one that the page begins with. Raises `WeightsError`, and `InputError`
    where packages are missing.
    """
    hub = Hub(offline=offline)
    path = find_weights(weights, hub)
    taught = [find_style(style, hub) for style in styles]
    files = {**_own_files(), **dict(_networks(path, weights, taught)), **example_files(path, taught)}
    about = json.loads(files[NETWORK])
    _pack(files, about)
    about["sizes"] = {name: len(content) for name, content in files.items() if name.endswith(SQUEEZED)}
    files[NETWORK] = _json(about)
    version = _version(files)
    placed = {f"{version}/{name}": content for name, content in files.items()}
    return placed | _root(version, placed)


def save_site(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a site into a folder, its front page last, and remove what is left there of an older one."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, not a folder")
    old = {path.parent for path in folder.glob(f"*/{NETWORK}")}
    if not old and (folder / "index.html").exists():
        raise InputError(f"{folder}: has an index.html of something else; choose another folder")
    # The front page last: until it is there, visitors see the site as it was.
    for name in sorted(files, key=lambda name: name == "index.html"):
        write_bytes(folder / name, files[name])
    for stale in old - {folder / name.partition("/")[0] for name in files}:
        shutil.rmtree(stale, ignore_errors=True)


def _pack(files: dict[str, bytes], about: dict[str, Any]) -> None:
    """Compress the networks, those that every visit needs as one file: fewer requests. `about` says where each lies."""
    first = about["styles"][about["first"]]["generator"]
    names = [*about["faces"].values(), *filter(None, [about["person"]]), first]
    start, packed = 0, {}
    for name in names:
        packed[name] = [start, len(files[name])]
        start += len(files[name])
    pack = b"".join(files.pop(name) for name in names)
    for name in [name for name in files if name.endswith(SQUEEZED) and name != RUNTIME]:
        files[name] = squeezed(files[name])
    files[PACK] = squeezed(pack)
    about["runtime"], about["pack"], about["packed"] = RUNTIME, PACK, packed


def squeezed(network: bytes) -> bytes:
    """A network in half precision, compressed: first each number's low byte, then each one's high byte.

    Signs, exponents and leading digits are much alike; among digits that are not they would hardly be seen.
    """
    compressor = zlib.compressobj(wbits=GZIP, strategy=zlib.Z_RLE)
    return compressor.compress(network[::2] + network[1::2]) + compressor.flush()


def _own_files() -> dict[str, bytes]:
    """The files of `static`, and the example photos."""
    paths = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.is_file()}
    own = {name: path.read_bytes() for name, path in paths.items()}
    own[RUNTIME] = own.pop(VENDORED_RUNTIME)
    texts = json.loads(own.pop("texts.json"))
    own["texts.js"] = b"export default " + _json(texts) + b";\n"
    return own | {f"examples/{path.name}": path.read_bytes() for path in sorted(examples_folder().glob("*.jpg"))}


def _networks(path: Path, called: str | Path, taught: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """The networks with their weights, and what the page must know of them."""
    for name, arrays in zip(CASCADE_FILES, read_cascade_weights(), strict=True):
        yield name, whole_model((graphs_folder() / name).read_bytes(), arrays)
    config = read_header(path).config
    entry = read_manifest().get(str(called))
    graph, arrays = _graph(path), read_arrays(path)
    yield GENERATOR, whole_model(graph.read_bytes(), arrays)
    if config.matting:
        parts = {name: array for name, array in arrays.items() if name.startswith(PERSON_PARTS)}
        yield PERSON, whole_model(person_graph(graph).read_bytes(), parts)
    described = entry.styles if entry else {}
    styles = [Style(name, described.get(name, ""), WHITE, GENERATOR, at) for at, name in enumerate(config.styles)]
    if taught:
        from most_sketch.page.taught import taught_networks

        for style, description, paper, network in taught_networks(path, called, taught):
            file = f"style-{len(styles) - len(config.styles) + 1}{SQUEEZED}"
            styles.append(Style(style, description, paper, file, 0))
            yield file, network
    frame = config.frame_height
    about = {
        "version": __version__,
        "weights": str(called) if entry else Path(called).name,
        "sha256": checksum(path),
        "licence": entry.licence if entry else "",
        "styles": [asdict(style) for style in styles],
        "first": len(config.styles) if taught else 0,
        "least": frame,
        "most": frame and round(LARGEST * frame),
        "stride": config.feature_stride,
        "person": PERSON if config.matting else None,
        "faces": dict(zip(FACE_NETWORKS, CASCADE_FILES, strict=True)),
    }
    yield NETWORK, _json(about)


def _graph(weights: Path) -> Path:
    """The graph of the weights' network, which is made if there is none yet."""
    config = read_header(weights).config
    graph = find_graph(config)
    if graph is None:
        from most_sketch.checkpoints.onnx_graphs import make_graph

        graph = cached_graph(config)
        make_graph(weights, graph)
    return graph


def _version(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path in sorted(ROOT.iterdir()):
        digest.update(path.read_bytes())
    for name in sorted(files):
        digest.update(f"{name} {len(files[name])} ".encode() + files[name])
    return digest.hexdigest()[:VERSION_DIGITS]


def _root(version: str, placed: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that have fixed addresses, filled in."""
    texts = json.loads((STATIC / "texts.json").read_bytes())
    about = json.loads(placed[f"{version}/{NETWORK}"])
    words = {
        "version": version,
        "files": json.dumps(sorted(name for name in placed if not name.endswith(ON_DEMAND))),
        "weights": about["weights"],
        "licence": about["licence"] or texts["licence_unknown"],
        "package": about["version"],
    }
    texts_in_html = {f"text_{name}": escape(text) for name, text in texts.items()}
    return {
        path.name: Template(path.read_text(encoding="utf-8")).substitute(words | texts_in_html).encode()
        for path in sorted(ROOT.iterdir())
    }


def _json(values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=1).encode()
