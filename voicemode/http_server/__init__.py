"""The HTTP server under the engines and the page: sockets, time limits, guards, errors, the journal of requests."""
