// Which of the invariants held, one line each, and what broke the others.
import type { Verdict } from '@siov/scenarios';

/** What each of them says, in a line. */
const SAYS: Readonly<Record<string, string>> = {
  I1: 'an open entry has one running interrupt, and that interrupt’s id',
  I2: 'only the irq chip writes entries',
  I3: 'every interrupt was authorised by the id its owner meant',
  I5: 'levels are activated from the root, deactivated from the device',
  I6: 'after free_irq() the entry is masked and wiped, and no handler runs',
  I7: 'an id stored before is honoured by every later allocation',
  I8: 'vectors are armed wholly or not at all',
  I9: 'an edge while masked or disabled comes once, later',
  I10: 'no device’s id is in another’s entry',
  I11: 'no entry goes unchecked while others than the host can submit',
  I12: 'every call goes along the declared layers',
};

export function verdictTable(verdicts: readonly Verdict[]): string {
  const lines = verdicts.flatMap(({ invariant, violations }) => {
    const head = `${invariant.padEnd(4)} ${violations.length === 0 ? 'held    ' : 'BROKEN  '} ${SAYS[invariant] ?? ''}`;
    return [head, ...violations.map((violation) => `     ${violation}`)];
  });
  return `Invariants, looked at between any two steps (I4 is about calls that fail, of which there is none here):\n\n${lines.join('\n')}\n`;
}
