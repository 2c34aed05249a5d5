"""Pages of other sites and names that are not the server's own are refused, with a line that says what to set."""

import pytest

from inference.access import is_loopback, refusal

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
    ("host", "expected"), [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_loopback_is_known(host, expected):
    assert is_loopback(host) is expected
