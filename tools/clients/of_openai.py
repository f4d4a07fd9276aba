"""OpenAI's own client, which holds every answer to its types."""

from typing import Literal

import openai
import pydantic

from .check import CALLER, COLOUR, QUESTION, check, fails, holds_to_it, picture, strict_weather, weather


class Forecast(pydantic.BaseModel):
    """What the client makes a strict schema of, and reads the answer with."""

    city: Literal["Oslo", "Rome"]
    days: list[int] = pydantic.Field(min_length=1, max_length=2)
    wind: float | None


def question(text):
    return [{"role": "user", "content": text}]


def chat(client):
    asked = {"model": "demo:large", "messages": question(QUESTION), "temperature": 0}
    answer = client.chat.completions.create(**asked)
    check("a conversation", answer.choices[0].message.content == "19", answer)
    check("its usage", answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer)
    pieces = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    check("the same in pieces", text == "19" and pieces[-1].usage.prompt_tokens_details.cached_tokens > 0, pieces)
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    check("the client's own gathering of pieces", final.choices[0].message.content == "19", final)
    told = client.chat.completions.create(**asked, logprobs=True, top_logprobs=3)
    check("likelihoods", len(told.choices[0].logprobs.content[0].top_logprobs) == 3, told)
    function = {"name": "get_weather", "description": "Tells the weather.", "parameters": weather()}
    offered = client.chat.completions.create(
        **{**asked, "model": CALLER}, tools=[{"type": "function", "function": function}])
    check("an answer to who offers tools", offered.choices[0].message.role == "assistant", offered)


def structure(client):
    asked = {"model": "demo:large", "messages": question(QUESTION), "temperature": 0, "max_tokens": 200}
    parsed = client.chat.completions.parse(**asked, response_format=Forecast)
    check("an answer as a type", isinstance(parsed.choices[0].message.parsed, Forecast), parsed)
    with client.chat.completions.stream(**asked, response_format=Forecast) as stream:
        final = stream.get_final_completion()
    check("the same in pieces, as a type", final.choices[0].message.parsed == parsed.choices[0].message.parsed, final)
    response = client.responses.parse(
        model="demo:large", input=QUESTION, temperature=0, max_output_tokens=200, text_format=Forecast)
    check("a response as a type", response.output_parsed == parsed.choices[0].message.parsed, response)
    fails("a type that was cut off", openai.LengthFinishReasonError,
          lambda: client.chat.completions.parse(**{**asked, "max_tokens": 2}, response_format=Forecast))


def calls(client):
    names = {"get_weather", "get_tides"}
    tools = [{"type": "function", "function": {"name": name, "parameters": strict_weather(), "strict": True}}
             for name in sorted(names)]
    asked = {"model": CALLER, "messages": question(QUESTION), "tools": tools, "parallel_tool_calls": False}
    one = {"type": "function", "function": {"name": "get_tides"}}
    for choice, allowed in [("required", names), (one, {"get_tides"})]:
        what = choice if choice == "required" else "named"
        # Hot and by several seeds: what has to be a call is one by grammar, not by what the model likes.
        for seed in range(3):
            drawn = {**asked, "tool_choice": choice, "temperature": 1.5, "seed": seed}
            answer = client.chat.completions.create(**drawn)
            [call] = answer.choices[0].message.tool_calls
            check(f"a call that is {what}, seed {seed}", answer.choices[0].finish_reason == "tool_calls"
                  and call.function.name in allowed and holds_to_it(call.function.arguments), answer)
        with client.chat.completions.stream(**drawn) as stream:
            [gathered] = stream.get_final_completion().choices[0].message.tool_calls
        check(f"the same in pieces, {what}", gathered.function.name == call.function.name
              and gathered.function.arguments == call.function.arguments, gathered)
    functions = [{"type": "function", **tool["function"]} for tool in tools]
    response = client.responses.create(model=CALLER, input=QUESTION, tools=functions, temperature=1.5,
                                       tool_choice="required", parallel_tool_calls=False)
    [call] = [item for item in response.output if item.type == "function_call"]
    check("a call in a response", holds_to_it(call.arguments), response)


