"""Buckets that are not the project's: events of S3 by a queue of SQS, and listings. The other side is a queue made here from the protocol's
description, and moto's server where LEAT_TEST_PYTHON names a Python that has it."""

import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
import uuid
from xml.sax.saxutils import escape

import pytest

from harness import wait_for

PYTHON = os.environ.get("LEAT_TEST_PYTHON")
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-2"}
PATH = "/123456789012/arrivals"


class Queue:
    """Standard queue, query protocol: what is received is hidden until its visibility ends, and goes only when it is deleted."""

    def __init__(self):
        self.messages, self.calls, self.lock, self.deny = {}, [], threading.Lock(), False
        queue = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(urllib.parse.parse_qsl(body))
                assert self.path == PATH and "/eu-west-2/sqs/aws4_request" in self.headers["Authorization"]
                code, answer = queue.answer(form)
                self.send_response(code)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, body, id_=None):
        with self.lock:
            self.messages[id_ or str(uuid.uuid4())] = {"body": body if isinstance(body, str) else json.dumps(body), "until": 0, "handle": None, "times": 0}

    def show_all(self):
        """The visibility timeout of all is over."""
        with self.lock:
            for one in self.messages.values():
                one["until"] = 0

    def answer(self, form):
        with self.lock:
            self.calls.append(form)
        if self.deny:
            return 403, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        return 200, getattr(self, form["Action"])(form)

    def ReceiveMessage(self, form):
        until = time.monotonic() + int(form["WaitTimeSeconds"])
        while True:
            with self.lock:
                found = [(k, m) for k, m in self.messages.items() if m["until"] < time.monotonic()][:int(form["MaxNumberOfMessages"])]
                for _, one in found:
                    one["until"] = time.monotonic() + int(form["VisibilityTimeout"])
                    one["handle"] = str(uuid.uuid4())
                    one["times"] += 1
                if found or time.monotonic() > until:
                    items = "".join(f"<Message><MessageId>{k}</MessageId><ReceiptHandle>{m['handle']}</ReceiptHandle><MD5OfBody>x</MD5OfBody>"
                                    f"<Body>{escape(m['body'])}</Body></Message>" for k, m in found)
                    return f'<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult>{items}</ReceiveMessageResult></ReceiveMessageResponse>'
            time.sleep(0.05)

    def DeleteMessageBatch(self, form):
        with self.lock:
            handles = {v for k, v in form.items() if k.endswith(".ReceiptHandle")}
            self.messages = {k: m for k, m in self.messages.items() if m["handle"] not in handles}
        return "<DeleteMessageBatchResponse><DeleteMessageBatchResult/></DeleteMessageBatchResponse>"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def notification(*keys, name="ObjectCreated:Put", bucket="incoming", sequencer="1"):
    return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2026-11-22T01:02:03.000Z", "eventName": name,
                         "s3": {"bucket": {"name": bucket}, "object": {"key": urllib.parse.quote_plus(key), "size": 7, "eTag": "e", "versionId": "v", "sequencer": sequencer}}}
                        for key in keys]}


def bridge(key, kind="Object Created", sequencer="9"):
    return {"version": "0", "id": str(uuid.uuid4()), "detail-type": kind, "source": "aws.s3", "time": "2026-11-22T01:02:03Z",
            "detail": {"bucket": {"name": "incoming"}, "object": {"key": key, "size": 7, "etag": "e", "version-id": "v", "sequencer": sequencer}}}


@pytest.fixture
def queue():
    made = Queue()
    yield made
    made.stop()


def arrivals(project, url, more="", task="echo $LEAT_PARAM_KEY >> out.txt", **env):
    return project({"leat.yml": "name: t\n", "pipelines/p.yml": f"""\
name: p
params: {{key: none}}
triggers:
  arrived: {{object: {{bucket: "s3://incoming", prefix: daily/, key: "**.csv", queue: {url}{PATH}}}, params: {{key: {"$.count" if more else "$.event.key"}}}{more}}}
tasks:
  t: {{shell: '{task}'}}
"""}, **KEYS, **env)


