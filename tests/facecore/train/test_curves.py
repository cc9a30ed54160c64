import io

import numpy as np
from PIL import Image

from facecore.train.curves import BLUE, GREEN, ORANGE, curves_png

NAMES = ("epoch", "size", "train_loss", "train_accuracy", "val_accuracy", "verification_auc", "learning_rate",
         "images_per_second")  # fmt: skip


def _columns(rows: int, **changes: np.ndarray) -> dict[str, np.ndarray]:
    epoch = np.arange(1.0, rows + 1)
    columns = {name: 1 / epoch for name in NAMES} | {"epoch": epoch, "size": np.full(rows, 64.0)}
    return columns | changes


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _count(picture: np.ndarray, colour: str) -> int:
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((picture == rgb).all(axis=2).sum())


def _panel(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return picture[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_each_panel_shows_its_columns() -> None:
    picture = _pixels(curves_png(_columns(8)))
    for row, column in ((0, 0), (1, 0), (1, 1)):
        panel = _panel(picture, row, column)
        assert _count(panel, BLUE) > 300
        assert _count(panel, ORANGE) == _count(panel, GREEN) == 0
    accuracy = _panel(picture, 0, 1)
    assert min(_count(accuracy, colour) for colour in (ORANGE, GREEN)) > 100


def test_what_was_not_measured_is_bridged_or_left_out() -> None:
    some = np.full(8, np.nan)
    some[[1, 7]] = 0.2, 0.9
    nothing = np.full(8, np.nan)
    columns = _columns(8, train_accuracy=nothing, val_accuracy=some, verification_auc=nothing)
    whole = _pixels(curves_png(columns))
    panel = _panel(whole, 0, 1)
    assert _count(panel, BLUE) == _count(panel, GREEN) == 0
    # Both points and a line between them: orange in every part of the panel's middle.
    middle = panel[:, panel.shape[1] // 3 : 2 * panel.shape[1] // 3]
    assert _count(middle, ORANGE) > 50


def test_one_row_of_which_little_is_known() -> None:
    nothing = dict.fromkeys(("train_accuracy", "val_accuracy", "verification_auc"), np.array([np.nan]))
    picture = _pixels(curves_png(_columns(1, learning_rate=np.zeros(1), **nothing)))
    assert all(_count(_panel(picture, row, column), BLUE) > 5 for row, column in ((0, 0), (1, 0), (1, 1)))
    assert all(_count(_panel(picture, 0, 1), colour) == 0 for colour in (BLUE, ORANGE, GREEN))


def test_many_rows() -> None:
    columns = _columns(500)
    picture = curves_png(columns)
    assert _count(_panel(_pixels(picture), 0, 0), BLUE) > 300
    assert picture == curves_png(columns)  # the same rows, the same bytes


def test_a_change_of_size_is_marked() -> None:
    plain = curves_png(_columns(6))
    marked = curves_png(_columns(6, size=np.array([64.0, 64, 64, 112, 112, 112])))
    different = (_pixels(plain) != _pixels(marked)).any(axis=2)
    assert different[: different.shape[0] // 2, : different.shape[1] // 2].sum() > 100
    assert different[different.shape[0] // 2 :].sum() == 0
