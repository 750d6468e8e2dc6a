import os
import sys

from harness import ROOT, Skip, check

sys.path.insert(0, os.path.join(ROOT, "tests", "multisite"))
import run as multisite  # noqa: E402


def test_random_faults_lose_and_double_nothing(t):
    if os.getuid() != 0:
        raise Skip("namespaces need root")
    # The very same calls at both sites, from the same addresses: they are two sets of calls, and stay so.
    books = multisite.run(t, multisite.arguments(["--seed", "3", "--seconds", "7", "--talk", "1", "--same-calls"]))
    check(multisite.balance(books), f"the books do not balance: {dict(books)}")
