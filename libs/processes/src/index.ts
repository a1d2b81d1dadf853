export { BackgroundProcess } from './background-process.js';
export { overAnyLine } from './over-any-line.js';
export { type Missed, ProcessReader, type ProcessSink } from './process-reader.js';
export { ProcessesModule } from './processes.module.js';
export { type ProcessSpan, ProcessesService, type StartRequest } from './processes.service.js';
export { invalid } from './refusals.js';
export { startWithin } from './start-within.js';
