"""The MCP server on stdio: with `resources`, the only module that knows the MCP library."""

import asyncio
import inspect
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool as McpTool
from mcp.types import CallToolResult, InputRequiredResult, TextContent
from pydantic import Field

from voicemode import __version__, resources, tools
from voicemode.app import Opened, open_app
from voicemode.config import Loaded, load_settings
from voicemode.errors import VoiceModeError

HEARTBEAT_SECONDS = 5.0
"""Between progress notifications while a tool runs: clients give up after 30 to 60 s of silence."""
GRACE_SECONDS = 1.5
"""Given to running tools to close their devices after a signal."""

INSTRUCTIONS = "Talk with the person by voice: `converse` speaks and returns what they answer. Read voicemode://guide once."


class Heartbeat:
    """A `Report` that tells an MCP client, and repeats itself so that the client keeps waiting."""

    def __init__(self, context: Context[Any, Any]) -> None:
        self._context = context
        self._stage = "starting"
        self._beats = 0

    async def __call__(self, stage: str) -> None:
        self._stage = stage
        self._beats += 1
        await self._context.report_progress(self._beats, message=stage)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self(self._stage)


class VoiceServer(MCPServer[None]):
    """An MCPServer that rejects arguments no tool has and speaks of failures in their own words."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        schema = self._tool_input_schema(name)
        known = schema["properties"] if schema else arguments
        if unknown := [argument for argument in arguments if argument not in known]:
            raise ToolError(f"{name} has no argument {', '.join(unknown)}. It takes: {', '.join(known) or 'none'}.")
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as error:
            raise UnexpectedToolError(f"{name} failed inside VoiceMode; its log has the details.") from error
        except ToolError as error:
            raise ToolError(str(error).removeprefix(f"Error executing tool {name}: ")) from error.__cause__


def create_server(load: Callable[[], Loaded] = load_settings, at_end: Callable[[], None] = lambda: None) -> VoiceServer:
    """The server with the tools the settings allow; `at_end` is called when the client has left.

    Raises VoiceModeError if settings or tools are broken.
    """
    settings = load().settings
    opened: Opened | None = None
    running: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncIterator[None]:
        nonlocal opened
        async with open_app(load) as opened:
            opened.warm_up()
            with ending_on_signals(running):
                yield
            at_end()

    def get_opened() -> Opened:
        if opened is None:
            raise RuntimeError("a tool was called before the server had started")
        return opened

    chosen = tools.select(tools.load(), settings.tools_enabled, settings.tools_disabled)
    server = VoiceServer(
        "voicemode",
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
        tools=[mcp_tool(fn, get_opened, running) for fn in chosen.values()],
    )
    resources.add_to(server)
    return server


def mcp_tool(fn: tools.Tool, get_opened: Callable[[], Opened], running: set[asyncio.Task[Any]]) -> McpTool:
    """`fn` as MCP sees it: without its App, described, its result structured and as text."""

    async def call(ctx: Context[Any, Any], **arguments: Any) -> CallToolResult:
        task = asyncio.current_task()
        heartbeat = Heartbeat(ctx)
        beating = asyncio.create_task(heartbeat.run())
        running.add(task)  # type: ignore[arg-type]
        try:
            result = await fn(await get_opened().now(heartbeat), **arguments)
        except VoiceModeError as error:
            raise ToolError(str(error)) from error
        finally:
            running.discard(task)
            beating.cancel()
        return CallToolResult(content=[TextContent(type="text", text=str(result))], structured_content=asdict(result))

    description = tools.describe(fn)
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=Context)]
        + [described(parameter, description.parameters[parameter.name]) for parameter in tools.parameters(fn)],
        return_annotation=Annotated[CallToolResult, inspect.signature(fn, eval_str=True).return_annotation],
    )
    tool = McpTool.from_function(call, name=fn.__name__, description=description.summary, context_kwarg="ctx")
    tool.parameters = lean(tool.parameters) | {"additionalProperties": False}
    tool.fn_metadata.output_schema = lean(tool.fn_metadata.output_schema)
    return tool


def described(parameter: inspect.Parameter, text: str) -> inspect.Parameter:
    return parameter.replace(
        kind=inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[parameter.annotation, Field(description=text)]
    )


def lean(schema: Any) -> Any:
    """A JSON schema without the titles pydantic makes of names: a model pays for each word of it."""
    if isinstance(schema, dict):
        return {key: lean(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
    return [lean(item) for item in schema] if isinstance(schema, list) else schema


@contextmanager
def ending_on_signals(running: set[asyncio.Task[Any]]) -> Iterator[None]:
    """On SIGINT or SIGTERM: cancel what runs, so that devices are closed, then leave.

    The SDK reads stdin in a thread that cannot be cancelled, so a normal end of the loop would wait for it.
    """
    loop = asyncio.get_running_loop()
    endings: list[asyncio.Task[None]] = []

    async def end(number: int) -> None:
        tasks = list(running)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_SECONDS)
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
    """See to it that this process ends, even if a thread hangs in a sound driver: nobody is left to end it."""
    timer = threading.Timer(GRACE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
