"""Real Hadoop daemons for a test: HDFS and YARN, on free ports of 127.0.0.1, in a folder of their own.

    with Hadoop() as h:                           # NameNode, DataNode, ResourceManager, NodeManager
    with Hadoop(yarn=False) as h:                 # HDFS only
        h.conf                                    # what HADOOP_CONF_DIR is to be
        h.hdfs                                    # hdfs://127.0.0.1:<port>
        h.fs("-put", file, "/in")                 # the file-system shell
        h.application(id)["state"]                # what the ResourceManager says

Their jars come by "make hadoop" (t/hadoop/pom.xml) into build/hadoop/lib. Leaving the block ends them and
whatever YARN has started.
"""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from xml.sax.saxutils import escape

from sparkjob_server import BUILD, PATIENCE, Whole, alive, free_port, wait_until

LIB = os.path.join(BUILD, "hadoop", "lib")
SERVER = "org.apache.hadoop.yarn.server."
DAEMONS = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "resourcemanager": SERVER + "resourcemanager.ResourceManager",
    "nodemanager": SERVER + "nodemanager.NodeManager",
}
# what the jars leave out: folders of web pages
WEBAPPS = ("hdfs", "datanode", "secondary", "static", "cluster", "node", "journal")
LOG4J = """log4j.rootLogger=INFO,c
log4j.appender.c=org.apache.log4j.ConsoleAppender
log4j.appender.c.target=System.err
log4j.appender.c.layout=org.apache.log4j.PatternLayout
log4j.appender.c.layout.ConversionPattern=%d %p %c{1}: %m%n
"""
QUEUES = {"default": {"capacity": 80}, "small": {"capacity": 20}, "stopped": {"capacity": 0, "state": "STOPPED"}}


def java_home():
    return os.environ.get("JAVA_HOME") or os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("java"))))


