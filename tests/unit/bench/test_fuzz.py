"""The fuzzer: the same seed gives the same cases, and a failure is shown with the body that made it."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench import fuzz

SCRIPT = Path(__file__).parents[3] / "bench" / "fuzz.py"


@pytest.mark.parametrize("name", fuzz.decoders())
def test_a_short_run_of_each_decoder(name: str) -> None:
    cases = 2_000
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--decoder", name, "--cases", str(cases), "--seed", "3"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{cases:,} cases, ")
    assert done.stdout.endswith("seed 3: no failure\n")


@pytest.mark.parametrize("name", fuzz.decoders())
def test_every_decoder_reads_what_is_not_damaged(name: str) -> None:
    decoder, rng = fuzz.decoders()[name], random.Random(5)
    assert sum(decoder.check(decoder.body(rng)) for _ in range(100)) >= 40


def test_a_failure_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def check(body: bytes) -> bool:
        if b"\xff" in body:
            raise ZeroDivisionError("a mistake")
        return True

    decoder = fuzz.Decoder(lambda rng: b"abc\x0a\x03def", check, fuzz.PROTOBUF)
    assert fuzz.run(decoder, 10_000, 1) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError: a mistake" in shown.err
    last = shown.out.splitlines()[-1]
    assert b"\xff" in bytes.fromhex(last)


@pytest.mark.parametrize(
    "mutation", dict.fromkeys((*fuzz.PROTOBUF, *fuzz.JSON, fuzz.set_head)), ids=lambda one: one.__name__
)
def test_mutations_change_and_repeat(mutation: fuzz.Mutation) -> None:
    body, other = b'{"a":[1,"x",null],"bcd":-5}', b'{"z":"other"}'
    found = [mutation(random.Random(seed), body, other) for seed in range(50)]
    assert found == [mutation(random.Random(seed), body, other) for seed in range(50)]
    assert any(one != body for one in found)
    assert all(isinstance(mutation(random.Random(seed), b"x", b"y"), bytes) for seed in range(50))