def lines(leat):
    file = leat.project / "out.txt"
    return sorted(file.read_text().splitlines()) if file.exists() else []


def test_both_forms_of_events_are_runs_and_messages_go_when_these_are_durable(project, up, queue):
    leat = arrivals(project, queue.url)
    queue.put({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "incoming"})
    queue.put(notification("daily/a+b c.csv", "daily/ü.csv"))
    queue.put(bridge("daily/100%+x.csv"))
    queue.put({"Type": "Notification", "Message": json.dumps(notification("daily/sns.csv"))})
    queue.put(notification("daily/gone.csv", name="ObjectRemoved:Delete"))
    queue.put(notification("other/x.csv", "daily/x.txt"))
    queue.put(notification("daily/x.csv", bucket="another"))
    queue.put(bridge("daily/y.csv", kind="Object Deleted"))
    up(leat)
    wait_for(lambda: lines(leat) == sorted(["daily/a+b c.csv", "daily/ü.csv", "daily/100%+x.csv", "daily/sns.csv"]), "four runs")
    wait_for(lambda: not queue.messages, "an empty queue")
    assert len(leat.runs()) == 4
    assert "told by the queue" in leat("why", "p").out and "last event incoming/daily/" in leat("why", "p").out
    received = [call for call in queue.calls if call["Action"] == "ReceiveMessage"]
    assert received[0]["WaitTimeSeconds"] == "20" and received[0]["VisibilityTimeout"] == "60" and received[0]["MaxNumberOfMessages"] == "10"


def test_an_event_that_comes_twice_is_one_run(project, up, queue):
    leat = arrivals(project, queue.url)
    up(leat)
    queue.put(notification("daily/a.csv"))
    queue.put(notification("daily/a.csv"))
    wait_for(lambda: lines(leat) == ["daily/a.csv"] and not queue.messages, "one run")
    queue.put(notification("daily/a.csv"))  # S3 says it again, later
    wait_for(lambda: not queue.messages, "an empty queue")
    queue.put(notification("daily/a.csv", sequencer="2"))  # written again
    wait_for(lambda: lines(leat) == ["daily/a.csv"] * 2, "another run")
    assert len(leat.runs()) == 2


def test_a_message_whose_run_cannot_be_recorded_stays(project, up, queue):
    leat = arrivals(project, queue.url)
    pipeline = leat.project / "pipelines/p.yml"
    good = pipeline.read_text()
    pipeline.write_text(good.replace("{key: none}", "{key: {type: int, default: 1}}"))
    up(leat)
    queue.put(notification("daily/a.csv"))
    wait_for(lambda: "cannot do its work" in leat("why", "p").out, "the trouble")
    assert len(queue.messages) == 1 and not leat.runs()
    pipeline.write_text(good)
    queue.show_all()
    wait_for(lambda: lines(leat) == ["daily/a.csv"] and not queue.messages, "its run")


def test_a_message_of_somebody_else_is_left_to_the_queue(project, up, queue):
    leat = arrivals(project, queue.url)
    up(leat)
    queue.put("no JSON", id_="strange")
    queue.put({"Records": [{"s3": {}}]})
    queue.put(notification("daily/a.csv"))
    wait_for(lambda: lines(leat) == ["daily/a.csv"], "the run")
    wait_for(lambda: len(queue.messages) == 2, "what is left")
    assert "strange" in queue.messages


def test_a_killed_server_loses_and_doubles_nothing(project, up, queue):
    leat = arrivals(project, queue.url)
    keys = [f"daily/{n}.csv" for n in range(40)]
    for n, key in enumerate(keys):
        queue.put(notification(key, sequencer=str(n)))
    for _ in range(3):
        server = up(leat)
        wait_for(lambda: any(call["Action"] == "ReceiveMessage" for call in queue.calls), "a look")
        queue.calls.clear()
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        queue.show_all()
    up(leat)
    wait_for(lambda: not queue.messages, "an empty queue")
    wait_for(lambda: len(lines(leat)) >= 40 and all(run["status"] == "succeeded" for run in leat.runs()), "all runs")
    assert lines(leat) == sorted(keys)


