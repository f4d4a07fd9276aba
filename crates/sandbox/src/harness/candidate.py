# Runs the code under test: defines it, then answers calls. It knows no test and no secret; whatever the code under
# test does to this process, all that leaves it is an answer.
import types


def raised(error):
    return {"raised": type(error).__name__, "message": str(error)[:500]}


def main():
    calls, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What the code prints is told apart from its answers; it has nothing to read.
    os.dup2(2, 1)
    nothing, end = os.pipe()
    os.close(end)
    os.dup2(nothing, 0)
    os.close(nothing)
    task = json.loads(calls.readline())
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    try:
        exec(compile(task["code"], "<code>", "exec"), module.__dict__)
        function = module.__dict__.get(task["entry"])
        if not callable(function):
            raise NameError("the code defines no function `" + task["entry"] + "`")
        reply = {"value": None}
    except BaseException as error:
        reply = raised(error)
    send(replies, reply)
    for line in calls:
        try:
            call = json.loads(line)
            keywords = {name: unpack(item) for name, item in call["keywords"].items()}
            value = function(*[unpack(item) for item in call["arguments"]], **keywords)
            reply = {"value": pack(value)}
        except BaseException as error:
            reply = raised(error)
        send(replies, reply)


main()
