/** What the Docker runtime is told; the application's configuration provides it. */
export class DockerRuntimeOptions {
  /** `unix:///var/run/docker.sock`, `tcp://host:2375`, `https://host:2376`. */
  dockerHost: string;
  /** Tells this server's containers from another's on the same engine; the value of their label `codebeaker`. */
  serverId: string;
  /** Image that the agent volume is filled from. */
  agentImage: string;
  /** The seccomp profile's JSON text, handed to the engine as it is. */
  seccompProfile: string;
  /** OCI runtime (`crun`, `kata`, …); the engine's default where absent. */
  ociRuntime?: string;
  /** `auto` takes the best that this host offers. */
  diskLimit: 'auto' | 'loop-ext4' | 'tmpfs';
  /** True when loop-mounted disks take space from the host only as they fill. */
  diskOvercommit: boolean;
  /** A directory of this server alone, for the files of loop-mounted disks. */
  stateDirectory: string;
  /** Limit of any one call to the engine, ms. */
  engineTimeoutMs: number;
}