def completions(client):
    several = client.completions.create(model="demo:large", prompt=["Once", "The"], max_tokens=4, temperature=0, n=2)
    check("completions", len(several.choices) == 4 and several.choices[0].text == several.choices[1].text, several)
    # Null are the likelihood of a text's first token and the end of an answer that goes on: so OpenAI sends them and
    # lm-evaluation-harness reads them, though the client's types know no null there.
    lenient = openai.OpenAI(base_url=client.base_url, api_key="none", max_retries=0)
    scored = lenient.completions.create(
        model="demo:large", prompt="Once upon a time", max_tokens=0, echo=True, logprobs=1)
    log = scored.choices[0].logprobs.token_logprobs
    check("a text scored", log[0] is None and all(value < 0 for value in log[1:]), scored)
    pieces = list(lenient.completions.create(
        model="demo:large", prompt="Once", max_tokens=4, temperature=0, stream=True))
    text = "".join(piece.choices[0].text for piece in pieces)
    check("pieces of a completion", text == several.choices[0].text, pieces)


def seen(client):
    url = f"data:image/png;base64,{picture()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": COLOUR}]
    answer = client.chat.completions.create(
        model="demo:vision", messages=[{"role": "user", "content": parts}], temperature=0, max_tokens=20)
    check("a picture", "black" in answer.choices[0].message.content, answer)
    parts = [{"type": "input_image", "image_url": url, "detail": "auto"}, {"type": "input_text", "text": COLOUR}]
    answer = client.responses.create(
        model="demo:vision", input=[{"role": "user", "content": parts}], temperature=0, max_output_tokens=20)
    check("a picture in a response", "black" in answer.output_text, answer)


def responses(client):
    asked = {"model": "demo:large", "input": QUESTION, "temperature": 0, "store": False}
    answer = client.responses.create(**asked, instructions=None)
    check("a response", answer.output_text == "19" and answer.status == "completed", answer)
    usage = answer.usage
    check("its usage in tokens", usage.total_tokens == usage.input_tokens + usage.output_tokens, answer)
    events = list(client.responses.create(**asked, stream=True))
    kinds = [event.type for event in events]
    check("the events of a response", kinds[:2] == ["response.created", "response.in_progress"]
          and kinds[-1] == "response.completed" and events[-1].response.output_text == "19", kinds)
    check("their numbers", [event.sequence_number for event in events] == list(range(len(events))), kinds)
    with client.responses.stream(**asked) as stream:
        final = stream.get_final_response()
    check("the client's own gathering of events", final.output_text == "19", final)
    again = [*question("Hi"), *[item.model_dump(exclude_none=True) for item in answer.output], *question(QUESTION)]
    check("a response sent back", client.responses.create(**{**asked, "input": again}).status == "completed")
    tool = {"type": "function", "name": "get_weather", "parameters": weather(), "strict": False}
    call = {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Oslo"}'}
    result = {"type": "function_call_output", "call_id": "c1", "output": "rain"}
    offered = client.responses.create(
        model=CALLER, input=[*question("The weather?"), call, result], tools=[tool, {"type": "web_search"}], temperature=0)
    check("a response to who offers tools", [tool.type for tool in offered.tools] == ["function"]
          and offered.metadata == {"tools_left_out": "web_search"}, offered)
    cut = client.responses.create(model="demo:large", input="Once upon a time", temperature=0, max_output_tokens=2)
    check("a response that was cut off", cut.incomplete_details.reason == "max_output_tokens", cut)
    for what, more in [("a stored response", {"store": True}), ("a response before it", {"previous_response_id": "x"})]:
        fails(what, openai.BadRequestError, lambda: client.responses.create(**{**asked, **more}))


def errors(client):
    for what, kind, more in [
        ("an unknown model", openai.NotFoundError, {"model": "gpt-9"}),
        ("a value out of range", openai.BadRequestError, {"temperature": 9}),
        ("an unknown field", openai.BadRequestError, {"extra_body": {"temperatur": 1}}),
        ("a picture elsewhere", openai.BadRequestError, {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]}),
    ]:
        asked = {"model": "demo:large", "messages": question("Hi"), **more}
        error = fails(what, kind, lambda: client.chat.completions.create(**asked))
        check(f"what is said of {what}", bool(error.body and error.body.get("message")), error)
    fails("embeddings", openai.BadRequestError, lambda: client.embeddings.create(model="demo:large", input="Hi"))
    check("the list of models", "demo:large" in [model.id for model in client.models.list()])
    check("one model", client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini")


def judge(address):
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, _strict_response_validation=True)
    for part in [chat, structure, calls, completions, seen, responses, errors]:
        part(client)
