"""The local control channel for running conversations: `voicemode stop`, `skip`, `send`, `mute`, `hold`.

Every running program has an endpoint, called a door, in one folder that only its owner can enter. A client sends one line
and receives one line. Unix: a socket, where the kernel identifies the client. Windows, and file systems without sockets:
a loopback port and a token in a file. (Windows' named pipes are by default readable by everyone and reachable from other
machines, and any program can claim their names first.)

    messages    requests and replies as lines of JSON
    doors       opening doors, finding them, and connecting to them
    peers       user id of the client, from the kernel
    talk_key    push-to-talk
    server      the side of the running program
    client      the side of the command line; blocks, and imports little, as it is bound to hot keys
"""
