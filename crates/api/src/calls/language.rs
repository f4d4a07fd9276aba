//! How a model writes calls and thinking, by what its template writes.

use plimsoll_engine::speech::SpeechForm;
use plimsoll_engine::{ChatTemplate, Session, TemplateRequest};
use serde_json::{Map, Value, json};

use super::channels::one_call_each;
use super::scan::Notation;

/// How a family of models writes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: SmolLM3, Hermes, Qwen.
    Tagged,
    /// `{"name": …, "parameters": {…}}`: Llama 3.
    Bare,
    /// `[f(a='x'), g()]`: Llama 4.
    Pythonic,
    /// `<|tool_call_start|>[f(a='x'), g()]<|tool_call_end|>`: LFM2.
    Enclosed,
    /// `<tool_call><function=f><parameter=x>1</parameter></function></tool_call>`: Qwen3-Coder, Qwen3.5.
    Functions,
    /// `<tool_call>f<arg_key>x</arg_key><arg_value>1</arg_value></tool_call>`: GLM-4.7.
    Keyed,
    /// `<|tool_call>call:f{x:1}<tool_call|>`: Gemma 4.
    Braced,
    /// `[TOOL_CALLS][{…}]` and `[TOOL_CALLS]name[ARGS]{…}`: Mistral.
    Announced,
    /// `<|tool_call|>[…]<|/tool_call|>` and `functools[…]`: Phi-4.
    Functools,
    /// A message to `functions.f`, apart from what is said: gpt-oss.
    Addressed,
}

impl Dialect {
    /// What the source of a template with answers of this form is known by.
    fn of_source(source: &str, form: SpeechForm) -> Option<Dialect> {
        let has = |marker: &str| source.contains(marker);
        let is_tagged = has("<tool_call>");
        let signs = [
            (form == SpeechForm::Channels && has("functions."), Dialect::Addressed),
            (has("<|tool_call_start|>") || has("<|tool_list_start|>"), Dialect::Enclosed),
            (has("<|python_start|>") || has("[func_name1("), Dialect::Pythonic),
            (has("[TOOL_CALLS]"), Dialect::Announced),
            (has("<|tool_call|>") || has("functools[") || has("<|/tool|>"), Dialect::Functools),
            (has("<|tool_call>"), Dialect::Braced),
            // What stands within the tag makes it another form.
            (is_tagged && has("<function="), Dialect::Functions),
            (is_tagged && has("<arg_key>"), Dialect::Keyed),
            (is_tagged, Dialect::Tagged),
            (has("<|python_tag|>") || has("{\"name\": function name, \"parameters\":"), Dialect::Bare),
        ];
        signs.into_iter().find(|(has_sign, _)| *has_sign).map(|(_, dialect)| dialect)
    }

    /// What a call begins with, wherever it stands.
    pub(super) fn openers(self) -> &'static [&'static str] {
        match self {
            Dialect::Tagged | Dialect::Functions | Dialect::Keyed => &["<tool_call>"],
            Dialect::Braced => &["<|tool_call>"],
            Dialect::Bare => &["<|python_tag|>"],
            Dialect::Pythonic => &["<|python_start|>"],
            Dialect::Enclosed => &["<|tool_call_start|>"],
            Dialect::Announced => &["[TOOL_CALLS]"],
            Dialect::Functools => &["<|tool_call|>", "functools"],
            Dialect::Addressed => &[],
        }
    }

    /// What may stand behind a call.
    pub(super) fn closer(self) -> Option<&'static str> {
        match self {
            Dialect::Tagged | Dialect::Functions => Some("</tool_call>"),
            Dialect::Braced => Some("<tool_call|>"),
            Dialect::Pythonic => Some("<|python_end|>"),
            Dialect::Enclosed => Some("<|tool_call_end|>"),
            Dialect::Functools => Some("<|/tool_call|>"),
            Dialect::Bare => Some(";"),
            Dialect::Announced | Dialect::Keyed | Dialect::Addressed => None,
        }
    }

    /// Whether a call may begin with `bracket` alone: at the beginning of the answer, or behind another call.
    pub(super) fn begins_bare(self, bracket: char, is_behind_call: bool) -> bool {
        match self {
            Dialect::Tagged => bracket == '{' && is_behind_call,
            Dialect::Bare => bracket == '{',
            Dialect::Pythonic => bracket == '[' || bracket == '{',
            _ => false,
        }
    }

    /// How what begins with `bracket` is written. Llama 4 writes JSON too, against its template.
    pub(super) fn notation(self, bracket: char) -> Notation {
        match (self, bracket) {
            (Dialect::Pythonic | Dialect::Enclosed, '[') => Notation::Python,
            _ => Notation::Json,
        }
    }

    /// Letters of a call's name. Mistral's templates refuse any other length than 9.
    pub fn id_letters(self) -> usize {
        if self == Dialect::Announced { 9 } else { 24 }
    }
}

