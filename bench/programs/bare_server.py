"""A minimal MCP server: the SDK and one trivial tool. Its figures are a lower bound for ours."""

from mcp.server import MCPServer

server: MCPServer[None] = MCPServer("bare", log_level="WARNING")


@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    server.run()
