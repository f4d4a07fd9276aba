//! Answers of messages with channels as a grammar: what is thought, then one message to the user or to a tool; and past
//! calls as their template reads them. Source: OpenAI's description of its Harmony format, gpt-oss's chat template.

use std::collections::HashMap;

use plimsoll_engine::Tokenizer;
use plimsoll_engine::speech::Opening;
use plimsoll_engine::speech::marks::{CHANNEL, END, FINAL, MESSAGE, SPEAKER, START, THOUGHT};
use plimsoll_engine::template::REASONING;
use plimsoll_grammar::Grammar;
use serde_json::{Map, Value};

use super::arguments::{marker, through};
use super::grammar::{Callable, Calling, anything, object};

/// The marks of messages in a vocabulary.
pub struct Channels {
    start: Grammar,
    channel: Grammar,
    constrain: Grammar,
    message: Grammar,
    end: Grammar,
}

impl Channels {
    /// The marks as a vocabulary has them: control tokens, or their texts.
    pub fn new(tokenizer: &Tokenizer) -> Channels {
        let mark = |text| marker(tokenizer, text);
        Channels {
            start: mark(START),
            channel: mark(CHANNEL),
            constrain: mark("<|constrain|>"),
            message: mark(MESSAGE),
            end: mark(END),
        }
    }

    /// The header of a message that has begun.
    pub fn header_within(&self, opening: Opening) -> Vec<Grammar> {
        match opening {
            Opening::Nothing => vec![],
            Opening::Thinking => vec![self.channel.clone(), Grammar::text(THOUGHT), self.message.clone()],
            Opening::Saying => vec![self.channel.clone(), Grammar::text(FINAL), self.message.clone()],
        }
    }

    /// `content`, after as much thinking as the model likes.
    pub fn said(&self, content: Grammar) -> Grammar {
        let thoughts = Grammar::Repeat(Box::new(self.whole(THOUGHT)), 0, None);
        Grammar::Sequence(vec![thoughts, self.last_message(content)])
    }

    /// One call of `tools`, or `content` where it does not have to be one; without `content` any text. What the model is
    /// about to do it may say before it does it.
    pub fn calls(&self, tools: &[Callable], calling: Calling, content: Option<Grammar>) -> Grammar {
        let call = Grammar::Choice(tools.iter().map(|tool| self.call(tool)).collect());
        let last = match calling.is_required {
            true => call,
            false => Grammar::Choice(vec![call, self.last_message(content.unwrap_or_else(anything))]),
        };
        let before = Grammar::Choice(vec![self.whole(THOUGHT), self.whole("commentary")]);
        Grammar::Sequence(vec![Grammar::Repeat(Box::new(before), 0, None), last])
    }

    /// A message of any text, its end, and how the next begins.
    fn whole(&self, channel: &str) -> Grammar {
        let header = [self.channel.clone(), Grammar::text(channel), self.message.clone()];
        let next = [through(&self.end, END), self.start.clone(), Grammar::text(SPEAKER)];
        Grammar::Sequence(header.into_iter().chain(next).collect())
    }

    /// A message to the user that ends the answer.
    fn last_message(&self, content: Grammar) -> Grammar {
        let json = Grammar::Sequence(vec![Grammar::text(" "), self.constrain.clone(), Grammar::text("json")]);
        let header = [self.channel.clone(), Grammar::text(FINAL), json.optional(), self.message.clone()];
        Grammar::Sequence(header.into_iter().chain([content]).collect())
    }

    /// A message to a tool: for whom it is stands before its channel or behind it.
    fn call(&self, tool: &Callable) -> Grammar {
        let to = Grammar::text(format!(" to=functions.{}", tool.name));
        let channel = Grammar::Choice(["commentary", THOUGHT].map(Grammar::text).into());
        let before = vec![to.clone(), self.channel.clone(), channel.clone()];
        let behind = vec![self.channel.clone(), channel, to];
        let header = Grammar::Choice(vec![Grammar::Sequence(before), Grammar::Sequence(behind)]);
        let kinds = vec![
            Grammar::text(" json"),
            Grammar::Sequence(vec![Grammar::text(" "), self.constrain.clone(), Grammar::text("json")]),
        ];
        let kind = Grammar::Choice(kinds).optional();
        Grammar::Sequence(vec![header, kind, self.message.clone(), object(tool)])
    }
}

