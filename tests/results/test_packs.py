"""Records travel between machines without weights, and are held to what was packed."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import zipfile

import pytest
from stage_functions import SUITES, contents, edit, job, keys

from stages.command import main as command
from stages.measure import measures
from stages.plot import plot
from stages.report import report
from stages.results.gathering import gather, gathered
from stages.results.origin_folder import OriginFolder, known_origins
from stages.results.packs import read_pack, unpack
from stages.shared.csv_files import read_csv
from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays
from stages.shared.origins import describe
from stages.shared.store import Store
from tools.store import main, pack, prune, show, unnamed


def pages(root):
    """Write figures, tables and pages from what stage `measure` gathered, and return their bytes by path."""
    plot(gathered(job(root)))
    report(gathered(job(root)))
    files = [path for path in (root / "reports").rglob("*") if path.is_file()]
    return {os.path.relpath(path, root): path.read_bytes() for path in files}


def packed(root, name="there", suites=SUITES):
    files = [root / f"{suite}.pack" for suite in suites]
    for suite, file in zip(suites, files, strict=True):
        pack(root / "params.yaml", root / "data", suite, name, file)
    return files


def test_reports_from_records_on_another_machine_are_those_of_the_machine_that_computed(
    finished, elsewhere, monkeypatch
):
    measures(gather(job(finished)))
    here = pages(finished)
    files = packed(finished)
    root = elsewhere()
    shutil.copytree(finished / "data/theory", root / "data/theory")
    for file in files:
        unpack(file, Store.default())
    monkeypatch.setenv("MLI_ORIGIN", "there")
    measures(gather(job(root)))
    there = pages(root)
    assert set(there) == set(here)
    text = OriginFolder(Store.default(), "there").origin.text
    for name, content in here.items():
        if name == "reports/measures.csv":
            assert read_csv(root / name)["origin"].unique().tolist() == [text]
            assert there[name].replace(text.join('""').encode(), b"here") == content
        elif name not in ("reports/README.md", "reports/index.html"):
            assert there[name] == content, name
    row = f"| tiny | 4 of 4 runs evaluated | {text} |  |"
    assert row in there["reports/README.md"].decode()
    assert "Runs that there are" not in here["reports/README.md"].decode()
    assert not list((root / ".cells").glob("runs/*"))
    assert max(file.stat().st_size for file in files) < 20_000


def test_equal_records_are_packed_as_equal_bytes_from_files_and_from_the_store(finished):
    [first, _] = packed(finished)
    before = read_pack(first)
    for file in job(finished).files_of("tiny"):
        file.unlink()
    pack(finished / "params.yaml", None, "tiny", "there", finished / "again.pack")
    pack(finished / "params.yaml", None, "tiny", "there", finished / "once_more.pack")
    assert (finished / "again.pack").read_bytes() == (finished / "once_more.pack").read_bytes()
    assert set(read_pack(finished / "again.pack").runs) == set(before.runs)


def test_work_of_another_environment_is_not_packed_as_that_of_this_one(finished, monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "SSE4_2")
    with pytest.raises(
        UserError, match=r"computed in another environment than this one \(CPU, PyTorch .*another choice"
    ):
        packed(finished)
    for file in job(finished).files_of("tiny"):
        file.unlink()
    with pytest.raises(UserError, match="no run of suite tiny is evaluated here"):
        packed(finished)
    assert not list(finished.glob("*.pack"))


def damages(file):
    """Yield damaged and foreign files, each with a name."""
    content = file.read_bytes()
    yield "empty", b""
    yield "truncated", content[: len(content) // 2]
    place = content.index(b".safetensors") + 300
    yield "flipped", content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    yield "foreign", b"not a pack" * 50


def rewritten(file, change):
    """Write a pack anew after a change of its files."""
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def about(packed_files, **changed):
    packed_files["pack.json"] = json.dumps(json.loads(packed_files["pack.json"]) | changed)


CHANGES = {
    "of another format": lambda files: about(files, format="records, version 9"),
    "without a file": lambda files: files.pop(next(iter(sorted(files)))),
    "with a file more": lambda files: files.update({"../stray": b"x"}),
    "without contents": lambda files: files.pop("pack.json"),
    "of a suite of no name": lambda files: about(files, suite="../up"),
    "of an origin of no name": lambda files: about(
        files, origin=json.loads(files["pack.json"])["origin"] | {"name": "here"}
    ),
    "with other content": lambda files: files.update({"landscape.safetensors": b"x"}),
}


def test_damaged_and_foreign_files_are_refused_and_leave_the_store_as_it_was(finished, elsewhere):
    [file, _] = packed(finished)
    elsewhere()
    store = Store.default()
    faulty = []
    for name, content in damages(file):
        faulty.append(file.with_name(f"{name}.pack"))
        faulty[-1].write_bytes(content)
    for number, change in enumerate(CHANGES.values()):
        faulty.append(shutil.copyfile(file, file.with_name(f"changed_{number}.pack")))
        rewritten(faulty[-1], change)
    for path in [*faulty, file.with_name("missing.pack")]:
        with pytest.raises(UserError, match=path.name):
            unpack(path, store)
        assert known_origins(store) == ()
        assert not list(store.folder.rglob("*"))


def test_a_pack_with_any_byte_changed_is_refused_or_holds_the_same(finished):
    [file, _] = packed(finished)
    content, whole = file.read_bytes(), vars(read_pack(file))
    draws = random.Random(0)
    for _ in range(100):
        place = draws.randrange(len(content))
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << draws.randrange(8)]) + content[place + 1 :])
        with contextlib.suppress(UserError):
            assert vars(read_pack(file)) == whole


def test_records_of_two_origins_do_not_share_a_name(finished, elsewhere):
    [file, _] = packed(finished)
    other = shutil.copyfile(file, file.with_name("other.pack"))
    environment = dict(read_pack(file).origin.environment)

    def change(files):
        origin = json.loads(files["pack.json"])["origin"]
        about(files, origin=origin | {"environment": environment | {"torch": "1.0"}})

    rewritten(other, change)
    elsewhere()
    unpack(file, Store.default())
    with pytest.raises(UserError, match=r'origin there are already here, with torch .* but these have "1\.0"'):
        unpack(other, Store.default())
    assert "0 new, 0 replaced, 4 already there" in unpack(file, Store.default())


@pytest.mark.parametrize("value", ["nowhere", "There"])
def test_an_unknown_origin_is_refused_with_those_that_there_are(finished, elsewhere, monkeypatch, value):
    [file, _] = packed(finished)
    root = elsewhere()
    unpack(file, Store.default())
    monkeypatch.setenv("MLI_ORIGIN", value)
    with pytest.raises(UserError, match=f"MLI_ORIGIN: got '{value}', expected one of here, there, all"):
        gather(job(root))


def test_a_whole_pipeline_reads_no_records(finished, monkeypatch, capsys):
    monkeypatch.setenv("MLI_ORIGIN", "all")
    monkeypatch.setattr("sys.argv", ["measure"])
    with pytest.raises(SystemExit, match="MLI_ORIGIN: got 'all', which only reports with --partial read"):
        command(measures, "", partial=gather)


def test_all_origins_are_shown_but_each_run_is_counted_once(finished, monkeypatch):
    [file, other] = packed(finished)

    def change(files):
        """Give the runs other identities, as another machine's runs have."""
        digests = json.loads(files["pack.json"])["files"]
        for name in [name for name in files if name.endswith(".safetensors") and name != "landscape.safetensors"]:
            path = finished / "one.safetensors"
            path.write_bytes(files[name])
            arrays, header = read_arrays(path)
            header["run_id"] = header["run_id"][::-1]
            for line in header["lines"]:
                line["start"] = line["start"][::-1]
            write_arrays(path, arrays, header)
            files[name] = path.read_bytes()
            digests[name] = hashlib.sha256(files[name]).hexdigest()
        about(files, files=digests)

    rewritten(file, change)
    unpack(file, Store.default())
    unpack(other, Store.default())
    measures(gather(job(finished)))
    alone = json.loads((finished / "reports/metrics.json").read_text())
    before = pages(finished)
    monkeypatch.setenv("MLI_ORIGIN", "all")
    some = gather(job(finished))
    measures(some)
    text = OriginFolder(Store.default(), "there").origin.text
    counts = read_csv(finished / "reports/measures.csv").groupby(["suite", "origin"]).size().to_dict()
    assert counts == {("tiny", "here"): 4, ("tiny", text): 4, ("small_autoencoders", "here"): 2}
    assert json.loads((finished / "reports/metrics.json").read_text()) == alone
    after = pages(finished)
    for name in before:
        if name not in ("reports/measures.csv", "reports/README.md", "reports/index.html"):
            assert after[name] == before[name], name
    assert f"| tiny | 4 of 4 runs evaluated | here; {text} |  |" in after["reports/README.md"].decode()
    assert str(some.progress["tiny"]) == "4 of 4 runs evaluated"


