"""Packages of the hub and archives: versions, the lock, downloads, and archives made to do harm."""

import http.server
import io
import json
import tarfile
import threading

import pytest

from harness import Dbt

PROJECT = "name: shop\nprofile: shop\n"
PROFILE = "shop:\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n  target: dev\n"


def archive(members, mode="w:gz"):
    """A tar of (name, text) pairs, or of tarfile.TarInfo as they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1].encode()))
    return out.getvalue()


class Hub:
    """The registry: index.json, a list of versions for each package, archives."""

    def __init__(self):
        hub = self
        self.packages, self.archives, self.asked, self.moved = {}, {}, [], {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append(self.path)
                body = hub.answer(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path):
        if path == "/api/v1/index.json":
            return json.dumps(list(self.packages)).encode()
        package = path.removeprefix("/api/v1/").removesuffix(".json")
        if package in self.packages:
            return json.dumps({"name": package.split("/")[1], "namespace": package.split("/")[0],
                               "versions": self.packages[package], **self.moved.get(package, {})}).encode()
        return self.archives.get(path)

    def add(self, package, version, requires=(), packages=()):
        name, path = package.split("/")[1], f"/archives/{package}/{version}.tar.gz"
        self.archives[path] = archive([(f"{name}-{version}/dbt_project.yml", f"name: {name}\n"),
                                       (f"{name}-{version}/macros/v.sql", "{% macro v() %}" + version + "{% endmacro %}")])
        self.packages.setdefault(package, {})[version] = {
            "name": name, "version": version, "require_dbt_version": list(requires), "packages": list(packages),
            "downloads": {"tarball": self.url.rstrip("/") + path, "format": "tgz", "sha1": "0"}}


@pytest.fixture
def hub():
    made = Hub()
    for version in ("0.9.0", "1.0.0", "1.1.0", "1.2.0-rc1", "2.0.0"):
        made.add("acme/tools", version)
    made.add("acme/tools", "1.9.0", requires=[">=2.0.0"])
    made.add("acme/upper", "1.0.0", packages=[{"package": "acme/tools", "version": [">=1.0.0", "<2.0.0"]}])
    yield made
    made.server.shutdown()


@pytest.fixture
def shop(tmp_path, env, hub):
    dbt = Dbt(tmp_path / "shop", {**env, "DBT_PACKAGE_HUB_URL": hub.url})
    dbt.write("dbt_project.yml", PROJECT)
    dbt.write("profiles.yml", PROFILE)
    return dbt


def want(shop, *entries):
    shop.write("packages.yml", "packages:\n" + "".join(f"  - {json.dumps(entry)}\n" for entry in entries))


def lock(shop):
    return (shop.root / "package-lock.yml").read_text(encoding="utf-8")


def installed(shop):
    return sorted(path.name for path in (shop.root / "dbt_packages").iterdir())


def test_wishes_of_all_lists_choose_one_version(shop):
    shop.write("packages.yml", "packages:\n  - package: acme/upper\n    version: 1.0.0\n"
               "  - package: acme/tools\n    version: [\">=0.9.0\", \"<1.1.0\"]\n")
    out = shop("deps")
    assert "Installing acme/tools" in out and "Installed from version 1.0.0" in out
    assert "Updated version available: 2.0.0" in out and "Updates available for packages: ['acme/tools']" in out
    # the sum is that which dbt-core 1.11 writes for the same file
    assert lock(shop) == ("packages:\n  - name: upper\n    package: acme/upper\n    version: 1.0.0\n"
                          "  - name: tools\n    package: acme/tools\n    version: 1.0.0\n"
                          "sha1_hash: 91fdb150458d78010a76f4b2d35e1847fc0617fc\n")
    assert installed(shop) == ["tools", "upper"]
    shop.write("models/m.sql", "select {{ tools.v() | length }} as n\n")
    assert shop("compile", "-q", "-s", "m").strip() == "select 5 as n"


@pytest.mark.parametrize("version, chosen", [
    ("1.0.0", "1.0.0"), ("=1.1.0", "1.1.0"), (">=0.9.0", "2.0.0"), ([">0.9.0", "<=1.1.0"], "1.1.0"), (["<2.0.0"], "1.1.0"),
    (">=1.2.0-rc1", "2.0.0"), ([">=1.2.0-rc1", "<2.0.0"], "1.2.0-rc1"),
])
def test_ranges_mean_what_dbt_means(shop, version, chosen):
    want(shop, {"package": "acme/tools", "version": version})
    shop("deps", "--lock")
    assert f"version: {chosen}\n" in lock(shop)
    assert not (shop.root / "dbt_packages").exists()


@pytest.mark.parametrize("entry, part", [
    ({"package": "acme/tools", "version": ">=3.0.0"}, "Could not find a matching compatible version for package acme/tools"),
    ({"package": "acme/tools", "version": [">=1.0.0", "<0.5.0"]}, "Version error for package acme/tools"),
    ({"package": "acme/none", "version": "1.0.0"}, "Package acme/none was not found in the package index"),
    ({"package": "acme/tools"}, "is missing the version"),
    ({"package": "acme/../tools", "version": "1.0.0"}, "is no package of the hub"),
    ({"private": "acme/x"}, "Cannot resolve private package acme/x"),
    ({"tarball": "http://127.0.0.1:9/x"}, "needs a 'name'"),
    ({"nothing": 1}, "names no source"),
])
def test_what_cannot_be_had_is_said(shop, entry, part):
    want(shop, entry)
    assert part in shop("deps", code=2)
    assert not (shop.root / "dbt_packages").exists()


def test_versions_for_another_dbt_are_taken_only_when_asked(shop):
    want(shop, {"package": "acme/tools", "version": [">=1.5.0", "<2.0.0"]})
    assert "no-version-check" in shop("deps", code=2)
    shop("deps", "--no-version-check")
    assert "version: 1.9.0" in lock(shop)


def test_the_lock_holds_until_the_list_changes_or_upgrade_is_asked(shop, hub):
    want(shop, {"package": "acme/tools", "version": ">=1.0.0"})
    shop("deps")
    hub.add("acme/tools", "2.1.0")
    out = shop("deps")
    assert "Updating lock file" not in out and "Updated version available: 2.1.0" in out and "version: 2.0.0" in lock(shop)
    assert "Updating lock file" in shop("deps", "--upgrade") and "version: 2.1.0" in lock(shop)
    want(shop, {"package": "acme/tools", "version": "1.0.0"})
    assert "Updating lock file" in shop("deps") and "version: 1.0.0" in lock(shop)


def test_a_failure_leaves_the_packages_that_were_there(shop, hub):
    want(shop, {"package": "acme/tools", "version": "1.0.0"})
    shop("deps")
    del hub.archives["/archives/acme/tools/2.0.0.tar.gz"]
    want(shop, {"package": "acme/tools", "version": "2.0.0"})
    assert "404" in shop("deps", code=2)
    assert "1.0.0" in (shop.root / "dbt_packages/tools/macros/v.sql").read_text(encoding="utf-8")
    assert [path.name for path in shop.root.iterdir() if ".new-" in path.name] == []


def test_a_package_is_added_between_the_lines(shop):
    shop.write("packages.yml", "packages:\n  # ours\n  - package: acme/tools # old\n    version: 1.0.0\n  - package: acme/upper\n"
               "    version: 1.0.0\n\n# the end\n")
    out = shop("deps", "--add-package", "acme/tools@>=1.0.0,<1.1.0", "--lock")
    assert "Found duplicate package" in out and "Added new package acme/tools@" in out
    assert (shop.root / "packages.yml").read_text(encoding="utf-8") == (
        'packages:\n  # ours\n  - package: acme/upper\n    version: 1.0.0\n  - package: "acme/tools"\n'
        '    version: [">=1.0.0", "<1.1.0"]\n\n# the end\n')
    (shop.root / "packages.yml").unlink()
    shop("deps", "--add-package", "acme/tools@2.0.0")
    assert installed(shop) == ["tools"]
    assert "names no version" in shop("deps", "--add-package", "acme/tools", code=2)


def put(shop, hub, content, name="plain"):
    hub.archives["/plain.tar.gz"] = content
    want(shop, {"tarball": hub.url + "plain.tar.gz", "name": name})


def test_an_archive_is_a_package(shop, hub):
    long = "plain-1/models/" + "x" * 120 + "/y.sql"
    put(shop, hub, archive([("plain-1/dbt_project.yml", "name: other\n"), (long, "select 1\n")]))
    shop("deps")
    assert installed(shop) == ["plain"]
    assert (shop.root / "dbt_packages" / "plain" / long.removeprefix("plain-1/")).read_text(encoding="utf-8") == "select 1\n"
    assert "tarball: " in lock(shop) and "name: plain" in lock(shop)
    assert "Installed from tarball" in shop("deps")


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


OWN = ("plain/dbt_project.yml", "name: plain\n")


@pytest.mark.parametrize("members", [
    [OWN, ("../outside.sql", "bad")],
    [OWN, ("plain/../../outside.sql", "bad")],
    [OWN, ("/tmp/leat-outside.sql", "bad")],
    [OWN, ("plain\\..\\..\\outside.sql", "bad")],
])
def test_paths_that_lead_out_of_an_archive_are_refused(shop, hub, members):
    put(shop, hub, archive(members))
    assert "leads out of it" in shop("deps", code=2)
    assert list(shop.root.parent.rglob("*outside*")) == []


def test_links_in_an_archive_are_left_out(shop, hub, tmp_path):
    (tmp_path / "victim").mkdir()
    put(shop, hub, archive([OWN, link("plain/out", str(tmp_path / "victim")), ("plain/out/evil.sql", "bad"),
                            link("plain/hard", "/etc/passwd", tarfile.LNKTYPE), link("plain/fifo", "", tarfile.FIFOTYPE)]))
    assert "3 links in the archive" in shop("deps")
    assert list((tmp_path / "victim").iterdir()) == []
    assert not (shop.root / "dbt_packages/plain/out").is_symlink() and not (shop.root / "dbt_packages/plain/hard").exists()


@pytest.mark.parametrize("content, part", [
    (b"", "no archive"),
    (b"<html>not found</html>" * 100, "no archive"),
    (archive([OWN])[:60], "does not unpack"),
    (archive([OWN], mode="w")[:520], "ends before"),
    (archive([("one/dbt_project.yml", "name: plain\n"), ("two/x", "")]), "does not hold one folder"),
    (archive([("plain/readme", "")]), "has no dbt_project.yml"),
], ids=["empty", "a page", "half of gzip", "half of a file", "two folders", "no project"])
def test_broken_archives_are_errors(shop, hub, content, part):
    put(shop, hub, content)
    assert part in shop("deps", code=2)


@pytest.mark.parametrize("name", ["../up", "a/b", ".", "a b"])
def test_names_that_are_no_folder_are_refused(shop, hub, name):
    put(shop, hub, archive([OWN]), name=name)
    assert "which is no name" in shop("deps", code=2)


def test_a_package_must_not_have_the_name_of_the_project(shop, hub):
    put(shop, hub, archive([("plain/dbt_project.yml", "name: plain\n")]), name="shop")
    assert "same name as the root project" in shop("deps", code=2)


def test_secrets_of_addresses_are_not_in_the_lock(shop, hub):
    hub.archives["/s3cret/plain.tar.gz"] = archive([OWN])
    shop.write("packages.yml", "packages:\n  - name: plain\n"
               "    tarball: \"" + hub.url + "{{ env_var('DBT_ENV_SECRET_TOKEN') }}/plain.tar.gz\"\n")
    out = shop("deps", DBT_ENV_SECRET_TOKEN="s3cret")
    assert "s3cret" not in lock(shop) and "s3cret" not in out
    assert "plain" in installed(shop) and shop("deps", DBT_ENV_SECRET_TOKEN="s3cret")


def test_a_folder_that_holds_the_project_is_not_replaced(shop):
    shop.write("dbt_project.yml", PROJECT + "packages-install-path: ..\n")
    want(shop, {"package": "acme/tools", "version": "1.0.0"})
    assert "holds the project itself" in shop("deps", code=2)


@pytest.mark.parametrize("required, part", [
    ('">=2.0.0"', "Installed version of dbt: =1.11.16. Required version of dbt for 'shop': >=2.0.0"),
    ('[">=1.0.0", "<1.5.0"]', "is not supported with the 'shop' package"),
    ('">=1.0.0,<0.5.0"', "can never be satisfied"),
    ('"one"', "is not a valid semantic version"),
])
def test_a_project_for_another_dbt_is_refused(shop, required, part):
    shop.write("dbt_project.yml", PROJECT + f"require-dbt-version: {required}\n")
    assert part in shop("parse", code=2)
    shop("parse", "--no-version-check")
    shop("parse", DBT_VERSION_CHECK="false")
    shop.write("dbt_project.yml", PROJECT + "require-dbt-version: ['>=1.0.0', '<2.0.0']\n")
    shop("parse")


def test_a_package_that_has_another_name_now_is_told_of(shop, hub):
    hub.moved["acme/tools"] = {"redirectnamespace": "zenith", "redirectname": None}
    want(shop, {"package": "acme/tools", "version": "1.0.0"})
    out = " ".join(shop("deps").split())
    assert "The `acme/tools` package is deprecated in favor of `zenith/tools`." in out and "PackageRedirectDeprecation: 1 occurrence" in out
    assert installed(shop) == ["tools"]
    (shop.root / "package-lock.yml").unlink()
    assert "PackageRedirectDeprecation" in shop("--warn-error", "deps", code=2)
