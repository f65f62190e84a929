"""Numbers as people read them: values, shares, amounts, memory, time."""

from __future__ import annotations


def number(value: float, digits: int = 4) -> str:
    """A value to so many significant digits; below a million all of its whole digits: 0.1235, 12346, 1.2e-5, 2e7."""
    value += 0.0  # which makes 0 of -0
    if 10**digits - 0.5 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return _plain_power(f"{value:.{digits}g}")


def brief(value: float) -> str:
    """A value for a narrow place, of at most three digits, two if it is small or has a power: 12.3, 0.0012, 1.2e-5."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return number(value, 2 if abs(value) < 0.01 else 3)
    return _plain_power(f"{value:.1e}")


def _plain_power(text: str) -> str:
    """A number in Python's spelling without the plus sign and the zeros of its power: 1e-5 for 1e-05."""
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if power else mantissa


def percent(share: float) -> str:
    """A share in whole percent; a small one is not rounded to 0%, and a large one not to 100%."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 < share < 1 else f"{share:.0%}"


def amount(n: float) -> str:
    """A count in thousands, millions, billions or trillions: 416.5 k, 15.47 G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(n) >= size:
            return f"{n / size:.4g} {unit}"
    return f"{n:.4g}"


def memory(n: int) -> str:
    """Bytes in words up to one KiB, then in KiB, and in MiB from one MiB on."""
    if n < 2**10:
        return f"{n} byte{'s' if n != 1 else ''}"
    return f"{n / 2**20:,.1f} MiB" if n >= 2**20 else f"{n / 2**10:,.1f} KiB"


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit in which a time up to some minutes is read best, and how many seconds it has."""
    return ("s", 1.0) if seconds >= 1 or not seconds else ("ms", 1e-3) if seconds >= 1e-3 else ("µs", 1e-6)


def duration(seconds: float) -> str:
    """A time from microseconds to hours: 34 ms, 12.5 s, 3 min 07 s, 2 h 05 min."""
    if seconds < 100:
        unit, size = time_unit(seconds)
        return f"{number(seconds / size, 3)} {unit}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
