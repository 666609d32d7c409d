"""Building and reading frames: limits, faults and what must be ignored."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import attrs
import construct
import pytest

from papertrader.core.money import NULL
from papertrader.wire import codec, kinds, limits, vectors
from papertrader.wire import messages as m
from papertrader.wire.declarations import FAILURE
from papertrader.wire.derived import MEMO_MAX, Message, ascii_get, ascii_of, packed, packed_get
from papertrader.wire.errors import LocalFault, ProtocolError, RemoteFault
from papertrader.wire.generate import fields_of
from papertrader.wire.kinds import Opcode, Status, Tag
from papertrader.wire.schema import BLOCKS, MESSAGES, Section, Shape
from tests.wire.frames import HEAD, compare, patched, rebuilt, with_body

ORDER = codec.encode(m.OrderNew(client_order_id=1, symbol="IBM"), session=7, correlation=3, seq=1)
SECTIONS = [(d, s) for d in (*MESSAGES, FAILURE) for s in d.sections]
SECTION_IDS = [f"{d.name}.{s.attribute}" for d, s in SECTIONS]


def fault_of(octets: bytes, frame_max: int = limits.FRAME_MAX) -> RemoteFault:
    """Return the fault for which the frame is refused."""
    with pytest.raises(RemoteFault) as caught:
        codec.decode(octets, frame_max)
    return caught.value


def _sized(section: Section, size: int) -> Any:
    if section.kind == "group":
        return (getattr(m, section.row)(),) * size
    return "x" * size if section.kind == "text" else bytes(size)


def _made(declared: Any, section: Section, value: Any) -> Message:
    if declared is FAILURE:
        return codec.Failure(**{section.attribute: value})
    return attrs.evolve(vectors.least(declared), **{section.attribute: value})


def _unchecked(declared: Any, section: Section, size: int) -> bytes:
    """Return a frame with a section of any size, which `codec.encode` would not build."""
    if section.kind == "group":
        row = getattr(m, section.row)().pack()
        payload = codec.group(section.tag, len(row), [row] * size)
    else:
        payload = codec.section(section.tag, b"x" * size)
    if declared is FAILURE:
        bare = codec.failure(Opcode.LOGIN, Status.AUTH_FAILED)
        return with_body(bare, payload)
    frame = codec.encode(vectors.least(declared))
    return with_body(frame, frame[HEAD : HEAD + declared.struct.sizeof()] + payload)


@pytest.mark.clause("3.4", "10.1")
@pytest.mark.parametrize(("declared", "section"), SECTIONS, ids=SECTION_IDS)
def test_every_section_at_its_bounds(declared: Any, section: Section) -> None:
    """A section at its bound passes; one octet or row more is SECTION_TOO_LARGE, less a fault."""
    if section.kind in ("u16", "u32"):
        largest, too_large = 256**section.size_max - 1, 256**section.size_max
        value: Any = largest
    else:
        largest, too_large = section.size_max, _sized(section, section.size_max + 1)
        value = _sized(section, largest)
    row = BLOCKS[section.row].struct.sizeof() if section.row else 1
    fits = (section.size_max + 1) * row < limits.FRAME_MAX - 1024
    opcode = Opcode.LOGIN if declared is FAILURE else None
    status = Status.AUTH_FAILED if declared is FAILURE else Status.OK
    if fits:
        frame = codec.encode(_made(declared, section, value), opcode=opcode, status=status)
        assert getattr(codec.decode(frame)[1], section.attribute) == value
        fault = fault_of(_unchecked(declared, section, section.size_max + 1))
        assert (fault.status, fault.field) == (Status.SECTION_TOO_LARGE, section.tag)
    with pytest.raises(LocalFault):
        codec.encode(_made(declared, section, too_large), opcode=opcode)
    if section.kind != "group" and section.size_min:
        least = fault_of(_unchecked(declared, section, section.size_min - 1))
        assert least.status is Status.INVALID_FIELD


@pytest.mark.clause("6.4")
@pytest.mark.parametrize(
    ("declared", "section"),
    [pair for pair in SECTIONS if pair[1].required],
    ids=[name for name, (_, s) in zip(SECTION_IDS, SECTIONS, strict=True) if s.required],
)
def test_required_sections(declared: Any, section: Section) -> None:
    """A required section is neither left out when sending nor missed when receiving."""
    absent = {"group": (), "octets": b""}.get(section.kind)
    with pytest.raises(LocalFault, match=section.attribute):
        codec.encode(_made(declared, section, absent))
    frame = codec.encode(vectors.least(declared))
    fault = fault_of(with_body(frame, frame[HEAD : HEAD + declared.struct.sizeof()]))
    assert fault.status is Status.MISSING_SECTION
    assert fault.field in {s.tag for s in declared.sections if s.required}


def test_only_local_faults_leave_encode() -> None:
    """Whatever is put into whatever field or section, encode builds a frame or says LocalFault."""
    nasty: tuple[Any, ...] = (
        None, -1, 2**64, 2**63, -(2**63) - 1, 1.5, "", "Ä", "a b", "A\0B", "x" * 2000, "\ud800",
        b"", b"x" * 70, (), (1,), [None], {}, object(), (m.BarRow(),), True, float("nan"),
    )  # fmt: skip
    refused = 0
    for declared in MESSAGES:
        made = vectors.full(declared)
        names = [field.name for field in attrs.fields(type(made))]
        for name in names:
            for value in nasty:
                try:
                    octets = codec.encode(attrs.evolve(made, **{name: value}))
                except LocalFault:
                    refused += 1
                else:
                    codec.decode(octets)
    assert refused > 5_000


def test_rows_of_another_kind_are_not_sent() -> None:
    """A group whose rows are of another kind would be read as nonsense: LocalFault."""
    with pytest.raises(LocalFault, match="OrderRow"):
        codec.encode(m.OrderListPart(orders=(m.BarRow(),)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["flags", "status", "session", "correlation", "seq", "opcode"])
def test_header_values_out_of_range(name: str) -> None:
    """A header value that does not fit is a LocalFault; so is a critical flag."""
    for value in (-1, 2**64, 1.5) if name != "flags" else (0x1000, 2**16, -1):
        with pytest.raises(LocalFault):
            codec.encode(m.Ping(), **{name: value})


@pytest.mark.clause("10.1")
def test_largest_frame() -> None:
    """FRAME_MAX octets can be sent and read; one more can be neither."""
    inner = bytes(limits.FRAME_MAX - HEAD - m.RelayDown.SIZE - 6)
    frame = codec.encode(m.RelayDown(inner=inner))
    assert len(frame) == limits.FRAME_MAX
    assert codec.decode(frame)[0].length + HEAD == limits.FRAME_MAX
    with pytest.raises(LocalFault, match="larger"):
        codec.encode(m.RelayDown(inner=inner + b"x"))
    grown = with_body(frame, frame[HEAD:] + b"x")
    assert fault_of(grown).status is Status.FRAME_TOO_LARGE


@pytest.mark.clause("4.3")
def test_frame_bound_of_a_client() -> None:
    """The bound is the receiver's: a client's frame may have CLIENT_FRAME_MAX octets."""
    room = limits.CLIENT_FRAME_MAX - HEAD - m.QuoteGet.SIZE
    body = bytes(m.QuoteGet.SIZE) + codec.section(0x5A, bytes(room - 6 - 28))
    body += codec.group(Tag.SYMBOLS, 16, [m.SymbolRow(symbol="IBM").pack()])
    frame = codec.frame(1, Opcode.QUOTE_GET, body[:8], body[8:])
    assert len(frame) == limits.CLIENT_FRAME_MAX
    codec.decode(frame, limits.CLIENT_FRAME_MAX)
    fault = fault_of(frame, limits.CLIENT_FRAME_MAX - 1)
    assert (fault.status, fault.fatal) == (Status.FRAME_TOO_LARGE, True)


@pytest.mark.clause("10.1")
def test_number_of_sections() -> None:
    """SECTIONS_MAX sections pass; one more is BAD_LENGTH."""
    block = ORDER[HEAD : HEAD + m.OrderNew.SIZE]
    sections = [codec.section(0x100 + n, b"") for n in range(limits.SECTIONS_MAX + 1)]
    assert compare(with_body(ORDER, block + b"".join(sections[:-1])))
    assert fault_of(with_body(ORDER, block + b"".join(sections))).status is Status.BAD_LENGTH


@pytest.mark.clause("6.6")
def test_checksum() -> None:
    """CHECKSUM appends the CRC-32 of all before it; any changed bit is BAD_CHECKSUM, fatally."""
    frame = codec.encode(m.Ping(token=5), flags=codec.CHECKSUM)
    assert int.from_bytes(frame[-4:], "big") == crc32(frame[:-4])
    assert codec.decode(frame)[1] == m.Ping(token=5)
    for bit in range(8 * HEAD, 8 * len(frame)):
        broken = bytearray(frame)
        broken[bit // 8] ^= 1 << bit % 8
        fault = fault_of(bytes(broken))
        assert (fault.status, fault.fatal) == (Status.BAD_CHECKSUM, True)
    short = patched(codec.frame(3, Opcode.PING, b""), 10, "H", codec.CHECKSUM)
    assert fault_of(short).status is Status.BAD_CHECKSUM


@pytest.mark.clause("6.6")
def test_checksum_does_not_hide_a_long_block() -> None:
    """A root block that reaches into the checksum is BAD_LENGTH."""
    frame = codec.encode(m.Heartbeat(next_event_seq=1), flags=codec.CHECKSUM)
    longer = patched(frame, 12, "H", m.Heartbeat.SIZE + 4)
    summed = longer[:-4] + crc32(longer[:-4]).to_bytes(4, "big")
    assert fault_of(summed).status is Status.BAD_LENGTH


@pytest.mark.clause("6.2", "6.5", "7.8")
def test_newer_peers_are_understood() -> None:
    """A longer root block, longer rows and unknown sections are skipped, the rest is read."""
    block = m.QuoteGet(max_age_ms=9).pack() + b"newer"
    row = m.SymbolRow(symbol="IBM").pack() + b"!"
    sections = codec.section(0x15A, b"grease") + codec.group(Tag.SYMBOLS, 17, [row, row])
    _, made = codec.decode(codec.frame(1, Opcode.QUOTE_GET, block, sections, flags=0x0FE0))
    ibm = m.SymbolRow(symbol="IBM")
    assert made == m.QuoteGet(max_age_ms=9, symbols=(ibm, ibm))


@pytest.mark.clause("7.6")
@pytest.mark.parametrize("opcode", kinds.GREASE_OPCODES)
def test_grease_opcodes_are_answered(opcode: int) -> None:
    """A reserved opcode is an unknown one: the request is refused, the connection lives."""
    fault = fault_of(patched(ORDER, 8, "H", opcode))
    assert (fault.status, fault.fatal) == (Status.UNKNOWN_OPCODE, False)


@pytest.mark.clause("6.4", "7.6")
@pytest.mark.parametrize("tag", kinds.GREASE_TAGS)
def test_grease_tags_are_ignored(tag: int) -> None:
    """A reserved tag is skipped wherever it stands."""
    block = ORDER[HEAD : HEAD + m.OrderNew.SIZE]
    plain = codec.decode(ORDER)[1]
    assert codec.decode(with_body(ORDER, block + codec.section(tag, b"any")))[1] == plain


@pytest.mark.clause("3.5")
def test_unknown_members_in_replies_are_kept() -> None:
    """A number that an enumeration has not stays a number in a reply; a request is refused."""
    frame = codec.encode(m.AccountReply())
    offset = HEAD + m.AccountReply.SIZE - 4
    made = codec.decode(patched(frame, offset, "B", 200))[1]
    assert isinstance(made, m.AccountReply)
    assert made.status == 200
    assert rebuilt(*codec.decode(patched(frame, offset, "B", 200)))[offset] == 200
    assert fault_of(patched(ORDER, HEAD + 32, "B", 200)).field == 32


@pytest.mark.clause("9.4")
def test_faults_name_the_place() -> None:
    """FIELD is the offset in the body: of a field, of a row's field, of a section's head."""
    assert fault_of(patched(ORDER, HEAD + 33, "B", 99)).field == 33
    row = m.SymbolRow(symbol="IBM").pack()
    groups = codec.group(Tag.SYMBOLS, 16, [row, b"\xff" * 16])
    fault = fault_of(codec.frame(1, Opcode.QUOTE_GET, bytes(8), groups))
    assert (fault.status, fault.field) == (Status.INVALID_FIELD, 8 + 6 + 6 + 16)
    assert "symbol" in fault.text
    block = ORDER[HEAD : HEAD + m.OrderNew.SIZE]
    assert fault_of(with_body(ORDER, block + codec.section(Tag.ORDER_TAG, b"\xff"))).field == len(
        block
    )
    before = codec.section(Tag.NAME, b"later")
    whole = with_body(ORDER, block + before + codec.section(Tag.ORDER_TAG, b"x"))
    assert codec.place_of(Tag.ORDER_TAG, whole) == len(block + before)
    assert codec.place_of(Tag.TEXT, whole) is None


@pytest.mark.clause("9.4")
def test_a_failure_carries_status_text_place_and_wait() -> None:
    """A failure's text is cut to TEXT_MAX octets, between characters; no place beyond 16 bits."""
    octets = codec.failure(
        Opcode.LOGIN, Status.RATE_LIMITED, "é" * 1000, correlation=4, field=70_000, retry_after_ms=5
    )
    header, made = codec.decode(octets)
    assert (header.status, header.correlation, header.block_len) == (Status.RATE_LIMITED, 4, 0)
    assert made == codec.Failure("é" * (limits.TEXT_MAX // 2), None, 5)


@pytest.mark.clause("9.5")
def test_a_reply_with_status_and_block_is_the_message() -> None:
    """DUPLICATE_ORDER carries the order: it is an OrderReply, not a Failure."""
    octets = codec.encode(m.OrderReply(order=9), status=Status.DUPLICATE_ORDER, correlation=1)
    assert codec.decode(octets)[1] == m.OrderReply(order=9)


@pytest.mark.parametrize(
    "opcode",
    [Opcode.ORDER_NEW, Opcode.ORDER_REPLACE, Opcode.ORDER_CANCEL, Opcode.ORDER_GET],
)
def test_one_reply_serves_several_opcodes(opcode: Opcode) -> None:
    """The reply to ORDER_REPLACE, ORDER_CANCEL and ORDER_GET is that of ORDER_NEW."""
    header, made = codec.decode(codec.encode(m.OrderReply(order=1), opcode=opcode))
    assert (header.opcode, made) == (opcode, m.OrderReply(order=1))


def test_readdress_changes_three_fields_only() -> None:
    """readdress sets session and correlation and adds flags; every other octet stays."""
    octets = codec.encode(m.QuoteEvent(symbol="IBM", bid=NULL), seq=5)
    moved = codec.readdress(octets, 77, 88, codec.CACHED)
    header, made = codec.decode(moved)
    assert (header.session, header.correlation) == (77, 88)
    assert header.flags == codec.EVENT | codec.CACHED
    assert moved[:10] + moved[12:16] + moved[24:] == octets[:10] + octets[12:16] + octets[24:]
    assert made == codec.decode(octets)[1]


@pytest.mark.clause("11.9")
def test_secrets_do_not_show() -> None:
    """Passwords, tokens and relayed frames are not in a message's repr."""
    login = m.Login(username="ann", password="open sesame")
    assert "sesame" not in repr(login)
    assert "sesame" not in repr(m.RelayUp(inner=codec.encode(login)))
    assert (b"\1" * 32).hex() not in repr(m.LoginReply(token=b"\1" * 32))
    assert "\\x01" not in repr(m.Resume(token=b"\1" * 32))


def test_memos_stay_bounded() -> None:
    """Junk symbols cannot make the memo of decoded text grow beyond its bound."""
    for number in range(MEMO_MAX + 10):
        ascii_of(b"%016d" % number)
        packed(f"{number}", 16)
    held = sum(ascii_get(b"%016d" % number) is not None for number in range(MEMO_MAX + 10))
    sent = sum(packed_get((f"{number}", 16)) is not None for number in range(MEMO_MAX + 10))
    assert 0 < held <= MEMO_MAX
    assert 0 < sent <= MEMO_MAX


def test_describe_names_opcodes() -> None:
    """Known opcodes are named, others written in hexadecimal."""
    assert [codec.describe(0x0201), codec.describe(0x0A5A)] == ["ORDER_NEW", "0x0a5a"]


@pytest.mark.clause("4.6", "5.3")
def test_statuses_outside_replies_and_double_shapes() -> None:
    """Only a reply has a status; no frame is reply and event at once."""
    assert fault_of(patched(ORDER, 14, "H", 1)).status is Status.INVALID_FIELD
    both = patched(codec.encode(m.LogoutReply()), 10, "H", codec.RESPONSE | codec.EVENT)
    assert fault_of(both).status is Status.INVALID_FIELD


def test_faults_are_protocol_errors() -> None:
    """Whoever cares only that the protocol was broken catches one class."""
    assert issubclass(RemoteFault, ProtocolError)
    assert issubclass(LocalFault, ProtocolError)


def test_plain_rows_do_not_unpack() -> None:
    """The bases of the generated classes have no layout and say so."""
    with pytest.raises(TypeError):
        Message.unpack(b"")
    with pytest.raises(TypeError):
        Message().pack()


@pytest.mark.parametrize("declared", [*MESSAGES, *BLOCKS.values()], ids=lambda d: d.name)
def test_blocks_refuse_in_both_directions(declared: Any) -> None:
    """unpack of too few octets says RemoteFault, pack of an impossible value LocalFault."""
    name = declared.name
    cls = getattr(m, name)
    with pytest.raises(RemoteFault):
        cls.unpack(bytes(cls.SIZE - 1))
    refused = 0
    for field in attrs.fields(cls)[:3]:
        try:
            attrs.evolve(cls(), **{field.name: object()}).pack()
        except LocalFault as fault:
            refused += name in str(fault)
    # A boolean takes any object, by its truth; what is reserved is not given at all.
    picky = [f for f in fields_of(declared.struct) if f.type_name != "bool8"]
    assert refused or all(field.reserved for field in picky)


@pytest.mark.clause("3.5")
@pytest.mark.parametrize("declared", [*MESSAGES, *BLOCKS.values()], ids=lambda d: d.name)
def test_every_field_that_can_be_wrong(declared: Any) -> None:
    """A bad value in any field is INVALID_FIELD at its offset, and construct refuses it too."""
    cls = getattr(m, declared.name)
    good, at = cls().pack(), 0
    for field in fields_of(declared.struct):
        bad = vectors.bad_value(field)
        if bad is not None:
            octets = good[:at] + bad[1] + good[at + field.size :]
            with pytest.raises(RemoteFault) as caught:
                cls.unpack(octets)
            assert (caught.value.status, caught.value.field) == (Status.INVALID_FIELD, at)
            with pytest.raises(construct.ConstructError):
                declared.struct.parse(octets)
        at += field.size
    assert at == cls.SIZE


@pytest.mark.parametrize(
    ("whole", "spare"),
    [(m.RelayDown(inner=bytes(32)), (4, 8)), (m.RelayUp(inner=bytes(32)), (2,))],
    ids=("down", "up"),
)
def test_marks_of_the_relay_that_nobody_sets(whole: Message, spare: tuple[int, ...]) -> None:
    """Bits that once were declared and used by nothing are refused like any that is not known."""
    octets = codec.encode(whole)
    at = 24 if isinstance(whole, m.RelayDown) else 43
    assert codec.decode(patched(octets, HEAD + at, "B", 1))[1] != whole
    for bit in spare:
        fault = fault_of(patched(octets, HEAD + at, "B", bit))
        assert (fault.status, fault.field) == (Status.INVALID_FIELD, at)


def test_a_boolean_is_what_its_truth_is() -> None:
    """LOGOUT's only field takes any object: what is sent is 0 or 1."""
    for value, octet in ((True, 1), ("yes", 1), (0, 0)):
        assert m.Logout(everywhere=value).pack() == bytes([octet, 0])  # type: ignore[arg-type]


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("declared", MESSAGES, ids=lambda declared: declared.name)
def test_shapes(declared: Any) -> None:
    """encode sets RESPONSE for replies, EVENT for events and neither for requests."""
    header, _ = codec.decode(codec.encode(vectors.least(declared)))
    flags = {Shape.REQUEST: 0, Shape.REPLY: codec.RESPONSE, Shape.EVENT: codec.EVENT}
    assert header.flags == flags[declared.shape]
    assert header.category == declared.category
