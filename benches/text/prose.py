"""Prose for the synthetic pages, written for this repository: four passages in each of four languages, and tables."""

from __future__ import annotations

ENGLISH = (
    """The baker's daughter kept a list of everything that had ever gone wrong in the oven. It began on the 3rd of
March, when the clock stopped and forty loaves turned to coal, and it went on for eleven years. Customers asked
to read it while they waited. Some laughed; others found, to their surprise, that their own kitchens had
suffered the same fate. In the end the list was framed and hung beside the door, where it did more for business
than any sign had done before.""",
    """A bridge is never finished. Rain finds the smallest crack, frost widens it, and by spring somebody must climb
down with a lamp and a hammer to listen to the stone. The sound tells more than the eye: a dull note means
water, a clear one means another ten years. Walter Quigley, who did this work for most of his life, claimed that
he could name each arch with his back turned, and nobody in the village was brave enough to bet against him.""",
    """Between the two islands runs a current that the pilots call the Joker. On quiet mornings it carries a boat north
as gently as a hand, but an hour after the turn of the tide it comes back with twice the strength. The harbour
office prints its times in a small grey book. Visitors buy the book for its pictures of seals; those who live
here read only page 47, and they read it every single day before breakfast.""",
    """When the school moved into the old factory, the children asked what the numbers on the pillars were for. The
caretaker did not know. They wrote to the archive, to three retired engineers and to the newspaper, and within a
week they had five different answers. Their teacher made them weigh the evidence. They decided that the pillars
had once marked the height of six great floods, and a plaque with a careful question mark now says so.""",
)

GERMAN = (
    """Am Rand des Moores steht ein Haus, in dem seit achtzig Jahren niemand wohnt. Trotzdem brennt dort jeden Freitag
Licht. Die Kinder aus dem Dorf erzählen sich, dass ein Müller seine Schlüssel sucht; die Älteren wissen, dass
der Förster dort seine Bücher führt, weil es nirgends so ruhig ist. Er zählt die Kraniche, misst den Wasserstand
und schreibt alles mit grüner Tinte auf. Größere Abweichungen meldet er der Behörde, die ihm höflich dankt und
nichts unternimmt.""",
    """Wer Brot backen will, braucht vor allem Geduld. Das Mehl muss quellen, der Teig muss gehen, und der Ofen darf
weder zu heiß noch zu kühl sein. Meine Großmutter prüfte die Hitze mit der Hand: Konnte sie langsam bis zwölf
zählen, war es Zeit. Heute übernimmt das ein Fühler mit Anzeige, aber das Ergebnis ist nicht besser geworden.
Vielleicht fehlt uns die Ruhe, vielleicht fehlt auch nur das alte Holz aus dem Wald hinter der Mühle.""",
    """Im Zug nach Süden saß mir eine Frau gegenüber, die aus einer Zeitung vorlas, obwohl niemand zuhörte. Sie
übersprang die Überschriften und begann immer mitten im Satz. Nach der dritten Haltestelle merkte ich, dass sie
übte: Sie sollte am Abend im Rundfunk sprechen und fürchtete die langen Wörter. Wir halfen ihr alle. Als sie
ausstieg, kannte der halbe Wagen die Wetteraussichten für die Küste, und jemand klatschte sogar.""",
    """Das Museum besitzt eine Uhr, die rückwärts geht. Ihr Erbauer wollte damit zeigen, wie viel Zeit bis zum Jahr
1900 noch übrig bleibt. Seitdem das Jahr vergangen ist, zählt sie weiter, und niemand weiß genau, worauf sie
jetzt wartet. Der Wärter zieht sie jeden Morgen auf, ölt einmal im Monat die Räder und beantwortet geduldig die
Fragen der Besucher. Seine liebste Antwort lautet: Das müssen Sie die Uhr schon selbst fragen.""",
)

FRENCH = (
    """Le facteur du village connaissait chaque chien par son nom, et chaque chien le lui rendait bien. Un matin de
février, il trouva devant l'église une lettre sans adresse, sans timbre, fermée par un simple fil rouge. Il
aurait pu l'ouvrir ; il préféra la poser sur le comptoir du café, à la vue de tous. Personne ne la réclama
pendant trois semaines. Puis, un soir de pluie, elle disparut, et la boulangère fut d'une humeur délicieuse
jusqu'à l'été.""",
    """On répare les filets en hiver, quand la mer est trop forte pour sortir. Les pêcheurs s'assoient près du poêle,
tirent la ficelle entre leurs doigts et parlent peu. Les plus jeunes apprennent en regardant : un nœud mal serré
coûte une nuit de travail, deux nœuds mal serrés coûtent la saison. À midi, quelqu'un apporte la soupe dans un
grand pot de fer. Dehors, le vent change de côté sans prévenir, comme il l'a toujours fait sur cette côte.""",
    """La gare est fermée depuis 1972, mais l'horloge n'a jamais cessé de marcher. Les voisins se relaient pour la
remonter, chacun à son tour, selon un calendrier épinglé à la porte. L'été dernier, un voyageur égaré s'est
assis sur le quai et a attendu son train pendant deux heures. Plutôt que de le décevoir, on lui a offert à
dîner, une chambre et, le lendemain, une place dans la camionnette du maraîcher. Il est revenu depuis, et cette
fois il savait pourquoi.""",
    """Au fond du jardin pousse un poirier que personne n'a planté. Il donne des fruits une année sur trois, petits,
durs, d'un goût étrange qui rappelle le miel et la fumée. Ma tante en fait une confiture qu'elle refuse de
vendre. Elle la garde pour les jours où tout va mal : une cuillère suffit, dit-elle, à remettre les idées en
place. J'ai longtemps cru qu'elle plaisantait, jusqu'au jour où j'en ai eu besoin moi-même.""",
)

