"""The queue and its thread, on a transport in memory: every hit is queued, sent, rejected or dropped."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from endpoint_stats_sender import Answer, Retry, Sender, flush, senders
from endpoint_stats_sender.complaints import Complaints
from tests.sender.conftest import Memory, hit, wait_for


def add_up(stats):
    return stats.queued + stats.sent + stats.rejected + stats.dropped == stats.recorded


def paths(hits):
    return [int(one["path"].rpartition("/")[2]) for one in hits]


class TestBatches:
    def test_nothing_happens_before_the_first_record(self, make_sender):
        before = threading.active_count()
        sender = make_sender(Memory())
        assert threading.active_count() == before
        assert sender.flush(0)
        assert sender.stats == (0, 0, 0, 0, 0, "")

    def test_a_full_batch_leaves_at_once(self, make_sender):
        memory = Memory()
        sender = make_sender(memory, max_batch=10)
        for number in range(25):
            sender.record(hit(number))
        wait_for(lambda: sender.stats.sent >= 20, "two full batches")
        assert [len(hits) for _, hits in memory.batches[:2]] == [10, 10]
        assert sender.stats.queued == 5
        assert sender.flush(10)
        assert paths(memory.stored) == list(range(25))
        assert len(set(memory.keys)) == 3

    def test_a_few_leave_after_the_interval(self, make_sender):
        memory = Memory()
        sender = make_sender(memory, interval=0.01)
        sender.record(hit())
        wait_for(lambda: memory.stored, "the interval")
        sender.record(hit(1))
        wait_for(lambda: len(memory.stored) == 2, "the next one")
        assert len(memory.batches) == 2

    def test_the_transport_gets_dictionaries(self, make_sender):
        memory = Memory()
        sender = make_sender(memory)
        sender.record({**hit(7), "consumer": None, "secret": "x"})
        assert sender.flush(10)
        assert memory.stored == [hit(7)]

    def test_flush_says_when_it_was_too_short(self, make_sender):
        memory = Memory()
        memory.gate.clear()
        sender = make_sender(memory)
        sender.record(hit())
        assert not sender.flush(0.01)
        memory.gate.set()
        assert sender.flush(10)

    def test_flush_waits_for_what_was_recorded_before_it(self, make_sender):
        """Not for what comes meanwhile, which may never end."""
        memory = Memory()
        sender = make_sender(memory, interval=0.001, max_batch=5)
        stop = threading.Event()

        def traffic():
            while not stop.is_set():
                sender.record(hit())

        thread = threading.Thread(target=traffic)
        thread.start()
        wait_for(lambda: memory.stored, "traffic")
        assert sender.flush(10)
        stop.set()
        thread.join()

    def test_all_senders_at_once(self, make_sender):
        first, second = Memory(), Memory()
        for memory in (first, second):
            made = make_sender(memory)
            made.record(hit())
            assert made in senders()
        assert flush(10)
        assert len(first.stored) == len(second.stored) == 1

    @pytest.mark.parametrize("wrong", [{"max_queue": 0}, {"max_batch": 0}, {"interval": 0}, {"flush_seconds": -1}])
    def test_options_that_make_no_sense(self, wrong):
        with pytest.raises(ValueError, match="must be at least 1"):
            Sender(Memory(), **wrong)


class TestAnswers:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 301])
    def test_a_refused_batch_is_not_sent_again(self, make_sender, caplog, status):
        memory = Memory(Answer(status, detail="Because."))
        sender = make_sender(memory)
        sender.record(hit(1))
        assert sender.flush(10)
        sender.record(hit(2))
        assert sender.flush(10)
        assert paths(memory.stored) == [2]
        assert sender.stats == (2, 0, 1, 1, 0, f"a batch of 1 hits was refused: {status} Because.")
        assert [record.getMessage() for record in caplog.records] == [f"Endpoint Stats: {sender.stats.last_error}"]

    @pytest.mark.parametrize(
        "trouble", [Answer(503), Answer(429), Answer(408), Answer(500), Answer(502), OSError("no")]
    )
    def test_what_passes_is_tried_again_under_the_same_key(self, make_sender, trouble):
        memory = Memory(*[trouble] * 3)
        sender = make_sender(memory)
        sender.record(hit(1))
        assert sender.flush(10)
        assert len(memory.batches) == 4
        assert len(set(memory.keys)) == 1
        assert sender.stats[:5] == (1, 0, 1, 0, 0)

    def test_a_server_that_is_away_is_waited_for(self, make_sender):
        """Longer than a fault inside it: QUICK has four tries."""
        memory = Memory(*[Answer(503), OSError("refused")] * 10)
        sender = make_sender(memory)
        sender.record(hit())
        assert sender.flush(20)
        assert sender.stats.sent == 1
        assert len(memory.batches) == 21

    def test_a_batch_that_breaks_the_server_blocks_the_next_ones_only_for_so_long(self, make_sender):
        memory = Memory(*[Answer(500, detail="Oops.")] * 4)
        sender = make_sender(memory)
        sender.record(hit(1))
        assert sender.flush(10)
        sender.record(hit(2))
        assert sender.flush(10)
        assert sender.stats[:5] == (2, 0, 1, 1, 0)
        assert paths(memory.stored) == [2]

    def test_too_large_a_batch_goes_in_halves(self, make_sender):
        """Halves have keys of their own: the server knows nothing of the whole."""
        memory = Memory(Answer(413), Answer(413))
        sender = make_sender(memory, max_batch=8)
        for number in range(8):
            sender.record(hit(number))
        assert sender.flush(10)
        assert [len(hits) for _, hits in memory.batches] == [8, 4, 2, 2, 4]
        assert len(set(memory.keys)) == 5
        assert paths(memory.stored) == list(range(8))

    def test_a_single_hit_that_is_too_large_is_refused(self, make_sender):
        memory = Memory(*[Answer(413)] * 2)
        sender = make_sender(memory, max_batch=2)
        for number in range(2):
            sender.record(hit(number))
        assert sender.flush(10)
        assert sender.stats[:5] == (2, 0, 1, 1, 0)

    def test_hits_that_the_server_rejects(self, make_sender, caplog):
        sender = make_sender(Memory(Answer(200, rejected=2, detail="time_too_old: 2")))
        for number in range(5):
            sender.record(hit(number))
        assert sender.flush(10)
        assert sender.stats[:5] == (5, 0, 3, 2, 0)
        assert "2 of 5 hits were rejected: time_too_old: 2" in caplog.text

    def test_retry_after_is_honoured(self, make_sender):
        memory = Memory(Answer(429, retry_after=0.05))
        sender = make_sender(memory, retry=Retry(first=0.0001, asked=1.0))
        sender.record(hit())
        begin = time.monotonic()
        assert sender.flush(10)
        assert 0.05 <= time.monotonic() - begin < 5

    def test_log_lines_do_not_flood(self, make_sender, caplog):
        sender = make_sender(Memory(*[OSError("refused")] * 30), complaints=Complaints(every=60.0))
        sender.record(hit())
        assert sender.flush(20)
        assert len(caplog.records) == 1
        assert caplog.records[0].levelno == logging.WARNING
        assert "OSError: refused" in caplog.text


class TestAway:
    def test_the_queue_is_bounded_and_keeps_the_newest(self, make_sender, caplog):
        memory = Memory(OSError("refused"))
        memory.gate.clear()
        sender = make_sender(memory, max_queue=100, max_batch=10)
        for number in range(10):
            sender.record(hit(number))
        assert memory.entered.wait(10)
        for number in range(10, 1_000):
            sender.record(hit(number))
        # A hundred wait, ten more are under way.
        assert sender.stats[:5] == (1_000, 110, 0, 0, 890)
        memory.gate.set()
        assert sender.flush(10)
        assert paths(memory.stored) == [*range(10), *range(900, 1_000)]
        assert sender.stats[:5] == (1_000, 0, 110, 0, 890)
        assert "hits dropped so far: 890" in caplog.text

    def test_drops_are_said_while_the_server_is_away(self, make_sender, caplog):
        memory = Memory(*[OSError("refused")] * 1_000)
        sender = make_sender(memory, max_queue=5)
        for number in range(20):
            sender.record(hit(number))
        wait_for(lambda: "hits dropped so far" in caplog.text, "a log line")

    def test_healthy_again_nothing_more_is_said(self, make_sender, caplog):
        sender = make_sender(Memory(), max_queue=5, max_batch=5)
        sender.record(hit())
        assert sender.flush(10)
        assert caplog.text == ""


class TestThreads:
    def test_no_hit_is_lost_or_doubled(self, make_sender):
        memory = Memory()
        sender = make_sender(memory, max_queue=100_000, max_batch=100, interval=0.005)
        start = threading.Barrier(8)

        def hammer(base):
            start.wait()
            for number in range(2_000):
                sender.record(hit(base + number))

        threads = [threading.Thread(target=hammer, args=(index * 2_000,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sender.flush(20)
        assert sorted(paths(memory.stored)) == list(range(16_000))
        assert sender.stats[:5] == (16_000, 0, 16_000, 0, 0)

    def test_a_full_queue_counts_what_it_drops(self, make_sender):
        memory = Memory()
        memory.gate.clear()
        sender = make_sender(memory, max_queue=50, max_batch=10)
        threads = [
            threading.Thread(target=lambda: [sender.record(hit(number)) for number in range(500)]) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = sender.stats
        assert stats.recorded == 3_000
        assert stats.queued <= 60
        assert add_up(stats)
        memory.gate.set()
        assert sender.flush(10)
        assert len(memory.stored) == sender.stats.sent == 3_000 - sender.stats.dropped

    def test_there_is_one_thread_however_many_record_first(self, make_sender):
        sender = make_sender(Memory())
        start = threading.Barrier(8)
        threads = [threading.Thread(target=lambda: (start.wait(), sender.record(hit()))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # By their transport: other tests' senders may be ending.
        assert sender.flush(10)
        assert [thread is sender._thread for thread in threading.enumerate() if thread is sender._thread] == [True]
        assert sender.stats.sent == 8

    def test_a_process_without_threads_goes_on(self, make_sender, monkeypatch, caplog):
        sender = make_sender(Memory(), max_queue=10, interval=0.001)

        def refuse(_):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            for number in range(15):
                sender.record(hit(number))
        assert sender.stats[:5] == (15, 10, 0, 0, 5)
        assert "can't start new thread" in sender.stats.last_error
        assert "can't start new thread" in caplog.text
        wait_for(lambda: (sender.record(hit()), sender.stats.sent)[1] >= 10, "a thread at last")

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_thread_that_was_killed_is_followed_by_another(self, make_sender):
        memory = Memory(SystemExit(), MemoryError())
        sender = make_sender(memory, max_batch=1)
        sender.record(hit(1))
        wait_for(lambda: sender._thread is not None and not sender._thread.is_alive(), "the end of the thread")
        assert sender.stats[:5] == (1, 0, 0, 0, 1)
        sender.record(hit(2))
        assert sender.flush(10)
        assert paths(memory.stored) == [2]


class TestClose:
    def test_what_waits_is_sent(self, make_sender):
        memory = Memory()
        sender = make_sender(memory)
        sender.record(hit())
        sender.close()
        assert len(memory.stored) == 1
        assert memory.closed == 1
        assert not sender._thread.is_alive()

    def test_later_hits_are_dropped_and_counted(self, make_sender):
        memory = Memory()
        sender = make_sender(memory)
        sender.close()
        sender.record(hit())
        assert sender.stats[:5] == (1, 0, 0, 0, 1)
        assert memory.batches == []

    def test_it_never_waits_longer_than_it_may(self, make_sender, caplog):
        memory = Memory()
        memory.gate.clear()
        sender = make_sender(memory, max_batch=2)
        for number in range(5):
            sender.record(hit(number))
        assert memory.entered.wait(10)
        begin = time.monotonic()
        sender.close(timeout=0.05)
        assert time.monotonic() - begin < 5
        assert "hits not sent before the end: 5" in caplog.text
        assert sender.stats[:5] == (5, 2, 0, 0, 3)

    def test_one_more_try_in_the_middle_of_a_long_wait(self, make_sender):
        memory = Memory(OSError("refused"))
        sender = make_sender(memory, retry=Retry(first=60.0, longest=60.0))
        sender.record(hit())
        assert not sender.flush(0.01)
        wait_for(lambda: memory.batches, "the first try")
        sender.close(timeout=10)
        assert len(memory.stored) == 1

    def test_a_server_that_asked_for_patience_is_left_alone(self, make_sender, caplog):
        memory = Memory(Answer(503, retry_after=200.0))
        sender = make_sender(memory, retry=Retry())
        sender.record(hit())
        assert not sender.flush(0.01)
        wait_for(lambda: memory.batches, "the first try")
        begin = time.monotonic()
        sender.close(timeout=10)
        assert time.monotonic() - begin < 5
        assert len(memory.batches) == 1
        assert sender.stats[:5] == (1, 0, 0, 0, 1)
        assert "hits not sent before the end: 1" in caplog.text

    def test_an_away_server_takes_all_the_time_and_no_more(self, make_sender):
        memory = Memory(*[OSError("refused")] * 10_000)
        sender = make_sender(memory, flush_seconds=0.1)
        sender.record(hit())
        begin = time.monotonic()
        sender.close()
        assert time.monotonic() - begin < 5
        assert 2 <= len(memory.batches) < 200
        wait_for(lambda: not sender._thread.is_alive(), "the end of the thread")
        assert sender.stats[:5] == (1, 0, 0, 0, 1)

    def test_twice_is_once(self, make_sender):
        sender = make_sender(Memory())
        sender.record(hit())
        sender.close()
        sender.close()
        assert sender.stats.sent == 1
        assert sender.flush(1)
