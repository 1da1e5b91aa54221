// How much of everything a machine has: so little that programs run out of it.
export interface Tables {
  /** Entries of the message store. */
  readonly entries: number;
  /** Of the interrupt-remapping table; two are for MSI-X. */
  readonly remappingEntries: number;
  /** Linux interrupt numbers; two are for MSI-X. */
  readonly virqs: number;
  /** Vectors of each CPU. */
  readonly vectors: number;
  /** Bits. */
  readonly pasidWidth: number;
}

/** The first thing there is too little of is another in each. */
export const TABLES: readonly Tables[] = [
  { entries: 6, remappingEntries: 16, virqs: 16, vectors: 4, pasidWidth: 3 },
  { entries: 12, remappingEntries: 7, virqs: 16, vectors: 4, pasidWidth: 3 },
  { entries: 12, remappingEntries: 16, virqs: 8, vectors: 4, pasidWidth: 4 },
  { entries: 12, remappingEntries: 16, virqs: 16, vectors: 1, pasidWidth: 4 },
];

/** What a message of a failure says when this ran out. */
export const RUN_OUT = {
  entries: /slots: all \d+ ids are in use/,
  remappingEntries: /interrupt remapping: all \d+ entries are in use/,
  virqs: /virqs: all \d+ ids are in use/,
  vectors: /vector/,
  pasids: /no PASID|pasids: all \d+ ids|PASID up to/,
  quota: /its quota of \d+ is used up/,
  queues: /has no work queue left/,
} as const satisfies Record<string, RegExp>;
