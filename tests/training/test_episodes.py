"""Steps in styles that never were: whom they draw, what they write, what learns of it, and that runs go on exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from tiny_runs import CPU, SHORT, TINY, begin, go

from most_sketch.errors import InputError
from most_sketch.network.generator import Generator
from most_sketch.training import trainer as trainer_module
from most_sketch.training.config import TrainConfig
from most_sketch.training.presets import PRESETS
from most_sketch.training.restyle import Restyling
from most_sketch.training.samples import StyleSampler, is_episode
from most_sketch.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

EPISODES = replace(SHORT, episodes=1.0, support=3)
CHALK = Restyling(lines=0.5, ink=0.9, paper=-0.8)


def lesson(person: float = 1.0) -> tuple[torch.Tensor, ...]:
    """A batch of two with three pairs of support, all of style 1."""
    chance = torch.Generator().manual_seed(3)
    matte = torch.full((5, 1, 48, 40), person)
    matte[..., :10] = 0
    return (
        torch.rand(5, 3, 48, 40, generator=chance),
        torch.rand(5, 1, 48, 40, generator=chance),
        torch.ones(5, dtype=torch.long),
        matte,
    )


def test_a_share_of_the_steps_are_episodes_and_none_by_default() -> None:
    config = TrainConfig(episodes=0.3)
    assert 0.25 < sum(is_episode(config, step) for step in range(1000)) / 1000 < 0.35
    assert not any(is_episode(TrainConfig(), step) for step in range(1000))


def test_an_episode_is_of_one_style_and_draws_other_pairs_than_it_writes() -> None:
    sampler = StyleSampler((5, 9), replace(EPISODES, steps=60, shares=(3,)))
    styles = []
    for items in sampler:
        assert len(items) == 5
        assert len({style for style, _, _ in items}) == 1
        drawn, written = ({place for _, place, _ in part} for part in (items[:2], items[2:]))
        assert not drawn & written
        assert len(written) == 3
        assert len({seed for _, _, seed in items}) == 5
        styles.append(items[0][0])
    # Three of four, as the shares say.
    assert 35 < styles.count(0) < 55


def test_few_pairs_are_written_again_and_one_pair_is_all_there_is() -> None:
    few = StyleSampler((2,), EPISODES).episode(0)
    assert [len({place for _, place, _ in part}) for part in (few[:2], few[2:])] == [1, 1]
    assert few[0][1] != few[2][1]
    assert [place for _, place, _ in StyleSampler((1,), EPISODES).episode(0)] == [0] * 5


def test_ranks_share_what_is_drawn_and_all_write_the_same() -> None:
    whole = StyleSampler((30,), EPISODES).episode(4)
    first, second = (StyleSampler((30,), EPISODES, rank=rank, ranks=2).episode(4) for rank in range(2))
    assert first == [whole[0], *whole[2:]]
    assert second == [whole[1], *whole[2:]]


def test_steps_between_episodes_see_the_samples_that_they_would_have_seen() -> None:
    config = replace(SHORT, steps=30, episodes=0.5)
    plain = list(StyleSampler((7, 5), replace(config, episodes=0)))
    mixed = list(StyleSampler((7, 5), config))
    kept = [step for step in range(30) if not is_episode(config, step)]
    assert 5 < len(kept) < 25
    assert all(mixed[step] == plain[step] for step in kept)
    assert list(StyleSampler((7, 5), config, start=11)) == mixed[11:]


def test_both_encoders_learn_and_judge_and_memories_stay() -> None:
    network = replace(TINY, styles=("ink", "chalk"), matting=True)
    trainer = Trainer(network, EPISODES, None, CPU)
    before = {name: value.clone() for name, value in trainer.artist.state_dict().items()}
    judge = {name: value.clone() for name, value in trainer.discriminator.state_dict().items()}
    scores = trainer.train_step(*lesson())
    assert trainer.step == 1
    assert scores.keys() == {"episode_reconstruction", "episode_matte", "episode_total"}
    moved = {name for name, value in trainer.artist.state_dict().items() if not torch.equal(value, before[name])}
    # The matte's first layer has no gradient before its last, which begins at zero, has moved.
    assert moved == {name for name in before if ".memory." not in name and ".matte.hidden." not in name}
    assert all(torch.equal(value, judge[name]) for name, value in trainer.discriminator.state_dict().items())


def test_what_is_drawn_comes_from_the_drawings_that_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "draw_restyling", lambda _: Restyling())
    drawn = []
    for changed in (False, True):
        trainer = Trainer(TINY, EPISODES, None, CPU)
        photo, target, style, matte = lesson()
        target[2:] *= -1 if changed else 1
        artist = trainer.learning_artist
        trainer.learning_artist = lambda *given, artist=artist: drawn.append(artist(*given).sketch) or artist(*given)
        trainer.train_step(photo, target, 0 * style, matte)
    assert (drawn[0] - drawn[1]).abs().mean() > 1e-4


def test_paper_around_the_person_has_the_tone_of_the_style(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "draw_restyling", lambda _: CHALK)
    trainer = Trainer(replace(TINY, styles=("ink", "chalk"), matting=True), EPISODES, None, CPU)
    assert trainer.artist.generator.matte is not None
    drawn: list[torch.Tensor] = []
    artist = trainer.learning_artist
    trainer.learning_artist = lambda *given: _kept(artist(*given), drawn)
    torch.nn.init.constant_(trainer.artist.generator.matte.output.get_parameter("bias"), -9.0)
    trainer.train_step(*lesson())
    assert torch.equal(drawn[0], torch.full((2, 1, 48, 40), CHALK.paper))


def _kept(drawing: trainer_module.Drawing, kept: list[torch.Tensor]) -> trainer_module.Drawing:
    kept.append(drawing.sketch.detach())
    return drawing


def test_a_network_learns_to_draw_dark_or_light_by_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    manners = [Restyling(), Restyling(ink=1.0, paper=-1.0)]
    steps = 160
    config = replace(EPISODES, steps=steps, generator_rate=4e-3)
    trainer = Trainer(TINY, config, None, CPU)
    scores = []
    for step in range(steps):
        monkeypatch.setattr(trainer_module, "draw_restyling", lambda _, step=step: manners[step % 2])
        photo, target, style, matte = lesson()
        target = torch.where(target < 0.3, -1.0, 1.0)
        scores.append(trainer.train_step(photo, target, 0 * style, matte)["episode_reconstruction"])
    # Nothing but the memory tells a manner from its negative: who does not look at it draws grey, as at first.
    assert sum(scores[-10:]) < 0.75 * sum(scores[:10])


def test_a_run_that_was_stopped_goes_on_exactly(tmp_path: Path) -> None:
    data = {
        "ink": write_pairs(tmp_path / "ink", [f"{place}" for place in range(6)]),
        "wash": write_pairs(tmp_path / "wash", [f"{place}" for place in range(5)]),
    }
    config = replace(SHORT, episodes=0.5, crop=32, reduce=(1, 1))
    assert 2 < sum(is_episode(config, step) for step in range(10)) < 8
    whole, cut = begin(tmp_path / "whole", data, config), begin(tmp_path / "cut", data, config)
    go(whole)
    for _ in range(2):
        go(cut, stop_after=2)
    go(cut)
    ours, theirs = whole.load_state(), cut.load_state()
    assert ours is not None
    assert theirs is not None
    assert ours["step"] == theirs["step"] == 10
    for part in ("artist", "discriminator", "ema"):
        assert all(torch.equal(value, theirs[part][name]) for name, value in ours[part].items())


def test_episodes_need_what_writes_a_memory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="episodes write memories, and fixed_memory"):
        TrainConfig(episodes=0.1, fixed_memory=True)
    data = {"ink": write_pairs(tmp_path / "ink", ["a", "b", "c"])}
    run = begin(tmp_path / "run", data, EPISODES)
    record = replace(run.record(), model=replace(PRESETS["pix2pix"][0], styles=("ink",)))
    run.write(record)
    with pytest.raises(InputError, match="pix2pix has none"):
        go(run)


def test_weights_trained_in_episodes_are_weights_like_others(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "ink", ["a", "b", "c", "d"])}
    run = begin(tmp_path / "run", data, replace(EPISODES, steps=2))
    go(run)
    state = run.load_state()
    assert state is not None
    assert state["artist"].keys() >= {f"generator.{name}" for name in Generator(TINY).state_dict()}
