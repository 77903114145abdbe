"""The main job as a user runs it: three complete turns on real models."""

import json

import jiwer
import pytest

from xy_core.modules.voice import read_audio, spoken_text

SAID = "My grandmother died last night, and I do not know what to do."
MODEL_CALLS = {"voice.transcribe", "voice.synthesize", "vision.read", "llm.generate"}


@pytest.mark.models
@pytest.mark.usefixtures("model_store")
def test_three_turns(xy_core, tmp_path):
    done = xy_core("demo", "--out", tmp_path / "demo", XY_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    turns = json.loads((tmp_path / "demo" / "turns.json").read_text("utf-8"))

    heard = spoken_text(turns[0]["transcript"]["text"]).split()
    wrong = jiwer.process_words(spoken_text(SAID), " ".join(heard))
    assert wrong.substitutions + wrong.deletions + wrong.insertions <= 1

    read = [line["text"] for line in turns[1]["vision"]["lines"]]
    assert "Welcome to the tea house" in read
    assert "欢迎光临茶馆" in read

    assert turns[0]["emotion"]["top"] == "sadness"
    assert turns[2]["emotion"]["top"] == "joy"
    assert [turn["language"] for turn in turns] == ["en", "en", "zh"]

    for turn in turns:
        assert turn["reply"].strip()
        assert turn["failed_parts"] == []
        assert turn["audio_check"]["error_rate"] <= 0.35
        assert read_audio(tmp_path / "demo" / turn["audio"]).seconds > 0.5

    trace = json.loads((tmp_path / "demo" / "trace.json").read_text("utf-8"))
    calls = [row for row in trace if row["name"] in MODEL_CALLS]
    assert {row["name"] for row in calls} == MODEL_CALLS
    assert all(row["lane"] == "device:cpu" and row["priority"] for row in calls)
    assert {row["event"] for row in calls} >= {"task_scheduled", "worker_start", "task_completed"}

    perfetto = json.loads((tmp_path / "demo" / "trace.perfetto.json").read_text("utf-8"))
    assert perfetto["traceEvents"]
    report = (tmp_path / "demo" / "report.html").read_text("utf-8")
    assert turns[2]["reply"] in report
    assert "http://" not in report.replace("http://www.w3.org", "")
