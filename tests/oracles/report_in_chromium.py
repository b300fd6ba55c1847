"""Opens a report in headless Chromium: charts and gallery are there, filters and search work, nothing is fetched and the
console stays empty. Writes screenshots of a desktop and a phone, light and dark, to look at.

Usage: python report_in_chromium.py REPORT.html [SCREENSHOTS]

Needs Debian's `chromium` (or another, named by CHROMIUM) and only Python's standard library: it speaks the DevTools
protocol over the browser's pipe.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
]


class Browser:
    def __init__(self, folder: str):
        ours, theirs = os.pipe(), os.pipe()
        command = [os.environ.get("CHROMIUM", "chromium"), *FLAGS, f"--user-data-dir={folder}", "about:blank"]

        def wire():
            # Inherited descriptors may be 3 or 4 themselves.
            reads, writes = os.dup(ours[0]), os.dup(theirs[1])
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            command, preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.write, self.read = ours[1], theirs[0]
        self.buffer, self.number, self.session, self.events = b"", 0, None, []

    def receive(self) -> dict:
        while b"\0" not in self.buffer:
            part = os.read(self.read, 1 << 20)
            if not part:
                raise SystemExit("the browser went away")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def send(self, method: str, **parameters) -> dict:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data):]
        while True:
            reply = self.receive()
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise SystemExit(f"{method}: {reply['error']}")
                return reply["result"]
            self.events.append(reply)

    def evaluate(self, expression: str):
        reply = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in reply:
            raise SystemExit(f"{expression}: {reply['exceptionDetails']}")
        return reply["result"].get("value")

    def wait(self, expression: str, seconds: float = 20):
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise SystemExit(f"never true: {expression}")
            time.sleep(0.05)


def main(report: pathlib.Path, screenshots: pathlib.Path | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(folder)
        try:
            target = browser.send("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ["Runtime", "Log", "Page", "Network"]:
                browser.send(f"{domain}.enable")
            started = time.monotonic()
            browser.send("Page.navigate", url=report.resolve().as_uri())
            browser.wait("document.readyState === 'complete' && document.querySelectorAll('.card').length > 0")
            print(f"loaded in {time.monotonic() - started:.2f} s, {report.stat().st_size / 1e6:.1f} MB")
            check(browser)
            if screenshots:
                screenshots.mkdir(parents=True, exist_ok=True)
                for name, width, height in [("desktop", 1280, 900), ("phone", 390, 844)]:
                    for theme in ["light", "dark"]:
                        shoot(browser, screenshots / f"{name}-{theme}.png", width, height, theme)
            browser.evaluate("1")
            faults = [fault for event in browser.events if (fault := trouble(event))]
            for fault in faults:
                print("fault:", fault)
            return 1 if faults else 0
        finally:
            browser.process.terminate()
            browser.process.wait()


def check(browser: Browser):
    count = "document.querySelectorAll('{}').length"
    for selector in ["#weaknesses svg.wide .mark", "#strategies svg.wide .mark", "#gallery .card"]:
        found = browser.evaluate(count.format(selector))
        print(f"{selector}: {found}")
        assert found > 0, selector
    examples = browser.evaluate("JSON.parse(document.getElementById('examples').textContent).length")
    assert browser.evaluate(count.format("#gallery .card")) <= examples
    # Pictures come when their cards do.
    assert browser.evaluate("[...document.querySelectorAll('.card img')].every((image) => !image.src)")
    browser.evaluate("document.getElementById('gallery').scrollIntoView()")
    browser.wait("[...document.querySelectorAll('.card img')].some((image) => image.src && image.complete && image.naturalWidth > 0)")
    # Every filter leaves exactly what it says.
    for name in ["category", "strategy", "wrong"]:
        value = browser.evaluate(f"document.getElementById('{name}').options[1].value")
        browser.evaluate(
            f"(() => {{ const s = document.getElementById('{name}'); s.value = {json.dumps(value)};"
            "s.dispatchEvent(new Event('change')); })()"
        )
        expected = browser.evaluate(
            f"JSON.parse(document.getElementById('examples').textContent).filter((e) => e['{name}'] === {json.dumps(value)}).length"
        )
        said = browser.evaluate("document.getElementById('found').value")
        assert said.startswith(str(expected)), (name, value, said, expected)
        print(f"filter {name} = {value}: {said}")
        browser.evaluate("document.getElementById('filters').reset()")
        browser.wait(f"document.getElementById('found').value === '{examples} examples'")
    probe = browser.evaluate("JSON.parse(document.getElementById('examples').textContent).at(-1).probe")
    browser.evaluate(
        f"(() => {{ const s = document.getElementById('search'); s.value = '{probe}'; s.dispatchEvent(new Event('input')); }})()"
    )
    browser.wait("document.querySelectorAll('#gallery .card').length === 1")
    browser.evaluate("document.getElementById('filters').reset()")
    browser.wait(f"document.getElementById('found').value === '{examples} examples'")
    # Scrolling brings more, until all are there or enough were seen.
    for _ in range(4):
        browser.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        time.sleep(0.3)
    cards = browser.evaluate(count.format("#gallery .card"))
    assert cards == examples or cards > 48, cards
    print(f"cards after scrolling: {cards} of {examples}")
    browser.evaluate("document.querySelector('.card .picture').click()")
    browser.wait("document.getElementById('large').open && document.querySelector('#large img').naturalWidth > 0")
    browser.evaluate("document.getElementById('large').close()")
    browser.evaluate("document.getElementById('theme').click()")
    assert browser.evaluate("document.documentElement.dataset.theme") in ("light", "dark")
    browser.evaluate("delete document.documentElement.dataset.theme")


def shoot(browser: Browser, path: pathlib.Path, width: int, height: int, theme: str):
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    browser.evaluate("document.getElementById('filters').reset()")
    browser.evaluate("window.scrollTo(0, 0)")
    time.sleep(0.4)
    wide = browser.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"{path.stem}: {wide} pixels wide"
    for part, place in [("top", "0"), ("gallery", "document.getElementById('gallery').offsetTop - 60")]:
        browser.evaluate(f"window.scrollTo({{top: {place}, behavior: 'instant'}})")
        time.sleep(0.5)
        tall = 2400 if part == "top" else 1500
        browser.send("Emulation.setDeviceMetricsOverride", width=width, height=tall, deviceScaleFactor=1, mobile=width < 500)
        browser.evaluate(f"window.scrollTo({{top: {place}, behavior: 'instant'}})")
        time.sleep(0.5)
        image = browser.send("Page.captureScreenshot", format="png")["data"]
        path.with_stem(f"{path.stem}-{part}").write_bytes(base64.b64decode(image))


def trouble(event: dict) -> str | None:
    parameters = event.get("params", {})
    match event.get("method"):
        case "Runtime.exceptionThrown":
            return json.dumps(parameters["exceptionDetails"])[:400]
        case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
            return json.dumps(parameters["args"])[:400]
        case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
            return json.dumps(parameters["entry"])[:400]
        case "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            return None if url.startswith(("file:", "data:", "about:")) else f"asked the network for {url[:200]}"
    return None


if __name__ == "__main__":
    arguments = [pathlib.Path(argument) for argument in sys.argv[1:]]
    sys.exit(main(arguments[0], arguments[1] if len(arguments) > 1 else None))
