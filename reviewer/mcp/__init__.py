"""The MCP server: reviews for coding agents. The SDK is `mcp`, this is `reviewer.mcp`."""