class Hadoop(Whole):
    def __init__(self, hdfs=True, yarn=True, nodes=1, memory=6144, cores=4, queues=None, labels=(), host="127.0.0.1",
                 core_site=None, hdfs_site=None, yarn_site=None, options=(), environment=None):
        """nodes: NodeManagers, of `memory` MiB and `cores` each; queues: name to properties of the capacity scheduler;
        labels: of the nodes behind the first, one each, which the queue "default" alone may ask for;
        host: how the daemons are called (an address or a name of it); *_site: properties that replace those of here;
        options, environment: more of it for each JVM."""
        self.has_hdfs, self.has_yarn, self.nodes = hdfs, yarn, nodes
        self.memory, self.cores, self.queues, self.host = memory, cores, queues or QUEUES, host
        self.labels = labels
        self.more = {"core-site": core_site or {}, "hdfs-site": hdfs_site or {}, "yarn-site": yarn_site or {}}
        self.options, self.environment = list(options), environment or {}
        self.dir = tempfile.mkdtemp(prefix="sparkjob-hadoop-")
        self.conf = self.dir + "/conf"
        self.ports = {}
        self.processes = {}
        self.hdfs = f"hdfs://{host}:{self.port('namenode')}" if hdfs else None
        self.web = f"http://{host}:{self.port('resourcemanager.webapp')}" if yarn else None

    # configuration

    def port(self, name):
        """The port that something has here, the same for each call."""
        if name not in self.ports:
            self.ports[name] = free_port()
        return self.ports[name]

    def at(self, name):
        return f"{self.host}:{self.port(name)}"

    def core_site(self):
        return {"fs.defaultFS": self.hdfs or "file:///", "hadoop.tmp.dir": self.dir + "/data",
                "ipc.client.connect.retry.interval": 500}

    def hdfs_site(self):
        return {
            "dfs.replication": 1,
            "dfs.namenode.http-address": self.at("namenode.http"),
            "dfs.datanode.address": self.at("datanode"),
            "dfs.datanode.http.address": self.at("datanode.http"),
            "dfs.datanode.ipc.address": self.at("datanode.ipc"),
            "dfs.namenode.safemode.extension": 0,
        }

    def yarn_site(self, node=0):
        own = f"{self.dir}/node{node}"
        site = {f"yarn.resourcemanager.{what}.address": self.at("resourcemanager." + what)
                for what in ("webapp", "scheduler", "resource-tracker", "admin")}
        return {
            **site,
            "yarn.resourcemanager.hostname": self.host,
            "yarn.resourcemanager.address": self.at("resourcemanager"),
            "yarn.resourcemanager.scheduler.class": SERVER + "resourcemanager.scheduler.capacity.CapacityScheduler",
            "yarn.resourcemanager.connect.retry-interval.ms": 1000,
            "yarn.nodemanager.hostname": self.host,
            "yarn.nodemanager.address": self.at(f"nodemanager{node}"),
            "yarn.nodemanager.localizer.address": self.at(f"nodemanager{node}.localizer"),
            "yarn.nodemanager.webapp.address": self.at(f"nodemanager{node}.webapp"),
            "yarn.nodemanager.local-dirs": own + "/local",
            "yarn.nodemanager.log-dirs": own + "/logs",
            "yarn.nodemanager.resource.memory-mb": self.memory,
            "yarn.nodemanager.resource.cpu-vcores": self.cores,
            "yarn.scheduler.minimum-allocation-mb": 256,
            "yarn.scheduler.maximum-allocation-mb": self.memory,
            "yarn.nodemanager.vmem-check-enabled": "false",
            "yarn.nodemanager.pmem-check-enabled": "false",
            # a disk that is nearly full is the machine's affair
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 100,
            "yarn.nodemanager.disk-health-checker.min-free-space-per-disk-mb": 0,
            **({"yarn.node-labels.enabled": "true", "yarn.node-labels.fs-store.root-dir": f"file://{self.dir}/labels"}
               if self.labels else {}),
        }

    def capacity_scheduler(self):
        root = "yarn.scheduler.capacity.root."
        site = {root + "queues": ",".join(self.queues), "yarn.scheduler.capacity.maximum-am-resource-percent": 0.9,
                # else only whole megabytes count, and any number of cores fits
                "yarn.scheduler.capacity.resource-calculator":
                    "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"}
        for queue, properties in self.queues.items():
            site.update({f"{root}{queue}.{name}": value for name, value in properties.items()})
            if self.labels:
                site[f"{root}{queue}.accessible-node-labels"] = ",".join(self.labels) if queue == "default" else " "
        for label in self.labels:
            for queue in ("", "default."):
                site[f"{root}{queue}accessible-node-labels.{label}.capacity"] = 100
        return site

    def write(self, folder, name, properties):
        properties = {**properties, **self.more.get(name, {})}
        with open(f"{folder}/{name}.xml", "w") as f:
            f.write("<configuration>\n" + "".join(
                f"<property><name>{escape(name)}</name><value>{escape(str(value))}</value></property>\n"
                for name, value in properties.items()) + "</configuration>\n")

    def write_conf(self, folder, node=0):
        for w in WEBAPPS:
            os.makedirs(f"{folder}/webapps/{w}/WEB-INF")
            with open(f"{folder}/webapps/{w}/WEB-INF/web.xml", "w") as f:
                f.write("<web-app/>\n")
        with open(folder + "/log4j.properties", "w") as f:
            f.write(LOG4J)
        self.write(folder, "core-site", self.core_site())
        self.write(folder, "hdfs-site", self.hdfs_site())
        if self.has_yarn:
            self.write(folder, "yarn-site", self.yarn_site(node))
            self.write(folder, "capacity-scheduler", self.capacity_scheduler())

    # daemons

    def command(self, main, conf):
        opens = [f"--add-opens=java.base/java.{p}=ALL-UNNAMED" for p in ("lang", "util", "net", "lang.reflect")]
        return [java_home() + "/bin/java", "-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *opens,
                f"-Dhadoop.home.dir={self.dir}", f"-Dhadoop.log.dir={self.dir}/logs", *self.options,
                "-cp", f"{conf}:{LIB}/*", main]

    def env(self, conf):
        return {**os.environ, "HADOOP_CONF_DIR": conf, "JAVA_HOME": java_home(), **self.environment}

    def run(self, main, *arguments, check=True):
        """Runs a class of Hadoop to its end: its standard output."""
        done = subprocess.run(self.command(main, self.conf) + list(arguments), env=self.env(self.conf), cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert not check or done.returncode == 0, f"{main} {arguments}: {done.stderr}"
        return done.stdout

    def fs(self, *arguments, **more):
        """The file-system shell: h.fs("-ls", "/")."""
        return self.run("org.apache.hadoop.fs.FsShell", *arguments, **more)

    def start_daemon(self, name, node=0):
        """Starts one of DAEMONS; its name in self.processes and of its log is `name`, for nodes behind the first with a number."""
        conf = f"{self.conf}{node or ''}"
        kept = f"{name}{node or ''}"
        with open(f"{self.dir}/{kept}.log", "ab") as log:
            self.processes[kept] = subprocess.Popen(
                self.command(DAEMONS[name], conf), env=self.env(conf), cwd=self.dir, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)

    def begin(self):
        assert glob.glob(LIB + "/hadoop-common-*.jar"), f"{LIB} holds no Hadoop: make hadoop"
        for node in range(max(self.nodes, 1)):
            os.mkdir(f"{self.conf}{node or ''}")
            self.write_conf(f"{self.conf}{node or ''}", node)
        if self.has_yarn:
            self.start_daemon("resourcemanager")
            for node in range(self.nodes):
                self.start_daemon("nodemanager", node)
        if self.has_hdfs:
            self.run(DAEMONS["namenode"], "-format", "-nonInteractive")
            self.start_daemon("namenode")
            self.start_daemon("datanode")
            wait_until("HDFS has its DataNode", self.hdfs_ready, 60)
        if self.has_yarn:
            wait_until("YARN has its nodes", self.yarn_ready, 60)
            self.label_nodes()

    def label_nodes(self):
        if self.labels:
            admin = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
            self.run(admin, "-addToClusterNodeLabels", ",".join(self.labels))
            nodes = (f"{self.node(n)['id']}={label}" for n, label in enumerate(self.labels, 1))
            self.run(admin, "-replaceLabelsOnNode", " ".join(nodes), "-failOnUnknownNodes")

    def check_alive(self):
        for name, process in self.processes.items():
            assert process.poll() is None, f"the {name} ended: {self.log(name)[-3000:]}"

    def hdfs_ready(self):
        self.check_alive()
        url = f"http://{self.at('namenode.http')}/jmx?qry=Hadoop:service=NameNode,name="
        with contextlib.suppress(OSError, LookupError, ValueError):
            state = self.get(url + "FSNamesystemState")["beans"][0]
            return state["NumLiveDataNodes"] == 1 and state["FSState"] == "Operational"

    def yarn_ready(self):
        self.check_alive()
        with contextlib.suppress(OSError, LookupError, ValueError):
            return self.rest("metrics")["clusterMetrics"]["activeNodes"] == self.nodes

    def kill_daemon(self, name, how=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(how)
        process.wait(30 * PATIENCE)

    def containers(self):
        """Pids of processes that YARN has started here."""
        found = []
        for path in glob.glob("/proc/[0-9]*/environ"):
            with contextlib.suppress(OSError):
                with open(path, "rb") as f:
                    if any(e.startswith(f"LOCAL_DIRS={self.dir}/node".encode()) for e in f.read().split(b"\0")):
                        found.append(int(path.split("/")[2]))
        return [p for p in found if alive(p)]

    def stop(self):
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = {}
        for pid in self.containers():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if os.environ.get("SPARKJOB_KEEP"):
            print("kept:", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    # a look inside

    def log(self, name):
        with open(f"{self.dir}/{name}.log", errors="replace") as f:
            return f.read()

    def get(self, url):
        with urllib.request.urlopen(url, timeout=10) as r:
            return json.load(r)

    def rest(self, path):
        """What the ResourceManager says: GET /ws/v1/cluster/<path>."""
        return self.get(f"{self.web}/ws/v1/cluster/{path}")

    def node(self, number):
        """A node as the ResourceManager knows it."""
        port = f":{self.port(f'nodemanager{number}')}"
        return next(node for node in self.rest("nodes")["nodes"]["node"] if node["id"].endswith(port))

    def application(self, application):
        """An application as the ResourceManager knows it; None if it does not."""
        try:
            return self.rest("apps/" + application)["app"]
        except urllib.error.HTTPError as e:
            assert e.code == 404, e
            return None

    def applications(self, states=""):
        return (self.rest("apps" + (f"?states={states}" if states else "")).get("apps") or {}).get("app", [])
