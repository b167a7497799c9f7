"""The MCP server on stdio: the only module that imports the MCP library."""

import asyncio
import inspect
import itertools
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Annotated, Any

from anyio import create_memory_object_stream, create_task_group
from mcp import types
from mcp.server import MCPServer
from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, RequestStateSecurity, Resolve
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool as McpTool
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from pydantic import BaseModel, Field, ValidationError

from voicemode import __version__, tools
from voicemode.app import App, Runtime, open_app
from voicemode.config import LoadedSettings, Settings, read_settings
from voicemode.errors import VoiceModeError, shortened
from voicemode.progress import Progress

HEARTBEAT_SECONDS = 5.0
"""Seconds between progress notifications while a tool runs: clients give up after 30 to 60 s of silence."""
GRACE_SECONDS = 1.5
"""Seconds that running tools have to close their devices after a signal."""
WRITING_SECONDS = 86_400.0
"""Time limit for an answer in writing: one day."""
QUESTIONS_KEPT = 32
"""Most unanswered written questions kept; a person answers one after the other, so more are never open."""

KINDS = MappingProxyType({
    "number": "a number", "integer": "a whole number", "boolean": "true or false", "string": "text", "array": "a list",
})  # fmt: skip
"""JSON types in words."""

INSTRUCTIONS = "Talk with the person by voice: `converse` speaks and returns what they answer. Read voicemode://guide once."


class Heartbeat:
    """A `Report` that sends progress to an MCP client, and repeats the latest so that the client keeps waiting."""

    def __init__(self, context: Context[Any, Any]) -> None:
        self._context = context
        self._news: asyncio.Queue[Progress] = asyncio.Queue()

    def __call__(self, progress: Progress) -> None:
        self._news.put_nowait(progress)

    async def run(self) -> None:
        latest = Progress("starting")
        for beat in itertools.count(1):
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    latest = await self._news.get()
            await self._context.report_progress(beat, message=str(latest))


@dataclass(slots=True)
class PendingCall:
    """A tool call in progress."""

    report: Heartbeat
    """Progress reports to the client of the call."""
    unasked: Any = None
    """Result of the call while the person is asked in writing; the agent gets this result if asking fails."""


class PendingCalls:
    """Tool calls in progress. The client of each gets progress notifications until the call ends."""

    def __init__(self) -> None:
        self._calls: dict[asyncio.Task[Any], PendingCall] = {}

    @contextmanager
    def answering(self, context: Context[Any, Any]) -> Iterator[PendingCall]:
        """Register the call of `context`, which this task answers, and send its progress until the block ends."""
        call = PendingCall(Heartbeat(context))
        beating = asyncio.create_task(call.report.run())
        self._calls[this_task()] = call
        try:
            yield call
        finally:
            del self._calls[this_task()]
            beating.cancel()

    @property
    def current(self) -> PendingCall:
        """The call that this task answers."""
        return self._calls[this_task()]

    async def cancel(self) -> None:
        """Cancel all calls; return when they have cleaned up, or after GRACE_SECONDS."""
        tasks = list(self._calls)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_SECONDS)


def this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a tool was called outside of any task")
    return task


class Questions:
    """Results of calls that wait for an answer in writing, keyed by the arguments of the call.

    A client of the newer protocol ends its call to ask, and repeats the call to deliver the answer. The result of the first
    attempt is kept until then, so that nothing is attempted, let alone spoken, twice.
    """

    def __init__(self) -> None:
        self._results: dict[str, Any] = {}

    def keep(self, arguments: dict[str, Any], result: Any) -> None:
        self._results[json.dumps(arguments, sort_keys=True)] = result
        while len(self._results) > QUESTIONS_KEPT:
            del self._results[next(iter(self._results))]

    def find(self, arguments: dict[str, Any]) -> Any:
        """Return the kept result of the call with `arguments`. Raises ToolError if that result has been dropped."""
        try:
            return self._results[json.dumps(arguments, sort_keys=True)]
        except KeyError as error:
            raise ToolError("Too many other questions have been asked since. Ask again.") from error


class Written(BaseModel):
    """The form in which a person answers."""

    answer: str = Field(description="Your answer")


