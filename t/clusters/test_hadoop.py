"""The daemons themselves: what all other tests here stand on."""


def test_hdfs_keeps_a_file_and_yarn_has_its_queues(hadoop, tmp_path):
    (tmp_path / "words").write_text("a b a\n")
    hadoop.fs("-put", str(tmp_path / "words"), "/words")
    assert hadoop.fs("-cat", "/words") == "a b a\n"
    hadoop.fs("-rm", "/words")
    queues = hadoop.rest("scheduler")["scheduler"]["schedulerInfo"]["queues"]["queue"]
    assert {q["queueName"]: q["state"] for q in queues} == {"default": "RUNNING", "small": "RUNNING", "stopped": "STOPPED"}
    assert hadoop.application("application_1_0001") is None and hadoop.containers() == []
