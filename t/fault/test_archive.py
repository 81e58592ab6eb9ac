"""The archive of classes that drivers share: made once, kept, checked, replaced; its maker killed, hung and failing."""

import json
import os
import signal

from sparkjob_server import EXAMPLES, ROOT, Server, alive, wait_until

SHARED = "-XX:SharedArchiveFile="


class Archives(Server):
    """A server whose JVM is t/lib/scripted_java.py."""

    def __init__(self, how=""):
        super().__init__(workers=1, start=False)
        for folder in ("home/lib_2.12", "spark/jars"):
            os.makedirs(f"{self.dir}/{folder}")
        for jar in ("home/sparkjob-driver_2.12.jar", "spark/jars/scala-library-2.12.18.jar"):
            self.write(jar, "a jar")
        self.write("how", how)
        self.overrides = {"driver": {
            "archive": "on", "java": ROOT + "/t/lib/scripted_java.py", "home": self.dir + "/home", "spark_home": self.dir + "/spark",
            "environment": {"SPARKJOB_ARCHIVE_LOG": self.dir + "/made", "SPARKJOB_ARCHIVE_HOW": self.dir + "/how",
                            "SPARKJOB_PROBE_LOG": self.dir + "/probes"}}}
        self.start_at_once = True

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def made(self):
        return [[int(word) for word in line.split()] for line in self.read("made").splitlines()]

    def folder(self):
        return sorted(set(os.listdir(self.dir + "/data/archives")) - {"failed.log"})

    def used(self, context="c", **settings):
        """The archive that a new driver is started with, None: none."""
        self.context(context, **settings)
        with open(f"/proc/{self.driver(context)}/cmdline") as f:
            words = f.read().split("\0")
        self.delete("/contexts/" + context)
        return next((word[len(SHARED):] for word in words if word.startswith(SHARED)), None)

    def wait_used(self):
        return wait_until("an archive is there", self.used, 60)

    def restart(self, sign=signal.SIGTERM):
        self.launcher.send_signal(sign)
        self.launcher.wait(300)
        self.start_launcher()
        self.wait_ready()

    def hung(self, number=1):
        """The pid of the maker that hangs."""
        return wait_until("it is made", lambda: self.made()[number - 1:], 30)[0][0]


def test_an_archive_is_made_once_and_kept():
    with Archives() as s:
        s.upload("examples", EXAMPLES)
        path = s.wait_used()
        assert os.path.dirname(path) == s.dir + "/data/archives"
        assert s.folder() == [os.path.basename(path)]
        assert s.made()[0][1] == 19         # as nice as can be
        s.restart()
        assert s.wait_used() == path
        assert len(s.made()) == 1
        assert s.run("noop", context=None)[0] == 200        # drivers start with it


def test_other_jars_have_an_archive_of_their_own_and_few_are_kept():
    with Archives() as s:
        paths = [s.wait_used()]
        for n in range(4):
            s.write("spark/jars/scala-library-2.12.18.jar", "another jar" + "." * n)
            s.launcher.send_signal(signal.SIGHUP)
            wait_until("another archive is used", lambda: s.used() not in (None, *paths), 60)
            paths.append(s.used())
        wait_until("the older ones are gone", lambda: len(s.folder()) == 3, 30)
        assert os.path.basename(paths[-1]) in s.folder()
        assert len(s.made()) == 5


def test_a_damaged_archive_is_made_anew():
    with Archives() as s:
        path = s.wait_used()
        s.launcher.send_signal(signal.SIGTERM)
        s.launcher.wait(300)
        with open(path, "r+") as f:
            f.seek(3000)
            f.write("x")
        s.start_launcher()
        s.wait_ready()
        wait_until("it is made again", lambda: len(s.made()) == 2, 30)
        assert s.wait_used() == path        # the same classes
        with open(path) as f:
            assert "x" not in f.read()


