export { DockerRuntime } from './docker-runtime.js';
export { DockerRuntimeOptions } from './options.js';
