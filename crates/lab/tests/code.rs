//! The built-in tasks in the sandbox, with their own solutions.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use libtest_mimic::{Arguments, Failed, Trial};
use plimsoll_lab::code::run::check_canaries;
use plimsoll_lab::code::{CodeSuite, Judge, Problem, humaneval};
use plimsoll_sandbox::{CandidateProgram, ProgramVerdict, Sandbox, enter_if_asked};

/// Is given the sandbox and panics where the claim does not hold.
type Test = fn(&Sandbox);

fn main() {
    enter_if_asked();
    let arguments = Arguments::from_args();
    let sandbox = match Sandbox::available() {
        Ok(sandbox) => sandbox,
        Err(why) => return skipped::skipped(&why.to_string()),
    };
    let tests: [(&str, Test); 3] = [
        ("every_built_in_solution_passes_and_a_function_that_does_nothing_does_not", solutions),
        ("a_solution_spoiled_in_one_place_fails", spoiled),
        ("problems_in_humanevals_layout_are_judged", layout),
    ];
    let trial = |(name, test): (&str, Test)| {
        let sandbox = sandbox.clone();
        Trial::test(name, move || {
            test(&sandbox);
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit();
}

fn judged(problem: &Problem, code: &str, sandbox: &Sandbox) -> ProgramVerdict {
    let program =
        CandidateProgram { code, entry: &problem.entry_point, setup: &problem.reference(), test: &problem.test };
    sandbox.judge(&program).expect("a verdict")
}

fn solutions(sandbox: &Sandbox) {
    let suite = CodeSuite::builtin(11, 3).expect("a suite");
    for problem in suite.problems.iter().chain([&suite.canary]) {
        let verdict = judged(problem, &problem.reference(), sandbox);
        assert!(verdict.passed(), "{}: {verdict}\n{}\n{}", problem.id, problem.reference(), problem.test);
        assert!(!judged(problem, &problem.spoiled(), sandbox).passed(), "{}", problem.id);
    }
}

fn spoiled(sandbox: &Sandbox) {
    let suite = CodeSuite::builtin(11, 1).expect("a suite");
    // Each kind with another solution than its own: the next task of that kind, whose parameters differ.
    let other = CodeSuite::builtin(12, 1).expect("a suite");
    for (problem, other) in suite.problems.iter().zip(&other.problems) {
        if problem.solution != other.solution {
            let code = format!("{}{}", problem.prompt, other.solution);
            assert!(!judged(problem, &code, sandbox).passed(), "{}\n{code}\n{}", problem.id, problem.test);
        }
    }
}

fn layout(sandbox: &Sandbox) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/humaneval.jsonl");
    let problems = humaneval::read(path.as_ref()).expect("the fixture");
    check_canaries(&problems, sandbox).expect("their solutions pass");
    let wrong = format!("{}    return text\n", problems[0].prompt);
    let reason = "not so: assert candidate('ship') == 'ship.'".to_owned();
    assert_eq!(judged(&problems[0], &wrong, sandbox), ProgramVerdict::Failed { reason });
}
