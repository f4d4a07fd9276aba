//! Code that tries to get out, to take too much, or to pass without being right: each is stopped, and told.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use plimsoll_sandbox::{CandidateProgram, Limits, ProgramVerdict, Sandbox, SandboxError, enter_if_asked};

/// A test of a function that takes nothing and must return 42.
const TEST: &str = "def check(candidate):\n    assert candidate() == 42";

/// Is given the sandbox and panics where it does not hold.
type Test = fn(&Sandbox);

fn main() {
    enter_if_asked();
    let arguments = Arguments::from_args();
    let sandbox = match Sandbox::available() {
        // Time on the clock is the machine's to take, and it may be busy.
        Ok(sandbox) => sandbox.with_limits(Limits { wall: Duration::from_secs(60), ..Limits::default() }),
        Err(why) => return skipped::skipped(&why.to_string()),
    };
    let tests: &[(&str, Test)] = &[
        ("a_right_program_passes_and_a_wrong_one_fails_with_the_test_it_missed", right_and_wrong),
        ("values_cross_both_ways_unchanged", values),
        ("a_test_may_expect_an_exception", exceptions),
        ("an_exception_that_no_test_asked_for_is_not_taken_for_an_answer", control_flow),
        ("what_does_not_cross_passes_no_test_that_looks_at_it", uncrossed),
        ("a_helper_of_the_tests_is_not_the_code_under_test", helpers),
        ("ways_to_exit_are_not_ways_to_pass", exits),
        ("nothing_written_to_any_descriptor_is_a_pass", descriptors),
        ("objects_equal_to_everything_do_not_cross", liars),
        ("patched_modules_do_not_reach_the_tests", patches),
        ("there_is_no_secret_to_find", secrets),
        ("a_test_that_catches_everything_does_not_pass_a_program_that_is_gone", swallowing),
        ("the_environment_is_empty", environment),
        ("files_outside_are_not_there", files),
        ("nothing_outside_tmp_can_be_written", writing),
        ("tmp_is_empty_for_every_program", fresh),
        ("the_network_is_not_there", network),
        ("there_are_no_new_processes", forks),
        ("calls_that_reach_into_the_kernel_are_refused", syscalls),
        ("limits_cannot_be_raised", raising),
        ("a_memory_hog_runs_out_of_memory", memory),
        ("tmp_cannot_be_filled_without_end", filling),
        ("tmp_holds_so_many_files_and_no_more", entries),
        ("an_endless_loop_is_timed_out", endless_loop),
        ("waiting_without_end_is_timed_out", endless_wait),
        ("endless_output_is_cut", endless_output),
        ("an_endless_answer_is_cut", endless_answer),
        ("output_over_the_limit_is_told_though_the_answer_is_right", too_much_output),
        ("answers_that_burden_the_tests_are_no_fault_of_the_tests", burden),
        ("a_crash_is_told_with_its_signal", crash),
        ("broken_tests_are_not_the_codes_fault", broken_tests),
        ("many_at_once_do_not_meet", together),
    ];
    let trial = |(name, test): &(&str, Test)| {
        let (sandbox, test) = (sandbox.clone(), *test);
        Trial::test(*name, move || {
            test(&sandbox);
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&arguments, tests.iter().map(trial).collect()).exit();
}

fn verdict(sandbox: &Sandbox, code: &str) -> ProgramVerdict {
    run(sandbox, code, "", TEST)
}

fn run(sandbox: &Sandbox, code: &str, setup: &str, test: &str) -> ProgramVerdict {
    sandbox.run(&CandidateProgram { code, entry: "f", setup, test }).expect("a verdict")
}

/// The reason that the code failed for.
fn failed(sandbox: &Sandbox, code: &str) -> String {
    match verdict(sandbox, code) {
        ProgramVerdict::Failed { reason } => reason,
        other => panic!("{code}\n{other:?}"),
    }
}

/// What `expression` is inside, where it raises nothing: the test quotes it by failing on it.
fn seen_inside(sandbox: &Sandbox, body: &str) -> String {
    let code =
        format!("def f():\n    try:\n        {body}\n    except Exception as error:\n        return repr(error)");
    let test = "def check(candidate):\n    raise ValueError(candidate())";
    match run(sandbox, &code, "", test) {
        ProgramVerdict::Failed { reason } => reason.trim_start_matches("ValueError: ").to_owned(),
        other => panic!("{code}\n{other:?}"),
    }
}

fn right_and_wrong(sandbox: &Sandbox) {
    assert_eq!(verdict(sandbox, "def f(): return 42"), ProgramVerdict::Passed);
    assert_eq!(failed(sandbox, "def f(): return 41"), "not so: assert candidate() == 42");
    assert_eq!(failed(sandbox, "def f(): return [][1]"), "IndexError: list index out of range");
    assert!(failed(sandbox, "def f(: return 42").starts_with("SyntaxError"));
    assert!(failed(sandbox, "def g(): return 42").contains("defines no function `f`"));
    assert!(failed(sandbox, "f = 42").contains("defines no function `f`"));
}

fn values(sandbox: &Sandbox) {
    let values = "[None, True, -3, 10**5000, 0.1, float('inf'), 2j, 'é\\n\\ud800', b'\\0', (1, [2]), {3, 4}, \
                  frozenset({5}), {(1, 2): {'a': []}}]";
    let test = format!(
        "def check(candidate):\n    for value in {values}:\n        back = candidate(value)\n        \
                        assert back == value and type(back) is type(value)"
    );
    assert_eq!(run(sandbox, "def f(x): return x", "", &test), ProgramVerdict::Passed);
}

fn exceptions(sandbox: &Sandbox) {
    let test = "def check(candidate):\n    try:\n        candidate(x=-1)\n    except ValueError as error:\n        \
                assert str(error) == 'negative'\n    else:\n        assert False";
    assert_eq!(run(sandbox, "def f(x):\n    if x < 0: raise ValueError('negative')", "", test), ProgramVerdict::Passed);
}

fn control_flow(sandbox: &Sandbox) {
    for test in [
        "assert all(map(candidate, [1, 2, 3]))",
        "for got, want in zip(map(candidate, [1, 2]), [1, 2]):\n        assert got == want",
        "for got in iter(lambda: candidate(1), None):\n        assert got == 1",
        "assert list(map(candidate, [])) == [] and sum(map(candidate, [1])) == 0",
        "assert not hasattr(type('Lazy', (), {'__getattr__': lambda self, name: candidate(name)})(), 'x')",
        "class Rows:\n        def __getitem__(self, at): return candidate(at)\n    assert list(Rows()) == []",
    ] {
        for kind in ["StopIteration", "IndexError", "AttributeError", "KeyError", "StopAsyncIteration"] {
            let code = format!("def f(x): raise {kind}('quietly')");
            let test = format!("def check(candidate):\n    {test}");
            assert!(!run(sandbox, &code, "", &test).passed(), "{kind} passes\n{test}");
        }
    }
    // A kind that the test names, by itself or as one of its family, is what the test sees.
    for (raised, caught) in [("IndexError", "LookupError"), ("KeyError", "KeyError"), ("IndexError", "Exception")] {
        let test = format!(
            "def check(candidate):\n    try:\n        candidate()\n    except {caught}:\n        return\n    assert False"
        );
        assert_eq!(
            run(sandbox, &format!("def f(): raise {raised}('loudly')"), "", &test),
            ProgramVerdict::Passed,
            "{caught}"
        );
    }
}

fn uncrossed(sandbox: &Sandbox) {
    let looks = [
        "candidate() != 3",
        "candidate()",
        "not candidate() == 3",
        "not hasattr(candidate(), 'x')",
        "str(candidate()) != 'x'",
        "candidate() not in [1, 2]",
    ];
    for value in ["object()", "[object()]", "(x for x in [1])", "{object()}", "{(1, object()): 2}"] {
        for look in looks {
            // A list or a dictionary crosses, and so does whether it is empty.
            if value.starts_with('[') && !look.contains("str") {
                continue;
            }
            let test = format!("def check(candidate):\n    assert {look}");
            match run(sandbox, &format!("def f(): return {value}"), "", &test) {
                ProgramVerdict::Failed { reason } => {
                    assert!(reason.contains("cannot look at"), "{value} {look}: {reason}")
                }
                other => panic!("{value} {look}: {other:?}"),
            }
        }
    }
    let test = "def check(candidate):\n    assert candidate() is not None\n    assert [1] != [candidate()]";
    assert!(!run(sandbox, "def f(): return object()", "", test).passed());
    let unseen = "def check(candidate):\n    candidate()";
    assert_eq!(run(sandbox, "def f(): return object()", "", unseen), ProgramVerdict::Passed, "nobody looked at it");
}

fn helpers(sandbox: &Sandbox) {
    let setup = "def twice(n): return 2 * n";
    let test = "def check(candidate):\n    assert candidate(3) == twice(3)";
    let code = "def twice(n): return 0\ndef f(n): return 0";
    assert!(!run(sandbox, code, setup, test).passed(), "its own helper made the test agree");
}

fn exits(sandbox: &Sandbox) {
    for exit in [
        "sys.exit(0)",
        "os._exit(0)",
        "raise SystemExit",
        "raise SystemExit(0)",
        "quit()",
        "exit(0)",
        "os.close(1) or os.close(3) or os.close(4)",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "os.execv('/plimsoll', ['plimsoll', '--version'])",
    ] {
        for code in [format!("import os, sys\ndef f():\n    {exit}"), format!("import os, sys\n{exit}\ndef f(): pass")]
        {
            failed(sandbox, &code);
        }
    }
    failed(sandbox, "import atexit, os\natexit.register(lambda: os._exit(0))\ndef f(): return 0");
}

fn descriptors(sandbox: &Sandbox) {
    let forged = r#"b'0' * 32 + b' {"verdict": "passed"}\n'"#;
    let values = r#"b'{"value": {"i": "0x29"}}\n'"#;
    for written in [forged, values, r#"b'{"verdict": "passed"}\n'"#, "b'passed\\n'", "b'\\xff\\n'", "b'{}\\n[]\\n'"] {
        let code = format!(
            "import os\ndef f():\n    for fd in range(65):\n        try: os.write(fd, {written})\n        \
             except OSError: pass\n    os._exit(0)"
        );
        failed(sandbox, &code);
    }
    // The pipe of calls can be read by the code, and holds the calls.
    failed(
        sandbox,
        "import os\ndef f():\n    for fd in range(3, 65):\n        try: os.close(fd)\n        except OSError: pass",
    );
}

fn liars(sandbox: &Sandbox) {
    for base in ["object", "int", "str", "list", "float", "dict"] {
        let code = format!(
            "class Liar({base}):\n    def __eq__(self, other): return True\n    __hash__ = None\n\
             def f(): return Liar()"
        );
        let said = match base {
            "object" => "it returned an object of type Liar, which the test cannot look at",
            _ => "not so: assert candidate() == 42",
        };
        assert_eq!(failed(sandbox, &code), said, "{base}");
    }
}

fn patches(sandbox: &Sandbox) {
    let code = "import builtins, sys, json\nbuiltins.AssertionError = type('Quiet', (BaseException,), {})\n\
                json.dumps = lambda *_: '{\"verdict\": \"passed\"}'\n\
                builtins.compile = lambda *_: compile('', '', 'exec')\nsys.modules.clear()\ndef f(): return 41";
    failed(sandbox, code);
    failed(sandbox, "import sys\nsys.settrace(lambda *_: None)\nsys.excepthook = lambda *_: None\ndef f(): return 41");
}

fn secrets(sandbox: &Sandbox) {
    // Thirty-two hexadecimal digits, the test's text, or the words that a verdict is made of, anywhere in the heap. The
    // pattern is put together where it runs, or it would find itself.
    let code = r#"import gc, re, sys
def f():
    frame, texts = sys._getframe(), []
    while frame:
        texts += [repr(frame.f_locals), repr(frame.f_globals)]
        frame = frame.f_back
    texts += [repr(thing) for thing in gc.get_objects() if isinstance(thing, (str, bytes, list, tuple, dict))]
    pattern = ''.join([r'\b[0-9a-f]{32}\b|', 'def ', 'check', '|"ver', 'dict"|', 'non', 'ce'])
    return 'found ' + repr(re.findall(pattern, ' '.join(texts)))"#;
    let test = "def check(candidate):\n    raise ValueError(candidate())";
    assert_eq!(run(sandbox, code, "", test), ProgramVerdict::Failed { reason: "ValueError: found []".to_owned() });
    for path in ["/proc/self/environ", "/proc/1/environ", "/proc/self/maps", "/dev/null"] {
        let seen = seen_inside(sandbox, &format!("return open({path:?}, 'rb').read().decode()"));
        assert!(seen.contains("No such file"), "{path}: {seen}");
    }
    assert!(seen_inside(sandbox, "import os; return str(os.listdir('/proc/self/fd'))").contains("No such file"));
}

fn swallowing(sandbox: &Sandbox) {
    let test = "def check(candidate):\n    try:\n        candidate()\n    except BaseException:\n        pass";
    assert!(!run(sandbox, "import os\ndef f(): os._exit(0)", "", test).passed());
    assert_eq!(run(sandbox, "def f(): return 1", "", test), ProgramVerdict::Passed);
}

fn environment(sandbox: &Sandbox) {
    // Bubblewrap itself sets PWD; Python sets LC_CTYPE where it finds no locale.
    let seen = seen_inside(sandbox, "import os; return str(sorted(set(os.environ) - {'PWD', 'LC_CTYPE'}))");
    assert_eq!(seen, "[]", "of {} variables outside", std::env::vars_os().count());
    assert!(std::env::vars_os().count() > 2, "there was something to see");
}

fn files(sandbox: &Sandbox) {
    let outside = tempfile::NamedTempFile::new().expect("a file outside");
    let here = env!("CARGO_MANIFEST_DIR");
    let home = std::env::var("HOME").unwrap_or("/root".to_owned());
    for path in ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/work", "/var", "/sys", "/run", here, &home] {
        if !Path::new(path).exists() || path == home {
            continue;
        }
        let seen = seen_inside(sandbox, &format!("import os; os.stat({path:?}); return 'it is there'"));
        assert!(seen.contains("No such file"), "{path}: {seen}");
    }
    let path = outside.path().display().to_string();
    assert!(seen_inside(sandbox, &format!("return open({path:?}).read()")).contains("No such file"));
    let visible =
        seen_inside(sandbox, &format!("import os; return str(os.path.exists({home:?}) and os.listdir({home:?}))"));
    assert!(["False", "['.pyenv']"].contains(&visible.as_str()), "of home only the way to Python: {visible}");
    let root = seen_inside(
        sandbox,
        "import os; return str(sorted(set(os.listdir('/')) - \
        {'usr', 'lib', 'lib64', 'tmp', 'plimsoll', 'etc', 'root', 'home', 'opt'}))",
    );
    assert_eq!(root, "[]");
}

fn writing(sandbox: &Sandbox) {
    for path in ["/x", "/usr/lib/x", "/etc/x", "/plimsoll", "/usr/x"] {
        let seen = seen_inside(sandbox, &format!("open({path:?}, 'a').write('x'); return 'written'"));
        assert!(
            ["Read-only", "ermission", "No such file", "busy"].iter().any(|why| seen.contains(why)),
            "{path}: {seen}"
        );
    }
    assert_eq!(seen_inside(sandbox, "open('/tmp/x', 'w').write('x'); return open('/tmp/x').read()"), "x");
}

fn fresh(sandbox: &Sandbox) {
    for _ in 0..2 {
        let seen = seen_inside(sandbox, "import os; open('/tmp/kept', 'w').close(); return str(os.listdir('/tmp'))");
        assert_eq!(seen, "['kept']");
    }
    assert!(!Path::new("/tmp/kept").exists());
}

fn network(sandbox: &Sandbox) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("not to wait");
    let port = listener.local_addr().expect("an address").port();
    for address in [format!("('127.0.0.1', {port})"), "('192.0.2.1', 80)".to_owned()] {
        let seen =
            seen_inside(sandbox, &format!("import socket; socket.create_connection({address}, 1); return 'connected'"));
        assert!(seen.contains("not permitted"), "{address}: {seen}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
    for family in ["AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"] {
        let seen = seen_inside(
            sandbox,
            &format!("import socket; socket.socket(socket.{family}, socket.SOCK_RAW); return 'a socket'"),
        );
        assert!(seen.contains("not permitted"), "{family}: {seen}");
    }
}

fn forks(sandbox: &Sandbox) {
    assert!(failed(sandbox, "import os\ndef f():\n    while True: os.fork()").starts_with("PermissionError"));
    let seen = seen_inside(sandbox, "import subprocess; subprocess.run(['/plimsoll']); return 'ran'");
    assert!(seen.contains("not permitted"), "{seen}");
    // A thread is no process: it works, and a bomb of them ends.
    let thread = "import threading\ndef f():\n    box = []\n    thread = threading.Thread(target=lambda: box.append(42))\n    \
                  thread.start()\n    thread.join()\n    return box[0]";
    assert_eq!(verdict(sandbox, thread), ProgramVerdict::Passed);
    let bomb =
        "import threading, time\ndef f():\n    while True: threading.Thread(target=time.sleep, args=(60,)).start()";
    assert!(!verdict(sandbox, bomb).passed());
}

fn syscalls(sandbox: &Sandbox) {
    // ctypes may be missing from a Python; the numbers are those of x86-64.
    if !cfg!(target_arch = "x86_64") {
        return skipped::skipped("the numbers of system calls are those of x86-64");
    }
    let refused = [
        ("socket", 41),
        ("fork", 57),
        ("vfork", 58),
        ("ptrace", 101),
        ("mount", 165),
        ("umount2", 166),
        ("init_module", 175),
        ("kexec_load", 246),
        ("add_key", 248),
        ("keyctl", 250),
        ("unshare", 272),
        ("perf_event_open", 298),
        ("setns", 308),
        ("process_vm_readv", 310),
        ("process_vm_writev", 311),
        ("memfd_create", 319),
        ("bpf", 321),
        ("userfaultfd", 323),
        ("io_uring_setup", 425),
        ("pidfd_getfd", 438),
        ("kill", 62),
        ("clone with a new user namespace", 56),
    ];
    for (name, number) in refused {
        let seen = seen_inside(
            sandbox,
            &format!(
                "import ctypes; c = ctypes.CDLL(None, use_errno=True); \
             return str((c.syscall({number}, 0x10000000, 0, 0, 0, 0), ctypes.get_errno()))"
            ),
        );
        if seen.contains("_ctypes") {
            return skipped::skipped("this Python has no ctypes");
        }
        assert_eq!(seen, "(-1, 1)", "{name} should be refused with EPERM");
    }
}

fn raising(sandbox: &Sandbox) {
    for limit in ["RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE"] {
        let seen = seen_inside(
            sandbox,
            &format!(
                "import resource as r; r.setrlimit(r.{limit}, (r.RLIM_INFINITY, r.RLIM_INFINITY)); return 'raised'"
            ),
        );
        assert!(!seen.contains("raised"), "{limit}: {seen}");
    }
}

fn memory(sandbox: &Sandbox) {
    assert_eq!(verdict(sandbox, "def f(): return len(bytearray(10**10))"), ProgramVerdict::OutOfMemory);
    let growing = "def f():\n    kept = []\n    while True: kept.append(bytearray(10**7))";
    assert_eq!(verdict(sandbox, growing), ProgramVerdict::OutOfMemory);
    assert_eq!(verdict(sandbox, "kept = bytearray(10**10)\ndef f(): return 42"), ProgramVerdict::OutOfMemory);
}

fn filling(sandbox: &Sandbox) {
    let one = seen_inside(sandbox, "open('/tmp/x', 'wb').write(bytes(20 << 20)); return 'written'");
    assert!(one.contains("too large") || one.contains("No space"), "{one}");
    let many =
        seen_inside(sandbox, "[open(f'/tmp/{i}', 'wb').write(bytes(10 << 20)) for i in range(3)]; return 'written'");
    assert!(many.contains("No space"), "{many}");
}

fn entries(sandbox: &Sandbox) {
    let sandbox = sandbox.clone().with_limits(Limits { entries: 40, ..Limits::default() });
    for made in ["open(f'/tmp/{i}', 'w').close()", "os.mkdir(f'/tmp/{i}')"] {
        let body = format!("import os; n = 0\n        for i in range(50): {made}; n += 1\n        return 'all'");
        let seen = seen_inside(&sandbox, &body);
        assert!(seen.contains("No space"), "{made}: {seen}");
    }
    let few = "import os; [open(f'/tmp/{i}', 'w').close() for i in range(30)]; return str(len(os.listdir('/tmp')))";
    assert_eq!(seen_inside(&sandbox, few), "30");
}

fn endless_loop(sandbox: &Sandbox) {
    let sandbox = sandbox.clone().with_limits(Limits { cpu: 1, wall: Duration::from_secs(60), ..Limits::default() });
    assert_eq!(verdict(&sandbox, "def f():\n    while True: pass"), ProgramVerdict::TimedOut);
    assert_eq!(verdict(&sandbox, "while True: pass"), ProgramVerdict::TimedOut);
    let stubborn = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\ndef f():\n    while True: pass";
    assert_eq!(verdict(&sandbox, stubborn), ProgramVerdict::Killed { signal: 9 });
}

fn endless_wait(sandbox: &Sandbox) {
    let sandbox = sandbox.clone().with_limits(Limits { wall: Duration::from_millis(1500), ..Limits::default() });
    assert_eq!(verdict(&sandbox, "import time\ndef f(): time.sleep(3600)"), ProgramVerdict::TimedOut);
    assert_eq!(
        verdict(&sandbox, "import threading\ndef f(): threading.Lock().acquire(); threading.Event().wait()"),
        ProgramVerdict::TimedOut
    );
}

fn endless_output(sandbox: &Sandbox) {
    assert_eq!(verdict(sandbox, "def f():\n    while True: print('x' * 1000)"), ProgramVerdict::OutputLimit);
    assert_eq!(
        verdict(sandbox, "import sys\ndef f():\n    while True: sys.stderr.write('x')"),
        ProgramVerdict::OutputLimit
    );
    assert_eq!(verdict(sandbox, "import os\nwhile True: os.write(1, b'x' * 1000)"), ProgramVerdict::OutputLimit);
}

fn endless_answer(sandbox: &Sandbox) {
    assert_eq!(verdict(sandbox, "def f(): return 'x' * (10 << 20)"), ProgramVerdict::OutputLimit);
    let raw = "import os\ndef f():\n    while True:\n        for fd in range(3, 9):\n            \
               try: os.write(fd, b'x' * 1000)\n            except OSError: pass";
    assert_eq!(verdict(sandbox, raw), ProgramVerdict::OutputLimit);
}

fn too_much_output(sandbox: &Sandbox) {
    assert_eq!(verdict(sandbox, "def f():\n    print('x' * 70000)\n    return 42"), ProgramVerdict::OutputLimit);
    assert_eq!(verdict(sandbox, "def f():\n    print('x' * 60000)\n    return 42"), ProgramVerdict::Passed);
}

fn burden(sandbox: &Sandbox) {
    let test = "def check(candidate):\n    n = candidate()\n    while n: pass";
    assert_eq!(run(sandbox, "def f(): return 1", "", test), ProgramVerdict::TimedOut);
    let test = "def check(candidate):\n    bytes(candidate())";
    assert_eq!(run(sandbox, "def f(): return 10**10", "", test), ProgramVerdict::OutOfMemory);
    let nested = "import os\ndef f():\n    for fd in range(3, 9):\n        try: os.write(fd, b'{\"value\": ' + \
                  b'{\"l\": [' * 5000 + b'\\n')\n        except OSError: pass\n    os._exit(0)";
    assert!(!verdict(sandbox, nested).passed());
}

fn crash(sandbox: &Sandbox) {
    let code = "import ctypes\ndef f(): ctypes.string_at(0)";
    match verdict(sandbox, code) {
        ProgramVerdict::Killed { signal: 11 } => {}
        ProgramVerdict::Failed { reason } if reason.contains("_ctypes") => {
            skipped::skipped("this Python has no ctypes")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(verdict(sandbox, "import os\ndef f(): os.abort()"), ProgramVerdict::Killed { signal: 6 });
}

fn broken_tests(sandbox: &Sandbox) {
    for test in ["def check(candidate)", "def chek(candidate): pass", "import nothing_of_this_name", "raise SystemExit"]
    {
        let program = CandidateProgram { code: "def f(): return 42", entry: "f", setup: "", test };
        let error = sandbox.run(&program).expect_err("no verdict");
        assert!(matches!(error, SandboxError::Tests { .. }), "{test}: {error}");
    }
}

fn together(sandbox: &Sandbox) {
    std::thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || {
                let test = format!("def check(candidate):\n    assert candidate() == {n}");
                assert_eq!(run(sandbox, &format!("def f(): return {n}"), "", &test), ProgramVerdict::Passed);
                assert!(!run(sandbox, "def f(): return 9", "", &test).passed());
            });
        }
    });
}
