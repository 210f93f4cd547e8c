// Why a message is refused: one table of codes, what they mean and what the operator does. The code's name goes into the dead letter.

export const enum VerifyCode {
  Ok = 0,
  // The bytes are not a message of the family.
  TooShort = 1,
  TooLong = 2,
  BadIdentifier = 3,
  BadRoot = 4,
  BadVtable = 5,
  BadTable = 6,
  MissingField = 7,
  Unaligned = 8,
  BadSchemaVersion = 9,
  BadChecksum = 10,
  BadHeader = 11,
  BadVector = 12,
  VectorOutOfBounds = 13,
  TooManyEvents = 14,
  // The message is whole, but says something that cannot be.
  UnknownKind = 32,
  OutOfRange = 33,
  NotZero = 34,
  BadTime = 35,
  BadFlags = 36,
  UnknownInstrument = 37,
  UnknownAsset = 38,
  WrongInstrumentKind = 39,
  CrossedQuote = 40,
  BrokenBookMessage = 41,
  BadText = 42,
  Duplicate = 43,
  BadTiers = 44,
}

export interface VerifyCodeEntry {
  /** As it stands in a dead letter. */
  readonly name: string;
  /** What is wrong. */
  readonly meaning: string;
  /** What the operator does. */
  readonly action: string;
}

const WRITER = "Find the producer by the header's producer_id, or by the key: it does not write what docs/wire.md says.";
const DATA =
  "The producer sent a wrong value: the reason names field and value. Correct it at the source and send the event again.";
const REFERENCE = "Publish the reference record first; if it is there, the producer uses another id than the engine.";

export const VERIFY_CODES: Readonly<Record<VerifyCode, VerifyCodeEntry>> = {
  [VerifyCode.Ok]: { name: "ok", meaning: "nothing is wrong", action: "" },
  [VerifyCode.TooShort]: { name: "too-short", meaning: "fewer bytes than any message has", action: WRITER },
  [VerifyCode.TooLong]: { name: "too-long", meaning: "more bytes than the limit of a message", action: WRITER },
  [VerifyCode.BadIdentifier]: {
    name: "bad-identifier",
    meaning: "bytes 4 to 7 are not the identifier of the topic's messages",
    action: "Something else is written to this topic. Find the producer and point it elsewhere.",
  },
  [VerifyCode.BadRoot]: {
    name: "bad-root",
    meaning: "the root offset does not lead to a table inside the message",
    action: WRITER,
  },
  [VerifyCode.BadVtable]: { name: "bad-vtable", meaning: "the vtable is not whole inside the message", action: WRITER },
  [VerifyCode.BadTable]: {
    name: "bad-table",
    meaning: "the table, or a field of it, is not whole inside the message",
    action: WRITER,
  },
  [VerifyCode.MissingField]: { name: "missing-field", meaning: "the header or a required vector is absent", action: WRITER },
  [VerifyCode.Unaligned]: {
    name: "unaligned",
    meaning: "a header or vector does not begin at a multiple of its alignment from the start of the message",
    action: WRITER,
  },
  [VerifyCode.BadSchemaVersion]: {
    name: "bad-schema-version",
    meaning: "a schema version that this release does not know",
    action: "Upgrade the engine before its producers.",
  },
  [VerifyCode.BadChecksum]: {
    name: "bad-checksum",
    meaning: "the checksum is not that of the bytes: they changed on the way, or the producer computes it otherwise",
    action:
      "If only some messages of a producer fail, suspect memory, disk or network; if all do, its checksum is not as docs/wire.md says.",
  },
  [VerifyCode.BadHeader]: {
    name: "bad-header",
    meaning: "a header field is out of range, or its reserved bytes are not zero",
    action: WRITER,
  },
  [VerifyCode.BadVector]: {
    name: "bad-vector",
    meaning: "a vector's offset or length is not inside the message",
    action: WRITER,
  },
  [VerifyCode.VectorOutOfBounds]: {
    name: "vector-out-of-bounds",
    meaning: "a vector has more elements than the message has bytes for",
    action: WRITER,
  },
  [VerifyCode.TooManyEvents]: {
    name: "too-many-events",
    meaning: "more events than a message may hold",
    action: "Configure the producer to smaller batches.",
  },
  [VerifyCode.UnknownKind]: {
    name: "unknown-kind",
    meaning: "a kind of event or record that this release does not know",
    action: WRITER,
  },
  [VerifyCode.OutOfRange]: { name: "out-of-range", meaning: "a number is outside its range", action: DATA },
  [VerifyCode.NotZero]: { name: "not-zero", meaning: "a field that the kind does not use is not zero", action: WRITER },
  [VerifyCode.BadTime]: { name: "bad-time", meaning: "a time is not ns since the epoch in years 2000 to 2199", action: DATA },
  [VerifyCode.BadFlags]: {
    name: "bad-flags",
    meaning: "flags that the kind does not have, or that exclude one another",
    action: DATA,
  },
  [VerifyCode.UnknownInstrument]: { name: "unknown-instrument", meaning: "no such instrument was published", action: REFERENCE },
  [VerifyCode.UnknownAsset]: { name: "unknown-asset", meaning: "no such asset was published", action: REFERENCE },
  [VerifyCode.WrongInstrumentKind]: {
    name: "wrong-instrument-kind",
    meaning: "the event does not exist for this kind of instrument",
    action: DATA,
  },
  [VerifyCode.CrossedQuote]: { name: "crossed-quote", meaning: "the best bid is above the best ask", action: DATA },
  [VerifyCode.BrokenBookMessage]: {
    name: "broken-book-message",
    meaning: "the levels of a book message are not together, or do not share its ids",
    action: WRITER,
  },
  [VerifyCode.BadText]: { name: "bad-text", meaning: "a symbol or name is not printable ASCII padded with zeros", action: DATA },
  [VerifyCode.Duplicate]: { name: "duplicate", meaning: "an id or symbol is there twice", action: DATA },
  [VerifyCode.BadTiers]: {
    name: "bad-tiers",
    meaning: "margin tiers do not rise from 0, or not in one run beside their table",
    action: DATA,
  },
};

/** Name of a code, for dead letters and metrics. */
export function verifyCodeName(code: VerifyCode): string {
  return VERIFY_CODES[code].name;
}
