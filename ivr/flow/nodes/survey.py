"""`survey`: one question after the conversation, answered by a key from 1 to 5, if the caller likes."""

from typing import Literal

from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.node import CHANGE_LANGUAGE, OPERATOR, REPEAT, LinearNode, TextId

ANSWERS = "12345"
_TRIES = 2


class Survey(LinearNode):
    kind: Literal["survey"]
    text: TextId

    def is_menu(self) -> bool:
        return False

    def texts(self) -> tuple[str, ...]:
        return (self.text, "survey_thanks", "help_wrong_key")

    async def run(self, call: Call, resumed: bool) -> str | None:
        language = call.state.language
        question: list[Clip] = [(language, self.text)]
        clips, wrong = question, 0
        while wrong < _TRIES:
            key = await call.listen(*clips, fresh=True)
            if key is None:
                break
            if key in ANSWERS:
                call.services.recorder.survey(call.state, self.text, int(key))
                call.event("survey", question=self.text, answer=int(key))
                await call.say("survey_thanks")
                break
            if key == OPERATOR:
                return call.flow.operator
            if key == CHANGE_LANGUAGE:
                return call.flow.change_language
            clips = question
            if key != REPEAT:
                wrong += 1
                clips = [(language, "help_wrong_key"), *question]
        return self.next
