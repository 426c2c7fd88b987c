#!/usr/bin/env python3
"""Opens a page in headless Chromium and says what a reader would see.

    python3 tests/browser/visit.py URL [--screenshot FILE] [--window 1000x900] [--timeout 60]

Prints one line of JSON:

    {"status": 200, "title": ..., "text": ...,
     "images": [{"src": ..., "width": ..., "height": ..., "complete": true}]}

`width` and `height` are the picture's natural size: 0 if it did not decode.

Exit status: 0 visited; 1 the visit failed, with one line on standard error
that says why; 2 a bad option; 3 no Chromium here (CHROMIUM names one
elsewhere).

Only the standard library. The browser is spoken to in its DevTools protocol
through two inherited pipes (--remote-debugging-pipe) and not a port: no port
can be taken, no WebSocket is needed, and a browser whose pipe has closed ends
by itself, so that even killing this script with SIGKILL leaves none behind.
"""

import argparse
import base64
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # root, and most containers, cannot have one
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm is 64 MiB in many containers
    "--disable-breakpad",  # the crash handler is a process of its own
    "--disable-crash-reporter",
    "--no-zygote",  # renderers are the browser's own children, and it reaps them
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",  # the page is on this machine
    "--hide-scrollbars",
    "--password-store=basic",
)

# `load` has fired when this runs, so every picture has been fetched or has
# failed; decode() waits until the fetched ones could be painted.
LOOK = """
(async () => {
  await Promise.allSettled(Array.from(document.images, image => image.decode()));
  const [navigation] = performance.getEntriesByType('navigation');
  return JSON.stringify({
    status: navigation ? navigation.responseStatus : 0,
    title: document.title,
    text: document.body ? document.body.innerText : '',
    images: Array.from(document.images, image => ({
      src: image.src,
      width: image.naturalWidth,
      height: image.naturalHeight,
      complete: image.complete,
    })),
  });
})()
"""

# What is kept back from the time allowed, for ending the browser.
CLOSING_SECONDS = 6.0

PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """The visit failed; the message is one line for whoever called."""


class NoBrowser(Failure):
    """There is no Chromium to visit with."""


