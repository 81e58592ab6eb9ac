"""A real standalone master with its REST server, and a worker, of Spark.

    with Standalone(folder) as cluster:                 # on 127.0.0.1
    with Standalone(folder, "198.18.7.2", ["ip", "netns", "exec", "far"]) as cluster:
        cluster.url, cluster.rest, cluster.state()
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import urllib.request

from sparkjob_server import SPARK_HOME, Whole, free_port, wait_until

# spark-class would start another JVM first, to find out what this one is to be started with
JAVA = ["java", "-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in
          ("java.lang", "java.lang.invoke", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent", "sun.nio.ch"))]


class Standalone(Whole):

    def __init__(self, folder, host="127.0.0.1", prefix=(), cores=4, memory="4g", spark_home=SPARK_HOME):
        """`prefix` is put before each command; the ports are free where this is called."""
        self.spark_home = spark_home
        self.folder, self.host, self.prefix, self.cores, self.memory = str(folder), host, list(prefix), cores, memory
        self.port, self.rest, self.ui, self.worker_ui = (free_port() for _ in range(4))
        self.url = f"spark://{host}:{self.port}"
        self.processes = []

    def begin(self):
        # a worker that a test holds is not lost by that
        options = ["-Dspark.master.rest.enabled=true", f"-Dspark.master.rest.port={self.rest}", "-Dspark.worker.timeout=3600"]
        self.run("master.Master", "-h", self.host, "-p", self.port, "--webui-port", self.ui, options=options)
        self.worker = self.run("worker.Worker", "-c", self.cores, "-m", self.memory, "-d", self.folder + "/work", "-h", self.host,
                               "--webui-port", self.worker_ui, self.url)
        wait_until("the worker is registered", lambda: self.state().get("aliveworkers") == 1, 90)

    def stop(self):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)

    def run(self, name, *args, options=()):
        with open(self.folder + "/daemons.log", "ab") as log:
            self.processes.append(subprocess.Popen(
                [*self.prefix, *JAVA, *options, "-cp", self.spark_home + "/jars/*", "org.apache.spark.deploy." + name, *map(str, args)],
                env={**os.environ, "SPARK_HOME": self.spark_home, "SPARK_LOCAL_IP": self.host,
                     "SPARK_SCALA_VERSION": "2.13" if glob.glob(self.spark_home + "/jars/scala-library-2.13*") else "2.12"},
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True))
        return self.processes[-1]

    def settings(self):
        """What a context says to have its driver started there."""
        return {"spark.master": self.url, "spark.submit.deployMode": "cluster", "spark.master.rest.port": str(self.rest),
                "spark.executor.memory": "512m", "spark.cores.max": "1"}

    def state(self):
        """What the master tells of itself; {} if it does not answer."""
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(f"http://{self.host}:{self.ui}/json/", timeout=10) as answer:
                return json.load(answer)
        return {}

    def drivers(self):
        """Ids of the drivers that run."""
        return [driver["id"] for driver in wait_until("the master answers", self.state)["activedrivers"]]

    def ask(self, action, driver, body=None):
        """What the master's REST server answers."""
        request = urllib.request.Request(
            f"http://{self.host}:{self.rest}/v1/submissions/{action}" + (f"/{driver}" if driver else ""),
            json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def driver_state(self, driver):
        return self.ask("status", driver)["driverState"]

    def said(self):
        """What master, worker, drivers and executors have in logs on the cluster."""
        text = ""
        for path in [self.folder + "/daemons.log", *glob.glob(self.folder + "/work/*/std*"),
                     *glob.glob(self.folder + "/work/*/*/std*")]:
            with open(path, errors="replace") as f:
                text += f.read()
        return text

    def pids(self, driver):
        """The processes of a driver that the worker has started."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if folder_of(pid) == f"{self.folder}/work/{driver}"]


def folder_of(pid):
    """The working folder of a process, if it has one."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd")
