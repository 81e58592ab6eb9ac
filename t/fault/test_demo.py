"""What `make stop` ends."""

import json
import os
import subprocess

from sparkjob_server import LAUNCHER, ROOT, alive, wait_until


def stop(build):
    return subprocess.Popen([ROOT + "/conf/demo/stop"], env={**os.environ, "BUILD": str(build)}, text=True, stdout=subprocess.PIPE)


def test_a_launcher_that_was_started_by_hand_is_stopped_too(tmp_path):
    """But not one of another folder."""
    folders = [tmp_path / name / "demo" for name in ("mine", "other")]
    launchers = []
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "launcher.json").write_text(json.dumps({
            "data_dir": "data", "channel": {"socket": "launcher.sock"}, "driver": {"command": ["/bin/true"]},
            "log": {"file": "launcher.log"}}))
        launchers.append(subprocess.Popen([LAUNCHER, "-c", str(folder / "launcher.json")]))
    try:
        for folder in folders:
            wait_until("it runs", (folder / "launcher.sock").exists)
        stops = stop(tmp_path / "mine")
        assert launchers[0].wait(300) == 0 and alive(launchers[1].pid)
        assert str(launchers[0].pid) in stops.communicate(timeout=300)[0] and stops.returncode == 0
        assert "nothing of the demo" in stop(tmp_path / "mine").communicate(timeout=300)[0]
    finally:
        for launcher in launchers:
            launcher.terminate()
            launcher.wait(120)
