"""Checks every page of the built book in Chromium, through WebDriver.

python3 .ci/pages.py HTML [SHOTS]: at desktop and phone widths, in a light and
a dark theme, nothing overflows, figures are readable, tabs work, no excerpt has
indentation in all of its lines, and no page writes an error to the console. With
SHOTS, writes pictures of each page to that folder. Needs chromium, chromedriver
and Python's standard library.
"""

import base64
import functools
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

SIZES = {"desktop": (1280, 900, False), "phone": (390, 844, True)}
THEMES = ("light", "dark")
LEFT, RIGHT, HOME, END = "\ue012", "\ue014", "\ue011", "\ue010"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element in WebDriver's JSON

# Returns the faults of the open page, in sentences. Code, tables and wide figures
# scroll by themselves, so they may be wider than the page. Nothing else may.
LOOK = r"""
const faults = [];
const page = document.scrollingElement;
if (page.scrollWidth > innerWidth) faults.push(`the page is ${page.scrollWidth} wide, the window ${innerWidth}`);
const content = document.querySelector('#mdbook-content');
const scrolls = (e) => e !== content && ['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX);
const inScroller = (e) => { for (e = e.parentElement; e && e !== content; e = e.parentElement) if (scrolls(e)) return true; return false; };
if (content.scrollWidth > content.clientWidth) {
    const edge = content.getBoundingClientRect().right;
    const wide = [...content.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > edge + 0.5 && !inScroller(e));
    const names = wide.slice(0, 3).map((e) => `<${e.tagName.toLowerCase()}> ${e.textContent.trim().slice(0, 40)}`);
    faults.push(`the text is ${content.scrollWidth} wide, its room ${content.clientWidth}: ${names.join(' | ')}`);
}
for (const svg of document.querySelectorAll('main figure svg')) {
    if (!svg.checkVisibility()) {
        if (!svg.closest('details:not([open]), [hidden]')) faults.push('a figure is not visible');
        continue;
    }
    const name = svg.querySelector('title')?.textContent;
    const box = svg.getBoundingClientRect();
    if (box.width < 100 || box.height < 20) faults.push(`figure "${name}" is ${box.width} by ${box.height}`);
    for (const text of svg.querySelectorAll('text')) {
        const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
        if (size < 11.9) faults.push(`figure "${name}": "${text.textContent.trim()}" is ${size.toFixed(1)} px high`);
        const r = text.getBoundingClientRect();
        if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1)
            faults.push(`figure "${name}": "${text.textContent.trim()}" leaves the figure`);
    }
}
for (const image of document.querySelectorAll('main img')) if (!image.naturalWidth) faults.push(`image ${image.src} is broken`);
for (const code of document.querySelectorAll('main code.language-rust')) {
    const lines = code.textContent.split('\n').filter((line) => line.trim());
    if (lines.every((line) => line.startsWith(' '))) faults.push(`all lines of a block are indented: ${lines[0]}`);
}
for (const group of document.querySelectorAll('main .tabs')) {
    const shown = [...group.querySelectorAll(':scope > .tab')].filter((tab) => !tab.hidden);
    if (shown.length !== 1) faults.push(`${shown.length} tabs are open at once`);
    if (group.querySelectorAll('[role=tablist] > [role=tab][aria-controls]').length < 2) faults.push('tabs without their roles');
}
return faults;
"""

