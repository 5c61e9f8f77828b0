"""A road that carries what a test says, and a CRM whose answers say how they are to go."""

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, evolve, field

from crocevia import ContactPoint, InteractionSeen, Party
from crocevia.config.options import Options
from crocevia.errors import RemoteError
from crocevia.mapping import CODECS, Plain
from crocevia.model import Capabilities, Event, FieldSchema, Message, Receipt
from crocevia.store.tables import commands, interactions
from crocevia.sync.world import World
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted

FIELDS = {"template": "text", "buttons": "text", "purpose": "text", "public": "boolean", "automated": "boolean"}


@define
class Carrier:
    """What the road's vendor does.

    Attributes:
        limits: By conversation; `usual` for the others.
        trouble: What the next sends are answered with; None: they go.
        loses: Whether a send goes out and its answer is lost, by number.
        sent: What went out.
    """

    usual: Capabilities = field(factory=Capabilities)
    limits: dict[str, Capabilities] = field(factory=dict)
    trouble: list[RemoteError | None] = field(factory=list)
    before: Callable[[Message], object] = lambda message: None
    sent: list[Message] = field(factory=list)


class Road(Script):
    """Sends to telephones, as its carrier can."""

    kind = "road"
    carrier: ClassVar[Carrier]

    def capabilities(self, conversation: str | None) -> Capabilities:
        """As the carrier says."""
        return self.carrier.limits.get(conversation or "", self.carrier.usual)

    def send(self, message: Message) -> Receipt:
        """Hand it to the carrier, once."""
        self.carrier.before(message)
        error = self.carrier.trouble.pop(0) if self.carrier.trouble else None
        if error is not None:
            raise error
        self.carrier.sent.append(message)
        return Receipt(key=f"out {message.id}")


@define(eq=False)
class Roads(Crossroads):
    """With a road of telephones named `road`, and CRM A alone, in which an answer says how it is to go."""

    carrier: Carrier = field(factory=Carrier)

    @property
    def crms(self) -> dict[str, MemoryCRM]:
        """One is enough."""
        return {"a": self.a}

    def start(self) -> World:
        """Also with the fields of an answer mapped in A."""
        bound = type("BoundRoad", (Road,), {"carrier": self.carrier})
        self.more.setdefault("road", lambda: bound(ScriptSettings(), connection="road"))
        schema = self.a.schemas["Touch"]
        more = {name: FieldSchema(name=name, type=kind) for name, kind in FIELDS.items()}
        self.a.schemas = {**self.a.schemas, "Touch": evolve(schema, fields={**schema.fields, **more})}
        world = super().start()
        mappings = world.lives["a"].mappings
        lenses = [Plain(name=name, field=name, codec=CODECS[kind]) for name, kind in FIELDS.items()]
        mappings["Touch"] = evolve(mappings["Touch"], lenses=(*mappings["Touch"].lenses, *lenses))
        return world

    def tell(self, *events: Event, connection: str = "road") -> None:
        """A road tells these, each in a raw of its own."""
        for event in events:
            self.post(scripted(event), connection=connection)
            self.turn(connection)

    def hear(self, who: ContactPoint, text: str = "Hello", *, key: str = "", room: str = "", **more: Any) -> None:
        """A customer writes in a room of his own."""
        count = len(self.rows(interactions))
        said = {"author": Party([who], name=who.value), "at": self.clock.now(), "text": text, **more}
        self.tell(InteractionSeen(key=key or f"in {count}", conversation=room or who.value, **said))

    def meet(self, who: ContactPoint, **more: Any) -> str:
        """He has written, and stands in A; the id of his record."""
        self.hear(who, **more)
        self.turn("a")
        return next(id_ for id_, row in self.a.records().items() if row["last"] == who.value)

    def answer(self, person: str, text: str | None = "Hi!", **more: Any) -> str:
        """Somebody answers him in A, and it goes its way; the id of the answer's record."""
        said = {"direction": "outbound", "text": text, "status": "to send", **more}
        made = self.a.create("Touch", person=person, **said)
        self.turn("a")
        self.turn("road")
        return made

    def told(self, record: str) -> tuple[str | None, str | None]:
        """What A's record says became of an answer."""
        self.turn("a")
        row = self.a.record(record)
        return row["status"], row["status_detail"]

    @property
    def went(self) -> list[tuple[str | None, bool]]:
        """Each text that went out, and whether in public."""
        return [(message.text, message.public) for message in self.carrier.sent]

    @property
    def states(self) -> list[str]:
        """Of the commands, oldest first."""
        return [row["state"] for row in self.rows(commands)]


def roads_on(store: Any, clock: FakeClock, **options: Options) -> Roads:
    """A crossroads with such a road."""
    found = Roads(store, clock, MemoryChannel(clock=clock), MemoryCRM(clock=clock), MemoryCRM(clock=clock))
    found.options |= options
    return found
