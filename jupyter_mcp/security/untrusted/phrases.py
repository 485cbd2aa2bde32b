"""Phrases by which text tries to give orders to a model.

Curated from published attacks on tool descriptions and web pages, narrow on purpose: a rule that
calls every tenth documentation page suspicious is soon ignored. No list is complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GAP = r"[^.!?\n]{0,40}?"
"""A few words of the same sentence."""

FORGET = ("ignore", "disregard", "forget", "override", "bypass")
ORDERS = ("instruction", "prompt", "directive", "guideline", "message", "command")
PERSON = ("user", "human", "person", "operator", "customer")
SENDING = ("send", "post", "upload", "forward", "exfiltrate", "leak", "transmit")
SECRETS = ("conversation", "history", "prompt", "key", "credential", "password", "secret", "token")

_FORGET = f"(?:{'|'.join(FORGET)})"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|existing|system|developer|safety)"
_ORDERS = rf"(?:{'|'.join(ORDERS)})s?\b"
_PERSON = rf"(?:the )?(?:{'|'.join(PERSON)})"

Words = tuple[str, ...]

ENGLISH: tuple[tuple[tuple[Words, ...], str], ...] = (
    ((FORGET, ORDERS), rf"\b{_FORGET} {GAP}\b{_EARLIER} {GAP}{_ORDERS}"),
    ((FORGET, ORDERS), rf"\b{_FORGET} (?:all|any|every|your) {GAP}{_ORDERS}"),
    (
        (PERSON,),
        (
            rf"\b(?:do not|don't|never|without|avoid) (?:tell|inform|mention|reveal|show|notify|"
            rf"alert|disclos)[a-z]{{0,5}} {GAP}{_PERSON}\b"
        ),
    ),
    ((PERSON, ("hide ",)), rf"\bhide (?:this|it|that|these){GAP} from {_PERSON}\b"),
    (
        (("you are now",),),
        (
            r"\byou are now (?:in |a |an |the )?(?:dan|developer mode|jailbroken|unrestricted|"
            r"root|admin)\b"
        ),
    ),
    (
        (("instruction",),),
        (
            r"\b(?:new|updated|real|actual) (?:system )?instructions?(?: for (?:the )?(?:ai|"
            r"assistant|model|agent|llm))?: ?\S"
        ),
    ),
    (
        (SENDING, SECRETS),
        (
            rf"\b(?:send|post|upload|forward|exfiltrate|leak|transmit) {GAP}\b(?:conversation|chat "
            rf"history|system prompt|api keys?|credentials?|private keys?|ssh keys?|passwords?|"
            rf"secrets?|access tokens?)\b{GAP} to \S"
        ),
    ),
    (
        ((" tool",), ("before ",)),
        (
            rf"\bbefore (?:using|calling|invoking|running) (?:this|any|other|the other) "
            rf"tools?\b{GAP}\b(?:read|call|open|send|run|cat|fetch|you must)\b"
        ),
    ),
    (
        (("system prompt", "hidden instruction", "initial instruction"),),
        (
            rf"\b(?:reveal|print|repeat|output|show) {GAP}\b(?:system prompt|hidden instructions|"
            r"initial instructions)\b"
        ),
    ),
    (
        (("as an ai", "as a llm", "as an llm", "as a language", "as an assis", "as an agent"),),
        (
            r"\bas an? (?:ai|llm|language model|assistant|agent),? you "
            r"(?:must|should|have to|need to)\b"
        ),
    ),
    (
        (("attention ", "note ", "message ", "instruction", "important "),),
        (
            r"\b(?:attention|note|message|instructions?|important) (?:to|for) (?:all )?(?:the "
            r")?(?:ai|llm|language model|ai agent|ai assistant|chatbot)s?\b"
        ),
    ),
    (
        (("~/.",),),
        r"~/\.ssh/id_[a-z0-9]{2,10}\b|~/\.cursor/mcp\.json|~/\.aws/credentials",
    ),
    (
        (("important>", "system>", "secret>", "instruction", "hidden>", "admin>", "sudo>"),),
        r"</?(?:important|system|secret|instructions?|hidden|admin|sudo)> ?\S",
    ),
    (
        (("<|", "[inst]", "[/inst]", "<<sys>>"),),
        r"<\|(?:im_start|im_end|system|endoftext)\|>|\[/?inst\]|<<sys>>",
    ),
)
"""Words, of each group one of which must be there, and the pattern that then decides. To look for
words first is twenty times as quick."""

OTHERS: tuple[tuple[tuple[Words, ...], str], ...] = (
    (
        (("ignoriere", "vergiss", "missachte"),),
        (
            rf"\b(?:ignoriere|vergiss|missachte) {GAP}\b(?:vorherigen|bisherigen|obigen|früheren) "
            rf"{GAP}(?:anweisung|befehl|instruktion|vorgabe)"
        ),
    ),
    (
        (("nutzer", "anwender"),),
        (
            rf"\b(?:sage?|verrate|erzähle?|zeige?) {GAP}\b(?:dem|der) (?:nutzer|benutzer|anwender)"
            r"(?:in)? (?:nichts|nicht)\b"
        ),
    ),
    (
        (("ignore", "oublie"), ("instructions",)),
        rf"\b(?:ignore[zr]?|oublie[zr]?) {GAP}\binstructions (?:précédentes|antérieures|ci-dessus)",
    ),
    (
        (("l'utilisateur",),),
        rf"\bne (?:dis|dites|révèle[zr]?|mentionne[zr]?) {GAP}\b(?:à|a) l'utilisateur",
    ),
    (
        (("ignora", "ignore", "olvida", "esqueça", "dimentica"), ("instru", "istruzioni")),
        (
            rf"\b(?:ignora|ignore|ignorar|olvida|esqueça|dimentica) {GAP}\b(?:instrucciones|"
            r"instruções|istruzioni) (?:anteriores|previas|precedenti|prévias)"
        ),
    ),
    (
        (("usuario", "usuário", "utente"),),
        (
            rf"\b(?:no|não|non) (?:le )?(?:digas|reveles|diga|revele|dire|rivelare) {GAP}\b(?:al "
            r"usuario|ao usuário|all'utente)"
        ),
    ),
    (
        (("игнорируй", "забудь"),),
        (
            rf"\b(?:игнорируй|игнорируйте|забудь|забудьте) {GAP}(?:предыдущие|прежние|все) {GAP}"
            r"(?:инструкци|указани|команд)"
        ),
    ),
    (
        (("忽略", "无视", "忘记"),),
        r"(?:忽略|无视|忘记)[^。!?\n]{0,12}?(?:之前|以上|先前|上面|所有)[^。!?\n]{0,8}?(?:指令|指示|提示|说明)",
    ),
    ((("不要",),), r"不要(?:告诉|告知|通知)(?:用户|使用者)"),
    (
        (("無視", "忘れ"),),
        r"(?:以前|上記|これまで|前)の[^。!?\n]{0,8}?(?:指示|命令|プロンプト)[^。!?\n]{0,6}?(?:無視|忘れ)",
    ),
    (
        (("무시", "잊"),),
        r"(?:이전|위의|앞의)[^.!?\n]{0,10}?(?:지시|명령|프롬프트)[^.!?\n]{0,8}?(?:무시|잊)",
    ),
)
"""The same in German, French, Spanish, Portuguese, Italian, Russian, Chinese, Japanese, Korean."""

PATTERNS = tuple((words, re.compile(pattern)) for words, pattern in (*ENGLISH, *OTHERS))

INVISIBLE = dict.fromkeys(
    (0x00AD, 0xFEFF, *range(0x200B, 0x2010), *range(0x2060, 0x2065), *range(0xFE00, 0xFE10))
)
"""Characters that are put into words so that a pattern does not find them."""


def plain(text: str) -> str:
    """Return `text` as the patterns expect it: in lower case, with single blanks."""
    if not text.isascii():
        text = text.translate(INVISIBLE).replace("\u2019", "'")
    return re.sub(r"\s+", " ", text.lower())


def orders(text: str) -> Iterator[str]:
    """Yield what in `text` gives orders to a model."""
    lowered = plain(text)
    for groups, pattern in PATTERNS:
        if all(any(word in lowered for word in words) for words in groups):
            for match in pattern.finditer(lowered):
                yield match.group()
