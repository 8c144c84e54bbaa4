"""Rendered adults with exact straight alpha; see the README beside this file. Runs on Python 3.11."""
