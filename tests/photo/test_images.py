"""Pictures of all kinds, whole and broken: each is read as a person sees it, or refused in one clear line."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mixed_folder import UPRIGHT_TO_STORED
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.photo.images import (
    MAX_PIXELS,
    WRITE_FORMATS,
    atomic_write,
    decode_image,
    encode_image,
    read_image,
    to_image,
    to_tensor,
    write_bytes,
)


def gradient(width: int = 24, height: int = 16) -> Image.Image:
    """Red grows to the right and green to the bottom, so that every turn and flip shows."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 / (width - 1), y * 255 / (height - 1), np.full_like(x, 128)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).max())


@pytest.mark.parametrize("orientation", UPRIGHT_TO_STORED)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = gradient()
    turn = UPRIGHT_TO_STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    assert difference(read_image(tmp_path / "photo.png"), upright) == 0


@pytest.mark.parametrize(
    ("mode", "file", "tolerance"),
    [
        ("L", "photo.png", 0),
        ("1", "photo.png", 0),
        ("LA", "photo.png", 0),
        ("RGBA", "photo.png", 0),
        ("RGBA", "photo.webp", 255),
        ("P", "photo.gif", 64),
        ("CMYK", "photo.jpg", 40),
        ("CMYK", "photo.tif", 1),
        # Not TIFF: Pillow 12 cannot read back the YCbCr TIFF that it writes.
        ("YCbCr", "photo.jpg", 40),
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, file: str, tolerance: float) -> None:
    image = gradient().convert(mode)
    image.save(tmp_path / file)
    read = read_image(tmp_path / file)
    assert read.mode == "RGB"
    assert difference(read, image.convert("RGB")) <= tolerance


@pytest.mark.parametrize(
    ("values", "file"),
    [
        (np.uint16([[0, 32768, 65535]]), "photo.png"),
        (np.uint16([[0, 32768, 65535]]), "photo.tif"),
        (np.int32([[0, 32768, 65535]]), "photo.tif"),
        (np.float32([[0, 0.5, 1]]), "photo.tif"),
        (np.float32([[-1, 127.5, 255]]), "photo.tif"),
        (np.float32([[np.nan, 0.5, 1]]), "photo.tif"),
    ],
)
def test_deep_greys_keep_their_brightness(tmp_path: Path, values: np.ndarray, file: str) -> None:
    Image.fromarray(values).save(tmp_path / file)
    grey = np.asarray(read_image(tmp_path / file))[0, :, 0]
    assert grey.tolist() == [0, 128, 255]


def test_a_dark_16_bit_picture_stays_dark(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 200, dtype=np.uint16)).save(tmp_path / "dark.png")
    assert np.asarray(read_image(tmp_path / "dark.png")).max() == 1


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    half = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    half.putpixel((1, 0), (0, 0, 0, 128))
    half.save(tmp_path / "rgba.png")
    assert np.asarray(read_image(tmp_path / "rgba.png"))[0, :, 0].tolist() == [255, 127]

    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.png", transparency=0)
    assert np.asarray(read_image(tmp_path / "palette.png"))[0].tolist() == [[255, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize("file", ["moving.gif", "moving.webp"])
def test_the_first_frame_of_a_film_is_read(tmp_path: Path, file: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(tmp_path / file, save_all=True, append_images=[second], lossless=True)
    assert read_image(tmp_path / file).getpixel((4, 4)) == pytest.approx((255, 0, 0), abs=2)


def test_a_usual_format_is_read_without_loading_the_rare_ones(
    portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    everything = Image.init
    monkeypatch.setattr(Image, "init", lambda: loaded.append("all") or everything())
    for name in ("photo.png", "photo.gif", "photo.bmp", "photo.ppm"):
        gradient().save(tmp_path / name)
        read_image(tmp_path / name)
    read_image(portrait_file)
    assert not loaded
    (tmp_path / "photo.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="not a picture that can be read"):
        read_image(tmp_path / "photo.png")
    assert loaded


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    gradient().save(tmp_path / "photo.jpg", "PNG")
    assert difference(read_image(tmp_path / "photo.jpg"), gradient()) == 0


def png_of_size(width: int, height: int) -> bytes:
    """The head of a PNG that claims a size without having the pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return start + struct.pack(">I", 1000) + b"IDAT"


def whole_png() -> bytes:
    return encode_image(gradient(200, 200), ".png")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"this is a text named .jpg", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (whole_png()[:200], "damaged picture"),
        (whole_png()[:20], "picture"),
        (png_of_size(20_000, 20_000), "pixels"),
        (png_of_size(10_100, 10_000), f"10100 x 10000 pixels are more than the {MAX_PIXELS // 10**6} million"),
        (png_of_size(0, 10), "picture"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as error:
        read_image(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    for name, reason in {
        "folder.png": "is a folder",
        "fifo.png": "not a regular file",
        "missing.png": "no such file",
        "circle.png": "link",
        "null\0.png": "not the name of a file|no such file",
        "n" * 300 + ".png": "too long|no such file",
    }.items():
        with pytest.raises(InputError, match=reason):
            read_image(tmp_path / name)


def test_a_file_without_permission_is_refused(ordinary_folder: Path) -> None:
    gradient().save(ordinary_folder / "secret.png")
    assert read_image(ordinary_folder / "secret.png").mode == "RGB"
    (ordinary_folder / "secret.png").chmod(0)
    with pytest.raises(InputError, match="no permission"):
        read_image(ordinary_folder / "secret.png")


def seeds() -> list[bytes]:
    """A small picture in every format that people send."""
    files = []
    for format_ in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "PCX", "JPEG2000"):
        buffer = io.BytesIO()
        gradient(24, 24).save(buffer, format_)
        files.append(buffer.getvalue())
    return files


@settings(max_examples=300, deadline=None)
@given(
    content=st.sampled_from(seeds()),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    kept=st.floats(0.05, 1),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_give_a_picture_or_an_input_error(
    content: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    damaged = bytearray(content[: max(1, round(len(content) * kept))])
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    try:
        image = decode_image(io.BytesIO(bytes(damaged)), "damaged")
    except InputError:
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= MAX_PIXELS


@pytest.mark.parametrize("suffix", WRITE_FORMATS)
def test_sketches_are_saved_in_the_format_of_their_name(suffix: str) -> None:
    sketch = gradient(200, 250).convert("L")
    saved = Image.open(io.BytesIO(encode_image(sketch, suffix)))
    assert saved.format == WRITE_FORMATS[suffix]
    assert saved.size == (200, 250)
    lossless = suffix in (".png", ".tif", ".tiff")
    assert difference(saved.convert("L"), sketch) <= (0 if lossless else 12)
    if suffix != ".webp":  # which has no greys
        assert saved.mode == "L"


def test_quality_decides_the_size_of_a_jpeg(portrait: Image.Image) -> None:
    assert len(encode_image(portrait, ".jpg", quality=30)) < 0.5 * len(encode_image(portrait, ".jpg", quality=95))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "sketch.png"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fifo_is_written_to_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    write_bytes(tmp_path / "fifo", b"sketch")
    assert os.read(reader, 100) == b"sketch"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


def test_a_device_stays_a_device() -> None:
    write_bytes(Path(os.devnull), b"sketch")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_bytes(tmp_path / "below" / "sketch.png", b"new")
    assert (tmp_path / "below" / "sketch.png").read_bytes() == b"new"
    assert (tmp_path / "below" / "sketch.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_full_disk_and_a_file_in_the_way_are_input_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "sketch.png", b"new")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_bytes(tmp_path / "sketch.png", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_tensors_and_pictures_convert_back_and_forth() -> None:
    image = gradient()
    tensor = to_tensor(image)
    assert tensor.shape == (3, 16, 24)
    assert tensor[0, 0, 0] == -1
    assert tensor[0, 0, -1] == 1
    grey = image.convert("L")
    assert difference(to_image(to_tensor(grey)), grey) == 0
    assert to_image(torch.tensor([[[-2.0, 0.0, 2.0]]])).tobytes() == bytes([0, 128, 255])


@pytest.mark.parametrize("format_", ["TGA", "BMP"])
def test_transparency_of_0_everywhere_is_none_where_programs_leave_it_so(format_: str, portrait: Image.Image) -> None:
    small = portrait.resize((40, 30))
    transparent = small.convert("RGBA")
    transparent.putalpha(0)
    buffer = io.BytesIO()
    transparent.save(buffer, format_)
    content = buffer.getvalue()
    if format_ == "BMP":
        # The newer header, which says that the fourth byte is transparency: Pillow writes the older.
        masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
        old, start = content[14:54], struct.unpack("<I", content[10:14])[0]
        header = struct.pack("<I", 108) + old[4:16] + struct.pack("<I", 3) + old[20:40] + masks
        content = content[:10] + struct.pack("<I", 14 + len(header)) + header + content[start:]
    read = decode_image(io.BytesIO(content), "photo")
    assert read.tobytes() == small.tobytes()
    # Where a pixel is opaque, the others are transparent.
    png = io.BytesIO()
    transparent.save(png, "PNG")
    png.seek(0)
    assert decode_image(png, "photo").getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize(("suffix", "most"), [(".webp", "WebP is at most 16,383"), (".jpg", "JPEG is at most 65,535")])
def test_what_is_too_wide_for_a_format_is_told_in_our_words(suffix: str, most: str) -> None:
    with pytest.raises(InputError, match=f"^{most} pixels wide and high, and this is 70000 x 1$"):
        encode_image(Image.new("L", (70_000, 1)), suffix)
