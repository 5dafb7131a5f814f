"""The S3 face with Spark's S3A file system: Parquet written, read, overwritten, renamed and committed.

Spark is not in Debian. LEAT_TEST_SPARK_PYTHON names a python that has pyspark, LEAT_TEST_SPARK_JARS a folder with hadoop-aws-X.jar and the
aws-java-sdk-bundle that it wants (of the same Hadoop as pyspark's); without them all here is skipped."""

import json
import os
import pathlib
import subprocess
import textwrap

import pytest
from s3_server import REGION, ROOT, Server

PYTHON = os.environ.get("LEAT_TEST_SPARK_PYTHON")
JARS = sorted(map(str, pathlib.Path(os.environ.get("LEAT_TEST_SPARK_JARS", "/none")).glob("*.jar")))
pytestmark = pytest.mark.skipif(not PYTHON or not JARS, reason="set LEAT_TEST_SPARK_PYTHON and LEAT_TEST_SPARK_JARS")

SESSION = """
    import json, os
    from pyspark.sql import SparkSession, functions as f
    conf = {
        "spark.jars": os.environ["JARS"], "spark.ui.enabled": "false", "spark.master": "local[2]", "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.shuffle.partitions": "2",
        "spark.hadoop.fs.s3a.endpoint": os.environ["URL"], "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.access.key": os.environ["KEY"], "spark.hadoop.fs.s3a.secret.key": os.environ["SECRET"],
        "spark.hadoop.fs.s3a.endpoint.region": os.environ["REGION"], "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.hadoop.fs.s3a.multipart.size": "5M", "spark.hadoop.fs.s3a.multipart.threshold": "5M",
        **json.loads(os.environ["MORE"]),
    }
    builder = SparkSession.builder
    for name, value in conf.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    path = spark.sparkContext._jvm.org.apache.hadoop.fs.Path
    fs = path("s3a://lake/").getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
"""


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    made.ask("PUT", "/lake")
    yield made
    made.stop()


def spark(server, code, **conf):
    env = {**server.env, "URL": server.url, "KEY": ROOT[0], "SECRET": ROOT[1], "REGION": REGION, "JARS": ",".join(JARS),
           "MORE": json.dumps(conf), "PYTHONDONTWRITEBYTECODE": "1", "PYSPARK_PYTHON": PYTHON, "SPARK_LOCAL_IP": "127.0.0.1"}
    script = textwrap.dedent(SESSION) + textwrap.dedent(code)
    done = subprocess.run([PYTHON, "-c", script], env=env, cwd=server.folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-8000:]
    return done.stdout


def test_parquet_is_written_read_overwritten_and_appended(server):
    spark(server, """
    rows = spark.range(100000).withColumn("part", f.col("id") % 3).withColumn("text", f.concat(f.lit("v é "), f.col("id")))
    rows.write.partitionBy("part").parquet("s3a://lake/t")
    assert spark.read.parquet("s3a://lake/t").count() == 100000
    assert spark.read.parquet("s3a://lake/t").where("part = 1").agg(f.sum("id")).first()[0] == sum(range(1, 100000, 3))
    rows.limit(10).write.mode("append").partitionBy("part").parquet("s3a://lake/t")
    assert spark.read.parquet("s3a://lake/t").count() == 100010
    rows.limit(7).write.mode("overwrite").partitionBy("part").parquet("s3a://lake/t")
    assert spark.read.parquet("s3a://lake/t").count() == 7
    try:
        rows.write.parquet("s3a://lake/t")
        raise SystemExit("what is there was written over")
    except Exception as error:
        assert "already exists" in str(error).lower(), error
    """)
    kept = [o["Key"] for o in server.client().list_objects_v2(Bucket="lake", Prefix="t/")["Contents"]]
    assert "t/_SUCCESS" in kept and not any("_temporary" in key for key in kept), kept


def test_a_large_file_is_a_multipart_upload_and_reads_back_in_ranges(server):
    spark(server, """
    rows = spark.range(0, 3000000, 1, 1).select(f.sha2(f.col("id").cast("string"), 256).alias("hash"), "id")
    rows.write.option("compression", "none").parquet("s3a://lake/large")
    back = spark.read.parquet("s3a://lake/large")
    assert back.count() == 3000000 and back.where("id = 2999999").first()[0] == rows.where("id = 2999999").first()[0]
    """)
    found = server.client().list_objects_v2(Bucket="lake", Prefix="large/part-")["Contents"]
    assert found[0]["Size"] > 100 << 20 and "-" in found[0]["ETag"], found
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket="lake")


def test_folders_are_renamed_and_removed(server):
    spark(server, """
    spark.range(1000).write.parquet("s3a://lake/from/a")
    spark.range(10).coalesce(1).write.parquet("s3a://lake/from/b c=ü")
    assert fs.rename(path("s3a://lake/from"), path("s3a://lake/to"))
    assert not fs.exists(path("s3a://lake/from")) and spark.read.parquet("s3a://lake/to/a").count() == 1000
    assert spark.read.parquet("s3a://lake/to/b c=ü").count() == 10
    assert fs.mkdirs(path("s3a://lake/empty")) and fs.getFileStatus(path("s3a://lake/empty")).isDirectory()
    assert fs.delete(path("s3a://lake/to"), True) and not fs.exists(path("s3a://lake/to"))
    """)
    left = server.client().list_objects_v2(Bucket="lake").get("Contents", [])
    assert [o["Key"] for o in left] == ["empty/"], left


def test_the_magic_committer_uploads_in_place(server):
    spark(server, """
    rows = spark.range(50000)
    rows.write.parquet("s3a://lake/magic")
    assert spark.read.parquet("s3a://lake/magic").count() == 50000
    """, **{"spark.hadoop.fs.s3a.committer.name": "magic", "spark.hadoop.fs.s3a.committer.magic.enabled": "true",
            "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"})
    found = [o["Key"] for o in server.client().list_objects_v2(Bucket="lake")["Contents"]]
    assert any(key.startswith("magic/part-") for key in found) and not any("__magic" in key for key in found), found
