// What `siov check` says of the flows: the review's design holds in every order, the refuted one does not, and why. The windows
// that take longer are in `siov check --vmm all`.
import { describe, expect, test } from 'vitest';
import { check, replay } from '@siov/explore';
import type { Report } from '@siov/explore';
import { checkModel, CHECKS, nameOf } from '../src/index.ts';
import type { Check } from '../src/index.ts';

const QUICK = ['submit', 'set-up', 'mask', 'mask-and-use', 'move', 'leave'];
const quick = CHECKS.filter(({ design, window, vmm }) => design === 'review' && (QUICK.includes(window.name) || (window.name === 'grow' && vmm === 'dynamic')));

/** `I1, entry 0` is of `I1`. */
const groups = ({ verdicts }: Report) => [...new Set(verdicts.filter(({ outcome }) => outcome === 'refuted').map(({ property }) => property.split(',')[0] ?? ''))].sort();

const checked = (found: Check | undefined) => {
  if (found === undefined) throw new Error('there is no such check');
  return check(checkModel(found), { engine: 'lazy', shorten: { seconds: 20 } });
};

describe('R15, R21: the review’s design, in every order of its agents', () => {
  test.each(quick.map((each) => [nameOf(each), each] as const))('%s', async (_name, each) => {
    const report = await checked(each);
    expect([groups(report), report.coverage.complete]).toEqual([[], true]);
    expect(report.verdicts.every(({ outcome }) => outcome === 'proved')).toBe(true);
  });
});

const refuted = (window: string, own = true) => CHECKS.find((each) => each.design === 'v6' && each.window.name === window && (each.queuePasid ?? true) === own);

describe('R14: the design that the review refuted', () => {
  test('O1: an interrupt is authorised by the host’s PASID: the shortest schedule, told by calls and register values', async () => {
    const found = refuted('set-up', false);
    const report = await checked(found);
    expect(groups(report)).toEqual([...(found?.refuted ?? [])].sort());
    const counterexample = report.verdicts.find(({ property }) => property === 'I3')?.counterexample;
    expect(counterexample?.violation).toContain('no descriptor of PASID 2 that names it was submitted');
    const notes = counterexample?.steps.flatMap((step) => step.notes ?? []).join('\n');
    expect(notes).toMatch(/irq_set_auxdata \(irq \d+, value 4104\)[^]*request_irq[^]*irq_unmask \(slot 0\)[^]*CONTROL, value 4104\)[^]*submit[^]*raise_vector/);
    if (found === undefined || counterexample === null || counterexample === undefined) throw new Error('nothing was found');
    expect(replay(checkModel(found), counterexample)).toMatchObject({ violation: counterexample.violation, diverged: null });
  });

  test('O1: the entry is open under the host’s PASID: no schedule is shorter', async () => {
    const report = await checked(refuted('set-up', false));
    const counterexample = report.verdicts.find(({ property }) => property === 'I1, entry 0')?.counterexample;
    expect([counterexample?.shortest, counterexample?.violation]).toEqual([true, 'I1: entry 0 (dsa0-mdev0/0) is unmasked with PASID 1, and PASID 2 is bound to it']);
  });

  test('O2: the guest’s own completion interrupt is refused, and who waits for it waits for ever', async () => {
    const report = await checked(refuted('set-up'));
    expect(groups(report)).toEqual([...(refuted('set-up')?.refuted ?? [])].sort());
    const lost = report.verdicts.find(({ property }) => property === 'no deadlock')?.counterexample;
    expect(lost?.waiting.map(({ agent }) => agent)).toContain('VC1');
  });

  test('O5: free_irq() returns with the PASID in the entry', async () => {
    const report = await checked(refuted('leave'));
    expect(groups(report)).toEqual([...(refuted('leave')?.refuted ?? [])].sort());
    expect(report.verdicts.find(({ property }) => property === 'I6, entry 0')?.counterexample?.violation).toMatch(/has no action, and entry 0 .* holds .*pasid 2/);
  });
});
