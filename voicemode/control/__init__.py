"""The local channel by which a person's hand steers running conversations: `voicemode stop`, `skip`, `send`, `mute`, `hold`.

Every running program has a door in one folder that only its owner can enter. Who comes says one line, and is answered with
one. Unix: a socket, where the kernel tells who comes. Windows, and where a file system has no sockets: a loopback port and a
token in a file. (Windows' named pipes are readable for everyone by default, reachable from other machines, and their name
can be taken by whoever comes first.)

    messages    what is said: requests and answers as lines of JSON
    doors       how one gets in
    peers       who does, as the kernel knows it
    talk_key    push-to-talk
    server      the side of the running program
    client      the side of the command line; blocks, and imports little: it is bound to hot keys
"""
