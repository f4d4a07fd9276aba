"""What llama.cpp's tests of determinism ask, where theirs are switched off: put into the folder of their tests and run there.

`test_completion.py` skips `test_cache_vs_nocache_prompt`, asks different batches for the same answer at temperature 0 and
without a cache only, and has left out what a prompt is answered in another slot than the first. Here the same is asked of
`/v1/completions`, drawn and greedy, with the likelihood of every token to the last bit.
"""

import pytest
from utils import *

PROMPTS = ["Write a very long book.", "Write another a poem.", "What is LLM?", "The sky is blue and I love it.",
           "Write another very long music lyrics.", "Write a very long joke."]
# So long that it is read in pieces while others are answered.
LONG = "Once upon a time there was a little dog who lived in a big house. " * 6


@pytest.fixture
def server():
    return ServerPreset.tinyllama2()


def answer(server, prompt, temperature, seed=42):
    response = server.make_request("POST", "/v1/completions", data={
        "prompt": prompt, "temperature": temperature, "seed": seed, "max_tokens": 32, "logprobs": 0})
    assert response.status_code == 200, response.body
    [choice] = response.body["choices"]
    cached = response.body["usage"]["prompt_tokens_details"]["cached_tokens"]
    return (choice["text"], choice["logprobs"]["token_logprobs"]), cached


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("prompt", [PROMPTS[0], LONG])
def test_cache_vs_nocache_prompt(server, prompt, temperature):
    server.n_slots, server.n_ctx = 1, 512
    server.start()
    fresh, cached = answer(server, prompt, temperature)
    assert cached == 0
    again, cached = answer(server, prompt, temperature)
    assert cached > 0 and again == fresh
    # What only begins alike is taken from the cache, too, up to where they part.
    longer = prompt + " And then"
    from_the_cache, cached = answer(server, longer, temperature)
    assert cached > 0
    server.stop()
    server.start()
    assert answer(server, longer, temperature) == (from_the_cache, 0)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("n_slots,n_requests", [(1, 3), (2, 2), (2, 4), (4, 2), (4, 6)])
def test_completion_parallel_slots(server, n_slots, n_requests, temperature):
    server.n_slots, server.n_ctx = n_slots, 256 * n_slots
    server.start()
    asked = [(answer, (server, prompt, temperature)) for prompt in PROMPTS[:n_requests]]
    together = [text for text, _ in parallel_function_calls(asked)]
    alone = [answer(server, prompt, temperature)[0] for prompt in PROMPTS[:n_requests]]
    assert together == alone
    assert len(set(map(str, alone))) == n_requests


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_consistent_result_different_batch_size(server, temperature):
    server.n_slots, server.n_ctx = 1, 512
    server.start()
    prompts = [LONG[start:] for start in range(6)]
    alone = [answer(server, prompt, temperature)[0] for prompt in prompts]
    server.stop()
    # The same prompts read amid each other, and by another number of threads: other batches, other pieces.
    for threads in [1, 2]:
        server.n_slots, server.n_ctx, server.n_threads = 6, 512 * 6, threads
        server.start()
        asked = [(answer, (server, prompt, temperature)) for prompt in prompts]
        assert [text for text, _ in parallel_function_calls(asked)] == alone
        server.stop()


@pytest.mark.parametrize("n_slots", [1, 2])
def test_result_by_seed(server, n_slots):
    server.n_slots = n_slots
    server.start()
    by_seed = [answer(server, PROMPTS[0], 1.0, seed)[0] for seed in range(4)]
    assert len(set(map(str, by_seed))) == 4
    assert by_seed == [answer(server, PROMPTS[0], 1.0, seed)[0] for seed in range(4)]
