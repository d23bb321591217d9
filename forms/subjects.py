"""What a question seems to be about, by words in several languages: a first guess at module, sensitivity and class.

A guess only orders the work of people: what they accept is a draft, and others review it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from forms.identifiers import fold, words_of


@dataclass(frozen=True)
class Subject:
    """A subject, where it belongs in the bank, and how carefully it is treated until people have judged it."""

    name: str
    module: str
    sensitivity: str
    disclosure: str
    words: frozenset[str]


def _subject(name: str, module: str, sensitivity: str, disclosure: str, words: str) -> Subject:
    return Subject(name, module, sensitivity, disclosure, frozenset(fold(word) for word in words.split()))


SUBJECTS = (
    _subject(
        "violence against women and girls", "M08", "S", "sens",
        """rape raped sexual sexually gbv sgbv assault harassment viol violee sexuelle sexuel sexuelles agression
        violacion sexual abuso abuse abused abus اغتصاب جنسي جنسية تحرش عنف""",
    ),
    _subject(
        "detention, torture, disappearance", "M07", "S", "sens",
        """detained detention arrest arrested torture tortured disappeared missing kidnapped abducted killed detenu
        detention arrete torture disparu enleve tue detenido detenida tortura desaparecido secuestro asesinado
        معتقل اعتقال تعذيب مفقود مخطوف قتل""",
    ),
    _subject(
        "recruitment and exploitation", "M10", "S", "sens",
        """recruit recruited recruitment trafficking trafficked exploitation exploited forced slavery recrute traite
        exploite reclutamiento trata explotacion تجنيد اتجار استغلال""",
    ),
    _subject(
        "ethnicity, religion, opinion", "M03", "S", "sens",
        """ethnic ethnicity tribe clan religion religious faith political party ethnie ethnique tribu religieux
        politique etnia religion tribu politico عرق قبيلة دين ديانة طائفة سياسي""",
    ),
    _subject(
        "health and disability", "M13", "H", "sens",
        """health illness ill disease disability disabled hiv pregnant pregnancy mental psychological medical sante
        maladie handicap enceinte psychologique salud enfermedad discapacidad embarazada صحة مرض إعاقة حامل نفسي""",
    ),
    _subject(
        "children", "M09", "H", "sens",
        """child children unaccompanied separated orphan girls boys enfant enfants orphelin mineur nino ninos nina ninas
        huerfano menor طفل أطفال يتيم قاصر""",
    ),
    _subject(
        "incidents and threats", "M07", "H", "comm",
        """incident incidents attack attacks threat threats violence armed incidente ataque amenaza violencia attaque
        menace arme حادث هجوم تهديد سلاح""",
    ),
    _subject(
        "explosive ordnance", "M11", "M", "comm",
        "mine mines explosive uxo ordnance explosif minas explosivo لغم ألغام متفجرات",
    ),
    _subject(
        "papers and legal status", "M05", "M", "quasi",
        """document documents documentation certificate birth nationality stateless refugee asylum papiers certificat
        nationalite apatride refugie asile documentos certificado nacionalidad refugiado وثائق شهادة جنسية لاجئ لجوء""",
    ),
    _subject(
        "displacement", "M04", "M", "quasi",
        """displaced displacement idp origin return returnee moved arrival deplace deplacement retour origine desplazado
        desplazamiento retorno نازح نزوح عودة أصل""",
    ),
    _subject(
        "movement and safety", "M06", "M", "none",
        """safe safety security curfew checkpoint movement securite surete mouvement couvre seguridad movimiento
        أمان أمن حركة حاجز""",
    ),
    _subject(
        "house, land and property", "M12", "M", "none",
        """house housing land property rent eviction shelter maison logement terre loyer expulsion abri vivienda tierra
        alquiler desalojo refugio سكن بيت أرض إيجار إخلاء مأوى""",
    ),
    _subject(
        "the household", "M03", "M", "quasi",
        """sex gender age household members marital head family sexe genre menage famille sexo genero edad hogar familia
        جنس عمر أسرة عائلة""",
    ),
    _subject(
        "coping and income", "M14", "M", "none",
        """income work job livelihood debt food hunger coping revenu travail dette nourriture faim ingreso trabajo deuda
        comida hambre دخل عمل دين طعام جوع""",
    ),
    _subject(
        "feedback", "M15", "L", "none",
        "feedback complaint complaints information plainte plaintes queja quejas شكوى معلومات",
    ),
    _subject(
        "services", "M13", "L", "none",
        """service services water school clinic hospital market electricity toilet eau ecole marche agua escuela mercado
        ماء مدرسة سوق خدمة مستشفى""",
    ),
)  # fmt: skip
"""In the order of care: the first that a text speaks of counts."""


def find_subject(texts: Iterable[str]) -> Subject | None:
    """What name and labels speak of; None when no word of theirs is known."""
    spoken = {word for text in texts for word in words_of(text)}
    return next((one for one in SUBJECTS if not one.words.isdisjoint(spoken)), None)
