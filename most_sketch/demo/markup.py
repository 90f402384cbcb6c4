"""HTML for what Gradio has no part that a keyboard reaches: a comparing slider, and pictures to choose among."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Literal

from PIL import Image

from most_sketch.photo.images import encode_image

THUMBNAIL = (200, 250)
SHOWN = (1250, 1250)
"""Pictures are shown at most so large; downloads have all pixels."""

HEADINGS = {"status": "", "notice": "Note", "error": "Not drawn", "refused": "Not added"}
"""Of messages, by their kind."""

COMPARE = """
const move = () => {
  const slider = element.querySelector('input[type=range]');
  if (slider) element.style.setProperty('--photo', slider.value + '%');
};
element.addEventListener('input', move);
watch('value', move);
"""
"""Script of the part that shows a `comparison`."""

CHOOSE = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-index]');
  if (button) trigger('select', {index: Number(button.dataset.index), value: button.textContent});
});
"""
"""Script of the part that shows `choices`."""


def message(text: str, kind: Literal["status", "notice", "error", "refused"]) -> str:
    """A line: what is shown, something noticed, why nothing could be drawn, or why a style could not be added."""
    heading = f"<strong>{HEADINGS[kind]}</strong> " if HEADINGS[kind] else ""
    role = "alert" if kind in ("error", "refused") else "status"
    return f'<p class="{kind}" role="{role}">{heading}{escape(text)}</p>'


def picture(image: Image.Image, alt: str) -> str:
    """A picture as large as there is room."""
    return _img(image, alt, SHOWN)


def comparison(photo: Image.Image, sketch: Image.Image, photo_alt: str, sketch_alt: str) -> str:
    """A photo and its sketch, of one size, over each other; a slider says how much of the photo is seen."""
    pictures = _img(photo, photo_alt, SHOWN) + _img(sketch, sketch_alt, SHOWN)
    return (
        f'<div class="compare">{pictures}'
        '<input type="range" min="0" max="100" value="50" aria-label="Share of the photo, in per cent"></div>'
    )


def pane(content: str, caption: str) -> str:
    """The large part of the page, always of one size, with a `caption` in its corner if there is one."""
    label = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="pane">{content}{label}</figure>'


def choices(title: str, pictures: Sequence[Image.Image], names: Sequence[str], chosen: int) -> str:
    """Small pictures to choose one of, each a button."""
    buttons = "".join(
        f'<button type="button" data-index="{index}" aria-pressed="{str(index == chosen).lower()}">'
        f'{_img(image, name, THUMBNAIL)}<span aria-hidden="true">{escape(name)}</span></button>'
        for index, (image, name) in enumerate(zip(pictures, names, strict=True))
    )
    return f'<h2>{escape(title)}</h2><div class="choices" role="group" aria-label="{escape(title)}">{buttons}</div>'


def _img(image: Image.Image, alt: str, size: tuple[int, int]) -> str:
    shown = image.copy()
    shown.thumbnail(size)
    # Grey sketches losslessly; a photo would be large so.
    kind, suffix = ("png", ".png") if shown.mode == "L" else ("jpeg", ".jpg")
    content = base64.b64encode(encode_image(shown, suffix)).decode()
    return f'<img src="data:image/{kind};base64,{content}" alt="{escape(alt)}">'
