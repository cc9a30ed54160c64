"""Distillation: a small network learns to answer what larger ones answered for the same faces.

Each teacher adds its losses (`facecore.train.recipes.distill_losses`); the labelled faces may add a loss over
identities. A face that a teacher gave no embedding for is passed over by that teacher's losses, one without a label by
the loss over identities.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facecore.errors import DataError
from facecore.models import Student
from facecore.models.heads import Head
from facecore.train.recipes.distill_losses import TEACHERS, Teacher, masked_mean
from facecore.train.state import step_generator

BANK_SALT = 1  # keeps the draws of banks apart from augmentation (0) and dropout


class Distillation(nn.Module):
    """The student, what it is to answer, and the loss of any step.

    Args:
        student: with a head for each teacher.
        targets: (N, D) float32 by the teacher's name, aligned with the rows of the training data; rows of NaN where
            the teacher gave none. Kept beside the weights, on their device, but not saved with them.
        teachers: how each of them is followed.
        bank_size: faces in the bank of a step.
        seed: of the banks.
        label_head: of a loss over identities, for embeddings as wide as the student's; None leaves that loss out.
        label_weight: of that loss.
        margin_warmup: steps in which the margin of `label_head` grows from nothing to whole.

    Raises:
        ValueError: targets, teachers and the student's heads do not belong together.
        DataError: a teacher has no embedding at all.
    """

    def __init__(
        self,
        student: Student,
        targets: Mapping[str, Tensor],
        teachers: Mapping[str, Teacher] = TEACHERS,
        *,
        bank_size: int = 8192,
        seed: int = 0,
        label_head: Head | None = None,
        label_weight: float = 0.0,
        margin_warmup: int = 0,
    ) -> None:
        super().__init__()
        if set(targets) != set(student.heads) or not set(targets) <= set(teachers):
            names = f"targets of {list(targets)}, heads for {list(student.heads)}, losses for {list(teachers)}"
            raise ValueError(f"{names} do not belong together")
        self.student = student
        self.teachers = {name: teachers[name] for name in student.heads}
        self.bank_size = bank_size
        self.seed = seed
        self.label_head = label_head
        self.label_weight = label_weight
        self.margin_warmup = margin_warmup
        for name in student.heads:
            self._keep(name, targets[name])
        self.register_buffer("centre", self._centre(), persistent=False)

    def _keep(self, name: str, target: Tensor) -> None:
        width = self.student.head(name).linear.out_features
        if target.ndim != 2 or target.shape[1] != width:
            raise ValueError(f"the targets of {name} have the shape {tuple(target.shape)}, not (N, {width})")
        known = ~target[:, 0].isnan()
        if not known.any():
            raise DataError(f"the teacher {name} has no embedding of any training image")
        # Zeros in place of NaN: a NaN that is masked afterwards would still spoil the gradient.
        self.register_buffer(f"target_{name}", target.float().where(known[:, None], 0), persistent=False)
        self.register_buffer(f"known_{name}", known, persistent=False)
        self.register_buffer(f"known_rows_{name}", known.nonzero()[:, 0], persistent=False)

    def _centre(self) -> Tensor:
        """The mean of what a perfect student would answer: (sum of dims,) float32."""
        weights = self.student.weights
        means = {
            name: F.normalize(self.get_buffer(f"target_{name}")[self.get_buffer(f"known_{name}")]).mean(0)
            for name in self.student.heads
        }
        return torch.cat([weights[name] * mean for name, mean in means.items()]) / math.hypot(*weights.values())

    def forward(self, faces: Tensor, labels: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """The mean loss of a batch, and how many of its labelled faces were named rightly.

        The bank of a step is the same for all its parts: it depends on the seed and the step alone.

        Args:
            faces: (B, 3, S, S) float32, normalised.
            labels: (B,) int64, -1 where unknown.
            rows: (B,) int64, where the faces' targets stand.
            step: number of the step.

        Returns:
            Two scalars, float32. Each loss is a mean over the rows that it is known for, 0 where there is none.
        """
        parts = self.student.parts(faces)
        with torch.autocast(faces.device.type, enabled=False):
            total = self._follow(parts, rows, step)
            if self.label_head is None:
                return total, faces.new_zeros((), dtype=torch.float32)
            loss, correct = self._name(self.label_head, parts, labels, step)
            return total + self.label_weight * loss, correct

    def _follow(self, parts: Mapping[str, Tensor], rows: Tensor, step: int) -> Tensor:
        """The losses of all teachers, added up."""
        generator = step_generator(self.seed, step, salt=BANK_SALT)
        losses = []
        for name, teacher in self.teachers.items():
            targets, known_rows = self.get_buffer(f"target_{name}"), self.get_buffer(f"known_rows_{name}")
            drawn = torch.randint(len(known_rows), (self.bank_size,), generator=generator)
            members = known_rows[drawn.to(rows.device, non_blocking=True)]
            target, bank = targets[rows], targets[members]
            head, answer = self.student.head(name), parts[name]
            if teacher.standardise:
                target, bank = head.standardise(target), head.standardise(bank)
            else:
                answer = head.raw(answer)
            losses.append(teacher.loss(answer, target, bank, self.get_buffer(f"known_{name}")[rows]))
        return torch.stack(losses).sum()

    def _name(self, head: Head, parts: Mapping[str, Tensor], labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Cross entropy over the labelled rows, and how many of them were named rightly.

        The head sees the embedding that will be compared, less a constant: a shift leaves the distances between
        embeddings as they are, and so their cosines, since they are of length one. Without it a teacher in whose
        space strangers are at cosine 0.8 leaves a margin softmax a small part of the sphere.
        """
        embedding = self.student.blend(parts) - self.get_buffer("centre")
        logits = head(embedding, labels, self.margin_share(step))
        labelled = labels >= 0
        loss = masked_mean(F.cross_entropy(logits, labels, ignore_index=-1, reduction="none"), labelled)
        with torch.no_grad():
            correct = (head.scores(embedding).argmax(1) == labels).sum()
        return loss, correct.float()

    def margin_share(self, step: int) -> float:
        """How much of the margin holds at a step, in 0..1."""
        return min(1.0, (step + 1) / self.margin_warmup) if self.margin_warmup else 1.0
