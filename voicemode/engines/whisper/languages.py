"""Languages of the multilingual weights: ISO 639 code -> name in OpenAI's API."""

from collections.abc import Mapping
from types import MappingProxyType

_TABLE = """
en english zh chinese de german es spanish ru russian ko korean fr french ja japanese pt portuguese tr turkish
pl polish ca catalan nl dutch ar arabic sv swedish it italian id indonesian hi hindi fi finnish vi vietnamese
he hebrew uk ukrainian el greek ms malay cs czech ro romanian da danish hu hungarian ta tamil no norwegian
th thai ur urdu hr croatian bg bulgarian lt lithuanian la latin mi maori ml malayalam cy welsh sk slovak
te telugu fa persian lv latvian bn bengali sr serbian az azerbaijani sl slovenian kn kannada et estonian
mk macedonian br breton eu basque is icelandic hy armenian ne nepali mn mongolian bs bosnian kk kazakh
sq albanian sw swahili gl galician mr marathi pa punjabi si sinhala km khmer sn shona yo yoruba so somali
af afrikaans oc occitan ka georgian be belarusian tg tajik sd sindhi gu gujarati am amharic yi yiddish lo lao
uz uzbek fo faroese ht haitian ps pashto tk turkmen nn nynorsk mt maltese sa sanskrit lb luxembourgish
my myanmar bo tibetan tl tagalog mg malagasy as assamese tt tatar haw hawaiian ln lingala ha hausa ba bashkir
jw javanese su sundanese yue cantonese
"""
_NAMES = _TABLE.split()

WHISPERS = MappingProxyType({"jv": "jw"})
"""ISO 639-1 code -> Whisper's, where it has a code of its own."""

LANGUAGES: Mapping[str, str] = MappingProxyType(dict(zip(_NAMES[::2], _NAMES[1::2], strict=True)))


def language_code(asked: str) -> str:
    """Return the code of a language given as a code (`de`, `de-AT`) or by name; empty if unknown."""
    wanted = asked.strip().lower()
    code = wanted.replace("_", "-").split("-")[0]
    code = WHISPERS.get(code, code)
    if code in LANGUAGES:
        return code
    return next((code for code, name in LANGUAGES.items() if name == wanted), "")
