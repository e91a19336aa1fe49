# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, driven by its own driver."""

import importlib.util
import os
import shutil

# Width and height in CSS pixels.
PHONE = (360, 740)
DESKTOP = (1280, 800)


def why_missing():
    """What is not installed, or None."""
    missing = [name for name, there in (
        ("chromium", shutil.which("chromium")), ("chromium-driver", shutil.which("chromedriver")),
        ("python3-selenium", importlib.util.find_spec("selenium"))) if not there]
    if missing:
        return f"{', '.join(missing)} not installed: ./run setup --with browser"
    return None


def open_browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", "--force-color-profile=srgb", "--no-first-run"):
        options.add_argument(argument)
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")  # which root cannot have; it opens pages of ours only
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def set_size(browser, size):
    """The page's own size; a window of a browser is never as narrow as a phone."""
    width, height = size
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE})
