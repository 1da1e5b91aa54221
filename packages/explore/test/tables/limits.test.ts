import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Model } from '../../src/model.ts';
import type { CheckOptions, Progress } from '../../src/options.ts';
import type { Report } from '../../src/report.ts';
import { checkTables } from '../../src/tables/check-tables.ts';
import { independent, philosophers } from './models.ts';

async function reportOf(checked: Model, options?: CheckOptions): Promise<Report> {
  const report = await checkTables(checked, { reduction: false, ...options });
  if ('notClosed' in report) throw new Error(report.notClosed);
  return report;
}

const large = independent(6, 7);

describe('a limit', () => {
  it('of steps ends the search at that depth', async () => {
    const { coverage, verdicts } = await reportOf(independent(2, 3), { limits: { depth: 2 } });
    expect(coverage).toMatchObject({ states: 6, depth: 2, complete: false, leftOver: { limit: 'depth', states: 3 } });
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['not refuted', 'not refuted']);
  });

  it('of states ends it soon', async () => {
    const { coverage } = await reportOf(large, { limits: { states: 10_000 } });
    expect(coverage.leftOver?.limit).toBe('states');
    expect(coverage.states).toBeLessThan(100_000);
  });

  it('of memory and of time', async () => {
    expect((await reportOf(large, { limits: { memory: 1 } })).coverage.leftOver?.limit).toBe('memory');
    expect((await reportOf(large, { limits: { seconds: 0 } })).coverage.leftOver?.limit).toBe('time');
  });

  it('that is a signal is noticed while it runs', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const { coverage } = await reportOf(independent(8, 8), { signal: controller.signal });
    expect(coverage.leftOver?.limit).toBe('interrupted');
  });

  it('leaves what was refuted before', async () => {
    const { verdicts } = await reportOf(philosophers(4, false), { limits: { depth: 5 } });
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['refuted', 'not refuted']);
  });
});

describe('progress', () => {
  it('is told about once a second', async () => {
    const told: Progress[] = [];
    const { coverage } = await reportOf(independent(8, 8), { limits: { seconds: 1.6 }, onProgress: (progress) => void told.push(progress) });
    if (coverage.seconds > 1.3) expect(told.length).toBeGreaterThanOrEqual(1);
    for (const progress of told) expect(progress).toMatchObject({ model: '8 agents with 8 steps', phase: 'searching' });
  });
});

describe('a checkpoint', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'explore-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is gone on from to the same end', async () => {
    const checkpoint = join(directory, 'search');
    const whole = await reportOf(large);
    let { coverage } = await reportOf(large, { checkpoint, limits: { states: 100_000 } });
    expect(existsSync(checkpoint)).toBe(true);
    let legs = 1;
    for (; !coverage.complete; legs++) ({ coverage } = await reportOf(large, { checkpoint, limits: { states: 100_000 * legs } }));
    expect(legs).toBeGreaterThan(2);
    const { states, transitions, depth, complete } = whole.coverage;
    expect(coverage).toMatchObject({ states, transitions, depth, complete });
  });

  it('of a search with fewer steps is one of the same', async () => {
    const checkpoint = join(directory, 'search');
    const broad = philosophers(7, false);
    const whole = await reportOf(broad, { reduction: true });
    expect(whole.coverage.reduction).toBe('stubborn sets');
    await reportOf(broad, { checkpoint, reduction: true, limits: { states: Math.floor(whole.coverage.states / 2) } });
    const { coverage, verdicts } = await reportOf(broad, { checkpoint, reduction: true });
    const { states, depth, reduction } = whole.coverage;
    expect(coverage).toMatchObject({ states, depth, reduction });
    expect(verdicts).toEqual(whole.verdicts);
  });

  it('keeps what was refuted', async () => {
    const checkpoint = join(directory, 'search');
    const broken = philosophers(4, false);
    await reportOf(broken, { checkpoint, limits: { depth: 6 } });
    const whole = await reportOf(broken);
    const resumed = await reportOf(broken, { checkpoint });
    expect(resumed.verdicts).toEqual(whole.verdicts);
  });

  it('of another model is refused, and so is a file that is none', async () => {
    const checkpoint = join(directory, 'search');
    await reportOf(philosophers(3, false), { checkpoint, limits: { depth: 2 } });
    await expect(reportOf(philosophers(3, true), { checkpoint })).rejects.toThrow(/is of another model, or 3 philosophers has changed since/);
    writeFileSync(checkpoint, readFileSync(checkpoint).subarray(0, -4));
    await expect(reportOf(philosophers(3, false), { checkpoint })).rejects.toThrow(/is not whole/);
    writeFileSync(checkpoint, 'something else');
    await expect(reportOf(philosophers(3, false), { checkpoint })).rejects.toThrow(/is no checkpoint/);
  });
});
