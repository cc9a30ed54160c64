from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facecore.prepare.verdicts import OUTLIER, Limits, judge, median_distances


def facts(people: str, **columns: object) -> pd.DataFrame:
    """Good faces of people called by single letters."""
    count = len(people)
    table = pd.DataFrame(
        {
            "path": [f"{person}/{number}.jpg" for number, person in enumerate(people)],
            "person": list(people),
            "status": "ok",
            "details": "",
            "pixels": [f"hash{number}" for number in range(count)],
            "eye_distance": 50.0,
        }
    )
    return table.assign(**columns)


def unit(angles: list[float]) -> NDArray[np.float16]:
    """Vectors in a plane at these angles in degrees."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float16)


def test_good_faces_are_kept() -> None:
    report = judge(facts("aabb"), True, None, Limits())
    assert list(report.columns) == ["path", "person", "status", "reason", "details", "distance", "eye_distance"]
    assert (report["status"] == "kept").all()
    assert (report["reason"] == "").all()


def test_what_the_worker_says_comes_first() -> None:
    status = ["ok", "unreadable", "no_face", "several_faces"]
    details = ["", "is damaged", "no face was found", "2 faces were found"]
    report = judge(facts("aaaa", status=status, details=details, eye_distance=3.0), True, None, Limits())
    assert report["reason"].tolist() == ["too_small", "unreadable", "no_face", "several_faces"]
    assert report["details"].tolist() == ["3.0 px between the eyes", *details[1:]]
    assert (report["status"] == "left out").all()


def test_the_limit_of_size() -> None:
    report = judge(facts("aaa", eye_distance=[13.9, 14.0, 100.0]), True, None, Limits(min_eyes=14))
    assert report["reason"].tolist() == ["too_small", "", ""]
    assert (judge(facts("a", eye_distance=0.5), True, None, Limits(min_eyes=0))["status"] == "kept").all()


def test_the_first_of_equal_faces_is_kept() -> None:
    report = judge(facts("aaaa", pixels=["x", "y", "x", "x"]), True, None, Limits())
    assert report["reason"].tolist() == ["", "", "duplicate", "duplicate"]
    assert report["details"].tolist() == ["", "", "as a/0.jpg", "as a/0.jpg"]


def test_a_face_that_two_people_have_is_nobodys() -> None:
    report = judge(facts("aabc", pixels=["x", "x", "x", "z"]), True, None, Limits())
    assert report["reason"].tolist() == ["two_people"] * 3 + [""]
    assert report["details"].tolist() == ["as b/2.jpg", "as b/2.jpg", "as a/0.jpg", ""]


def test_photos_without_a_face_are_no_duplicates() -> None:
    report = judge(facts("ab", status="no_face", pixels=""), True, None, Limits())
    assert report["reason"].tolist() == ["no_face"] * 2


def test_photos_outside_all_folders() -> None:
    table = facts("aab", person=["a", "", ""])
    assert judge(table, True, None, Limits())["reason"].tolist() == ["", "no_person", "no_person"]
    flat = judge(table.assign(person="", pixels=["x", "x", "y"]), False, None, Limits())
    assert flat["reason"].tolist() == ["", "duplicate", ""]


def test_distances_from_the_median_by_hand() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    median = np.array([0.9, 0.3]) / np.hypot(0.9, 0.3)  # of 1, 1, 0.8, 0 and of 0, 0, 0.6, 1
    np.testing.assert_allclose(median_distances(vectors), [1 - float(np.dot(v, median)) for v in vectors])
    np.testing.assert_array_equal(median_distances(np.array([[1.0, 0.0], [-1.0, 0.0]])), [1.0, 1.0])


def test_a_face_far_from_its_person_is_left_out() -> None:
    vectors = unit([0, 5, 10, 90, 90, 95, 100, 85])
    report = judge(facts("aaaabbbb"), True, vectors, Limits(outlier=0.5))
    assert report["reason"].tolist() == ["", "", "", "outlier", "", "", "", ""]
    assert report.loc[3, "details"] == f"{report.loc[3, 'distance']:.3f} from the median of 4 faces"
    assert report.loc[3, "distance"] > 0.5 > report.loc[0, "distance"] >= 0


def test_outliers_may_be_kept_and_are_reported_still() -> None:
    report = judge(facts("aaaa"), True, unit([0, 5, 10, 90]), Limits(outlier=0.5, keep_outliers=True))
    assert (report["status"] == "kept").all()
    assert report["reason"].tolist() == ["", "", "", "outlier"]


def test_few_faces_have_no_outliers() -> None:
    vectors = unit([0, 5, 90, 0])
    assert (judge(facts("aaab"), True, vectors, Limits(outlier=0.1))["reason"] == "").all()
    # One of four is a duplicate: three are left.
    assert judge(facts("aaaa", pixels=list("xyzx")), True, vectors, Limits(outlier=0.1))["reason"].tolist() == [
        "", "", "", "duplicate",
    ]  # fmt: skip


def test_what_is_left_out_does_not_move_the_median() -> None:
    vectors = unit([0, 2, 4, 6, 90, 90, 90, 90, 90])
    vectors[4:] = [[0, 1]]
    small = facts("aaaaaaaaa", eye_distance=[50.0] * 4 + [5.0] * 5)
    assert judge(small, True, vectors, Limits(outlier=0.3))["reason"].tolist() == [""] * 4 + ["too_small"] * 5


def test_near_duplicates_only_when_asked_for() -> None:
    vectors = unit([0, 1, 40, 41, 0])  # cosine 0.9998 within 1 degree
    table = facts("aaaab")
    assert (judge(table, True, vectors, Limits())["reason"] == "").all()
    report = judge(table, True, vectors, Limits(duplicate=0.99))
    assert report["reason"].tolist() == ["", "near_duplicate", "", "near_duplicate", ""]  # b is another person
    assert report.loc[3, "details"].startswith("as a/2.jpg (cosine 1.000")


def test_a_network_is_needed_only_for_some_limits() -> None:
    assert Limits().need_embeddings
    assert not Limits(outlier=2).need_embeddings
    assert Limits(outlier=2, duplicate=0.9).need_embeddings
    none = replace(Limits(), outlier=2)
    assert (judge(facts("aaaa"), True, unit([0, 0, 0, 180]), none)["reason"] == "").all()
    assert 0 < OUTLIER < 1
