"""The files of the page, and how they are served and saved; without a browser."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import STYLES, Command
from PIL import Image, ImageFilter
from taught_styles import style_file

from most_sketch.checkpoints.arrays import read_arrays
from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.onnx_files import find_graph, graphs_folder
from most_sketch.checkpoints.onnx_whole import whole_model
from most_sketch.drawing import crop
from most_sketch.errors import InputError, WeightsError
from most_sketch.page.server import serving
from most_sketch.page.site import ROOT, STATIC, make_site, save_site, squeezed
from most_sketch.photo import canvas, faces, finish, frame, images, mtcnn, search_area
from most_sketch.photo.mtcnn_weights import read_cascade_weights

SCRIPTS = sorted(STATIC.glob("*.js"))
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node")


@pytest.fixture(scope="module")
def site(onnx_weights: Path) -> dict[str, bytes]:
    return make_site(onnx_weights)


def folder_of(site: dict[str, bytes]) -> str:
    (folder,) = {name.partition("/")[0] for name in site if "/" in name}
    return folder


def about(site: dict[str, bytes]) -> dict[str, object]:
    found: dict[str, object] = json.loads(site[f"{folder_of(site)}/network.json"])
    return found


def test_a_network_with_its_weights_inside_computes_the_same(onnx_weights: Path) -> None:
    import onnxruntime

    from most_sketch.drawing.onnx_engine import OnnxEngine

    graph, arrays = find_graph(read_header(onnx_weights).config), read_arrays(onnx_weights)
    assert graph is not None
    whole = onnxruntime.InferenceSession(whole_model(graph.read_bytes(), arrays))
    photo = np.random.default_rng(0).uniform(-1, 1, (1, 3, 250, 200)).astype(np.float32)
    inputs = {"photo": photo, "style": np.array([1])}
    ours, _ = whole.run(["sketch", "person"], inputs)
    wanted, _ = OnnxEngine.load(onnx_weights)._generator.run(["sketch", "person"], inputs)
    np.testing.assert_array_equal(ours, wanted)
    assert np.ptp(ours) > 0.1


def test_weights_that_lack_a_tensor_and_broken_graphs_are_refused() -> None:
    graph = (graphs_folder() / "p_net.onnx").read_bytes()
    with pytest.raises(WeightsError, match="no tensor"):
        whole_model(graph, {})
    arrays, *_ = read_cascade_weights()
    for broken in (graph[:-3], b"\x0f", b"\xff" * 20):
        with pytest.raises(WeightsError, match=r"damaged|cut short"):
            whole_model(broken, arrays)


def test_the_page_knows_the_weights_it_is_made_of(site: dict[str, bytes], onnx_weights: Path) -> None:
    known = about(site)
    assert [style["name"] for style in known["styles"]] == [*STYLES]  # type: ignore[attr-defined]
    assert (known["first"], known["least"], known["most"]) == (0, 300, 375)
    sizes = known["sizes"]
    assert isinstance(sizes, dict)
    assert all(len(site[f"{folder_of(site)}/{name}"]) == size for name, size in sizes.items())
    assert onnx_weights.name in site["index.html"].decode()


def test_what_changes_gets_another_address(site: dict[str, bytes], tiny_weights: Path) -> None:
    if find_spec("onnxscript") is None:
        pytest.skip("makes a graph")
    other = make_site(tiny_weights)
    assert folder_of(other) != folder_of(site)
    assert other["sw.js"] != site["sw.js"]
    assert about(other)["least"] is None


def test_a_taught_style_is_what_the_page_begins_with(tiny_weights: Path, tmp_path: Path) -> None:
    if find_spec("onnxscript") is None:
        pytest.skip("makes graphs")
    import onnxruntime

    site = make_site(tiny_weights, [style_file(tmp_path / "mine.safetensors", tiny_weights)])
    known = about(site)
    styles = known["styles"]
    assert isinstance(styles, list)
    assert [style["name"] for style in styles] == [*STYLES, "chalk"]
    assert known["first"] == len(STYLES)
    packed, pack = known["packed"], known["pack"]
    assert isinstance(packed, dict)
    # The network of the first style comes with the others that each visit needs, those of other styles by themselves.
    start, length = packed[styles[-1]["generator"]]
    networks = joined(gzip.decompress(site[f"{folder_of(site)}/{pack}"]))
    network = onnxruntime.InferenceSession(networks[start : start + length])
    assert f"{folder_of(site)}/{styles[0]['generator']}" in site
    photo = np.zeros((1, 3, 64, 64), np.float32)
    (sketch, *_) = network.run(None, {"photo": photo, "style": np.array([styles[-1]["index"]])})
    assert sketch.shape == (1, 1, 64, 64)


def test_a_first_visit_is_small() -> None:
    """With the default weights: all that the service worker keeps, and what lies beside it, as a host compresses it."""
    site = make_site(DEFAULT_WEIGHTS)
    kept = re.search(r"const FILES = (\[.*?\]);", site["sw.js"].decode())
    assert kept is not None
    names = {*json.loads(kept[1]), "index.html", "sw.js", "page.webmanifest"}
    assert len(names) <= 25
    size = sum(min(len(site[name]), len(gzip.compress(site[name], 6))) for name in names)
    assert size < 30e6
    # A host that compresses nothing sends hardly more.
    assert sum(len(site[name]) for name in names) < size + 0.5e6


def joined(halves: bytes) -> bytes:
    """As the page joins them: the first byte of every two, then the second."""
    whole, middle = bytearray(len(halves)), (len(halves) + 1) // 2
    whole[::2], whole[1::2] = halves[:middle], halves[middle:]
    return bytes(whole)


def test_networks_are_compressed_without_loss() -> None:
    numbers = np.random.default_rng(0).normal(0, 0.02, 20_000).astype(np.float16).tobytes()
    for network in (numbers, numbers[1:], b"x", b""):
        assert joined(gzip.decompress(squeezed(network))) == network
    # Half of it, sign, exponent and two digits, is much alike; gzip alone does not see it.
    assert len(squeezed(numbers)) < 0.95 * len(gzip.compress(numbers))


def test_what_is_vendored_is_as_it_was_released() -> None:
    sums = re.findall(r"^([0-9a-f]{64})  (\S+)$", (STATIC / "ort/LICENSE.txt").read_text(), re.MULTILINE)
    assert len(sums) == 2
    for wanted, name in sums:
        packed = STATIC / f"ort/{name}.gz"
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else (STATIC / "ort" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == wanted


def test_it_can_be_installed(site: dict[str, bytes]) -> None:
    manifest = json.loads(site["page.webmanifest"])
    assert manifest["display"] == "standalone"
    assert (manifest["start_url"], manifest["scope"]) == ("./", "./")
    assert {icon["sizes"] for icon in manifest["icons"] if icon["src"] in site} == {"any", "512x512"}
    with Image.open(STATIC / "icon.png") as icon:
        assert icon.size == (512, 512)


def test_served_as_a_browser_wants_it(site: dict[str, bytes]) -> None:
    with serving(site) as address, serving(site) as other:
        assert other != address
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == site["index.html"]
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-cache"
        for name in ("worker.js", "runtime.bin"):
            with urllib.request.urlopen(f"{address}{folder_of(site)}/{name}") as answer:
                assert answer.headers["Content-Type"] in ("text/javascript; charset=utf-8", "application/octet-stream")
                assert "immutable" in answer.headers["Cache-Control"]
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{address}../../etc/passwd")
        assert missing.value.code == 404


def test_the_policy_of_the_file_is_that_of_the_header() -> None:
    from most_sketch.page.server import POLICY

    assert f'content="{POLICY}"' in (ROOT / "index.html").read_text()


def test_a_taken_port_is_one_line(site: dict[str, bytes]) -> None:
    with serving(site) as address:
        port = int(address.rstrip("/").rpartition(":")[2])
        with pytest.raises(InputError, match=rf"{port}.*choose another --host or --port"), serving(site, port=port):
            pass


def test_saved_for_any_host(command: Command, onnx_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    answer = command("demo", "--save", folder, "--weights", onnx_weights)
    assert (answer.code, answer.out.decode()) == (0, f"{folder}\n")
    assert (folder / "README.md").read_text().startswith("---\ntitle: most-sketch\n")
    assert "sdk: static" in (folder / "README.md").read_text()
    assert not [path for path in folder.rglob("*") if "$" in path.name]
    index = (folder / "index.html").read_text()
    for address in re.findall(r'(?:href|src)="([^"#]+)"', index):
        assert address.startswith("https://arxiv.org") or (folder / address).is_file()

    # Over an older site: what it left is removed, and nothing else.
    old = folder / "0123456789ab"
    old.mkdir()
    (old / "network.json").write_text("{}")
    (folder / "CNAME").write_text("sketches.example.org")
    assert command("demo", "--save", folder, "--weights", onnx_weights).code == 0
    assert not old.exists()
    assert (folder / "CNAME").is_file()


def test_somebody_elses_page_is_not_replaced(site: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my own")
    with pytest.raises(InputError, match=r"has an index\.html"):
        save_site(tmp_path, site)
    assert (tmp_path / "index.html").read_text() == "my own"
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        save_site(tmp_path / "file", site)


def test_the_command_serves_until_it_is_told_to_end(onnx_weights: Path) -> None:
    code = "import sys; from most_sketch.cli import main; main(); assert 'torch' not in sys.modules"
    arguments = ["demo", "--no-browser", "--weights", str(onnx_weights)]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "making the page" in process.stderr.readline()
    said = process.stderr.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert address is not None, said
    with urllib.request.urlopen(address[0]) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0, process.stderr.read()


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    texts = json.loads((STATIC / "texts.json").read_bytes())
    page, html = (STATIC / "page.js").read_text(), (ROOT / "index.html").read_text()
    used = {*re.findall(r'\btexts?(?:\.|\(")([a-z]\w+)', page), *re.findall(r"\$text_(\w+)", html)}
    used |= set(re.findall(r"\$text_(\w+)", (ROOT / "page.webmanifest").read_text()))
    codes = re.findall(r'(?:PhotoError\("|code: "|\? "|: ")(\w+)"', "".join(path.read_text() for path in SCRIPTS))
    used |= {f"error_{code}" for code in codes} & {*texts}
    # The name of the file itself; and what Python puts into the front page.
    assert {*texts} == used - {"js"} | {"language", "licence_unknown"}


@pytest.mark.parametrize("module", [mtcnn, faces, search_area, frame, canvas, finish, crop, images])
def test_numbers_of_the_page_are_those_of_the_package(module: object) -> None:
    scripts = "".join(path.read_text() for path in SCRIPTS)
    constants = re.findall(r"export const ([A-Z][A-Z_]+) = ([^;]+);", scripts)
    known = {name: value for name, value in constants if hasattr(module, name)}
    assert known
    for name, value in known.items():
        assert json.loads(value.replace("_", "")) == _plain(getattr(module, name)), name


def _plain(value: object) -> object:
    return json.loads(json.dumps(value))


@needs_node
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_well_formed(script: Path) -> None:
    assert NODE is not None
    subprocess.run([NODE, "--check", script], check=True)


@needs_node
def test_the_page_resamples_as_pillow_does(portrait: Image.Image, tmp_path: Path) -> None:
    """Bit for bit: resizing, reducing, blurring, affine maps, the frame and back, fading."""
    assert NODE is not None
    left, right = (205.0, 120.0), (262.0, 131.0)
    eyes, beyond = frame.place_by_eyes(left, right), frame.place_by_eyes((30.0, 60.0), (180.0, 42.0))
    script = f"""
