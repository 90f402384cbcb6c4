"""Folders as people have them: photos of one name, formats that are not read, thumbnails, and other files."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Command
from PIL import Image

HEIC_HEADER = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


def test_a_phones_folder(
    convert: Command, tmp_path: Path, portrait: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "@eaDir").mkdir()
    portrait.save(tmp_path / "@eaDir" / "thumbnail.jpg")
    portrait.save(tmp_path / "IMG_1.jpg")
    portrait.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "IMG_1.png")
    (tmp_path / "IMG_2.HEIC").write_bytes(HEIC_HEADER)
    (tmp_path / "IMG_3.MOV").write_bytes(b"a film")
    monkeypatch.chdir(tmp_path)
    answer = convert(".", "-o", "out", "--recursive")
    assert answer.code == 1
    left_out, turned, failed, heic, summary = answer.err.splitlines()
    assert left_out == ".: left out what is no picture by its name (1 .mov)"
    assert turned.startswith("IMG_1.png: the photo was not upright and was turned by 90 degrees clockwise")
    assert (failed, summary) == ("failed:", "2 drawn, 0 skipped, 1 failed")
    assert heic.startswith("  IMG_2.HEIC: ")
    assert {path.name for path in Path("out").iterdir()} == {"IMG_1.jpg.sketch.png", "IMG_1.png.sketch.png"}
    assert "left out" not in convert(".", "-o", "out", "--quiet").err
