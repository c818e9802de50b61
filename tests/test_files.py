import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from stages.shared.csv_files import read_csv, write_csv
from stages.shared.errors import UserError
from stages.shared.files import (
    digest_arrays,
    read_arrays,
    read_header,
    replacing,
    write_arrays,
    write_bytes,
    write_json,
)

PROJECT = Path(__file__).resolve().parents[1]
WRITE = """
import sys
import numpy as np
from pathlib import Path
from stages.shared.files import write_arrays
arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.array(2, dtype=np.int64)}
write_arrays(Path(sys.argv[1]), arrays, {"z": 1, "a": [1, "ä"], "m": None})
"""


def arrays():
    return {"b": np.arange(6.0).reshape(2, 3), "a": np.array(2, dtype=np.int64)}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_writer_that_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="midway"), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the new")
        raise RuntimeError("midway")
    assert (path.read_text(), names(tmp_path)) == ("old", ["a.txt"])


def test_an_interrupted_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the new")
        raise KeyboardInterrupt
    assert (path.read_text(), names(tmp_path)) == ("old", ["a.txt"])


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:  # noqa: PT012
        temporary.mkdir()
        (temporary / "new").write_text("new")
        raise RuntimeError
    assert (names(tmp_path), names(path)) == (["folder"], ["old"])
    with replacing(path) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert (names(tmp_path), names(path)) == (["folder"], ["new"])


def test_until_it_is_finished_the_old_file_is_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent  # a move within a folder is one step
    assert path.read_text() == "new"


def test_missing_folders_are_made(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "c", b"text")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"text"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("old")
    for path in (tmp_path / "file" / "a.txt", tmp_path / "file" / "folder" / "a.txt"):
        with pytest.raises(UserError) as caught:
            write_bytes(path, b"new")
        assert str(caught.value).startswith(f"cannot write {path}: ")
    assert (names(tmp_path), (tmp_path / "file").read_text()) == (["file"], "old")


@pytest.mark.parametrize("place", [(Path, "write_bytes"), (os, "replace")], ids=["writing", "moving"])
def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, place):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.json"
    path.write_text("old")
    monkeypatch.setattr(*place, refuse)
    with pytest.raises(UserError) as caught:
        write_json(path, {"new": 1})
    assert str(caught.value) == f"cannot write {path}: No space left on device; free or unlock it and run again"
    assert (path.read_text(), names(tmp_path)) == ("old", ["a.json"])


