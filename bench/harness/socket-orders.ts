// What the counting WebSocket clients are told, and what they answer.
export type ClientsOrder =
  | { type: "open"; port: number; clients: number }
  | { type: "expect"; bytes: number }
  | { type: "close" };

export type ClientsAnswer =
  | { type: "open" }
  | { type: "expecting" }
  | { type: "received"; bytes: number; endNs: number }
  | { type: "closed" }
  | { type: "failed"; message: string };
