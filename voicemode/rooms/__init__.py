"""LiveKit rooms: which server they are on, who may join them, who is in them."""
