"""English words for numbers."""

from voicemode.text.spoken.rules import table

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_POWERS = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_IRREGULAR = table("one: first, two: second, three: third, five: fifth, eight: eighth, nine: ninth, twelve: twelfth")
_LONGEST_CARDINAL = 15
_LONGEST_SPELLED = 20


def cardinal(number: int) -> str:
    """1234 -> "one thousand two hundred thirty-four"; below 10 ** 15."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    power, name = next((power, name) for power, name in _POWERS if number >= power)
    head, rest = divmod(number, power)
    return f"{cardinal(head)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """21 -> "twenty-first"."""
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    return words[:cut] + (_IRREGULAR.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"))


def year(number: int) -> str:
    """2026 -> "twenty twenty-six"; also for ports and other numbers that are read in pairs."""
    century, rest = divmod(number, 100)
    if number < 1000 or number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """Say one digit after another; beyond 20 digits, say only their count."""
    if len(text) > _LONGEST_SPELLED:
        return f"a {cardinal(len(text))}-digit number"
    return " ".join(_ONES[int(digit)] for digit in text)


def number(text: str) -> str:
    """Say digits, with thousands separators and decimals as in "1,234.5"."""
    whole, point, decimals = text.replace(",", "").partition(".")
    said = integer(whole) if whole else ""
    return f"{said} point {digits(decimals)}".strip() if point else said


def integer(text: str) -> str:
    """Say digits as a number, or one by one if they are too many or begin with a zero, as codes do."""
    if len(text) > _LONGEST_CARDINAL or (len(text) > 1 and text[0] == "0"):
        return digits(text)
    return cardinal(int(text))
