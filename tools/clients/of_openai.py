"""OpenAI's own client, which holds every answer to its types."""

import openai

from .check import CALLER, COLOUR, QUESTION, check, fails, picture, weather


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
    for part in [chat, completions, seen, responses, errors]:
        part(client)
