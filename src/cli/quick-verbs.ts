// The verbs that need the reader and little else, so that they start without the rest of the code.

export { addBt } from './commands/bt.ts';
export { addInfo } from './commands/info.ts';
export { addLog } from './commands/log.ts';
export { addSymbols } from './commands/symbols.ts';
export { addTasks } from './commands/tasks.ts';
