"""The search and the index find the learner's words: in a real browser, as the search is a script."""

from __future__ import annotations

import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from built_docs import HTML, needs_the_build, pages

pytest.importorskip("playwright")

from playwright.sync_api import sync_playwright

pytestmark = needs_the_build()

# What a browser without a screen needs, as root in a container too; and it is to ask nothing of the network itself.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
FIRST = 5  # how many results a reader looks at

BATCHES, TRAINING = "gradient-of-a-batch", "full-batch-or-mini-batch"
# Words that people look for, and the pages one of which should come up.
WORDS = {
    "backpropagation": {"glossary", "questions", BATCHES, "how-backward-works"},
    "gradient descent": {"glossary", TRAINING, BATCHES},
    "stochastic gradient descent": {"glossary", TRAINING},
    "chain rule": {"glossary", "how-backward-works"},
    "hidden layer": {"glossary", "questions", BATCHES},
    "activation": {"glossary", "models"},
    "activation function": {"glossary", "models"},
    "loss function": {"glossary"},
    "cost function": {"glossary"},
    "learning rate": {"glossary", TRAINING, "which-batch-size"},
    "epoch": {"glossary", TRAINING, "data"},
    "batch size": {"glossary", TRAINING, "which-batch-size"},
    "mini-batch": {"glossary", TRAINING},
    "full batch": {"glossary", TRAINING},
    "shuffle": {"glossary", TRAINING, "data", "questions"},
    "error term": {"glossary", BATCHES, "questions"},
    "per-sample gradient": {"glossary", "open-the-sum", "per-sample-gradients-in-research"},
    "computational graph": {"glossary", "how-backward-works"},
    "saliency map": {"glossary", "input-gradients"},
    "style transfer": {"glossary", "input-gradients"},
    "weight decay": {"glossary", "questions"},
    "noise scale": {"glossary", "which-batch-size", "per-sample-gradients-in-research"},
    "gradient check": {"glossary", "property-test-your-gradients"},
    "gradient accumulation": {"glossary", BATCHES},
    "bias": {"glossary"},
    "logits": {"glossary"},
    "softmax": {"glossary", "api/generated/ops", "api/generated/functional"},
    "overfitting": {"glossary", TRAINING},
    "parameter": {"glossary", "api/generated/nn"},
    "reduction": {"glossary", BATCHES},
    "vjp": {"glossary", "add-an-op", "api/generated/autograd"},
    "Jacobian": {"glossary", "api/generated/autograd", "test-gradients-written-by-hand"},
}
# What learners type. The page of questions should be the first of the pages, or the second.
PHRASES = [
    "which x goes with which delta",
    "error term hidden layer",
    "average error per output neuron",
    "batch saves work",
    "averaging weights",
    "update of the sum Adam",
    "gradient of one observation",
    "when does the error function change",
    "uneven last batch",
    "gradient depends on inputs",
    "learning rate too large",
    "when to stop training",
    "why shuffle",
    "sum or mean",
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The built pages on a server of this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser.new_page()
        browser.close()


def results(page: Any, address: str, word: str) -> list[str]:
    """The pages that the search finds, best first, each once."""
    page.goto(f"{address}/search.html")
    page.locator(".sidebar-search, input[name=q]").first.type(word)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q="))
    page.wait_for_function("() => /found|did not match/.test(document.querySelector('#search-results').textContent)")
    links = page.locator("#search-results ul.search > li > a").evaluate_all("all => all.map(a => a.pathname)")
    return list(dict.fromkeys(link.removeprefix("/").removesuffix(".html") for link in links))


@pytest.mark.parametrize("word", WORDS)
def test_the_search_finds_a_word(word: str, browser_page: Any, address: str) -> None:
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    found = results(browser_page, address, word)
    assert WORDS[word] & set(found[:FIRST]), found[:10]
    assert not [url for url in asked if not url.startswith((address, "data:"))], "the page asks another server"


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_search_finds_the_answer_to_a_question(phrase: str, browser_page: Any, address: str) -> None:
    assert "questions" in results(browser_page, address, phrase)[:2]


def test_the_name_of_a_function_is_found_first(browser_page: Any, address: str) -> None:
    assert results(browser_page, address, "mean")[0] == "api/generated/reductions"


def terms() -> list[str]:
    """The words that the glossary explains."""
    listed = re.search(r"^```\{glossary\}\n(.*?)^```$", pages()["glossary"], re.MULTILINE | re.DOTALL)
    assert listed
    return [line for line in listed[1].splitlines() if line and not line.startswith(" ")]


def test_the_glossary_has_the_words_of_the_field_and_the_symbols() -> None:
    words = "backpropagation, gradient descent, chain rule, hidden layer, activation, loss function, learning rate, "
    words += "epoch, batch size, mini-batch, error term"
    assert not set(words.split(", ")) - {term.lower() for term in terms()}
    assert not [sign for sign in ("$J$", "$z$", "$a$", "$x$") if sign not in pages()["glossary"]]


def test_the_index_has_the_words() -> None:
    html = (HTML / "genindex.html").read_text(encoding="utf-8")
    entries = {re.sub(r"<[^>]+>", "", entry).strip().lower() for entry in re.findall(r"<li>(.*?)(?:</a>|<ul>)", html)}
    assert not {term.lower() for term in terms()} - entries


def test_the_glossary_is_in_order_and_links_on() -> None:
    listed = [
        entry for entry in re.split(r"\n\n", pages()["glossary"].partition("```{glossary}\n")[2]) if entry.strip("`\n")
    ]
    heads = [entry.splitlines()[0].lower() for entry in listed]
    assert heads == sorted(heads)
    for entry in listed:
        assert re.search(r"\]\([\w/.-]+\)|\{term\}`", entry), f"this leads nowhere: {entry}"
        assert len([line for line in entry.strip("`\n").splitlines() if line.startswith(" ")]) <= 4
