"""How hard each loss pulls at the sketch: the norm of its weighted gradient, for a training run as it stands.

    python benchmarks/loss_balance.py RUN [--pairs 3]

The values of losses cannot be compared with each other, the gradients by which they change the sketch can.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from most_sketch.pairs.pairs import find_pairs, hold_out, load_pair
from most_sketch.training import losses
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.runs import Run
from most_sketch.training.trainer import Execution, Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()

    run = Run(options.run)
    record = run.record()
    backbone = load_backbone(record.perceptual, record.train.unit_features)
    trainer = Trainer(record.model, record.train, backbone, Execution(torch.device("cpu")))
    trainer.restore(run.state())
    training, _ = hold_out(find_pairs(next(iter(record.data.values()))), record.train.hold_out)
    pairs = [load_pair(training[place * len(training) // options.pairs]) for place in range(options.pairs)]
    photo, target = (torch.stack(pictures) for pictures in zip(*pairs, strict=True))
    style = torch.zeros(len(pairs), dtype=torch.long)

    with torch.no_grad():
        sketch = trainer.model.generator(photo, style)
        *wanted, _ = trainer.discriminator(photo, target, style)
    sketch.requires_grad_()
    *features, logits = trainer.discriminator(photo, sketch, style)
    terms = {
        "adversarial": losses.adversarial_generator(logits),
        "feature_matching": losses.feature_matching(features, wanted),
        "reconstruction": losses.reconstruction(sketch, target),
        "ssim": losses.ssim_loss(sketch, target),
    }
    if backbone is not None:
        ours, theirs = backbone(sketch), backbone(target)
        terms["style"] = losses.style(ours[:2], theirs[:2])
        terms["structure"] = losses.structure(ours.pool3, theirs.pool3)
        terms["content"] = losses.content(ours.pool4, theirs.pool4)
    sys.stdout.write(f"{options.run.name}, step {trainer.step}\n{'':18}{'value':>8} {'weight':>7} {'gradient':>9}\n")
    for name, term in terms.items():
        weight = getattr(record.train.losses, name)
        (gradient,) = torch.autograd.grad(weight * term, sketch, retain_graph=True)
        sys.stdout.write(f"{name:18}{term.item():8.3f} {weight:7g} {gradient.norm():9.3f}\n")


if __name__ == "__main__":
    main()
