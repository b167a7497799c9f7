"""The web page's own server: static files, who may come in, rooms, tokens, LiveKit's signalling. Only imported where it runs.

app               the application: routes, and checks before them
guards            names we answer to, other sites' pages
policy            the headers that keep a browser from doing what it should not
page              the exported page, read once
entry             signing in: pairing links, the password, sessions
link              pairing links
issued_secrets    secrets that were given out, by their hash
attempts          how often one may guess
rooms             rooms and tokens
signalling        LiveKit's WebSocket, passed on
status            status of the services
request_body      request bodies, checked
live_settings     the settings, as they are now
certificate       TLS in the local network
lan               addresses there
server            runs it
"""