class Browser:
    """One Chromium process with a profile of its own."""

    def __init__(self, deadline, window):
        self.deadline = deadline
        self.next_id = 0
        self.received = b""
        self.events = []
        program = find_browser()
        self.folder = tempfile.mkdtemp(prefix="switchboard-visit-")
        self.process = None
        self.to_browser = self.from_browser = None
        try:
            self.start(program, window)
        except BaseException:
            self.close()
            raise

    def start(self, program, window):
        # The browser reads its descriptor 3 and writes its descriptor 4. The
        # ends are moved high first, so that neither is overwritten by dup2.
        child_reads, self.to_browser = os.pipe()
        self.from_browser, child_writes = os.pipe()
        child_ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (child_reads, child_writes)]
        self.to_browser = move_high(self.to_browser)
        self.from_browser = move_high(self.from_browser)
        os.close(child_reads)
        os.close(child_writes)

        def place_pipes():
            os.dup2(child_ends[0], 3)
            os.dup2(child_ends[1], 4)

        environment = dict(os.environ)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"):
            environment[name] = self.folder
        # No session bus: looking for one costs seconds where there is none.
        environment["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"
        with open(os.path.join(self.folder, "stderr"), "wb") as stderr:
            self.process = subprocess.Popen(
                [
                    program,
                    *FLAGS,
                    "--window-size=%d,%d" % window,
                    "--user-data-dir=" + os.path.join(self.folder, "profile"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
                preexec_fn=place_pipes,
                pass_fds=(3, 4),
                # A process group of its own, so that ending the group ends
                # what this browser started and nothing else.
                start_new_session=True,
            )
        for end in child_ends:
            os.close(end)

    def call(self, method, session=None, **parameters):
        """Sends one command and returns its result; events are kept."""
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        pending = json.dumps(message).encode() + b"\0"
        try:
            while pending:
                pending = pending[os.write(self.to_browser, pending) :]
        except BrokenPipeError:
            raise Failure(self.why_it_ended()) from None
        while True:
            answer = self.read(method)
            if answer.get("id") != self.next_id:
                self.events.append(answer)
            elif "error" in answer:
                raise Failure("%s: %s" % (method, answer["error"].get("message")))
            else:
                return answer["result"]

    def wait_for(self, method, session):
        """Returns once the event has been seen, which may be before now."""
        while True:
            while self.events:
                event = self.events.pop(0)
                if event.get("method") == "Inspector.targetCrashed":
                    raise Failure("the page crashed")
                if event.get("method") == method and event.get("sessionId") == session:
                    return
            self.events.append(self.read(method))

    def read(self, purpose):
        """Returns the next message: JSON, ended by a NUL."""
        while b"\0" not in self.received:
            left = self.deadline - time.monotonic()
            ready = left > 0 and select.select([self.from_browser], [], [], left)[0]
            if not ready:
                raise Failure("timed out waiting for %s" % purpose)
            piece = os.read(self.from_browser, 1 << 16)
            if not piece:
                raise Failure(self.why_it_ended())
            self.received += piece
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def why_it_ended(self):
        with open(os.path.join(self.folder, "stderr"), errors="replace") as stderr:
            said = [line.strip() for line in stderr if line.strip()]
        return "the browser ended early: " + (said[-1] if said else "it said nothing")

    def close(self):
        """Ends the browser and everything it started, and removes its profile."""
        for end in (self.to_browser, self.from_browser):
            if end is not None:
                os.close(end)
        if self.process is not None:
            try:
                # Its pipe is closed, so it is ending by itself.
                self.process.wait(timeout=CLOSING_SECONDS / 2)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            reap_orphans(time.monotonic() + CLOSING_SECONDS / 3)
        shutil.rmtree(self.folder, ignore_errors=True)


def find_browser():
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    raise NoBrowser("no Chromium found (looked for %s)" % (named or ", ".join(BROWSERS)))


def move_high(descriptor):
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high


def adopt_orphans():
    """Makes the browser's own children ours when it ends before them.

    A container's first process often reaps nobody, and zombies would pile up.
    """
    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (AttributeError, OSError):
        pass  # Not Linux: its first process does reap.


def reap_orphans(until):
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except ChildProcessError:
            return


def visit(browser, url, screenshot):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.call("Page.enable", session)
    went = browser.call("Page.navigate", session, url=url)
    if went.get("errorText"):
        raise Failure("%s: %s" % (url, went["errorText"]))
    browser.wait_for("Page.loadEventFired", session)
    looked = browser.call("Runtime.evaluate", session, expression=LOOK, awaitPromise=True, returnByValue=True)
    if "exceptionDetails" in looked:
        raise Failure("looking at the page failed: %s" % looked["exceptionDetails"].get("text"))
    if screenshot:
        picture = browser.call("Page.captureScreenshot", session, format="png", captureBeyondViewport=True)
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(picture["data"]))
    return json.loads(looked["result"]["value"])


def window_size(text):
    width, _, height = text.partition("x")
    return int(width), int(height)


def main():
    parser = argparse.ArgumentParser(description="Open a page in headless Chromium and print what it shows, as JSON.")
    parser.add_argument("url")
    parser.add_argument("--screenshot", metavar="FILE", help="also save the page as a PNG")
    parser.add_argument("--window", type=window_size, default=(1000, 900), metavar="WIDTHxHEIGHT")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for everything together")
    options = parser.parse_args()

    # The default for SIGTERM would skip the clean-up below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adopt_orphans()
    browser = None
    try:
        deadline = time.monotonic() + max(options.timeout - CLOSING_SECONDS, 1.0)
        browser = Browser(deadline, options.window)
        seen = visit(browser, options.url, options.screenshot)
    except NoBrowser as failure:
        print("visit: %s" % failure, file=sys.stderr)
        return 3
    except (Failure, OSError) as failure:
        print("visit: %s" % failure, file=sys.stderr)
        return 1
    finally:
        if browser is not None:
            browser.close()
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
