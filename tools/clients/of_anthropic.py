"""Anthropic's own client, which holds every answer to its types."""

import anthropic

from .check import CALLER, COLOUR, QUESTION, check, fails, holds_to_it, picture, strict_weather, weather


def question(text):
    return [{"role": "user", "content": text}]


def judge(address):
    client = anthropic.Anthropic(base_url=address, api_key="none", max_retries=0, _strict_response_validation=True)
    # The client knows no `temperature` any more; the API does.
    greedy = {"temperature": 0}
    asked = {"model": "demo:large", "messages": question(QUESTION), "max_tokens": 20, "extra_body": greedy}
    answer = client.messages.create(**asked)
    check("a message", answer.content[0].text == "19" and answer.stop_reason == "end_turn", answer)
    counted = client.messages.count_tokens(model="demo:large", messages=question(QUESTION))
    read = answer.usage.input_tokens + answer.usage.cache_read_input_tokens
    check("its tokens, counted before", counted.input_tokens == read, (counted, answer))
    with client.messages.stream(**asked) as stream:
        text, final = "".join(stream.text_stream), stream.get_final_message()
    check("a message in events", text == "19" and final.usage.output_tokens == answer.usage.output_tokens, final)
    kinds = [event.type for event in client.messages.create(**asked, stream=True)]
    check("their order", kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], kinds)
    stopped = client.messages.create(**asked, stop_sequences=["9"])
    check("a text that ends it", (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "9"), stopped)
    source = {"type": "base64", "media_type": "image/png", "data": picture()}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": COLOUR}]
    seen = client.messages.create(**{**asked, "model": "demo:vision", "messages": question(parts)})
    check("a picture in a message", "black" in seen.content[0].text, seen)
    tool = {"name": "get_weather", "description": "Tells the weather.", "input_schema": weather()}
    history = [*question("The weather?"),
               {"role": "assistant", "content": [
                   {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Oslo"}}]},
               {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}]}]
    offered = client.messages.create(**{**asked, "model": CALLER, "messages": history}, tools=[tool])
    check("a message to who offers tools", offered.type == "message", offered)
    tools = [{"name": name, "input_schema": strict_weather(), "strict": True} for name in ["get_weather", "get_tides"]]
    for choice in [{"type": "any"}, {"type": "tool", "name": "get_tides"}]:
        forced = {**asked, "model": CALLER, "max_tokens": 200, "tools": tools,
                  "tool_choice": {**choice, "disable_parallel_tool_use": True}}
        called = client.messages.create(**forced)
        [use] = called.content
        check(f"a call by `{choice['type']}`", called.stop_reason == "tool_use" and holds_to_it(use.input)
              and use.name in [choice.get("name", use.name)], called)
        with client.messages.stream(**forced) as stream:
            [again] = stream.get_final_message().content
        check("the same in events", (again.name, again.input) == (use.name, use.input), again)
    for what, kind, more in [
        ("an unknown model", anthropic.NotFoundError, {"model": "claude-9"}),
        ("an unknown field", anthropic.BadRequestError, {"extra_body": {**greedy, "temperatur": 1}}),
        ("a tool that runs elsewhere", anthropic.BadRequestError,
         {"model": CALLER, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    ]:
        error = fails(what, kind, lambda: client.messages.create(**{**asked, **more}))
        check(f"what is said of {what}", error.body["type"] == "error" and error.body["error"]["message"], error)
