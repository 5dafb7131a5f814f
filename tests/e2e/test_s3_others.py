"""The S3 face with what analysts use from PyPI, and moto's server as the other side of our S3 back end.

None of it is in Debian: LEAT_TEST_PYTHON names a python that has s3fs, pandas with pyarrow, polars, duckdb with duckdb-extension-httpfs, and
moto[server]; what it lacks is skipped, and said."""

import os
import socket
import subprocess
import textwrap
import time
import urllib.request

import pytest
from s3_server import REGION, ROOT, Server

PYTHON = os.environ.get("LEAT_TEST_PYTHON")


def needs(*modules):
    if not PYTHON:
        pytest.skip(f"set LEAT_TEST_PYTHON to a python with {' and '.join(modules)}")
    for module in modules:
        if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode:
            pytest.skip(f"{PYTHON} has no module '{module}'")


def python(server, code):
    env = {**server.env, "URL": server.url, "PORT": str(server.port), "KEY": ROOT[0], "SECRET": ROOT[1], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([PYTHON, "-c", textwrap.dedent(code)], env=env, cwd=server.folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    made.ask("PUT", "/lake")
    yield made
    made.stop()


OPTIONS = """
    import os
    options = {"key": os.environ["KEY"], "secret": os.environ["SECRET"], "client_kwargs": {"endpoint_url": os.environ["URL"], "region_name": "us-east-1"}}
"""


def test_s3fs_walks_writes_moves_and_removes(server):
    needs("s3fs")
    python(server, OPTIONS + """
    import s3fs
    fs = s3fs.S3FileSystem(**options)
    big = os.urandom(12 << 20)
    with fs.open("lake/d=1/big.bin", "wb", block_size=5 << 20) as file:  # a multipart upload
        file.write(big)
    assert fs.cat_file("lake/d=1/big.bin", start=6 << 20, end=(6 << 20) + 9) == big[6 << 20:(6 << 20) + 9]
    fs.pipe({"lake/a": b"1", "lake/sub/b c+ü": b"2"})
    assert sorted(fs.find("lake")) == ["lake/a", "lake/d=1/big.bin", "lake/sub/b c+ü"]
    assert sorted(fs.ls("lake", detail=False)) == ["lake/a", "lake/d=1", "lake/sub"]
    assert fs.info("lake/a")["size"] == 1 and fs.exists("lake/sub/b c+ü") and not fs.exists("lake/none")
    with fs.open("lake/a", "ab") as file:
        file.write(b"2")
    assert fs.cat("lake/a") == b"12"
    fs.mv("lake/d=1/big.bin", "lake/moved.bin")
    fs.invalidate_cache()
    assert fs.info("lake/moved.bin")["size"] == len(big) and not fs.exists("lake/d=1/big.bin")
    fs.put_file(__import__("sys").executable, "lake/python")
    fs.rm("lake", recursive=True)
    """)
    assert b"<Key>" not in server.ask("GET", "/lake?list-type=2")[2]


def test_pandas_writes_a_partitioned_dataset_and_reads_it_again(server):
    needs("s3fs", "pandas", "pyarrow")
    python(server, OPTIONS + """
    import pandas as pd
    frame = pd.DataFrame({"day": ["a", "a", "b"], "n": [1, 2, 3], "x": [0.5, None, 2.5]})
    frame.to_parquet("s3://lake/domain=x/dataset=y/", partition_cols=["day"], storage_options=options)
    back = pd.read_parquet("s3://lake/domain=x/dataset=y/", storage_options=options).sort_values("n")
    assert back["n"].tolist() == [1, 2, 3] and back["day"].astype(str).tolist() == ["a", "a", "b"]
    frame.to_csv("s3://lake/a.csv", index=False, storage_options=options)
    assert pd.read_csv("s3://lake/a.csv", storage_options=options)["n"].sum() == 6
    """)
    assert b"dataset=y/day=b/" in server.ask("GET", "/lake?list-type=2&prefix=domain")[2]


def test_polars_scans_a_dataset(server):
    needs("polars")
    python(server, """
    import os, polars as pl
    options = {"aws_access_key_id": os.environ["KEY"], "aws_secret_access_key": os.environ["SECRET"], "aws_endpoint_url": os.environ["URL"],
               "aws_region": "us-east-1", "aws_allow_http": "true"}
    pl.DataFrame({"n": list(range(1000)), "s": [str(n) for n in range(1000)]}).write_parquet("s3://lake/p/1.parquet", storage_options=options)
    found = pl.scan_parquet("s3://lake/p/*.parquet", storage_options=options).filter(pl.col("n") > 990).select("s").collect()
    assert found["s"].to_list() == [str(n) for n in range(991, 1000)]
    """)


def test_duckdb_reads_and_writes_through_httpfs(server):
    needs("duckdb", "duckdb_extension_httpfs")
    python(server, """
    import os, pathlib, duckdb, duckdb_extension_httpfs
    db = duckdb.connect()
    file = next(pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    db.execute(f"load '{file}'")
    db.execute(f"create secret (type s3, key_id '{os.environ['KEY']}', secret '{os.environ['SECRET']}', endpoint '127.0.0.1:{os.environ['PORT']}', "
               "region 'us-east-1', url_style 'path', use_ssl false)")
    db.execute("copy (select i % 3 as part, i, 'v' || i as v from range(300000) t(i)) to 's3://lake/t' (format parquet, partition_by (part))")
    assert db.execute("select count(*), sum(i), count(distinct part) from read_parquet('s3://lake/t/*/*.parquet')").fetchone() == (300000, 44999850000, 3)
    assert db.execute("select v from read_parquet('s3://lake/t/part=1/*.parquet') where i = 299998").fetchall() == [("v299998",)]
    db.execute("copy (select 1 as a) to 's3://lake/one.csv'")
    assert db.execute("select a from 's3://lake/one.csv'").fetchall() == [(1,)]
    """)


# ---- the other way round: our S3 back end, somebody else's server ----

@pytest.fixture
def moto(tmp_path):
    needs("moto", "flask")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
    process.terminate()
    process.wait()
    log.close()


@pytest.fixture
def beside_moto(moto, project):
    return project({"leat.yml": "name: p\n"}, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_REGION=REGION, AWS_ENDPOINT_URL_S3=moto,
                   AWS_EC2_METADATA_DISABLED="true")


def test_transfers_to_motos_server_and_back(beside_moto):
    leat, big = beside_moto, os.urandom(20 << 20)
    folder = leat.project / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "big.bin").write_bytes(big)
    (folder / "sub" / "b c+d=1 ü.csv").write_text("b\n")
    leat("store", "mb", "s3://lake")
    leat("store", "cp", "-r", "./in", "s3://lake/d/")
    assert [row["key"] for row in leat("store", "ls", "-r", "--json", "s3://lake/").json()] == ["d/big.bin", "d/sub/b c+d=1 ü.csv"]
    assert leat("store", "sync", "--json", "./in", "s3://lake/d/").json()["copied"] == 0
    leat("store", "cp", "-r", "s3://lake/d/", "./out/")
    assert (leat.project / "out/big.bin").read_bytes() == big and (leat.project / "out/sub/b c+d=1 ü.csv").read_text() == "b\n"
    leat("store", "mv", "s3://lake/d/big.bin", "s3://lake/moved.bin")
    leat("store", "rm", "-r", "s3://lake/")
    assert leat("store", "ls", "-r", "--json", "s3://lake/").json() == []


def test_versions_on_motos_server_are_listed_and_restored(beside_moto):
    leat = beside_moto
    leat("store", "mb", "s3://kept")
    for text in ("one", "two"):
        leat("store", "cp", "-", "s3://kept/k", stdin=text)
    leat("store", "rm", "s3://kept/k")
    versions = leat("store", "versions", "--json", "s3://kept/k").json()
    assert len(versions) == 3 and leat("store", "cat", "s3://kept/k", code=2).code == 2
    leat("store", "restore", "s3://kept/k")
    assert leat("store", "cat", "s3://kept/k").out == "two"
