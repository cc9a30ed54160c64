from facecore.prepare.write import face_names


def test_a_face_has_the_name_of_its_photo() -> None:
    assert face_names(["ann/1.jpg", "ann/x/2.b.PNG", "ben/1.jpg", "3.tif"], "webp") == [
        "ann/1.webp",
        "ann/x/2.b.webp",
        "ben/1.webp",
        "3.webp",
    ]


def test_no_two_faces_have_one_name() -> None:
    photos = ["a.jpg", "a.png", "A.JPG", "A.jpg", "a.png.gif", "a.jpg.bmp", "A.Jpg"]
    names = face_names(photos, "webp")
    assert names[:2] == ["a.webp", "a.png.webp"]
    assert len({name.casefold() for name in names}) == len(photos)
    assert all(name.lower().startswith("a") and name.endswith(".webp") for name in names)
