from pathlib import Path

import pytest

from demo.uploads import MAX_BYTES, RefusedUpload, face_number, upload_folder, upload_path


def test_a_file_that_was_uploaded(tmp_path: Path) -> None:
    (tmp_path / "1f").mkdir()
    photo = tmp_path / "1f" / "photo.jpg"
    photo.write_bytes(b"x")
    assert upload_path({"path": str(photo), "orig_name": "a.jpg"}) == str(photo)
    assert upload_folder({"path": str(photo)}) == "1f"


@pytest.mark.parametrize(
    ("upload", "reason"),
    [
        (None, "missing"),
        ({}, "missing"),
        ("", "missing"),
        ("/etc/hostname", "no file"),
        ({"path": 7}, "no file"),
        ({"url": "http://a.b"}, "no file"),
        ([{"path": "/etc/hostname"}], "no file"),
        ({"path": "gone.jpg"}, "gone"),
        ({"path": "nul\0.jpg"}, "gone"),
    ],
)
def test_what_is_none(upload: object, reason: str) -> None:
    with pytest.raises(RefusedUpload) as refused:
        upload_path(upload)
    assert refused.value.reason == reason


def test_one_byte_too_many(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES)
    assert upload_path({"path": str(large)}) == str(large)
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RefusedUpload) as refused:
        upload_path({"path": str(large)})
    assert (refused.value.reason, refused.value.size) == ("too large", MAX_BYTES + 1)


@pytest.mark.parametrize("upload", [None, {}, {"path": None}, "a/b.jpg", []])
def test_what_lies_in_no_folder(upload: object) -> None:
    assert upload_folder(upload) == ""


@pytest.mark.parametrize(("given", "expected"), [(None, 0), (0, 0), (3, 3), (2.0, 2)])
def test_numbers_of_faces(given: object, expected: int) -> None:
    assert face_number(given) == expected


@pytest.mark.parametrize("given", [-1, 0.5, "1", True, [0], {}, float("nan"), float("inf"), 1e300])
def test_what_is_no_number_of_a_face(given: object) -> None:
    assert face_number(given) is None
