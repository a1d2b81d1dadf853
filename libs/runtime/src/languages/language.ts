/** Where the pieces of one execution of code lie inside the sandbox. */
export interface CodePaths {
  /** The source file. */
  readonly source: string;
  /** A directory of this execution alone, for what a build makes. */
  readonly directory: string;
}

/** How a language runs one file of code. Programs are argv; no shell is involved. */
export interface Toolchain {
  /** Source file name. Where it lies, see `inWorkspace`. */
  readonly file: string;
  /**
   * True for interpreted code, whose relative imports must find the files of /workspace: the source lies there, under
   * a hidden name of its own. False: it lies in the execution's own directory.
   */
  readonly inWorkspace: boolean;
  /** Made before the program runs; a build that fails is the run's result. */
  readonly build?: (paths: CodePaths) => readonly string[];
  readonly run: (paths: CodePaths) => readonly string[];
}

/** How a language keeps an interpreter for a context: docs/contexts.md. */
export interface Interpreter {
  /** argv of the driver, which speaks on its channel. */
  readonly args: readonly string[];
}

/** What is to be installed into a session. */
export interface PackageRequest {
  readonly packages: readonly string[];
  /** A file that names packages, as the language has them: requirements.txt, package.json. */
  readonly requirementsFile?: string;
}

export interface Language {
  /** The name on the wire. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** The image's name without a tag. */
  readonly image: string;
  /** The toolchain for code, by the name or alias that was asked for. */
  readonly toolchain: (alias: string) => Toolchain;
  /** argv that installs packages below /workspace; absent where the language's image has no such program. */
  readonly install?: (request: PackageRequest) => readonly string[];
  /** The interpreter, by the name or alias that was asked for; absent where the language has none. */
  readonly interpreter?: (alias: string) => Interpreter;
}
