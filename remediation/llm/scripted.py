"""A drafter that answers what it was given: for tests, and for showing what the guard does without a model."""

from __future__ import annotations

from dataclasses import dataclass, field

from remediation.llm import DrafterError, Prompt, Reply


@dataclass
class ScriptedDrafter:
    """Gives its answers one after the other, the last one for ever; keeps the prompts it was shown."""

    answers: list[str]
    name: str = "scripted"
    prompts: list[Prompt] = field(default_factory=list)

    def draft(self, prompt: Prompt) -> Reply:
        """The next answer. Raises DrafterError where there is none."""
        self.prompts.append(prompt)
        if not self.answers:
            raise DrafterError(f"{self.name}: nothing to say")
        text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Reply(text=text, model=self.name)
