"""Shapes, sizes and gradients of the whole network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.utils._pytree import tree_map_only

from most_sketch.network.baselines import ResNetGenerator, UNet256
from most_sketch.network.build import draw
from most_sketch.network.config import ModelConfig
from most_sketch.network.detail import without_checkerboard
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.encoder import Context, Encoder
from most_sketch.network.generator import Generator, Renderer, crop_to, pad_to_stride
from most_sketch.network.injection import StyleInjection
from most_sketch.network.layers import InstanceNorm, PictureConv, conv_of_both, upsampled_conv
from most_sketch.network.matte import Matte, clear_paper, cut_out
from most_sketch.network.memory import Memory
from most_sketch.network.warp import Warp, bent
from most_sketch.training.config import PRESETS

TINY = ModelConfig(channels=8, stem_channels=8, slots=8, injection_channels=8)


@pytest.mark.parametrize("size", [(16, 16), (20, 36), (250, 200), (17, 23)])
def test_any_size_is_drawn_at_its_own_size(size: tuple[int, int]) -> None:
    sketch = Generator(TINY)(torch.zeros(2, 3, *size), torch.tensor([0, 0]))
    assert sketch.shape == (2, 1, *size)
    assert sketch.abs().max() <= 1


@pytest.mark.parametrize("size", [(16, 16), (20, 36), (250, 200), (17, 23)])
def test_context_begins_as_nothing_and_then_reaches_far(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain, wide = Generator(TINY), Generator(replace(TINY, context_blocks=2))
    assert not wide.load_state_dict(plain.state_dict(), strict=False).unexpected_keys
    photo, style = torch.rand(1, 3, *size), torch.tensor([0])
    assert torch.equal(plain(photo, style), wide(photo, style))
    context = wide.photo_encoder.blocks[-1]
    torch.nn.init.ones_(context.output.weight)
    features = torch.rand(1, 8, 40, 40, requires_grad=True)
    context(features)[0, 0, 0, 0].backward()
    assert features.grad is not None
    # Two blocks of two convolutions: four places of sixteen pixels, each way.
    assert features.grad[0, :, 19, 19].any()
    assert not features.grad[0, :, 24:, 24:].any()


@pytest.mark.parametrize("size", [(16, 16), (20, 36), (250, 200), (17, 23)])
def test_a_warp_begins_as_nothing_and_then_bends_photos(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain, warped = Generator(TINY), Generator(replace(TINY, warp_domains=2))
    assert not warped.load_state_dict(plain.state_dict(), strict=False).unexpected_keys
    photo, style = 2 * torch.rand(2, 3, *size) - 1, torch.tensor([0, 0])
    torch.testing.assert_close(plain(photo, style), warped(photo, style), atol=1e-3, rtol=0)
    warp = warped.warp
    assert warp is not None
    assert not warp.begun
    torch.nn.init.normal_(warp.offsets.weight)
    assert warp.begun
    torch.testing.assert_close(plain(warp(photo), style), warped(photo, style))
    assert not torch.allclose(warp(photo), photo, atol=0.1)


def test_bends_say_where_each_place_comes_from() -> None:
    picture = 2 * torch.rand(1, 1, 20, 30) - 1
    bends = torch.zeros(1, 2, 20, 30)
    bends[:, 0], bends[:, 1] = 2 * 2 / 30, -3 * 2 / 20
    torch.testing.assert_close(bent(picture, bends)[..., 3:, :-2], picture[..., :-3, 2:], atol=1e-4, rtol=0)


def test_a_photo_of_no_database_is_left_as_it_is() -> None:
    warp = Warp(1)
    torch.nn.init.ones_(warp.offsets.bias)
    torch.nn.init.zeros_(warp.domain_logits.weight)
    photo = 2 * torch.rand(1, 3, 250, 200) - 1
    for theirs, share in ((20.0, 1.0), (0.0, 0.5), (-20.0, 0.0)):
        warp.domain_logits.bias.data = torch.tensor([theirs, 0.0])
        expected = torch.full((1, 2, 250, 200), 0.1 * share * torch.tensor(1.0).tanh().item())
        torch.testing.assert_close(warp.bends(photo), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(16, 16), (250, 200), (17, 23)])
def test_padding_replicates_and_cropping_undoes_it(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    padded = pad_to_stride(image, 8)
    assert padded.shape[-2] % 8 == 0
    assert padded.shape[-1] % 8 == 0
    assert torch.equal(crop_to(padded, *size), image)
    assert torch.equal(padded[..., 0, 0], image[..., 0, 0])
    assert torch.equal(padded[..., -1, -1], image[..., -1, -1])


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("feature_stride", [4, 8])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("output_channels", [1, 3])
def test_features_are_at_the_feature_stride_whatever_the_stem(
    stem_stride: int, feature_stride: int, skip: bool, output_channels: int
) -> None:
    config = ModelConfig(
        feature_stride=feature_stride,
        channels=12,
        stem_channels=6,
        stem_stride=stem_stride,
        skip=skip,
        output_channels=output_channels,
        slots=4,
        injection_channels=4,
    )
    features, stem = Encoder(3, config)(torch.zeros(1, 3, 32, 48))
    assert features.shape == (1, 12, 32 // feature_stride, 48 // feature_stride)
    assert stem.shape == (1, 6, 32 // stem_stride, 48 // stem_stride)
    assert Generator(config)(torch.zeros(1, 3, 32, 48), torch.tensor([0])).shape == (1, 1, 32, 48)


def test_what_the_matte_leaves_out_is_not_drawn() -> None:
    config = ModelConfig(channels=8, stem_channels=8, slots=4, injection_channels=4, matting=True)
    generator, style = Generator(config), torch.tensor([0])
    photo, other = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    assert not torch.allclose(generator(photo, style), generator(other, style), atol=1e-3)
    torch.nn.init.constant_(generator.matte.output.bias, -50)
    torch.testing.assert_close(generator(photo, style), generator(other, style))


def test_a_photos_detail_is_cut_out_as_the_stem_of_its_place() -> None:
    torch.manual_seed(0)
    logits, features = torch.randn(1, 1, 3, 2), torch.ones(1, 4, 3, 2)
    cut, style_map, (stem, detail) = cut_out(
        logits, features, features, (torch.ones(1, 2, 12, 8), torch.ones(1, 3, 24, 16))
    )
    assert torch.equal(cut, logits.sigmoid().expand(1, 4, 3, 2))
    assert torch.equal(cut, style_map)
    assert len(stem.unique()) > 6
    assert torch.equal(detail[:, :2], stem.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 12)])
def test_upsampling_and_convolving_at_once_is_the_same(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    features, weight = torch.randn(2, 3, *size), torch.randn(4, 3, 3, 3)
    enlarged = torch.nn.functional.interpolate(features, scale_factor=2.0, mode="nearest")
    wanted = torch.nn.functional.conv2d(enlarged, weight, padding=1)
    torch.testing.assert_close(upsampled_conv(features, weight), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 12)])
def test_what_is_exported_computes_the_same(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    features, weight = torch.randn(2, 3, *size), torch.randn(4, 3, 3, 3)
    more, conv = torch.randn(2, 16, *size), torch.nn.Conv2d(19, 4, 3, padding=1)
    wanted = upsampled_conv(features, weight), conv_of_both(conv, more, features)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    exported = upsampled_conv(features, weight), conv_of_both(conv, more, features)
    for ours, theirs in zip(exported, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("channels", "kernel", "multiple", "block"), [(1, 5, 8, 4), (1, 7, 2, 2), (4, 7, 4, 2), (3, 3, 1, 1), (17, 3, 8, 1)]
)
def test_pictures_are_convolved_in_blocks_and_stay_the_same(
    channels: int, kernel: int, multiple: int, block: int
) -> None:
    torch.manual_seed(0)
    plain = torch.nn.Conv2d(3, channels, kernel, padding=kernel // 2)
    ours = PictureConv(3, channels, kernel, multiple)
    ours.load_state_dict(plain.state_dict())
    assert ours.block == block
    features = torch.randn(2, 3, 16, 24)
    drawn, wanted = (layer(features) for layer in (ours, plain))
    torch.testing.assert_close(drawn, wanted, atol=1e-5, rtol=1e-5)
    slopes, theirs = (
        torch.autograd.grad(out.square().sum(), net.parameters()) for out, net in ((drawn, ours), (wanted, plain))
    )
    torch.testing.assert_close(slopes, theirs, atol=1e-2, rtol=1e-4)


def test_paper_is_white_where_nobody_is_and_the_person_stays() -> None:
    logits = torch.full((1, 1, 4, 4), 6.0)
    logits[..., :2] = -6
    drawn = clear_paper(logits, torch.full((1, 1, 32, 32), -0.2))
    assert (drawn[..., :8] == 1).all()
    assert torch.allclose(drawn[..., 20:], torch.tensor(-0.2))
    toned = clear_paper(
        logits.expand(2, -1, -1, -1), drawn.expand(2, -1, -1, -1), torch.tensor([1, -0.5])[:, None, None, None]
    )
    assert (toned[0, ..., :8] == 1).all()
    assert (toned[1, ..., :8] == -0.5).all()
    assert torch.allclose(toned[..., 20:], torch.tensor(-0.2))


def test_each_style_has_its_paper_and_white_is_as_it_was() -> None:
    torch.manual_seed(0)
    generator = Generator(replace(TINY, styles=("ink", "chalk"), matting=True)).eval()
    assert generator.matte is not None
    photo, style = torch.rand(2, 3, 48, 40), torch.tensor([1, 0])
    torch.nn.init.constant_(generator.matte.output.get_parameter("bias"), -3.0)
    white = generator(photo, style)
    generator.paper = (1.0, -1.0)
    toned = generator(photo, style)
    assert torch.equal(toned[1], white[1])
    # So sure is it of the person that a little is drawn.
    assert toned[0].max() < 0
    assert white[0].min() > 0
    with torch.autocast("cpu", torch.bfloat16):
        assert generator(photo, style).dtype == torch.bfloat16


def test_a_network_draws_at_the_size_that_it_knows() -> None:
    """A photo of another size is drawn at the frame's, up to a little more; the sketch has the photo's size."""
    torch.manual_seed(0)
    generator, style = Generator(replace(TINY, frame_height=40)), torch.tensor([0])
    seen: list[torch.Size] = []
    generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-2:]))
    photo = torch.rand(1, 3, 80, 64) * 2 - 1
    for height, drawn in ((20, 40), (40, 40), (45, 45), (50, 50), (80, 50)):
        small = torch.nn.functional.interpolate(photo, (height, height * 4 // 5))
        sketch = draw(generator, small, style)
        assert sketch.shape == (1, 1, height, height * 4 // 5)
        assert sketch.abs().max() <= 1
        assert seen.pop() == (drawn, drawn * 4 // 5)
    unknown = Generator(TINY)
    assert torch.equal(draw(unknown, photo, style), unknown(photo, style))


def test_paper_preset_has_the_papers_shapes() -> None:
    config, _ = PRESETS["paper"]
    with torch.device("meta"):
        generator, sketch_encoder = Generator(config), Encoder(1, config)
        photo_features, _ = generator.photo_encoder(torch.zeros(16, 3, 256, 256))
        sketch_features, _ = sketch_encoder(torch.zeros(16, 1, 256, 256))
        logits = PatchDiscriminator()(torch.zeros(16, 3, 256, 256), torch.zeros(16, 1, 256, 256), None)
    assert photo_features.shape == sketch_features.shape == (16, 256, 64, 64)
    assert generator.memory.keys.shape == generator.memory.values.shape == (1, 512, 256)
    assert len(generator.renderer.injection) == 3
    assert config.temperature == 1
    assert logits.shape == (16, 1, 30, 30)  # Pix2Pix's 70x70 patches on 256x256


def test_injection_without_style_is_plain_instance_normalisation() -> None:
    injection = StyleInjection(4, 4)
    torch.nn.init.zeros_(injection.modulation.weight)
    torch.nn.init.zeros_(injection.modulation.bias)
    injected = injection(torch.randn(2, 4, 8, 8) * 5 + 3, torch.randn(2, 4, 8, 8))
    torch.testing.assert_close(injected.mean(dim=(2, 3)), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(injected.var(dim=(2, 3), unbiased=False), torch.ones(2, 4), atol=1e-3, rtol=0)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    "network",
    [
        Encoder(3, ModelConfig(channels=8, stem_channels=8)),
        Context(8, 1),
        Renderer(ModelConfig(channels=8, stem_channels=8, injection_channels=8, skip=False)),
        PatchDiscriminator(channels=4),
        UNet256(ModelConfig(architecture="pix2pix", stem_channels=2)).eval(),
        ResNetGenerator(ModelConfig(architecture="cyclegan", stem_channels=2, encoder_blocks=1)),
    ],
    ids=lambda network: type(network).__name__,
)
def test_gradients_do_not_depend_on_the_memory_format(network: torch.nn.Module, batch: int) -> None:
    """In float64, for what comes of rounding in float32 can be percents of a gradient."""
    torch.manual_seed(0)
    photo, features, sketch = (torch.rand(batch, channels, 32, 24, dtype=torch.float64) for channels in (3, 8, 1))
    inputs = {
        Encoder: (photo,),
        Context: (features,),
        Renderer: (features, features, (photo,)),
        PatchDiscriminator: (photo, sketch, None),
    }
    for parameter in network.parameters():  # some begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    gradients = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        network.double().to(memory_format=memory_format).zero_grad()
        given = inputs.get(type(network), (photo, None))
        drawn = network(
            *tree_map_only(torch.Tensor, partial(torch.Tensor.contiguous, memory_format=memory_format), given)
        )
        outputs = drawn if isinstance(drawn, (list, tuple)) else [drawn]
        # Sums of squares: the gradient of a plain sum is the same in every format.
        torch.autograd.backward([output.square().sum() for output in outputs])
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    plain, last = gradients
    assert (plain - last).norm() < 1e-8 * plain.norm()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("batch", "size"), [(1, (12, 8)), (2, (12, 8)), (2, (1, 1))])
def test_normalising_in_bfloat16_learns_what_float32_does(
    memory_format: torch.memory_format, batch: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    norm = InstanceNorm(8)
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter)
    features, wanted = (torch.randn(batch, 8, *size).bfloat16().float() for _ in range(2))

    def learnt(dtype: torch.dtype) -> list[torch.Tensor]:
        given = features.to(dtype).contiguous(memory_format=memory_format).requires_grad_()
        normal = norm(given)
        assert normal.dtype is dtype
        gradient = wanted.to(dtype).contiguous(memory_format=memory_format)
        return [normal.detach(), *torch.autograd.grad(normal, (given, *norm.parameters()), gradient)]

    for fast, exact in zip(learnt(torch.bfloat16), learnt(torch.float32), strict=True):
        assert (fast.float() - exact).abs().max() <= 0.02 * exact.abs().max() + 1e-6


def test_gamma_and_beta_scale_and_shift_each_pixel() -> None:
    injection = StyleInjection(1, 1)
    with torch.no_grad():
        injection.hidden.weight.zero_()
        injection.hidden.weight[0, 0, 1, 1] = 1
        injection.hidden.bias.zero_()
        injection.modulation.weight.zero_()
        injection.modulation.weight[0, 0, 1, 1] = 2  # gamma = 2 * style
        injection.modulation.weight[1, 0, 1, 1] = 3  # beta = 3 * style
        injection.modulation.bias.zero_()
    features, style = torch.randn(1, 1, 4, 4), torch.rand(1, 1, 4, 4)
    torch.testing.assert_close(injection(features, style), injection.norm(features) * (1 + 2 * style) + 3 * style)


def test_the_style_decides_the_drawing() -> None:
    torch.manual_seed(0)
    generator = Generator(ModelConfig(("pencil", "ink"), channels=8, stem_channels=8, slots=8, injection_channels=8))
    photo = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1)
    pencil, ink = generator(photo, torch.tensor([0, 1]))
    assert not torch.allclose(pencil, ink, atol=1e-3)


def test_pix2pix_is_the_reference_u_net() -> None:
    config, _ = PRESETS["pix2pix"]
    with torch.device("meta"):
        network = UNet256(config)
        assert network(torch.zeros(1, 3, 250, 200), None).shape == (1, 1, 250, 200)
    weights = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim > 1)
    two_more_channels_out, normalisations, biases = 2 * 128 * 16, 2 * (2432 + 2496), 3
    # The reference, with batch normalisation and colour out, prints 54.414 million parameters.
    assert round((weights + two_more_channels_out + normalisations + biases) / 1e6, 3) == 54.414


def test_cyclegan_is_the_reference_resnet_of_nine_blocks() -> None:
    config, _ = PRESETS["cyclegan"]
    with torch.device("meta"):
        network, back = ResNetGenerator(config), ResNetGenerator(config, backwards=True)
        for size in ((250, 200), (5, 7)):
            assert network(torch.zeros(1, 3, *size), None).shape == (1, 1, *size)
            assert back(torch.zeros(1, 3, *size), None).shape == (1, 3, *size)
    # The reference, from three channels to three, prints 11.378 million parameters.
    assert round(sum(parameter.numel() for parameter in back.parameters()) / 1e6, 3) == 11.378


def test_pix2pix_drops_out_in_training_only() -> None:
    torch.manual_seed(0)
    network, photo = UNet256(ModelConfig(architecture="pix2pix", stem_channels=4)), torch.rand(1, 3, 64, 64)
    style = torch.tensor([0])
    assert not torch.equal(network(photo, style), network(photo, style))
    network.eval()
    assert torch.equal(network(photo, style), network(photo, style))


def test_discriminator_is_told_the_style() -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(styles=2, channels=8)
    photo, sketch = torch.rand(1, 3, 80, 80), torch.rand(1, 1, 80, 80)
    first, second = (discriminator(photo, sketch, torch.tensor([style])) for style in (0, 1))
    assert not torch.equal(first, second)


PORTRAIT = ModelConfig(
    styles=("pencil", "ink"),
    channels=8,
    stem_channels=8,
    feature_stride=8,
    slots=4,
    injection_channels=4,
    detail_channels=4,
    style_offsets=True,
    matting=True,
)


def test_a_network_with_detail_sees_and_draws_at_full_resolution_what_else_it_does_at_half() -> None:
    torch.manual_seed(0)
    generator = Generator(PORTRAIT)
    photo = torch.rand(1, 3, 48, 40) * 2 - 1
    assert generator(photo, torch.tensor([0])).shape == (1, 1, 48, 40)
    # Pixels that differ within their squares of two by two, whose means are the same.
    checked = torch.ones(48, 40)
    checked[::2, ::2] = checked[1::2, 1::2] = -1
    finer = photo + 0.1 * checked
    coarse, fine = (generator.photo_encoder(pad_to_stride(each, 8))[0] for each in (photo, finer))
    torch.testing.assert_close(coarse, fine, atol=1e-5, rtol=1e-5)
    assert generator.renderer.decoder.detail is not None
    style = torch.tensor([0])
    torch.testing.assert_close(generator(photo, style), generator(finer, style), atol=1e-4, rtol=0)
    torch.nn.init.normal_(generator.renderer.decoder.detail.output.weight)
    assert (generator(photo, style) - generator(finer, style)).abs().max() > 0.01


def test_the_refined_matte_begins_as_the_coarse_one_enlarged() -> None:
    torch.manual_seed(0)
    generator = Generator(PORTRAIT)
    features, stem = generator.encode(torch.rand(1, 3, 32, 32) * 2 - 1)
    logits = torch.randn(1, 1, 4, 4)
    refined = generator.refine(logits, stem)
    assert refined.shape == (1, 1, 32, 32)
    assert features.shape[-2:] == (4, 4)
    torch.testing.assert_close(
        torch.nn.functional.avg_pool2d(refined, 32), logits.mean(dim=(2, 3), keepdim=True), atol=0.1, rtol=0
    )


def test_style_offsets_tell_styles_apart_whose_memories_are_alike_and_learn() -> None:
    torch.manual_seed(0)
    memory = Generator(PORTRAIT).memory
    assert isinstance(memory, Memory)
    assert memory.offsets is not None
    memory.keys[1], memory.values[1] = memory.keys[0], 100 * memory.values[0]
    queries = torch.randn(2, 8, 3, 3)
    read = memory.read(queries[:1].expand(2, -1, -1, -1), torch.tensor([0, 1]))
    # However large the values are: what is read has unit variance, and the offset is added.
    plain = read - memory.offsets[:, :, None, None]
    torch.testing.assert_close(plain[0], plain[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(plain.square().mean(dim=1), torch.ones(2, 3, 3), atol=1e-4, rtol=0)
    read[1].sum().backward()
    assert memory.offsets.grad is not None
    assert memory.offsets.grad[1].abs().sum() > 0
    assert memory.offsets.grad[0].abs().sum() == 0


def test_detail_wants_the_stride_that_it_is_of() -> None:
    with pytest.raises(ValueError, match="stem_stride 2"):
        replace(PORTRAIT, stem_stride=1)
    with pytest.raises(ValueError, match="memory"):
        replace(PORTRAIT, memory=False)


def test_waves_of_two_pixels_go_along_the_diagonal_and_stay_along_the_axes() -> None:
    rows, columns = torch.arange(12)[:, None], torch.arange(14)[None]
    board = (0.5 - ((rows + columns) % 2)).expand(12, 14)[None, None]
    lines = (0.5 - (columns % 2)).expand(12, 14)[None, None]
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(without_checkerboard(board)[inner], torch.zeros(1, 1, 8, 10), atol=1e-6, rtol=0)
    torch.testing.assert_close(without_checkerboard(lines)[inner], lines[inner])
    torch.testing.assert_close(without_checkerboard(lines.mT)[..., 2:-2, 2:-2], lines.mT[..., 2:-2, 2:-2])
    flat = torch.full((1, 1, 5, 4), 0.3)
    torch.testing.assert_close(without_checkerboard(flat), flat)


def test_gamma_and_beta_come_from_kernels_of_the_side_that_the_config_says() -> None:
    torch.manual_seed(0)
    narrow = replace(PORTRAIT, modulation_kernel=1)
    sides = [Generator(each).renderer.injection[0].inject1.modulation.weight.shape[-1] for each in (PORTRAIT, narrow)]
    assert sides == [3, 1]
    assert Generator(narrow)(torch.rand(1, 3, 48, 40) * 2 - 1, torch.tensor([0])).shape == (1, 1, 48, 40)
    with pytest.raises(ValueError, match="modulation_kernel"):
        replace(PORTRAIT, modulation_kernel=4)


def test_a_matte_with_context_begins_as_one_without_and_then_looks_far() -> None:
    torch.manual_seed(0)
    near, far = Matte(8), Matte(8, context_blocks=2)
    torch.nn.init.normal_(near.output.weight)
    far.load_state_dict(near.state_dict(), strict=False)
    features = torch.randn(1, 8, 16, 16)
    assert torch.equal(near(features), far(features))
    torch.nn.init.normal_(far.context.output.weight)
    changed = features.clone()
    changed[..., -1] += 5
    assert torch.equal(near(features)[..., 0], near(changed)[..., 0])
    assert not torch.equal(far(features)[..., 0], far(changed)[..., 0])
