"""Ollama's own client."""

import ollama

from .check import CALLER, COLOUR, QUESTION, check, fails, holds_to_it, picture, strict_weather, weather


def judge(address):
    client = ollama.Client(host=address)
    options = {"temperature": 0, "num_predict": 20}
    asked = {"model": "demo:large", "messages": [{"role": "user", "content": QUESTION}], "options": options}
    answer = client.chat(**asked)
    check("an answer", answer.message.content == "19" and answer.done_reason == "stop", answer)
    lines = list(client.chat(**asked, stream=True))
    text = "".join(line.message.content for line in lines)
    check("the same in lines", text == "19" and lines[-1].eval_count == answer.eval_count, lines)
    check("how long it took", answer.total_duration >= answer.prompt_eval_duration > 0, answer)
    text = client.generate(model="demo:large", prompt=QUESTION, options=options, keep_alive="5m")
    check("a text", text.response == "19" and text.prompt_eval_count == answer.prompt_eval_count, text)
    seen = client.chat(model="demo:vision", options=options, messages=[
        {"role": "user", "content": COLOUR, "images": [picture()]}])
    check("a picture", "black" in seen.message.content, seen)
    function = {"name": "get_weather", "description": "Tells the weather.", "parameters": weather()}
    call = {"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
    offered = client.chat(model=CALLER, options=options, tools=[{"type": "function", "function": function}], messages=[
        {"role": "user", "content": "The weather?"}, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_name": "get_weather", "content": "rain"}])
    check("an answer to who offers tools", offered.done, offered)
    hot = {"temperature": 1.5, "seed": 1, "num_predict": 200}
    held = client.chat(**{**asked, "options": hot}, format=strict_weather())
    check("an answer by a schema", holds_to_it(held.message.content), held)
    text = client.generate(model="demo:large", prompt=QUESTION, options=hot, format=strict_weather())
    check("a text by a schema", holds_to_it(text.response), text)
    listed = {model.model: model for model in client.list().models}
    check("the list of models", listed["demo:large"].size > 0, listed)
    check("one model", "vision" in client.show("demo:vision").capabilities and "tools" in client.show(CALLER).capabilities)
    check("what is loaded", client.ps().models[0].context_length > 0)
    error = fails("an unknown model", ollama.ResponseError, lambda: client.chat(**{**asked, "model": "llama9"}))
    check("what is said of it", error.status_code == 404 and "demo:large" in error.error, error)
    fails("a model that would have to be fetched", ollama.ResponseError, lambda: client.pull("llama9"))
