// The LMAX Disruptor as a peer of the ring line: one producer (this thread), one consumer, events of eight doubles.
// Reads "run <records> <batch> <ring size>" from stdin, a line a run, and answers "ok <ns> <sum>": from before the first
// record is claimed until the consumer has read the last one. The consumer's thread lives only during a run, so that it
// takes nobody's core between runs.
import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.CountDownLatch;

public final class DisruptorPeer {
  static final class Record {
    double a, b, c, d, e, f, g, h;
  }

  static final class Consumer implements EventHandler<Record> {
    private double sum;
    private long lastSequence;
    private CountDownLatch done;
    volatile long endNs;
    volatile double total;

    void expect(long lastSequence, CountDownLatch done) {
      this.sum = 0;
      this.lastSequence = lastSequence;
      this.done = done;
    }

    @Override
    public void onEvent(Record r, long sequence, boolean endOfBatch) {
      sum += r.a + r.b + r.c + r.d;
      sum += r.e + r.f + r.g + r.h;
      if (sequence == lastSequence) {
        endNs = System.nanoTime();
        total = sum;
        done.countDown();
      }
    }
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    RingBuffer<Record> ring = null;
    BatchEventProcessor<Record> processor = null;
    Consumer consumer = null;
    System.out.println("ready");
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      int records = Integer.parseInt(words[1]);
      int batch = Integer.parseInt(words[2]);
      int ringSize = Integer.parseInt(words[3]);
      if (ring == null || ring.getBufferSize() != ringSize) {
        ring = RingBuffer.createSingleProducer(Record::new, ringSize, new BusySpinWaitStrategy());
        consumer = new Consumer();
        processor = new BatchEventProcessor<>(ring, ring.newBarrier(), consumer);
        ring.addGatingSequences(processor.getSequence());
      }
      CountDownLatch done = new CountDownLatch(1);
      consumer.expect(ring.getCursor() + records, done);
      Thread thread = new Thread(processor, "consumer");
      thread.start();
      while (!processor.isRunning()) Thread.onSpinWait();
      long startNs = System.nanoTime();
      if (batch == 1) oneByOne(ring, records);
      else inBatches(ring, records, batch);
      done.await();
      System.out.println("ok " + (consumer.endNs - startNs) + " " + (long) consumer.total);
      processor.halt();
      thread.join();
    }
  }

  private static void oneByOne(RingBuffer<Record> ring, int records) {
    for (int i = 0; i < records; i++) {
      long sequence = ring.next();
      fill(ring.get(sequence), i);
      ring.publish(sequence);
    }
  }

  private static void inBatches(RingBuffer<Record> ring, int records, int batch) {
    for (int i = 0; i < records; i += batch) {
      long high = ring.next(batch);
      long low = high - batch + 1;
      for (long sequence = low; sequence <= high; sequence++) fill(ring.get(sequence), i + (int) (sequence - low));
      ring.publish(low, high);
    }
  }

  private static void fill(Record r, int i) {
    r.a = i;
    r.b = i + 1;
    r.c = i + 2;
    r.d = i + 3;
    r.e = i + 4;
    r.f = i + 5;
    r.g = i + 6;
    r.h = i + 7;
  }
}