def test_records_that_were_evaluated_otherwise_or_on_other_data_are_refused(finished, elsewhere, monkeypatch):
    files = packed(finished)
    root = elsewhere()
    for file in files:
        unpack(file, Store.default())
    monkeypatch.setenv("MLI_ORIGIN", "there")
    for old, new, words in (
        ("points: 5", "points: 6", r"interpolate\.alphas: got .* of suite tiny were evaluated with .*points=5"),
        ("momentum: 0.1", "momentum: 0.2", r"interpolate\.batch_norm"),
        ("gauss_examples: 8", "gauss_examples: 9", r"suites\.tiny\.gauss_examples: got 9"),
    ):
        edit(root, old, new)
        with pytest.raises(UserError, match=words):
            gather(job(root))
        edit(root, new, old)
    (root / "data/datasets").mkdir(parents=True)
    shutil.copyfile(finished / "data/curves/tiny.safetensors", root / "data/datasets/digits.safetensors")
    with pytest.raises(UserError, match=r"are of other data than .*digits\.safetensors"):
        gather(job(root))


def test_a_grid_that_is_being_trained_gives_a_report_of_the_runs_that_are_finished(finished):
    ids = list(keys(finished, "tiny"))
    store = Store(finished / ".cells")
    edit(finished, "lr: [0.1]", "lr: [0.1, 0.01]")  # four runs more, of which none was trained
    line = next(
        path for kind, path in store.paths() if kind == "lines" and ids[1] in path.read_bytes().decode("latin1")
    )
    line.unlink()
    store.path("runs", ids[2]).unlink()
    half = store.path("runs", ids[3])
    half.with_name(f".{half.name}.12345678.tmp").write_bytes(half.read_bytes()[:100])
    for file in job(finished).files_of("tiny"):
        file.unlink()
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    some = gather(job(finished))
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before
    measures(some)
    assert str(some.progress["tiny"]) == "2 of 8 runs evaluated"
    table = read_csv(finished / "reports/measures.csv")
    assert table.query("suite == 'tiny'")["run_id"].tolist() == [ids[0], ids[3]]
    readme = pages(finished)["reports/README.md"].decode()
    assert "| tiny | 2 of 8 runs evaluated | here | `dvc repro interpolate@tiny` |" in readme
    assert "Ours, on tiny (2 of 8 runs evaluated):" in readme


