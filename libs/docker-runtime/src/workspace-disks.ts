import { Logger } from '@nestjs/common';

import { RuntimeError } from '#libs/runtime';

import type { WorkspaceMount } from './container-config.js';
import type { Engine } from './engine.js';
import { LoopDisks } from './loop-disks.js';
import { isFull } from './refusals.js';

/** Where one sandbox's /workspace comes from, and what becomes of it. */
export interface WorkspaceDisk {
  readonly mount: WorkspaceMount;
  /** To be called when the container runs: from now on its end alone frees the disk. */
  mounted(): Promise<void>;
  /** To be called instead when it never ran. */
  discard(): Promise<void>;
}

const TMPFS: WorkspaceDisk = {
  mount: { kind: 'tmpfs' },
  mounted: () => Promise.resolve(),
  discard: () => Promise.resolve(),
};

/** Sized disks for /workspace by the best way that this host offers (DESIGN.md, *Disk limits*). */
export class WorkspaceDisks {
  private readonly logger = new Logger(WorkspaceDisks.name);
  private loop: Promise<LoopDisks | undefined> | undefined;
  private isTidy = false;

  constructor(
    private readonly wanted: 'auto' | 'loop-ext4' | 'tmpfs',
    private readonly engine: Engine,
    private readonly directory: string,
    private readonly reserves: boolean,
  ) {}

  async make(bytes: number): Promise<WorkspaceDisk> {
    const loop = await this.open();
    return loop ? loop.make(bytes) : TMPFS;
  }

  /** Removes what an earlier server has left half made; does nothing from the second time on. */
  async tidy(): Promise<void> {
    if (this.isTidy) return;
    // Where they are made, the first look at them sweeps; else they are of a server that was set otherwise.
    if (this.wanted !== 'tmpfs') await this.open();
    else await LoopDisks.sweep(this.directory).catch((error: unknown) => this.logger.debug(error));
    this.isTidy = true;
  }

  private open(): Promise<LoopDisks | undefined> {
    this.loop ??= this.openLoop().catch((error: unknown) => {
      this.loop = undefined;
      throw error;
    });
    return this.loop;
  }

  private async openLoop(): Promise<LoopDisks | undefined> {
    if (this.wanted === 'tmpfs') return undefined;
    try {
      const { isLocal, securityOptions } = await this.engine.facts();
      // The engine mounts what we make: it must see the same devices, so it must run on the same host.
      if (!isLocal) throw new Error('the engine is on another host');
      // What we make belongs to users of the host.
      if (securityOptions.includes('name=userns')) throw new Error('users of containers are others (userns-remap)');
      return await LoopDisks.open(this.directory, this.reserves);
    } catch (error) {
      if (this.wanted === 'loop-ext4') throw error;
      // These pass; a host without loop devices stays so.
      if (error instanceof RuntimeError || isFull(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      this.logger.log(
        `/workspace is a tmpfs, whose files count as memory, because loop devices cannot be used: ${why}`,
      );
      return undefined;
    }
  }
}
