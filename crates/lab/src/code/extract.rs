//! From an answer to a program.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::Problem;
use crate::prompting::Prompting;
use crate::score::extract::after_thinking;

/// Where a continuation leaves the function that it was to write. Source: Chen et al. 2021, section 3.
pub const STOPS: [&str; 5] = ["\nclass", "\ndef", "\n#", "\nif", "\nprint"];

/// The program that `answer` makes of `problem`.
///
/// A continuation is cut at the first of [`STOPS`] and put behind the prompt. From a chat the first fenced block that
/// defines the function is taken, else the first block, else all of the answer, without thinking; a block that holds the
/// body alone is put behind the prompt, any other behind the imports and helpers that the prompt gives.
pub fn program(problem: &Problem, answer: &str, prompting: Prompting) -> String {
    let prompt = &problem.prompt;
    if prompting == Prompting::Base {
        let end = STOPS.iter().filter_map(|stop| answer.find(stop)).min().unwrap_or(answer.len());
        return format!("{prompt}{}\n", &answer[..end]);
    }
    // Leading spaces are part of a program.
    let answer =
        if answer.contains("<think>") || answer.contains("</think>") { after_thinking(answer) } else { answer };
    let blocks = fenced(answer);
    let defines = |code: &&String| head(code, &problem.entry_point).is_some();
    let code = blocks.iter().find(defines).or(blocks.first()).map_or(answer, String::as_str);
    let begins = code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if head(code, &problem.entry_point).is_none() && begins.starts_with([' ', '\t']) {
        return format!("{prompt}{code}\n");
    }
    let given = head(prompt, &problem.entry_point).map_or("", |at| &prompt[..at]);
    format!("{given}{code}\n")
}

/// Where the line begins that defines `function` at the outermost level.
fn head(code: &str, function: &str) -> Option<usize> {
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let name = line.strip_prefix("def ").or_else(|| line.strip_prefix("async def "));
        if name
            .and_then(|rest| rest.trim_start().strip_prefix(function))
            .is_some_and(|rest| rest.starts_with(['(', ' ']))
        {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// What stands between the fences of a text, as CommonMark finds them: of any length, within lists and quotes, without the
/// indentation of what holds them. One that was not closed goes to the end.
fn fenced(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for event in Parser::new(text) {
        match (event, &mut open) {
            (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))), _) => open = Some(String::new()),
            (Event::Text(line), Some(block)) => block.push_str(&line),
            (Event::End(TagEnd::CodeBlock), _) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        let prompt = "import math\n\ndef half(n):\n    return n / 2\n\ndef f(n):\n    \"\"\"Doc.\"\"\"\n";
        Problem {
            id: "p".to_owned(),
            category: "c".to_owned(),
            prompt: prompt.to_owned(),
            entry_point: "f".to_owned(),
            solution: "    return half(n)".to_owned(),
            test: String::new(),
        }
    }

    const GIVEN: &str = "import math\n\ndef half(n):\n    return n / 2\n\n";

    #[test]
    fn a_continuation_ends_where_it_leaves_the_function() {
        let found = program(&problem(), "    return 1\n\ndef g():\n    pass", Prompting::Base);
        assert_eq!(found, format!("{}    return 1\n\n", problem().prompt));
        let whole = program(&problem(), "    x = 1\n    if x:\n        return 1", Prompting::Base);
        assert!(whole.ends_with("    if x:\n        return 1\n"), "an indented `if` is within: {whole}");
    }

    #[test]
    fn a_chats_block_that_defines_the_function_is_taken_with_the_prompts_helpers() {
        let answer = "For example:\n```\nf(2)\n```\nHere:\n```python\ndef f(n):\n    return half(n)\n```\nDone.";
        assert_eq!(program(&problem(), answer, Prompting::Chat), format!("{GIVEN}def f(n):\n    return half(n)\n\n"));
    }

    #[test]
    fn a_body_alone_goes_behind_the_prompt() {
        for answer in ["```python\n    return half(n)\n```", "    return half(n)\n"] {
            let found = program(&problem(), answer, Prompting::Chat);
            assert_eq!(found.trim_end(), format!("{}    return half(n)", problem().prompt));
        }
    }

    // CommonMark 0.31, section 4.5.
    #[test]
    fn fences_are_those_of_commonmark() {
        let written = |answer: &str| program(&problem(), answer, Prompting::Chat).trim_end().to_owned();
        let listed = "1. Use it:\n\n   ```python\n   def f(n):\n       return 2\n   ```\n\n2. Done.";
        let deeper = "- so:\n  1. and:\n\n     ~~~~python\n     def f(n):\n         return 2\n     ~~~~\n";
        let longer = "````python\ndef f(n):\n    return 2\n````\n```\nf(1)\n```";
        let after_inline = "```f(1)```\n\nin full:\n\n```python\ndef f(n):\n    return 2\n```";
        for answer in [listed, deeper, longer, after_inline] {
            assert_eq!(written(answer), format!("{GIVEN}def f(n):\n    return 2"), "{answer}");
        }
        let within = "```python\ndef f(n):\n    \"\"\"\n    ```\n    f(1)\n    ```\n    \"\"\"\n    return 2\n```";
        assert!(written(within).ends_with("    \"\"\"\n    return 2"), "{}", written(within));
        let blank_first = "```python\n\n    return half(n)\n```";
        assert!(written(blank_first).starts_with(&problem().prompt), "{}", written(blank_first));
    }

    #[test]
    fn an_answer_without_a_fence_is_all_program() {
        let found = program(&problem(), "def f(n):\n    return 2", Prompting::Chat);
        assert_eq!(found, format!("{GIVEN}def f(n):\n    return 2\n"));
    }

    #[test]
    fn a_block_cut_off_by_the_token_limit_is_taken_as_far_as_it_goes() {
        let found = program(&problem(), "```python\ndef f(n):\n    return 2", Prompting::Chat);
        assert_eq!(found, format!("{GIVEN}def f(n):\n    return 2\n"));
    }

    #[test]
    fn code_in_a_thought_is_not_the_answer() {
        let answer = "<think>```python\ndef f(n): return 1\n```</think>\n```python\ndef f(n): return 2\n```";
        assert!(program(&problem(), answer, Prompting::Chat).ends_with("def f(n): return 2\n\n"));
        assert_eq!(program(&problem(), "<think>def f(n): return 1", Prompting::Chat), format!("{GIVEN}\n"));
    }

    #[test]
    fn a_function_whose_name_begins_alike_is_another() {
        let answer = "```\ndef foo(n): return 1\n```\n```\ndef f (n): return 2\n```";
        assert!(program(&problem(), answer, Prompting::Chat).contains("return 2"));
    }
}
