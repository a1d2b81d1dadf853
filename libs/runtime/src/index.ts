export { freeMemory } from './agent/free-memory.js';
export { AgentChannel, type AgentTransport } from './agent/agent-channel.js';
export { AgentClient, type ListOptions, type RunOptions, type WriteFileOptions } from './agent/agent-client.js';
export type { AgentProcesses, AttachOptions, OutputGap, StartSpec, TerminalSize } from './agent/agent-processes.js';
export { AgentError, AgentSilentError, ChannelLostError } from './agent/agent-error.js';
export {
  type AgentInfo,
  END_REASONS,
  type EndReason,
  type FileEntry,
  type FileType,
  LIMIT_NAMES,
  type LimitName,
  type OutputChunk,
  type ProcessEnd,
  type ProcessInfo,
  type ProcessSpec,
} from './agent/agent-types.js';
export { type Deferred, deferred } from './agent/deferred.js';
export {
  type ByteRange,
  Download,
  FileTransfers,
  type OpenedPath,
  type TakeBytes,
  type UploadOptions,
  type WrittenFile,
} from './agent/file-transfers.js';
export type { EngineComponent, EngineFacts } from './engine-facts.js';
export { FrameTooLargeError } from './agent/frames.js';
export { KeptOutput, wholeCharacters } from './agent/kept-output.js';
export type { ChannelWords } from './agent/output-chunk.js';
export type { CallOptions } from './agent/settle.js';
export { findLanguage, LANGUAGES } from './languages/index.js';
export type { CodePaths, Interpreter, Language, PackageRequest, Toolchain } from './languages/language.js';
export { RuntimeError, type RuntimeErrorKind } from './runtime-error.js';
export type {
  ChangeableLimits,
  DiskLimitKind,
  Sandbox,
  SandboxLimits,
  SandboxLostReason,
  SandboxRecord,
  SandboxSpec,
  TmpLimitKind,
} from './sandbox.js';
export { type ImageStatus, SandboxRuntime } from './sandbox-runtime.js';