/// Messages of which each calls once at most, its answer behind it: the template shows the first call of a message, and
/// takes whatever a tool says for the answer to the call before it. What was thought before a call and what was said
/// are one text, as it refuses two.
pub fn one_call_each(messages: Vec<Value>) -> Vec<Value> {
    let mut shaped = Vec::with_capacity(messages.len());
    let mut messages = messages.into_iter().peekable();
    while let Some(mut message) = messages.next() {
        let calls = match message.get_mut("tool_calls").map(Value::take) {
            Some(Value::Array(calls)) if !calls.is_empty() => calls,
            _ => {
                shaped.push(message);
                continue;
            }
        };
        let mut answers = Vec::new();
        while let Some(answer) = messages.next_if(|next| next["role"] == "tool") {
            answers.push(Some(answer));
        }
        let mut of_call: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, answer) in answers.iter().flatten().enumerate() {
            of_call.entry(answer["tool_call_id"].to_string()).or_default().push(at);
        }
        let thought = thought_before(&message);
        for (at, call) in calls.into_iter().enumerate() {
            let mut calling = Map::from_iter([("role".to_owned(), "assistant".into())]);
            if at == 0 && !thought.is_empty() {
                calling.insert("reasoning_content".to_owned(), thought.as_str().into());
            }
            let its = of_call.remove(&call["id"].to_string()).unwrap_or_default();
            calling.insert("tool_calls".to_owned(), Value::Array(vec![call]));
            shaped.push(calling.into());
            shaped.extend(its.into_iter().filter_map(|at| answers[at].take()));
        }
        // Whatever answers none of them.
        shaped.extend(answers.into_iter().flatten());
    }
    shaped
}

