"""What a run tells others: OpenLineage events, OpenTelemetry spans; and that nobody has to listen."""

import hashlib
import hmac
import http.server
import json
import re
import threading
import urllib.parse

import pytest

FILES = {
    "leat.yml": "name: shop\nlineage: {file: lineage.ndjson}\n",
    "data/items.csv": "id,n\n1,2\n2,3\n",
    "sources/f.yml": "name: f\nkind: files\nresources:\n  - {name: items, path: 'data/*.csv', load: {table: raw.items}}\n",
    "models/n.sql": "{{ config(materialized='table') }}\nselect count(*) as n from {{ source('f', 'items') }}\n",
    "models/n.yml": "models:\n  - {name: n, columns: [{name: n, tests: [not_null]}]}\n",
}


class Sink:
    """Takes every POST; answers with the given status codes first, then 200."""

    def __init__(self, *codes):
        self.posts, self.codes, sink = [], list(codes), self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = sink.codes.pop(0) if sink.codes else 200
                if code == 200:
                    sink.posts.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sink():
    made = []

    def start(*codes):
        made.append(Sink(*codes))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def events_of(leat, name="lineage.ndjson"):
    return [json.loads(line) for line in (leat.project / name).read_text().splitlines()]


def check_event(event):
    """What the specification asks of every event and facet."""
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["run"]["runId"])
    assert event["job"]["namespace"] and event["job"]["name"] and event["producer"] and event["eventTime"][-1] == "Z"
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    facets = [event["run"]["facets"], event["job"]["facets"]]
    for dataset in event["inputs"] + event["outputs"]:
        assert dataset["namespace"] and dataset["name"]
        facets += [dataset["facets"], dataset.get("inputFacets", {}), dataset.get("outputFacets", {})]
    for facet in (facet for group in facets for facet in group.values()):
        assert facet["_producer"] and facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/")