def test_a_jvm_that_shows_its_classes_to_somebody_starts_without():
    """It would crash, with agents and with recordings that begin with it."""
    with Archives() as s:
        path = s.wait_used()
        plain = s.overrides["driver"]["environment"]
        for name, option in (("JDK_JAVA_OPTIONS", "-ea -javaagent:/a.jar"), ("JAVA_TOOL_OPTIONS", "-XX:StartFlightRecording"),
                             ("JAVA_TOOL_OPTIONS", "-agentpath:/a.so"), ("JDK_JAVA_OPTIONS", "-agentlib:a")):
            s.overrides["driver"]["environment"] = {**plain, name: option}
            s.restart()
            wait_until("the archive is there", lambda: path in s.read("launcher.log").rsplit("runs, data in", 1)[1], 60)
            assert s.used() is None, option
        s.overrides["driver"]["environment"] = plain
        s.restart()
        assert s.wait_used() == path


def test_none_is_made_that_no_driver_could_have():
    with Archives() as s:
        path = s.wait_used()
        s.overrides["driver"]["options"] = ["-Xss2m", "-javaagent:/a.jar=b"]
        s.restart()
        for _ in range(3):              # however often it is looked for
            wait_until("it is said", lambda: "start without an archive of their classes" in s.read("launcher.log"), 60)
            assert s.used() is None
            s.launcher.send_signal(signal.SIGHUP)
        said = s.read("launcher.log")
        assert said.count('they have "-javaagent:" among their options') == 1 and "no archive of classes was made" not in said
        assert len(s.made()) == 1
        del s.overrides["driver"]["options"]
        s.restart()
        assert s.wait_used() == path


def test_contexts_start_though_no_archive_can_be_made():
    with Archives("fail") as s:
        wait_until("it has failed", lambda: "no archive of classes was made" in s.read("launcher.log"), 30)
        assert s.used() is None
        assert "there are no classes" in s.read("data/archives/failed.log")
        assert len(s.made()) == 1           # tried again later
        s.write("how", "")
        s.launcher.send_signal(signal.SIGHUP)
        s.wait_used()


def test_a_maker_that_hangs_ends_with_the_launcher():
    with Archives("hang") as s:
        pid = s.hung()
        assert s.used() is None
        s.launcher.send_signal(signal.SIGTERM)
        assert s.launcher.wait(300) == 0
        assert not alive(pid)
        assert s.folder() == []


def test_a_launcher_that_was_killed_leaves_no_maker():
    with Archives("hang") as s:
        pid = s.hung()
        s.launcher.kill()
        s.launcher.wait()
        assert alive(pid)
        s.write("how", "")
        s.start_launcher()
        s.wait_ready()
        path = s.wait_used()
        wait_until("the other maker is gone", lambda: not alive(pid), 60)
        wait_until("so is its folder", lambda: s.folder() == [os.path.basename(path)], 120)


def test_a_maker_is_ended_where_no_archive_is_wanted_any_longer():
    with Archives("hang") as s:
        pid = s.hung()
        s.overrides["driver"]["archive"] = "off"
        s.write("launcher.json", json.dumps(s.config()))
        s.launcher.send_signal(signal.SIGHUP)
        wait_until("it is ended", lambda: not alive(pid), 30)
        wait_until("its folder is gone", lambda: s.folder() == [], 30)


def test_each_library_set_has_an_archive_of_its_own():
    with Archives() as s:
        s.upload("examples", EXAMPLES)
        first = s.wait_used()
        assert s.json("POST", "/library-sets/other", {"options": ["-Dother=1"]})[0] == 201

        def used():
            return s.used(**{"library-set": "other"})

        second = wait_until("there is one for the other set", used, 60)
        assert second != first
        assert s.used() == first
        assert s.folder() == sorted(map(os.path.basename, (first, second)))
        assert len(s.made()) == 2
        s.restart()
        assert wait_until("it is found again", used, 60) == second
        assert len(s.made()) == 2
