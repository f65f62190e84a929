"""The report of a training: one self-contained page; and a page that compares several runs."""

from .writing import report as report
