// Numbers that a user gives as text.
import { WrongUsage } from './errors.ts';

/** Throws {@link WrongUsage}; undefined stays what it is. */
export function positiveNumber(option: string, text: string | undefined, kind: 'whole' | 'any'): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const rule = kind === 'whole' ? 'a whole number from 1' : 'a number above 0';
  if (text.trim() === '' || !(value > 0) || !Number.isFinite(value) || (kind === 'whole' && !Number.isInteger(value))) throw new WrongUsage(`${option} ${text}: not ${rule}`);
  return value;
}
