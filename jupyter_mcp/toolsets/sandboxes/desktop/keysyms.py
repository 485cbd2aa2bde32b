"""Names of keys, as X and xdotool know them, with their keysyms (X11: keysymdef.h).

Letters of other scripts have no names here: a character stands for itself.
"""

from __future__ import annotations

ASCII = (
    "space exclam quotedbl numbersign dollar percent ampersand apostrophe parenleft parenright "
    "asterisk plus comma minus period slash"
)
ASCII_AFTER_DIGITS = "colon semicolon less equal greater question at"
ASCII_AFTER_CAPITALS = "bracketleft backslash bracketright asciicircum underscore grave"
ASCII_AFTER_LETTERS = "braceleft bar braceright asciitilde"
LATIN = (
    "nobreakspace exclamdown cent sterling currency yen brokenbar section diaeresis copyright "
    "ordfeminine guillemotleft notsign hyphen registered macron degree plusminus twosuperior "
    "threesuperior acute mu paragraph periodcentered cedilla onesuperior masculine guillemotright "
    "onequarter onehalf threequarters questiondown Agrave Aacute Acircumflex Atilde Adiaeresis "
    "Aring AE Ccedilla Egrave Eacute Ecircumflex Ediaeresis Igrave Iacute Icircumflex Idiaeresis "
    "ETH Ntilde Ograve Oacute Ocircumflex Otilde Odiaeresis multiply Ooblique Ugrave Uacute "
    "Ucircumflex Udiaeresis Yacute THORN ssharp agrave aacute acircumflex atilde adiaeresis aring "
    "ae ccedilla egrave eacute ecircumflex ediaeresis igrave iacute icircumflex idiaeresis eth "
    "ntilde ograve oacute ocircumflex otilde odiaeresis division oslash ugrave uacute ucircumflex "
    "udiaeresis yacute thorn ydiaeresis"
)
NAMED = {
    "BackSpace": 0xFF08, "Tab": 0xFF09, "Linefeed": 0xFF0A, "Clear": 0xFF0B, "Return": 0xFF0D,
    "Pause": 0xFF13, "Scroll_Lock": 0xFF14, "Sys_Req": 0xFF15, "Escape": 0xFF1B,
    "Multi_key": 0xFF20, "Home": 0xFF50, "Left": 0xFF51, "Up": 0xFF52, "Right": 0xFF53,
    "Down": 0xFF54, "Page_Up": 0xFF55, "Prior": 0xFF55, "Page_Down": 0xFF56, "Next": 0xFF56,
    "End": 0xFF57, "Begin": 0xFF58, "Select": 0xFF60, "Print": 0xFF61, "Execute": 0xFF62,
    "Insert": 0xFF63, "Undo": 0xFF65, "Redo": 0xFF66, "Menu": 0xFF67, "Find": 0xFF68,
    "Cancel": 0xFF69, "Help": 0xFF6A, "Break": 0xFF6B, "Mode_switch": 0xFF7E, "Num_Lock": 0xFF7F,
    "KP_Space": 0xFF80, "KP_Tab": 0xFF89, "KP_Enter": 0xFF8D, "KP_Home": 0xFF95,
    "KP_Left": 0xFF96, "KP_Up": 0xFF97, "KP_Right": 0xFF98, "KP_Down": 0xFF99,
    "KP_Page_Up": 0xFF9A, "KP_Prior": 0xFF9A, "KP_Page_Down": 0xFF9B, "KP_Next": 0xFF9B,
    "KP_End": 0xFF9C, "KP_Begin": 0xFF9D, "KP_Insert": 0xFF9E, "KP_Delete": 0xFF9F,
    "KP_Multiply": 0xFFAA, "KP_Add": 0xFFAB, "KP_Separator": 0xFFAC, "KP_Subtract": 0xFFAD,
    "KP_Decimal": 0xFFAE, "KP_Divide": 0xFFAF, "KP_Equal": 0xFFBD, "Shift_L": 0xFFE1,
    "Shift_R": 0xFFE2, "Control_L": 0xFFE3, "Control_R": 0xFFE4, "Caps_Lock": 0xFFE5,
    "Shift_Lock": 0xFFE6, "Meta_L": 0xFFE7, "Meta_R": 0xFFE8, "Alt_L": 0xFFE9, "Alt_R": 0xFFEA,
    "Super_L": 0xFFEB, "Super_R": 0xFFEC, "Hyper_L": 0xFFED, "Hyper_R": 0xFFEE,
    "Delete": 0xFFFF, "ISO_Level3_Shift": 0xFE03, "ISO_Left_Tab": 0xFE20, "EuroSign": 0x20AC,
    "XF86AudioLowerVolume": 0x1008FF11, "XF86AudioMute": 0x1008FF12,
    "XF86AudioRaiseVolume": 0x1008FF13, "XF86AudioPlay": 0x1008FF14,
    "XF86AudioStop": 0x1008FF15, "XF86AudioPrev": 0x1008FF16, "XF86AudioNext": 0x1008FF17,
    "XF86HomePage": 0x1008FF18, "XF86Search": 0x1008FF1B, "XF86Back": 0x1008FF26,
    "XF86Forward": 0x1008FF27, "XF86Refresh": 0x1008FF29, "XF86Copy": 0x1008FF57,
    "XF86Cut": 0x1008FF58, "XF86Paste": 0x1008FF6D,
}  # fmt: skip
ALIASES = {
    "ctrl": "Control_L", "control": "Control_L", "alt": "Alt_L", "option": "Alt_L",
    "shift": "Shift_L", "super": "Super_L", "win": "Super_L", "windows": "Super_L",
    "cmd": "Super_L", "command": "Super_L", "meta": "Meta_L", "hyper": "Hyper_L",
    "altgr": "ISO_Level3_Shift", "enter": "Return", "esc": "Escape", "del": "Delete",
    "ins": "Insert", "backspace": "BackSpace", "capslock": "Caps_Lock", "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock", "printscreen": "Print", "pageup": "Page_Up",
    "pagedown": "Page_Down", "pgup": "Page_Up", "pgdn": "Page_Down", "arrowleft": "Left",
    "arrowright": "Right", "arrowup": "Up", "arrowdown": "Down", "spacebar": "space",
    "dash": "minus", "quoteright": "apostrophe", "quoteleft": "grave",
}  # fmt: skip
"""What xdotool, browsers and models call them, in lower case."""


def _table() -> dict[str, int]:
    table = dict(NAMED)
    for first, names in (
        (0x20, ASCII),
        (0x3A, ASCII_AFTER_DIGITS),
        (0x5B, ASCII_AFTER_CAPITALS),
        (0x7B, ASCII_AFTER_LETTERS),
        (0xA0, LATIN),
    ):
        table |= {name: code for code, name in enumerate(names.split(), first)}
    table |= {f"F{number}": 0xFFBE + number - 1 for number in range(1, 36)}
    table |= {f"KP_F{number}": 0xFF91 + number - 1 for number in range(1, 5)}
    table |= {f"KP_{digit}": 0xFFB0 + digit for digit in range(10)}
    return table


KEYSYMS = _table()
"""Keysyms by name."""
