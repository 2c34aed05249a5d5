"""Pages of other sites and names that are not the server's own are refused, with a line that says what to set."""

import re

import pytest

from inference.access import closing_reason, is_loopback, origin_of, refusal
from inference.server import ServeConfig

HERE = "127.0.0.1:8760"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HERE, f"http://{HERE}"),
        ("localhost:8760", "http://localhost:8760"),
        ("LOCALHOST:8760", "http://localhost:8760"),
        ("[::1]:8760", "http://[::1]:8760"),
        (HERE, None),  # no browser
    ],
)
def test_own_pages_may_play(host, origin):
    assert refusal(host, origin, "127.0.0.1", ()) == ""


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9999", "http://127.0.0.1", "null", "", f"http://{HERE}.evil.example"]
)
def test_foreign_pages_are_refused(origin):
    line = refusal(HERE, origin, "127.0.0.1", ("https://friend.example",))
    assert "is not allowed here" in line and "serve.allowed_origins" in line and "\n" not in line


@pytest.mark.parametrize("host", ["evil.example:8760", "evil.example", "", "10.0.0.7:8760", "[::1"])
def test_a_name_that_was_pointed_at_this_machine_is_refused(host):
    assert "is not known here" in refusal(host, f"http://{host}", "127.0.0.1", ())


def test_an_allowed_page_may_play_under_its_own_name_and_ours():
    allowed = ("https://play.example",)
    assert refusal(HERE, "https://play.example", "127.0.0.1", allowed) == ""
    assert refusal("play.example", "https://play.example", "127.0.0.1", allowed) == ""
    assert refusal(HERE, "http://play.example", "127.0.0.1", allowed)  # another scheme is another page


def test_a_server_on_the_network_answers_to_addresses_but_not_to_unknown_names():
    assert refusal("10.0.0.7:8760", "http://10.0.0.7:8760", "0.0.0.0", ()) == ""
    assert refusal("evil.example:8760", "http://evil.example:8760", "0.0.0.0", ())


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://127.0.0.1:9999", HERE, "127.0.0.1"),
        ("https://hub.example:8443", HERE, "127.0.0.1"),
        ("https://hub.example", "hub.example", "127.0.0.1"),
        ("http://[fd00::7]:80", "[::1]:8760", "::1"),
        ("https://8760-a-rather-long-name-0123456789.europe-west1.shell.cloud.example", HERE, "0.0.0.0"),
    ],
)
def test_what_a_refusal_advises_is_accepted(origin, host, own):
    line = refusal(host, origin, own, ())
    advised = re.search(r"--set 'serve\.allowed_origins=\[\"(.+)\"\]'$", line)
    assert advised and refusal(host, origin, own, (advised[1],)) == ""
    assert len(closing_reason(line).encode()) <= 123 and "serve.allowed_origins" in closing_reason(line)


def test_what_a_stranger_writes_cannot_steer_a_terminal_or_a_shell():
    for wild in ("http://a\x1b[2J\x9b", "http://a'; rm -rf ~; '", "http://" + "a" * 5000, "\n\nhttp://a"):
        of_origin, of_host = refusal(HERE, wild, "127.0.0.1", ()), refusal(wild, None, "127.0.0.1", ())
        assert "--set" not in of_origin
        assert all(line.isprintable() and len(line) < 350 for line in (of_origin, of_host))


def test_an_allowed_origin_may_be_written_as_an_address_and_must_be_one():
    for written in ("https://Play.Example/", "https://play.example:443", " https://play.example"):
        assert origin_of(written) == "https://play.example"
        assert refusal(HERE, "https://play.example", "127.0.0.1", (written,)) == ""
    for wrong in ("play.example", "*", "https://*.example", "ftp://a", "https://a; script-src *", "null", "https://a/b"):
        with pytest.raises(ValueError, match="is no address of a page; write it as https://name"):
            origin_of(wrong)
        with pytest.raises(ValueError, match="allowed_origins"):
            ServeConfig(allowed_origins=(wrong,))


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_loopback_is_known(host, expected):
    assert is_loopback(host) is expected
