"""The web page's own server: static files, who may come in, rooms, tokens, LiveKit's signalling. Only imported where it runs.

app               the application: routes, and checks before them
guards            names we answer to, other sites' pages, sizes
policy            the headers that keep a browser from doing what it should not
journal           who is here; the log
page              the exported page, read once
entry             signing in: pairing links, the password, sessions
link              pairing links
issued_secrets    secrets that were given out, by their hash
attempts          how often one may guess
rooms             rooms and tokens
signalling        LiveKit's WebSocket, passed on
status            status of the services
request_body      request bodies, checked
errors            failures, as the page is told of them
live_settings     the settings, as they are now
certificate       TLS in the local network
lan               addresses there
idle_connections  connections that are held for nothing
server            sockets
"""
