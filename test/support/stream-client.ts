// A client of the live stream that keeps every push and checks that each channel's change ids are unbroken.
import { WebSocket } from "ws";

export interface Push {
  type: string;
  change_id: number;
  prev_change_id?: number;
  [field: string]: unknown;
}

export class StreamClient {
  readonly pushes = new Map<string, Push[]>();
  /** What was wrong with the order of pushes; empty: nothing. */
  readonly broken: string[] = [];
  private nextId = 1;
  private readonly waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.on("message", (data) => this.onFrame(JSON.parse(String(data))));
  }

  static async open(url: string): Promise<StreamClient> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    return new StreamClient(socket);
  }

  private onFrame(frame: { id?: number; method?: string; params?: { channel: string; data: Push } }): void {
    if (frame.id !== undefined) {
      this.waiting.get(frame.id)?.(frame as { result?: unknown });
      this.waiting.delete(frame.id);
      return;
    }
    if (frame.method !== "subscription") return;
    const { channel, data } = frame.params!;
    const all = this.pushes.get(channel) ?? [];
    const last = all.at(-1);
    if (last === undefined) {
      if (data.type !== "snapshot" && data.type !== "unavailable") this.broken.push(`${channel}: begins with ${data.type}`);
      if (data.prev_change_id !== undefined) this.broken.push(`${channel}: the first push has prev_change_id`);
    } else if (data.prev_change_id !== last.change_id)
      this.broken.push(`${channel}: ${data.change_id} follows ${data.prev_change_id}, not ${last.change_id}`);
    all.push(data);
    this.pushes.set(channel, all);
  }

  async call(method: string, params: Record<string, unknown>): Promise<unknown> {
    const id = this.nextId++;
    const answer = await new Promise<{ result?: unknown; error?: { message: string } }>((resolve) => {
      this.waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
    if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  subscribe(...channels: string[]): Promise<unknown> {
    return this.call("public/subscribe", { channels });
  }

  last(channel: string): Push | undefined {
    return this.pushes.get(channel)?.at(-1);
  }

  close(): void {
    this.socket.close();
  }
}
