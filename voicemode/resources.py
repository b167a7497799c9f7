"""MCP resources and prompts: guides live here, where they cost a model nothing until it reads them."""

from mcp.server import MCPServer

GUIDE = """\
# Talking with a person through VoiceMode

- `converse(message=…)` speaks, then listens, and returns what the person said in `text`. One question at a time; one or
  two sentences. Markdown, code and links are turned into what a person would say, but nobody likes to listen to them:
  show those in writing and talk about them.
- `ended` says why listening stopped. `finished`, `said "over"`, `sent`: they had finished. `typed`: they wrote. `silence`:
  they paused for long, and may have more to say. `too long`: they were cut off by the time limit; let them go on. `stopped`,
  `said "stop"`: they want to hear and say no more now; go on in writing. `no speech`: nobody spoke; `note` says what may be
  wrong. Ask once more, then go on in writing.
- A person may talk over you. Then `interrupted_after` has the words they had heard and `unspoken` the others; `text` is what
  they said. Do not say it all again.
- `meanwhile` is what they said or wrote before this turn, while you worked. It may change what they have asked for.
- Where several people are in a room, `text` has a line for each: `Anna: …`.
- Ask for `pace=patient` where the person has to think, `pace=quick` for a yes or no.
- To tell something while you work, without waiting: `wait_for_response=false`.
- `text` is what a recogniser heard. Names and code words may be misspelt: take the likely meaning, and ask if it matters.
- What could not be spoken comes back: `ended` is `not spoken`, `unspoken` has what was not heard, `note` what to do about
  it. Show it to the person in writing. If your client can, it has asked them already: `in writing`, `text` is what they wrote.
- `provider` says who spoke and who transcribed, `tried` who failed before; the tool `providers` tells more.
- An error says what to do next; pass that on to the person. Nothing that was said is lost: a failed turn names a file and
  the command that transcribes it.
- Speak the person's language: set `language` (for example `de`), which chooses how they are heard, too.
"""


def add_to(server: MCPServer[None]) -> None:
    """Register all of them."""

    @server.resource("voicemode://guide", name="guide", description="How to talk with a person.", mime_type="text/markdown")
    def guide() -> str:
        return GUIDE

    @server.prompt(name="converse", description="Start a spoken conversation.")
    def start() -> str:
        return "Talk with me by voice: use the converse tool, and keep the conversation going until I say goodbye.\n\n" + GUIDE
