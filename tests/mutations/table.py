"""Every mutation."""

from tests.mutations.flowing import FLOWING
from tests.mutations.incoming import INCOMING
from tests.mutations.judged import JUDGED
from tests.mutations.outgoing import OUTGOING
from tests.mutations.people import PEOPLE
from tests.mutations.roads import ROADS

MUTATIONS = (*INCOMING, *OUTGOING, *FLOWING, *JUDGED, *PEOPLE, *ROADS)
