//! Answers with calls and without, after the tables of vLLM's and llama.cpp's parsers.

use super::language::Dialect;

/// An answer in a dialect, with the text and the calls that are read of it.
pub type Case = (Dialect, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const WEATHER: (&str, &str) = ("get_weather", r#"{"city": "Paris"}"#);
const ADD: (&str, &str) = ("add", r#"{"a": 1, "b": [2, {"c": "}"}]}"#);

/// Answers that call.
#[rustfmt::skip]
pub const CALLS: &[Case] = &[
    (Dialect::Tagged, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>", "", &[WEATHER]),
    (Dialect::Tagged, "⟦<tool_call>⟧\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n⟦</tool_call>⟧\n", "", &[WEATHER]),
    (Dialect::Tagged, "Let me see.\n\n<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\": \"Paris\"}}</tool_call>\n<tool_call>{\"arguments\": {\"a\": 1, \"b\": [2, {\"c\": \"}\"}]}, \"name\": \"add\"}</tool_call>", "Let me see.", &[WEATHER, ADD]),
    (Dialect::Tagged, "<tool_call>{\"name\": \"f\", \"arguments\": {}}", "", &[("f", "{}")]),
    (Dialect::Tagged, "<tool_call>{\"name\": \"f\"}</tool_call> Done.", " Done.", &[("f", "{}")]),
    (Dialect::Tagged, "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"</tool_call>\\\"\"}}</tool_call>", "", &[("f", "{\"x\": \"</tool_call>\\\"\"}")]),
    (Dialect::Tagged, "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"x\\\": 1}\"}</tool_call>", "", &[("f", "{\"x\": 1}")]),
    (Dialect::Tagged, "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 123456789012345678901234567890}}</tool_call>", "", &[("f", "{\"x\": 123456789012345678901234567890}")]),
    (Dialect::Bare, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}", "", &[WEATHER]),
    (Dialect::Bare, "⟦<|python_tag|>⟧{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}; {\"name\": \"f\", \"parameters\": {}}", "", &[WEATHER, ("f", "{}")]),
    (Dialect::Bare, "<|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": null}", "", &[("f", "{}")]),
    (Dialect::Pythonic, "[get_weather(city='Paris'), f()]", "", &[WEATHER, ("f", "{}")]),
    (Dialect::Pythonic, "⟦<|python_start|>⟧[add(a=1, b=[2, {'c': '}'}])]⟦<|python_end|>⟧", "", &[ADD]),
    (Dialect::Pythonic, "<|python_start|>[f(x=True, y=None, z=\"it's ]\")]<|python_end|>", "", &[("f", "{\"x\": true, \"y\": null, \"z\": \"it's ]\"}")]),
    (Dialect::Pythonic, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}", "", &[WEATHER]),
    (Dialect::Enclosed, "Let me see.⟦<|tool_call_start|>⟧[get_weather(city=\"Paris\"), f()]⟦<|tool_call_end|>⟧", "Let me see.", &[WEATHER, ("f", "{}")]),
    (Dialect::Enclosed, "<|tool_call_start|>[add(a=1, b=[2, {'c': '}'}])]<|tool_call_end|> Done.", " Done.", &[ADD]),
    (Dialect::Enclosed, "<|tool_call_start|>[f(x='it's 'so'', z=[True, None]), f(x='a\\nb')]", "", &[("f", "{\"x\": \"it's 'so'\", \"z\": [true, null]}"), ("f", "{\"x\": \"a\\nb\"}")]),
    (Dialect::Functions, "Well.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=f>\n</function>\n</tool_call>", "Well.", &[WEATHER, ("f", "{}")]),
    (Dialect::Functions, "⟦<tool_call>⟧\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n[2, {\"c\": \"}\"}]\n</parameter>\n</function>\n⟦</tool_call>⟧ Done.", " Done.", &[ADD]),
    (Dialect::Functions, "<tool_call><function=f><parameter=x>a <b> & </c>\n</parameter></function>", "", &[("f", "{\"x\": \"a <b> & </c>\"}")]),
    (Dialect::Functions, "<tool_call>x<tool_call><function=f></function></tool_call>", "<tool_call>x", &[("f", "{}")]),
    (Dialect::Keyed, "Well.\n<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value></tool_call><tool_call>f</tool_call>", "Well.", &[WEATHER, ("f", "{}")]),
    (Dialect::Keyed, "⟦<tool_call>⟧add\n⟦<arg_key>⟧a⟦</arg_key>⟧\n⟦<arg_value>⟧1⟦</arg_value>⟧\n⟦<arg_key>⟧b⟦</arg_key>⟧⟦<arg_value>⟧[2, {\"c\": \"}\"}]⟦</arg_value>⟧\n⟦</tool_call>⟧ Done.", " Done.", &[ADD]),
    (Dialect::Keyed, "<tool_call>f<tool_call>f</tool_call>", "<tool_call>f", &[("f", "{}")]),
    (Dialect::Braced, "Well.<|tool_call>call:get_weather{city:<|\"|>Paris<|\"|>}<tool_call|><|tool_call>call:f{}<tool_call|>", "Well.", &[WEATHER, ("f", "{}")]),
    (Dialect::Braced, "⟦<|tool_call>⟧call:add{a:1,b:[2,{c:⟦<|\"|>⟧}⟦<|\"|>⟧}]}⟦<tool_call|>⟧ Done.", " Done.", &[ADD]),
    (Dialect::Braced, "<|tool_call>call:f{x:<|tool_call>call:f{}<tool_call|>", "<|tool_call>call:f{x:", &[("f", "{}")]),
    (Dialect::Announced, "⟦[TOOL_CALLS]⟧[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}, {\"name\": \"f\", \"arguments\": {}}]", "", &[WEATHER, ("f", "{}")]),
    (Dialect::Announced, "Well. [TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}]", "Well.", &[("f", "{}")]),
    (Dialect::Announced, "⟦[TOOL_CALLS]⟧get_weather⟦[ARGS]⟧{\"city\": \"Paris\"}⟦[TOOL_CALLS]⟧f⟦[CALL_ID]⟧abcdefghi⟦[ARGS]⟧{}", "", &[WEATHER, ("f", "{}")]),
    (Dialect::Announced, "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Paris\"}", "", &[WEATHER]),
    (Dialect::Announced, "[TOOL_CALLS]f{}", "", &[("f", "{}")]),
    (Dialect::Addressed, "⟦<|channel|>⟧commentary to=functions.get_weather ⟦<|constrain|>⟧json⟦<|message|>⟧{\"city\": \"Paris\"}⟦<|call|>⟧", "", &[WEATHER]),
    (Dialect::Addressed, " to=functions.add⟦<|channel|>⟧commentary json⟦<|message|>⟧{\"a\": 1, \"b\": [2, {\"c\": \"}\"}]}", "", &[ADD]),
    (Dialect::Addressed, "⟦<|channel|>⟧commentary⟦<|message|>⟧Well.⟦<|end|>⟧⟦<|start|>⟧assistant to=functions.f⟦<|channel|>⟧analysis⟦<|message|>⟧{}", "Well.", &[("f", "{}")]),
    (Dialect::Addressed, "⟦<|channel|>⟧commentary to=python⟦<|message|>⟧1 + 1⟦<|call|>⟧", "1 + 1", &[]),
    (Dialect::Addressed, "⟦<|channel|>⟧commentary to=functions.f⟦<|message|>⟧{\"a\": ", "{\"a\": ", &[]),
    (Dialect::Addressed, "⟦<|channel|>⟧commentary to=functions.g⟦<|message|>⟧{}", "{}", &[]),
    (Dialect::Functools, "⟦<|tool_call|>⟧[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}]⟦<|/tool_call|>⟧", "", &[WEATHER]),
    (Dialect::Functools, "functools[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}, {\"name\": \"f\", \"arguments\": {}}]", "", &[WEATHER, ("f", "{}")]),
];

/// Texts that are no calls, or hold none that there is a tool for.
#[rustfmt::skip]
pub const NONE: &[(Dialect, &str)] = &[
    (Dialect::Tagged, "Plain text with < and <tool and {\"name\": \"f\"}.\n"),
    (Dialect::Tagged, "<tool_call>\n{\"name\": \"unknown\", \"arguments\": {}}\n</tool_call>"),
    (Dialect::Tagged, " <tool_call> is a tag; <tool_call>{\"name\": \"f\", \"arguments\": {"),
    (Dialect::Tagged, "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>"),
    (Dialect::Tagged, "<tool_call>{\"name\": 3}</tool_call> é"),
    (Dialect::Tagged, "{\"name\": \"f\", \"arguments\": {}}"),
    (Dialect::Tagged, ""),
    (Dialect::Tagged, " \n"),
    (Dialect::Bare, "{\"answer\": 42}"),
    (Dialect::Bare, "{\"name\": \"Ann\", \"parameters\": {}}; and so on"),
    (Dialect::Bare, "As JSON: {\"name\": \"f\", \"parameters\": {}}"),
    (Dialect::Bare, "{name: f}"),
    (Dialect::Bare, "{\"name\": \"f\", \"parameters\": {]}"),
    (Dialect::Pythonic, "[1, 2, 3] is a list"),
    (Dialect::Pythonic, "[f(x=y)]"),
    (Dialect::Pythonic, "[a link](http://example.org) [f()"),
    (Dialect::Pythonic, "[]"),
    (Dialect::Enclosed, "[f()] is Python"),
    (Dialect::Enclosed, "<|tool_call_start|>[unknown()]<|tool_call_end|>"),
    (Dialect::Enclosed, "<|tool_call_start|>[f(x=y)] and <|tool_call_start|>[f(x='it's"),
    (Dialect::Functions, "<tool_call>\n<function=unknown>\n</function>\n</tool_call>"),
    (Dialect::Functions, "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
    (Dialect::Functions, "<function=f></function> and <tool_call><function=f><parameter=x>\n1"),
    (Dialect::Functions, "<tool_call><function=f><parameter=x>1</parameter>2</function></tool_call>"),
    (Dialect::Keyed, "<tool_call>unknown</tool_call>"),
    (Dialect::Keyed, "The tag <tool_call> is empty: <tool_call></tool_call>"),
    (Dialect::Keyed, "<tool_call>f<arg_key>x</arg_key>1</tool_call> <tool_call>f"),
    (Dialect::Braced, "<|tool_call>call:unknown{}<tool_call|>"),
    (Dialect::Braced, "<|tool_call>call:f{x:y}<tool_call|>"),
    (Dialect::Braced, "<|tool_call>{} <|tool_call>call:f{x:[}"),
    (Dialect::Announced, "[TOOL_CALLS]nothing like it\n{}"),
    (Dialect::Announced, "[TOOL_CALLS][1]"),
    (Dialect::Functools, "functools is a module; functools[0]"),
];
