"""Settings: every key has help and an example, every mistake is named with its place and its remedy."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from davserver import config
from davserver.errors import ConfigError

ROOT = Path(__file__).parents[1]


def load(tmp_path: Path, text: str, **environ: str) -> config.Settings:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return config.load(file, environ)


def complaint(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    return str(caught.value)


# -- the example file


def test_the_example_file_is_what_config_py_says() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == config.example()


def test_the_example_changes_nothing_as_it_is(tmp_path: Path) -> None:
    settings = load(tmp_path, config.example())
    assert settings.server == config.ServerSettings()
    assert settings.auth == config.AuthSettings()


def test_every_key_of_the_example_without_its_mark_is_its_default() -> None:
    plain = re.sub(r"^#(?=[a-z_]+ = )", "", config.example(), flags=re.MULTILINE)
    tables = tomllib.loads(plain)
    for section in config.SECTIONS:
        expected = {key: item.default for key, item in config.keys(section).items()}
        shown = {
            key: tuple(value) if isinstance(value, list) else value for key, value in tables[section].items()
        }
        assert shown == {key: str(v) if isinstance(v, Path) else v for key, v in expected.items()}


def test_every_default_passes_its_own_check_and_every_key_has_help() -> None:
    for section in config.SECTIONS:
        for key, item in config.keys(section).items():
            check = item.metadata["check"]
            assert check is None or check(item.default) is None, f"{section}.{key}"
            assert item.metadata["help"].endswith("."), f"{section}.{key}"


def test_every_key_is_read_by_somebody() -> None:
    sources = [
        path
        for room in ("davserver", "admin")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "config.py"
    ]
    read = {
        node.attr
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    settings = [(section, key) for section in config.SECTIONS for key in config.keys(section)]
    assert [f"{section}.{key}" for section, key in settings if key not in read] == []


# -- where settings come from


def test_without_any_file_everything_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = config.load(environ={})
    assert settings.source is None
    assert settings.storage.data_dir == tmp_path / "data"
    assert settings.caldav == config.CalDavSettings()


def test_a_file_is_found_by_argument_variable_data_directory_and_current_directory_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [tmp_path / name / "config.toml" for name in ("argument", "variable", "data", "current")]
    for place in places:
        place.parent.mkdir()
        place.write_text("")
    monkeypatch.chdir(places[3].parent)
    environ = {"DAVSERVER_CONFIG": str(places[1]), "DAVSERVER_DATA_DIR": str(places[2].parent)}
    assert config.load(places[0], environ).source == places[0]
    assert config.load(None, environ).source == places[1]
    del environ["DAVSERVER_CONFIG"]
    assert config.load(None, environ).source == places[2]
    assert config.load(None, {}).source == places[3]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = '[server]\nlisten = "127.0.0.1:1"\nthreads = 2\n[auth]\nbasic = true\n'
    environ = {
        "DAVSERVER_SERVER_LISTEN": "127.0.0.1:2",
        "DAVSERVER_AUTH_DIGEST": "yes",
        "DAVSERVER_SERVER_TRUSTED_PROXIES": "10.0.0.0/8, unix",
        "DAVSERVER_DATA_DIR": str(tmp_path / "elsewhere"),
    }
    settings = load(tmp_path, text, **environ)
    assert settings.server.listen == "127.0.0.1:2"
    assert settings.server.threads == 2
    assert settings.auth.digest is True
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "unix")
    assert settings.storage.data_dir == tmp_path / "elsewhere"


def test_data_dir_is_relative_to_the_file_not_to_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert load(tmp_path, '[storage]\ndata_dir = "my data"\n').storage.data_dir == tmp_path / "my data"
    assert load(tmp_path, "").storage.data_dir == tmp_path / "data"


def test_a_file_beside_the_database_means_that_database(tmp_path: Path) -> None:
    (tmp_path / config.DATABASE_FILE).touch()
    assert load(tmp_path, "").storage.data_dir == tmp_path


def test_variables_of_container_platforms_are_not_ours(tmp_path: Path) -> None:
    environ = {
        "DAVSERVER_PORT": "tcp://10.1.1.1:80",
        "DAVSERVER_SERVICE_HOST": "10.1.1.1",
        "DAVSERVER_TEST_X": "1",
    }
    assert load(tmp_path, "", **environ).server == config.ServerSettings()


def test_a_byte_order_mark_of_windows_editors_is_no_error(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff[server]\nthreads = 3\n").server.threads == 3


# -- mistakes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[servr]\n", "unknown section [servr]; did you mean server?"),
        ("[server]\nlisten_on = 1\n", "unknown key server.listen_on"),
        ("[server]\nthread = 4\n", "unknown key server.thread; did you mean threads?"),
        ("[server]\nlisten = 8080\n", "server.listen must be text in quotes"),
        ('[server]\nlisten = "8080"\n', "server.listen must be HOST:PORT"),
        ('[server]\nthreads = "4"\n', "server.threads must be a whole number without quotes"),
        ("[server]\nthreads = true\n", "server.threads must be a whole number"),
        ("[server]\nthreads = 0\n", "server.threads must be between 1 and 256"),
        ('[server]\ntrusted_proxies = "10.0.0.1"\n', "server.trusted_proxies must be a list"),
        (
            '[server]\ntrusted_proxies = ["nginx"]\n',
            'networks such as "10.0.0.0/8", not "nginx"',
        ),
        ('[server]\nbase_url = "https://x.org/dav"\n', "server.base_url must be like"),
        ('[server]\nurl_prefix = "/x/"\n', "server.url_prefix must be empty or like"),
        ("[auth]\nbasic = 1\n", "auth.basic must be true or false"),
        ("[auth]\nbasic = false\n", "nobody could sign in"),
        ('[auth]\nremote_user = "REMOTE_USER"\n', "auth.remote_user needs auth.remote_user_from"),
        ('[accounts]\ntimezone = "Mars/Olympus"\n', "accounts.timezone must be an IANA time zone"),
        ('[accounts]\ncalendar_components = ["VFOO"]\n', "must be a list of at least one of VEVENT"),
        ('[storage]\ndatabase_url = "mysql://x"\n', "storage.database_url must begin with"),
        ('[caldav]\nmin_date_time = "1900-01-01"\n', "caldav.min_date_time must be a UTC date-time"),
        ('[log]\nlevel = "LOUD"\n', "log.level must be one of DEBUG"),
        ("[server\n", "is not valid TOML"),
        ("server = 1\n", "write [server] on a line of its own"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    message = complaint(tmp_path, text)
    assert message.startswith(str(tmp_path / "config.toml")), message
    assert expected in message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    message = complaint(
        tmp_path, "[server]\nthreads = 0\nfoo = 1\n[log]\nlevel = 3\n", DAVSERVER_AUTH_BASIC="maybe"
    )
    assert len(message.splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "DAVSERVER_SERVER_LISTN",
            "x",
            "DAVSERVER_SERVER_LISTN; did you mean DAVSERVER_SERVER_LISTEN?",
        ),
        ("DAVSERVER_SERVER_THREADS", "many", "DAVSERVER_SERVER_THREADS must be a whole number"),
        ("DAVSERVER_AUTH_BASIC", "2", "DAVSERVER_AUTH_BASIC must be true or false"),
        ("DAVSERVER_SERVER_THREADS", "0", "DAVSERVER_SERVER_THREADS must be between"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    message = complaint(tmp_path, "", **{name: value})
    assert message.startswith("environment: ")
    assert expected in message


def test_a_missing_file_and_one_that_is_not_utf_8_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "absent.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        config.load(tmp_path / "latin.toml", {})


def test_settings_are_frozen() -> None:
    settings = config.Settings()
    with pytest.raises(AttributeError):
        settings.server.threads = 3  # type: ignore[misc]
    assert {item.name for item in fields(settings)} == {*config.SECTIONS, "source", "fixed"}
