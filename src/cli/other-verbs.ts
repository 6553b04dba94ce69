// The verbs that judge, compare, pack, simulate or print much; see quick-verbs.ts.

export { addCompare } from './commands/compare.ts';
export { addLocks } from './commands/locks.ts';
export { addMem } from './commands/mem.ts';
export { addMemalloc } from './commands/memalloc.ts';
export { addPack } from './commands/pack.ts';
export { addRun } from './commands/run.ts';
export { addSimulate } from './commands/simulate.ts';
export { addStruct } from './commands/struct.ts';
export { addStructs } from './commands/structs.ts';
export { addTriage } from './commands/triage.ts';
