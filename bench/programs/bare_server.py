"""The least an MCP server can be: the SDK and one trivial tool. What it needs is the floor of what ours needs."""

from mcp.server import MCPServer

server: MCPServer[None] = MCPServer("bare", log_level="WARNING")


@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    server.run()
