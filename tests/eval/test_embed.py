from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.embed import embed_images
from facecore.recognizer import FaceRecognizer


@pytest.fixture
def paths(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray) -> list[Path]:
    """Twelve photos, two of them of no use, the last without a face."""
    result = []
    for i in range(5):
        darker = Image.fromarray((astronaut * (1 - 0.1 * i)).astype(np.uint8))
        darker.save(tmp_path / f"a{i}.png")
        Image.open(hopper_path).resize((256, 300)).rotate(2 * i).save(tmp_path / f"h{i}.png")
        result += [tmp_path / f"a{i}.png", tmp_path / f"h{i}.png"]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    return [*result[:4], tmp_path / "broken.png", *result[4:], tmp_path / "coffee.png"]


def test_the_numbers_of_workers_changes_nothing(recognizer: FaceRecognizer, paths: list[Path]) -> None:
    one = embed_images(recognizer, paths, face="largest", workers=1, batch_size=4)
    three = embed_images(recognizer, paths, face="largest", workers=3, batch_size=4)
    assert one.status == three.status == ("ok",) * 4 + ("unreadable",) + ("ok",) * 6 + ("no_face",)
    np.testing.assert_array_equal(one.matrix, three.matrix)
    expected = recognizer.embed(paths)
    np.testing.assert_allclose(one.matrix, expected.matrix, atol=1e-5)


def test_nothing_to_embed(recognizer: FaceRecognizer) -> None:
    result = embed_images(recognizer, [], face="largest", workers=2, batch_size=4)
    assert result.status == ()
    assert result.matrix.shape == (0, recognizer.model.network.embedding_dim)


def test_an_error_of_ours_stops_the_run(recognizer: FaceRecognizer, paths: list[Path]) -> None:
    with pytest.raises(ValueError, match="policy"):
        embed_images(recognizer, paths, face="biggest", workers=2, batch_size=4)
