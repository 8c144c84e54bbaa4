"""Signals that end a run: the first unwinds it, so that unfinished files are removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Never

ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C; what a scheduler sends; a terminal that was closed; Ctrl-Break. Not all exist everywhere."""


class Ended(KeyboardInterrupt):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        """The signal."""


@contextmanager
def unwinding() -> Iterator[None]:
    """
    While the context lasts, raise `Ended` at the first signal, and ignore those after it.

    An impatient second Ctrl-C would otherwise cut the cleaning up short. Signals that were
    ignored before (nohup) stay so. Outside the main thread this does nothing.
    """
    before: dict[signal.Signals, object] = {}
    received: list[int] = []

    def unwind(number: int, _: FrameType | None) -> Never:
        for ending in before:
            signal.signal(ending, signal.SIG_IGN)
        received.append(number)
        raise Ended(number)

    for number in _ending():
        before[number] = signal.signal(number, unwind)
    try:
        yield
    except Ended:
        raise
    except (Exception, KeyboardInterrupt) as error:
        # Libraries that are being loaded make an ImportError of it, Ray a plain KeyboardInterrupt.
        if received:
            raise Ended(received[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def interrupt_main() -> None:
    """Do in the main thread what SIGTERM does: Windows delivers none to another process."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGTERM)
    else:
        signal.raise_signal(signal.SIGTERM)


def _ending() -> list[signal.Signals]:
    if threading.current_thread() is not threading.main_thread():
        return []
    found = [signal.Signals[name] for name in ENDING if name in signal.Signals.__members__]
    return [number for number in found if signal.getsignal(number) is not signal.SIG_IGN]