/// What templates call the switch of thinking.
const SWITCHES: [&str; 2] = ["enable_thinking", "thinking"];

/// A tool that no request names.
const PROBE: &str = "plimsoll_probe_tool";

/// How a model writes what is no plain text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Language {
    /// Its calls, where its template shows it tools.
    pub dialect: Option<Dialect>,
    /// Whether its template reads tools in the system's message.
    pub tools_in_message: bool,
    /// How it parts what it thinks from what it says.
    pub form: SpeechForm,
    /// The template variable that switches the thinking on and off.
    pub switch: Option<&'static str>,
    /// Whether the template reads how much to think, in `reasoning_effort`.
    pub reads_effort: bool,
}

impl Language {
    /// Of a model with its template.
    pub fn of(session: &Session) -> Language {
        session.require_template().map_or_else(|_| Language::default(), Language::of_template)
    }

    /// Of a template.
    pub fn of_template(template: &ChatTemplate) -> Language {
        let source = format!("{}\n{}", template.source(), template.literals().join("\n"));
        let form = SpeechForm::of_template(template);
        let dialect = Dialect::of_source(&source, form);
        let in_variable = shows_tools(template, false);
        let tools_in_message = dialect == Some(Dialect::Functools) && !in_variable && shows_tools(template, true);
        let dialect = dialect.filter(|_| in_variable || tools_in_message);
        let switch = SWITCHES.into_iter().find(|name| reads(template, name, [true.into(), false.into()]));
        let reads_effort = reads(template, "reasoning_effort", ["low".into(), "high".into()]);
        Language { dialect, tools_in_message, form, switch, reads_effort }
    }

    /// Whether the model thinks before it answers, if it is let.
    pub fn thinks(&self) -> bool {
        self.form != SpeechForm::Plain || self.switch.is_some()
    }

    /// The name of call `index` of those that are drawn from `seed`.
    pub fn call_id(&self, seed: u64, index: usize) -> String {
        super::id(seed, index as u64, self.dialect.map_or(24, Dialect::id_letters))
    }

    /// Puts messages as the template reads them.
    pub fn shape(&self, request: &mut TemplateRequest) {
        if let (Some(Dialect::Addressed), Value::Array(messages)) = (self.dialect, &mut request.messages) {
            *messages = one_call_each(std::mem::take(messages));
        }
    }

    /// Puts tools where the template reads them.
    pub fn show_tools(&self, tools: Vec<Value>, request: &mut TemplateRequest) {
        place_tools(tools, self.tools_in_message, request);
    }
}

fn place_tools(tools: Vec<Value>, in_message: bool, request: &mut TemplateRequest) {
    if !in_message {
        request.tools = Some(Value::Array(tools));
        return;
    }
    let Some(messages) = request.messages.as_array_mut() else { return };
    if messages.first().is_none_or(|first| first["role"] != "system") {
        messages.insert(0, json!({ "role": "system", "content": "" }));
    }
    if let Some(Value::Object(system)) = messages.first_mut() {
        system.insert("tools".to_owned(), Value::Array(tools).to_string().into());
    }
}

/// Tries whether it makes a difference to the prompt what a variable is.
fn reads(template: &ChatTemplate, name: &str, values: [Value; 2]) -> bool {
    let prompt = |value: Value| {
        let messages = json!([{ "role": "user", "content": "Hi" }]);
        let variables = Map::from_iter([(name.to_owned(), value)]);
        let request =
            TemplateRequest { messages, add_generation_prompt: true, variables, ..TemplateRequest::default() };
        template.render(&template.with_expected_content(&request)).ok()
    };
    let [one, other] = values.map(prompt);
    one != other
}

/// Tries whether a tool's name gets into the prompt.
fn shows_tools(template: &ChatTemplate, in_message: bool) -> bool {
    let parameters = json!({ "type": "object", "properties": {} });
    let function = json!({ "name": PROBE, "description": "A probe.", "parameters": parameters });
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    let mut request = TemplateRequest { messages, add_generation_prompt: true, ..TemplateRequest::default() };
    place_tools(vec![json!({ "type": "function", "function": function })], in_message, &mut request);
    template.render(&template.with_expected_content(&request)).is_ok_and(|prompt| prompt.contains(PROBE))
}
