// The checker as a library: load a workspace, check it, or ask the judge one question.
export { check } from './check.ts';
export type { Report } from './check.ts';
export { extractImports } from './extract.ts';
export type { Extracted, Extraction } from './extract.ts';
export type { Dependency, House, Manifest, Member } from './house.ts';
export { IMPORT_KINDS, judgeImport } from './judge.ts';
export type { ImportKind, ImportRequest } from './judge.ts';
export { judgeManifest } from './judge-manifest.ts';
export { judgeTsconfig } from './judge-tsconfig.ts';
export { parseLayers } from './layers-file.ts';
export type { Door, Layer, Layers } from './layers-file.ts';
export { loadLayers, loadWorkspace, locate } from './load.ts';
export type { Workspace } from './load.ts';
export { formatReport } from './report.ts';
export { layersTable, withTable } from './table.ts';
export { CODES, ConfigError } from './violation.ts';
export type { Code, Finding, Verdict, Violation } from './violation.ts';
