// What the bench uses of autocannon, which brings no types.
declare module "autocannon" {
  interface Options {
    url: string;
    connections: number;
    /** Requests in all. */
    amount: number;
    /** Threads that fire them. */
    workers: number;
    /** ms between two looks at the counters. */
    sampleInt: number;
  }

  interface Result {
    errors: number;
    timeouts: number;
    non2xx: number;
    "2xx": number;
    /** Seconds. */
    duration: number;
    /** ms. */
    latency: { p50: number; p99: number; max: number };
  }

  export default function autocannon(options: Options): Promise<Result>;
}
