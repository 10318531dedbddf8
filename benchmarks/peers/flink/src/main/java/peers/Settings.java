package peers;

import org.apache.flink.configuration.Configuration;

/** How Flink runs: in this process, one slot, objects re-used, state on the heap. */
final class Settings {
  private Settings() {}

  static Configuration of(int tasks) {
    String network = tasks > 50 ? "512m" : "64m";
    Configuration c = new Configuration();
    c.setString("pipeline.object-reuse", "true");
    c.setString("parallelism.default", "1");
    c.setString("taskmanager.numberOfTaskSlots", "1");
    c.setString("taskmanager.memory.network.min", network);
    c.setString("taskmanager.memory.network.max", network);
    c.setString("taskmanager.memory.managed.size", "512m");
    c.setString("rest.port", "0");
    c.setString("state.backend.type", "hashmap");
    return c;
  }

  /** The same with state in a backend, hashmap or rocksdb, and a checkpoint every second. */
  static Configuration durable(String backend, String dir) {
    Configuration c = of(1);
    c.setString("state.backend.type", backend);
    c.setString("execution.checkpointing.incremental", "true");
    c.setString("execution.checkpointing.interval", "1s");
    c.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
    c.setString("execution.checkpointing.dir", "file://" + dir);
    return c;
  }
}