def test_a_batch_is_one_run_and_its_messages_stay_until_it_is(project, up, queue):
    leat = arrivals(project, queue.url, more=", batch: 2s")
    up(leat)
    wait_for(lambda: queue.calls, "the trigger")
    for n in range(12):
        queue.put(notification(f"daily/{n}.csv", sequencer=str(n)))
    wait_for(lambda: not queue.messages, "an empty queue")
    wait_for(lambda: lines(leat) and sum(map(int, lines(leat))) == 12, "its run")
    assert len(leat.runs()) <= 2
    assert {call["VisibilityTimeout"] for call in queue.calls if call["Action"] == "ReceiveMessage"} == {"62"}


def test_who_may_not_read_the_queue_is_told(project, up, queue):
    leat = arrivals(project, queue.url)
    queue.deny = True
    up(leat)
    wait_for(lambda: "SQS answered 403" in leat("why", "p").out and "AccessDenied" in leat("why", "p").out, "the reason")


def test_settings_of_a_queue(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\ntriggers: {t: {object: {bucket: inbox, queue: 'https://sqs.eu-west-2.amazonaws.com/1/q'}}}\ntasks: {a: {shell: x}}\n"})
    leat.edge(leat("run", "--pipeline", "p", "--dry-run", code=2), "'queue' needs a bucket of S3: 's3://inbox'")


# ---- moto ----


@pytest.fixture
def moto(tmp_path):
    if not PYTHON or subprocess.run([PYTHON, "-c", "import moto, flask, boto3"], capture_output=True).returncode != 0:
        pytest.skip("LEAT_TEST_PYTHON names no Python with moto[server] and boto3")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    log = open(tmp_path / "moto.log", "wb")
    process = subprocess.Popen([PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], cwd=tmp_path, stdout=log, stderr=log)
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url + "/moto-api/").close()
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < until, (tmp_path / "moto.log").read_text()
            time.sleep(0.1)
    yield url
    process.kill()
    process.wait()


SETUP = """
import boto3, json, sys
url, path = sys.argv[1:]
how = dict(endpoint_url=url, region_name="eu-west-2", aws_access_key_id="a", aws_secret_access_key="b")
s3, sqs = boto3.client("s3", **how), boto3.client("sqs", **how)
s3.create_bucket(Bucket="incoming", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
queue = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
s3.put_bucket_notification_configuration(Bucket="incoming", NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]})
s3.put_object(Bucket="incoming", Key="daily/a b+c.csv", Body=b"x")
print(queue)
"""


def test_motos_bucket_tells_its_queue(project, up, moto):
    done = subprocess.run([PYTHON, "-c", SETUP, moto, PATH], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(PATH)
    leat = arrivals(project, "https://sqs.eu-west-2.amazonaws.com", AWS_ENDPOINT_URL=moto)
    up(leat)
    wait_for(lambda: lines(leat) == ["daily/a b+c.csv"], "the run")


def test_a_bucket_that_is_not_the_projects_is_listed_and_waited_for(project, up, moto):
    done = subprocess.run([PYTHON, "-c", SETUP, moto, PATH], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": """\
name: p
params: {key: none}
triggers: {arrived: {object: {bucket: "s3://incoming", prefix: daily/}, existing: true, every: 1s, params: {key: $.event.key}}}
tasks:
  w: {wait: {object: {bucket: "s3://incoming", key: "daily/*.csv"}, deadline: 1m}}
  t: {shell: 'echo $LEAT_PARAM_KEY >> out.txt', after: w}
"""}, **KEYS, AWS_ENDPOINT_URL=moto)
    up(leat)
    wait_for(lambda: lines(leat) == ["daily/a b+c.csv"], "the run")