def test_a_disk_that_fills_up_midway_leaves_the_old_folder(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    write_bytes(path / "old", b"old")
    with pytest.raises(UserError, match="No space left"), replacing(path) as temporary:  # noqa: PT012
        write_bytes(temporary / "first", b"new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (names(tmp_path), names(path)) == (["folder"], ["old"])


def test_a_folder_stands_where_a_file_should_be_moved_from(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(UserError, match="cannot write"), replacing(tmp_path / "a") as temporary:
        temporary.mkdir()
    assert ((tmp_path / "a").read_text(), names(tmp_path)) == ("old", ["a"])


def test_json_is_indented_and_keeps_its_order(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    text = (tmp_path / "a.json").read_text()
    assert text.startswith('{\n  "b": 1')
    assert text.endswith("}\n")
    assert json.loads(text) == {"b": 1, "a": [1.5, None]}


def test_a_table_is_read_as_it_was_written(tmp_path):
    frame = pd.DataFrame(
        {
            "name": ["a", "none", "NA", "x,y"],
            "count": [1, 2, 3, 4],
            "value": [0.1, 1 / 3, np.nan, 1e-30],
            "verdict": pd.Series([True, None, False, True], dtype=object),
        }
    )
    write_csv(tmp_path / "a.csv", frame)
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()
    again = read_csv(tmp_path / "a.csv")
    assert again["name"].tolist() == ["a", "none", "NA", "x,y"]
    np.testing.assert_allclose(again["value"], frame["value"], rtol=1e-8)
    assert again["verdict"].isna().tolist() == [False, True, False, False]
    assert "0.333333333" in (tmp_path / "a.csv").read_text()
    write_csv(tmp_path / "b.csv", again)
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_a_table_holds_what_single_precision_holds(tmp_path):
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    write_csv(tmp_path / "a.csv", pd.DataFrame({"value": values.astype(float)}))
    np.testing.assert_array_equal(read_csv(tmp_path / "a.csv")["value"].to_numpy(np.float32), values)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3\n4,5,6,7\n", b"a\n\xff\xfe\n"], ids=["empty", "ragged", "bytes"])
def test_what_is_no_table_is_one_sentence(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"{path} is not a readable table (")
    assert "delete it and run `dvc repro`" in str(caught.value)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.csv is missing; run the stage that makes it"):
        read_csv(tmp_path / "a.csv")


def test_arrays_are_read_as_they_were_written(tmp_path):
    given = arrays() | {
        "single": np.float32([1.5, np.nan, np.inf]),
        "empty": np.empty((2, 0, 3)),
        "turned": np.arange(6).reshape(2, 3).T,
        "flag": np.array(True),
    }
    write_arrays(tmp_path / "a", given, {"about": "this"})
    found, about = read_arrays(tmp_path / "a")
    assert found.keys() == given.keys()
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
    assert about["about"] == "this"
    assert read_header(tmp_path / "a") == about


def test_an_array_without_dimensions_keeps_its_shape(tmp_path):
    write_arrays(tmp_path / "a", {"number": np.array(2.5)}, {})
    number = read_arrays(tmp_path / "a")[0]["number"]
    assert (number.shape, float(number)) == ((), 2.5)


def test_the_same_arrays_are_the_same_bytes_in_any_order_and_process(tmp_path):
    about = {"z": 1, "a": [1, "ä"], "m": None}
    write_arrays(tmp_path / "a", arrays(), about)
    write_arrays(tmp_path / "b", dict(reversed(arrays().items())), dict(reversed(about.items())))
    for name, seed in (("c", "1"), ("d", "2")):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", WRITE, tmp_path / name], cwd=PROJECT, env=environment, check=True)
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


def test_the_digest_covers_names_types_shapes_and_values():
    base = {"a": np.zeros((2, 3))}
    others = [
        {"b": np.zeros((2, 3))},
        {"a": np.zeros((3, 2))},
        {"a": np.zeros(6)},
        {"a": np.zeros((2, 3), dtype=np.int64)},
        {"a": np.zeros((2, 3)), "b": np.zeros(0)},
        {"a": np.array([[0, 0, 0], [0, 0, 1e-300]])},
    ]
    digests = {digest_arrays(given, {}) for given in [base, *others]}
    assert len(digests) == 1 + len(others)
    assert digest_arrays({"a": np.zeros((3, 2)).T}, {}) == digest_arrays(base, {})


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, arrays(), {})
    return path


def tamper(path, place, bit=1):
    content = bytearray(path.read_bytes())
    content[place] ^= bit
    path.write_bytes(content)


def test_a_changed_number_is_found_unless_unverified(written):
    tamper(written, -1)
    with pytest.raises(UserError) as caught:
        read_arrays(written)
    assert str(caught.value) == (
        f"{written} was changed after it was written (checksum differs); delete it and run `dvc repro`"
    )
    read_arrays(written, verify=False)


@pytest.mark.parametrize("size", [0, 7, 50, -1])
def test_a_truncated_file_is_found(written, size):
    written.write_bytes(written.read_bytes()[:size])
    for read in (read_arrays, read_header):
        with pytest.raises(UserError, match=r"a\.safetensors is damaged .* delete it and run") as caught:
            read(written)
        assert "\n" not in str(caught.value)


def test_no_changed_bit_is_passed_over_and_none_is_a_crash(written):
    whole, found = written.read_bytes(), read_arrays(written)
    for place in range(len(whole)):
        for bit in (1, 64):
            written.write_bytes(whole)
            tamper(written, place, bit)
            try:
                changed = read_arrays(written)
            except UserError:
                continue
            np.testing.assert_equal(changed, found)  # blanks of the header


@pytest.mark.parametrize(
    "metadata",
    [None, {"format": "pt"}, {"about": "no JSON"}, {"about": "{}"}, {"about": "[]"}, {"about": "3"}],
    ids=str,
)
def test_a_file_of_something_else_is_refused(tmp_path, metadata):
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.numpy.save(arrays(), metadata=metadata))
    with pytest.raises(UserError, match=r"a\.safetensors was not written by this pipeline; delete it"):
        read_arrays(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for read in (read_arrays, read_header):
        with pytest.raises(UserError, match=r"none is missing; run the stage that makes it"):
            read(tmp_path / "none")
        with pytest.raises(UserError, match=f"cannot read {tmp_path}: "):
            read(tmp_path)


def test_a_changed_header_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    write_arrays(path, {"a": np.zeros(3)}, {"diverged": False, "ids": ("x", "y")})
    assert read_arrays(path)[1]["ids"] == ["x", "y"]
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"diverged\\": false', b'\\"diverged\\": true '))
    assert path.read_bytes() != content
    with pytest.raises(UserError, match="checksum differs"):
        read_arrays(path)
