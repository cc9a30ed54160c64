import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facecore import checkpoint
from facecore.errors import ImageError, ModelError, NoFaceError, SeveralFacesError
from facecore.models import AlexNet, Student
from facecore.pretrained import DEFAULT_MODEL, find_model
from facecore.recognizer import FaceRecognizer, decision_threshold


@pytest.fixture(scope="module")
def two_faces(astronaut: np.ndarray, hopper_path: Path) -> np.ndarray:
    """Both people side by side, the astronaut's face smaller and nearer the middle."""
    hopper = np.asarray(Image.open(hopper_path).convert("RGB"))[:512]
    return np.concatenate([hopper, astronaut[:, :380]], axis=1)


def test_the_same_photo_in_any_form_gives_the_same_embedding(recognizer: FaceRecognizer, hopper_path: Path) -> None:
    array = np.asarray(Image.open(hopper_path).convert("RGB"))
    photos = [hopper_path, str(hopper_path), hopper_path.read_bytes(), Image.open(hopper_path), array]
    with hopper_path.open("rb") as file:
        embeddings = recognizer.embed([*photos, file])
    assert embeddings.status == ("ok",) * 6
    assert embeddings.matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings.matrix, axis=1), 1, atol=1e-6)
    assert all(np.array_equal(embeddings.matrix[0], row) for row in embeddings.matrix)


def test_an_embedding_does_not_depend_on_its_neighbours(recognizer: FaceRecognizer, crops: list[np.ndarray]) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (112, 112, 3), np.uint8) for i in range(7)]
    alone = recognizer.encode(crops[:1], 8)[0]
    assert np.array_equal(alone, recognizer.encode([*noise, crops[0]], 8)[7])
    assert np.array_equal(alone, recognizer.encode([*noise, *noise, crops[0]], 8)[14])
    for batch_size in (1, 2, 32):
        np.testing.assert_allclose(recognizer.encode(crops[:1], batch_size)[0], alone, atol=1e-5)
    assert recognizer.encode([], 8).shape == (0, recognizer.model.network.embedding_dim)


def test_compare_says_the_same_both_ways_round(
    recognizer: FaceRecognizer, astronaut: np.ndarray, hopper_path: Path
) -> None:
    there, back = recognizer.compare(astronaut, hopper_path), recognizer.compare(hopper_path, astronaut)
    assert there.score == pytest.approx(back.score, abs=1e-6)
    assert there.verdict == back.verdict
    assert there.why_not is None
    assert there.left.crop is not None
    assert there.left.crop.shape == (112, 112, 3)


