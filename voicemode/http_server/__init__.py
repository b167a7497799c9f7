"""The HTTP server of the engines and the web page: sockets, timeouts, guards, errors, the request log."""
