"""The process in which pip-tools resolves: an order on standard input, its answer on standard output.

A process of its own, because resolving for another platform changes what pip's markers see, and
because reading pip's configuration changes the logging of the whole process.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from scriptlock.errors import ScriptlockError
from scriptlock.pip_configuration import take_configuration
from scriptlock.resolve.borrowed import NAMES, REACHING, borrow
from scriptlock.resolve.indexes import Indexes
from scriptlock.resolve.protocol import failure, in_turn, questions


def main() -> None:
    """Answer the order on standard input; whatever pip prints goes to standard error."""
    gc.disable()  # what is made here is needed to the end, and it takes a third of the time to look for garbage
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.getLogger("pip").propagate = False
    logging.getLogger("pip").addHandler(logging.NullHandler())
    order = json.load(sys.stdin)
    with answers:
        json.dump(respond(order), answers)


def respond(order: Mapping[str, Any], names: Mapping[str, str] = NAMES) -> dict[str, Any]:
    """Return the answer to an order: resolutions, or why there are none.

    From here on the process has no pip configuration but that of the order.

    :param names: where to find what is borrowed from pip and pip-tools.
    """
    try:
        reaching = borrow({name: names[name] for name in REACHING})
        configured = take_configuration(order["folder"])
        asked = list(questions(order))
        with closing(Indexes(reaching, order, configured)) as indexes:
            indexes.prefetch.start(asked[in_turn(asked)[0]])
            # While the first answers are under way there is time to load the rest.
            from scriptlock.resolve.access import Access
            from scriptlock.resolve.answers import answers

            borrowed = borrow(names)
            access = Access(borrowed, indexes, prereleases=order["prereleases"])
            return {"resolutions": answers(borrowed, access, asked)}
    except ScriptlockError as error:
        return failure(error)