# `_tool_input_schema` is private to the SDK: pyproject.toml pins its version.
class VoiceServer(MCPServer[None]):
    """An MCPServer that answers every line, rejects unknown arguments and reports failures without the SDK's prefixes."""

    def __init__(self, calls: PendingCalls, **options: Any) -> None:
        super().__init__("voicemode", request_state_security=RequestStateSecurity.ephemeral(ttl=WRITING_SECONDS), **options)
        self._calls = calls

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> types.CallToolResult | types.InputRequiredResult:
        schema = self._tool_input_schema(name)
        if schema is None:
            raise ToolError(f"There is no tool {name}. There are: {', '.join(tool.name for tool in await self.list_tools())}.")
        known = schema["properties"]
        if unknown := [argument for argument in arguments if argument not in known]:
            raise ToolError(f"{name} has no argument {', '.join(unknown)}. It takes: {', '.join(known) or 'none'}.")
        context = context or Context(mcp_server=self)
        try:
            with self._calls.answering(context) as call:
                try:
                    return await super().call_tool(name, arguments, context)
                except (MCPError, ToolError):
                    # Even if the written question fails, the agent must learn what was not spoken.
                    if call.unasked is None:
                        raise
                    return shown(call.unasked)
        except UnexpectedToolError as error:
            raise UnexpectedToolError(f"{name} failed inside VoiceMode; its log has the details.") from error
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(misfits(error.__cause__, known)) from error
            raise ToolError(str(error).removeprefix(f"Error executing tool {name}: ")) from error.__cause__

    async def run_stdio_async(self) -> None:
        async with stdio_server() as (lines, answers), create_task_group() as tasks:
            passed_on, requests = create_memory_object_stream[SessionMessage | Exception](0)
            tasks.start_soon(answer_every_line, lines, answers, passed_on)
            options = self._lowlevel_server.create_initialization_options()
            await self._lowlevel_server.run(requests, answers, options)


async def answer_every_line(lines: Any, answers: Any, requests: Any) -> None:
    """Forward each message, with broken text repaired; answer a line that is no message with a parse error."""
    async with lines, requests:
        async for item in lines:
            if not isinstance(item, ValidationError):
                await requests.send(item)
                continue
            given = [error["input"] for error in item.errors(include_url=False)]
            try:
                await requests.send(SessionMessage(mended(given[0])))
            except (ValueError, TypeError, RecursionError):
                await answers.send(SessionMessage(refused(given)))


