"""The web page's own server: static files, sign-in, rooms, tokens, LiveKit's signalling. Imported only where it runs.

app               the application: routes, and the checks before them
guards            checks of host names and of request origins
policy            security headers
page              the exported page, read once
entry             signing in: pairing links, the password, sessions
link              pairing links
issued_secrets    issued secrets, stored as hashes
attempts          rate limit on guesses
rooms             rooms and tokens
signalling        relay for LiveKit's WebSocket
status            status of the services
request_body      validation of request bodies
live_settings     the current settings
certificate       TLS certificate for the local network
lan               addresses in the local network
server            running the server
"""