def test_each_task_tells_what_it_reads_and_writes(project):
    leat = project(FILES)
    leat("run")
    events = events_of(leat)
    for event in events:
        check_event(event)
    assert [events[0]["eventType"], events[0]["job"]["name"]] == ["START", "shop"]
    assert [events[-1]["eventType"], events[-1]["job"]["name"]] == ["COMPLETE", "shop"]
    ends = {event["job"]["name"].split(".")[1]: event for event in events[1:-1] if event["eventType"] == "COMPLETE"}
    assert set(ends) == {"extract", "load", "model", "test"}
    starts = [event for event in events[1:-1] if event["eventType"] == "START"]
    assert {event["run"]["runId"] for event in starts} == {event["run"]["runId"] for event in ends.values()}
    assert all(event["run"]["facets"]["parent"]["run"]["runId"] == events[0]["run"]["runId"] for event in ends.values())
    names = {kind: ([d["name"] for d in event["inputs"]], [d["name"] for d in event["outputs"]]) for kind, event in ends.items()}
    landed = names["extract"][1][0]
    assert landed.startswith(str(leat.home)) and names["load"][0] == [landed]
    assert names["load"][1] == ["raw.items"] and names["model"] == (["raw.items"], ["main.n"])
    assert names["test"] == (["main.n"], [])
    assert ends["load"]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert ends["model"]["outputs"][0]["namespace"] == f"duckdb://{leat.home}/warehouse.duckdb"
    assert "count(*)" in ends["model"]["job"]["facets"]["sql"]["query"]
    fields = {kind: [{f["name"]: f["type"] for f in d["facets"]["schema"]["fields"]} for d in event["inputs"] + event["outputs"] if "schema" in d["facets"]]
              for kind, event in ends.items()}
    assert fields["extract"] == [{"id": "BIGINT", "n": "BIGINT"}]  # of the source nothing is known, of what has landed all
    assert fields["load"] == [fields["extract"][0], fields["extract"][0]] and fields["model"][0] == fields["load"][1]
    assert fields["model"][1] == {"n": "BIGINT"} and fields["test"] == [{"n": "BIGINT"}]
    version = ends["extract"]["outputs"][0]["facets"]["version"]["datasetVersion"]
    assert version and ends["load"]["inputs"][0]["facets"]["version"]["datasetVersion"] == version
    assert ends["model"]["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert "lifecycleStateChange" not in ends["load"]["outputs"][0]["facets"]
    assert not any("schema" in d["facets"] for event in starts for d in event["outputs"]), "what will be is not known"
    assert not any("columnLineage" in d["facets"] for event in events for d in event["outputs"])
    (assertion,) = ends["test"]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert assertion["success"] is True and "not_null" in assertion["assertion"]


def test_a_failure_is_told_with_its_reason(project):
    leat = project({**FILES, "models/n.sql": "select 1/0 as n, x from nowhere\n"})
    leat("run", code=1)
    events = events_of(leat)
    assert [event["eventType"] for event in events if event["job"]["name"] == "shop"] == ["START", "FAIL"]
    failed = next(event for event in events if event["eventType"] == "FAIL" and event["job"]["name"] != "shop")
    assert "nowhere" in failed["run"]["facets"]["errorMessage"]["message"]
    assert not [event for event in events if ".test." in event["job"]["name"]], "a test that was skipped did nothing"


def test_postgres_is_named_by_its_server(project, postgres):
    leat = project({**FILES, "leat.yml": "name: shop\nlineage: {file: lineage.ndjson}\ntargets:\n"
                    "  pg: {engine: postgres, url: \"{{ env_var('PG_URL') }}\", schema: marts}\n"})
    leat("run", env={"PG_URL": postgres.database()})
    names = {(d["namespace"], d["name"]) for event in events_of(leat) for d in event["outputs"]}
    assert any(re.fullmatch(r"postgres://localhost:\d+", space) and name.endswith("marts.n") for space, name in names)


def test_events_reach_a_server_in_order_with_the_key(project, sink):
    marquez = sink(503, 500)
    leat = project({**FILES, "leat.yml": "name: shop\nlineage: {url: '%s/', api_key: \"{{ secret('KEY') }}\", "
                    "namespace: council, file: lineage.ndjson}\n" % marquez.url})
    leat("run", env={"KEY": "key-7c1d-very-secret"})
    assert [post[2] for post in marquez.posts] == events_of(leat)
    for path, headers, event in marquez.posts:
        assert path == "/api/v1/lineage" and headers["Authorization"] == "Bearer key-7c1d-very-secret"
        assert event["job"]["namespace"] == "council"


def test_the_environment_of_openlineage_counts(project, sink):
    marquez = sink()
    leat = project({**FILES, "leat.yml": "name: shop\n"})
    env = {"OPENLINEAGE_URL": marquez.url, "OPENLINEAGE_ENDPOINT": "lineage", "OPENLINEAGE_NAMESPACE": "env"}
    leat("run", env=env)
    assert {post[0] for post in marquez.posts} == {"/lineage"} and {post[2]["job"]["namespace"] for post in marquez.posts} == {"env"}
    count = len(marquez.posts)
    leat("run", env={**env, "OPENLINEAGE_DISABLED": "true"})
    assert len(marquez.posts) == count


def test_nobody_has_to_listen(project):
    leat = project({**FILES, "leat.yml": "name: shop\nlineage: {url: 'http://127.0.0.1:9'}\ntraces: {endpoint: 'http://127.0.0.1:9'}\n"})
    result = leat("run")
    leat.edge(result, "messages with lineage events were not delivered", "messages with spans were not delivered")
    assert leat.runs()[0]["status"] == "succeeded"


def test_what_a_server_refuses_is_left_out_and_told(project, sink):
    marquez = sink(422)
    leat = project({**FILES, "leat.yml": f"name: shop\nlineage: {{url: '{marquez.url}'}}\n"})
    leat.edge(leat("run"), "1 of 10 messages with lineage events were not delivered", "422")
    assert len(marquez.posts) == 9


def test_a_wrong_url_stops_the_run_before_it_begins(project):
    leat = project({**FILES, "leat.yml": "name: shop\n"})
    leat.edge(leat("run", code=2, env={"OPENLINEAGE_URL": "localhost"}), "the URL for lineage events", "is no http or https URL")


def spans_of(collector):
    return [span for post in collector.posts for resource in post[2]["resourceSpans"]
            for scope in resource["scopeSpans"] for span in scope["spans"]]


def attributes(span):
    return {one["key"]: list(one["value"].values())[0] for one in span["attributes"]}


def test_a_run_is_a_trace_and_commands_are_told_of_it(project, sink):
    collector = sink(503)
    leat = project({**FILES, "leat.yml": f"name: shop\ntraces: {{endpoint: '{collector.url}', headers: {{X-Key: k}}, service: nightly}}\n",
                    "pipelines/p.yml": "name: p\ntasks:\n  a: {shell: 'echo $TRACEPARENT > trace.txt'}\n  b: {shell: 'exit 3', after: a}\n"})
    leat("run", "--pipeline", "p", code=1)
    assert {post[0] for post in collector.posts} == {"/v1/traces"} and collector.posts[0][1]["X-Key"] == "k"
    resource = {one["key"]: one["value"]["stringValue"] for one in collector.posts[0][2]["resourceSpans"][0]["resource"]["attributes"]}
    assert resource["service.name"] == "nightly"
    spans = {span["name"]: span for span in spans_of(collector)}
    assert set(spans) == {"p", "a", "b"} and len({span["traceId"] for span in spans.values()}) == 1
    root = spans["p"]
    assert "parentSpanId" not in root and all(spans[name]["parentSpanId"] == root["spanId"] for name in "ab")
    assert (root["status"]["code"], spans["a"]["status"]["code"], spans["b"]["status"]["code"]) == (2, 1, 2)
    assert "3" in spans["b"]["status"]["message"] and attributes(spans["b"])["leat.task.status"] == "failed"
    for span in spans.values():
        assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"]) and re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
        assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert int(span["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])
    parent = (leat.project / "trace.txt").read_text().strip()
    assert parent == f"00-{root['traceId']}-{spans['a']['spanId']}-01"


def test_the_environment_of_opentelemetry_counts(project, sink):
    collector = sink()
    leat = project({**FILES, "leat.yml": "name: shop\n"})
    leat("run", env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "etl",
                     "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x=y",
                     "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod,broken"})
    path, headers, body = collector.posts[0]
    resource = {one["key"]: one["value"]["stringValue"] for one in body["resourceSpans"][0]["resource"]["attributes"]}
    assert path == "/v1/traces" and headers["api-key"] == "a b" and headers["x"] == "y"
    assert resource["service.name"] == "etl" and resource["deployment.environment"] == "prod"
    assert len(spans_of(collector)) == 5


# ---- SNS: the signature is computed again here, from "Create a signed AWS API request" of the IAM user guide ----

TOPIC = "arn:aws:sns:eu-west-2:123456789012:alerts"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very/secret+key", "AWS_SESSION_TOKEN": "tok", "HOME": "/nonexistent"}


def signature_of(headers, body):
    authorization = headers["Authorization"]
    scope = re.search(r"Credential=AKIDEXAMPLE/([^,]+),", authorization)[1]
    signed = re.search(r"SignedHeaders=([^,]+),", authorization)[1].split(";")
    lower = {name.lower(): value for name, value in headers.items()}
    canonical = "\n".join(["POST", "/", "", *[f"{name}:{lower[name]}" for name in signed], "", ";".join(signed),
                           hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", lower["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + KEYS["AWS_SECRET_ACCESS_KEY"].encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert scope.endswith("/eu-west-2/sns/aws4_request") and {"host", "x-amz-date", "x-amz-security-token"} <= set(signed)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Sns:
    def __init__(self):
        self.forms, sns = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                form = dict(urllib.parse.parse_qsl(body.decode()))
                good = self.headers["Authorization"].endswith("Signature=" + signature_of(dict(self.headers), body))
                known = good and form["TopicArn"].startswith(TOPIC)
                code = 200 if known else 404 if good else 403
                answer = ("<PublishResponse xmlns='http://sns.amazonaws.com/doc/2010-03-31/'><PublishResult><MessageId>m-1</MessageId>"
                          "</PublishResult></PublishResponse>" if known else
                          "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>")
                if known:
                    sns.forms.append(form)
                self.send_response(code)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.env = {**KEYS, "AWS_ENDPOINT_URL_SNS": f"http://127.0.0.1:{self.server.server_port}"}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sns():
    made = Sns()
    yield made
    made.server.shutdown()
    made.server.server_close()


def notifying(project, topic):
    return project({"leat.yml": "name: shop\n", "pipelines/p.yml": "name: p\ntasks:\n  tell: {notify: {sns: '%s', subject: 'Straße\tlate', "
                    "message: 'run {{ run_id }} & more'}}\n" % topic})


def test_a_topic_gets_the_message(project, sns):
    leat = notifying(project, TOPIC)
    leat("run", "--pipeline", "p", env=sns.env)
    (form,) = sns.forms
    assert form["Action"] == "Publish" and form["TopicArn"] == TOPIC and form["Message"] == "run 1 & more"
    assert form["Subject"] == "Stra??e?late" and "MessageGroupId" not in form
    leat.edge(leat("logs", "1", "tell"), "published to " + TOPIC, "m-1")


def test_a_fifo_topic_gets_a_group_and_an_id(project, sns):
    leat = notifying(project, TOPIC + ".fifo")
    leat("run", "--pipeline", "p", env=sns.env)
    (form,) = sns.forms
    assert form["MessageGroupId"] == "p" and form["MessageDeduplicationId"].endswith("-1-tell")


def test_what_sns_refuses_is_said(project, sns):
    leat = notifying(project, TOPIC.replace("alerts", "nothing"))
    leat.edge(leat("run", "--pipeline", "p", env=sns.env, code=1), "SNS answered 404", "NotFound", "Topic does not exist")
    leat.edge(leat("run", "--pipeline", "p", env={**sns.env, "AWS_SECRET_ACCESS_KEY": "wrong-key-here"}, code=2), "SNS answered 403")
    leat.write("pipelines/p.yml", "name: p\ntasks:\n  tell: {notify: {sns: 'alerts', message: x}}\n")
    leat.edge(leat("run", "--pipeline", "p", code=2), "pipelines/p.yml:3:", "the ARN of a topic")
