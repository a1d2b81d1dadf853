import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';

import { ContextsModule } from '#libs/contexts';

import { CommandsService } from './commands.service.js';
import { ApplyPatchCommand } from './types/apply-patch.command.js';
import { CopyFileCommand } from './types/copy-file.command.js';
import { CreateDirectoryCommand } from './types/create-directory.command.js';
import { DeleteFileCommand } from './types/delete-file.command.js';
import { DiffCommand } from './types/diff.command.js';
import { ExecuteCodeCommand } from './types/execute-code.command.js';
import { ExecuteShellCommand } from './types/execute-shell.command.js';
import { InstallPackagesCommand } from './types/install-packages.command.js';
import { ListDirectoryCommand } from './types/list-directory.command.js';
import { MoveFileCommand } from './types/move-file.command.js';
import { ReadFileCommand } from './types/read-file.command.js';
import { StatFileCommand } from './types/stat-file.command.js';
import { WriteFileCommand } from './types/write-file.command.js';

/** Needs from its surroundings: CommandsOptions. A new command type is a file in types/ and a line here. */
@Module({
  imports: [DiscoveryModule, ContextsModule],
  providers: [
    CommandsService,
    WriteFileCommand,
    ReadFileCommand,
    ListDirectoryCommand,
    CreateDirectoryCommand,
    CopyFileCommand,
    MoveFileCommand,
    DeleteFileCommand,
    StatFileCommand,
    ExecuteShellCommand,
    ExecuteCodeCommand,
    InstallPackagesCommand,
    DiffCommand,
    ApplyPatchCommand,
  ],
  exports: [CommandsService],
})
export class CommandsModule {}
