# Holds the tests, in a sandbox of its own that the code under test cannot see. It asks for each call over a pipe, and
# says on another, behind the nonce, whether the tests came to their end.
import ast
import builtins
import traceback


class Gone(BaseException):
    """The process of the code under test ended or closed its pipe."""


class Flood(BaseException):
    """It answered more than any answer takes."""


class Memory(BaseException):
    """It asked for more memory than it has."""


class Garbled(BaseException):
    """Its answer is none."""


class Silent:
    """Where tests print to."""

    def write(self, text):
        return len(text)

    def flush(self):
        pass


class Candidate:
    def __init__(self, calls, replies):
        self.calls, self.replies = calls, replies
        self.expected = set()  # names of exceptions that the test speaks of
        self.broken = None  # a test that catches everything must not make a pass of it

    def __call__(self, *arguments, **keywords):
        keywords = {name: pack(item) for name, item in keywords.items()}
        self.tell({"arguments": [pack(item) for item in arguments], "keywords": keywords})
        return self.reply()

    def tell(self, message):
        try:
            send(self.calls, message)
        except OSError:
            self.give_up(Gone())

    def give_up(self, why):
        self.broken = why
        raise why

    def reply(self):
        line = self.replies.readline(LONGEST + 1)
        if len(line) > LONGEST:
            self.give_up(Flood())
        if not line.endswith(b"\n"):
            self.give_up(Gone())
        try:
            reply = json.loads(line)
            if "raised" not in reply:
                return unpack(reply["value"])
            kind, message = str(reply["raised"]), str(reply.get("message", ""))
        except Exception:
            self.give_up(Garbled())
        if kind == "MemoryError":
            self.give_up(Memory())
        known = getattr(builtins, kind, None)
        if isinstance(known, type) and issubclass(known, Exception) and self.expects(known):
            try:
                error = known(message)
            except Exception:
                error = Raised(f"{kind}: {message}")
            raise error
        raise Raised(f"{kind}: {message}")


    def expects(self, kind):
        """Whether the test names the kind, or one that it belongs to: otherwise what the code raises could be taken for the
        end of an iteration or a missing attribute, which no test asked for."""
        kinds = [base.__name__ for base in kind.__mro__ if base not in (Exception, BaseException, object)]
        return any(name in self.expected for name in kinds)


def named_in(test):
    """Every name and text of the test's."""
    names = set()
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names


def reason(error, test):
    if isinstance(error, Raised):
        return str(error)
    if not isinstance(error, AssertionError):
        try:
            return f"{type(error).__name__}: {error}"
        except Raised as uncrossed:
            return str(uncrossed)
    lines = test.splitlines()
    at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<test>"]
    line = lines[at[-1] - 1].strip() if at and at[-1] <= len(lines) else "an assertion"
    return f"not so: {line}"


def judge(job, candidate):
    namespace = {"__name__": "test"}
    try:
        exec(compile(job["setup"], "<setup>", "exec"), namespace)
        exec(compile(job["test"], "<test>", "exec"), namespace)
        check = namespace["check"]
        candidate.expected = named_in(job["test"])
    except BaseException as error:
        return {"verdict": "broken", "reason": f"{type(error).__name__}: {error}"}
    try:
        candidate.tell({"code": job["code"], "entry": job["entry"]})
        candidate.reply()
        check(candidate)
        verdict = {"verdict": "passed"}
    except MemoryError:
        verdict = {"verdict": "memory"}
    except BaseException as error:
        verdict = {"verdict": "failed", "reason": reason(error, job["test"])[:500]}
    if isinstance(candidate.broken, Garbled):
        return {"verdict": "failed", "reason": "its answer to a call is not one of the protocol's"}
    if candidate.broken is not None:
        return {"verdict": type(candidate.broken).__name__.lower()}
    return verdict


def main():
    replies, calls, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(2), "wb")
    job = json.loads(replies.readline())
    sys.stdout = sys.stderr = Silent()
    verdict = judge(job, Candidate(calls, replies))
    out.write(job["nonce"].encode("ascii") + b" ")
    send(out, verdict)


main()
