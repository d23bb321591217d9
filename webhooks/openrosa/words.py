"""What phones show to enumerators: few plain words, in the language that the phone asks for, and never an answer."""

from __future__ import annotations

LANGUAGES = ("en", "fr", "ar")
DEFAULT = "en"

WORDS: dict[str, dict[str, str]] = {
    "stored": {
        "en": "Received and kept safe.",
        "fr": "Reçu et conservé en sécurité.",
        "ar": "تم الاستلام والحفظ بأمان.",
    },
    "more": {
        "en": "This part has arrived. The rest is still awaited.",
        "fr": "Cette partie est arrivée. La suite est attendue.",
        "ar": "وصل هذا الجزء. وما زال الباقي منتظرًا.",
    },
    "known": {
        "en": "This was received before. Nothing more to do.",
        "fr": "Déjà reçu. Il n'y a rien d'autre à faire.",
        "ar": "تم استلام هذا من قبل. لا حاجة إلى أي شيء آخر.",
    },
    "conflict": {
        "en": "Something else came under the same number. Both are kept; tell your supervisor. Do not delete it.",
        "fr": "Un autre envoi porte le même numéro. Les deux sont conservés ; prévenez votre superviseur. "
        "Ne l'effacez pas.",
        "ar": "تم استلام شيء آخر بالرقم نفسه. حُفظ الاثنان؛ أخبر مشرفك. لا تحذفه.",
    },
    "other_file": {
        "en": "A different file of this name is here already. Tell your supervisor. Do not delete it.",
        "fr": "Un autre fichier de ce nom est déjà ici. Prévenez votre superviseur. Ne l'effacez pas.",
        "ar": "يوجد هنا ملف مختلف بالاسم نفسه. أخبر مشرفك. لا تحذفه.",
    },
    "stale": {
        "en": "A newer correction of this interview is here. This one is kept for review; tell your supervisor.",
        "fr": "Une correction plus récente de cet entretien est déjà ici. Celle-ci est conservée pour vérification ; "
        "prévenez votre superviseur.",
        "ar": "يوجد تصحيح أحدث لهذه المقابلة. حُفظ هذا التصحيح للمراجعة؛ أخبر مشرفك.",
    },
    "not_yours": {
        "en": "This interview was sent from another phone. Only that phone, or a supervisor, may correct it.",
        "fr": "Cet entretien vient d'un autre téléphone. Seul ce téléphone, ou un superviseur, peut le corriger.",
        "ar": "أُرسلت هذه المقابلة من هاتف آخر. لا يصححها إلا ذلك الهاتف أو المشرف.",
    },
    "unreadable": {
        "en": "What arrived is damaged and cannot be read. Keep it on the phone and tell your supervisor.",
        "fr": "Ce qui est arrivé est abîmé et illisible. Gardez-le sur le téléphone et prévenez votre superviseur.",
        "ar": "ما وصل تالف ولا يمكن قراءته. احتفظ به على الهاتف وأخبر مشرفك.",
    },
    "unknown_form": {
        "en": "This form is not known here. Keep the interview and tell your supervisor.",
        "fr": "Ce formulaire n'est pas connu ici. Gardez l'entretien et prévenez votre superviseur.",
        "ar": "هذه الاستمارة غير معروفة هنا. احتفظ بالمقابلة وأخبر مشرفك.",
    },
    "closed_form": {
        "en": "This form is closed. Keep the interview and tell your supervisor.",
        "fr": "Ce formulaire est fermé. Gardez l'entretien et prévenez votre superviseur.",
        "ar": "هذه الاستمارة مغلقة. احتفظ بالمقابلة وأخبر مشرفك.",
    },
    "too_large": {
        "en": "This is too large to be sent. Keep it on the phone and tell your supervisor.",
        "fr": "C'est trop grand pour être envoyé. Gardez-le sur le téléphone et prévenez votre superviseur.",
        "ar": "الحجم أكبر من أن يُرسل. احتفظ به على الهاتف وأخبر مشرفك.",
    },
    "who": {
        "en": "The user name or the password is not right, or the account was closed. Ask your supervisor.",
        "fr": "Le nom d'utilisateur ou le mot de passe n'est pas juste, ou le compte a été fermé. "
        "Demandez à votre superviseur.",
        "ar": "اسم المستخدم أو كلمة المرور غير صحيحة، أو أُغلق الحساب. اسأل مشرفك.",
    },
    "locked": {
        "en": "Too many wrong passwords. Wait a quarter of an hour, or ask your supervisor for a new code.",
        "fr": "Trop de mots de passe erronés. Attendez un quart d'heure, ou demandez un nouveau code à votre "
        "superviseur.",
        "ar": "كلمات مرور خاطئة كثيرة. انتظر ربع ساعة، أو اطلب من مشرفك رمزًا جديدًا.",
    },
    "unsafe": {
        "en": "This address is not safe. Use the one that begins with https.",
        "fr": "Cette adresse n'est pas sûre. Utilisez celle qui commence par https.",
        "ar": "هذا العنوان غير آمن. استخدم العنوان الذي يبدأ بـ https.",
    },
    "shut_out": {
        "en": "This phone is not let in. Ask your supervisor for a new code.",
        "fr": "Ce téléphone n'est pas admis. Demandez un nouveau code à votre superviseur.",
        "ar": "هذا الهاتف غير مسموح له. اطلب من مشرفك رمزًا جديدًا.",
    },
    "away": {
        "en": "The server cannot keep anything just now. Nothing is lost: the phone will send again later.",
        "fr": "Le serveur ne peut rien conserver pour l'instant. Rien n'est perdu : le téléphone renverra plus tard.",
        "ar": "لا يستطيع الخادم حفظ شيء الآن. لم يضِع شيء: سيرسل الهاتف مرة أخرى لاحقًا.",
    },
    "nothing_here": {
        "en": "There is nothing at this address. Check the server address of the project.",
        "fr": "Il n'y a rien à cette adresse. Vérifiez l'adresse du serveur du projet.",
        "ar": "لا يوجد شيء في هذا العنوان. تحقق من عنوان خادم المشروع.",
    },
    "other_method": {
        "en": "This address does not take that method. Forms are fetched with GET, interviews are sent with POST.",
        "fr": "Cette adresse n'accepte pas cette méthode. Les formulaires se lisent avec GET, les entretiens "
        "s'envoient avec POST.",
        "ar": "هذا العنوان لا يقبل هذه الطريقة. تُجلب الاستمارات بـ GET، وتُرسل المقابلات بـ POST.",
    },
}
"""What is said -> language -> words."""
