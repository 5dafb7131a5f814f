"""What is secret stays secret: in no file below the home, in no output, in no error."""

import pytest

from harness import SHOP, TOKEN, check_shop, files_with, forms_of

WAYS = {
    "bearer": ("{type: bearer, token: \"{{ secret('API_TOKEN') }}\"}", ["--token", TOKEN]),
    "api_key header": ("{type: api_key, in: header, name: X-API-Key, value: \"{{ secret('API_TOKEN') }}\"}", ["--api-key", TOKEN]),
    "api_key query": ("{type: api_key, in: query, name: api_key, value: \"{{ secret('API_TOKEN') }}\"}", ["--api-key", TOKEN]),
    "basic": ("{type: basic, username: me, password: \"{{ secret('API_TOKEN') }}\"}", ["--basic", f"me:{TOKEN}"]),
    "oauth2": ("{type: oauth2, token_url: \"{{ env_var('API_URL') }}/oauth/token\", client_id: me, "
               "client_secret: \"{{ secret('API_TOKEN') }}\"}", ["--oauth2", f"me:{TOKEN}", "--oauth2-uses", 20]),
}


def check_silent(leat, results):
    needles = forms_of(TOKEN)
    assert not files_with(leat.project, needles)
    for result in results:
        assert not [n for n in needles if n in result.text.encode()], result


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_never_shown_nor_kept(way, shop):
    auth, options = WAYS[way]
    source = SHOP["sources/api.yml"].replace("{type: bearer, token: \"{{ secret('API_TOKEN') }}\"}", auth)
    source = source.replace("retries: 6", "retries: 1").replace("timeout: 5s", "timeout: 1s")
    leat, server = shop(*options, token=None, files={"sources/api.yml": source})
    results = [leat("run", "--verbose")]
    check_shop(leat)
    for fault in ("404:page=1", "500:#1+", "broken:page=1", "refuse:#1+", "hangup:#1+", "shape:page=1"):
        server.fault(fault)
        results.append(leat("run", "--full-refresh", "--verbose", code=None))
        results.append(leat("run", "--full-refresh", "--json", code=None))
        assert results[-1].code != 0, f"{fault} did nothing: {results[-1]}"
        server.heal()
    results += [leat("logs", "last"), leat("runs"), leat("runs", "last", "--json")]
    check_silent(leat, results)


def test_a_password_in_a_url_is_never_shown(shop, tmp_path):
    leat, _ = shop(files={"leat.yml": SHOP["leat.yml"].replace("{{ env_var('PG_URL', 'postgresql:///none') }}",
                                                               "postgresql://me:{{ secret('PG_PASSWORD') }}@127.0.0.1:1/x")})
    leat.env["PG_PASSWORD"] = TOKEN
    results = [leat("run", "--target", "pg", "--verbose", code=3)]
    check_silent(leat, results)


def test_a_secret_in_a_model_is_masked_in_what_is_shown(shop):
    leat, _ = shop(files={"models/totals.sql": "select '{{ secret(\"API_TOKEN\") }}' as t, nothere as u\n"})
    result = leat("run", "--verbose", code=(1, 2))
    assert TOKEN not in result.text, result
    assert not files_with(leat.home / "logs", forms_of(TOKEN))


def test_sealed_secrets_are_set_listed_used_and_removed(shop, tmp_path):
    leat, _ = shop()
    leat.env.pop("API_TOKEN")
    leat("secret", "set", "API_TOKEN", stdin=TOKEN + "\n")
    assert leat("secret", "list").out.split() == ["API_TOKEN"] or "API_TOKEN" in leat("secret", "list").out
    leat("run")
    check_shop(leat)
    sealed = list(leat.project.glob("*.sealed"))
    assert sealed and not files_with(leat.project, forms_of(TOKEN))
    broken = sealed[0].read_text()
    sealed[0].write_text(broken[:-10] + ("A" if broken[-10] != "A" else "B") + broken[-9:])
    leat("run", code=2)
    sealed[0].write_text(broken)
    leat("secret", "rm", "API_TOKEN")
    leat.edge(leat("run", code=2), "API_TOKEN")
    leat("secret", "rm", "API_TOKEN", code=2)


def test_a_wrong_key_opens_nothing(shop):
    leat, _ = shop()
    leat.env.pop("API_TOKEN")
    leat("secret", "set", "API_TOKEN", stdin=TOKEN + "\n", env={"LEAT_KEY": "a passphrase that is long enough"})
    result = leat("run", code=2, env={"LEAT_KEY": "another passphrase that is long"})
    assert "key" in result.text and TOKEN not in result.text
    leat("run", env={"LEAT_KEY": "a passphrase that is long enough"})


def test_an_env_file_is_read_and_warned_about_when_others_can_read_it(shop):
    leat, _ = shop()
    leat.env.pop("API_TOKEN")
    file = leat.write(".env", f"# a comment\nAPI_TOKEN='{TOKEN}'\n")
    file.chmod(0o600)
    quiet = leat("run")
    assert ".env" not in quiet.err
    file.chmod(0o644)
    leat.edge(leat("run"), ".env")
    file.unlink()
    check_silent(leat, [quiet])
