from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default cache of each test is its own: never the user's, and never another test's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr("eval.cache.platformdirs.user_cache_dir", lambda *_, **__: str(folder / "facecore"))
    return folder / "facecore"


@pytest.fixture(scope="session")
def fold_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the default model finds in the photos of lfw_fold1 is kept here by the first test that needs it."""
    return tmp_path_factory.mktemp("fold_cache")