def test_a_photo_and_a_poor_copy_of_it_are_the_same_person(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    image = Image.fromarray((astronaut * 0.6).astype(np.uint8)).rotate(8, Image.Resampling.BICUBIC)
    comparison = recognizer.compare(astronaut, image.resize((320, 320)))
    assert comparison.verdict == "same"
    assert comparison.probability is not None
    assert comparison.probability > 0.9


def test_two_people_are_not_the_same(recognizer: FaceRecognizer, astronaut: np.ndarray, hopper_path: Path) -> None:
    with Image.open(hopper_path) as photo:
        comparison = recognizer.compare(astronaut, photo.convert("L"))
    assert comparison.verdict == "different"
    assert comparison.score is not None
    assert comparison.threshold is not None
    assert comparison.score < comparison.threshold
    assert comparison.probability is not None
    assert comparison.probability < 0.5
    assert recognizer.compare(astronaut, hopper_path).verdict == "different"


def test_few_pixels_leave_it_uncertain(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    """Below the threshold, and still likelier one person than two."""
    comparison = recognizer.compare(astronaut, Image.fromarray(astronaut).resize((70, 70)).resize((512, 512)))
    assert comparison.verdict == "uncertain"
    assert comparison.score is not None
    assert comparison.threshold is not None
    assert comparison.score < comparison.threshold
    assert comparison.probability is not None
    assert 0.5 < comparison.probability < 0.9


def test_a_photo_that_cannot_be_used_is_told_not_raised(
    recognizer: FaceRecognizer, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    comparison = recognizer.compare(b"no photo", coffee)
    assert (comparison.score, comparison.probability, comparison.verdict) == (None, None, None)
    assert (comparison.left.status, comparison.right.status) == ("unreadable", "no_face")
    assert isinstance(comparison.left.error, ImageError)
    assert isinstance(comparison.right.error, NoFaceError)
    assert comparison.why_not is not None
    assert comparison.why_not.count("\n") == 1
    embeddings = recognizer.embed([astronaut, coffee, b""])
    assert embeddings.status == ("ok", "no_face", "unreadable")
    assert np.isnan(embeddings.matrix[1:]).all()
    assert np.isfinite(embeddings.matrix[0]).all()
    assert np.isfinite(embeddings.quality).tolist() == [True, False, False]
    assert [error is None for error in embeddings.errors] == [True, False, False]
    assert len(recognizer.embed([])) == 0


def test_policies_choose_the_face(recognizer: FaceRecognizer, two_faces: np.ndarray, astronaut: np.ndarray) -> None:
    faces = recognizer.faces(two_faces)
    assert len(faces) == 2
    by_policy = {p: recognizer.prepare(two_faces, face=p) for p in ("largest", "centre", 0, 1)}
    assert by_policy["largest"].face is not None
    assert by_policy["largest"].face.box == pytest.approx(faces[0].box)
    assert by_policy[0].face is not None
    assert by_policy[0].face.box == pytest.approx(faces[0].box)
    assert by_policy[1].face is not None
    assert by_policy[1].face.box == pytest.approx(faces[1].box)
    only = recognizer.prepare(two_faces, face="only")
    assert only.status == "several_faces"
    assert isinstance(only.error, SeveralFacesError)
    assert recognizer.prepare(two_faces, face=2).status == "no_face"
    second = recognizer.compare(two_faces, astronaut, face=(1, "largest"))
    first = recognizer.compare(two_faces, astronaut, face=(0, "largest"))
    assert second.score is not None
    assert first.score is not None
    assert second.score > 0.9 > first.score


def test_crops_can_be_given_as_they_are(
    recognizer: FaceRecognizer, crops: list[np.ndarray], astronaut: np.ndarray
) -> None:
    given = recognizer.embed(crops, aligned=True)
    found = recognizer.embed([astronaut])
    np.testing.assert_array_equal(given.matrix[0], found.matrix[0])


def test_small_photos_without_a_face_are_crops_only_when_that_is_allowed(
    recognizer: FaceRecognizer, coffee: np.ndarray
) -> None:
    small = coffee[:160, :100]
    assert recognizer.prepare(small).status == "no_face"
    assert recognizer.prepare(small, accept_crops=True).status == "ok:whole"
    assert recognizer.prepare(coffee[:161, :100], accept_crops=True).status == "no_face"


def test_thresholds_decide_alone(recognizer: FaceRecognizer, astronaut: np.ndarray, hopper_path: Path) -> None:
    score = recognizer.compare(astronaut, hopper_path).score
    assert score is not None
    assert recognizer.compare(astronaut, hopper_path, threshold=score - 0.01).verdict == "same"
    assert recognizer.compare(astronaut, hopper_path, threshold=min(1, score + 0.01)).verdict == "different"
    strict = recognizer.compare(astronaut, hopper_path, far=1e-3)
    assert recognizer.calibration is not None
    assert strict.threshold == recognizer.calibration.threshold_for(1e-3)


def test_a_prior_moves_the_probability_alone(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    half = recognizer.compare(astronaut, astronaut[5:, 3:])
    rare = recognizer.compare(astronaut, astronaut[5:, 3:], prior=1e-6)
    assert half.probability is not None
    assert rare.probability is not None
    assert rare.probability < half.probability
    assert (half.score, half.verdict) == (rare.score, rare.verdict)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"threshold": 2}, "cosine"),
        ({"far": 1e-9}, "FAR"),
        ({"far": 1e-3, "threshold": 0.5}, "one of them"),
        ({"prior": 0}, "prior"),
    ],
)
def test_arguments_out_of_range(
    recognizer: FaceRecognizer, astronaut: np.ndarray, arguments: dict[str, float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        recognizer.compare(astronaut, astronaut, **arguments)


def test_a_model_without_calibration_gives_scores_alone(
    recognizer: FaceRecognizer, tmp_path: Path, astronaut: np.ndarray
) -> None:
    checkpoint.save(tmp_path / "bare", recognizer.model.network, recognizer.model.config)
    bare = FaceRecognizer.from_pretrained(tmp_path / "bare", device="cpu")
    comparison = bare.compare(astronaut, astronaut)
    assert comparison.score == pytest.approx(1, abs=1e-6)
    assert (comparison.probability, comparison.verdict, comparison.threshold) == (None, None, None)
    assert bare.compare(astronaut, astronaut, threshold=0.3).verdict == "same"
    with pytest.raises(ValueError, match="no calibration"):
        decision_threshold(bare.model, far=1e-3, threshold=None)


def test_with_flip_an_embedding_is_the_mean_of_face_and_mirror_image(
    recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    both = FaceRecognizer.from_pretrained(device="cpu", flip=True)
    one, other = (recognizer.encode([crop[:, ::step] for crop in crops], 2) for step in (1, -1))
    expected = (one + other) / np.linalg.norm(one + other, axis=1, keepdims=True)
    found = both.encode(crops, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(both.encode([crop[:, ::-1] for crop in crops], 2), found, atol=1e-6)
    assert np.abs(found - one).max() > 0.01
    assert both.backend.version == recognizer.backend.version + "-flip"  # caches keep them apart
    assert both.model.digest == recognizer.model.digest


def test_with_flip_a_model_has_a_calibration_of_its_own(
    recognizer: FaceRecognizer, tmp_path: Path, astronaut: np.ndarray
) -> None:
    plain, flipped = (checkpoint.load(recognizer.model.directory, flip=flip) for flip in (False, True))
    assert plain.calibration is not None
    assert flipped.calibration is not None
    assert flipped.calibration != plain.calibration
    checkpoint.save(tmp_path / "m", plain.network, plain.config)
    checkpoint.save_calibration(tmp_path / "m", plain.calibration)
    without = FaceRecognizer.from_pretrained(tmp_path / "m", device="cpu", flip=True)
    assert without.compare(astronaut, astronaut).probability is None
    with pytest.raises(ValueError, match="calibration-flip.json"):
        decision_threshold(without.model, far=1e-3, threshold=None)


def test_without_alignment_the_whole_photo_is_compared(astronaut: np.ndarray, coffee: np.ndarray) -> None:
    whole = FaceRecognizer.from_pretrained(align="none", device="cpu")
    assert whole.compare(astronaut, coffee).score is not None
    assert whole.prepare(coffee).faces == ()


def test_fast_alignment_is_close_to_the_default(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    fast = FaceRecognizer.from_pretrained(align="fast", device="cpu")
    a, b = recognizer.embed([astronaut]).matrix[0], fast.embed([astronaut]).matrix[0]
    assert 0.8 < float(a @ b) < 1


def test_bf16_is_close_to_float32(recognizer: FaceRecognizer, crops: list[np.ndarray]) -> None:
    low = FaceRecognizer.from_pretrained(precision="bf16", device="cpu")
    difference = np.abs(low.encode(crops, 2) - recognizer.encode(crops, 2)).max()
    assert 0 < difference < 0.05


def test_models_that_are_not_there(tmp_path: Path) -> None:
    assert find_model(DEFAULT_MODEL).is_dir()
    with pytest.raises(ModelError, match=f"bundled model .*{DEFAULT_MODEL}"):
        FaceRecognizer.from_pretrained("nothing")
    with pytest.raises(ModelError, match="config.json"):
        FaceRecognizer.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="align"):
        FaceRecognizer.from_pretrained(align="slow")


def test_the_dictionary_has_no_pictures_and_goes_through_json(
    recognizer: FaceRecognizer, astronaut: np.ndarray
) -> None:
    import json

    content = recognizer.compare(astronaut, b"").to_dict()
    assert json.loads(json.dumps(content)) == content
    assert content["left"]["faces_found"] == 1
    assert "empty" in content["right"]["error"]


def test_a_comparison_holds_the_embeddings_of_its_crops_and_shows_them_to_nobody(
    recognizer: FaceRecognizer, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray
) -> None:
    comparison = recognizer.compare(astronaut, hopper_path)
    assert comparison.embeddings is not None
    for side, embedding in zip((comparison.left, comparison.right), comparison.embeddings, strict=True):
        assert (embedding.shape, embedding.dtype) == ((recognizer.embedding_dim,), np.float32)
        assert side.crop is not None
        np.testing.assert_allclose(embedding, recognizer.encode([side.crop], 1)[0], atol=1e-4)
    first, second = comparison.embeddings
    assert float(first @ second) == pytest.approx(comparison.score, abs=1e-5)
    assert "embeddings" not in comparison.to_dict()
    assert "embeddings" not in repr(comparison)
    assert recognizer.compare(astronaut, coffee).embeddings is None


def test_features_are_the_pooled_ones_whatever_runs_the_network(
    recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    found = recognizer.features(crops)
    assert (found.shape, found.dtype) == ((2, recognizer.feature_dim), np.float32)
    network = recognizer.model.network
    assert isinstance(network, Student)
    with torch.inference_mode():
        pooled = torch.cat([network.features(torch.from_numpy(recognizer.input.array([crop]))) for crop in crops])
    np.testing.assert_allclose(found, torch.nn.functional.normalize(pooled).numpy(), atol=1e-5)


def test_a_network_without_a_layer_before_the_embedding_has_the_embedding_for_features(
    recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    alexnet = dataclasses.replace(recognizer.model, network=AlexNet(num_classes=0).eval())
    plain = FaceRecognizer(alexnet, device="cpu")
    assert plain.feature_dim == plain.embedding_dim
    np.testing.assert_allclose(plain.features(crops), plain.encode(crops, 2), atol=1e-5)


def test_a_template_is_the_mean_of_the_photos_that_can_be_used(
    recognizer: FaceRecognizer, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    dark = (astronaut * 0.2).astype(np.uint8)
    embeddings = recognizer.embed([astronaut, dark])
    mean = embeddings.matrix.mean(0)
    found = recognizer.template([astronaut, coffee, dark, b"no photo"])
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)
    weighted = embeddings.quality @ embeddings.matrix
    found = recognizer.template([astronaut, coffee, dark], weights="quality")
    np.testing.assert_allclose(found, weighted / np.linalg.norm(weighted), atol=1e-6)
    assert embeddings.quality[1] < embeddings.quality[0]


def test_a_template_needs_a_photo_that_can_be_used(recognizer: FaceRecognizer, coffee: np.ndarray) -> None:
    with pytest.raises(NoFaceError):
        recognizer.template([coffee, b""])
    with pytest.raises(ValueError, match="at least one photo"):
        recognizer.template([])
    with pytest.raises(ValueError, match="'best' are not known"):
        recognizer.template([coffee], **{"weights": "best"})


@pytest.mark.data
def test_known_pairs_are_told_apart(recognizer: FaceRecognizer, shared_data: Path) -> None:
    import pandas as pd

    folder = shared_data / "photos"
    pairs = pd.read_csv(folder / "master.csv")
    left = recognizer.embed([folder / name for name in pairs["left"]]).matrix
    right = recognizer.embed([folder / name for name in pairs["right"]]).matrix
    scores, same = (left * right).sum(1), pairs["same"].to_numpy(bool)
    # 20 and 40 pairs: enough to see that nothing is broken, too few for an error rate.
    assert np.mean(scores[same]) - np.mean(scores[~same]) > 3 * np.std(scores[~same])


@pytest.mark.data
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_copy_is_the_same_person(recognizer: FaceRecognizer, shared_data: Path, turns: int) -> None:
    for path in sorted((shared_data / "photos" / "congress").glob("*.jpg"))[::5]:
        photo = np.asarray(Image.open(path).convert("RGB"))
        comparison = recognizer.compare(photo, np.rot90(photo, turns))
        assert comparison.verdict == "same", path.name