# The state of the first group of tabs: which tab is chosen, focused and shown.
STATE = r"""
const group = document.querySelector('main .tabs');
const tabs = [...group.querySelectorAll('[role=tab]')];
return {
    count: tabs.length,
    chosen: tabs.findIndex((tab) => tab.ariaSelected === 'true' && tab.tabIndex === 0),
    focused: tabs.indexOf(document.activeElement),
    shown: tabs.map((tab, n) => [n, document.getElementById(tab.getAttribute('aria-controls'))])
        .filter(([, panel]) => panel.checkVisibility()).map(([n]) => n),
    panels: group.querySelectorAll(':scope > .tab').length,
    open: [...group.querySelectorAll(':scope > .tab')].filter((panel) => panel.checkVisibility()).length,
    heads: [...group.querySelectorAll(':scope > .tab > h4')].filter((head) => head.checkVisibility()).length,
    list: !!group.querySelector('.tablist')?.checkVisibility(),
    page: location.pathname,
};
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Refused(Exception):
    """The browser cannot do what we ask, for example because the page has changed."""


class Browser:
    """One WebDriver session."""

    def __init__(self, profile):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in self.driver.stdout:
            if started := re.search(r"started successfully on port (\d+)", line):
                break
        else:
            raise SystemExit("chromedriver did not start")
        # Read its later output, so that the pipe does not fill.
        threading.Thread(target=self.driver.stdout.read, daemon=True).start()
        self.base = f"http://127.0.0.1:{started[1]}/session"
        # Connect to the driver without the proxy that the environment may name.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        flags = """--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run
            --disable-background-networking --disable-component-update --disable-sync --no-proxy-server"""
        options = {"args": flags.split() + [f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.base += "/" + self.call("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, path, data=None, method=None):
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]["message"].splitlines()[0]
            raise Refused(f"WebDriver {path.split('/')[-1]}: {said}") from error

    def cdp(self, command, **parameters):
        return self.call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script):
        return self.call("/execute/sync", {"script": script, "args": []})

    def open(self, url):
        self.call("/url", {"url": url})

    def all(self, selector):
        found = self.call("/elements", {"using": "css selector", "value": selector})
        return [f"/element/{element[ELEMENT]}" for element in found]

    def complaints(self):
        entries = self.call("/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def window(self, size, theme, media=""):
        width, height, mobile = SIZES[size]
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.cdp("Emulation.setEmulatedMedia", media=media, features=features)

    def pictures(self, path):
        """Pictures of the whole page, in pieces of 1800 pixels."""
        width, height = self.run("return [innerWidth, document.scrollingElement.scrollHeight]")
        tall = 1800
        for n, top in enumerate(range(0, height, tall)):
            clip = {"x": 0, "y": top, "width": width, "height": min(tall, height - top), "scale": 1}
            shot = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
            path.with_name(f"{path.name}-{n + 1}.png").write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        try:
            self.call("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait()


def tabs(browser, url, size):
    """Tabs must work by mouse and by keys, and be remembered. Without a script and in print, all are shown."""
    faults = []

    def expect(what, **wanted):
        state = browser.run(STATE)
        for key, value in wanted.items():
            if state[key] != value:
                faults.append(f"tabs, {what}: {key} is {state[key]}, not {value}")

    browser.run("localStorage.removeItem('evq-os')")
    browser.open(url)
    page = browser.run(STATE)["page"]
    handles = browser.all("main .tabs [role=tab]")
    handles = handles[: browser.run(STATE)["count"]]
    last = len(handles) - 1
    for n, handle in enumerate(handles):
        browser.call(handle + "/click", {})
        expect(f"click on the tab {n}", chosen=n, shown=[n])
    keys = [(HOME, "Home", 0), (LEFT, "Left", last), (RIGHT, "Right", 0), (RIGHT, "Right", min(1, last)), (END, "End", last)]
    for key, name, wanted in keys:
        at = browser.run(STATE)["chosen"]
        browser.call(handles[at] + "/value", {"text": key})
        expect(f"key {name}", chosen=wanted, focused=wanted, shown=[wanted], page=page)
    browser.open(url)
    expect("the choice after a reload", chosen=last, shown=[last])
    browser.run("localStorage.removeItem('evq-os')")
    browser.window(size, "light", media="print")
    panels = browser.run(STATE)["panels"]
    expect("printed", open=panels, heads=panels, list=False)
    browser.window(size, "light")
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(url)
    expect("without a script", open=panels, heads=panels, list=False)
    browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    browser.open(url)
    return faults


def look(html, shots, browser, address):
    faults, seen = [], {"pages": 0, "figures": 0, "tabs": 0}
    pages = [page for page in sorted(html.glob("**/*.html")) if page.name not in ("print.html", "toc.html")]
    for size in SIZES:
        for theme in THEMES:
            browser.window(size, theme)
            for page in pages:
                name = page.relative_to(html).as_posix()
                where = f"{name} ({size}, {theme})"
                url = f"{address}/{name}"
                browser.open(url)
                found = browser.run(LOOK)
                shown = browser.run("return document.documentElement.classList.contains('light')")
                if shown != (theme == "light"):
                    found.append("the theme does not follow the system's")
                if shots:
                    stem = name.removesuffix(".html").replace("/", "-")
                    browser.pictures(shots / f"{stem}-{size}-{theme}")
                seen["pages"] += 1
                seen["figures"] += len(browser.all("main figure svg"))
                if theme == "light" and browser.all("main .tabs"):
                    seen["tabs"] += 1
                    try:
                        found += tabs(browser, url, size)
                    except Refused as error:
                        found.append(f"tabs: {error} (does a key turn the page?)")
                faults += [f"{where}: {fault}" for fault in found + browser.complaints()]
    return faults, seen


def main():
    html = pathlib.Path(sys.argv[1]).resolve()
    shots = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    serve = functools.partial(Quiet, directory=os.fspath(html))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = Browser(profile)
        try:
            faults, seen = look(html, shots, browser, f"http://127.0.0.1:{server.server_port}")
        finally:
            browser.close()
            server.shutdown()
    print("checked {pages} pages, {figures} figures, and the tabs of {tabs}".format(**seen))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not seen["pages"]:
        print("the book has no page", file=sys.stderr)
    sys.exit(1 if faults or not seen["pages"] else 0)


main()