SPANISH = (
    """En la plaza del pueblo hay una fuente que sólo da agua los años bisiestos. Los demás años sirve de banco, de
mesa y de portería para los niños. El alcalde quiso arreglarla en 1988, pero los vecinos se opusieron: nadie
quería perder la fiesta del veintinueve de febrero, cuando el agua vuelve y la banda toca hasta el amanecer. Así
que la fuente sigue rota, tan querida como siempre, y cada cuatro años llegan más curiosos de la ciudad.""",
    """Mi abuelo medía las distancias en cigarrillos. De su casa al molino había dos; del molino al río, uno y medio.
Cuando el médico le prohibió fumar, siguió usando la misma medida, aunque ya nadie sabía cuánto era. Un sobrino
ingeniero calculó que equivalía a unos seiscientos metros, pero el abuelo nunca aceptó la cifra. Decía que los
metros eran todos iguales y que, por eso mismo, no servían para contar un buen paseo.""",
    """La señora Muñoz abre la farmacia a las ocho en punto, ni un minuto antes. Ordena los frascos por colores, porque
así los encuentra su hija, que todavía no sabe leer. Los clientes protestan al principio y después se
acostumbran: el jarabe para la tos está entre lo verde, las vendas entre lo blanco y los caramelos, que son
medicina según la niña, ocupan el estante más bajo. En diez años no se ha equivocado ni una sola vez.""",
    """Nadie recuerda quién pintó el mural de la estación. Muestra un tren que cruza el mar sobre un puente tan largo
que se pierde en la niebla. Algunos viajeros le hacen fotografías; otros le dan la espalda y miran el horario.
Hace poco, una restauradora limpió la esquina inferior y descubrió una firma diminuta, una fecha y cinco
palabras: llegué tarde, pero llegué contento. Desde entonces, los retrasos molestan un poco menos.""",
)

PROSE: dict[str, tuple[str, ...]] = {"eng": ENGLISH, "deu": GERMAN, "fra": FRENCH, "spa": SPANISH}
"""By Tesseract's code. Line breaks in a passage are only those of this file."""

TITLES: dict[str, tuple[str, ...]] = {
    "eng": ("Eleven Years of Bread", "Listening to Stone", "The Joker", "Six Great Floods"),
    "deu": ("Licht am Moor", "Vom Backen", "Im Zug nach Süden", "Die Uhr im Museum"),
    "fra": ("La lettre au fil rouge", "Les filets d'hiver", "La gare endormie", "Le poirier du jardin"),
    "spa": ("La fuente bisiesta", "Dos cigarrillos", "La farmacia de colores", "El mural de la estación"),
}

TABLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "eng": (
        ("Item", "Number", "Price", "Total"),
        ("Garden chairs, oak", "4", "89.50", "358.00"),
        ("Watering can", "2", "14.95", "29.90"),
        ("Seed potatoes", "25", "0.80", "20.00"),
        ("Wheelbarrow", "1", "124.00", "124.00"),
        ("Rope, per metre", "60", "1.15", "69.00"),
        ("Lantern glass", "3", "7.40", "22.20"),
        ("Delivery", "1", "18.00", "18.00"),
    ),
    "deu": (
        ("Ware", "Menge", "Preis", "Summe"),
        ("Gartenstühle, Eiche", "4", "89,50", "358,00"),
        ("Gießkanne", "2", "14,95", "29,90"),
        ("Saatkartoffeln", "25", "0,80", "20,00"),
        ("Schubkarre", "1", "124,00", "124,00"),
        ("Seil, je Meter", "60", "1,15", "69,00"),
        ("Laternenglas", "3", "7,40", "22,20"),
        ("Lieferung", "1", "18,00", "18,00"),
    ),
    "fra": (
        ("Article", "Nombre", "Prix", "Total"),
        ("Chaises de jardin", "4", "89,50", "358,00"),
        ("Arrosoir", "2", "14,95", "29,90"),
        ("Pommes de terre", "25", "0,80", "20,00"),
        ("Brouette", "1", "124,00", "124,00"),
        ("Corde, le mètre", "60", "1,15", "69,00"),
        ("Verre de lanterne", "3", "7,40", "22,20"),
        ("Livraison", "1", "18,00", "18,00"),
    ),
    "spa": (
        ("Producto", "Número", "Precio", "Total"),
        ("Sillas de jardín", "4", "89,50", "358,00"),
        ("Regadera", "2", "14,95", "29,90"),
        ("Patatas de siembra", "25", "0,80", "20,00"),
        ("Carretilla", "1", "124,00", "124,00"),
        ("Cuerda, por metro", "60", "1,15", "69,00"),
        ("Cristal de farol", "3", "7,40", "22,20"),
        ("Entrega", "1", "18,00", "18,00"),
    ),
}