def test_the_list_names_kinds_and_origins(finished):
    for file in packed(finished):
        unpack(file, Store.default())
    text = show(Store.default())
    assert "  runs: 6, " in text
    assert f"origin there: {describe(read_pack(file).origin.environment)}, numerics" in text
    assert "  tiny: 4 runs, " in text


def test_prune_keeps_what_any_parameters_name_and_removes_the_rest(finished):
    other = finished / "other"
    other.mkdir()
    shutil.copyfile(finished / "params.yaml", other / "params.yaml")
    (finished / "data/other").mkdir()
    shutil.copytree(finished / "data/datasets", finished / "data/other/datasets")
    edit(finished, "optimizer: [sgd, adam]", "optimizer: [sgd]")
    store = Store.default()
    both = [finished / "params.yaml", other / "params.yaml"]
    assert unnamed(store, both) == []
    gone = set(keys(finished, "tiny").keys())
    rest = unnamed(store, both[:1])
    assert sorted(path.parent.parent.name for path in rest) == ["evaluations"] * 2 + ["lines"] * 2 + ["runs"] * 2
    assert not {path.stem for path in rest} & gone
    everything = contents(finished) | {str(path): path.read_bytes() for _, path in store.paths()}
    assert "6 entries" in prune(store, both[:1], really=False)
    assert contents(finished) | {str(path): path.read_bytes() for _, path in store.paths()} == everything
    assert "removed" in prune(store, both[:1], really=True)
    assert not any(path.exists() for path in rest)
    assert unnamed(store, both[:1]) == []
    assert {path.stem for kind, path in store.paths() if kind == "runs"} >= gone


def test_prune_keeps_work_on_datasets_that_are_not_made(finished):
    (finished / "data/datasets/digits.safetensors").unlink()
    assert unnamed(Store.default(), [finished / "params.yaml"]) == []


def test_the_commands_end_with_a_sentence(finished, capsys):
    (finished / "dvc.yaml").write_text("")
    main(["pack", "--suite", "tiny", "--origin", "there", "tiny.pack"])
    main(["unpack", "tiny.pack"])
    main(["list"])
    main(["prune"])
    out = capsys.readouterr().out
    assert "4 of 4 runs of suite tiny, origin there" in out
    assert "4 new, 0 replaced, 0 already there" in out
    assert "0 entries that params.yaml do not name" in out
    for words, message in (
        (["pack", "--suite", "no_such", "x.pack"], "no such suite"),
        (["pack", "--suite", "tiny", "--origin", "all", "x.pack"], "--origin: got 'all'"),
        (["unpack", "x.pack"], "x.pack is missing"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(words)
