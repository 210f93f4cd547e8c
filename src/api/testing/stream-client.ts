// A client of the stream for tests: `ws`, promises for answers, a list of pushes a channel.
import WebSocket from "ws";

// biome-ignore lint/suspicious/noExplicitAny: what a server sends is checked by the tests themselves
export type Json = any;

export interface Push {
  channel: string;
  data: Json;
}

export class StreamClient {
  readonly pushes: Push[] = [];
  readonly frames: Json[] = [];
  closeCode: number | null = null;
  readonly #waiting = new Map<number, (frame: Json) => void>();
  readonly #watchers = new Set<() => void>();
  #nextId = 1;

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data) => this.#received(JSON.parse(String(data))));
    socket.on("close", (code) => {
      this.closeCode = code;
      this.#notify();
    });
    socket.on("error", () => {});
  }

  static async connect(url: string, options: WebSocket.ClientOptions = {}): Promise<StreamClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    const client = new StreamClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (chunk) => (body += chunk));
        response.on("end", () =>
          reject(Object.assign(new Error(`refused with ${response.statusCode}`), { status: response.statusCode, body })),
        );
      });
    });
    return client;
  }

  #received(frame: Json): void {
    this.frames.push(frame);
    if (frame.method === "subscription") this.pushes.push(frame.params);
    else if (frame.id !== undefined) this.#waiting.get(frame.id)?.(frame);
    this.#notify();
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** The whole answer, result or error. */
  call(method: string, params?: object): Promise<Json> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, (frame) => {
        this.#waiting.delete(id);
        resolve(frame);
      });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) }));
    });
  }

  async subscribe(...channels: string[]): Promise<void> {
    const answer = await this.call("public/subscribe", { channels });
    if (answer.error !== undefined) throw Object.assign(new Error(JSON.stringify(answer.error)), answer.error);
  }

  of(channel: string): Json[] {
    return this.pushes.filter((push) => push.channel === channel).map((push) => push.data);
  }

  /** Resolves when `condition` holds, looked at after every frame. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  async closed(): Promise<number> {
    await this.until(() => this.closeCode !== null);
    return this.closeCode!;
  }

  close(): void {
    this.socket.terminate();
  }
}

/** Fails unless the pushes of a channel form one unbroken chain that begins with a snapshot. */
export function assertChain(pushes: readonly Json[]): void {
  for (const [at, data] of pushes.entries()) {
    if (at === 0) {
      if (data.type !== "snapshot") throw new Error(`the first push is a ${data.type}`);
      if ("prev_change_id" in data) throw new Error("the first push has a prev_change_id");
    } else {
      const before = pushes[at - 1].change_id;
      if (data.prev_change_id !== before)
        throw new Error(`push ${at}: prev_change_id ${data.prev_change_id} after change_id ${before}`);
      if (!(data.change_id > before)) throw new Error(`push ${at}: change_id ${data.change_id} does not rise`);
    }
  }
}
