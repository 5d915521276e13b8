"""The words of the page for native speakers, in the languages of the example site."""

from __future__ import annotations

from collections.abc import Mapping

LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Listening test",
        "how": "Listen to each sentence once, if possible by telephone or with a small loudspeaker, and write down "
        "what you heard. Only then show the text, and judge. At the end, save your judgements and send the file back.",
        "heard": "What did you hear?",
        "show": "Show the text",
        "clear": "Understood",
        "clear_choices": "at once|with an effort|partly|not at all",
        "sound": "Sounds",
        "sound_choices": "natural|foreign but pleasant|foreign|unacceptable",
        "speed": "Speed",
        "speed_choices": "right|too slow|too fast",
        "wrong": "Which words or sounds are wrong?",
        "judge": "Would you accept this voice on an official telephone line? Why?",
        "who": "Your first language and where you grew up",
        "save": "Save the judgements",
    },
    "ar": {
        "title": "اختبار الاستماع",
        "how": "استمعوا إلى كل جملة مرة واحدة، عبر الهاتف أو بمكبر صوت صغير إن أمكن، واكتبوا ما سمعتم. بعد ذلك فقط "
        "اعرضوا النص واحكموا عليه. في النهاية احفظوا أحكامكم وأرسلوا الملف.",
        "heard": "ماذا سمعتم؟",
        "show": "عرض النص",
        "clear": "الفهم",
        "clear_choices": "فورا|بجهد|جزئيا|غير مفهوم",
        "sound": "الصوت",
        "sound_choices": "طبيعي|أجنبي لكنه مقبول|أجنبي|غير مقبول",
        "speed": "السرعة",
        "speed_choices": "مناسبة|بطيئة|سريعة",
        "wrong": "ما الكلمات أو الأصوات الخاطئة؟",
        "judge": "هل تقبلون هذا الصوت في خط هاتفي رسمي؟ ولماذا؟",
        "who": "لغتكم الأم وأين نشأتم",
        "save": "حفظ الأحكام",
    },
    "fr": {
        "title": "Test d'écoute",
        "how": "Écoutez chaque phrase une seule fois, si possible au téléphone ou avec un petit haut-parleur, et "
        "notez ce que vous avez entendu. Ensuite seulement, affichez le texte et donnez votre avis. À la fin, "
        "enregistrez vos réponses et renvoyez le fichier.",
        "heard": "Qu'avez-vous entendu ?",
        "show": "Afficher le texte",
        "clear": "Compris",
        "clear_choices": "tout de suite|avec un effort|en partie|pas du tout",
        "sound": "La voix paraît",
        "sound_choices": "naturelle|étrangère mais agréable|étrangère|inacceptable",
        "speed": "Vitesse",
        "speed_choices": "bonne|trop lente|trop rapide",
        "wrong": "Quels mots ou quels sons sont faux ?",
        "judge": "Accepteriez-vous cette voix sur une ligne téléphonique officielle ? Pourquoi ?",
        "who": "Votre langue maternelle, et où vous avez grandi",
        "save": "Enregistrer les réponses",
    },
    "es": {
        "title": "Prueba de escucha",
        "how": "Escuche cada frase una sola vez, si es posible por teléfono o con un altavoz pequeño, y escriba lo "
        "que ha oído. Solo después muestre el texto y dé su opinión. Al final, guarde sus respuestas y devuelva el "
        "archivo.",
        "heard": "¿Qué ha oído?",
        "show": "Mostrar el texto",
        "clear": "Se entiende",
        "clear_choices": "enseguida|con esfuerzo|en parte|nada",
        "sound": "Suena",
        "sound_choices": "natural|extranjera pero agradable|extranjera|inaceptable",
        "speed": "Velocidad",
        "speed_choices": "adecuada|demasiado lenta|demasiado rápida",
        "wrong": "¿Qué palabras o sonidos son incorrectos?",
        "judge": "¿Aceptaría esta voz en una línea telefónica oficial? ¿Por qué?",
        "who": "Su lengua materna y dónde se crio",
        "save": "Guardar las respuestas",
    },
    "it": {
        "title": "Prova d'ascolto",
        "how": "Ascolti ogni frase una sola volta, se possibile al telefono o con un piccolo altoparlante, e scriva "
        "ciò che ha sentito. Solo dopo mostri il testo e dia il Suo giudizio. Alla fine salvi le risposte e rimandi "
        "il file.",
        "heard": "Che cosa ha sentito?",
        "show": "Mostra il testo",
        "clear": "Si capisce",
        "clear_choices": "subito|con uno sforzo|in parte|per niente",
        "sound": "Suona",
        "sound_choices": "naturale|straniera ma gradevole|straniera|inaccettabile",
        "speed": "Velocità",
        "speed_choices": "giusta|troppo lenta|troppo rapida",
        "wrong": "Quali parole o suoni sono sbagliati?",
        "judge": "Accetterebbe questa voce su una linea telefonica ufficiale? Perché?",
        "who": "La Sua lingua madre e dove è cresciuto o cresciuta",
        "save": "Salva le risposte",
    },
    "nl": {
        "title": "Luistertest",
        "how": "Luister één keer naar elke zin, zo mogelijk per telefoon of met een kleine luidspreker, en schrijf "
        "op wat u hebt gehoord. Toon pas daarna de tekst en geef uw oordeel. Bewaar aan het eind uw antwoorden en "
        "stuur het bestand terug.",
        "heard": "Wat hebt u gehoord?",
        "show": "De tekst tonen",
        "clear": "Verstaan",
        "clear_choices": "meteen|met moeite|gedeeltelijk|helemaal niet",
        "sound": "Klinkt",
        "sound_choices": "natuurlijk|buitenlands maar aangenaam|buitenlands|onaanvaardbaar",
        "speed": "Tempo",
        "speed_choices": "goed|te langzaam|te snel",
        "wrong": "Welke woorden of klanken zijn fout?",
        "judge": "Zou u deze stem aanvaarden op een officiële telefoonlijn? Waarom?",
        "who": "Uw moedertaal en waar u bent opgegroeid",
        "save": "De antwoorden bewaren",
    },
    "de": {
        "title": "Hörtest",
        "how": "Hören Sie jeden Satz nur einmal, möglichst am Telefon oder mit einem kleinen Lautsprecher, und "
        "schreiben Sie auf, was Sie gehört haben. Zeigen Sie erst dann den Text an, und urteilen Sie. Speichern Sie "
        "am Ende Ihre Antworten, und senden Sie die Datei zurück.",
        "heard": "Was haben Sie gehört?",
        "show": "Text anzeigen",
        "clear": "Verstanden",
        "clear_choices": "sofort|mit Mühe|teilweise|gar nicht",
        "sound": "Klingt",
        "sound_choices": "natürlich|fremd, aber angenehm|fremd|inakzeptabel",
        "speed": "Tempo",
        "speed_choices": "richtig|zu langsam|zu schnell",
        "wrong": "Welche Wörter oder Laute sind falsch?",
        "judge": "Würden Sie diese Stimme am Telefon einer Behörde akzeptieren? Warum?",
        "who": "Ihre Muttersprache, und wo Sie aufgewachsen sind",
        "save": "Antworten speichern",
    },
}
"""By language. Judgements are saved with the English keys and the number of the choice."""