def mended(line: Any) -> types.JSONRPCMessage:
    """Parse a `line` that holds an unpaired surrogate, replacing it. Raises ValueError, TypeError or RecursionError."""
    text = json.dumps(json.loads(line), ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return types.jsonrpc_message_adapter.validate_json(text)


def refused(given: list[Any]) -> types.JSONRPCError:
    """Return the error response to a line that is no message; `given` are its parts, with the whole if it is JSON."""
    number = next((part["id"] for part in given if isinstance(part, dict) and isinstance(part.get("id"), int | str)), None)
    error = types.ErrorData(code=types.PARSE_ERROR, message="This line is no JSON-RPC message that can be read.")
    return types.JSONRPCError(jsonrpc="2.0", id=number, error=error)


def misfits(error: ValidationError, known: dict[str, Any]) -> str:
    """Describe each invalid argument and its allowed values; `known` has the schemas of all arguments."""
    wrong = {str(each["loc"][0]): each for each in reversed(error.errors(include_url=False))}
    return " ".join(misfit(name, wrong[name], schema) for name, schema in known.items() if name in wrong)


def misfit(name: str, error: Any, schema: dict[str, Any]) -> str:
    if error["type"] == "missing":
        return f"{name} is missing: {schema.get('description', wanted(schema))}"
    given = shortened(json.dumps(error["input"], ensure_ascii=False, default=str))
    return f"{name} is {given}; it must be {wanted(schema)}."


def wanted(schema: dict[str, Any]) -> str:
    """Describe the values that a JSON schema allows."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    if choices := [choice for kind in kinds for choice in kind.get("enum", [])]:
        return f"one of {', '.join(map(str, choices))}"
    return " or ".join(KINDS.get(kind.get("type", ""), "something else") for kind in kinds)


def create_server(load: Callable[[], LoadedSettings] = read_settings, at_end: Callable[[], None] = lambda: None) -> VoiceServer:
    """Create the server with the tools that the settings allow; if the settings are wrong, every call reports that.

    `at_end` is called when the client has left. Raises VoiceModeError if the file of a tool is broken.
    """
    everything = tools.load()
    opened: Runtime | None = None
    calls = PendingCalls()

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncIterator[None]:
        nonlocal opened
        async with open_app(load) as opened:
            opened.warm_up()
            with ending_on_signals(calls):
                yield
            at_end()

    async def app_for(fn: tools.Tool, report: Heartbeat) -> App:
        if opened is None:
            raise RuntimeError("a tool was called before the server had started")
        app = await opened.now(report, broken=tools.is_diagnostic(fn))
        if not tools.is_diagnostic(fn):
            tools.select(everything, app.settings)
        return app

    server = VoiceServer(
        calls,
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
        tools=[mcp_tool(fn, app_for, calls) for fn in visible(everything, load().settings).values()],
    )
    add_guide(server)
    return server


def visible(everything: dict[str, tools.Tool], settings: Settings) -> dict[str, tools.Tool]:
    """Return the tools that the settings allow; if those name an unknown tool, the default tools, which report the error."""
    try:
        return tools.select(everything, settings)
    except VoiceModeError:
        return tools.select(everything, Settings())


def mcp_tool(fn: tools.Tool, app_for: Callable[[tools.Tool, Heartbeat], Awaitable[App]], calls: PendingCalls) -> McpTool:
    """Wrap `fn` as an MCP tool: without its App parameter, with descriptions, its result structured and as text.

    A result with a `question` could not be spoken: clients with forms ask the person in writing; `answered` gives the result.
    """
    questions = Questions()

    async def attempt(ctx: Context[Any, Any], **arguments: Any) -> Any:
        if ctx.request_state is not None:
            return questions.find(arguments)
        try:
            return await fn(await app_for(fn, calls.current.report), **arguments)
        except VoiceModeError as error:
            raise ToolError(str(error)) from error

    async def ask(ctx: Context[Any, Any], result: Annotated[Any, Resolve(attempt)], **arguments: Any) -> Any:
        question = getattr(result, "question", "")
        if not question or not takes_forms(ctx):
            return None
        questions.keep(arguments, result)
        calls.current.unasked = result
        calls.current.report(Progress("asking in writing"))
        return Elicit(question, Written)

    async def call(
        result: Annotated[Any, Resolve(attempt)], written: Annotated[ElicitationResult[Written], Resolve(ask)], **_: Any
    ) -> types.CallToolResult:
        match written:
            case AcceptedElicitation(data=Written(answer=answer)):
                result = result.answered(answer)
        return shown(result)

    description = tools.describe(fn)
    takes = [described(parameter, description.parameters[parameter.name]) for parameter in tools.parameters(fn)]
    for part in (attempt, ask, call):
        with_parameters(part, takes)
    tool = McpTool.from_function(call, name=fn.__name__, description=description.summary)
    tool.parameters = tools.lean(tool.parameters) | {"additionalProperties": False}
    return tool


def shown(result: Any) -> types.CallToolResult:
    """Return a tool's result as text and as data."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=str(result))], structured_content=asdict(result))


def takes_forms(ctx: Context[Any, Any]) -> bool:
    """True if the client can show the person a form."""
    able = ctx.client_capabilities.elicitation if ctx.client_capabilities else None
    return able is not None and (able.form is not None or able.url is None)


def with_parameters(fn: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Replace the **keywords in the signature of `fn` with `parameters`."""
    own = inspect.signature(fn)
    named = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in own.parameters.values()][:-1]
    fn.__signature__ = own.replace(parameters=[*named, *parameters])  # type: ignore[attr-defined]


def described(parameter: inspect.Parameter, text: str) -> inspect.Parameter:
    return parameter.replace(
        kind=inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[parameter.annotation, Field(description=text)]
    )


@contextmanager
def ending_on_signals(calls: PendingCalls) -> Iterator[None]:
    """On SIGINT or SIGTERM, cancel the running calls, so that devices are closed, then exit.

    The SDK reads stdin in a thread that cannot be cancelled: a normal end of the loop would wait for that thread.
    """
    loop = asyncio.get_running_loop()
    endings: list[asyncio.Task[None]] = []

    async def end(number: int) -> None:
        await calls.cancel()
        os._exit(128 + number)

    def handle(number: int, _: object) -> None:
        loop.call_soon_threadsafe(lambda: endings.append(loop.create_task(end(number))))

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """Serve on stdin and stdout until the client leaves."""
    create_server(at_end=end_soon).run()


def end_soon() -> None:
    """Exit after GRACE_SECONDS even if a thread hangs in an audio driver: the client has left, so nobody else would end us."""
    timer = threading.Timer(GRACE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()


def add_guide(server: MCPServer[Any]) -> None:
    """Register the guide as a resource and as a prompt, which cost a model nothing until it reads them."""
    from voicemode.templates import template

    @server.resource("voicemode://guide", name="guide", description="How to talk with a person.", mime_type="text/markdown")
    def guide() -> str:
        return template("guide.md")

    @server.prompt(name="converse", description="Start a spoken conversation.")
    def start() -> str:
        wish = "Talk with me by voice: use the converse tool, and keep the conversation going until I say goodbye."
        return f"{wish}\n\n{template('guide.md')}"
