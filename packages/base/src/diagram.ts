export { mermaid } from './diagram/mermaid.ts';
export type { Sequence, SequenceStep } from './diagram/sequence.ts';
export { agentsOf } from './diagram/sequence.ts';
export { svg } from './diagram/svg.ts';
