// The resting orders of one side of one instrument, first in, first out, in fixed arrays.

/** Orders a queue holds; a full queue takes no more until the oldest are filled or cancelled. */
const CAPACITY = 1024;

export class OrderQueue {
  private readonly orderIds = new Float64Array(CAPACITY);
  private readonly accounts = new Float64Array(CAPACITY);
  private readonly prices = new Float64Array(CAPACITY);
  private readonly lots = new Float64Array(CAPACITY);
  private readonly placedMs = new Float64Array(CAPACITY);
  private head = 0;
  count = 0;

  get isFull(): boolean {
    return this.count === CAPACITY;
  }

  // The oldest order; meaningless where the queue is empty.
  get headOrderId(): number {
    return this.orderIds[this.head]!;
  }

  get headAccount(): number {
    return this.accounts[this.head]!;
  }

  get headTicks(): number {
    return this.prices[this.head]!;
  }

  /** What is still open of it. */
  get headLots(): number {
    return this.lots[this.head]!;
  }

  get headPlacedMs(): number {
    return this.placedMs[this.head]!;
  }

  /** The queue must not be full. */
  push(orderId: number, account: number, priceTicks: number, qtyLots: number, nowMs: number): void {
    const at = (this.head + this.count++) % CAPACITY;
    this.orderIds[at] = orderId;
    this.accounts[at] = account;
    this.prices[at] = priceTicks;
    this.lots[at] = qtyLots;
    this.placedMs[at] = nowMs;
  }

  /** Takes from the oldest order, at most what is open; an order with nothing open left is gone. */
  takeFromHead(qtyLots: number): void {
    this.lots[this.head]! -= qtyLots;
    if (this.lots[this.head] === 0) {
      this.head = (this.head + 1) % CAPACITY;
      this.count--;
    }
  }
}