/// What a message says before its call.
fn thought_before(message: &Value) -> String {
    let reasoning = REASONING.into_iter().map(|key| &message[key]).find(|reasoning| !reasoning.is_null());
    let parts = [reasoning, Some(&message["content"])].into_iter().flatten().flat_map(texts);
    parts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// A text, or those of parts.
fn texts(content: &Value) -> Vec<&str> {
    match content {
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        content => content.as_str().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_engine::speech::SpeechForm;
    use plimsoll_engine::{Special, TokenizerOptions, grammars};
    use plimsoll_formats::{GgufVocab, TokenizerSource};
    use plimsoll_grammar::{Constraint, Schema};
    use serde_json::json;

    use super::*;
    use crate::calls::{Language, Writer};

    const MARKS: [&str; 7] =
        ["<|return|>", "<|call|>", "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", END];

    /// The letters of ASCII, and the marks.
    fn tokenizer() -> Tokenizer {
        let letters =
            (b'!'..=b'~').map(|letter| char::from(letter).to_string()).chain(["Ġ".to_owned(), "Ċ".to_owned()]);
        let tokens: Vec<String> = MARKS.into_iter().map(str::to_owned).chain(letters).collect();
        let vocab = GgufVocab {
            model: "gpt2".into(),
            pre: Some("gpt-2".into()),
            types: (0..tokens.len()).map(|id| if id < MARKS.len() { 3 } else { 1 }).collect(),
            tokens: tokens.into_iter().map(String::into_bytes).collect(),
            ..GgufVocab::default()
        };
        Tokenizer::from_source(&TokenizerSource::Gguf(vocab), &TokenizerOptions::default()).expect("it is read")
    }

    /// Whether `constraint` allows an answer, up to its end.
    fn allows(mut constraint: Constraint, tokenizer: &Tokenizer, answer: &str) -> bool {
        let ids = tokenizer.encode(answer, Special::Parse).expect("it has tokens");
        let ids = ids.strip_suffix(&[0]).or(ids.strip_suffix(&[1])).unwrap_or(&ids);
        ids.iter().all(|id| constraint.mask().is_ok_and(|mask| mask.allows(*id)) && constraint.accept(*id).is_ok())
            && constraint.may_end()
    }

    #[test]
    fn a_grammar_allows_messages_and_calls_of_the_tools_there_are() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.eos_ids(), [0, 1], "the end of a message ends no answer");
        let language = Language { form: SpeechForm::Channels, ..Language::default() };
        let writer = Writer::new(&language, &tokenizer);
        let grammars = grammars(&tokenizer, tokenizer.vocab_size(), tokenizer.eos_ids()).expect("tokens end answers");
        let schema = json!({ "type": "object", "properties": { "x": { "type": "integer" } }, "required": ["x"] });
        let arguments = Schema::read(&schema).expect("it is enforced");
        let tool = Callable { name: "f".to_owned(), arguments, is_held: true };
        let calling = |is_required| Calling { is_required, may_repeat: true };
        let channels = Channels::new(&tokenizer);
        let compiled = |grammar| grammars.compile(&grammar).expect("it compiles");
        let required = compiled(channels.calls(std::slice::from_ref(&tool), calling(true), None));
        let free = compiled(channels.calls(&[tool], calling(false), None));
        let said = compiled(writer.content(Grammar::Json(Schema::object(), Default::default())));
        let thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant";
        let call = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"x\": 1}<|call|>";
        let before = " to=functions.f<|channel|>commentary json<|message|>{\"x\": 1}<|call|>";
        let preamble = "<|channel|>commentary<|message|>Well.<|end|><|start|>assistant";
        let text = "<|channel|>final<|message|>Yes.<|return|>";
        let json = "<|channel|>final <|constrain|>json<|message|>{\"y\": []}<|return|>";
        let wrong = "<|channel|>commentary to=functions.f<|message|>{\"x\": \"1\"}<|call|>";
        let unknown = "<|channel|>commentary to=functions.g<|message|>{}<|call|>";
        for (answer, by_required, by_free, by_said) in [
            (call.to_owned(), true, true, false),
            (before.to_owned(), true, true, false),
            (format!("{thought}{thought}{call}"), true, true, false),
            (format!("{thought}{preamble}{thought}{before}"), true, true, false),
            (format!("{preamble}{text}"), false, true, false),
            (format!("{thought}{text}"), false, true, false),
            (format!("{thought}{json}"), false, true, true),
            (json.replace(" <|constrain|>json", ""), false, true, true),
            (wrong.to_owned(), false, false, false),
            (unknown.to_owned(), false, false, false),
            (thought.to_owned(), false, false, false),
            ("Yes.".to_owned(), false, false, false),
        ] {
            let allowed = [&required, &free, &said].map(|held| allows(held.clone(), &tokenizer, &answer));
            assert_eq!(allowed, [by_required, by_free, by_said], "{answer}");
        }
        let mut begun = said.clone();
        assert!(writer.begin(Opening::Saying, &mut begun));
        assert!(allows(begun, &tokenizer, "{}"));
        assert!(!writer.begin(Opening::Saying, &mut required.clone()), "what is said calls nothing");
    }

    #[test]
    fn each_call_is_a_message_with_its_answer_behind_it() {
        let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": id, "arguments": {} } });
        let answer = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": id });
        let user = json!({ "role": "user", "content": "Hi" });
        let calls = [call("a"), call("b")];
        let called = json!({
            "role": "assistant", "content": "Let me see.", "reasoning_content": "Two.", "tool_calls": calls
        });
        let messages = vec![user.clone(), called, answer("b"), answer("a"), user.clone()];
        let first =
            json!({ "role": "assistant", "reasoning_content": "Two.\n\nLet me see.", "tool_calls": [call("a")] });
        let second = json!({ "role": "assistant", "tool_calls": [call("b")] });
        assert_eq!(one_call_each(messages), [user.clone(), first, answer("a"), second, answer("b"), user]);
        let parts = json!([{ "type": "text", "text": "Let me" }, { "type": "text", "text": "see." }]);
        let called = json!({ "role": "assistant", "content": parts, "reasoning": "One.", "tool_calls": [call("a")] });
        assert_eq!(one_call_each(vec![called])[0]["reasoning_content"], "One.\n\nLet me\n\nsee.");
    }
}
