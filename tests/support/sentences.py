"""Made sentences of real words in four languages, of any length: the same for the same seed."""

from __future__ import annotations

import random

WORDS = {
    "en": (
        "the a of and to in harbour vessel letter invoice morning winter garden river engine window market history "
        "children library teacher doctor mountain railway bridge copper silver summer evening paper question answer "
        "quickly slowly never often always under between behind writes reads carries opens closes builds remembers "
        "finds sells pays bright narrow wooden ancient famous quiet careful total number account photograph camera"
    ),
    "de": (
        "der die das und in von zu mit auf für Rechnung Brücke Hafen Schiff Winter Garten Straße Fenster Bahnhof "
        "Geschichte Kinder Bücherei Lehrerin Berg Silber Morgen Abend Frage Antwort Größe Übung schnell langsam immer "
        "unter zwischen hinter schreibt liest trägt öffnet schließt baut erinnert findet verkauft bezahlt hell schmal "
        "alt berühmt ruhig vorsichtig Betrag Nummer Konto Lichtbild Versicherung Geschwindigkeit Zusammenarbeit"
    ),
    "fr": (
        "le la les de et à dans pour sur avec facture pont port navire hiver jardin rue fenêtre gare histoire enfants "
        "bibliothèque médecin montagne argent matin soirée question réponse été vite lentement toujours jamais sous "
        "entre derrière écrit lit porte ouvre ferme construit trouve vend paie clair étroit ancien célèbre calme"
    ),
    "es": (
        "el la los de y en para con sobre factura puente puerto barco invierno jardín calle ventana estación "
        "historia niños biblioteca médico montaña plata mañana tarde pregunta respuesta rápido despacio siempre nunca "
        "bajo entre detrás escribe lee lleva abre cierra construye encuentra vende paga claro estrecho antiguo famoso"
    ),
}


def made(number: int, *, longest: int = 260, seed: int = 20261125) -> list[str]:
    """``number`` texts of one to about ``longest`` tokens; a tenth of them are numbers, dates and prices."""
    rng = random.Random(seed)
    return [_number(rng) if rng.random() < 0.1 else _text(rng, longest) for _ in range(number)]


def _number(rng: random.Random) -> str:
    forms = ("{}", "{}.{}", "{}-{}-{}", "No. {}", "{} EUR", "{}:{}", "{} %")
    form = rng.choice(forms)
    return form.format(*(rng.randint(0, 2030) for _ in range(form.count("{}"))))


def _text(rng: random.Random, longest: int) -> str:
    words = WORDS[rng.choice(list(WORDS))].split()
    # Most texts are short, as they are in pictures and messages.
    left = rng.randint(1, round((longest if rng.random() < 0.05 else min(longest, 30)) / 1.4))
    sentences = []
    while left > 0:
        size = min(left, rng.randint(1, 18))
        chosen = [rng.choice(words) for _ in range(size)]
        sentence = " ".join(chosen).replace(" and ", ", ") if rng.random() < 0.3 else " ".join(chosen)
        sentences.append(sentence[0].upper() + sentence[1:] + rng.choice(".....!?:"))
        left -= size
    return " ".join(sentences)
