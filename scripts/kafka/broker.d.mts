// Types of broker.mjs, which stays plain JavaScript so that `npm run kafka` needs no build.

export interface BrokerOptions {
  /** Folder for storage, configuration and broker.log; made if missing, kept when the broker stops. */
  dataDir: string;
  /** Loopback port; 0 (the default) for any that is free. */
  port?: number;
  /** Java heap limit in MiB, 512 by default. */
  heapMb?: number;
  /** Start in half the time at the price of some throughput: for tests. */
  quick?: boolean;
  /** Further server.properties; they win over the built-in ones. */
  settings?: Record<string, string | number | boolean>;
  onProgress?: (line: string) => void;
}

export interface Broker {
  /** `127.0.0.1:port`, as clients want it. */
  readonly brokers: string;
  readonly port: number;
  readonly dataDir: string;
  readonly version: string;
  /** Process id of the java process; undefined when stopped. */
  readonly pid: number | undefined;
  /** Settles when the java process ends, for whatever reason. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  /** SIGTERM, then wait: the broker writes down its state. */
  stop(): Promise<void>;
  /** SIGKILL (kill -9): a crash. */
  kill(): Promise<void>;
  /** Starts again on the same port and data, stopping first if it runs. */
  restart(): Promise<void>;
}

export const KAFKA_VERSION: string;
export function kafkaUnavailable(): string | null;
export function freePorts(count: number): Promise<number[]>;
export function fetchKafka(onProgress?: (line: string) => void): Promise<string>;
export function startBroker(options: BrokerOptions): Promise<Broker>;
