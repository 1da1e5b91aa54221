// Reports as JSON, for scripts: the fields are those of Report, values of cells are coded as in trace files.
import type { CellValue, Report } from '../report.ts';
import { toJson } from './plain-json.ts';

export const REPORTS_FILE = 'siov explore reports';
/** Of the format. */
export const REPORTS_VERSION = 1;

export function reportsJson(reports: readonly Report[]): string {
  // Interfaces have no index signature; a report is plain data all the same.
  const plain = reports as unknown as CellValue;
  return `${JSON.stringify({ kind: REPORTS_FILE, version: REPORTS_VERSION, reports: toJson(plain) }, null, 2)}\n`;
}
