"""Settings, with the source of each value. The only reader of the environment.

Order: environment > project file (`.voicemode.env`, nearest upward from the working directory) > user file
(`~/.voicemode/voicemode.env`, or the one in $VOICEMODE_BASE_DIR) > defaults. An empty value is ignored: the next one
in this order counts. In lists, `\\,` is a comma that does not separate. Nothing is interpolated: `$` is a `$`.

    settings           Settings: every field typed and documented
    groups             settings by topic, and their reference
    values             text <-> value
    urls               addresses, and those that a key may be sent to
    files              reading and rewriting `NAME=VALUE` files
    trust              which project files the person has trusted
    load               the layers put together, with provenance
    change             set, unset, the template
    child_environment  environment of a child process
"""

from voicemode.config.change import create_user_file, set_value, unset_value
from voicemode.config.load import (
    LoadedSettings,
    SettingSource,
    changed,
    check_file,
    load_settings,
    project_file,
    read_settings,
    trust_store,
    user_file,
)
from voicemode.config.settings import PREFIX, Settings, WhisperModel, env_name, find_setting, needing_trust

__all__ = [
    "PREFIX",
    "LoadedSettings",
    "SettingSource",
    "Settings",
    "WhisperModel",
    "changed",
    "check_file",
    "create_user_file",
    "env_name",
    "find_setting",
    "load_settings",
    "needing_trust",
    "project_file",
    "read_settings",
    "set_value",
    "trust_store",
    "unset_value",
    "user_file",
]
