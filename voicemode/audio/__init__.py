"""Audio: frames, codecs, cues, voice activity detection, devices."""
