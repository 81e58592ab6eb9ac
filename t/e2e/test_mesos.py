"""Mesos without Mesos: its own library is in no distribution, so what can be shown is what is said of that."""

from sparkjob_server import Server


def test_a_driver_here_without_libmesos_says_what_it_lacks():
    with Server() as s:
        status, body = s.json("POST", "/contexts/c?spark.master=mesos://127.0.0.1:5050")
        assert status == 500, body
        message = body["result"]["message"]
        assert message.startswith("mesos://127.0.0.1:5050: a driver here needs Mesos' own library: set MESOS_NATIVE_JAVA_LIBRARY") \
            or message.endswith("this Spark has no Mesos, 3.5 is the last line that has it"), message