import {{ writeFileSync, readFileSync }} from "fs";
import * as P from "{(STATIC / "pillow.js").as_uri()}";
import * as F from "{(STATIC / "frame.js").as_uri()}";
import {{ faded }} from "{(STATIC / "finish.js").as_uri()}";
const photo = P.picture({portrait.width}, {portrait.height}, 3, new Uint8ClampedArray(readFileSync("photo")));
const save = (name, picture) => writeFileSync(name, picture.data);
save("box", P.resize(photo, 97, 123, "box", undefined, 2));
save("lanczos", P.resize(photo, 700, 177, "lanczos", [10, 20, 300, 310], 3));
save("reduce", P.reduce(photo, 3, 5));
save("blur", P.gaussianBlur(photo, 14));
save("affine", P.transform(photo, 300, 280, [.7, .1, 3, -.2, .9, 80]));
for (const degrees of [90, 180, 270]) save("turned" + degrees, P.turned(photo, degrees));
const placement = F.placeByEyes({list(left)}, {list(right)});
save("beyond", F.toFrame(photo, {beyond[:2].ravel().tolist()}, 1));
const framed = F.toFrame(photo, placement, 2);
save("framed", framed);
const grey = P.picture(400, 500, 1, framed.data.filter((_, index) => index % 3 === 0));
save("back", F.onPaper(photo.width, photo.height, [grey], [F.times(F.scaleShift(2, 2), placement)], 240));
save("brightest", P.maxFilter(grey, 21));
save("larger", P.resize(grey, 600, 700, "bilinear"));
save("faded", faded(grey, F.times(F.scaleShift(2, 2), placement), photo.width, photo.height, 240));
const floats = Float32Array.from(grey.data);
writeFileSync("floats", P.resizeFloats(floats, 1, 400, 500, 520, 650));
"""
    (tmp_path / "photo").write_bytes(portrait.tobytes())
    (tmp_path / "script.mjs").write_text(script)
    subprocess.run([NODE, "script.mjs"], check=True, cwd=tmp_path)
    resample = Image.Resampling
    framed = frame.to_frame(portrait, eyes, scale=2)
    grey = framed.getchannel(0)
    to_sketch = frame.scale_shift(2, 2) @ eyes
    wanted = {
        "box": portrait.resize((97, 123), resample.BOX, reducing_gap=2.0),
        "lanczos": portrait.resize((700, 177), resample.LANCZOS, (10, 20, 300, 310), reducing_gap=3.0),
        "reduce": portrait.reduce((3, 5)),
        "blur": portrait.filter(ImageFilter.GaussianBlur(14)),
        "affine": portrait.transform(
            (300, 280), Image.Transform.AFFINE, (0.7, 0.1, 3, -0.2, 0.9, 80), resample.BICUBIC
        ),
        "turned90": portrait.transpose(Image.Transpose.ROTATE_270),
        "turned180": portrait.transpose(Image.Transpose.ROTATE_180),
        "turned270": portrait.transpose(Image.Transpose.ROTATE_90),
        "beyond": frame.to_frame(portrait, beyond),
        "framed": framed,
        "back": frame.on_paper(portrait.size, [grey], [to_sketch], 240),
        "brightest": grey.filter(ImageFilter.MaxFilter(21)),
        "larger": grey.resize((600, 700), resample.BILINEAR),
        "faded": finish.faded(grey, to_sketch, portrait.size, 240),
    }
    for name, picture in wanted.items():
        found = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        np.testing.assert_array_equal(found, np.asarray(picture).ravel(), name)
    floats = np.asarray(Image.fromarray(np.asarray(grey, np.float32)).resize((520, 650), resample.BICUBIC))
    found = np.frombuffer((tmp_path / "floats").read_bytes(), np.float32)
    np.testing.assert_allclose(found, floats.ravel(), atol=1e-4)
