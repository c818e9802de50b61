import hashlib

import numpy as np
import pytest

from stages.shared.errors import UserError
from stages.shared.store import Store

ARRAYS = {"a": np.arange(4.0)}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.put("runs", "abcdef", ARRAYS, {"note": "mine"})
    return made


def test_what_is_put_is_got(store):
    arrays, about = store.get("runs", "abcdef")
    np.testing.assert_array_equal(arrays["a"], ARRAYS["a"])
    assert about["note"] == store.header("runs", "abcdef")["note"] == "mine"
    assert store.has("runs", "abcdef")


def test_kinds_and_keys_are_apart(store):
    assert not store.has("lines", "abcdef")
    assert not store.has("runs", "abcdeg")
    store.put("lines", "abcdef", {"a": np.zeros(2)}, {})
    assert len(store.get("runs", "abcdef")[0]["a"]) == 4


def test_an_entry_is_replaced_by_a_later_one(store):
    store.put("runs", "abcdef", {"b": np.zeros(2)}, {})
    assert list(store.get("runs", "abcdef")[0]) == ["b"]


def test_what_is_missing_is_named(store):
    with pytest.raises(UserError, match=r"abcdeg\.safetensors is missing"):
        store.get("runs", "abcdeg")


def test_a_store_is_made_when_something_is_kept(tmp_path):
    store = Store(tmp_path / "a" / "b")
    assert not store.has("runs", "abcdef")
    assert not store.folder.exists()
    store.put("runs", "abcdef", ARRAYS, {})
    assert store.has("runs", "abcdef")


DAMAGE = {
    "changed": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "truncated": lambda content: content[:-5],
    "empty": lambda _: b"",
    "something else": lambda _: b"something else" * 10,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_refused_and_then_removed_to_be_made_again(store, damage):
    path = store.path("runs", "abcdef")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="delete it"):
        store.get("runs", "abcdef")
    assert not store.has("runs", "abcdef")
    assert not path.exists()
    store.put("runs", "abcdef", ARRAYS, {})
    assert store.has("runs", "abcdef")


def test_a_key_is_of_the_content_whatever_its_order():
    assert Store.key({"a": 1, "b": [1, 2.5]}) == Store.key({"b": [1, 2.5], "a": 1})
    assert Store.key({"a": 1, "b": [1, 2.5]}) == hashlib.sha256(b'{"a": 1, "b": [1, 2.5]}').hexdigest()[:12]
    contents = [{"a": 1}, {"a": 1.0}, {"a": "1"}, {"a": True}, {"b": 1}, {"a": 1, "b": None}, {}]
    assert len({Store.key(content) for content in contents}) == len(contents)


def test_what_has_no_identity_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        Store.key({"a": float("nan")})


def test_the_store_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLI_STORE", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert Store.default().folder == tmp_path / ".cells"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    assert Store.default().folder == tmp_path / "project" / ".cells"
    monkeypatch.setenv("MLI_STORE", str(tmp_path / "elsewhere"))
    assert Store.default().folder == tmp_path / "elsewhere"
    monkeypatch.setenv("MLI_STORE", "")
    assert Store.default().folder == tmp_path / "project" / ".cells"
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLI_STORE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot write the store .*MLI_STORE"):
        Store.default()


def test_an_entry_that_cannot_be_read_now_is_not_removed(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.put("runs", "abcdef", {"a": np.zeros(2)}, {})

    def busy(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("stages.shared.files.safe_open", busy)
    with pytest.raises(UserError, match="cannot read .*Too many open files"):
        store.has("runs", "abcdef")
    monkeypatch.undo()
    assert store.has("runs", "abcdef")
